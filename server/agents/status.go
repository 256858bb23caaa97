package agents

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/binside/binside/camera"
	"github.com/binside/binside/server/pipeline"
	"github.com/binside/binside/server/relay"
	"github.com/binside/binside/server/station"
)

// AgentStatus is how a station's agent does.
type AgentStatus struct {
	StationID string `json:"station_id"`
	Online    bool   `json:"online" doc:"It has reported within the last minute"`
	// SeenAt is when it last reported; nil where it never has.
	SeenAt *time.Time `json:"seen_at,omitempty"`
	// Bundle is the newest bundle's sequence; the agent's own is in its report.
	Bundle   int64         `json:"bundle" doc:"Sequence of the newest bundle; the one in force at the station is in the report"`
	BundleAt time.Time     `json:"bundle_at"`
	Report   *relay.Report `json:"report,omitempty" doc:"Its last report"`
}

// recall reads the last reports, so that a restart forgets no agent.
func (s *Service) recall(ctx context.Context) error {
	known, err := s.deps.Store.Agents(ctx)
	if err != nil {
		return fmt.Errorf("agents: %w", err)
	}
	for _, a := range known {
		var r relay.Report
		if a.Report != "" && json.Unmarshal([]byte(a.Report), &r) == nil {
			s.seen[a.StationID] = sighting{at: a.SeenAt, report: r}
		}
	}
	return nil
}

// Report keeps an agent's report, of the station's own cameras only.
// store.ErrNotFound: it has not asked for a bundle yet.
func (s *Service) Report(ctx context.Context, stationID string, r *relay.Report) error {
	own, err := all(ctx, stationID, s.deps.Store.ListCameras)
	if err != nil {
		return fmt.Errorf("agents: report: %w", err)
	}
	maps.DeleteFunc(r.Cameras, func(id string, _ relay.CameraReport) bool {
		return !slices.ContainsFunc(own, func(c station.Camera) bool { return c.ID == id })
	})
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("agents: report: %w", err)
	}
	now := s.cfg.Now().UTC()
	if err := s.deps.Store.SaveReport(ctx, stationID, string(text), now); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[stationID] = sighting{at: now, report: *r}
	return nil
}

// Status returns how a station's agent does; store.ErrNotFound where none has
// ever asked for a bundle.
func (s *Service) Status(ctx context.Context, stationID string) (AgentStatus, error) {
	a, err := s.deps.Store.Agent(ctx, stationID)
	if err != nil {
		return AgentStatus{}, err
	}
	out := AgentStatus{StationID: stationID, Bundle: a.Sequence, BundleAt: a.MadeAt}
	if a.SeenAt.IsZero() {
		return out, nil
	}
	out.SeenAt, out.Online = &a.SeenAt, s.online(a.SeenAt)
	out.Report = new(relay.Report)
	if err := json.Unmarshal([]byte(a.Report), out.Report); err != nil {
		return out, fmt.Errorf("agents: stored report of %s: %w", stationID, err)
	}
	return out, nil
}

func (s *Service) online(at time.Time) bool { return s.cfg.Now().Sub(at) <= s.cfg.Silent }

// agentSilent and silent are what is said of the cameras of an agent that does
// not report.
const agentSilent camera.Reason = "agent-silent"

const silent = "the station's agent does not report"

// CameraStates is the state of every camera that an agent runs, by its id.
func (s *Service) CameraStates() map[string]pipeline.CameraState {
	s.mu.Lock()
	defer s.mu.Unlock()
	states := make(map[string]pipeline.CameraState)
	for _, seen := range s.seen {
		online := s.online(seen.at)
		for id, c := range seen.report.Cameras {
			state := pipeline.CameraState{
				Status: pipeline.CameraStatus(c.Status), Since: c.Since, Frames: c.Frames, Dropped: c.Dropped, Reason: c.Reason, Error: c.Error,
				Condition: c.Condition,
			}
			if c.LastFrameAt != nil {
				state.LastFrameAt = *c.LastFrameAt
			}
			if c.ConditionSince != nil {
				state.ConditionSince = *c.ConditionSince
			}
			if !online {
				state.Status, state.Since, state.Reason, state.Error = pipeline.StatusFailed, seen.at, agentSilent, silent
			}
			states[id] = state
		}
	}
	return states
}

// collector shows the agents' reports to Prometheus. A station has one agent
// and few figures, so they are named by station.
type collector struct{ service *Service }

var (
	byStation  = []string{"station"}
	descUp     = prometheus.NewDesc("binside_agent_up", "Whether the station's agent has reported within the last minute.", byStation, nil)
	descWaits  = prometheus.NewDesc("binside_agent_backlog", "Inspections that wait at the station, by its last report.", byStation, nil)
	descBytes  = prometheus.NewDesc("binside_agent_backlog_bytes", "Bytes of the pictures that wait at the station.", byStation, nil)
	descDisk   = prometheus.NewDesc("binside_agent_disk_bytes", "Bytes that the station keeps.", byStation, nil)
	descSkew   = prometheus.NewDesc("binside_agent_clock_skew_seconds", "How far the station's clock is behind the server's.", byStation, nil)
	descBundle = prometheus.NewDesc("binside_agent_bundle", "Sequence of the bundle in force at the station.", byStation, nil)
)

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descUp, descWaits, descBytes, descDisk, descSkew, descBundle} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	s := c.service
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, seen := range s.seen {
		gauge := func(d *prometheus.Desc, v float64) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, id)
		}
		up := 0.0
		if s.online(seen.at) {
			up = 1
		}
		r := &seen.report
		gauge(descUp, up)
		gauge(descWaits, float64(r.Backlog.Inspections))
		gauge(descBytes, float64(r.Backlog.Bytes))
		gauge(descDisk, float64(r.Disk.Bytes))
		gauge(descBundle, float64(r.Bundle))
		if r.SkewSeconds != nil {
			gauge(descSkew, *r.SkewSeconds)
		}
	}
}

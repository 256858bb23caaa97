package api

import (
	"context"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/store"
)

// Latency is how long a station's prompts took to its screen.
type Latency struct {
	StationID string    `json:"station_id"`
	Since     time.Time `json:"since"`
	N         int       `json:"n" doc:"Prompts that were shown in this time, of which the figures are"`
	// Cut says that there were more than are looked at: the figures are of the
	// latest.
	Cut   bool          `json:"cut" doc:"There were more; the figures are of the latest"`
	Steps []StepLatency `json:"steps" doc:"In their order, the whole last; all are there"`
}

// StepLatency is one step's. The quantiles are the smallest time that at least
// so great a share of the prompts took no longer than; 0 where n is 0.
type StepLatency struct {
	Step string  `json:"step" enum:"detect,queue,infer,decide,publish,show,whole" doc:"whole: from the last frame that shows the item, or a push's arrival, to the screen's report"`
	N    int     `json:"n" doc:"Prompts of which it is known"`
	P50  float64 `json:"p50_ms"`
	P95  float64 `json:"p95_ms"`
	P99  float64 `json:"p99_ms"`
}

func (s *Server) registerLatency() {
	handle(s, route{
		method: http.MethodGet, path: base + "/stations/{id}/latency", id: "get-latency", tag: "bin side", action: auth.Look,
		summary: "Get how long a station's prompts took from the frame to the screen, step by step",
	}, func(ctx context.Context, in *struct {
		IDPath
		Minutes int `query:"minutes" minimum:"1" maximum:"10080" default:"15" doc:"How far back"`
	}) (*struct{ Body Latency }, error) {
		if _, err := s.station(ctx, in.ID, auth.Look); err != nil {
			return nil, err
		}
		since := s.cfg.Now().UTC().Add(-time.Duration(in.Minutes) * time.Minute)
		lines, err := s.Store.TimeLines(ctx, in.ID, since)
		if err != nil {
			return nil, err
		}
		return &struct{ Body Latency }{Latency{
			StationID: in.ID, Since: since, N: len(lines), Cut: len(lines) == store.MaxTimeLines, Steps: stepLatencies(lines),
		}}, nil
	})
}

func stepLatencies(lines []inspection.TimeLine) []StepLatency {
	took := make(map[string][]float64, len(inspection.StepNames))
	for _, l := range lines {
		for step, d := range l.Durations() {
			took[step] = append(took[step], float64(d.Microseconds())/1000)
		}
	}
	out := make([]StepLatency, len(inspection.StepNames))
	for n, step := range inspection.StepNames {
		ms := took[step]
		slices.Sort(ms)
		out[n] = StepLatency{Step: step, N: len(ms), P50: quantile(ms, .5), P95: quantile(ms, .95), P99: quantile(ms, .99)}
	}
	return out
}

// quantile is the nearest rank's value of a sorted list.
func quantile(sorted []float64, p float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(0, int(math.Ceil(p*float64(len(sorted))))-1)]
}

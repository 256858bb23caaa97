package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/binside/binside/bench/service"
	"github.com/binside/binside/server/inspection"
)

// meter reads what the service says of itself before and after.
type meter struct {
	server *service.Server
	before reading
}

// reading is the state of the service at a moment.
type reading struct {
	at                time.Time
	cpu               time.Duration
	detector, dropped float64 // seconds; deposits
	evidenceLost      float64
}

func (m *meter) begin(ctx context.Context) (err error) {
	m.before, err = m.read(ctx)
	return err
}

func (m *meter) read(ctx context.Context) (r reading, err error) {
	r.at = time.Now()
	if r.cpu, err = m.server.CPU(); err != nil {
		return r, err
	}
	res, err := m.server.Do(ctx, http.MethodGet, "/metrics", "", nil)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	if res.StatusCode != http.StatusOK {
		return r, fmt.Errorf("GET /metrics: %s", res.Status)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(res.Body)
	if err != nil {
		return r, err
	}
	r.detector = sum(families["binside_detector_seconds"])
	r.dropped = sum(families["binside_deposits_dropped_total"])
	r.evidenceLost = sum(families["binside_evidence_lost_total"])
	return r, nil
}

// sum adds up a family's counters, or its histograms' sums.
func sum(f *dto.MetricFamily) (total float64) {
	for _, m := range f.GetMetric() {
		total += m.GetCounter().GetValue() + m.GetHistogram().GetSampleSum()
	}
	return total
}

// end reads everything that was recorded and compares it with what was shown.
func (m *meter) end(ctx context.Context, all sites) (f figures, err error) {
	after, err := m.read(ctx)
	if err != nil {
		return f, err
	}
	span := after.at.Sub(m.before.at).Seconds()
	f = figures{
		SecondsMeasured:   span,
		DetectorCoreShare: (after.detector - m.before.detector) / span / float64(len(all)),
		ServiceCores:      (after.cpu - m.before.cpu).Seconds() / span,
		EvidenceLost:      int(after.evidenceLost - m.before.evidenceLost),
		DepositsDropped:   int(after.dropped - m.before.dropped),
	}
	var waits waits
	for _, s := range all {
		s.screen.mu.Lock()
		err := s.screen.failed
		s.screen.mu.Unlock()
		if err != nil {
			return f, fmt.Errorf("%s: screen: %w", s.id, err)
		}
		records, err := m.inspections(ctx, s.id)
		if err != nil {
			return f, err
		}
		cam, err := m.camera(ctx, s.camera())
		if err != nil {
			return f, err
		}
		f.add(s, records, cam, &waits)
	}
	f.finish(&waits)
	return f, nil
}

// inspections are all of a station.
func (m *meter) inspections(ctx context.Context, station string) (all []inspection.Inspection, err error) {
	for cursor := ""; ; {
		var page struct {
			Items []inspection.Inspection `json:"items"`
			Next  string                  `json:"next_cursor"`
		}
		q := url.Values{"station": {station}, "limit": {"200"}}
		if cursor != "" {
			q.Set("cursor", cursor)
		}
		if err := m.get(ctx, "/api/v1/inspections?"+q.Encode(), &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if cursor = page.Next; cursor == "" {
			return all, nil
		}
	}
}

// cameraRow is what is asked of a camera.
type cameraRow struct {
	State struct {
		Frames  uint64 `json:"frames"`
		Dropped uint64 `json:"dropped"`
		Status  string `json:"status"`
	} `json:"state"`
}

func (m *meter) camera(ctx context.Context, id string) (cameraRow, error) {
	var c cameraRow
	err := m.get(ctx, "/api/v1/cameras/"+id, &c)
	return c, err
}

func (m *meter) get(ctx context.Context, path string, into any) (err error) {
	res, err := m.server.Do(ctx, http.MethodGet, path, "", nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	if res.StatusCode != http.StatusOK {
		answer, _ := io.ReadAll(io.LimitReader(res.Body, 4096))
		return fmt.Errorf("GET %s: %s: %s", path, res.Status, answer)
	}
	return json.NewDecoder(res.Body).Decode(into)
}

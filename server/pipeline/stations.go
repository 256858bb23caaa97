package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store"
)

// StationsStore is what Stations asks of the store.
type StationsStore interface {
	ListStations(ctx context.Context, f store.PlaceFilter) (page []station.Station, next string, err error)
	AuditStation(ctx context.Context, f store.AuditFilter) (store.Audit, error)
}

// StationsConfig bounds what Stations looks at; zero values take the defaults.
type StationsConfig struct {
	// Interval is the pause between two rounds (default an hour).
	Interval time.Duration
	// Window is how far back reviews count (default 180 days), and Settle how
	// long people are given for them: younger deposits are not looked at
	// (default 24 hours).
	Window, Settle time.Duration
	// Model is the running model's version.
	Model string
}

func (c StationsConfig) withDefaults() StationsConfig {
	for _, d := range []struct {
		value *time.Duration
		def   time.Duration
	}{{&c.Interval, time.Hour}, {&c.Window, 180 * 24 * time.Hour}, {&c.Settle, 24 * time.Hour}} {
		if *d.value <= 0 {
			*d.value = d.def
		}
	}
	return c
}

// Stations keeps the policy's bounds of all stations in step with what people
// reviewed there, at its start and then at an interval; see verdict.Record for
// why that is sound. Only deposits of the running model, the taxonomy and rules
// in force, and settled ones count. That a pass was kept by chance must not
// depend on what it showed: the share that is kept (evidence.pass_share) should
// not be changed more often than the window is long.
type Stations struct {
	cfg    StationsConfig
	store  StationsStore
	policy *verdict.Policy
	log    *slog.Logger

	cancel context.CancelFunc
	done   sync.WaitGroup
}

// NewStations wires the job.
func NewStations(cfg StationsConfig, st StationsStore, policy *verdict.Policy, log *slog.Logger) *Stations {
	return &Stations{cfg: cfg.withDefaults(), store: st, policy: policy, log: log}
}

// Start begins the rounds; they run until Close.
func (s *Stations) Start(ctx context.Context) {
	ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.done.Go(func() {
		for {
			if err := s.Round(ctx, time.Now()); err != nil && ctx.Err() == nil {
				s.log.Warn("stations' bounds: round failed", "error", err)
			}
			if !sleep(ctx, s.cfg.Interval) {
				return
			}
		}
	})
}

// Close ends the rounds and waits for the running one to stop.
func (s *Stations) Close() {
	if s.cancel != nil {
		s.cancel()
	}
	s.done.Wait()
}

// Round looks at every station once. It goes on after a station whose records
// cannot be read, whose bounds stay as they are, and returns those errors
// together.
func (s *Stations) Round(ctx context.Context, now time.Time) error {
	var failed []error
	for after := ""; ; {
		page, next, err := s.store.ListStations(ctx, store.PlaceFilter{After: after, Limit: store.MaxPage})
		if err != nil {
			return errors.Join(append(failed, fmt.Errorf("pipeline: stations: %w", err))...)
		}
		for i := range page {
			if err := s.look(ctx, page[i].ID, now); err != nil {
				failed = append(failed, fmt.Errorf("pipeline: reviews of station %q: %w", page[i].ID, err))
			}
		}
		if next == "" || ctx.Err() != nil {
			return errors.Join(failed...)
		}
		after = next
	}
}

func (s *Stations) look(ctx context.Context, id string, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tax := s.policy.Taxonomy()
	audit, err := s.store.AuditStation(ctx, store.AuditFilter{
		StationID: id, Model: s.cfg.Model, Taxonomy: tax.Version, HarmVersion: tax.Harm.Version, Version: verdict.RuleVersion,
		From: now.Add(-s.cfg.Window), To: now.Add(-s.cfg.Settle),
	})
	if err != nil {
		return err
	}
	if len(audit.Shown) == 0 {
		return s.policy.SetStation(id, nil)
	}
	return s.policy.SetStation(id, recordOf(&audit))
}

// recordOf sums up what people saw and said.
func recordOf(a *store.Audit) *verdict.Record {
	r := &verdict.Record{Passes: a.Passes}
	for i := range a.Shown {
		d := &a.Shown[i]
		right := slices.Contains(d.Accepts, d.Truth)
		if d.Verdict == verdict.Pass {
			r.Drawn++
			if right {
				r.DrawnRight++
			}
			continue
		}
		r.Flagged++
		switch {
		case right:
			r.FlaggedRight++
			if couldBeTold(d) {
				r.Scores = append(r.Scores, d.Score)
			}
		case d.Truth == "" && couldBeTold(d):
			r.Open = append(r.Open, d.Score)
		}
	}
	return r
}

// couldBeTold reports whether some threshold of the score would have told the
// deposit; see verdict.Policy.
func couldBeTold(d *store.Audited) bool {
	var accepted float64
	for _, id := range d.Accepts {
		accepted += d.Categories[id]
	}
	return d.Reason != verdict.ReasonStrange && d.Score >= 1 && !slices.Contains(d.Accepts, d.Category) && d.Confidence > accepted
}

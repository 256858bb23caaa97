package correction

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/store"
)

const (
	// maxRemovals bounds what waits to be looked at: a station sees a few a
	// minute.
	maxRemovals = 64
	// maxDenied bounds the deposits that are remembered as none; they are asked
	// for within seconds.
	maxDenied = 256
)

// Removed tells the service that something was taken out of a bin. It never
// waits: what finds too much waiting is counted and dropped.
func (s *Service) Removed(r inspection.Removal) {
	select {
	case s.removals <- r:
	default:
		s.taken.WithLabelValues("dropped").Inc()
	}
}

// remove looks at one removal.
func (s *Service) remove(ctx context.Context, r inspection.Removal) {
	if r.Denies != "" {
		s.denied.Add(r.Denies, struct{}{})
		s.withdraw(ctx, r.Denies)
	}
	p := s.pick(func(p *inspection.Inspection) bool {
		return p.StationID == r.StationID && p.BinID == r.BinID && p.Prompt.RemovedAt == nil && p.CapturedAt.Before(r.Since)
	}, func(a, b *inspection.Inspection) bool { return a.CapturedAt.After(b.CapturedAt) })
	if p == nil {
		s.taken.WithLabelValues("none").Inc()
		return
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	now := time.Now().UTC().Truncate(time.Microsecond)
	until := p.Prompt.Until
	if least := now.Add(s.cfg.Load().Grace); until.Before(least) {
		until = least
	}
	noted, err := s.deps.Store.RemovePrompt(ctx, p.ID, now, until)
	if err != nil {
		if !errors.Is(err, store.ErrConflict) { // else it has ended meanwhile
			s.taken.WithLabelValues("error").Inc()
			s.deps.Logger.Error("a removal was not stored", "deposit", p.ID, "error", err)
		}
		return
	}
	s.taken.WithLabelValues("noted").Inc()
	s.remember(noted)
	s.deps.Changed(noted)
}

// withdraw ends the prompt of a deposit that was none, where one is open.
func (s *Service) withdraw(ctx context.Context, id string) {
	s.mu.Lock()
	_, open := s.open[id]
	s.mu.Unlock()
	if !open {
		return
	}
	if _, err := s.end(ctx, id, inspection.PromptWithdrawn, inspection.MeansDenied, ""); err != nil && !errors.Is(err, store.ErrConflict) {
		s.deps.Logger.Error("a prompt was not withdrawn", "deposit", id, "error", err)
	}
}

// match ends the prompt of the station whose item this one may be: of the same
// category, thrown later, into another bin, which takes it.
func (s *Service) match(ctx context.Context, i *inspection.Inspection) {
	if !slices.Contains(i.Accepts, i.Category) {
		return // it passed because little harm is to be expected
	}
	p := s.pick(func(p *inspection.Inspection) bool {
		return p.StationID == i.StationID && p.BinID != i.BinID && p.Category == i.Category && i.CapturedAt.After(p.CapturedAt) &&
			(i.Verdict == verdict.Pass || p.Prompt.RemovedAt != nil)
	}, func(a, b *inspection.Inspection) bool {
		if taken := a.Prompt.RemovedAt != nil; taken != (b.Prompt.RemovedAt != nil) {
			return taken
		}
		return a.CapturedAt.Before(b.CapturedAt)
	})
	if p == nil {
		return
	}
	if _, err := s.end(ctx, p.ID, inspection.PromptCorrected, inspection.MeansItem, ""); err != nil && !errors.Is(err, store.ErrConflict) {
		s.deps.Logger.Error("a correction was not stored", "deposit", p.ID, "error", err)
	}
}

// pick returns the first by an order of the open prompts that fit, nil where
// none does.
func (s *Service) pick(fits func(*inspection.Inspection) bool, before func(a, b *inspection.Inspection) bool) *inspection.Inspection {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found *inspection.Inspection
	for _, p := range s.open {
		if fits(p) && (found == nil || before(p, found)) {
			found = p
		}
	}
	return found
}

package correction

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/notify"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store"
)

// Store is what the service asks of the records; see server/store.
type Store interface {
	GetStation(ctx context.Context, id string) (station.Station, error)
	OpenPrompt(ctx context.Context, i *inspection.Inspection, p inspection.Prompt) (opened bool, err error)
	EndPrompt(ctx context.Context, id string, state inspection.PromptState, means, receipt string, at time.Time) (*inspection.Inspection, error)
	OpenPrompts(ctx context.Context, stationID string) ([]*inspection.Inspection, error)
	CountPrompts(ctx context.Context, stationID string, since time.Time) (int64, error)
	RemovePrompt(ctx context.Context, id string, at, until time.Time) (*inspection.Inspection, error)
}

// Hub tells of stored inspections; see notify.Hub.
type Hub interface {
	Subscribe(ctx context.Context, keep func(*inspection.Inspection) bool) (*notify.Subscription, error)
}

// Deps is what the service works with; all are needed but Registerer.
type Deps struct {
	Store Store
	Hub   Hub
	// Changed is told of every inspection whose prompt was opened or has ended.
	Changed    func(*inspection.Inspection)
	Registerer prometheus.Registerer
	Logger     *slog.Logger
}

// storeTimeout bounds one question to the records.
const storeTimeout = 10 * time.Second

// tick is how often the service looks for windows that have passed.
const tick = 200 * time.Millisecond

// Service opens and ends prompts. Its methods may be called from any goroutine.
type Service struct {
	cfg    atomic.Pointer[Config]
	deps   Deps
	cancel context.CancelFunc
	done   sync.WaitGroup
	sub    *notify.Subscription

	removals chan inspection.Removal
	// denied are deposits that were none, before it is known whether they are
	// told.
	denied *lru.Cache[string, struct{}]

	mu   sync.Mutex
	open map[string]*inspection.Inspection // by id
	// resting: the records do not answer; windows are not ended before then.
	resting time.Time // run's alone

	opened *prometheus.CounterVec // by what became of it
	ended  *prometheus.CounterVec // by state
	taken  *prometheus.CounterVec // removals, by what became of them
}

// New makes a service that does nothing until Start.
func New(cfg Config, deps Deps) *Service {
	denied, err := lru.New[string, struct{}](maxDenied)
	if err != nil {
		panic(err) // only for a size below 1, and this one is a constant
	}
	s := &Service{
		deps: deps, open: make(map[string]*inspection.Inspection),
		removals: make(chan inspection.Removal, maxRemovals), denied: denied,
		opened: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "binside_prompts_total", Help: "Misdeposits, by whether the bin side was told: shown, or why not."}, []string{"outcome"}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "binside_prompts_ended_total", Help: "Prompts that have ended, by how."}, []string{"state"}),
		taken: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "binside_prompt_removals_total", Help: "Things taken out of bins, by what they meant: noted at a prompt, none open, dropped, error."}, []string{"outcome"}),
	}
	s.Configure(cfg)
	if deps.Registerer != nil {
		deps.Registerer.MustRegister(s.opened, s.ended, s.taken)
	}
	return s
}

// Configure puts other settings in force for every prompt from now on.
func (s *Service) Configure(cfg Config) {
	cfg = cfg.withDefaults()
	s.cfg.Store(&cfg)
}

// Start takes up the prompts that were open when the service stopped, and every
// misdeposit from now on, until Close.
func (s *Service) Start(ctx context.Context) error {
	items, err := s.deps.Store.OpenPrompts(ctx, "")
	if err != nil {
		return fmt.Errorf("correction: %w", err)
	}
	for _, i := range items {
		if i.Relay == nil {
			s.open[i.ID] = i
		}
	}
	ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if s.sub, err = s.deps.Hub.Subscribe(ctx, nil); err != nil {
		s.cancel()
		return fmt.Errorf("correction: %w", err)
	}
	s.done.Go(func() { s.run(ctx) })
	return nil
}

// Close stops and waits. Open prompts stay open in the records.
func (s *Service) Close() {
	if s.cancel == nil {
		return
	}
	s.cancel()
	s.done.Wait()
	s.sub.Close()
}

func (s *Service) run(ctx context.Context) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-s.sub.Events():
			if !ok {
				return
			}
			if e.Inspection == nil {
				// Whatever was missed is too old to be told.
				s.deps.Logger.Warn("misdeposits were not told: too many at once")
				continue
			}
			s.take(ctx, e.Inspection)
		case r := <-s.removals:
			s.remove(ctx, r)
		case <-ticker.C:
			s.expire(ctx)
		}
	}
}

// take looks at one stored inspection.
func (s *Service) take(ctx context.Context, i *inspection.Inspection) {
	switch {
	case i.Relay != nil: // told, and ended, at the station
	case i.Prompt != nil: // another server's doing
		s.remember(i)
		if s.denied.Contains(i.ID) {
			s.withdraw(ctx, i.ID)
		}
	case i.Verdict == verdict.Tell:
		s.tell(ctx, i)
	case i.Verdict == verdict.Pass, i.Verdict == verdict.Check:
		s.match(ctx, i)
	}
}

func (s *Service) remember(i *inspection.Inspection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i.Prompt.State == inspection.PromptOpen {
		s.open[i.ID] = i
	} else {
		delete(s.open, i.ID)
	}
}

// tell opens a prompt, or notes why it is withheld.
func (s *Service) tell(ctx context.Context, i *inspection.Inspection) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	now := time.Now().UTC().Truncate(time.Microsecond)
	p := inspection.Prompt{State: inspection.PromptOpen, OpenedAt: now, Steps: i.Steps}
	cfg, why, err := s.withhold(ctx, i, now)
	p.Until = now.Add(cfg.Window)
	if why != "" {
		p.State, p.Means, p.Until, p.EndedAt = inspection.PromptWithheld, why, now, &now
	}
	var opened bool
	if err == nil {
		opened, err = s.deps.Store.OpenPrompt(ctx, i, p)
	}
	if err != nil {
		s.deps.Logger.Error("a misdeposit was not told", "deposit", i.ID, "error", err)
		s.opened.WithLabelValues("error").Inc()
		return
	}
	if !opened {
		return // told before, or by another server
	}
	told := *i
	told.Prompt = &p
	s.remember(&told)
	outcome := why
	if outcome == "" {
		outcome = "shown"
	}
	s.opened.WithLabelValues(outcome).Inc()
	s.deps.Changed(&told)
}

// withhold returns the station's configuration, and the reason for which
// nothing is said there.
func (s *Service) withhold(ctx context.Context, i *inspection.Inspection, now time.Time) (cfg Config, why string, err error) {
	cfg = *s.cfg.Load()
	switch {
	case s.denied.Contains(i.ID):
		return cfg, inspection.MeansDenied, nil
	case now.Sub(i.ReceivedAt) > cfg.Stale:
		return cfg, inspection.MeansStale, nil
	}
	st, err := s.deps.Store.GetStation(ctx, i.StationID)
	if err != nil {
		return cfg, "", err
	}
	if cfg, err = cfg.at(st.Prompts); err != nil {
		return cfg, "", err
	}
	if quiet, err := cfg.quiet(st.TimeZone, now); err != nil || quiet {
		return cfg, inspection.MeansQuiet, err
	}
	if cfg.Budget < 0 {
		return cfg, "", nil
	}
	n, err := s.deps.Store.CountPrompts(ctx, i.StationID, now.Add(-cfg.BudgetSpan))
	if err == nil && n >= int64(cfg.Budget) {
		return cfg, inspection.MeansBudget, nil
	}
	return cfg, "", err
}

// MayThank reports whether the residents may be thanked for a deposit, which is
// not stored: nothing is said in quiet hours, nor of what was long ago.
func (s *Service) MayThank(ctx context.Context, i *inspection.Inspection) bool {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	now, cfg := time.Now(), *s.cfg.Load()
	if now.Sub(i.ReceivedAt) > cfg.Stale {
		return false
	}
	st, err := s.deps.Store.GetStation(ctx, i.StationID)
	if err == nil {
		cfg, err = cfg.at(st.Prompts)
	}
	quiet := false
	if err == nil {
		quiet, err = cfg.quiet(st.TimeZone, now)
	}
	if err != nil {
		s.deps.Logger.Warn("nobody was thanked", "deposit", i.ID, "error", err)
	}
	return err == nil && !quiet
}

// expire ends the prompts whose window has passed.
func (s *Service) expire(ctx context.Context) {
	now := time.Now()
	if now.Before(s.resting) {
		return
	}
	var passed []string
	s.mu.Lock()
	for id, p := range s.open {
		if !now.Before(p.Prompt.Until) {
			passed = append(passed, id)
		}
	}
	s.mu.Unlock()
	for _, id := range passed {
		if _, err := s.end(ctx, id, inspection.PromptUncorrected, "", ""); err != nil && !errors.Is(err, store.ErrConflict) {
			s.deps.Logger.Error("the end of a prompt was not stored; it will be tried again", "deposit", id, "error", err)
			s.resting = now.Add(5 * time.Second)
			return
		}
	}
}

// Correct notes that the resident says to have put it right. store.ErrNotFound:
// there was no such prompt. store.ErrConflict: it has ended.
func (s *Service) Correct(ctx context.Context, id string) (*inspection.Inspection, error) {
	return s.end(ctx, id, inspection.PromptCorrected, inspection.MeansButton, "")
}

// Appeal notes that the resident objects; the prompt's receipt is the code for
// asking later. Errors as Correct's.
func (s *Service) Appeal(ctx context.Context, id string) (*inspection.Inspection, error) {
	return s.end(ctx, id, inspection.PromptAppealed, "", receipt())
}

func (s *Service) end(ctx context.Context, id string, state inspection.PromptState, means, receipt string) (*inspection.Inspection, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	i, err := s.deps.Store.EndPrompt(ctx, id, state, means, receipt, time.Now().UTC().Truncate(time.Microsecond))
	if err != nil {
		if errors.Is(err, store.ErrConflict) { // another was quicker, here or elsewhere
			s.mu.Lock()
			delete(s.open, id)
			s.mu.Unlock()
		}
		return nil, err
	}
	s.remember(i)
	s.ended.WithLabelValues(string(state)).Inc()
	s.deps.Changed(i)
	return i, nil
}

// letters are Crockford's base 32: nothing in it is mistaken for another when
// it is read aloud or copied by hand.
const letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// receipt is a code of 40 random bits, such as 7K4M-92TX.
func receipt() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	for i := range b {
		b[i] = letters[b[i]%32]
	}
	return string(b[:4]) + "-" + string(b[4:])
}

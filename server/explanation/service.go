package explanation

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/vision/codec"
)

// Why there is no heat map.
var (
	// ErrBusy says that as many heat maps are being made as may be. Trying
	// again later helps.
	ErrBusy = errors.New("explanation: as many heat maps are being made as may be")
	// ErrEvidenceGone says that no picture was kept, or none is any more.
	ErrEvidenceGone = errors.New("explanation: no picture of the deposit is kept")
	// ErrNoCategory says that the record names no category of the taxonomy in
	// force.
	ErrNoCategory = errors.New("explanation: the record names no category that could be explained")
	// ErrClosed says that the service is stopping.
	ErrClosed = errors.New("explanation: the service is stopping")
)

// Objects is where the evidence lies; see server/store/object.
type Objects interface {
	Get(ctx context.Context, key string) ([]byte, error)
}

// Deps are the parts that a Service works with; all are needed but Registerer.
type Deps struct {
	Objects Objects
	// Reader reads the evidence.
	Reader     codec.Reader
	Classifier models.Classifier
	// ModelVersion is the version of the model in force.
	ModelVersion func() string
	// Taxonomy is the table in force.
	Taxonomy   func() *taxonomy.Taxonomy
	Registerer prometheus.Registerer
}

// Config bounds the work; zero values take the defaults.
type Config struct {
	// MaxRunning is how many heat maps are made at once (default 1).
	MaxRunning int
	// Keep is how many are kept in memory (default 64, some tens of kilobytes
	// each).
	Keep int
	// Timeout bounds the making of one (default 30 s: a second or two, and ten
	// on a machine that is busy with other things).
	Timeout time.Duration
}

func (c Config) withDefaults() Config {
	if c.MaxRunning <= 0 {
		c.MaxRunning = 1
	}
	if c.Keep <= 0 {
		c.Keep = 64
	}
	if c.Timeout <= 0 {
		c.Timeout = 30 * time.Second
	}
	return c
}

// Service makes heat maps. It is safe for concurrent use.
type Service struct {
	cfg     Config
	deps    Deps
	metrics *metrics
	kept    *lru.Cache[key, *HeatMap]

	mu      sync.Mutex // guards all below
	flights map[key]*flight
	running int // goroutines, those included that nobody waits for any more
	closed  bool
	work    sync.WaitGroup
}

// key names a heat map: another model or taxonomy would draw another.
type key struct{ inspection, model, taxonomy string }

// flight is a heat map in the making, shared by all who wait for it.
type flight struct {
	cancel      context.CancelFunc
	waiters     int // guarded by the service's mu
	done, total atomic.Int64
	ended       chan struct{}
	heat        *HeatMap // these two once ended is closed
	err         error
}

// New wires a service; Close ends it.
func New(cfg Config, deps Deps) (*Service, error) {
	cfg = cfg.withDefaults()
	kept, err := lru.New[key, *HeatMap](cfg.Keep)
	if err != nil {
		return nil, err
	}
	return &Service{cfg: cfg, deps: deps, metrics: newMetrics(deps.Registerer), kept: kept, flights: make(map[key]*flight)}, nil
}

// Close ends what is being made and waits for it; whoever waits gets an error.
func (s *Service) Close() {
	s.mu.Lock()
	s.closed = true
	for _, f := range s.flights {
		f.cancel()
	}
	s.mu.Unlock()
	s.work.Wait()
}

// HeatMap returns the inspection's heat map by the model in force: the kept
// one, or one that is made while the caller waits. When the last caller's ctx
// ends, the making does, too. The error is one of this package's, the
// context's, the classifier's or the object store's.
func (s *Service) HeatMap(ctx context.Context, i *inspection.Inspection) (*HeatMap, error) {
	e, err := s.explainable(i)
	if err != nil {
		return nil, err
	}
	k := s.key(i)
	f, h, err := s.join(ctx, k, i, e)
	if err != nil || h != nil {
		return h, err
	}
	defer s.leave(k, f)
	select {
	case <-f.ended:
		return f.heat, f.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *Service) key(i *inspection.Inspection) key {
	return key{inspection: i.ID, model: s.deps.ModelVersion(), taxonomy: s.deps.Taxonomy().Ref()}
}

// join returns the kept heat map, or else takes part in the flight that there
// is, or begins one.
func (s *Service) join(ctx context.Context, k key, i *inspection.Inspection, e *inspection.Evidence) (*flight, *HeatMap, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h, ok := s.kept.Get(k); ok {
		return nil, h, nil
	}
	if f := s.flights[k]; f != nil {
		f.waiters++
		return f, nil, nil
	}
	switch {
	case s.closed:
		return nil, nil, ErrClosed
	case s.running >= s.cfg.MaxRunning:
		s.metrics.count("busy")
		return nil, nil, ErrBusy
	}
	// No single caller's end ends it for the others.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Timeout)
	f := &flight{cancel: cancel, waiters: 1, ended: make(chan struct{})}
	s.flights[k] = f
	s.running++
	s.work.Go(func() {
		defer cancel()
		began := time.Now()
		f.heat, f.err = s.make(ctx, i, e, f.step)
		s.metrics.made(time.Since(began), f.err)
		s.land(k, f)
	})
	return f, nil, nil
}

func (f *flight) step(done, total int) {
	f.total.Store(int64(total))
	f.done.Store(int64(done))
}

// leave is a caller's end; the last one's ends the flight.
func (s *Service) leave(k key, f *flight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.waiters--; f.waiters > 0 {
		return
	}
	f.cancel()
	if s.flights[k] == f { // nobody joins what has been given up
		delete(s.flights, k)
	}
}

// land keeps what was made, and only then lets go of the flight, so that no
// caller finds neither.
func (s *Service) land(k key, f *flight) {
	if f.err == nil {
		// The model may have been swapped just before it was asked.
		k := k
		k.model = f.heat.ModelVersion
		s.kept.Add(k, f.heat)
	}
	s.mu.Lock()
	s.running--
	if s.flights[k] == f {
		delete(s.flights, k)
	}
	s.mu.Unlock()
	close(f.ended)
}

// State is how far an inspection's heat map is.
type State string

// The states of a heat map.
const (
	// Absent can be made.
	Absent State = "absent"
	// Running is being made.
	Running State = "running"
	// Made lies in memory.
	Made State = "ready"
	// Unavailable cannot be made; the error says why.
	Unavailable State = "unavailable"
)

// Status is a State with its details.
type Status struct {
	State State
	// Model is the version of the model that the map is, or would be, of.
	Model string
	// Done of Total inferences, while Running; Total is 0 before the first.
	Done, Total int
	// Map where it is Made.
	Map *HeatMap
	// Err where it is Unavailable: ErrEvidenceGone or ErrNoCategory.
	Err error
}

// Status says how far the inspection's heat map is, and makes none.
func (s *Service) Status(i *inspection.Inspection) Status {
	k := s.key(i)
	out := Status{State: Absent, Model: k.model}
	if _, err := s.explainable(i); err != nil {
		out.State, out.Err = Unavailable, err
		return out
	}
	s.mu.Lock()
	f := s.flights[k]
	s.mu.Unlock()
	if f != nil {
		out.State, out.Done, out.Total = Running, int(f.done.Load()), int(f.total.Load())
		return out
	}
	if h, ok := s.kept.Get(k); ok {
		out.State, out.Map = Made, h
	}
	return out
}

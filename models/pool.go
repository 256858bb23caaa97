package models

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The defaults of Options.
const (
	DefaultQueue = 64
	// DefaultMaxBatch is 1: on a CPU, batching gains next to nothing, and what
	// is batched waits for the slowest.
	DefaultMaxBatch = 1
	maxBatch        = 64
)

// Options are a Pool's settings; zero values stand for the defaults.
type Options struct {
	// Workers run one inference each; default: one a core that the process may
	// use.
	Workers int
	// Queue is how many deposits may wait for a worker; default DefaultQueue.
	Queue int
	// MaxBatch is how many pictures one run takes at most: what is queued is
	// taken greedily, nothing waits for a batch to fill. Default
	// DefaultMaxBatch, at most 64.
	MaxBatch int
	// Registerer takes the pool's metrics; nil keeps them unregistered.
	Registerer prometheus.Registerer
	// Logger hears of failed runs and swaps; nil is slog.Default().
	Logger *slog.Logger
}

func (o Options) withDefaults() (Options, error) {
	set := func(field string, v *int, def, high int) error {
		if *v == 0 {
			*v = def
		}
		if *v < 1 || *v > high {
			return fmt.Errorf("models: %s is %d, allowed is 1 to %d", field, *v, high)
		}
		return nil
	}
	err := errors.Join(
		set("workers", &o.Workers, runtime.GOMAXPROCS(0), 1024),
		set("queue length", &o.Queue, DefaultQueue, 1<<16),
		set("max batch", &o.MaxBatch, DefaultMaxBatch, maxBatch))
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o, err
}

// Pool runs a network under bounded admission. It is a Classifier.
//
// A fixed number of workers, each on one thread with buffers of its own, take
// deposits from one bounded queue. A full queue refuses at once (ErrBusy); a
// deposit whose context is done before a worker is free is dropped unseen
// (ErrDeadline). Pictures are turned into tensors by the worker's runner,
// straight into its input buffer: that costs a fiftieth of the inference,
// nothing is copied, and the work is bounded by the workers however many
// callers wait.
type Pool struct {
	opts    Options
	metrics *metrics

	mu     sync.RWMutex // guards closed, and queue against being closed
	closed bool
	queue  chan *job

	// current is what workers change to before their next batch.
	current  atomic.Pointer[generation]
	swapping sync.Mutex
	workers  sync.WaitGroup
	counts   counts
}

type counts struct {
	running                                   atomic.Int64
	done, busy, deadline, closed, bad, failed atomic.Uint64
}

var _ Classifier = (*Pool)(nil)

// NewPool starts the workers and returns when each has run the network once
// at every batch size's extreme, so that the first deposit is as fast as the
// hundredth. The pool owns the network from then on, also when NewPool fails,
// and closes it when it is closed or the network is swapped for another.
func NewPool(ctx context.Context, network Network, opts Options) (*Pool, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, errors.Join(err, network.Close())
	}
	p := &Pool{opts: opts, queue: make(chan *job, opts.Queue)}
	gen := newGeneration(network)
	runners, err := gen.warm(ctx, opts.Workers, opts.MaxBatch)
	if err != nil {
		return nil, errors.Join(err, gen.release())
	}
	if p.metrics, err = newMetrics(p, opts.Registerer); err != nil {
		return nil, errors.Join(err, closeAll(runners), gen.release())
	}
	p.current.Store(gen)
	p.metrics.model.WithLabelValues(gen.card.Version).Set(1)
	for _, r := range runners {
		w := &worker{pool: p, runner: r}
		p.workers.Go(w.run)
	}
	return p, nil
}

// Card is the card of the network that runs now.
func (p *Pool) Card() *Card { return p.current.Load().card }

// Classify waits for a worker and for its answer. A context that ends while
// the deposit waits gives ErrDeadline at once; one that ends while a worker is
// at it does not: the answer is milliseconds away and is returned. The error
// is one of ErrInvalid, ErrBusy, ErrDeadline, ErrClosed, or the network's.
func (p *Pool) Classify(ctx context.Context, views []View) (Prediction, error) {
	if err := validViews(views); err != nil {
		p.refuse("invalid", &p.counts.bad)
		return Prediction{}, err
	}
	if err := ctx.Err(); err != nil {
		p.refuse("deadline", &p.counts.deadline)
		return Prediction{}, fmt.Errorf("%w: %w", ErrDeadline, err)
	}
	j := &job{ctx: ctx, views: views, queued: time.Now(), done: make(chan struct{})}
	if err := p.admit(j); err != nil {
		return Prediction{}, err
	}
	select {
	case <-j.done:
	case <-ctx.Done():
		if j.abandon() {
			p.refuse("deadline", &p.counts.deadline)
			return Prediction{}, fmt.Errorf("%w: %w", ErrDeadline, ctx.Err())
		}
		<-j.done // a worker reads the pictures
	}
	return j.prediction, j.err
}

func (p *Pool) admit(j *job) error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.closed {
		p.refuse("closed", &p.counts.closed)
		return ErrClosed
	}
	select {
	case p.queue <- j:
		return nil
	default:
		p.refuse("busy", &p.counts.busy)
		return fmt.Errorf("%w: %d deposits wait", ErrBusy, p.opts.Queue)
	}
}

func (p *Pool) refuse(reason string, n *atomic.Uint64) {
	n.Add(1)
	p.metrics.refused.WithLabelValues(reason).Inc()
}

// Stats is a snapshot of a pool.
type Stats struct {
	Workers, Queue, MaxBatch int
	// Queued wait for a worker now, Running are at one.
	Queued, Running int
	// Done were classified, Failed met an error of the network; the others
	// were refused, by reason.
	Done, Failed, Busy, Deadline, Closed, Invalid uint64
}

// Stats returns a snapshot; its figures are each right, but not taken at one
// instant.
func (p *Pool) Stats() Stats {
	c := &p.counts
	return Stats{
		Workers: p.opts.Workers, Queue: p.opts.Queue, MaxBatch: p.opts.MaxBatch,
		Queued: len(p.queue), Running: int(c.running.Load()),
		Done: c.done.Load(), Failed: c.failed.Load(), Busy: c.busy.Load(),
		Deadline: c.deadline.Load(), Closed: c.closed.Load(), Invalid: c.bad.Load(),
	}
}

// Close refuses new deposits, lets the queued ones finish, waits for the
// workers and closes the network. A second Close does nothing.
func (p *Pool) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		p.workers.Wait()
		return nil
	}
	p.closed = true
	close(p.queue)
	p.mu.Unlock()
	p.workers.Wait()
	p.swapping.Lock() // a Swap that began before has ended
	defer p.swapping.Unlock()
	p.metrics.unregister()
	gen := p.current.Load()
	return errors.Join(closeAll(gen.takeAllWarm()), gen.release())
}

package models

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// generation is one network in a pool's life, counted by those who use it:
// the pool itself while it is the current one, and each runner. The last to
// let go closes the network, so a swap never pulls it from under a run.
type generation struct {
	network Network
	card    *Card
	// superseded is closed when another network takes over: idle workers
	// must hear of it, or they would hold the old one.
	superseded chan struct{}

	mu   sync.Mutex
	refs int
	// warmed are runners that wait for a worker to change to them.
	warmed []*genRunner
}

type genRunner struct {
	Runner
	gen *generation
}

// newGeneration returns a generation with one reference, the caller's.
func newGeneration(n Network) *generation {
	card := n.Card()
	return &generation{network: n, card: card, superseded: make(chan struct{}), refs: 1}
}

func (g *generation) retain() {
	g.mu.Lock()
	g.refs++
	g.mu.Unlock()
}

func (g *generation) release() error {
	g.mu.Lock()
	g.refs--
	last := g.refs == 0
	g.mu.Unlock()
	if !last {
		return nil
	}
	return g.network.Close()
}

func (r *genRunner) close() error { return errors.Join(r.Close(), r.gen.release()) }

func closeAll(runners []*genRunner) error {
	var err error
	for _, r := range runners {
		err = errors.Join(err, r.close())
	}
	return err
}

// warm makes n runners and runs each with one picture and with a full batch,
// so that memory is grown and kernels are chosen before the first deposit.
func (g *generation) warm(ctx context.Context, n, maxBatch int) (runners []*genRunner, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, closeAll(runners))
			runners = nil
		}
	}()
	for range n {
		if err := ctx.Err(); err != nil {
			return runners, fmt.Errorf("models: warm-up: %w", err)
		}
		r, err := g.network.NewRunner(maxBatch)
		if err != nil {
			return runners, fmt.Errorf("models: warm-up: %w", err)
		}
		g.retain()
		runners = append(runners, &genRunner{Runner: r, gen: g})
		for _, batch := range []int{1, maxBatch} {
			out, err := r.Run(batch)
			if err == nil {
				err = out.check(g.card, batch)
			}
			if err != nil {
				return runners, fmt.Errorf("models: warm-up: %w", err)
			}
		}
	}
	return runners, nil
}

// takeWarm hands a worker its runner of the current generation; nil where
// none is left.
func (p *Pool) takeWarm() *genRunner {
	g := p.current.Load()
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.warmed) == 0 {
		return nil
	}
	r := g.warmed[len(g.warmed)-1]
	g.warmed = g.warmed[:len(g.warmed)-1]
	return r
}

func (g *generation) takeAllWarm() []*genRunner {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := g.warmed
	g.warmed = nil
	return all
}

// Swap changes to another network without a pause: the new one is warmed
// beside the old, then each worker changes before its next deposit, and the
// old network is closed when the last worker has left it. Deposits that a
// worker has claimed are answered by the network they began with. As with
// NewPool, the pool owns the network, also when Swap fails; the old one then
// stays.
func (p *Pool) Swap(ctx context.Context, network Network) error {
	p.swapping.Lock()
	defer p.swapping.Unlock()
	next := newGeneration(network)
	runners, err := next.warm(ctx, p.opts.Workers, p.opts.MaxBatch)
	if err != nil {
		return errors.Join(err, next.release())
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.closed {
		return errors.Join(ErrClosed, closeAll(runners), next.release())
	}
	next.warmed = runners
	old := p.current.Swap(next)
	close(old.superseded)
	p.metrics.model.DeleteLabelValues(old.card.Version)
	p.metrics.model.WithLabelValues(next.card.Version).Set(1)
	p.opts.Logger.Info("the model was swapped", "from", old.card.Version, "to", next.card.Version)
	// Runners that no worker came to fetch since the last swap.
	return errors.Join(closeAll(old.takeAllWarm()), old.release())
}

package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/queue"
)

// outbox holds the deposits of all cameras until the queue has them: a camera
// cannot be asked to send again. It is bounded; what comes while it is full is
// dropped, counted and logged.
type outbox struct {
	queue    Publisher
	prepared *Prepared
	metrics  *Metrics
	log      *slog.Logger

	pending chan inspection.Deposit
	quit    chan struct{} // closed when what is left must be given up
	once    sync.Once
	done    sync.WaitGroup
}

func newOutbox(q Publisher, prepared *Prepared, size int, m *Metrics, log *slog.Logger) *outbox {
	o := &outbox{
		queue: q, prepared: prepared, metrics: m, log: log,
		pending: make(chan inspection.Deposit, size), quit: make(chan struct{}),
	}
	o.done.Go(o.run)
	return o
}

// add takes a deposit without waiting; false: there was no room. It must not be
// called after close.
func (o *outbox) add(d inspection.Deposit) bool {
	select {
	case o.pending <- d:
		return true
	default:
		o.drop(&d, "outbox-full", nil)
		return false
	}
}

// close publishes what is pending until ctx ends, drops the rest and waits.
func (o *outbox) close(ctx context.Context) {
	o.once.Do(func() {
		close(o.pending)
		stop := context.AfterFunc(ctx, func() { close(o.quit) })
		defer stop()
		o.done.Wait()
	})
}

func (o *outbox) run() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	o.done.Go(func() {
		select {
		case <-o.quit:
			cancel()
		case <-ctx.Done():
		}
	})
	for d := range o.pending {
		o.publish(ctx, d)
	}
}

// publish tries until the queue has the deposit, refuses it for good, or the
// outbox is given up.
func (o *outbox) publish(ctx context.Context, d inspection.Deposit) {
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		err := o.queue.Publish(ctx, d)
		switch {
		case err == nil:
			o.metrics.accepted.WithLabelValues(string(inspection.FromStream)).Inc()
			return
		case errors.Is(err, queue.ErrTooLarge), errors.Is(err, queue.ErrClosed):
			o.drop(&d, queue.Reason(err), err)
			return
		}
		o.metrics.outboxRetries.Inc()
		o.log.Debug("a camera's deposit waits for the queue", "deposit", d.ID, "error", err, "pause", pause)
		if !sleep(ctx, pause) {
			o.drop(&d, "shutdown", err)
			return
		}
	}
}

func (o *outbox) drop(d *inspection.Deposit, reason string, err error) {
	o.prepared.Take(d.ID)
	o.metrics.depositDropped.WithLabelValues(reason).Inc()
	o.log.Error("a camera's deposit was dropped", "deposit", d.ID, "camera", d.CameraID, "bin", d.BinID, "reason", reason, "error", err)
}

package queue

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/binside/binside/server/inspection"
)

// crashFactor times MaxAttempts is how often a deposit may be handed out in
// all. Fewer deliveries than that can be restarts in mid-work; more mean that
// it takes the process down, and then it must not be tried again.
const crashFactor = 4

// drainWait is how long a worker that ends looks for a delivery that has
// crossed its end.
const drainWait = time.Second

// run is one call of Consume.
type run struct {
	q      *Queue
	handle func(ctx context.Context, d inspection.Deposit, attempt int) error

	// work is what handlers get: it outlives the end of taking by the drain
	// time-out.
	work context.Context //nolint:containedctx // a run is one call, and this the context of what the call starts

	mu       sync.Mutex
	inFlight map[jetstream.Msg]struct{}
}

// Consume works on deposits until ctx ends or the queue is closed, at most
// inFlight at a time, and returns when the last handler has returned. The
// handler's ctx goes on for Config.DrainTimeout after that, so that an orderly
// stop finishes what it has begun; what is not finished then is handed out
// again at the next start.
//
// attempt counts from 1. See the package's documentation for what the
// handler's error does. A handler that panics has failed ordinarily.
func (q *Queue) Consume(ctx context.Context, inFlight int, handle func(ctx context.Context, d inspection.Deposit, attempt int) error) error {
	if inFlight < 1 || inFlight > maxAckPending {
		return fmt.Errorf("queue: in flight is %d, must be from 1 to %d", inFlight, maxAckPending)
	}
	q.consumers.Add(1)
	defer q.consumers.Done()
	select {
	case <-q.closing:
		return ErrClosed
	default:
	}
	take, stopTaking := context.WithCancel(ctx)
	defer stopTaking()
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	r := &run{q: q, handle: handle, work: work, inFlight: make(map[jetstream.Msg]struct{})}

	var workers, helpers sync.WaitGroup
	for range inFlight {
		workers.Go(func() { r.worker(take) })
	}
	finished := make(chan struct{})
	helpers.Go(func() { r.heartbeats(finished) })
	helpers.Go(func() {
		select {
		case <-take.Done():
		case <-q.closing:
			stopTaking()
		case <-finished:
			return
		}
		select {
		case <-time.After(q.cfg.DrainTimeout):
			stopWork()
		case <-finished:
		}
	})
	workers.Wait()
	close(finished)
	helpers.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	return ErrClosed
}

// worker takes one deposit after the other. It asks the server for the next
// only when it has finished with the last, so nothing waits unattended in
// this process while its acknowledgement time runs.
func (r *run) worker(take context.Context) {
	for take.Err() == nil {
		msgs, err := r.q.consumer.Messages(jetstream.PullMaxMessages(1))
		if err != nil {
			r.q.cfg.Logger.Warn("queue: cannot ask for deposits", "error", err)
			pause(take, time.Second)
			continue
		}
		r.drainInto(take, msgs)
	}
}

// drainInto handles what one subscription delivers until taking ends or the
// subscription fails.
func (r *run) drainInto(take context.Context, msgs jetstream.MessagesContext) {
	for {
		msg, err := msgs.Next(jetstream.NextContext(take))
		switch {
		case err == nil:
			r.one(take, msg)
			continue
		case errors.Is(err, jetstream.ErrNoHeartbeat):
			continue // the server is away for a while; Next asks again
		case take.Err() == nil:
			r.q.cfg.Logger.Warn("queue: taking deposits was interrupted", "error", err)
			msgs.Stop()
			pause(take, 250*time.Millisecond)
			return
		}
		break
	}
	// A message may have crossed our end: give it back, so that nobody waits
	// for its time to run out, but only after the other workers' ends, which
	// come now too. Passed round among them it would seem to be one that takes
	// the process down (crashFactor).
	msgs.Drain()
	for {
		msg, err := msgs.Next(jetstream.NextMaxWait(drainWait))
		if err != nil {
			return
		}
		_ = msg.NakWithDelay(2 * drainWait)
	}
}

// one works on one delivery and answers it.
func (r *run) one(take context.Context, msg jetstream.Msg) {
	r.track(msg)
	defer r.untrack(msg)
	meta, err := msg.Metadata()
	if err != nil {
		r.bury(take, msg, msg.Data(), 0, "", fmt.Errorf("no metadata: %w", err))
		return
	}
	attempt := int(min(meta.NumDelivered, 1<<30))
	id := msg.Headers().Get(jetstream.MsgIDHeader)
	d, known := r.q.recent.Take(id)
	if !known {
		data, err := r.read(take, msg, meta.Sequence.Stream)
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound):
			_ = msg.Ack() // it is over for this deposit: another has answered, or its time has run out
			return
		case err != nil:
			delay := redeliveryDelay(r.q.cfg.RedeliveryDelay, attempt)
			r.q.cfg.Logger.Warn("queue: a deposit cannot be read now", "deposit", id, "again_in", delay, "error", err)
			_ = msg.NakWithDelay(delay)
			return
		}
		if d, err = Decode(data); err != nil {
			r.bury(take, msg, data, attempt, id, err)
			return
		}
	}
	if attempt > 1 {
		r.q.metrics.redelivered.Inc()
	} else {
		r.q.metrics.waitSeconds.Observe(time.Since(meta.Timestamp).Seconds())
	}
	if limit := crashFactor * r.q.cfg.MaxAttempts; attempt > limit {
		r.buryDeposit(take, msg, d, attempt, fmt.Errorf("handed out %d times without an answer", attempt-1))
		return
	}
	r.settle(take, msg, d, attempt, r.try(take, d, attempt))
}

// read returns what a message holds, from the stream where it came without. It
// is done even when taking has ended meanwhile.
func (r *run) read(ctx context.Context, msg jetstream.Msg, seq uint64) ([]byte, error) {
	if data := msg.Data(); len(data) > 0 {
		return data, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), apiTimeout)
	defer cancel()
	stored, err := r.q.stream.GetMsg(ctx, seq)
	if err != nil {
		return nil, err
	}
	return stored.Data, nil
}

// try calls the handler, again and again where the fault is not the deposit's,
// until an answer is there or the work must end.
func (r *run) try(take context.Context, d inspection.Deposit, attempt int) error {
	delay := r.q.cfg.RetryDelay
	for {
		err := r.call(d, attempt)
		if !IsRetry(err) {
			return err
		}
		r.q.metrics.retries.Inc()
		r.q.cfg.Logger.Debug("queue: trying a deposit again in place", "deposit", d.ID, "error", err, "pause", delay)
		if !pause(take, jitter(delay)) {
			return err
		}
		delay = min(2*delay, 5*time.Second)
	}
}

func (r *run) call(d inspection.Deposit, attempt int) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panicError(v)
			r.q.cfg.Logger.Error("queue: handler panicked", "deposit", d.ID, "panic", v, "stack", string(debug.Stack()))
		}
	}()
	return r.handle(r.work, d, attempt)
}

// settle answers the server by the handler's result.
func (r *run) settle(take context.Context, msg jetstream.Msg, d inspection.Deposit, attempt int, err error) {
	outcome := "done"
	switch {
	case err == nil:
		err = msg.Ack()
	case isPermanent(err), !IsRetry(err) && r.work.Err() == nil && attempt >= r.q.cfg.MaxAttempts:
		r.buryDeposit(take, msg, d, attempt, err)
		return
	case IsRetry(err), r.work.Err() != nil:
		// Stopped in mid-work: whoever comes next may have it at once.
		outcome, err = "returned", msg.Nak()
	default:
		outcome = "failed"
		delay := redeliveryDelay(r.q.cfg.RedeliveryDelay, attempt)
		r.q.cfg.Logger.Warn("queue: deposit failed", "deposit", d.ID, "attempt", attempt, "again_in", delay, "error", err)
		err = msg.NakWithDelay(delay)
	}
	r.q.metrics.handled.WithLabelValues(outcome).Inc()
	if err != nil {
		// The deposit is handed out again after AckWait; nothing is lost.
		r.q.cfg.Logger.Warn("queue: answer was not sent", "deposit", d.ID, "outcome", outcome, "error", err)
	}
}

// redeliveryDelay doubles from the first pause up to a minute.
func redeliveryDelay(first time.Duration, attempt int) time.Duration {
	return min(first<<min(attempt-1, 10), time.Minute)
}

// jitter spreads a pause over 75% to 125%, so that workers that failed
// together do not come back together.
func jitter(d time.Duration) time.Duration {
	return d*3/4 + rand.N(d/2+1) //nolint:gosec // a pause is no secret
}

// pause waits; it returns false as soon as ctx ends.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (r *run) track(msg jetstream.Msg) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inFlight[msg] = struct{}{}
}

func (r *run) untrack(msg jetstream.Msg) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.inFlight, msg)
}

// heartbeats tells the server that the deposits in hand are being worked on,
// well within AckWait.
func (r *run) heartbeats(finished <-chan struct{}) {
	tick := time.NewTicker(r.q.cfg.AckWait / 3)
	defer tick.Stop()
	for {
		select {
		case <-finished:
			return
		case <-tick.C:
			r.mu.Lock()
			for msg := range r.inFlight {
				_ = msg.InProgress() // fails for one that was answered just now
			}
			r.mu.Unlock()
		}
	}
}

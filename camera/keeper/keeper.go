// Package keeper keeps a camera's stream alive: it builds the source, watches
// it, rebuilds it with back-off when it fails, falls silent or freezes, and
// holds the latest frames for one reader.
//
// It never looks at what a frame shows beyond whether it changed at all, and it
// never holds up a live camera for a slow reader: old frames are dropped and
// counted.
package keeper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/binside/binside/camera"
)

// Factory builds a source for one connection. An error is treated like a failed
// stream: it is tried again.
type Factory func() (camera.Source, error)

// Options tune a Keeper; a zero field has the default named with it.
type Options struct {
	// Logger gets state changes; nothing is logged without one.
	Logger *slog.Logger
	// Buffer is the number of frames that wait for the reader (2).
	Buffer int
	// Block makes the source wait for a slow reader instead of dropping
	// frames: for sources that are not live (pushed frames, files read as fast
	// as possible).
	Block bool
	// Silence is how long a stream may deliver nothing until it is rebuilt
	// (20 s; negative: for ever).
	Silence time.Duration
	// Frozen is how long a stream may deliver one and the same picture, bit
	// for bit, until it is rebuilt (20 s; negative: for ever): it brings no new
	// frame either.
	Frozen time.Duration
	// Grace is how long a cancelled source may take to return, before it is
	// given up and Close stops waiting for it (10 s). It must be longer than
	// the source's own read time-out.
	Grace time.Duration
	// Backoff and MaxBackoff are the first and the longest wait before a
	// connection is tried again (500 ms, 30 s). Waits grow by 1.8 and vary by
	// half of themselves, so that a site's cameras do not return in step.
	Backoff, MaxBackoff time.Duration
	// Healthy is how long a connection must have delivered frames for the next
	// failure to start from the first wait again (10 s).
	Healthy time.Duration
}

func (o Options) withDefaults() Options {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&o.Silence, 20*time.Second)
	def(&o.Frozen, 20*time.Second)
	def(&o.Grace, 10*time.Second)
	def(&o.Backoff, 500*time.Millisecond)
	def(&o.MaxBackoff, 30*time.Second)
	def(&o.Healthy, 10*time.Second)
	if o.Buffer <= 0 {
		o.Buffer = 2
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// ErrClosed is what Next returns after Close.
var ErrClosed = errors.New("keeper: closed")

// Errors of the watchdog, as reasons in State.Error and in the log.
var (
	errSilent = camera.Because(camera.Silent, errors.New("no frame arrived in time"))
	errFrozen = camera.Because(camera.Frozen, errors.New("the picture has not changed at all"))
	errStuck  = errors.New("the source did not stop when told and was given up")
)

// Keeper owns one camera's stream. It has one reader, which calls Next; State
// may be called from any goroutine.
type Keeper struct {
	factory Factory
	opts    Options
	buffer  *buffer
	cancel  context.CancelFunc
	done    chan struct{}

	mu    sync.Mutex
	state State
	stuck int // sources that were given up and have not returned
}

// New starts keeping a camera; Close ends it.
func New(factory Factory, opts Options) *Keeper {
	ctx, cancel := context.WithCancel(context.Background())
	opts = opts.withDefaults()
	k := &Keeper{
		factory: factory, opts: opts, cancel: cancel, done: make(chan struct{}),
		buffer: newBuffer(opts.Buffer, opts.Block),
		state:  State{Status: Connecting, Since: time.Now()},
	}
	go k.run(ctx)
	return k
}

// Next waits for the next frame. It returns io.EOF after the last frame of a
// finite source, ErrClosed after Close, and ctx's error.
func (k *Keeper) Next(ctx context.Context) (camera.Frame, error) { return k.buffer.next(ctx) }

// Close stops the stream and waits for it, at most for Options.Grace and a
// little; a source that does not return by then is reported as an error and
// left behind, its frames go nowhere. Close may be called more than once.
func (k *Keeper) Close() error {
	k.cancel()
	k.buffer.end(ErrClosed)
	<-k.done
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.stuck > 0 {
		return fmt.Errorf("keeper: %d source(s) left behind: %w", k.stuck, errStuck)
	}
	return nil
}

// run keeps the stream until it is closed or the source has ended.
func (k *Keeper) run(ctx context.Context) {
	defer close(k.done)
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval, wait.Multiplier = k.opts.Backoff, k.opts.MaxBackoff, 1.8
	wait.Reset()
	for {
		k.setStatus(Connecting, nil)
		healthy, err := k.connect(ctx)
		switch {
		case ctx.Err() != nil:
			k.setStatus(Ended, nil)
			return
		case errors.Is(err, io.EOF):
			k.setStatus(Ended, nil)
			k.opts.Logger.Info("camera stream ended")
			k.buffer.end(io.EOF)
			return
		}
		if healthy {
			wait.Reset()
		}
		pause := wait.NextBackOff()
		k.setStatus(Failed, err)
		k.opts.Logger.Warn("camera stream failed", "error", err, "retry_in", pause.Round(time.Millisecond))
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			k.setStatus(Ended, nil)
			return
		case <-timer.C:
		}
	}
}

// connect builds a source and streams it until it returns, or has been silent
// or frozen for too long. healthy says that it had been well for a while.
func (k *Keeper) connect(ctx context.Context) (healthy bool, err error) {
	source, err := k.factory()
	if err != nil {
		return false, err
	}
	streamCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := &connection{keeper: k, stop: cancel}
	result := make(chan error, 1)
	go func() {
		result <- stream(streamCtx, source, func(f camera.Frame) { c.frame(streamCtx, f) })
	}()
	err = k.watch(streamCtx, c, result)
	first, last := c.span()
	return !first.IsZero() && last.Sub(first) >= k.opts.Healthy, err
}

// stream turns a panic of a source into an error, so that one camera cannot
// take the process along, and a nil error, which the contract of Source does
// not have, into one.
func stream(ctx context.Context, source camera.Source, sink func(camera.Frame)) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the source panicked: %v", p)
		}
	}()
	if err = source.Stream(ctx, sink); err == nil {
		err = errors.New("the stream ended without a reason")
	}
	return err
}

// watch waits for the stream's end and brings it about when the watchdog barks.
func (k *Keeper) watch(ctx context.Context, c *connection, result chan error) error {
	c.start(time.Now())
	ticker := time.NewTicker(k.tick())
	defer ticker.Stop()
	for {
		select {
		case err := <-result:
			return err
		case <-ctx.Done():
			return k.reap(c, result, ctx.Err())
		case now := <-ticker.C:
			if err := c.check(now, k.opts.Silence, k.opts.Frozen); err != nil {
				return k.reap(c, result, err)
			}
		}
	}
}

// tick is how often the watchdog looks.
func (k *Keeper) tick() time.Duration {
	t := time.Second
	for _, d := range []time.Duration{k.opts.Silence, k.opts.Frozen} {
		if d > 0 {
			t = min(t, d/4+1)
		}
	}
	return t
}

// reap cancels a connection and waits for its source to return.
func (k *Keeper) reap(c *connection, result chan error, reason error) error {
	c.cut()
	timer := time.NewTimer(k.opts.Grace)
	defer timer.Stop()
	select {
	case <-result: //nolint:errcheck // what it says when it is cut off is not why it was
		return reason
	case <-timer.C:
	}
	k.mu.Lock()
	k.stuck++
	k.mu.Unlock()
	go func() {
		// The source is inside foreign code and cannot be stopped; this counts
		// it out when it returns after all.
		<-result //nolint:errcheck // as above
		k.mu.Lock()
		k.stuck--
		k.mu.Unlock()
	}()
	return fmt.Errorf("%w (%w)", reason, errStuck)
}

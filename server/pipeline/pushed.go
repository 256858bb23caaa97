package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/binside/binside/camera/push"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/notify"
	"github.com/binside/binside/server/store"
)

// PushedFrame is a frame on its way through its camera's detector. It belongs
// to one goroutine.
type PushedFrame struct {
	Seq uint64

	owner   *Cameras
	done    <-chan push.Report
	waiters []*notify.Waiter
}

// Await returns the inspections of the deposits that this frame completed, in
// the order of their events: empty (not nil) for most frames. It returns
// ErrFrameDropped where the detector never saw the frame, ErrClosed where the
// camera was stopped first, and ctx's error, with the inspections that are
// there by then, when it takes too long. Call it once.
func (f *PushedFrame) Await(ctx context.Context) ([]*inspection.Inspection, error) {
	stored := []*inspection.Inspection{}
	var report push.Report
	select {
	case report = <-f.done:
	case <-ctx.Done():
		return stored, ctx.Err()
	}
	switch {
	case errors.Is(report.Err, push.ErrClosed):
		return stored, ErrClosed
	case !report.Seen:
		return stored, fmt.Errorf("%w: %w", ErrFrameDropped, report.Err)
	}
	for _, id := range report.Deposits {
		i, err := f.inspection(ctx, id)
		if err != nil {
			return stored, err
		}
		stored = append(stored, i)
	}
	return stored, nil
}

// inspection waits for one deposit's. The deposit may be done already: the
// store is asked after the wait was registered, so neither order misses it.
func (f *PushedFrame) inspection(ctx context.Context, id string) (*inspection.Inspection, error) {
	w := f.owner.deps.Hub.Wait(id)
	f.waiters = append(f.waiters, w)
	i, err := f.owner.deps.Store.GetInspection(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return w.Await(ctx)
	}
	return i, err
}

// Close releases what Await has used. Call it always.
func (f *PushedFrame) Close() {
	for _, w := range f.waiters {
		w.Cancel()
	}
	f.waiters = nil
}

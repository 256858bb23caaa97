package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/binside/binside/server/deletion"
	"github.com/binside/binside/server/store"
)

// retentionBatch is how many images are asked for at once.
const retentionBatch = 200

// Retention deletes evidence whose time is over and forgets old idempotency
// keys, at its start and then at an interval. The object goes first, then the
// row is marked and the deletion logged in one transaction: a crash in between
// deletes an object again, which is harmless, and logs it then.
type Retention struct {
	store     RetentionStore
	objects   Objects
	deletions Deletions
	interval  time.Duration
	hold      time.Duration
	metrics   *Metrics
	log       *slog.Logger

	cancel context.CancelFunc
	done   sync.WaitGroup
}

// NewRetention wires the job. interval is the pause between two rounds (0: an
// hour), hold for how long an objection that nobody has decided keeps its
// evidence beyond its time.
func NewRetention(store RetentionStore, objects Objects, deletions Deletions, interval, hold time.Duration, m *Metrics, log *slog.Logger) *Retention {
	if interval <= 0 {
		interval = time.Hour
	}
	return &Retention{store: store, objects: objects, deletions: deletions, interval: interval, hold: hold, metrics: m, log: log}
}

// Start begins the rounds; they run until Close.
func (r *Retention) Start(ctx context.Context) {
	ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	r.done.Go(func() {
		for {
			n, err := r.Round(ctx)
			err = errors.Join(err, r.forget(ctx))
			if err != nil && ctx.Err() == nil {
				r.metrics.retentionErrors.Inc()
				r.log.Warn("retention: round failed", "deleted", n, "error", err)
			} else if n > 0 {
				r.log.Info("retention: evidence deleted", "images", n)
			}
			if !sleep(ctx, r.interval) {
				return
			}
		}
	})
}

// Close ends the rounds and waits for the running one to stop.
func (r *Retention) Close() {
	if r.cancel != nil {
		r.cancel()
	}
	r.done.Wait()
}

// Round deletes everything that is due and returns how many images that were.
// It goes on after an image that cannot be deleted, and returns those errors
// together.
func (r *Retention) Round(ctx context.Context) (deleted int, err error) {
	for {
		now := time.Now().UTC()
		due, err := r.due(ctx, now)
		if err != nil {
			return deleted, err
		}
		var failed []error
		for _, e := range due {
			if err := r.remove(ctx, e, now); err != nil {
				failed = append(failed, err)
				continue
			}
			deleted++
		}
		// With failures the next question would bring the same images again.
		if len(due) < retentionBatch || len(failed) > 0 {
			return deleted, errors.Join(failed...)
		}
	}
}

func (r *Retention) due(ctx context.Context, now time.Time) ([]store.EvidenceRef, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	due, err := r.store.EvidenceDue(ctx, now, now.Add(-r.hold), retentionBatch)
	if err != nil {
		return nil, fmt.Errorf("pipeline: evidence that is due: %w", err)
	}
	return due, nil
}

// forget deletes the idempotency keys that are not looked at any more.
func (r *Retention) forget(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if _, err := r.store.PurgeIdempotency(ctx, time.Now().Add(-store.IdempotencyLife)); err != nil {
		return fmt.Errorf("pipeline: old idempotency keys: %w", err)
	}
	return nil
}

func (r *Retention) remove(ctx context.Context, e store.EvidenceRef, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := r.objects.Delete(ctx, e.Key); err != nil {
		return fmt.Errorf("pipeline: delete %s: %w", e.Key, err)
	}
	entry := deletion.Entry{
		At: now, Reason: deletion.Retention(string(e.Verdict)), Key: e.Key, SHA256: e.SHA256, InspectionID: e.InspectionID, Ordinal: e.Ordinal,
	}
	if err := r.deletions.Add(ctx, entry); err != nil {
		return fmt.Errorf("pipeline: log the deletion of %s: %w", e.Key, err)
	}
	r.metrics.evidenceExpired.Inc()
	return nil
}

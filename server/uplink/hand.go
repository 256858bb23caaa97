package uplink

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/binside/binside/server/deletion"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/relay"
	"github.com/binside/binside/server/store"
	"github.com/binside/binside/server/store/object"
)

const (
	// batch is how many postings are looked at before the next question which
	// come first: a flag never waits for more than that many passes.
	batch = 16
	// again is after how long a record that the server would not take is tried
	// again: it may have been set up wrongly.
	again = time.Hour
)

// handOn empties the outbox until ctx ends.
func (u *Uplink) handOn(ctx context.Context) {
	for failures := 0; ; {
		n, err := u.handSome(ctx)
		if ctx.Err() != nil {
			return
		}
		next := time.Duration(0)
		switch {
		case err != nil:
			failures++
			u.metrics.failures.WithLabelValues("hand-in").Inc()
			next = backoff(failures, u.cfg.MaxPause)
			var r *RefusalError
			if errors.As(err, &r) {
				next = max(next, min(r.RetryAfter, u.cfg.MaxPause))
			}
			u.cfg.Logger.Debug("handing in waits", "error", err, "pause", next)
		case n == 0:
			failures, next = 0, u.cfg.Idle
		default:
			failures = 0
		}
		if !pause(ctx, next) {
			return
		}
	}
}

// handSome hands in what comes first, and returns how many the server took or
// refused for good. It ends with the first that must wait.
func (u *Uplink) handSome(ctx context.Context) (n int, err error) {
	postings, err := u.deps.Store.Postings(ctx, u.cfg.Clock.Wall(), batch)
	if err != nil {
		return 0, err
	}
	for _, p := range postings {
		if err := u.hand(ctx, p); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// hand hands in one posting and notes what came of it.
func (u *Uplink) hand(ctx context.Context, p store.Posting) error {
	i, pictures, err := u.gather(ctx, p)
	if errors.Is(err, store.ErrNotFound) {
		return nil // it went for lack of room meanwhile
	}
	if err != nil {
		return err
	}
	err = u.client.handIn(ctx, relay.NewRecord(i, p.Revision, u.clock.correction(p.Mark, i.DecidedAt)), pictures)
	now := u.cfg.Clock.Wall()
	var r *RefusalError
	switch {
	case err == nil:
		u.metrics.handed.Inc()
		return u.deps.Store.Acknowledge(ctx, p.InspectionID, p.Revision, now)
	case !errors.As(err, &r):
		return err
	case r.Slug == "pictures-missing" && p.Acknowledged > 0:
		// The server has forgotten it: it gets the whole the next time.
		return u.deps.Store.Acknowledge(ctx, p.InspectionID, 0, now)
	case forGood(r.Status):
		u.metrics.rejected.Inc()
		u.cfg.Logger.Error("the server would not take an inspection; it is tried again in an hour", "deposit", p.InspectionID, "error", err)
		return u.deps.Store.Refuse(ctx, p.InspectionID, short(r.Error()), now.Add(again))
	}
	return err
}

// forGood reports whether an answer is about this one record: the next may be
// taken.
func forGood(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return true
	}
	return false
}

// gather reads an inspection, and its pictures where the server has nothing of
// it yet.
func (u *Uplink) gather(ctx context.Context, p store.Posting) (*inspection.Inspection, map[int][]byte, error) {
	i, err := u.deps.Store.GetInspection(ctx, p.InspectionID)
	if err != nil || p.Acknowledged > 0 {
		return i, nil, err
	}
	pictures := make(map[int][]byte, len(i.Evidence))
	for n := range i.Evidence {
		e := &i.Evidence[n]
		if e.DeletedAt != nil {
			continue
		}
		data, err := u.deps.Objects.Get(ctx, e.Key)
		if errors.Is(err, object.ErrNotFound) || errors.Is(err, object.ErrCorrupt) {
			u.cfg.Logger.Error("a picture is lost; its inspection is handed in without", "deposit", i.ID, "key", e.Key, "error", err)
			now := u.cfg.Clock.Wall().UTC()
			e.DeletedAt = &now
			gone := deletion.Entry{At: now, Reason: deletion.Lost, Key: e.Key, SHA256: e.SHA256, InspectionID: i.ID, Ordinal: e.Ordinal}
			if err := u.deps.Deletions.Add(ctx, gone); err != nil {
				return nil, nil, err
			}
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("uplink: evidence %s: %w", e.Key, err)
		}
		pictures[e.Ordinal] = data
	}
	return i, pictures, nil
}

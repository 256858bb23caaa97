package uplink

import (
	"context"
	"fmt"

	"github.com/binside/binside/server/deletion"
	"github.com/binside/binside/server/relay"
	"github.com/binside/binside/server/store"
)

// tendBatch is how many pictures or records go at a time.
const tendBatch = 64

// tendOn keeps the disk within its bounds until ctx ends.
func (u *Uplink) tendOn(ctx context.Context) {
	for {
		if err := u.tend(ctx); err != nil && ctx.Err() == nil {
			u.metrics.failures.WithLabelValues("tend").Inc()
			u.cfg.Logger.Error("the disk was not tended", "error", err)
		}
		if !pause(ctx, u.cfg.Tend) {
			return
		}
	}
}

// tend lets go of what the server has had for long enough, and then of as much
// as must go for lack of room.
func (u *Uplink) tend(ctx context.Context) error {
	if err := u.forgetOld(ctx); err != nil {
		return err
	}
	kept, err := u.deps.Store.Kept(ctx)
	if err != nil {
		return err
	}
	if kept > u.cfg.MaxBytes {
		if kept, err = u.makeRoom(ctx); err != nil {
			return err
		}
	}
	full := kept > u.cfg.MaxBytes
	u.mu.Lock()
	was := u.disk.Full
	u.disk.Bytes, u.disk.Full = kept, full
	u.mu.Unlock()
	if full && !was {
		u.cfg.Logger.Error("only flags that the server lacks are left, and they take more than they may: new passes are not kept",
			"bytes", kept, "max_bytes", u.cfg.MaxBytes)
	}
	return u.count(ctx)
}

// count looks into the outbox, for reports.
func (u *Uplink) count(ctx context.Context) error {
	b, err := u.deps.Store.Backlog(ctx)
	if err != nil {
		return err
	}
	out := relay.Backlog{Inspections: b.Inspections, Flagged: b.Flagged, Rejected: b.Refused, Bytes: b.Bytes}
	if !b.Oldest.IsZero() {
		out.OldestAt = &b.Oldest
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.backlog = out
	return nil
}

func (u *Uplink) forgetOld(ctx context.Context) error {
	for {
		ids, err := u.deps.Store.HandedBefore(ctx, u.cfg.Clock.Wall().Add(-u.cfg.Keep), tendBatch)
		if err != nil || len(ids) == 0 {
			return err
		}
		if err := u.forget(ctx, ids...); err != nil {
			return err
		}
	}
}

// forget deletes inspections, their pictures first.
func (u *Uplink) forget(ctx context.Context, ids ...string) error {
	for _, id := range ids {
		i, err := u.deps.Store.GetInspection(ctx, id)
		if err != nil {
			return err
		}
		for _, e := range i.Evidence {
			if e.DeletedAt != nil {
				continue
			}
			if err := u.remove(ctx, store.EvidenceRef{InspectionID: id, Ordinal: e.Ordinal, Key: e.Key, SHA256: e.SHA256}, deletion.Handed); err != nil {
				return err
			}
		}
	}
	return u.deps.Store.Forget(ctx, ids...)
}

// remove deletes a picture, then marks and logs it: after a crash in between it
// is deleted again, which is harmless.
func (u *Uplink) remove(ctx context.Context, e store.EvidenceRef, reason string) error {
	if err := u.deps.Objects.Delete(ctx, e.Key); err != nil {
		return fmt.Errorf("uplink: delete %s: %w", e.Key, err)
	}
	return u.deps.Deletions.Add(ctx, deletion.Entry{
		At: u.cfg.Clock.Wall(), Reason: reason, Key: e.Key, SHA256: e.SHA256, InspectionID: e.InspectionID, Ordinal: e.Ordinal,
	})
}

// makeRoom lets go, until there is room again, of what the server has, passes
// first, and then of passes that it lacks: first their pictures and those of
// what nobody could read, then whole passes. A flag that the server lacks never
// goes. It returns what is kept then.
func (u *Uplink) makeRoom(ctx context.Context) (int64, error) {
	for _, kind := range []struct {
		room    store.Room
		records bool
		lost    bool // the server will never have it
	}{
		{room: store.HandedRight}, {room: store.HandedRight, records: true},
		{room: store.Handed}, {room: store.Handed, records: true},
		{room: store.WaitingRight, lost: true}, {room: store.WaitingUnreadable, lost: true},
		{room: store.WaitingRight, records: true, lost: true},
	} {
		for {
			kept, err := u.deps.Store.Kept(ctx)
			if err != nil || kept <= u.cfg.MaxBytes {
				return kept, err
			}
			drop := u.dropPictures
			if kind.records {
				drop = u.dropRecords
			}
			n, err := drop(ctx, kind.room, kept-u.cfg.MaxBytes, kind.lost)
			if err != nil {
				return kept, err
			}
			if n == 0 {
				break
			}
		}
	}
	return u.deps.Store.Kept(ctx)
}

func (u *Uplink) dropPictures(ctx context.Context, kind store.Room, over int64, lost bool) (n int, err error) {
	pictures, err := u.deps.Store.Pictures(ctx, kind, tendBatch)
	if err != nil {
		return 0, err
	}
	for _, p := range pictures {
		if over <= 0 {
			break
		}
		if err := u.remove(ctx, p.EvidenceRef, deletion.Room); err != nil {
			return n, err
		}
		n++
		over -= p.Bytes
	}
	if lost {
		u.dropped("pictures", n)
	}
	return n, nil
}

func (u *Uplink) dropRecords(ctx context.Context, kind store.Room, over int64, lost bool) (n int, err error) {
	ids, err := u.deps.Store.Records(ctx, kind, int(min(tendBatch, over/store.RecordBytes+1)))
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	if err := u.deps.Store.Forget(ctx, ids...); err != nil {
		return 0, err
	}
	if lost {
		u.dropped("passes", len(ids))
	}
	return len(ids), nil
}

// dropped counts what the server will never have.
func (u *Uplink) dropped(what string, n int) {
	if n == 0 {
		return
	}
	u.metrics.dropped.WithLabelValues(what).Add(float64(n))
	u.mu.Lock()
	defer u.mu.Unlock()
	if what == "passes" {
		u.disk.DroppedPasses += int64(n)
	} else {
		u.disk.DroppedPictures += int64(n)
	}
}

package uplink

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/binside/binside/server/relay"
)

var (
	// ErrOlder says that the server offers a bundle that is not newer than the
	// one in force.
	ErrOlder = errors.New("uplink: the server offers an older bundle")
	// ErrStation says that a bundle is another station's.
	ErrStation = errors.New("uplink: the bundle is another station's")
)

// First returns the bundle to start by, and the folder of its model: the one
// that was in force last, without asking anybody, or else the server's.
func (u *Uplink) First(ctx context.Context) (*relay.Bundle, fs.FS, error) {
	b, err := u.kept(ctx)
	switch {
	case err == nil:
		u.setCurrent(b)
		return b, u.shelf.models.folder(b.Model.Files), nil
	case !errors.Is(err, fs.ErrNotExist):
		u.cfg.Logger.Warn("the kept bundle cannot be used: the server is asked for another", "error", err)
	}
	b, signed, err := u.pull(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("there is no bundle yet, and the server gives none: %w", wrapRefusal(err))
	}
	u.setCurrent(b)
	u.mu.Lock()
	u.unkept = signed
	u.mu.Unlock()
	return b, u.shelf.models.folder(b.Model.Files), nil
}

// kept is the bundle on the disk, checked again, with its model.
func (u *Uplink) kept(ctx context.Context) (*relay.Bundle, error) {
	signed, err := u.shelf.load()
	if err != nil {
		return nil, err
	}
	b, err := u.open(signed)
	if err != nil {
		return nil, err
	}
	return b, u.shelf.models.fetch(ctx, u.client, b.Model.Files)
}

func (u *Uplink) open(signed *relay.Signed) (*relay.Bundle, error) {
	b, err := signed.Open(u.cfg.Key)
	if err != nil {
		return nil, err
	}
	if b.Station.ID != u.cfg.StationID {
		return nil, fmt.Errorf("%w: %s", ErrStation, b.Station.ID)
	}
	return b, nil
}

// pull returns a bundle that is newer than the one in force, verified, with
// its model on the disk; nil where there is none.
func (u *Uplink) pull(ctx context.Context) (*relay.Bundle, *relay.Signed, error) {
	have := u.sequence()
	signed, err := u.client.bundle(ctx, have)
	if err != nil || signed == nil {
		return nil, nil, err
	}
	b, err := u.open(signed)
	if err != nil {
		return nil, nil, err
	}
	if b.Sequence <= have {
		return nil, nil, fmt.Errorf("%w: %d, in force is %d", ErrOlder, b.Sequence, have)
	}
	if err := u.shelf.models.fetch(ctx, u.client, b.Model.Files); err != nil {
		return nil, nil, err
	}
	return b, signed, nil
}

func (u *Uplink) sequence() int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.current == nil {
		return 0
	}
	return u.current.Sequence
}

func (u *Uplink) setCurrent(b *relay.Bundle) {
	u.mu.Lock()
	u.current, u.refused = b, ""
	u.mu.Unlock()
	select {
	case u.renewed <- struct{}{}:
	default: // somebody has yet to look at the one before
	}
}

// pullOn looks for newer bundles until ctx ends.
func (u *Uplink) pullOn(ctx context.Context) {
	for failures := 0; ; {
		err := u.renew(ctx)
		next := u.cfg.Poll
		if err != nil && ctx.Err() == nil {
			failures++
			next = max(next, backoff(failures, u.cfg.MaxPause))
			u.metrics.failures.WithLabelValues("pull").Inc()
			u.cfg.Logger.Warn("no newer bundle was taken", "error", wrapRefusal(err))
			u.mu.Lock()
			u.refused = short(err.Error())
			u.mu.Unlock()
		} else {
			failures = 0
		}
		if !pauseUnless(ctx, next, u.hurry) {
			return
		}
	}
}

// renew puts a newer bundle in force, where there is one.
func (u *Uplink) renew(ctx context.Context) error {
	b, signed, err := u.pull(ctx)
	if ctx.Err() != nil {
		return nil //nolint:nilerr // stopped, and no failure
	}
	var r *RefusalError
	if errors.As(err, &r) && r.Slug == "no-agent" {
		return errors.Join(err, u.deps.Release(ctx))
	}
	if err != nil {
		return err
	}
	if b == nil {
		u.mu.Lock()
		u.refused = ""
		u.mu.Unlock()
		return nil
	}
	if err := u.deps.Apply(ctx, b, u.shelf.models.folder(b.Model.Files)); err != nil {
		return fmt.Errorf("uplink: bundle %d: %w", b.Sequence, err)
	}
	u.setCurrent(b)
	u.cfg.Logger.Info("a newer bundle is in force", "bundle", b.Sequence, "made_at", b.MadeAt, "model", b.Model.Version)
	return u.shelf.keep(signed, b)
}

// maxReason is how long a reason in a report may be, in bytes.
const maxReason = 500

func short(text string) string { return text[:min(len(text), maxReason)] }

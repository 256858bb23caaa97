package uplink

import (
	"context"
	"time"

	"github.com/binside/binside/server/relay"
)

// voiceOn keeps the voice pack that the bundle in force names on the disk and in
// use, until ctx ends. Nothing else waits for it: until it is there the screen
// speaks without it, or with the one before.
func (u *Uplink) voiceOn(ctx context.Context) {
	inUse, failures := "none yet", 0 // no version looks so
	for ctx.Err() == nil {
		wanted := u.voiceWanted()
		if wanted.Version() == inUse {
			failures = 0
			u.awaitRenewal(ctx, 0)
			continue
		}
		whole, err := u.fetchVoice(ctx, wanted)
		switch {
		case ctx.Err() != nil || err == nil && !whole:
			continue
		case err != nil:
			failures++
			u.metrics.failures.WithLabelValues("voice").Inc()
			u.cfg.Logger.Warn("the station's voice pack is not there yet", "pack", wanted.ID, "error", wrapRefusal(err))
			u.awaitRenewal(ctx, backoff(failures, u.cfg.MaxPause))
			continue
		}
		u.speak(wanted)
		inUse = wanted.Version()
	}
}

func (u *Uplink) voiceWanted() *relay.Voice {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.current.Voice
}

// awaitRenewal waits until another bundle is in force, for at most d; without
// end where d is 0.
func (u *Uplink) awaitRenewal(ctx context.Context, d time.Duration) {
	if d > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d)
		defer cancel()
	}
	select {
	case <-u.renewed:
	case <-ctx.Done():
	}
}

// fetchVoice makes a pack's files be on the disk; false where another one came
// to be wanted meanwhile.
func (u *Uplink) fetchVoice(ctx context.Context, v *relay.Voice) (whole bool, err error) {
	if v == nil {
		return true, nil
	}
	if err := v.Validate(); err != nil {
		return false, err
	}
	for n := range v.Files {
		if u.voiceWanted().Version() != v.Version() {
			return false, nil
		}
		if err := u.shelf.voices.fetch(ctx, u.client, v.Files[n:n+1]); err != nil {
			return false, err
		}
	}
	return true, nil
}

// speak puts a pack in use whose files are there, and lets go of others.
func (u *Uplink) speak(v *relay.Voice) {
	var keep []relay.File
	id := ""
	if v == nil {
		u.deps.Speak("", "", nil)
	} else {
		id, keep = v.ID, v.Files
		u.deps.Speak(id, v.Version(), u.shelf.voices.folder(keep))
	}
	u.mu.Lock()
	u.voice = id
	u.mu.Unlock()
	if err := u.shelf.voices.prune(keep); err != nil {
		u.cfg.Logger.Warn("files of a former voice pack stay on the disk", "error", err)
	}
}

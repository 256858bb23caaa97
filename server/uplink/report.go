package uplink

import (
	"context"
	"time"

	"github.com/binside/binside/server/relay"
)

const (
	// hurried is the pause between the first reports: a clock is measured by
	// several exchanges.
	hurried = time.Second
	// maxSkew is how wrong the wall clock may be without a word.
	maxSkew = 2 * time.Second
)

// reportOn reports until ctx ends.
func (u *Uplink) reportOn(ctx context.Context) {
	warned := false
	for n := 0; ; n++ {
		err := u.tell(ctx)
		if ctx.Err() != nil {
			return
		}
		next := u.cfg.Report
		if err != nil {
			u.metrics.failures.WithLabelValues("report").Inc()
			u.cfg.Logger.Debug("no report was taken", "error", err)
		} else if n < best {
			next = min(next, hurried)
		}
		if skew, known := u.clock.skew(); known && (skew > maxSkew || skew < -maxSkew) {
			if !warned {
				u.cfg.Logger.Warn("this machine's clock is wrong: what is handed in is corrected; set it by NTP", "behind_the_server_by", skew)
			}
			warned = true
		} else {
			warned = false
		}
		if !pauseUnless(ctx, next, u.news) {
			return
		}
	}
}

// tell sends one report, and measures the clock by it.
func (u *Uplink) tell(ctx context.Context) error {
	if err := u.count(ctx); err != nil {
		return err
	}
	s := u.Status()
	r := &relay.Report{
		Version: u.cfg.Version, Bundle: s.Bundle, Refused: s.Refused, Backlog: s.Backlog, Disk: s.Disk, Voice: s.Voice,
		Cameras: map[string]relay.CameraReport{},
	}
	if s.SkewKnown {
		seconds := s.Skew.Seconds()
		r.SkewSeconds = &seconds
	}
	u.deps.Describe(r)
	asked := u.clock.SinceBoot()
	answer, err := u.client.report(ctx, r)
	if err != nil {
		return err
	}
	u.clock.exchanged(asked, u.clock.SinceBoot(), answer.ReceivedAt, answer.SentAt)
	return nil
}

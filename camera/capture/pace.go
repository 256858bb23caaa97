package capture

import (
	"context"
	"time"
)

// defaultRate is taken for files that name none, or one beyond reason.
const defaultRate = 25.0

// pace gives a file's frames their times, and holds them back until then.
type pace struct {
	start   time.Time // of the first frame
	real    time.Time // when it was shown
	unpaced bool
	step    time.Duration
	base    time.Duration // length of the rounds before
	last    time.Duration
	first   bool
}

func newPace(o Options) *pace {
	now := time.Now()
	p := &pace{start: o.Start, real: now, unpaced: o.Unpaced, last: -1}
	if p.start.IsZero() {
		p.start = now
	}
	return p
}

// begin starts a round through the file.
func (p *pace) begin(rate float64) {
	if !(rate >= 0.1 && rate <= 1000) {
		rate = defaultRate
	}
	p.step = time.Duration(float64(time.Second) / rate)
	if p.last >= 0 {
		p.base = p.last + p.step
	}
	p.first = true
}

// wait returns a frame's time and, unless unpaced, waits for its moment.
// position is the frame's place in the file in milliseconds, as far as the
// container knows it; where it does not advance the frame rate counts.
func (p *pace) wait(ctx context.Context, position float64) (time.Time, error) {
	at := p.base + time.Duration(position*float64(time.Millisecond))
	if p.first {
		at, p.first = p.base, false
	} else if at <= p.last || at > p.last+10*time.Second {
		at = p.last + p.step
	}
	p.last = at
	if !p.unpaced {
		if d := time.Until(p.real.Add(at)); d > 0 {
			timer := time.NewTimer(d)
			defer timer.Stop()
			select {
			case <-ctx.Done():
				return time.Time{}, ctx.Err()
			case <-timer.C:
			}
		}
	}
	return p.start.Add(at), nil
}

package simulate

import (
	"fmt"
	"image"
	"math"
	"slices"
	"time"

	"github.com/binside/binside/vision"
)

// scene turns the director's scripts into pictures and keeps the truth. It is
// not safe for concurrent use, its ledger is.
type scene struct {
	opt    Options
	st     *Station
	dir    *director
	canvas *canvas
	props  *props
	epoch  time.Time
	ledger *ledger

	deposits []*depositAct
	disturbs []*disturbAct
}

// newScene prepares a play of limit deposits (0: no end). base is an earlier
// painting of the same station and seed, or nil.
func newScene(opt Options, epoch time.Time, limit int, base *vision.Image) (*scene, error) {
	if err := opt.validate(); err != nil {
		return nil, err
	}
	st, err := NewStation(opt.Bins)
	if err != nil {
		return nil, err
	}
	stock, err := newStock(opt)
	if err != nil {
		return nil, err
	}
	if base == nil {
		base = paintStation(st, uint32(opt.Seed))
	}
	return &scene{
		opt: opt, st: st, dir: newDirector(opt, st, stock, limit), epoch: epoch, ledger: &ledger{},
		canvas: newCanvas(base, opt.Seed), props: newProps(st),
	}, nil
}

// advance moves the play on to scene time t: scripts that are due become
// acts, acts that are over become truth.
func (s *scene) advance(t time.Duration) {
	deposits, disturbs := s.dir.until(t)
	for _, d := range deposits {
		s.deposits = append(s.deposits, newDepositAct(d, s.st))
	}
	for _, d := range disturbs {
		s.disturbs = append(s.disturbs, &disturbAct{disturbScript: d})
	}
	s.disturbs = slices.DeleteFunc(s.disturbs, func(a *disturbAct) bool { return t >= a.end })
	complete := t
	s.deposits = slices.DeleteFunc(s.deposits, func(a *depositAct) bool {
		if !a.told && t >= a.end {
			a.told = true
			s.ledger.add(s.event(a, false))
		}
		if !a.told {
			complete = min(complete, a.appear)
		}
		return a.told && t >= a.away && (a.lean == nil || t >= a.lean.away)
	})
	s.ledger.seen(s.epoch.Add(t), s.epoch.Add(complete))
}

// interrupt clears the stage at scene time t; deposits that had begun are
// told as interrupted.
func (s *scene) interrupt(t time.Duration) {
	for _, a := range s.deposits {
		if !a.told && a.appear <= t {
			s.ledger.add(s.event(a, true))
		}
	}
	s.deposits, s.disturbs = nil, nil
	s.ledger.seen(s.epoch.Add(t), s.epoch.Add(t))
	s.dir.resume(t)
}

// over reports whether all deposits of a limited play have been shown.
func (s *scene) over() bool { return s.dir.finished() && len(s.deposits) == 0 }

func (s *scene) event(a *depositAct, interrupted bool) Event {
	return Event{
		ID: fmt.Sprintf("shown-%d-%d", s.opt.Seed, a.n), Bin: s.st.bins[a.slot].ID, Slot: a.slot,
		File: a.item.File, ItemClass: a.class.name, Name: a.item.Name, Category: a.class.category,
		Judged: a.class.judged, Correct: a.correct, Interrupted: interrupted,
		Start: s.epoch.Add(a.entered), Settled: s.epoch.Add(a.settle), End: s.epoch.Add(a.end),
	}
}

// paint composes the picture of scene time t as frame n into dst.
func (s *scene) paint(t time.Duration, n uint64, dst []byte) {
	level := light(s.opt, t)
	warm := 1 + 0.25*(level-1) // darker daylight is bluer
	s.canvas.begin([3]int{int(256*level*math.Sqrt(warm) + 0.5), int(256*level + 0.5), int(256*level/math.Sqrt(warm) + 0.5)})
	for _, a := range s.deposits {
		if t >= a.appear {
			a.prepare(s)
			a.drawItem(s, t)
		}
	}
	for _, a := range s.deposits {
		if t >= a.appear && t < a.away {
			a.drawArm(s, t)
		}
		if t >= a.appear {
			a.drawLeaner(s, t)
		}
	}
	for _, a := range s.disturbs {
		a.prepare(s)
		a.draw(s, t)
	}
	s.canvas.finish(n, dst)
}

var everywhere = image.Rect(0, 0, Width, Height)

// share is how far t is on the way from one time to another, 0 to 1.
func share(t, from, to time.Duration) float64 {
	return clamp01(float64(t-from) / float64(to-from))
}

func point(x, y float64) image.Point { return image.Pt(int(math.Round(x)), int(math.Round(y))) }

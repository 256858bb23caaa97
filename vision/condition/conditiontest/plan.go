package conditiontest

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// what passes before a camera in a day and is no fault of it.
type what int

const (
	visitor    what = iota // somebody right before the lens, for some seconds
	insect                 // before the lens, for a second or two
	thing                  // stands there for hours: a bag, a parked cart
	shifted                // a part of the scene is put back elsewhere: a bin
	headlights             // sweep over the scene
	rain
	gust
)

// event is one of them. What x, y, w, h are shares of the picture.
type event struct {
	what       what
	from, to   time.Duration
	x, y, w, h float64
	dx, dy     float64
	colour     [3]float64
	texture    float64
	force      float64
	seed       uint64
}

// plan is what happens, in the order of its beginning.
type plan struct {
	events []event
	active []event
}

// newPlan draws what happens from `from` to `to`, as times since midnight. The
// numbers are guesses of a busy station's day, not measured ones.
func newPlan(rng *rand.Rand, from, to time.Duration) *plan {
	p := &plan{}
	add := func(perDay float64, short, long time.Duration, w what, fill func(*event)) {
		mean := float64(24*time.Hour) / perDay
		for t := from; ; {
			t += time.Duration(rng.ExpFloat64() * mean)
			if t >= to {
				return
			}
			e := event{what: w, from: t, to: t + between(rng, short, long), x: rng.Float64(), y: rng.Float64(), seed: rng.Uint64()}
			e.colour = [3]float64{uniform(rng, 20, 210), uniform(rng, 20, 210), uniform(rng, 20, 210)}
			e.texture = uniform(rng, 0.1, 0.5)
			fill(&e)
			p.events = append(p.events, e)
		}
	}
	add(12, 2*time.Second, 7*time.Second, visitor, func(e *event) {
		e.w, e.h, e.x, e.y = uniform(rng, 0.4, 1.1), uniform(rng, 0.7, 1.2), uniform(rng, 0.25, 0.75), uniform(rng, 0.5, 0.7)
		e.dx = float64(1 - 2*rng.IntN(2))
	})
	add(30, 500*time.Millisecond, 3*time.Second, insect, func(e *event) {
		e.w = uniform(rng, 0.05, 0.25)
		e.h = e.w
	})
	add(4, 20*time.Minute, 4*time.Hour, thing, func(e *event) {
		e.w, e.h = uniform(rng, 0.06, 0.4), uniform(rng, 0.1, 0.45)
	})
	add(4, time.Hour, 8*time.Hour, shifted, func(e *event) {
		e.w, e.h = uniform(rng, 0.1, 0.3), uniform(rng, 0.2, 0.6)
		e.dx, e.dy = uniform(rng, -0.08, 0.08), uniform(rng, -0.03, 0.03)
	})
	add(60, 2*time.Second, 8*time.Second, headlights, func(e *event) {
		e.w, e.y, e.force = uniform(rng, 0.08, 0.3), uniform(rng, 0.2, 0.8), uniform(rng, 10, 100)
		e.dx = float64(1 - 2*rng.IntN(2))
		if rng.IntN(6) == 0 { // waits with its lights on
			e.to = e.from + between(rng, 20*time.Second, 2*time.Minute)
		}
	})
	add(2, 10*time.Minute, 90*time.Minute, rain, func(e *event) { e.force = uniform(rng, 0.2, 1) })
	add(24, 10*time.Second, 10*time.Minute, gust, func(e *event) { e.force = uniform(rng, 0.3, 2) })
	slices.SortStableFunc(p.events, func(a, b event) int { return cmp.Compare(a.from, b.from) })
	return p
}

// now are the events at a time that is not before that of the last call.
func (p *plan) now(t time.Duration) []event {
	for len(p.events) > 0 && p.events[0].from <= t {
		p.active = append(p.active, p.events[0])
		p.events = p.events[1:]
	}
	p.active = slices.DeleteFunc(p.active, func(e event) bool { return e.to <= t })
	return p.active
}

// draw paints what stands or passes before the scene into the picture, as it
// would look by the light in which the footage was taken.
func (e event) draw(pic *picture, t time.Duration) {
	w, h := float64(pic.w), float64(pic.h)
	part := float64(t-e.from) / float64(e.to-e.from)
	switch e.what {
	case visitor:
		// Comes in and leaves within a second or less, and sways meanwhile.
		side := max(0, 1-min(part, 1-part)*(e.to-e.from).Seconds()/0.8)
		x := e.x + e.dx*side*(0.5+e.w/2) + 0.01*math.Sin(2*math.Pi*t.Seconds()/3)
		pic.body(x*w, e.y*h, e.w*w/2, e.h*h/2, e)
	case insect:
		x := e.x + 0.1*math.Sin(5*t.Seconds()+e.dx)
		pic.body(x*w, e.y*h, e.w*w/2, e.h*w/3, e)
	case thing:
		pic.body(e.x*w, e.y*h, e.w*w/2, e.h*h/2, e)
	case shifted:
		pic.move(int(e.x*w), int(e.y*h), int(e.w*w), int(e.h*h), int(e.dx*w), int(e.dy*h))
	case headlights, rain, gust:
	}
}

// picture is a scene before light falls on it.
type picture struct {
	w, h int
	pix  []byte
	// spare is a buffer of the same size.
	spare []byte
}

// body paints a rounded thing with folds and an outline of its own.
func (p *picture) body(cx, cy, rx, ry float64, e event) {
	phase := float64(e.seed%628) / 100
	for y := max(0, int(cy-ry)); y < min(p.h, int(cy+ry)+1); y++ {
		v := (float64(y) - cy) / ry
		for x := max(0, int(cx-rx)); x < min(p.w, int(cx+rx)+1); x++ {
			u := (float64(x) - cx) / rx
			edge := u*u*u*u + v*v*v*v
			if edge > 1 {
				continue
			}
			fold := math.Sin(9*u+3*v+phase) + math.Sin(4*u-11*v+2*phase) + 0.7*math.Sin(31*u+phase)*math.Sin(23*v)
			shade := (1 + 0.5*e.texture*fold) * (1 - 0.4*edge)
			for c := range 3 {
				p.pix[3*(y*p.w+x)+c] = clip(e.colour[c] * shade)
			}
		}
	}
}

// move shows a part of the picture elsewhere, too.
func (p *picture) move(x, y, w, h, dx, dy int) {
	copy(p.spare, p.pix)
	x0, x1 := max(0, x, -dx), min(p.w, x+w, p.w-dx)
	if x0 >= x1 {
		return
	}
	for r := max(0, y, -dy); r < min(p.h, y+h, p.h-dy); r++ {
		copy(p.pix[3*((r+dy)*p.w+x0+dx):3*((r+dy)*p.w+x1+dx)], p.spare[3*(r*p.w+x0):])
	}
}

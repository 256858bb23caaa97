package deposit

import (
	"image"
	"time"

	"github.com/binside/binside/vision"
)

// adaptEvery is the least time between two steps of a background, so that a
// quick camera costs no more than a slow one.
const adaptEvery = 90 * time.Millisecond

// restoreAfter is how long what an absorbed thing hid must be seen again until
// the thing is forgotten. Its cells reach that at slightly different frames: it
// is gone when none has done so for restoreQuiet.
const (
	restoreAfter = time.Second
	restoreQuiet = 300 * time.Millisecond
)

// region is one bin's state machine.
type region struct {
	cfg     *Config
	id      string
	polygon vision.Polygon

	raster    *raster
	shape     *shaper
	bg        *background
	now, prev []byte
	hasPrev   bool
	fg        []bool // cells that differ from the background, cleaned
	seen      thing
	noise     float64
	limit     int32
	light     gain
	table     table
	pending   time.Duration

	prevAt  time.Time // of the latest frame
	changed float64   // share of the thing's cells that changed, at the latest comparison
	track   track
	misses  []Miss // of the latest frame

	phase      Phase
	since      time.Time // when the phase began
	visit      time.Time // when the region was last idle
	reported   string    // the visit's deposit, until it has settled
	calm       bool      // in Waiting: the hand has left the thing
	stirred    bool      // then: something has moved since
	absent     time.Time // since when nothing has been there; zero while something is
	anchor     anchor
	candidates []candidate
	rest       anchor // in Waiting: the scene as it last rested
	fresh      []bool // scratch: cells of a second thing
	second     thing

	goneLast time.Time // when cells of an absorbed thing were last seen to be gone; zero when that is settled

	events, removed, passed, ghosts, absorbed, relearned uint64
}

// anchor is the picture since which the scene has held still.
type anchor struct {
	levels []byte
	mask   []bool // the thing's cells
	light  gain
	at     time.Time
	set    bool
}

func (a *anchor) take(levels []byte, mask []bool, light gain, at time.Time) {
	copy(a.levels, levels)
	copy(a.mask, mask)
	a.light, a.at, a.set = light, at, true
}

func newAnchor(cells int) anchor {
	return anchor{levels: make([]byte, 3*cells), mask: make([]bool, cells)}
}

// resize prepares the region for pictures of another size.
func (g *region) resize(size image.Point) {
	bounds := g.polygon.Bounds(size.X, size.Y)
	g.raster = newRaster(bounds, g.cfg.MaxCells)
	n := g.raster.cells()
	g.shape = newShaper(g.raster.w, g.raster.h, g.raster.inside(g.polygon, size.X, size.Y))
	g.bg = newBackground(n)
	g.now, g.prev, g.hasPrev = make([]byte, 3*n), make([]byte, 3*n), false
	g.fg, g.fresh = make([]bool, n), make([]bool, n)
	g.goneLast = time.Time{}
	g.seen, g.second = thing{mask: make([]bool, n)}, thing{mask: make([]bool, n)}
	g.anchor, g.rest = newAnchor(n), newAnchor(n)
	g.enter(Learning, time.Time{})
}

func (g *region) release() {
	*g = region{cfg: g.cfg, id: g.id, polygon: g.polygon, phase: Idle,
		events: g.events, removed: g.removed, passed: g.passed, ghosts: g.ghosts, absorbed: g.absorbed, relearned: g.relearned}
}

// interrupt forgets what only neighbouring frames can tell.
func (g *region) interrupt() {
	g.hasPrev = false
	g.anchor.set = false
	g.candidates = nil
	g.absent = time.Time{}
	g.track = track{}
	if g.phase == Moving {
		g.phase = Idle
	}
}

func (g *region) relearn() {
	g.relearned++
	g.bg.relearn()
	g.seen.area = 0
	g.goneLast = time.Time{}
	g.enter(Learning, time.Time{})
}

func (g *region) enter(p Phase, at time.Time) {
	g.phase, g.since, g.absent = p, at, time.Time{}
	g.anchor.set, g.rest.set, g.calm, g.stirred = false, false, false, false
	g.candidates = nil
	g.track = track{since: at}
	if p == Idle {
		g.track = track{}
	}
}

// observe takes the next frame and returns the events that became certain.
func (g *region) observe(f Frame, step time.Duration, light gain) []Event {
	g.raster.sample(f.Image, g.now)
	return g.advance(f, step, light)
}

// advance is observe for a frame whose raster is in now. The frame needs no
// image, and its events have no pictures then.
func (g *region) advance(f Frame, step time.Duration, light gain) []Event {
	g.light = light
	g.misses = g.misses[:0]
	defer func() {
		g.prev, g.now = g.now, g.prev
		g.hasPrev, g.prevAt = true, f.Time
	}()
	if g.phase == Learning {
		g.measureNoise()
		if g.bg.learn(g.now, f.Time, light, g.cfg.LearnTime, g.cfg.LearnFrames) {
			g.enter(Idle, f.Time)
		}
		return nil
	}
	events := g.segment(f, step)
	g.measureNoise()
	switch g.phase {
	case Learning: // has returned above
	case Idle:
		if g.present() {
			g.enter(Moving, f.Time)
			g.visit, g.reported = f.Time, ""
			g.moving(f)
		} else {
			g.small(f.Time)
		}
	case Moving:
		events = append(events, g.moving(f)...)
	case Waiting:
		events = append(events, g.waiting(f)...)
	}
	g.follow(step)
	return events
}

// segment finds what differs from the background, and what has gone from it.
func (g *region) segment(f Frame, step time.Duration) []Event {
	g.table.set(g.light)
	limit := max(g.cfg.MinThreshold, 4.5*g.noise)
	g.limit = int32(min(limit, 45)*max(1, g.light[1]) + 0.5)
	g.bg.compare(g.now, g.shape.in, &g.table, g.limit, g.fg)
	g.shape.clean(g.fg)
	g.seen = g.shape.gather(g.shape.find(g.fg, max(3, g.least()/3)), g.seen.mask)
	if g.bg.restore(f, g.now, g.shape.in, &g.table, g.limit, step, restoreAfter) > 0 {
		g.goneLast = f.Time
	}
	return g.restored(f)
}

// least is the smallest thing in cells.
func (g *region) least() int {
	return max(4, int(g.cfg.MinItem*float64(g.shape.inside)+0.5))
}

func (g *region) present() bool { return g.seen.area >= g.least() }

// measureNoise follows the standard deviation of a cell's brightness, from the
// mean absolute difference d of two frames: d·√(π/2)/√2 = 0.886·d for normal
// noise. Differences that noise does not make are left out.
func (g *region) measureNoise() {
	if !g.hasPrev {
		return
	}
	sum, n := int32(0), int32(0)
	for i, in := range g.shape.in {
		if !in || g.fg[i] {
			continue
		}
		k := 3 * i
		d := abs(2*(int32(g.now[k])-int32(g.prev[k])) + 5*(int32(g.now[k+1])-int32(g.prev[k+1])) + int32(g.now[k+2]) - int32(g.prev[k+2]))
		if d < 8*24 {
			sum += d
			n++
		}
	}
	if 4*n < int32(g.shape.inside) {
		return
	}
	g.noise += 0.1 * (0.886*float64(sum)/8/float64(n) - g.noise)
}

// moving waits for the thing to hold still or to leave.
func (g *region) moving(f Frame) []Event {
	if !g.present() {
		if g.gone(f.Time) {
			g.passed++
			g.missed(g.passing(), f.Time)
			g.enter(Idle, f.Time)
		}
		return nil
	}
	g.absent = time.Time{}
	g.track.area = max(g.track.area, g.seen.area)
	if f.Time.Sub(g.since) > g.cfg.StuckAfter {
		g.missed(Unsettled, f.Time)
		g.relearn()
		return nil
	}
	share, still := g.still()
	if !still {
		g.candidates = nil
		g.anchor.take(g.now, g.seen.mask, g.light, f.Time)
		return nil
	}
	g.candidates = keep(g.candidates, g.shoot(f, &g.seen, g.seen.whole, 1-share))
	age := f.Time.Sub(g.anchor.at)
	g.seenStill(age)
	if age < g.patience() {
		return nil
	}
	if g.nature(g.seen.mask) != appeared {
		return g.settle(f)
	}
	return g.emit(f)
}

// before is a sample of the background in the present light.
func (g *region) before(k int) int32 { return int32(g.table[k%3][g.bg.first[k]>>8]) }

// emit makes a deposit's event and disarms the region.
func (g *region) emit(f Frame) []Event {
	id, err := newID(g.since)
	if err != nil {
		// The system has no randomness; the thing is still there at the next
		// frame.
		return nil
	}
	e := Event{ID: id, Kind: Deposited, BinID: g.id, Start: g.since, Decided: f.Time, Shots: best(g.candidates, g.cfg.Shots)}
	g.events++
	g.reported = id
	g.enter(Waiting, f.Time)
	g.calm = g.seen.whole && g.alone()
	g.rest.take(g.now, g.seen.mask, g.light, f.Time)
	return []Event{e}
}

// patience is how long the present thing must hold still.
func (g *region) patience() time.Duration {
	switch {
	case float64(g.seen.area) > g.cfg.MaxItem*float64(g.shape.inside):
		return g.cfg.Large
	case g.seen.whole:
		return g.cfg.Settle
	case g.seen.contact <= g.cfg.HeldContact:
		return g.cfg.Held
	}
	return g.cfg.Large
}

// gone reports whether nothing has been there for long enough.
func (g *region) gone(at time.Time) bool {
	if g.absent.IsZero() {
		g.absent = at
	}
	return at.Sub(g.absent) >= g.cfg.LeaveAfter
}

// follow moves the background: an idle region's towards the picture, any
// other's only with the light.
func (g *region) follow(step time.Duration) {
	if g.phase == Learning {
		return
	}
	if g.pending += step; g.pending >= adaptEvery {
		g.bg.adapt(g.now, g.fg, g.phase != Idle, &g.table, g.pending, g.cfg.BackgroundTime)
		g.pending = 0
	}
}

// flush ends the stream.
func (g *region) flush() []Event {
	if g.phase != Moving || len(g.candidates) == 0 || !g.anchor.set {
		return nil
	}
	last := g.candidates[len(g.candidates)-1].shot
	if last.Time.Sub(g.anchor.at) < g.cfg.Settle {
		return nil
	}
	g.now, g.prev = g.prev, g.now // now is the last frame's again
	if g.nature(g.seen.mask) != appeared {
		return nil
	}
	return g.emit(Frame{Seq: last.Seq, Time: last.Time})
}

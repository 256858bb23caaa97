package deposit

import "time"

// still compares the picture with the one since which the thing has held still.
// It returns the share of the thing's cells, then or now, that changed.
func (g *region) still() (share float64, still bool) {
	if !g.anchor.set {
		return 1, false
	}
	changed, all := 0, 0
	same := matcher(&g.anchor, g.now, g.light, g.limit)
	for i, is := range g.seen.mask {
		if !is && !g.anchor.mask[i] {
			continue
		}
		all++
		if !same(i) {
			changed++
		}
	}
	if all == 0 {
		return 0, true
	}
	share = float64(changed) / float64(all)
	g.changed = share
	return share, share <= g.cfg.StillShare || changed <= 2
}

// matcher tells whether a cell looks as it did in a, in the present light.
func matcher(a *anchor, now []byte, light gain, limit int32) func(i int) bool {
	var t table
	t.set(light.over(a.light))
	return func(i int) bool {
		k := 3 * i
		return !differ(int32(now[k]), int32(now[k+1]), int32(now[k+2]),
			int32(t[0][a.levels[k]]), int32(t[1][a.levels[k+1]]), int32(t[2][a.levels[k+2]]), limit)
	}
}

// waiting waits for the thing to leave, and looks for a second one.
func (g *region) waiting(f Frame) []Event {
	if !g.present() {
		if g.gone(f.Time) {
			g.enter(Idle, f.Time)
		}
		return nil
	}
	g.absent = time.Time{}
	_, still := g.still()
	if g.calm {
		moved, visited := g.disturbed()
		if (g.anchor.set && !still || visited) && !g.stirred {
			g.visit, g.stirred = f.Time, true // another one
		}
		if visited {
			return g.yield(f)
		}
		g.calm = !moved
	}
	if !still {
		g.candidates = nil
		g.anchor.take(g.now, g.seen.mask, g.light, f.Time)
		if f.Time.Sub(g.since) > g.cfg.AbsorbAfter+g.cfg.StuckAfter {
			g.relearn()
		}
		return nil
	}
	age := f.Time.Sub(g.anchor.at)
	if age >= g.cfg.AbsorbAfter || (age >= g.cfg.Rest && g.seen.whole && g.alone()) {
		return g.settle(f)
	}
	if age >= g.cfg.Settle {
		g.stirred = false
		if g.calm = g.calm || g.seen.whole && g.alone() && g.nature(g.seen.mask) == appeared; g.calm {
			g.reported = ""
		}
	}
	if !g.cfg.Pile {
		return nil
	}
	if g.findSecond() {
		g.candidates = keep(g.candidates, g.shoot(f, &g.second, true, 1))
		if age < g.cfg.Settle {
			return nil
		}
		since := g.since
		g.since = g.anchor.at
		if e := g.emit(f); e != nil {
			return e
		}
		g.since = since
		return nil
	}
	if age >= g.cfg.Settle {
		g.rest.take(g.now, g.seen.mask, g.light, f.Time)
	}
	return nil
}

// findSecond looks for a second thing beside or upon the one that rests: new
// cells of a thing's size wholly inside the region, while the first thing has
// not been moved, which would have uncovered background where it was.
func (g *region) findSecond() bool {
	if !g.rest.set {
		return false
	}
	if g.uncovered() {
		return false
	}
	same := matcher(&g.rest, g.now, g.light, g.limit)
	for i, fg := range g.fg {
		g.fresh[i] = fg && !same(i)
	}
	g.shape.clean(g.fresh)
	g.second = g.shape.gather(g.shape.find(g.fresh, max(3, g.least()/3)), g.second.mask)
	if g.second.area < g.least() || !g.second.whole || float64(g.second.area) > g.cfg.MaxItem*float64(g.shape.inside) {
		return false
	}
	var t table
	t.set(g.light.over(g.rest.light))
	return g.contour(g.second.mask, func(k int) int32 { return int32(t[k%3][g.rest.levels[k]]) }) == appeared
}

// uncovered reports whether a tenth of where the first thing rested shows
// background: it has been moved.
func (g *region) uncovered() bool {
	gone, all := 0, 0
	for i, rested := range g.rest.mask {
		if rested {
			all++
			if !g.fg[i] {
				gone++
			}
		}
	}
	return 10*gone > all
}

// disturbed tells whether a thing that rests has been moved and, if not, whether
// somebody has come to it.
func (g *region) disturbed() (moved, visited bool) {
	if g.uncovered() {
		return true, false
	}
	for i, fg := range g.fg {
		g.fresh[i] = fg && !g.rest.mask[i]
	}
	return false, g.visitor()
}

// visitor reports whether fresh shows somebody: something of a thing's size with
// an outline, which a shadow has not, that reaches over the region's edge.
func (g *region) visitor() bool {
	mask := make([]bool, len(g.fresh))
	for _, b := range g.shape.find(g.fresh, g.least()) {
		if b.edge == 0 {
			continue
		}
		for i, l := range g.shape.labels {
			mask[i] = l == b.label
		}
		if g.nature(mask) == appeared {
			return true
		}
	}
	return false
}

// yield makes the things that rest background, as they lay before somebody else
// came: what happens to them from then on is another visit's.
func (g *region) yield(f Frame) []Event {
	copy(g.fresh, g.rest.mask)
	g.shape.join(g.fresh)
	mask := make([]bool, len(g.fresh))
	for _, b := range g.shape.find(g.fresh, 1) {
		for i, l := range g.shape.labels {
			mask[i] = l == b.label && g.rest.mask[i]
		}
		g.bg.absorb(g.rest.levels, mask, g.rest.light, true)
	}
	g.absorbed++
	g.enter(Moving, g.visit)
	g.reported = ""
	return append(g.segment(f, 0), g.moving(f)...)
}

// alone reports whether the foreground is hardly more than the thing: no arm
// beside it.
func (g *region) alone() bool {
	all := 0
	for _, fg := range g.fg {
		if fg {
			all++
		}
	}
	return 10*g.seen.area >= 8*all
}

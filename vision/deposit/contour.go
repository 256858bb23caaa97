package deposit

import "time"

// change is what a change of the picture comes from.
type change int

const (
	lit         change = iota // light, or nothing that has an outline
	appeared                  // a thing that was not there before
	disappeared               // a thing that is no longer there
)

// contour tells a thing from a change of light and from the hole that a thing
// leaves when it is taken away: a thing has an outline in the picture that was
// not there before, a hole had one. Light, even an uneven one, changes a surface
// smoothly: what it adds does not jump at the outline. before gives a sample of
// the former picture in the present light.
func (g *region) contour(mask []bool, before func(k int) int32) change {
	var now, then, jump, n int64
	w, h := g.shape.w, g.shape.h
	step := func(i, j int) {
		for c := range 3 {
			is := int32(g.now[3*i+c]) - int32(g.now[3*j+c])
			was := before(3*i+c) - before(3*j+c)
			now += int64(abs(is))
			then += int64(abs(was))
			jump += int64(abs(is - was))
		}
		n += 3
	}
	for y := 1; y < h-1; y++ {
		for x := 1; x < w-1; x++ {
			i := y*w + x
			if !mask[i] {
				continue
			}
			for _, d := range [...]int{-1, 1, -w, w} {
				// From one cell inside the outline to one outside.
				out, in := i+d, i-d
				if mask[out] || !g.shape.in[out] {
					continue
				}
				if !mask[in] {
					in = i
				}
				step(in, out)
			}
		}
	}
	switch {
	case n == 0 || 2*jump <= int64(g.limit)*n:
		return lit
	case 10*then > 14*now:
		return disappeared
	}
	return appeared
}

// nature is contour against the background. Light that has become background has
// an outline of its own in it, at the threshold; what is a thing stands out from
// the surface without that light as well.
func (g *region) nature(mask []bool) change {
	what := g.contour(mask, g.before)
	if what == lit || g.bg.seconds == 0 {
		return what
	}
	unlit := g.contour(mask, func(k int) int32 {
		if i := k / 3; g.bg.hasSecond[i] && g.bg.placed[i] == 0 {
			return int32(g.table[k%3][g.bg.second[k]>>8])
		}
		return g.before(k)
	})
	if unlit == lit {
		return lit
	}
	return what
}

// settle makes everything that differs and holds still background, each blob as
// what it is, and arms the region again. Things that have gone become events.
func (g *region) settle(f Frame) []Event {
	var events []Event
	copy(g.fresh, g.fg)
	g.shape.join(g.fresh) // the parts of one thing
	blobs := append([]blob(nil), g.shape.find(g.fresh, 1)...)
	labels := append([]int32(nil), g.shape.labels...)
	mask := make([]bool, len(labels))
	placed := 0
	for _, b := range blobs {
		for i, l := range labels {
			mask[i] = l == b.label && g.fg[i]
		}
		switch what := g.nature(mask); {
		case what == disappeared && b.area >= g.least():
			if e, ok := g.remove(f, g.visit); ok {
				events = append(events, e)
			}
			g.bg.uncover(g.now, mask, g.light)
		case what == appeared && g.phase == Waiting:
			placed++
			g.bg.absorb(g.now, mask, g.light, true)
		default:
			g.bg.absorb(g.now, mask, g.light, false)
		}
	}
	switch {
	case placed > 0:
		g.absorbed++
	case len(events) == 0:
		g.ghosts++
		if g.phase == Moving {
			g.missed(LightOnly, f.Time)
		}
	default:
		events[0].Denies = g.reported
	}
	g.reported = ""
	g.enter(Idle, f.Time)
	return events
}

// restored makes events of absorbed things that have been taken away.
func (g *region) restored(f Frame) []Event {
	if g.goneLast.IsZero() || f.Time.Sub(g.goneLast) < restoreQuiet {
		return nil
	}
	g.goneLast = time.Time{}
	var events []Event
	for _, since := range g.bg.taken(g.least()) {
		if e, ok := g.remove(f, since); ok {
			events = append(events, e)
		}
	}
	if len(events) > 0 && g.phase == Idle {
		events[0].Denies, g.reported = g.reported, ""
	}
	return events
}

// remove makes the event of a thing that was taken away.
func (g *region) remove(f Frame, since time.Time) (Event, bool) {
	id, err := newID(since)
	if err != nil {
		return Event{}, false // as in emit
	}
	g.removed++
	return Event{ID: id, Kind: Removed, BinID: g.id, Start: since, Decided: f.Time}, true
}

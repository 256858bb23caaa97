package deposit

import "time"

// Reason is why something that was seen did not become an event.
type Reason string

// The reasons.
const (
	// TooSmall: it never covered MinItem of the region.
	TooSmall Reason = "too-small"
	// TooLarge: it covered more than MaxItem, or too much of the region's edge,
	// and left before it had held still for Large.
	TooLarge Reason = "too-large"
	// InHand: it reached over the region's edge and left before it had held
	// still for Held.
	InHand Reason = "held"
	// Unsettled: it did not hold still for Settle.
	Unsettled Reason = "never-settled"
	// LightOnly: it held still and has no outline: a shadow, a reflection.
	LightOnly Reason = "light"
)

// Miss is something that was seen and did not become an event: what a hand or
// a passer-by should be, and an item should not.
type Miss struct {
	BinID      string
	Reason     Reason
	Start, End time.Time
	// Area is the largest share of the region that it covered.
	Area float64
	// Still is the longest time that it held still, Needed the time that it
	// would have had to.
	Still, Needed time.Duration
}

// Misses returns what the latest Observe gave up on. The slice is valid until
// the next call of it. Like Observe it belongs to the detector's goroutine.
func (d *Detector) Misses() []Miss { return d.misses }

// track follows what is in the region, for the miss that it may become.
type track struct {
	since         time.Time
	area          int // the largest, in cells
	still, needed time.Duration
	why           Reason // what keeps what has held still from being an event
	told          bool
}

// seenStill notes that the present thing has held still for a while.
func (g *region) seenStill(age time.Duration) {
	if age < g.track.still {
		return
	}
	g.track.still, g.track.needed, g.track.why = age, g.patience(), InHand
	if g.track.needed >= g.cfg.Large {
		g.track.why = TooLarge
	}
}

// missed ends the track of what came and did not become an event.
func (g *region) missed(why Reason, end time.Time) {
	t := g.track
	if t.needed == 0 {
		t.needed = g.cfg.Settle
	}
	m := Miss{BinID: g.id, Reason: why, Start: t.since, End: end, Still: t.still, Needed: t.needed}
	if g.shape.inside > 0 {
		m.Area = float64(t.area) / float64(g.shape.inside)
	}
	g.misses = append(g.misses, m)
}

// passing is why what leaves now was no event.
func (g *region) passing() Reason {
	if g.track.still >= g.cfg.Settle {
		return g.track.why
	}
	return Unsettled
}

// small follows what is there and too small to be a thing. It is told once,
// while it is there: whoever has just put in something small waits for it.
func (g *region) small(at time.Time) {
	if g.seen.area == 0 {
		g.track = track{}
		return
	}
	if g.track.since.IsZero() {
		g.track = track{since: at}
	}
	g.track.area = max(g.track.area, g.seen.area)
	g.track.still = at.Sub(g.track.since)
	if !g.track.told && g.track.still >= g.cfg.Settle {
		g.track.told = true
		g.missed(TooSmall, at)
	}
}

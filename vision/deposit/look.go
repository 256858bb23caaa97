package deposit

import (
	"image"
	"time"

	"github.com/binside/binside/vision/privacy"
)

// State is what a region's state machine is doing, in the words of whoever
// tunes it: a phase, and whether what is there holds still.
type State string

// The states of a region.
const (
	StateLearning State = "learning" // the background is being learnt
	StateIdle     State = "idle"     // nothing is there
	StateEntering State = "entering" // something is there and moves
	StateSettling State = "settling" // something is there and holds still, not yet for long enough
	StateResting  State = "resting"  // an event was emitted, the thing is still there
	StateLeaving  State = "leaving"  // an event was emitted, nothing is there any more
)

// Look is a copy of what one region sees and decides by, for whoever tunes a
// detector. It holds nothing from outside the region's polygon.
type Look struct {
	BinID string
	State State
	// Picture is the size of the camera's picture and Bounds the rectangle of
	// it, both in pixels, that Width × Height cells of Cell × Cell pixels cover;
	// the last column and row may reach beyond it.
	Picture       image.Point
	Bounds        image.Rectangle
	Width, Height int
	Cell          int
	// Foreground and Thing mark the cells that differ from the background and
	// those of them that are taken for one thing: a bit a cell, row-major, the
	// first cell in the lowest bit of the first byte.
	Foreground, Thing []byte
	// Colours are the cells' colours, three bytes a cell in the order red,
	// green, blue, privacy.Fill outside the polygon; nil where they were not
	// asked for.
	Colours []byte

	// Area is the share of the region that the thing covers, Contact the share
	// of the region's edge; Whole says that it lies wholly inside.
	Area, Contact float64
	Whole         bool
	// Changed is the share of the thing's cells that have changed since it
	// began to hold still, which Still ago it did; Needed is how long it must.
	Changed       float64
	Still, Needed time.Duration
	// Threshold is the difference from the background, in levels of 255, that
	// counts at present; Noise is the standard deviation of a cell's brightness
	// between frames; Light is the gain of the picture's light over the
	// background's per channel.
	Threshold int
	Noise     float64
	Light     [3]float64
}

// Looks returns a copy of what every region saw in the latest frame, with its
// colours or without; none before the first frame. Like Observe it belongs to
// the detector's goroutine.
func (d *Detector) Looks(colours bool) []Look {
	if d.closed || d.size == (image.Point{}) {
		return nil
	}
	looks := make([]Look, len(d.regions))
	for i, r := range d.regions {
		looks[i] = r.look(d.last, colours)
		looks[i].Picture = d.size
	}
	return looks
}

func (g *region) look(at time.Time, colours bool) Look {
	l := Look{
		BinID: g.id, State: g.state(), Bounds: g.raster.rect, Width: g.raster.w, Height: g.raster.h, Cell: g.raster.cell,
		Foreground: pack(g.fg), Thing: pack(g.seen.mask),
		Threshold: int(g.limit), Noise: g.noise, Light: g.light,
	}
	if g.shape.inside > 0 {
		l.Area = float64(g.seen.area) / float64(g.shape.inside)
	}
	if g.seen.area > 0 {
		l.Contact, l.Whole, l.Needed = g.seen.contact, g.seen.whole, g.patience()
		if g.phase == Waiting {
			l.Needed = g.cfg.AbsorbAfter
			if g.seen.whole && g.alone() {
				l.Needed = g.cfg.Rest
			}
		}
	}
	if g.anchor.set && (g.phase == Moving || g.phase == Waiting) {
		l.Changed, l.Still = g.changed, at.Sub(g.anchor.at)
	}
	if colours && g.hasPrev {
		l.Colours = g.colours()
	}
	return l
}

func (g *region) state() State {
	switch g.phase {
	case Learning:
		return StateLearning
	case Moving:
		if g.anchor.set && g.prevAt.After(g.anchor.at) {
			return StateSettling
		}
		return StateEntering
	case Waiting:
		if g.absent.IsZero() {
			return StateResting
		}
		return StateLeaving
	case Idle:
	}
	return StateIdle
}

// colours copies the latest raster without what lies outside the polygon.
func (g *region) colours() []byte {
	out := make([]byte, len(g.prev))
	for i, in := range g.shape.in {
		k := 3 * i
		if in {
			copy(out[k:k+3], g.prev[k:k+3])
		} else {
			out[k], out[k+1], out[k+2] = privacy.Fill.R, privacy.Fill.G, privacy.Fill.B
		}
	}
	return out
}

// pack writes eight cells into a byte.
func pack(mask []bool) []byte {
	out := make([]byte, (len(mask)+7)/8)
	for i, set := range mask {
		if set {
			out[i/8] |= 1 << (i % 8)
		}
	}
	return out
}

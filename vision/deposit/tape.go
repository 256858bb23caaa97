package deposit

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// segmentTime is how much of a stream a tape drops at a time.
const segmentTime = 10 * time.Second

// Tape keeps what a detector's regions saw lately, reduced to their rasters, so
// that other thresholds can be tried on it. It holds no frame, and of the view
// outside the regions only how its light changed. One detector writes it;
// Replay may be called from any goroutine.
type Tape struct {
	span     time.Duration
	maxBytes int

	mu       sync.Mutex
	segments []*segment
	bytes    int
}

// segment is some seconds of a stream and the regions as they were before it.
type segment struct {
	regions []*region
	since   time.Time
	frames  []reduced
	bytes   int
}

// reduced is one frame of a tape.
type reduced struct {
	at     time.Time
	seq    uint64
	step   time.Duration
	broken bool // the frame before is too long ago to be compared with
	light  gain
	moved  bool
	levels [][]byte // a raster a region
}

// NewTape returns an empty tape of at least the given time, but of at most
// maxBytes: what is older goes, ten seconds at a time.
func NewTape(span time.Duration, maxBytes int) *Tape { return &Tape{span: span, maxBytes: maxBytes} }

// Record makes the detector write its further frames to the tape; nil ends it.
// Like Observe it belongs to the detector's goroutine.
func (d *Detector) Record(t *Tape) { d.tape = t }

// Played is what a tape gives under some configuration.
type Played struct {
	// From and To are the times of the first and the last frame.
	From, To time.Time
	Frames   int
	// Events have no pictures.
	Events []Event
	Misses []Miss
}

// Replay runs the tape under another configuration, from the state in which
// the regions were when it begins. Under the one that it was recorded with it
// gives the events that the detector gave. The light, which is measured over the
// whole view, and whether the view moved are taken from the recording. It errs
// on a configuration that cannot work or has another MaxCells, and when ctx
// ends. An empty tape gives no frames.
func (t *Tape) Replay(ctx context.Context, cfg Config) (Played, error) {
	var p Played
	if err := cfg.Validate(); err != nil {
		return p, err
	}
	segments := t.snapshot()
	if len(segments) == 0 {
		return p, nil
	}
	var regions []*region
	for _, r := range segments[0].regions {
		if r.cfg.MaxCells != cfg.MaxCells {
			return p, fmt.Errorf("deposit: a tape of MaxCells %d cannot be played with %d", r.cfg.MaxCells, cfg.MaxCells)
		}
		regions = append(regions, r.clone(&cfg))
	}
	for _, s := range segments {
		for _, f := range s.frames {
			if err := ctx.Err(); err != nil {
				return p, err
			}
			p.play(regions, f)
		}
	}
	return p, nil
}

func (p *Played) play(regions []*region, f reduced) {
	if p.Frames == 0 {
		p.From = f.at
	}
	p.To = f.at
	p.Frames++
	for i, r := range regions {
		if f.broken {
			r.interrupt()
		}
		if f.moved {
			r.relearn()
		}
		copy(r.now, f.levels[i])
		p.Events = append(p.Events, r.advance(Frame{Seq: f.seq, Time: f.at}, f.step, f.light)...)
		p.Misses = append(p.Misses, r.misses...)
	}
}

// Copy returns a tape of what there is now, which does not grow: for several
// replays of the same frames.
func (t *Tape) Copy() *Tape {
	c := &Tape{span: t.span, maxBytes: t.maxBytes}
	for _, s := range t.snapshot() {
		c.segments = append(c.segments, &s)
	}
	return c
}

// Span is how much the tape holds now.
func (t *Tape) Span() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.segments) == 0 {
		return 0
	}
	last := t.segments[len(t.segments)-1]
	if len(last.frames) == 0 {
		return last.since.Sub(t.segments[0].since)
	}
	return last.frames[len(last.frames)-1].at.Sub(t.segments[0].since)
}

// snapshot returns the segments so far; what is in them never changes.
func (t *Tape) snapshot() []segment {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]segment, len(t.segments))
	for i, s := range t.segments {
		out[i] = *s
		out[i].frames = slices.Clip(s.frames)
	}
	return out
}

func (t *Tape) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.segments, t.bytes = nil, 0
}

// begin opens a segment where one is due. It is called before the regions see
// the frame.
func (t *Tape) begin(regions []*region, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := len(t.segments); n > 0 {
		if age := at.Sub(t.segments[n-1].since); age >= 0 && age < segmentTime {
			return
		}
	}
	s := &segment{since: at}
	for _, r := range regions {
		cfg := *r.cfg
		s.regions = append(s.regions, r.clone(&cfg))
		s.bytes += 64 * r.raster.cells() // what a clone keeps a cell, about
	}
	t.segments = append(t.segments, s)
	t.bytes += s.bytes
}

// add appends a frame that the regions have seen.
func (t *Tape) add(regions []*region, f reduced) {
	size := 0
	for _, r := range regions {
		f.levels = append(f.levels, slices.Clone(r.prev))
		size += len(r.prev)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.segments[len(t.segments)-1]
	s.frames = append(s.frames, f)
	s.bytes += size
	t.bytes += size
	for len(t.segments) > 1 && (t.bytes > t.maxBytes || t.segments[1].since.Before(f.at.Add(-t.span)) || t.segments[0].since.After(f.at)) {
		t.drop()
	}
	if t.bytes > t.maxBytes { // one segment alone is too much: what follows begins another
		t.segments, t.bytes = nil, 0
	}
}

func (t *Tape) drop() {
	t.bytes -= t.segments[0].bytes
	t.segments = slices.Delete(t.segments, 0, 1)
}

// clone copies all that the region's next frames depend on, but for pictures.
func (g *region) clone(cfg *Config) *region {
	c := *g
	c.cfg, c.misses = cfg, nil
	c.shape = g.shape.clone()
	c.bg = g.bg.clone()
	c.now, c.prev = slices.Clone(g.now), slices.Clone(g.prev)
	c.fg, c.fresh = slices.Clone(g.fg), slices.Clone(g.fresh)
	c.seen.mask, c.second.mask = slices.Clone(g.seen.mask), slices.Clone(g.second.mask)
	c.anchor, c.rest = g.anchor.clone(), g.rest.clone()
	c.candidates = slices.Clone(g.candidates)
	for i := range c.candidates {
		c.candidates[i].shot.Image = nil
	}
	return &c
}

func (a anchor) clone() anchor {
	a.levels, a.mask = slices.Clone(a.levels), slices.Clone(a.mask)
	return a
}

// clone shares what never changes and has its own buffers.
func (s *shaper) clone() *shaper {
	c := *s
	n := len(s.in)
	c.tmp, c.sums, c.labels = make([]bool, n), make([]uint8, n), make([]int32, n)
	c.stack, c.blobs = nil, nil
	return &c
}

func (b *background) clone() *background {
	c := *b
	c.first, c.second = slices.Clone(b.first), slices.Clone(b.second)
	c.hasSecond, c.placed, c.secondSeen = slices.Clone(b.hasSecond), slices.Clone(b.placed), slices.Clone(b.secondSeen)
	c.things = slices.Clone(b.things)
	c.learning = slices.Clone(b.learning) // its rasters never change
	return &c
}

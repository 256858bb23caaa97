package deposit

import (
	"math"
	"slices"
	"time"
)

// background is what a raster looks like when nothing is there. Each cell has a
// first colour and may have a second one: when a resting thing becomes
// background, what it hides is kept, so that taking the thing away later shows
// nothing new, and is known for what it is. Colours are kept in 1/256 levels, in the light they were learnt
// in or have followed since.
type background struct {
	first, second []int32 // 3 a cell
	hasSecond     []bool
	// placed tells, for a cell with a second colour, which of things hides it:
	// its place in the list and one; 0 for light.
	placed  []int32
	things  []placed
	seconds int // cells with a second colour
	// secondSeen counts, for each cell, how long the second colour has been
	// the one that is seen.
	secondSeen []time.Duration
	// learning holds the rasters seen since learning began.
	learning  [][]byte
	since     time.Time
	lastTaken time.Time
	ready     bool
}

// placed is a thing that has become background.
type placed struct {
	cells int // that it still hides, or hid until it went
	gone  int // those of them that show again what it hid
	since time.Time
	told  bool
}

func newBackground(cells int) *background {
	return &background{
		first: make([]int32, 3*cells), second: make([]int32, 3*cells),
		hasSecond: make([]bool, cells), placed: make([]int32, cells), secondSeen: make([]time.Duration, cells),
	}
}

// maxLearning bounds the rasters that a median is taken of.
const maxLearning = 9

// learn takes a raster and reports whether the background is known now: the
// median of at least the given number of frames over at least the given time,
// which a thing that only passes does not enter. light is the gain by which the
// picture's light differs from that of the other backgrounds.
//
//go:norace
func (b *background) learn(now []byte, at time.Time, light gain, span time.Duration, frames int) bool {
	keep := max(frames, maxLearning)
	if len(b.learning) == 0 {
		b.since = at
	}
	spacing := span / time.Duration(keep)
	if len(b.learning) == 0 || (at.Sub(b.lastTaken) >= spacing && len(b.learning) < keep) || len(b.learning) < frames {
		b.learning = append(b.learning, slices.Clone(now))
		b.lastTaken = at
	}
	if len(b.learning) < frames || at.Sub(b.since) < span {
		return false
	}
	values := make([]byte, len(b.learning))
	for i := range b.first {
		for k, l := range b.learning {
			values[k] = l[i]
		}
		slices.Sort(values)
		b.first[i] = unlit(values[len(values)/2], light[i%3])
	}
	b.forget()
	b.learning, b.ready = nil, true
	return true
}

// relearn starts learning anew.
func (b *background) relearn() { b.learning, b.ready = nil, false }

// forget drops all second colours.
func (b *background) forget() {
	clear(b.hasSecond)
	clear(b.secondSeen)
	b.things, b.seconds = nil, 0
}

// levels writes the first colours as bytes into dst.
func (b *background) levels(dst []byte) {
	for i, v := range b.first {
		dst[i] = byte(v >> 8)
	}
}

// compare marks in dst the cells of the region that show neither background.
// It returns how many there are.
//
//go:norace
func (b *background) compare(now []byte, in []bool, light *table, limit int32, dst []bool) int {
	n := 0
	for i := range dst {
		dst[i] = false
		if !in[i] {
			continue
		}
		k := 3 * i
		r, g, bl := int32(now[k]), int32(now[k+1]), int32(now[k+2])
		if !differ(r, g, bl, b.lit(light, b.first, k, 0), b.lit(light, b.first, k, 1), b.lit(light, b.first, k, 2), limit) {
			continue
		}
		if b.hasSecond[i] && !differ(r, g, bl, b.lit(light, b.second, k, 0), b.lit(light, b.second, k, 1), b.lit(light, b.second, k, 2), limit) {
			continue
		}
		dst[i] = true
		n++
	}
	return n
}

func (b *background) lit(light *table, colours []int32, k, c int) int32 {
	return int32(light[c][colours[k+c]>>8])
}

// adapt moves the background towards the picture, save where the foreground
// is (everywhere, where hold is set): there it only follows the light, by the
// same law, so that what an item hides is in the present light when it is seen
// again.
//
//go:norace
func (b *background) adapt(now []byte, foreground []bool, hold bool, light *table, step, tau time.Duration) {
	alpha := int32(65536 * (1 - math.Exp(-float64(step)/float64(tau))))
	if alpha <= 0 {
		return
	}
	for i := range b.hasSecond {
		held := hold || foreground[i]
		for k := 3 * i; k < 3*i+3; k++ {
			c := k - 3*i
			target := int32(light[c][b.first[k]>>8])<<8 | b.first[k]&0xff
			if !held {
				target = int32(now[k]) << 8
			}
			b.first[k] += int32(int64(target-b.first[k]) * int64(alpha) >> 16)
			if b.hasSecond[i] {
				target = int32(light[c][b.second[k]>>8])<<8 | b.second[k]&0xff
				b.second[k] += int32(int64(target-b.second[k]) * int64(alpha) >> 16)
			}
		}
	}
}

// absorb makes what the marked cells show background; what was there before
// becomes their second colour. thing says that it is one that they show.
func (b *background) absorb(now []byte, cells []bool, light gain, thing bool) {
	id := int32(0)
	if thing {
		id = b.newThing()
	}
	for i, in := range cells {
		if !in {
			continue
		}
		for k := 3 * i; k < 3*i+3; k++ {
			b.second[k] = b.first[k]
			b.first[k] = unlit(now[k], light[k-3*i])
		}
		b.single(i)
		b.hasSecond[i] = true
		b.seconds++
		b.placed[i], b.secondSeen[i] = id, 0
		if thing {
			b.things[id-1].cells++
		}
	}
}

// newThing finds a place in the list of things for another one.
func (b *background) newThing() int32 {
	i := slices.IndexFunc(b.things, func(p placed) bool { return p.cells == p.gone })
	if i < 0 {
		i = len(b.things)
		b.things = append(b.things, placed{})
	}
	b.things[i] = placed{}
	return int32(i + 1)
}

// uncover makes the marked cells show their only background: what was
// there has been taken away, and would be something new if it came again.
func (b *background) uncover(now []byte, cells []bool, light gain) {
	for i, in := range cells {
		if !in {
			continue
		}
		for k := 3 * i; k < 3*i+3; k++ {
			b.first[k] = unlit(now[k], light[k-3*i])
		}
		b.single(i)
	}
}

// single takes a cell its second colour.
func (b *background) single(i int) {
	if !b.hasSecond[i] {
		return
	}
	b.hasSecond[i] = false
	b.seconds--
	if id := b.placed[i]; id > 0 {
		b.things[id-1].cells--
	}
}

// unlit is a level in the background's own light.
func unlit(v byte, g float64) int32 {
	return int32(math.Min(255*256, float64(v)*256/g+0.5))
}

// restore makes the second colour of a cell its only one once it has been seen
// for hold: what was absorbed is gone again. It returns how many cells of things
// have gone with this picture.
func (b *background) restore(f Frame, now []byte, in []bool, light *table, limit int32, step, hold time.Duration) int {
	if b.seconds == 0 {
		return 0
	}
	gone := 0
	for i, has := range b.hasSecond {
		if !has || !in[i] {
			continue
		}
		k := 3 * i
		r, g, bl := int32(now[k]), int32(now[k+1]), int32(now[k+2])
		first := differ(r, g, bl, b.lit(light, b.first, k, 0), b.lit(light, b.first, k, 1), b.lit(light, b.first, k, 2), limit)
		second := differ(r, g, bl, b.lit(light, b.second, k, 0), b.lit(light, b.second, k, 1), b.lit(light, b.second, k, 2), limit)
		if !first || second {
			b.secondSeen[i] = 0
			continue
		}
		if b.secondSeen[i] += step; b.secondSeen[i] < hold {
			continue
		}
		copy(b.first[k:k+3], b.second[k:k+3])
		b.hasSecond[i] = false
		b.seconds--
		if id := b.placed[i]; id > 0 {
			b.things[id-1].lose(f.Time.Add(-hold))
			gone++
		}
	}
	return gone
}

// lose notes that a cell shows again what the thing hid, since a moment.
func (p *placed) lose(since time.Time) {
	if p.gone++; p.since.IsZero() && 10*p.gone >= p.cells {
		p.since = since
	}
}

// taken lists since when the things that have been taken away are gone, each
// once. A thing has gone with half of its cells: those at its outline, and the
// shadow beside it, come and go with the light.
func (b *background) taken(least int) []time.Time {
	var since []time.Time
	for i := range b.things {
		if p := &b.things[i]; !p.told && p.cells >= least && 2*p.gone >= p.cells {
			p.told = true
			since = append(since, p.since)
		}
	}
	return since
}

package deposit

import "image"

// blob is a connected set of foreground cells.
type blob struct {
	label int32
	area  int
	box   image.Rectangle // in cells
	edge  int             // how many of its cells lie on the region's edge
}

// shaper turns a noisy mask into blobs. Its buffers are reused.
type shaper struct {
	w, h   int
	in     []bool // cells of the region
	rim    []bool // cells of the region next to one outside it
	inside int    // number of cells in the region
	rims   int
	tmp    []bool
	sums   []uint8
	labels []int32
	stack  []int32
	blobs  []blob
}

func newShaper(w, h int, in []bool) *shaper {
	n := w * h
	s := &shaper{w: w, h: h, in: in, rim: make([]bool, n), tmp: make([]bool, n), sums: make([]uint8, n), labels: make([]int32, n)}
	for y := range h {
		for x := range w {
			i := y*w + x
			if !in[i] {
				continue
			}
			s.inside++
			if x == 0 || y == 0 || x == w-1 || y == h-1 || !in[i-1] || !in[i+1] || !in[i-w] || !in[i+w] {
				s.rim[i] = true
				s.rims++
			}
		}
	}
	return s
}

// clean drops specks (a cell stays with at least 4 of its 8 neighbours), then
// closes gaps of up to two cells.
//
//go:norace
func (s *shaper) clean(mask []bool) {
	s.count(mask)
	for i, set := range mask {
		s.tmp[i] = set && s.sums[i] >= 5
	}
	s.count(s.tmp)
	for i := range mask {
		mask[i] = s.in[i] && s.sums[i] > 0
	}
	// Erode: a cell stays when all its neighbours inside the region are set.
	s.count(mask)
	copy(s.tmp, mask)
	for y := range s.h {
		for x := range s.w {
			if i := y*s.w + x; s.tmp[i] {
				mask[i] = int(s.sums[i]) == s.neighbours(x, y)
			}
		}
	}
}

// join grows the mask by two cells on every side, so that the parts of one
// thing, such as a clear bottle and its cap, touch.
//
//go:norace
func (s *shaper) join(mask []bool) {
	for range 2 {
		s.count(mask)
		for i := range mask {
			mask[i] = s.in[i] && s.sums[i] > 0
		}
	}
}

// neighbours is the number of cells of the region in the 3×3 around a cell.
func (s *shaper) neighbours(x, y int) int {
	n := 0
	for yy := max(0, y-1); yy <= min(s.h-1, y+1); yy++ {
		for xx := max(0, x-1); xx <= min(s.w-1, x+1); xx++ {
			if s.in[yy*s.w+xx] {
				n++
			}
		}
	}
	return n
}

// count fills sums with the number of set cells in the 3×3 around each cell.
//
//go:norace
func (s *shaper) count(mask []bool) {
	clear(s.sums)
	for y := range s.h {
		for x := range s.w {
			if !mask[y*s.w+x] {
				continue
			}
			for yy := max(0, y-1); yy <= min(s.h-1, y+1); yy++ {
				for i := yy*s.w + max(0, x-1); i <= yy*s.w+min(s.w-1, x+1); i++ {
					s.sums[i]++
				}
			}
		}
	}
}

// find labels the mask's 8-connected blobs of at least the given area. The
// slice is valid until the next call.
//
//go:norace
func (s *shaper) find(mask []bool, least int) []blob {
	clear(s.labels)
	s.blobs = s.blobs[:0]
	next := int32(0)
	for i, set := range mask {
		if !set || s.labels[i] != 0 {
			continue
		}
		next++
		if b := s.fill(mask, int32(i), next); b.area >= least {
			s.blobs = append(s.blobs, b)
		}
	}
	return s.blobs
}

//go:norace
func (s *shaper) fill(mask []bool, start, label int32) blob {
	b := blob{label: label}
	s.stack = append(s.stack[:0], start)
	s.labels[start] = label
	for len(s.stack) > 0 {
		i := int(s.stack[len(s.stack)-1])
		s.stack = s.stack[:len(s.stack)-1]
		x, y := i%s.w, i/s.w
		b.area++
		if s.rim[i] {
			b.edge++
		}
		b.box = b.box.Union(image.Rect(x, y, x+1, y+1))
		for yy := max(0, y-1); yy <= min(s.h-1, y+1); yy++ {
			for xx := max(0, x-1); xx <= min(s.w-1, x+1); xx++ {
				if k := yy*s.w + xx; mask[k] && s.labels[k] == 0 {
					s.labels[k] = label
					s.stack = append(s.stack, int32(k))
				}
			}
		}
	}
	return b
}

// thing is what is taken for one item: one or several blobs.
type thing struct {
	area    int
	box     image.Rectangle // in cells
	contact float64         // share of the region's edge that it covers
	whole   bool            // lies wholly inside the region
	mask    []bool
}

// gather joins blobs to a thing and writes its mask. Blobs that lie wholly
// inside are preferred to those that reach over the edge (an arm, a passer-by)
// where they make up at least a third of what is seen; of these, those of at
// least a tenth of the largest one belong together.
func (s *shaper) gather(blobs []blob, mask []bool) thing {
	t := thing{mask: mask}
	whole, all := 0, 0
	for _, b := range blobs {
		all += b.area
		if s.isWhole(b) {
			whole += b.area
		}
	}
	t.whole = whole > 0 && 3*whole >= all
	largest := 0
	for _, b := range blobs {
		if !t.whole || s.isWhole(b) {
			largest = max(largest, b.area)
		}
	}
	taken := make(map[int32]bool, len(blobs))
	edge := 0
	for _, b := range blobs {
		if (t.whole && !s.isWhole(b)) || 10*b.area < largest {
			continue
		}
		taken[b.label] = true
		t.area += b.area
		t.box = t.box.Union(b.box)
		edge += b.edge
	}
	if s.rims > 0 {
		t.contact = float64(edge) / float64(s.rims)
	}
	for i, l := range s.labels {
		mask[i] = l != 0 && taken[l]
	}
	return t
}

// isWhole allows a blob to graze the edge with a fiftieth of it.
func (s *shaper) isWhole(b blob) bool { return 50*b.edge <= s.rims }

package condition

import (
	"bytes"
	"fmt"
	"math"
	"slices"

	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/internal/cv"
)

const (
	// width is the width in pixels to which a picture is brought. At it the
	// sensor's noise is nearly gone, and a lens out of focus shows.
	width = 320
	// cell is the side of the squares that edges are summed over, tile that of
	// those whose detail is compared.
	cell, tile = 4, 20
)

// dim is added to a brightness in levels before it is divided by: below it a
// picture has too few levels to speak of contrast.
const dim = 8

// sample is what is measured of one picture.
type sample struct {
	w, h int
	luma []byte
	// cols and rows of cells and tiles.
	cols, rows   int
	tcols, trows int
	// edges is the mean length of the gradient of each cell, detail its mean
	// square in each tile, without what the noise adds, by the tile's brightness
	// and its square: a thing keeps its contrast in shadow and in lamplight.
	edges, detail []float64
	// change is the variance of what changed in each tile since the picture before,
	// its light apart, in levels squared; 0 without one.
	change []float64
	// mean is the luma of each tile, relief how far it is from that of its
	// neighbours, by theirs: the coarse pattern of things without that of light.
	mean, relief []float64
	// noise is the variance of the sensor's noise, in levels squared.
	noise  float64
	sorted []float64

	brightness float64 // mean luma, 0 to 1
	white      float64 // share of pixels from 250 on
	high       float64 // luma that 2% of the pixels exceed, 0 to 1
}

// measure takes a picture and the one before it; the buffers are used again.
func (s *sample) measure(img *vision.Image, prev *sample) error {
	if err := img.Valid(); err != nil {
		return err
	}
	w := width
	h := max(tile, (img.Height*w+img.Width/2)/img.Width)
	if h > 4*w {
		return fmt.Errorf("condition: a picture of %d×%d pixels", img.Width, img.Height)
	}
	if s.w != w || s.h != h {
		*s = sample{
			w: w, h: h, luma: make([]byte, w*h), cols: w / cell, rows: h / cell, tcols: w / tile, trows: h / tile,
		}
		s.edges = make([]float64, s.cols*s.rows)
		tiles := s.tcols * s.trows
		s.detail, s.mean, s.relief = make([]float64, tiles), make([]float64, tiles), make([]float64, tiles)
		s.change, s.sorted = make([]float64, tiles), make([]float64, tiles)
	}
	if err := cv.Luma(img, img.Rect(), s.luma, w, h); err != nil {
		return fmt.Errorf("condition: %w", err)
	}
	s.measureLight()
	s.measureEdges()
	s.measureNoise(prev)
	s.compensate()
	s.measureRelief()
	return nil
}

func (s *sample) measureLight() {
	var histogram [256]int
	for _, v := range s.luma {
		histogram[v]++
	}
	sum, white, above := 0, 0, 0
	n := len(s.luma)
	s.high = 0
	for v := 255; v >= 0; v-- {
		sum += v * histogram[v]
		if v >= 250 {
			white += histogram[v]
		}
		if above += histogram[v]; s.high == 0 && 50*above > n {
			s.high = float64(v) / 255
		}
	}
	s.brightness, s.white = float64(sum)/float64(n)/255, float64(white)/float64(n)
}

// measureEdges sums gradients by central differences over cells and tiles.
func (s *sample) measureEdges() {
	clear(s.edges)
	clear(s.detail)
	clear(s.mean)
	for y := 1; y < min(s.h-1, s.trows*tile); y++ {
		up, row, down := s.luma[(y-1)*s.w:y*s.w], s.luma[y*s.w:(y+1)*s.w], s.luma[(y+1)*s.w:(y+2)*s.w]
		for i := range s.cols {
			squares, sum, length := 0, 0, float32(0)
			for x := max(i*cell, 1); x < min(i*cell+cell, s.w-1); x++ {
				dx, dy := int(row[x+1])-int(row[x-1]), int(down[x])-int(up[x])
				square := dx*dx + dy*dy
				squares += square
				sum += int(row[x])
				length += float32(math.Sqrt(float64(float32(square))))
			}
			t := y/tile*s.tcols + i*cell/tile
			s.detail[t] += float64(squares)
			s.mean[t] += float64(sum)
			if c := y / cell; c < s.rows {
				s.edges[c*s.cols+i] += float64(length)
			}
		}
	}
	// The picture's outermost pixels have no gradient.
	for t := range s.detail {
		x, y := t%s.tcols*tile, t/s.tcols*tile
		n := float64((min(x+tile, s.w-1) - max(x, 1)) * (min(y+tile, s.h-1) - max(y, 1)))
		s.detail[t] /= n
		s.mean[t] /= n
	}
	for c := range s.edges {
		s.edges[c] /= cell * cell
	}
}

// measureNoise takes for noise what changes from picture to picture where least
// does, and no more than what there is in the plainest parts. Wind that shakes
// the camera changes all of it: the noise is believed to grow by 0.2% a picture
// at most, to double in three minutes. White noise of variance v adds 4v to the
// mean square of a gradient by central differences, and changes by 2v.
func (s *sample) measureNoise(prev *sample) {
	low := func(of []float64, share int) float64 {
		copy(s.sorted, of)
		slices.Sort(s.sorted)
		return s.sorted[len(s.sorted)/share]
	}
	s.noise = low(s.detail, 20) / 4
	clear(s.change)
	if prev.w != s.w || prev.h != s.h {
		return
	}
	const n = tile * tile / 4
	for t := range s.change {
		x0, y0 := t%s.tcols*tile, t/s.tcols*tile
		sum, squares := 0, 0
		for y := y0; y < y0+tile; y += 2 {
			a, b := s.luma[y*s.w+x0:y*s.w+x0+tile], prev.luma[y*s.w+x0:y*s.w+x0+tile]
			for x := 0; x < tile; x += 2 {
				d := int(a[x]) - int(b[x])
				sum += d
				squares += d * d
			}
		}
		mean := float64(sum) / n
		s.change[t] = float64(squares)/n - mean*mean
	}
	s.noise = min(s.noise, low(s.change, 5)/2, 1.002*prev.noise+0.01)
}

// lasting is a tile's detail without what is another one in each picture, as rain
// is, which adds to it twice what it changes (measureNoise).
func (s *sample) lasting(t int) float64 {
	light := (s.mean[t] + dim) * (s.mean[t] + dim)
	return max(0, s.detail[t]-max(0, 2*s.change[t]-4*s.noise)/light)
}

// compensate takes noise and brightness out of edges and detail. The length of a
// gradient of noise alone is Rayleigh's: √(π/2)·√(2v).
func (s *sample) compensate() {
	for t, m := range s.mean {
		s.detail[t] = max(0, s.detail[t]-4*s.noise) / ((m + dim) * (m + dim))
	}
	for y := range s.rows {
		for x := range s.cols {
			e := &s.edges[y*s.cols+x]
			*e = math.Sqrt(max(0, *e**e-math.Pi*s.noise)) / (s.bright(x, y) + dim)
		}
	}
}

// bright is the luma of the tile in which a cell lies, in levels.
func (s *sample) bright(x, y int) float64 {
	return s.mean[min(y*cell/tile, s.trows-1)*s.tcols+min(x*cell/tile, s.tcols-1)]
}

// measureRelief compares each tile with the two beside it and the two above and
// below, where there are both: an even slope of the light has no relief.
func (s *sample) measureRelief() {
	for y := range s.trows {
		for x := range s.tcols {
			t := y*s.tcols + x
			sum, n := 0.0, 0.0
			if x > 0 && x < s.tcols-1 {
				sum, n = sum+s.mean[t-1]+s.mean[t+1], n+2
			}
			if y > 0 && y < s.trows-1 {
				sum, n = sum+s.mean[t-s.tcols]+s.mean[t+s.tcols], n+2
			}
			s.relief[t] = 0
			if n > 0 {
				around := sum / n
				s.relief[t] = (s.mean[t] - around) / (around + dim)
			}
		}
	}
}

// same reports whether two pictures are equal bit for bit.
func (s *sample) same(other *sample) bool {
	return len(s.luma) > 0 && s.w == other.w && s.h == other.h && bytes.Equal(s.luma, other.luma)
}

// light judges the picture's light alone.
func (s *sample) light() Kind {
	switch {
	case s.brightness < 0.04 && s.high < 0.12:
		return Black
	case s.brightness > 0.93 || s.white > 0.6:
		return Overexposed
	case s.brightness < 0.12 && s.high < 0.5:
		return Night
	}
	return Good
}

// unlit reports whether nothing in the picture is bright: it shows a dark thing
// close before the lens, or is too dark to tell things apart.
func (s *sample) unlit() bool { return s.high < 0.25 }

package condition

import (
	"bytes"
	"fmt"
	"math"

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

// sample is what is measured of one picture.
type sample struct {
	w, h int
	luma []byte
	// cols and rows of cells and tiles.
	cols, rows   int
	tcols, trows int
	// edges is the mean length of the gradient of each cell.
	edges []float64
	// detail is the mean square of the gradient of each tile, mean its luma.
	detail, mean []float64

	brightness float64 // mean luma, 0 to 1
	white      float64 // share of pixels from 250 on
	high       float64 // luma that 2% of the pixels exceed, 0 to 1
}

// measure takes a picture; the buffers are used again.
func (s *sample) measure(img *vision.Image) error {
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
		s.detail, s.mean = make([]float64, s.tcols*s.trows), make([]float64, s.tcols*s.trows)
	}
	if err := cv.Luma(img, img.Rect(), s.luma, w, h); err != nil {
		return fmt.Errorf("condition: %w", err)
	}
	s.measureLight()
	s.measureEdges()
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
		up, row, down := s.luma[(y-1)*s.w:], s.luma[y*s.w:], s.luma[(y+1)*s.w:]
		for x := 1; x < s.w-1; x++ {
			dx, dy := int(row[x+1])-int(row[x-1]), int(down[x])-int(up[x])
			square := float64(dx*dx + dy*dy)
			t := y/tile*s.tcols + x/tile
			s.detail[t] += square
			s.mean[t] += float64(row[x])
			if c := y / cell; c < s.rows {
				s.edges[c*s.cols+x/cell] += math.Sqrt(square)
			}
		}
	}
	for t := range s.detail {
		s.detail[t] /= tile * tile
		s.mean[t] /= tile * tile
	}
	for c := range s.edges {
		s.edges[c] /= cell * cell
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

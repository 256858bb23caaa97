// Package quality measures how well a picture can be read: is it sharp, is it
// neither too dark nor burnt out.
//
// It only measures. Which figure is good enough is decided by those who know
// the camera and the cost of a mistake.
package quality

import (
	"errors"
	"fmt"
	"image"
	"sync"

	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/internal/cv"
)

const (
	// Side is the length in pixels to which the longer side of what is
	// measured is brought first, enlarged where it is smaller. Without one
	// size for all, the same picture would be "sharper" the fewer pixels show
	// it, and figures of two cameras could not be compared.
	Side = 192
	// Black is the luma (0 to 255) up to which a pixel counts as clipped.
	Black = 5
	// White is the luma from which a pixel counts as clipped.
	White = 250
)

// Quality is what was measured.
type Quality struct {
	// Sharpness is the variance of the Laplacian (kernel 0 1 0, 1 -4 1,
	// 0 1 0) of the luma from 0 to 255, at the reduced size. As a rule of
	// thumb a blurred photograph has less than 50, a sharp one hundreds, pure
	// noise thousands. Source: Pech-Pacheco et al., "Diatom autofocusing in
	// brightfield microscopy", ICPR 2000.
	Sharpness float64 `json:"sharpness"`
	// Exposure is the mean luma, 0 (black) to 1 (white).
	Exposure float64 `json:"exposure"`
	// Clipped is the share of pixels that are black or white, 0 to 1.
	Clipped float64 `json:"clipped"`
}

// scratch holds *[]byte: room for reduced pictures.
var scratch sync.Pool

// Measure measures the part of img inside rect, which is clipped to the
// picture; an empty rect stands for the whole picture. It is refused where
// nothing remains. What is painted over (see vision/privacy) is measured like
// everything else: give the rectangle of the item, or measure before painting.
func Measure(img *vision.Image, rect image.Rectangle) (Quality, error) {
	if err := img.Valid(); err != nil {
		return Quality{}, fmt.Errorf("quality: %w", err)
	}
	if rect.Empty() {
		rect = img.Rect()
	}
	if rect = rect.Intersect(img.Rect()); rect.Empty() {
		return Quality{}, errors.New("quality: the rectangle lies outside the picture")
	}
	w, h := reduced(rect.Dx(), rect.Dy())
	room, _ := scratch.Get().(*[]byte)
	if room == nil {
		b := make([]byte, Side*Side)
		room = &b
	}
	defer scratch.Put(room)
	luma := (*room)[:w*h]
	if err := cv.Luma(img, rect, luma, w, h); err != nil {
		return Quality{}, fmt.Errorf("quality: %w", err)
	}
	q := Quality{Sharpness: laplacianVariance(luma, w, h)}
	q.Exposure, q.Clipped = exposure(luma)
	return q, nil
}

// reduced is the size at which a part of w × h pixels is measured.
func reduced(w, h int) (int, int) {
	long := max(w, h)
	return max(1, (w*Side+long/2)/long), max(1, (h*Side+long/2)/long)
}

// laplacianVariance leaves the outermost pixels out; a picture without inner
// pixels has no sharpness.
func laplacianVariance(luma []byte, w, h int) float64 {
	if w < 3 || h < 3 {
		return 0
	}
	var sum, squares int64
	for y := 1; y < h-1; y++ {
		up, row, down := luma[(y-1)*w:y*w], luma[y*w:(y+1)*w], luma[(y+1)*w:(y+2)*w]
		for x := 1; x < w-1; x++ {
			v := int64(up[x]) + int64(down[x]) + int64(row[x-1]) + int64(row[x+1]) - 4*int64(row[x])
			sum += v
			squares += v * v
		}
	}
	n := float64((w - 2) * (h - 2))
	mean := float64(sum) / n
	return float64(squares)/n - mean*mean
}

func exposure(luma []byte) (mean, clipped float64) {
	var sum, n int
	for _, v := range luma {
		sum += int(v)
		if v <= Black || v >= White {
			n++
		}
	}
	total := float64(len(luma))
	return float64(sum) / total / 255, float64(n) / total
}

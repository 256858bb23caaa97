package privacy

import (
	"fmt"

	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/internal/cv"
)

// Two pictures are compared by the mean brightness of squares of cell pixels a
// side, a third of the smallest face that is looked for. A mean of 64 samples
// differs by one or two levels of 255 for noise and compression; whoever comes
// into the picture or moves in it changes some squares by more than mostDifferent.
const cell, mostDifferent = 8, 8

// Alike reports whether two pictures of one size show the same, so that what was
// found in one is all that can be found in the other: finding takes much longer
// than comparing. An image that is none is an error.
func Alike(a, b *vision.Image) (bool, error) {
	if a.Width != b.Width || a.Height != b.Height {
		return false, nil
	}
	w, h := max(a.Width/cell, 1), max(a.Height/cell, 1)
	var means [2][]byte
	for i, img := range []*vision.Image{a, b} {
		means[i] = make([]byte, w*h)
		if err := cv.Luma(img, img.Rect(), means[i], w, h); err != nil {
			return false, fmt.Errorf("privacy: %w", err)
		}
	}
	for i, m := range means[0] {
		if d := int(m) - int(means[1][i]); d > mostDifferent || d < -mostDifferent {
			return false, nil
		}
	}
	return true, nil
}

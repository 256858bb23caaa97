// Package people finds people who are seen whole, upright and from the side or
// obliquely from above, with histograms of oriented gradients and OpenCV's
// built-in detector: N. Dalal, B. Triggs, "Histograms of Oriented Gradients for
// Human Detection", CVPR 2005. It takes some tenths of a second a picture.
//
// It finds nobody who is seen straight from above, cut by the picture's edge, or
// less than a thirteenth of the picture's longer side tall; see the figures in vision/privacy/README.md.
package people

import (
	"context"
	"errors"
	"fmt"
	"image"

	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/internal/cv"
)

const (
	// longest is the longer side, in pixels, to which a picture is brought
	// first: the detector's window is 64 × 128 pixels, in which a person is 96
	// tall.
	longest                 = 1280
	leastWidth, leastHeight = 64, 128
)

// Find returns the boxes of the people in a picture, in its pixels; they hold
// some of what is around them.
func Find(ctx context.Context, img *vision.Image) ([]image.Rectangle, error) {
	if err := errors.Join(img.Valid(), ctx.Err()); err != nil {
		return nil, fmt.Errorf("people: %w", err)
	}
	scale := float64(longest) / float64(max(img.Width, img.Height))
	w, h := int(float64(img.Width)*scale+0.5), int(float64(img.Height)*scale+0.5)
	if w < leastWidth || h < leastHeight {
		return nil, nil
	}
	grey := make([]byte, w*h)
	if err := cv.Luma(img, img.Rect(), grey, w, h); err != nil {
		return nil, fmt.Errorf("people: %w", err)
	}
	found, err := detect(grey, w, h)
	if err != nil {
		return nil, fmt.Errorf("people: %w", err)
	}
	at := func(v int) int { return int(float64(v) / scale) }
	for i, b := range found {
		found[i] = image.Rect(at(b.Min.X), at(b.Min.Y), at(b.Max.X)+1, at(b.Max.Y)+1)
	}
	return found, nil
}

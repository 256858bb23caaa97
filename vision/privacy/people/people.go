// Package people finds people who are seen whole, upright and from the side or
// obliquely from above, with histograms of oriented gradients and OpenCV's
// built-in detector: N. Dalal, B. Triggs, "Histograms of Oriented Gradients for
// Human Detection", CVPR 2005.
//
// It finds nobody who is seen straight from above, or cut by more than a little
// by the picture's edge; see the figures in vision/privacy/README.md.
package people

import (
	"context"
	"errors"
	"fmt"
	"image"
	"math"

	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/internal/cv"
)

// The detector's window in pixels; a person is 96 tall in it.
const windowWidth, windowHeight = 64, 128

// search is how a picture is looked through.
type search struct {
	// longest is the longer side, in pixels, to which the picture is brought
	// first, but it is never enlarged by more than enlarged.
	longest  int
	enlarged float64
	// padding is how far beyond the picture's edge a window may reach, in
	// pixels of what it is brought to.
	padding int
	// least is the score, the distance from the separating plane, from which a
	// window is taken for a person; OpenCV's own is 0.
	least float64
}

var (
	thorough = search{longest: 1280, enlarged: math.Inf(1)}
	quick    = search{longest: 400, enlarged: 2, least: 1.6}
)

// Find returns the boxes of the people in a picture, in its pixels; they hold
// some of what is around them. It finds people who are a thirteenth of the
// picture's longer side tall, and takes other things for people as well. It
// takes some tenths of a second.
func Find(ctx context.Context, img *vision.Image) ([]image.Rectangle, error) {
	return find(ctx, img, thorough)
}

// FindLarge is Find for pictures of things, which it must not take for people:
// it finds those who are a quarter of the picture's longer side tall, fewer of
// them, and takes some hundredths of a second.
func FindLarge(ctx context.Context, img *vision.Image) ([]image.Rectangle, error) {
	return find(ctx, img, quick)
}

func find(ctx context.Context, img *vision.Image, how search) ([]image.Rectangle, error) {
	if err := errors.Join(img.Valid(), ctx.Err()); err != nil {
		return nil, fmt.Errorf("people: %w", err)
	}
	scale := min(float64(how.longest)/float64(max(img.Width, img.Height)), how.enlarged)
	w, h := int(float64(img.Width)*scale+0.5), int(float64(img.Height)*scale+0.5)
	if w < windowWidth || h < windowHeight {
		return nil, nil
	}
	grey := make([]byte, w*h)
	if err := cv.Luma(img, img.Rect(), grey, w, h); err != nil {
		return nil, fmt.Errorf("people: %w", err)
	}
	found, err := detect(grey, w, h, how)
	if err != nil {
		return nil, fmt.Errorf("people: %w", err)
	}
	at := func(v int) int { return int(math.Floor(float64(v) / scale)) }
	for i, b := range found {
		found[i] = image.Rect(at(b.Min.X), at(b.Min.Y), at(b.Max.X)+1, at(b.Max.Y)+1)
	}
	return found, nil
}

// Package cv is the bridge from vision's plain pictures to OpenCV for the
// packages below vision: it sets OpenCV up, once, and resizes.
//
// No gocv.Mat leaves it but through View, whose Mats live for the length of a
// call.
package cv

import (
	"fmt"
	"image"
	"runtime"
	"sync"

	"gocv.io/x/gocv"

	"github.com/binside/binside/vision"
)

var once sync.Once

// Setup limits OpenCV to one thread a call, process-wide and once: the
// service is parallel over pictures, and OpenCV's own pool would only fight
// with it for the cores. Every function here calls it; others that use gocv
// directly call it before their first use.
func Setup() { once.Do(func() { gocv.SetNumThreads(1) }) }

// View lends f a Mat (8-bit, 3 channels in the order of vision.Image) over
// the samples of pix without copying them; pix holds 3*width*height bytes.
// The Mat is closed when f returns; nothing may keep it or a region of it.
func View(pix []byte, width, height int, f func(*gocv.Mat) error) error {
	return view(pix, width, height, 3, gocv.MatTypeCV8UC3, f)
}

func view(pix []byte, width, height, channels int, kind gocv.MatType, f func(*gocv.Mat) error) error {
	Setup()
	if width <= 0 || height <= 0 || len(pix) != channels*width*height {
		return fmt.Errorf("cv: %d bytes for %d×%d pixels", len(pix), width, height)
	}
	// OpenCV holds the address for as long as the Mat lives.
	var pin runtime.Pinner
	pin.Pin(&pix[0])
	defer pin.Unpin()
	m, err := gocv.NewMatFromBytes(height, width, kind, pix)
	if err != nil {
		return fmt.Errorf("cv: %w", err)
	}
	defer func() { _ = m.Close() }()
	return f(&m)
}

// scratch holds *[]byte for the halved pictures.
var scratch sync.Pool

// Resize writes the part of img inside crop into dst as a picture of width ×
// height pixels (3*width*height bytes, as in vision.Image).
//
// The rule, for whoever has to reproduce it: while both sides of the source
// are at least twice as long as those of the result, the source is halved by
// averaging blocks of 2×2 pixels (an odd last row or column is left out);
// what remains is done by bilinear interpolation with pixel centres at
// (i+0.5)*scale-0.5 and clamped borders. That is a small mip map: it aliases
// no more than an area filter and takes a tenth of its time.
func Resize(img *vision.Image, crop image.Rectangle, dst []byte, width, height int) error {
	return between(img, crop, dst, width, height, func(part, out *gocv.Mat) error {
		return shrinkInto(part, crop.Size(), out, image.Pt(width, height))
	})
}

// Luma writes the brightness (ITU-R BT.601) of the part of img inside crop
// into dst, one byte a pixel, width × height of them. It is for measurements
// that must not depend on how much a picture is shrunk.
//
// The rule: the source is halved by averaging blocks of 2×2 pixels while it is
// at least four times as large as the result, brought to twice the result's
// size by bilinear interpolation, and halved once more. Every pixel of the
// result is so a mean of nearly all that it covers, at a fifth of the time of
// the exact one. A source less than twice as large is averaged exactly, one
// that is smaller is interpolated.
func Luma(img *vision.Image, crop image.Rectangle, dst []byte, width, height int) error {
	return inside(img, crop, func(part *gocv.Mat) error {
		grey := gocv.NewMat()
		defer func() { _ = grey.Close() }()
		if err := gocv.CvtColor(*part, &grey, gocv.ColorRGBToGray); err != nil {
			return fmt.Errorf("cv: luma: %w", err)
		}
		return view(dst, width, height, 1, gocv.MatTypeCV8UC1, func(out *gocv.Mat) error {
			return averageInto(&grey, crop.Size(), out, image.Pt(width, height))
		})
	})
}

func averageInto(src *gocv.Mat, from image.Point, out *gocv.Mat, to image.Point) error {
	switch {
	case from.X < to.X || from.Y < to.Y:
		return interpolate(src, from, out, to, gocv.InterpolationLinear)
	case from.X < 2*to.X || from.Y < 2*to.Y:
		return interpolate(src, from, out, to, gocv.InterpolationArea)
	}
	next := gocv.NewMat()
	defer func() { _ = next.Close() }()
	if from.X < 4*to.X || from.Y < 4*to.Y {
		if err := interpolate(src, from, &next, to.Mul(2), gocv.InterpolationLinear); err != nil {
			return err
		}
		return interpolate(&next, to.Mul(2), out, to, gocv.InterpolationArea)
	}
	half := from.Div(2)
	even := src.Region(image.Rectangle{Max: half.Mul(2)})
	defer func() { _ = even.Close() }()
	if err := interpolate(&even, half.Mul(2), &next, half, gocv.InterpolationArea); err != nil {
		return err
	}
	return averageInto(&next, half, out, to)
}

// between lends f the part of img inside crop, and dst.
func between(img *vision.Image, crop image.Rectangle, dst []byte, width, height int, f func(part, out *gocv.Mat) error) error {
	return inside(img, crop, func(part *gocv.Mat) error {
		return View(dst, width, height, func(out *gocv.Mat) error { return f(part, out) })
	})
}

// inside lends f the part of img inside crop.
func inside(img *vision.Image, crop image.Rectangle, f func(part *gocv.Mat) error) error {
	if err := img.Valid(); err != nil {
		return err
	}
	if crop.Empty() || !crop.In(img.Rect()) {
		return fmt.Errorf("cv: crop %v is not inside %v", crop, img.Rect())
	}
	return View(img.Pix, img.Width, img.Height, func(src *gocv.Mat) error {
		part := src.Region(crop)
		defer func() { _ = part.Close() }()
		return f(&part)
	})
}

// shrinkInto halves src as often as its size allows, then interpolates.
func shrinkInto(src *gocv.Mat, from image.Point, out *gocv.Mat, to image.Point) error {
	if from.X < 2*to.X || from.Y < 2*to.Y {
		return interpolate(src, from, out, to, gocv.InterpolationLinear)
	}
	half := from.Div(2)
	even := src.Region(image.Rectangle{Max: half.Mul(2)})
	defer func() { _ = even.Close() }()
	if half == to {
		return interpolate(&even, half.Mul(2), out, to, gocv.InterpolationArea)
	}
	n := 3 * half.X * half.Y
	room, _ := scratch.Get().(*[]byte)
	if room == nil || cap(*room) < n {
		b := make([]byte, n)
		room = &b
	}
	defer scratch.Put(room)
	return View((*room)[:n], half.X, half.Y, func(m *gocv.Mat) error {
		if err := interpolate(&even, half.Mul(2), m, half, gocv.InterpolationArea); err != nil {
			return err
		}
		return shrinkInto(m, half, out, to)
	})
}

func interpolate(src *gocv.Mat, from image.Point, out *gocv.Mat, to image.Point, how gocv.InterpolationFlags) error {
	if from == to {
		return src.CopyTo(out)
	}
	if err := gocv.Resize(*src, out, to, 0, 0, how); err != nil {
		return fmt.Errorf("cv: resize: %w", err)
	}
	return nil
}

package privacy

import (
	"context"
	"errors"
	"fmt"
	"image"
	"math"

	"github.com/binside/binside/vision"
)

// Redactor says what of a picture must be painted over so that nobody in it
// can be recognised. Its methods may be called from any goroutine if its
// finders may.
type Redactor struct {
	// Faces returns the boxes of faces, from forehead to chin, of a side of
	// smallestFace pixels or more; 0: as small as can be seen at one look.
	Faces func(ctx context.Context, img *vision.Image, smallestFace int) ([]image.Rectangle, error)
	// SmallestFace is handed to Faces.
	SmallestFace int
	// People returns the boxes of whole people; nil: they are not looked for.
	People func(ctx context.Context, img *vision.Image) ([]image.Rectangle, error)
}

// A head around a face's box, as shares of its sides: hair above, ears and
// profile beside, the chin below.
const (
	headAbove, headBeside, headBelow = 0.6, 0.35, 0.3
)

// Areas returns the parts of a picture to be painted over, clipped to it: every
// face's whole head, and every person. After an error nothing is known of the
// picture, and it must be taken for one that is full of people.
func (r *Redactor) Areas(ctx context.Context, img *vision.Image) ([]image.Rectangle, error) {
	if r.Faces == nil {
		return nil, errors.New("privacy: nothing finds faces")
	}
	found, err := r.Faces(ctx, img, r.SmallestFace)
	if err != nil {
		return nil, fmt.Errorf("privacy: %w", err)
	}
	var areas []image.Rectangle
	add := func(b image.Rectangle) {
		if b = b.Intersect(img.Rect()); !b.Empty() {
			areas = append(areas, b)
		}
	}
	for _, f := range found {
		w, h := float64(f.Dx()), float64(f.Dy())
		add(image.Rect(
			f.Min.X-int(math.Ceil(w*headBeside)), f.Min.Y-int(math.Ceil(h*headAbove)),
			f.Max.X+int(math.Ceil(w*headBeside)), f.Max.Y+int(math.Ceil(h*headBelow))))
	}
	if r.People == nil {
		return areas, nil
	}
	people, err := r.People(ctx, img)
	if err != nil {
		return nil, fmt.Errorf("privacy: %w", err)
	}
	for _, p := range people {
		add(p)
	}
	return areas, nil
}

// Paint covers parts of a picture, which the caller owns, with Fill. It cannot
// be undone: no painted pixel depends on what was there, which holds of neither
// a blur nor a mosaic.
func Paint(img *vision.Image, areas []image.Rectangle) {
	for _, a := range areas {
		a = a.Intersect(img.Rect())
		for y := a.Min.Y; y < a.Max.Y; y++ {
			row := 3 * (y*img.Width + a.Min.X)
			paint(img.Pix[row : row+3*a.Dx()])
		}
	}
}

// tolerance is by how much a painted pixel may differ from Fill after a JPEG. A
// grey wall is seldom as even, and of no colour at all.
const tolerance = 2

// Painted is the share, from 0 to 1, of a part of a picture that has the colour
// Fill, and so shows nothing; 1 for a part without any extent. It may be asked
// of the picture, of its JPEG, and of one that was painted by somebody else.
func Painted(img *vision.Image, r image.Rectangle) float64 {
	if r = r.Intersect(img.Rect()); r.Empty() {
		return 1
	}
	near := func(a, b uint8) bool { return a <= b+tolerance && a+tolerance >= b }
	n := 0
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row := img.Pix[3*(y*img.Width+r.Min.X) : 3*(y*img.Width+r.Max.X)]
		for i := 0; i < len(row); i += 3 {
			if near(row[i], Fill.R) && near(row[i+1], Fill.G) && near(row[i+2], Fill.B) {
				n++
			}
		}
	}
	return float64(n) / float64(r.Dx()*r.Dy())
}

// Scale turns parts of a picture of one size into those of the same picture in
// another size, rounded outwards.
func Scale(areas []image.Rectangle, from, to image.Point) []image.Rectangle {
	out := make([]image.Rectangle, len(areas))
	down := func(v, a, b int) int { return v * b / a }
	up := func(v, a, b int) int { return (v*b + a - 1) / a }
	for i, r := range areas {
		out[i] = image.Rect(down(r.Min.X, from.X, to.X), down(r.Min.Y, from.Y, to.Y), up(r.Max.X, from.X, to.X), up(r.Max.Y, from.Y, to.Y))
	}
	return out
}

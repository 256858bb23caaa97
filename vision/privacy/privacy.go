// Package privacy takes out of a picture what may be looked at, and paints over
// what may not.
//
// CropRegion takes the region of a bin: what lies outside it (the street,
// neighbours' windows) is never copied, so it can reach no queue, disk or
// network. That is certain. A Redactor finds faces and people inside it, and
// Paint covers them: what is found is gone for good, but not all is found. How
// much is, README.md says with figures.
//
// It never recognises anybody, and it never blurs: a blurred pixel still depends
// on what it hides, a painted one does not.
package privacy

import (
	"image"
	"image/color"
	"math"
	"slices"

	"github.com/binside/binside/vision"
)

// Fill is the colour of everything outside a region: the flat grey with which
// networks' letterboxes are commonly filled, so that it says nothing to a
// classifier.
var Fill = color.RGBA{R: 114, G: 114, B: 114, A: 0xff}

// CropRegion returns the polygon's bounding rectangle of the frame as a new
// picture in which every pixel outside the polygon has the colour Fill, and
// the place of its upper left corner in the frame, in pixels. A pixel is
// inside if its centre is, by Polygon.Contains. A region without any extent
// in the frame gives nil.
//
// Nothing of the result depends on pixels outside the polygon, nor does
// anything that is made from the result, such as its JPEG.
func CropRegion(frame *vision.Image, p vision.Polygon) (crop *vision.Image, origin image.Point) {
	if frame.Valid() != nil || len(p) < 3 {
		return nil, image.Point{}
	}
	r := p.Bounds(frame.Width, frame.Height)
	if r.Empty() {
		return nil, image.Point{}
	}
	crop = vision.NewImage(r.Dx(), r.Dy())
	paint(crop.Pix)
	crossings := make([]float64, 0, len(p))
	for y := r.Min.Y; y < r.Max.Y; y++ {
		crossings = rowCrossings(crossings[:0], p, (float64(y)+0.5)/float64(frame.Height))
		for i := 0; i+1 < len(crossings); i += 2 {
			from := max(firstPixel(crossings[i], frame.Width), r.Min.X)
			to := min(firstPixel(crossings[i+1], frame.Width), r.Max.X)
			if from >= to {
				continue
			}
			at := 3 * ((y-r.Min.Y)*crop.Width + from - r.Min.X)
			copy(crop.Pix[at:], frame.Pix[3*(y*frame.Width+from):3*(y*frame.Width+to)])
		}
	}
	return crop, r.Min
}

// paint fills samples with Fill, doubling what is painted already.
func paint(pix []byte) {
	if len(pix) == 0 {
		return
	}
	n := copy(pix, []byte{Fill.R, Fill.G, Fill.B})
	for n < len(pix) {
		n += copy(pix[n:], pix[:n])
	}
}

// rowCrossings appends where the polygon's edges cross the height y, from
// left to right; by the even-odd rule the inside lies between the first and
// the second, the third and the fourth, and so on. The arithmetic is that of
// Polygon.Contains, to the last bit.
func rowCrossings(xs []float64, p vision.Polygon, y float64) []float64 {
	for i, j := 0, len(p)-1; i < len(p); j, i = i, i+1 {
		a, b := p[i], p[j]
		if (a.Y > y) != (b.Y > y) {
			xs = append(xs, (b.X-a.X)*(y-a.Y)/(b.Y-a.Y)+a.X)
		}
	}
	slices.Sort(xs)
	return xs
}

// firstPixel is the first pixel of a row of the given width whose centre is
// not left of x.
func firstPixel(x float64, width int) int {
	w := float64(width)
	if !(x > 0) {
		return 0
	}
	if x > 1 {
		return width
	}
	i := max(int(math.Floor(x*w-0.5)), 0)
	for i < width && (float64(i)+0.5)/w < x {
		i++
	}
	return i
}

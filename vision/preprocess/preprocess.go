// Package preprocess turns a picture, or a part of one, into the tensor that
// a network expects.
//
// It knows nothing of models: a Spec says all. It never changes the picture
// it reads, and it never averages, augments or batches.
package preprocess

import (
	"errors"
	"fmt"
	"image"
	"math"
	"sync"

	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/internal/cv"
)

// Resize rules of a Spec.
const (
	// Stretch brings both sides to size, whatever the picture's shape.
	Stretch = "stretch"
	// Letterbox brings the longer side to size, centres the picture and fills
	// the rest with Fill.
	Letterbox = "letterbox"
	// Cover brings the shorter side to size and cuts off the ends of the
	// longer one, the same on both.
	Cover = "cover"
)

// Channel orders of a Spec.
const (
	RGB = "rgb"
	BGR = "bgr"
)

// maxSide bounds Width and Height of a Spec, in pixels.
const maxSide = 4096

// Spec says how a picture becomes a tensor of 3×Height×Width float32.
type Spec struct {
	// Width and Height are in pixels.
	Width, Height int
	// Colour is the channel order of the tensor, RGB or BGR; "" is RGB.
	Colour string
	// Resize is Stretch, Letterbox or Cover; "" is Stretch.
	Resize string
	// Fill is the RGB colour of a letterbox's bars.
	Fill [3]uint8
	// A sample v (0 to 255) of tensor channel c becomes
	// (v/255 - Mean[c]) / Deviation[c]: both are in the order of Colour.
	Mean, Deviation [3]float64
}

// Validate says what is wrong with the Spec.
func (s Spec) Validate() error {
	if s.Width < 1 || s.Height < 1 || s.Width > maxSide || s.Height > maxSide {
		return fmt.Errorf("input of %d×%d pixels: both sides must be from 1 to %d", s.Width, s.Height, maxSide)
	}
	switch s.Colour {
	case "", RGB, BGR:
	default:
		return fmt.Errorf("colour %q is neither %q nor %q", s.Colour, RGB, BGR)
	}
	switch s.Resize {
	case "", Stretch, Letterbox, Cover:
	default:
		return fmt.Errorf("resize %q is none of %q, %q, %q", s.Resize, Stretch, Letterbox, Cover)
	}
	for c := range 3 {
		if m, d := s.Mean[c], s.Deviation[c]; !(d > 0) || math.IsInf(d, 0) || math.IsNaN(m) || math.IsInf(m, 0) {
			return fmt.Errorf("channel %d: mean %g and deviation %g: the deviation must be above 0, both finite", c, m, d)
		}
	}
	return nil
}

// Len is the number of floats of one picture's tensor.
func (s Spec) Len() int { return 3 * s.Width * s.Height }

// MinSource returns the smallest size, in pixels, to which a part of width ×
// height pixels may be reduced before Apply without Apply having to enlarge
// it again: what to ask of codec.Options when decoding for this Spec.
func (s Spec) MinSource(width, height int) (minWidth, minHeight int) {
	if width < 1 || height < 1 {
		return s.Width, s.Height
	}
	_, dst := s.place(image.Rect(0, 0, width, height))
	if s.Resize == Cover {
		// The part that is cut off is decoded, too.
		scale := max(float64(s.Width)/float64(width), float64(s.Height)/float64(height))
		return int(math.Ceil(float64(width)*scale - 1e-9)), int(math.Ceil(float64(height)*scale - 1e-9))
	}
	return dst.Dx(), dst.Dy()
}

// place returns the part of crop that is used and the part of the Width ×
// Height input that it fills.
func (s Spec) place(crop image.Rectangle) (src, dst image.Rectangle) {
	full := image.Rect(0, 0, s.Width, s.Height)
	cw, ch := float64(crop.Dx()), float64(crop.Dy())
	sx, sy := float64(s.Width)/cw, float64(s.Height)/ch
	switch s.Resize {
	case Letterbox:
		scale := min(sx, sy)
		w := min(s.Width, max(1, int(math.Round(cw*scale))))
		h := min(s.Height, max(1, int(math.Round(ch*scale))))
		at := image.Pt((s.Width-w)/2, (s.Height-h)/2)
		return crop, image.Rectangle{Min: at, Max: at.Add(image.Pt(w, h))}
	case Cover:
		scale := max(sx, sy)
		w := min(crop.Dx(), max(1, int(math.Round(float64(s.Width)/scale))))
		h := min(crop.Dy(), max(1, int(math.Round(float64(s.Height)/scale))))
		at := crop.Min.Add(image.Pt((crop.Dx()-w)/2, (crop.Dy()-h)/2))
		return image.Rectangle{Min: at, Max: at.Add(image.Pt(w, h))}, full
	}
	return crop, full
}

// scratch holds *[]byte: 8-bit inputs between resize and table.
var scratch sync.Pool

// Picture returns the part of img inside crop as the Width × Height picture
// that Apply would take the samples of, in RGB. An empty crop stands for the
// whole picture; a crop is clipped to it. The filter is described at
// cv.Resize: boxes of 2×2 while it shrinks by 2 or more, then bilinear.
func (s Spec) Picture(img *vision.Image, crop image.Rectangle) (*vision.Image, error) {
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("preprocess: %w", err)
	}
	out := vision.NewImage(s.Width, s.Height)
	if err := s.resizeInto(out.Pix, img, crop); err != nil {
		return nil, err
	}
	return out, nil
}

// Apply fills dst, which must hold Len() floats, with the tensor of the part
// of img inside crop, channel after channel, each row after row (one entry of
// an NCHW batch). An empty crop stands for the whole picture; a crop is
// clipped to it, and refused where nothing remains. It is safe for concurrent
// use and allocates nothing of the picture's size after the first calls.
func (s Spec) Apply(img *vision.Image, crop image.Rectangle, dst []float32) error {
	if err := s.Validate(); err != nil {
		return fmt.Errorf("preprocess: %w", err)
	}
	if len(dst) != s.Len() {
		return fmt.Errorf("preprocess: room for %d floats, want %d", len(dst), s.Len())
	}
	room, _ := scratch.Get().(*[]byte)
	if room == nil || cap(*room) < s.Len() {
		b := make([]byte, s.Len())
		room = &b
	}
	defer scratch.Put(room)
	pix := (*room)[:s.Len()]
	if err := s.resizeInto(pix, img, crop); err != nil {
		return err
	}
	s.normalise(pix, dst)
	return nil
}

func (s Spec) resizeInto(pix []byte, img *vision.Image, crop image.Rectangle) error {
	if err := img.Valid(); err != nil {
		return fmt.Errorf("preprocess: %w", err)
	}
	if crop.Empty() {
		crop = img.Rect()
	}
	if crop = crop.Intersect(img.Rect()); crop.Empty() {
		return errors.New("preprocess: the crop lies outside the picture")
	}
	src, dst := s.place(crop)
	if dst.Dx() == s.Width && dst.Dy() == s.Height {
		return wrap(cv.Resize(img, src, pix, s.Width, s.Height))
	}
	return wrap(s.letterbox(pix, img, src, dst))
}

// letterbox resizes into the middle of pix and fills what is around it.
func (s Spec) letterbox(pix []byte, img *vision.Image, src, dst image.Rectangle) error {
	w, h := dst.Dx(), dst.Dy()
	if w == s.Width { // whole rows: the picture is one piece of pix
		s.fill(pix[:3*w*dst.Min.Y])
		s.fill(pix[3*w*dst.Max.Y:])
		return cv.Resize(img, src, pix[3*w*dst.Min.Y:3*w*dst.Max.Y], w, h)
	}
	room, _ := scratch.Get().(*[]byte)
	if room == nil || cap(*room) < s.Len() {
		b := make([]byte, s.Len())
		room = &b
	}
	defer scratch.Put(room)
	inner := (*room)[:3*w*h]
	if err := cv.Resize(img, src, inner, w, h); err != nil {
		return err
	}
	for y := range h { // all rows are in use: h == s.Height
		row := pix[3*y*s.Width : 3*(y+1)*s.Width]
		s.fill(row[:3*dst.Min.X])
		copy(row[3*dst.Min.X:], inner[3*y*w:3*(y+1)*w])
		s.fill(row[3*dst.Max.X:])
	}
	return nil
}

func (s Spec) fill(pix []byte) {
	for i := 0; i+2 < len(pix); i += 3 {
		pix[i], pix[i+1], pix[i+2] = s.Fill[0], s.Fill[1], s.Fill[2]
	}
}

// normalise spreads interleaved RGB samples over the planes of dst, by a
// table of 256 entries a channel.
func (s Spec) normalise(pix []byte, dst []float32) {
	var tables [3][256]float32 // by tensor channel
	for c := range tables {
		for v := range tables[c] {
			tables[c][v] = float32((float64(v)/255 - s.Mean[c]) / s.Deviation[c])
		}
	}
	n := s.Width * s.Height
	red, blue := 0, 2
	if s.Colour == BGR {
		red, blue = 2, 0
	}
	r, g, b := dst[red*n:red*n+n], dst[n:2*n], dst[blue*n:blue*n+n]
	tr, tg, tb := &tables[red], &tables[1], &tables[blue]
	for i := range n {
		p := pix[3*i : 3*i+3 : 3*i+3]
		r[i], g[i], b[i] = tr[p[0]], tg[p[1]], tb[p[2]]
	}
}

func wrap(err error) error {
	if err != nil {
		return fmt.Errorf("preprocess: %w", err)
	}
	return nil
}

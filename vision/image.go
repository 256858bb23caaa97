package vision

import (
	"errors"
	"fmt"
	"image"
	"image/color"
)

// Image is a picture of 8-bit sRGB samples, row-major, three bytes a pixel in
// the order red, green, blue, without padding: len(Pix) == 3*Width*Height.
//
// An Image is a value to be shared for reading; whoever changes pixels owns
// the Image alone or works on a Clone.
type Image struct {
	Pix           []byte
	Width, Height int
}

// NewImage returns a black image of the given size in pixels.
func NewImage(width, height int) *Image {
	return &Image{Pix: make([]byte, 3*width*height), Width: width, Height: height}
}

// Rect is the image's extent, from (0, 0) to (Width, Height).
func (m *Image) Rect() image.Rectangle { return image.Rect(0, 0, m.Width, m.Height) }

// Valid reports whether the sizes are positive and agree with the samples.
func (m *Image) Valid() error {
	if m == nil {
		return errors.New("vision: nil image")
	}
	if m.Width <= 0 || m.Height <= 0 {
		return fmt.Errorf("vision: image of %d×%d pixels", m.Width, m.Height)
	}
	if want := 3 * m.Width * m.Height; len(m.Pix) != want {
		return fmt.Errorf("vision: %d×%d image holds %d bytes, want %d", m.Width, m.Height, len(m.Pix), want)
	}
	return nil
}

// Clone returns a copy that shares no memory with m.
func (m *Image) Clone() *Image {
	return &Image{Pix: append([]byte(nil), m.Pix...), Width: m.Width, Height: m.Height}
}

// Crop returns a copy of the part of m inside r, which is clipped to the
// image first. It returns nil where nothing remains.
func (m *Image) Crop(r image.Rectangle) *Image {
	r = r.Intersect(m.Rect())
	if r.Empty() {
		return nil
	}
	out := NewImage(r.Dx(), r.Dy())
	for y := range out.Height {
		from := 3 * ((r.Min.Y+y)*m.Width + r.Min.X)
		copy(out.Pix[3*y*out.Width:3*(y+1)*out.Width], m.Pix[from:from+3*out.Width])
	}
	return out
}

// At returns the colour at (x, y), which must lie inside the image.
func (m *Image) At(x, y int) color.RGBA {
	i := 3 * (y*m.Width + x)
	return color.RGBA{R: m.Pix[i], G: m.Pix[i+1], B: m.Pix[i+2], A: 0xff}
}

// FromImage copies any standard-library image; transparency is laid over
// black, as the picture's premultiplied samples say.
func FromImage(src image.Image) *Image {
	b := src.Bounds()
	out := NewImage(b.Dx(), b.Dy())
	i := 0
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, bl, _ := src.At(x, y).RGBA()
			out.Pix[i], out.Pix[i+1], out.Pix[i+2] = byte(r>>8), byte(g>>8), byte(bl>>8)
			i += 3
		}
	}
	return out
}

// NRGBA copies m into a standard-library image.
func (m *Image) NRGBA() *image.NRGBA {
	out := image.NewNRGBA(m.Rect())
	for i, j := 0, 0; i < len(m.Pix); i, j = i+3, j+4 {
		out.Pix[j], out.Pix[j+1], out.Pix[j+2], out.Pix[j+3] = m.Pix[i], m.Pix[i+1], m.Pix[i+2], 0xff
	}
	return out
}

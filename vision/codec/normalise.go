package codec

import (
	"context"
	"fmt"

	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/internal/cv"
)

// DefaultQuality is the JPEG quality of pictures that Normalise has to write
// anew.
const DefaultQuality = 90

// Normalise turns an accepted file into the JPEG that may be queued and
// stored: upright, without metadata, neither side longer than maxSide pixels
// (0: no bound), written with the given quality (0: DefaultQuality) where it
// has to be written at all. It returns the JPEG and its size in pixels.
//
// An upright JPEG that is small enough, which is the normal case, keeps its
// samples and only loses its metadata; damage inside the samples is then left
// for Decode to find. A colour profile is dropped without converting the
// samples: they are taken for sRGB, as everywhere here.
func Normalise(data []byte, lim Limits, maxSide, quality int) (jpeg []byte, width, height int, err error) {
	f, err := Open(data, lim)
	if err != nil {
		return nil, 0, 0, err
	}
	return f.normalise(maxSide, quality, func(opt Options) (*vision.Image, error) { return f.decode(opt, decodeJPEG) })
}

// Normalise is the function Normalise for an open file.
func (f *File) Normalise(ctx context.Context, maxSide, quality int) (jpeg []byte, width, height int, err error) {
	return f.normalise(maxSide, quality, func(opt Options) (*vision.Image, error) { return f.Decode(ctx, opt) })
}

func (f *File) normalise(maxSide, quality int, decode func(Options) (*vision.Image, error)) (jpeg []byte, width, height int, err error) {
	if maxSide < 0 {
		return nil, 0, 0, fmt.Errorf("normalise: longest side of %d pixels", maxSide)
	}
	if quality == 0 {
		quality = DefaultQuality
	}
	width, height = fit(f.Width, f.Height, maxSide)
	if f.Format == FormatJPEG && f.Orientation == 1 && width == f.Width && height == f.Height {
		out, err := strip(f.data, f.layout)
		return out, width, height, err
	}
	img, err := decode(Options{MinWidth: width, MinHeight: height})
	if err != nil {
		return nil, 0, 0, err
	}
	if img, err = shrink(img, width, height); err != nil {
		return nil, 0, 0, err
	}
	img = Orient(img, f.Orientation)
	if jpeg, err = EncodeJPEG(img, quality); err != nil {
		return nil, 0, 0, err
	}
	return jpeg, img.Width, img.Height, nil
}

// Fit returns a copy of a picture that shares no memory with it and whose
// longer side is at most maxSide pixels; the filter is cv.Resize's.
func Fit(img *vision.Image, maxSide int) (*vision.Image, error) {
	if err := img.Valid(); err != nil {
		return nil, err
	}
	out := vision.NewImage(fit(img.Width, img.Height, maxSide))
	if err := cv.Resize(img, img.Rect(), out.Pix, out.Width, out.Height); err != nil {
		return nil, fmt.Errorf("fit: %w", err)
	}
	return out, nil
}

// fit returns the size of a picture whose longer side is at most maxSide.
func fit(width, height, maxSide int) (int, int) {
	long := max(width, height)
	if maxSide == 0 || long <= maxSide {
		return width, height
	}
	scale := float64(maxSide) / float64(long)
	return max(1, int(float64(width)*scale+0.5)), max(1, int(float64(height)*scale+0.5))
}

func shrink(img *vision.Image, width, height int) (*vision.Image, error) {
	if img.Width == width && img.Height == height {
		return img, nil
	}
	out := vision.NewImage(width, height)
	if err := cv.Resize(img, img.Rect(), out.Pix, width, height); err != nil {
		return nil, fmt.Errorf("normalise: %w", err)
	}
	return out, nil
}

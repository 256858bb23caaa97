package codec

import (
	"context"
	"fmt"

	"github.com/binside/binside/vision"
)

// JPEGDecoder decodes the samples of JPEG files, where a large library in C
// meets what strangers wrote; all else about a file is read in Go. It must be
// safe for concurrent use.
type JPEGDecoder interface {
	// DecodeJPEG writes a file that Open has accepted, at 1/denominator (1, 2, 4
	// or 8) of the size that info says, into a picture of that size. It refuses,
	// with an *Error, where libjpeg has anything to complain of; another kind of
	// error is ours. After an error the picture's content is undefined.
	DecodeJPEG(ctx context.Context, data []byte, info Info, denominator int, into *vision.Image) error
}

// InProcess is libjpeg-turbo in this process.
type InProcess struct{}

// DecodeJPEG implements JPEGDecoder.
func (InProcess) DecodeJPEG(_ context.Context, data []byte, info Info, denominator int, into *vision.Image) error {
	if err := fits(info, denominator, into); err != nil {
		return err
	}
	return decodeJPEG(data, info, denominator, into)
}

// fits returns an error where a picture has not the size of a decoded file.
func fits(info Info, denominator int, img *vision.Image) error {
	width, height := ceilDiv(info.Width, denominator), ceilDiv(info.Height, denominator)
	if img.Width != width || img.Height != height || len(img.Pix) != 3*width*height {
		return fmt.Errorf("codec: a picture of %d×%d does not fit into %d×%d", width, height, img.Width, img.Height)
	}
	return nil
}

// Reader is how files from strangers are read. The zero value has the default
// limits and decodes in this process.
type Reader struct {
	Limits Limits
	// JPEG decodes JPEG files; nil is InProcess.
	JPEG JPEGDecoder
}

// Open is the function Open with the reader's limits and decoder.
func (r Reader) Open(data []byte) (*File, error) {
	f, err := open(data, r.Limits)
	if err != nil {
		return nil, err
	}
	if f.jpeg = r.JPEG; f.jpeg == nil {
		f.jpeg = InProcess{}
	}
	return f, nil
}

// Decode is the function Decode with the reader's limits and decoder. ctx bounds
// what the decoder does elsewhere.
func (r Reader) Decode(ctx context.Context, data []byte, opt Options) (*vision.Image, Info, error) {
	f, err := r.Open(data)
	if err != nil {
		return nil, Info{}, err
	}
	img, err := f.Decode(ctx, opt)
	if err != nil {
		return nil, Info{}, err
	}
	return img, f.Info, nil
}

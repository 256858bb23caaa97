package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/png"
	"io"

	"github.com/binside/binside/vision"
)

const (
	pngSignature = "\x89PNG\r\n\x1a\n"
	// deflateRatio is the most that deflate can expand: 258 bytes out of two
	// bits (RFC 1951 allows a length code and a distance code of one bit
	// each), hence 1032 to 1.
	deflateRatio = 1032
)

// inspectPNG walks the chunks and reads the header.
func inspectPNG(data []byte, lim Limits) (Info, error) {
	chunks, err := walkPNG(data)
	if err != nil {
		return Info{}, err
	}
	w, h := int64(chunks.width), int64(chunks.height)
	cost := int64(1)
	if chunks.depth == 16 {
		cost = 2
	}
	// Both sides are below 2³², so that their product may not fit: divide.
	if w == 0 || h == 0 {
		return Info{}, refuse(ReasonCorrupt, "a picture of %d×%d pixels", w, h)
	}
	if w > int64(lim.MaxPixels) || h > int64(lim.MaxPixels)/cost/w {
		return Info{}, refuse(ReasonTooManyPixels, "%d×%d pixels of %d bits, at most %d of 8 bits are accepted", w, h, chunks.depth, lim.MaxPixels)
	}
	if _, err := png.DecodeConfig(bytes.NewReader(data)); err != nil {
		return Info{}, pngError(err)
	}
	// Every row has a filter byte and at least one bit a pixel.
	if need := h * (1 + w*int64(chunks.depth)/8) / deflateRatio; int64(chunks.samples) < need {
		return Info{}, refuse(ReasonTruncated, "%d bytes of samples for %d×%d pixels, which need at least %d", chunks.samples, w, h, need)
	}
	return Info{Format: FormatPNG, Width: int(w), Height: int(h), Orientation: max(chunks.orientation, 1)}, nil
}

type pngChunks struct {
	width, height uint32
	depth         byte
	samples       int // bytes of compressed samples
	orientation   int
}

// walkPNG checks that the file is a chain of whole chunks from the header to
// the end chunk.
func walkPNG(data []byte) (pngChunks, error) {
	var c pngChunks
	rest := data[len(pngSignature):]
	for first := true; ; first = false {
		if len(rest) < 12 {
			return c, refuse(ReasonTruncated, "the file ends after %d bytes without an end chunk", len(data))
		}
		n, kind := binary.BigEndian.Uint32(rest), string(rest[4:8])
		if uint64(n) > uint64(len(rest)-12) {
			return c, refuse(ReasonTruncated, "a chunk reaches beyond the end of the file")
		}
		body := rest[8 : 8+n]
		rest = rest[12+n:]
		if first != (kind == "IHDR") || first && n != 13 {
			return c, refuse(ReasonCorrupt, "no header chunk where it belongs")
		}
		switch kind {
		case "IHDR":
			c.width, c.height, c.depth = binary.BigEndian.Uint32(body), binary.BigEndian.Uint32(body[4:]), body[8]
		case "IDAT":
			c.samples += len(body)
		case "eXIf":
			if c.orientation == 0 {
				c.orientation = tiffOrientation(body)
			}
		case "IEND":
			return c, nil
		}
	}
}

// decodePNG decodes a file that inspectPNG has accepted; what is transparent
// is laid over white.
func decodePNG(data []byte) (*vision.Image, error) {
	src, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, pngError(err)
	}
	return overWhite(src), nil
}

func pngError(err error) error {
	var unsupported png.UnsupportedError
	switch {
	case errors.As(err, &unsupported):
		return refuse(ReasonUnsupported, "%v", err)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return refuse(ReasonTruncated, "the samples end early")
	}
	return refuse(ReasonCorrupt, "%v", err)
}

// overWhite copies a decoded PNG, with the common kinds of pixels read without
// an interface call for each.
func overWhite(src image.Image) *vision.Image {
	b := src.Bounds()
	out := vision.NewImage(b.Dx(), b.Dy())
	dst := out.Pix
	for y := b.Min.Y; y < b.Max.Y; y++ {
		row := dst[:3*b.Dx()]
		dst = dst[3*b.Dx():]
		switch s := src.(type) {
		case *image.RGBA: // what a PNG without alpha becomes
			rgbaRow(row, s.Pix[s.PixOffset(b.Min.X, y):])
		case *image.NRGBA:
			nrgbaRow(row, s.Pix[s.PixOffset(b.Min.X, y):])
		case *image.Gray:
			for x, v := range s.Pix[s.PixOffset(b.Min.X, y):][:b.Dx()] {
				row[3*x], row[3*x+1], row[3*x+2] = v, v, v
			}
		default:
			anyRow(row, src, y)
		}
	}
	return out
}

func rgbaRow(dst, src []byte) {
	for i, j := 0, 0; i < len(dst); i, j = i+3, j+4 {
		white := 255 - src[j+3]
		dst[i], dst[i+1], dst[i+2] = src[j]+white, src[j+1]+white, src[j+2]+white
	}
}

func nrgbaRow(dst, src []byte) {
	for i, j := 0, 0; i < len(dst); i, j = i+3, j+4 {
		a := uint32(src[j+3])
		for k := range 3 {
			dst[i+k] = byte((uint32(src[j+k])*a + 255*(255-a) + 127) / 255)
		}
	}
}

func anyRow(dst []byte, src image.Image, y int) {
	x := src.Bounds().Min.X
	for i := 0; i < len(dst); i += 3 {
		r, g, b, a := src.At(x, y).RGBA()
		white := 0xffff - a
		dst[i], dst[i+1], dst[i+2] = byte((r+white)>>8), byte((g+white)>>8), byte((b+white)>>8)
		x++
	}
}

// Package facestest gives tests a photograph with a face in it, and pictures
// that say where they were taken.
package facestest

import (
	"encoding/binary"
	"image"
	"os"
	"slices"
	"testing"

	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
)

// path is where Debian's python-matplotlib-data puts a portrait that the United
// States Navy has taken: 512 × 600 pixels, in the public domain.
const path = "/usr/share/matplotlib/mpl-data/sample_data/grace_hopper.jpg"

// Face is where the portrait's face is, from forehead to chin.
var Face = image.Rect(175, 140, 360, 330)

// JPEG is the portrait's file. A test that finds it missing fails in CI and is
// skipped elsewhere.
func JPEG(tb testing.TB) []byte {
	tb.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		if os.Getenv("CI") != "" {
			tb.Fatalf("missing in CI: %v", err)
		}
		tb.Skipf("install python-matplotlib-data: %v", err)
	}
	return data
}

// Portrait is the same, decoded.
func Portrait(tb testing.TB) *vision.Image {
	tb.Helper()
	img, _, err := codec.Decode(JPEG(tb), codec.Limits{}, codec.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return img
}

// On lays the portrait, brought to a width, on a grey picture of a size.
func On(tb testing.TB, width, height, portrait int, at image.Point) (*vision.Image, image.Rectangle) {
	tb.Helper()
	whole := Portrait(tb)
	small, err := codec.Fit(whole, portrait*whole.Height/whole.Width)
	if err != nil {
		tb.Fatal(err)
	}
	out := vision.NewImage(width, height)
	for i := range out.Pix {
		out.Pix[i] = byte(120 + i*7%11)
	}
	for y := range small.Height {
		if at.Y+y >= height {
			break
		}
		n := 3 * min(small.Width, width-at.X)
		copy(out.Pix[3*((at.Y+y)*width+at.X):][:n], small.Pix[3*y*small.Width:][:n])
	}
	scale := func(v int) int { return v * small.Width / whole.Width }
	return out, image.Rect(scale(Face.Min.X), scale(Face.Min.Y), scale(Face.Max.X), scale(Face.Max.Y)).Add(at)
}

// Place is what WithPlace writes into a file.
const Place = "30.2741N-120.1551E-XIHU"

// WithPlace puts an EXIF segment (CIPA DC-008, on TIFF 6.0) into a JPEG that says
// where it was taken, and how it is turned.
func WithPlace(tb testing.TB, jpeg []byte, orientation uint16) []byte {
	tb.Helper()
	le := binary.LittleEndian
	tiff := slices.Concat([]byte("II*\x00\x08\x00\x00\x00"), le.AppendUint16(nil, 2))
	field := func(tag, kind uint16, count, value uint32) {
		tiff = le.AppendUint32(le.AppendUint32(le.AppendUint16(le.AppendUint16(tiff, tag), kind), count), value)
	}
	field(0x112, 3, 1, uint32(orientation)) // Orientation
	field(0x8825, 4, 1, 38)                 // GPSInfo, at byte 38
	tiff = append(tiff, 0, 0, 0, 0)
	tiff = le.AppendUint16(tiff, 1)
	field(0x2, 5, 3, 56) // GPSLatitude
	tiff = append(tiff, 0, 0, 0, 0)
	tiff = append(tiff, Place...)
	payload := append([]byte("Exif\x00\x00"), tiff...)
	segment := binary.BigEndian.AppendUint16([]byte{0xff, 0xe1}, uint16(len(payload)+2))
	out := slices.Concat(jpeg[:2], segment, payload, jpeg[2:])
	if info, err := codec.Inspect(out, codec.Limits{}); err != nil || info.Orientation != int(orientation) {
		tb.Fatalf("the decoder does not read the segment: %+v, %v", info, err)
	}
	return out
}

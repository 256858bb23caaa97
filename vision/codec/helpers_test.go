package codec

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/internal/jpegtest"
)

// scene is a smooth picture with some structure, the same for the same size.
func scene(w, h int) *vision.Image {
	img := vision.NewImage(w, h)
	for y := range h {
		for x := range w {
			i := 3 * (y*w + x)
			img.Pix[i] = byte(255 * x / max(w-1, 1))
			img.Pix[i+1] = byte(255 * y / max(h-1, 1))
			img.Pix[i+2] = byte(128 + 100*math.Sin(float64(x)/9)*math.Cos(float64(y)/7))
		}
	}
	return img
}

func jpegOf(tb testing.TB, img *vision.Image) []byte {
	tb.Helper()
	data, err := EncodeJPEG(img, 90)
	require.NoError(tb, err)
	return data
}

func variantOf(tb testing.TB, img *vision.Image, grey, full, progressive bool) []byte {
	tb.Helper()
	data, err := jpegtest.Encode(img, jpegtest.Kind{Grey: grey, FullChroma: full, Progressive: progressive})
	require.NoError(tb, err)
	return data
}

func pngOf(tb testing.TB, img image.Image) []byte {
	tb.Helper()
	var b bytes.Buffer
	require.NoError(tb, png.Encode(&b, img))
	return b.Bytes()
}

// withSegments puts marker segments right after a JPEG's start marker.
func withSegments(data []byte, segments ...[]byte) []byte {
	out := append([]byte(nil), data[:2]...)
	for _, s := range segments {
		out = append(out, s...)
	}
	return append(out, data[2:]...)
}

func segmentOf(marker byte, payload []byte) []byte {
	out := []byte{0xff, marker, 0, 0}
	binary.BigEndian.PutUint16(out[2:], uint16(len(payload)+2))
	return append(out, payload...)
}

// exifWith is an EXIF segment with an orientation and, as phones have it, a
// maker's note of the given content.
func exifWith(orientation int, order binary.AppendByteOrder, note string) []byte {
	b := []byte(exifPrefix)
	if order == binary.AppendByteOrder(binary.LittleEndian) {
		b = append(b, "II*\x00"...)
	} else {
		b = append(b, "MM\x00*"...)
	}
	b = order.AppendUint32(b, 8)
	b = order.AppendUint16(b, 2)
	b = order.AppendUint16(b, 0x010e) // ImageDescription
	b = order.AppendUint16(b, 2)
	b = order.AppendUint32(b, uint32(len(note)))
	b = order.AppendUint32(b, 8+2+24+4)
	b = order.AppendUint16(b, tagOrientation)
	b = order.AppendUint16(b, typeShort)
	b = order.AppendUint32(b, 1)
	b = order.AppendUint16(b, uint16(orientation))
	b = order.AppendUint16(b, 0)
	b = order.AppendUint32(b, 0)
	return segmentOf(markerAPP1, append(b, note...))
}

// chunk is a PNG chunk with its checksum.
func chunk(kind string, body []byte) []byte {
	out := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	out = append(out, kind...)
	out = append(out, body...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[4:]))
}

func ihdr(w, h uint32, depth, colour byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, w)
	b = binary.BigEndian.AppendUint32(b, h)
	return chunk("IHDR", append(b, depth, colour, 0, 0, 0))
}

func pngFile(chunks ...[]byte) []byte {
	return append([]byte(pngSignature), bytes.Join(chunks, nil)...)
}

// resized returns a JPEG whose frame header claims another size.
func resized(data []byte, w, h int) []byte {
	out := append([]byte(nil), data...)
	s := newSegments(out)
	for {
		seg, err := s.next()
		if err != nil || seg.marker == markerEOI {
			return out
		}
		if isFrame(seg.marker) {
			binary.BigEndian.PutUint16(seg.payload[1:], uint16(h))
			binary.BigEndian.PutUint16(seg.payload[3:], uint16(w))
		}
	}
}

// meanDifference is the mean absolute difference of samples.
func meanDifference(tb testing.TB, a, b *vision.Image) float64 {
	tb.Helper()
	require.Equal(tb, a.Rect(), b.Rect())
	sum := 0
	for i := range a.Pix {
		sum += max(int(a.Pix[i])-int(b.Pix[i]), int(b.Pix[i])-int(a.Pix[i]))
	}
	return float64(sum) / float64(len(a.Pix))
}

func requireReason(tb testing.TB, err error, reasons ...string) {
	tb.Helper()
	require.Error(tb, err)
	require.Contains(tb, reasons, ReasonOf(err), "%v", err)
}

func grey(w, h int, v uint8) *image.Gray {
	img := image.NewGray(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		img.Pix[i] = v
	}
	return img
}

var palette = color.Palette{color.NRGBA{R: 255, A: 255}, color.NRGBA{}, color.NRGBA{B: 255, A: 128}}

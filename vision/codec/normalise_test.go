package codec

import (
	"bytes"
	"encoding/binary"
	"image"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/binside/binside/vision"
)

const secret = "31.2304N 121.4737E Zhang San's phone"

func TestStripJPEG(t *testing.T) {
	j := jpegOf(t, scene(70, 50))
	noisy := withSegments(j,
		exifWith(6, binary.LittleEndian, secret),
		segmentOf(markerAPP0, []byte("JFXX\x00\x10"+secret)),
		segmentOf(markerAPP0+2, []byte("ICC_PROFILE\x00"+secret)),
		segmentOf(markerAPP0+13, []byte("Photoshop 3.0\x00"+secret)),
		segmentOf(markerAPP14, []byte("Adobe\x00\x64\x00\x00\x00\x00\x01"+secret)),
		segmentOf(markerAPP14, []byte(secret)),
		segmentOf(markerCOM, []byte(secret)))
	noisy = append(noisy, secret...)
	out, err := StripJPEG(noisy)
	require.NoError(t, err)
	assert.NotContains(t, string(out), secret)
	assert.NotContains(t, string(out), "Exif")
	assert.Contains(t, string(out), "Adobe", "decoders need the colour transform")
	want, _, err := Decode(noisy, Limits{}, Options{})
	require.NoError(t, err)
	got, info, err := Decode(out, Limits{}, Options{})
	require.NoError(t, err)
	assert.Equal(t, want, got, "no sample has changed")
	assert.Equal(t, 1, info.Orientation)
	again, err := StripJPEG(out)
	require.NoError(t, err)
	assert.Equal(t, out, again)

	for _, c := range malformedFiles(t) {
		out, err := StripJPEG(c.data)
		if err == nil {
			_, err = Inspect(out, Limits{})
			require.NoError(t, err, c.name)
			continue
		}
		require.NotEmpty(t, ReasonOf(err), c.name)
	}
}

func TestStripKeepsJFIFWithoutThumbnail(t *testing.T) {
	j := jpegOf(t, scene(16, 16))
	at := bytes.Index(j, []byte("JFIF\x00"))
	require.Equal(t, 6, at, "EncodeJPEG writes a JFIF header first")
	header := append([]byte(nil), j[at:at+12]...)
	thumb := append(append(header, 2, 1), []byte(secret)[:6]...)
	bare := append([]byte{0xff, markerSOI}, j[at+14:]...)
	out, err := StripJPEG(withSegments(bare, segmentOf(markerAPP0, thumb)))
	require.NoError(t, err)
	assert.Equal(t, j, out)
}

func TestExifOrientation(t *testing.T) {
	for o := 1; o <= 8; o++ {
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			assert.Equal(t, o, exifOrientation(exifWith(o, order, "note")[4:]))
		}
	}
	good := exifWith(6, binary.BigEndian, "note")[4:]
	for n := range good {
		assert.Contains(t, []int{0, 6}, exifOrientation(good[:n]))
	}
	for _, o := range []int{0, 9, 65535} {
		assert.Zero(t, exifOrientation(exifWith(o, binary.LittleEndian, "")[4:]))
	}
	far := append([]byte(nil), good...)
	binary.BigEndian.PutUint32(far[10:], 1<<32-1)
	assert.Zero(t, exifOrientation(far))
}

func TestOrient(t *testing.T) {
	// 1 2 3        every orientation as the EXIF standard draws it
	// 4 5 6
	src := vision.NewImage(3, 2)
	for i := range src.Pix {
		src.Pix[i] = byte(i/3 + 1)
	}
	for o, want := range map[int][][]byte{
		1: {{1, 2, 3}, {4, 5, 6}},
		2: {{3, 2, 1}, {6, 5, 4}},
		3: {{6, 5, 4}, {3, 2, 1}},
		4: {{4, 5, 6}, {1, 2, 3}},
		5: {{1, 4}, {2, 5}, {3, 6}},
		6: {{4, 1}, {5, 2}, {6, 3}},
		7: {{6, 3}, {5, 2}, {4, 1}},
		8: {{3, 6}, {2, 5}, {1, 4}},
	} {
		got := Orient(src, o)
		require.Equal(t, image.Rect(0, 0, len(want[0]), len(want)), got.Rect(), "%d", o)
		for y, row := range want {
			for x, v := range row {
				assert.Equal(t, v, got.At(x, y).G, "orientation %d at %d,%d", o, x, y)
			}
		}
	}
	assert.Same(t, src, Orient(src, 0))
}

func TestNormaliseCheapPath(t *testing.T) {
	j := jpegOf(t, scene(120, 80))
	out, w, h, err := Normalise(withSegments(j, exifWith(1, binary.LittleEndian, secret)), Limits{}, 120, 0)
	require.NoError(t, err)
	assert.Equal(t, [2]int{120, 80}, [2]int{w, h})
	assert.Equal(t, j, out, "the samples are not compressed again")
}

func TestNormaliseTurnsScalesAndConverts(t *testing.T) {
	src := scene(400, 240)
	jpg, png := jpegOf(t, src), pngOf(t, src.NRGBA())
	turned := func(o int) []byte { return withSegments(jpg, exifWith(o, binary.BigEndian, secret)) }
	for _, c := range []struct {
		name    string
		data    []byte
		maxSide int
		want    *vision.Image
	}{
		{"turned", turned(6), 0, Orient(src, 6)},
		{"mirrored", turned(5), 400, Orient(src, 5)},
		{"scaled", jpg, 100, scene(100, 60)},
		{"scaled, not by a power of two", jpg, 150, scene(150, 90)},
		{"turned and scaled", turned(8), 100, Orient(scene(100, 60), 8)},
		{"png", png, 0, src},
		{"png scaled", png, 200, scene(200, 120)},
		{"png turned", append(png[:33:33], append(chunk("eXIf", exifWith(3, binary.LittleEndian, "")[10:]), png[33:]...)...), 0, Orient(src, 3)},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, w, h, err := Normalise(c.data, Limits{}, c.maxSide, 95)
			require.NoError(t, err)
			assert.NotContains(t, string(out), secret)
			assert.Equal(t, c.want.Rect(), image.Rect(0, 0, w, h))
			got, info, err := Decode(out, Limits{}, Options{})
			require.NoError(t, err)
			assert.Equal(t, FormatJPEG, info.Format)
			if c.maxSide == 0 || c.maxSide == 400 {
				assert.Less(t, meanDifference(t, got, c.want), 5.0)
				return
			}
			// The scene's waves depend on its size, its ramps do not.
			for _, at := range []image.Point{{5, 5}, {w - 6, 5}, {5, h - 6}, {w - 6, h - 6}} {
				assert.InDelta(t, c.want.At(at.X, at.Y).R, got.At(at.X, at.Y).R, 10)
				assert.InDelta(t, c.want.At(at.X, at.Y).G, got.At(at.X, at.Y).G, 10)
			}
		})
	}
	_, _, _, err := Normalise(jpg, Limits{}, -1, 0)
	require.Error(t, err)
	_, _, _, err = Normalise(turned(3), Limits{}, 0, 101)
	require.Error(t, err)
}

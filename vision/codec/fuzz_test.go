package codec

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

func seed(f *testing.F) {
	f.Helper()
	src := scene(40, 24)
	for _, data := range [][]byte{
		jpegOf(f, src), variantOf(f, src, true, false, false), variantOf(f, src, false, true, true),
		withSegments(jpegOf(f, src), exifWith(6, binary.LittleEndian, "note")),
		pngOf(f, src.NRGBA()), pngOf(f, grey(9, 9, 8)),
	} {
		f.Add(data)
	}
	for _, c := range malformedFiles(f) {
		if len(c.data) < 1<<16 {
			f.Add(c.data)
		}
	}
}

// FuzzDecode: every input is a picture or an *Error, never a panic.
func FuzzDecode(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, data []byte) { exercise(t, data) })
}

// FuzzStrip: what is stripped stays a JPEG of the same size, has nothing left
// to strip, and decodes to the same samples or not at all, like the original.
func FuzzStrip(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		out, err := StripJPEG(data)
		if err != nil {
			require.NotEmpty(t, ReasonOf(err))
			return
		}
		require.LessOrEqual(t, len(out), len(data))
		again, err := StripJPEG(out)
		require.NoError(t, err)
		require.Equal(t, out, again)
		lim := Limits{MaxPixels: 1 << 20}
		a, err := Inspect(data, lim)
		if err != nil {
			return
		}
		b, err := Inspect(out, lim)
		require.NoError(t, err)
		a.Orientation = 1
		require.Equal(t, a, b)
	})
}

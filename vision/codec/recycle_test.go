package codec

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/vision"
)

// What is decoded into used memory is what fresh memory would hold, at every
// size, and a file that is refused leaves no trace in it.
func TestRecycledMemory(t *testing.T) {
	large, small := jpegOf(t, scene(320, 240)), jpegOf(t, scene(160, 200))
	decode := func(data []byte) []byte {
		img, _, err := Decode(data, DefaultLimits(), Options{})
		require.NoError(t, err)
		pix := append([]byte(nil), img.Pix...)
		Recycle(img)
		require.Empty(t, img.Pix)
		require.Zero(t, img.Width)
		Recycle(img) // an empty one is nothing to give back
		return pix
	}
	fresh := func(data []byte) []byte {
		info, err := Inspect(data, DefaultLimits())
		require.NoError(t, err)
		img := vision.NewImage(info.Width, info.Height)
		require.NoError(t, DecodeUnchecked(data, info, 1, img))
		return img.Pix
	}
	wantLarge, wantSmall := fresh(large), fresh(small)
	for range 20 {
		require.Equal(t, wantLarge, decode(large))
		_, _, err := Decode(large[:len(large)/2], DefaultLimits(), Options{})
		require.Error(t, err)
		require.Equal(t, wantSmall, decode(small))
	}
}

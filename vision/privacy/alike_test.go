package privacy_test

import (
	"image"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/privacy"
)

// A sensor's noise is no difference; a head of the smallest size that is looked
// for is one wherever it comes in, though it is but little darker than the tray.
func TestAlike(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	tray := func() *vision.Image {
		img := vision.NewImage(403, 298)
		for i := range img.Pix {
			img.Pix[i] = byte(120 + i/3%403/8 + int(6*r.NormFloat64()))
		}
		return img
	}
	first := tray()
	for range 20 {
		alike, err := privacy.Alike(first, tray())
		require.NoError(t, err)
		require.True(t, alike)

		other := tray()
		at := image.Pt(r.IntN(403-24), r.IntN(298-24))
		for y := at.Y; y < at.Y+24; y++ {
			for x := 3 * at.X; x < 3*(at.X+24); x++ {
				other.Pix[3*403*y+x] -= 20
			}
		}
		alike, err = privacy.Alike(first, other)
		require.NoError(t, err)
		require.False(t, alike, "%v", at)
	}
	alike, err := privacy.Alike(first, vision.NewImage(298, 403))
	require.NoError(t, err)
	require.False(t, alike, "of another size")
	_, err = privacy.Alike(&vision.Image{}, &vision.Image{})
	require.Error(t, err)
}

package quality

import (
	"image"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/binside/binside/vision"
)

func flat(w, h int, v byte) *vision.Image {
	img := vision.NewImage(w, h)
	for i := range img.Pix {
		img.Pix[i] = v
	}
	return img
}

// drawing has edges of every direction, the same at every size.
func drawing(w, h int) *vision.Image {
	img := vision.NewImage(w, h)
	for y := range h {
		for x := range w {
			fx, fy := float64(x)/float64(w), float64(y)/float64(h)
			v := byte(60)
			if math.Hypot(fx-0.5, fy-0.5) < 0.3 || math.Mod(fx*6+fy*4, 1) < 0.4 {
				v = 190
			}
			i := 3 * (y*w + x)
			img.Pix[i], img.Pix[i+1], img.Pix[i+2] = v, v, v
		}
	}
	return img
}

// blur averages over (2r+1)² pixels.
func blur(img *vision.Image, r int) *vision.Image {
	out := vision.NewImage(img.Width, img.Height)
	for y := range img.Height {
		for x := range img.Width {
			sum, n := 0, 0
			for dy := -r; dy <= r; dy++ {
				for dx := -r; dx <= r; dx++ {
					if p := image.Pt(x+dx, y+dy); p.In(img.Rect()) {
						sum += int(img.At(p.X, p.Y).G)
						n++
					}
				}
			}
			i := 3 * (y*img.Width + x)
			v := byte(sum / n)
			out.Pix[i], out.Pix[i+1], out.Pix[i+2] = v, v, v
		}
	}
	return out
}

func measure(tb testing.TB, img *vision.Image) Quality {
	tb.Helper()
	q, err := Measure(img, image.Rectangle{})
	require.NoError(tb, err)
	return q
}

func TestFlat(t *testing.T) {
	for _, c := range []struct {
		v       byte
		clipped float64
	}{{0, 1}, {5, 1}, {6, 0}, {128, 0}, {249, 0}, {250, 1}, {255, 1}} {
		q := measure(t, flat(300, 200, c.v))
		assert.InDelta(t, float64(c.v)/255, q.Exposure, 1e-9)
		assert.InDelta(t, c.clipped, q.Clipped, 1e-9, "%d", c.v)
		assert.InDelta(t, 0, q.Sharpness, 1e-9)
	}
}

// TestLaplacianByHand: one bright pixel v in the middle of 5×5 black ones has
// the responses -4v, four times v, and four times 0.
func TestLaplacianByHand(t *testing.T) {
	luma := make([]byte, 25)
	luma[12] = 90
	assert.InDelta(t, 20.0*90*90/9, laplacianVariance(luma, 5, 5), 1e-9)
	assert.Zero(t, laplacianVariance(luma[:10], 5, 2))
}

func TestBlurLowersSharpness(t *testing.T) {
	img := drawing(320, 240)
	last := measure(t, img).Sharpness
	require.Greater(t, last, 300.0)
	for _, r := range []int{1, 2, 4} {
		q := measure(t, blur(img, r)).Sharpness
		assert.Less(t, q, 0.8*last, "radius %d", r)
		last = q
	}
	assert.Less(t, last, 50.0)
}

func TestSizeHardlyMatters(t *testing.T) {
	want := measure(t, drawing(640, 480)).Sharpness
	for _, w := range []int{256, 400, 520, 1280} {
		got := measure(t, drawing(w, w*3/4)).Sharpness
		t.Logf("%d wide: %.0f, 640 wide: %.0f", w, got, want)
		assert.InEpsilon(t, want, got, 0.15, "%d wide", w)
	}
}

func TestRect(t *testing.T) {
	img := flat(200, 100, 40)
	for y := range 100 {
		for x := 100; x < 200; x++ {
			i := 3 * (y*200 + x)
			img.Pix[i], img.Pix[i+1], img.Pix[i+2] = 255, 255, 255
		}
	}
	left, err := Measure(img, image.Rect(-10, 0, 100, 100))
	require.NoError(t, err)
	assert.Equal(t, Quality{Exposure: left.Exposure}, left)
	right, err := Measure(img, image.Rect(100, 0, 900, 100))
	require.NoError(t, err)
	assert.InDelta(t, 1, right.Clipped, 1e-9)
	assert.InDelta(t, 1, right.Exposure, 1e-9)
	_, err = Measure(img, image.Rect(300, 0, 400, 100))
	require.Error(t, err)
	_, err = Measure(nil, image.Rectangle{})
	require.Error(t, err)
}

func TestAnyShape(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for range 200 {
		img := flat(1+rng.IntN(400), 1+rng.IntN(40), byte(rng.Uint32()))
		q := measure(t, img)
		assert.False(t, math.IsNaN(q.Sharpness+q.Exposure+q.Clipped))
	}
}

func BenchmarkMeasure(b *testing.B) {
	img := drawing(360, 480)
	for b.Loop() {
		_, err := Measure(img, image.Rectangle{})
		require.NoError(b, err)
	}
}

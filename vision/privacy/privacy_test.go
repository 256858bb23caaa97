package privacy

import (
	"image"
	"image/color"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
)

func noise(rng *rand.Rand, w, h int) *vision.Image {
	img := vision.NewImage(w, h)
	for i := range img.Pix {
		img.Pix[i] = byte(rng.Uint32())
	}
	return img
}

// randomPolygon may cross itself; some of its corners lie on the frame's edge
// or share a height.
func randomPolygon(rng *rand.Rand) vision.Polygon {
	p := make(vision.Polygon, 3+rng.IntN(8))
	for i := range p {
		p[i] = vision.Point{X: rng.Float64(), Y: rng.Float64()}
		switch rng.IntN(6) {
		case 0:
			p[i].X = float64(rng.IntN(2))
		case 1:
			p[i].Y = float64(rng.IntN(5)) / 4
		case 2:
			if i > 0 {
				p[i].Y = p[i-1].Y
			}
		}
	}
	return p
}

func centre(x, y, w, h int) vision.Point {
	return vision.Point{X: (float64(x) + 0.5) / float64(w), Y: (float64(y) + 0.5) / float64(h)}
}

// TestOutsideIsFill: for random polygons and frames, every pixel is either
// the frame's own and inside, or exactly the fill colour, and none that is
// inside is missing from the crop.
func TestOutsideIsFill(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for range 400 {
		w, h := 1+rng.IntN(90), 1+rng.IntN(70)
		frame, p := noise(rng, w, h), randomPolygon(rng)
		crop, origin := CropRegion(frame, p)
		bounds := p.Bounds(w, h)
		if bounds.Empty() {
			require.Nil(t, crop)
			continue
		}
		require.Equal(t, bounds, crop.Rect().Add(origin))
		for y := range h {
			for x := range w {
				inside := p.Contains(centre(x, y, w, h))
				at := image.Pt(x, y)
				if !at.In(bounds) {
					require.False(t, inside)
					continue
				}
				want := Fill
				if inside {
					want = frame.At(x, y)
				}
				require.Equal(t, want, crop.At(x-origin.X, y-origin.Y), "%v of %d×%d, %v", at, w, h, p)
			}
		}
	}
}

// TestOutsideHasNoInfluence: whatever happens outside the polygon, not a bit
// of the crop or of its JPEG changes.
func TestOutsideHasNoInfluence(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	for range 60 {
		w, h := 20+rng.IntN(200), 20+rng.IntN(150)
		frame, p := noise(rng, w, h), randomPolygon(rng)
		other := noise(rng, w, h)
		for y := range h {
			for x := range w {
				if p.Contains(centre(x, y, w, h)) {
					i := 3 * (y*w + x)
					copy(other.Pix[i:i+3], frame.Pix[i:i+3])
				}
			}
		}
		a, _ := CropRegion(frame, p)
		b, _ := CropRegion(other, p)
		require.Equal(t, a, b)
		if a == nil {
			continue
		}
		ja, err := codec.EncodeJPEG(a, 85)
		require.NoError(t, err)
		jb, err := codec.EncodeJPEG(b, 85)
		require.NoError(t, err)
		require.Equal(t, ja, jb)
	}
}

func TestFrameIsNotChangedNorShared(t *testing.T) {
	frame := noise(rand.New(rand.NewPCG(9, 9)), 40, 30)
	before := frame.Clone()
	crop, origin := CropRegion(frame, vision.Full())
	assert.Equal(t, frame, crop, "the whole picture is inside of Full")
	assert.Equal(t, image.Point{}, origin)
	clear(crop.Pix)
	assert.Equal(t, before, frame)
}

func TestNothingToCrop(t *testing.T) {
	frame := vision.NewImage(10, 10)
	for _, p := range []vision.Polygon{nil, {{X: 0, Y: 0}, {X: 1, Y: 1}}, {{X: 0.5, Y: 0.5}, {X: 0.5, Y: 0.5}, {X: 0.5, Y: 0.5}}} {
		crop, _ := CropRegion(frame, p)
		assert.Nil(t, crop)
	}
	for _, bad := range []*vision.Image{nil, {}, {Width: 4, Height: 4}} {
		crop, _ := CropRegion(bad, vision.Full())
		assert.Nil(t, crop)
	}
}

// TestSliver: a region too thin to hold a pixel's centre is all fill.
func TestSliver(t *testing.T) {
	p := vision.Polygon{{X: 0.51, Y: 0}, {X: 0.52, Y: 0}, {X: 0.52, Y: 1}, {X: 0.51, Y: 1}}
	frame := noise(rand.New(rand.NewPCG(1, 9)), 10, 10)
	crop, origin := CropRegion(frame, p)
	require.Equal(t, image.Rect(5, 0, 6, 10), crop.Rect().Add(origin))
	for y := range 10 {
		assert.Equal(t, color.RGBA{R: 114, G: 114, B: 114, A: 255}, crop.At(0, y))
	}
}

func BenchmarkCropRegion(b *testing.B) {
	frame := noise(rand.New(rand.NewPCG(2, 2)), 1280, 720)
	p := vision.Polygon{{X: 0.1, Y: 0.2}, {X: 0.35, Y: 0.15}, {X: 0.4, Y: 0.9}, {X: 0.05, Y: 0.95}}
	for b.Loop() {
		CropRegion(frame, p)
	}
}

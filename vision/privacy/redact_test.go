package privacy_test

import (
	"context"
	"errors"
	"image"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
	"github.com/binside/binside/vision/privacy"
)

func noise(width, height int, seed uint64) *vision.Image {
	img, rng := vision.NewImage(width, height), rand.New(rand.NewPCG(seed, seed))
	for i := range img.Pix {
		img.Pix[i] = byte(rng.IntN(256))
	}
	return img
}

func boxes(list ...image.Rectangle) func(context.Context, *vision.Image) ([]image.Rectangle, error) {
	return func(context.Context, *vision.Image) ([]image.Rectangle, error) { return list, nil }
}

func TestAreasAreWholeHeadsAndPeople(t *testing.T) {
	asked := -1
	r := privacy.Redactor{
		SmallestFace: 24, People: boxes(image.Rect(150, 10, 400, 90), image.Rect(300, 300, 400, 400)),
		Faces: func(_ context.Context, _ *vision.Image, smallest int) ([]image.Rectangle, error) {
			asked = smallest
			return []image.Rectangle{image.Rect(50, 40, 70, 60), image.Rect(-10, -10, 10, 10)}, nil
		},
	}
	areas, err := r.Areas(t.Context(), vision.NewImage(200, 100))
	require.NoError(t, err)
	require.Equal(t, 24, asked)
	require.Equal(t, []image.Rectangle{
		image.Rect(43, 28, 77, 66), image.Rect(0, 0, 17, 16), image.Rect(150, 10, 200, 90),
	}, areas, "heads are larger than faces, and nothing lies outside the picture")
}

func TestWhatCannotBeSearchedIsAnError(t *testing.T) {
	broken := errors.New("broken")
	faces := func(context.Context, *vision.Image, int) ([]image.Rectangle, error) { return nil, broken }
	none := func(context.Context, *vision.Image, int) ([]image.Rectangle, error) { return nil, nil }
	people := func(context.Context, *vision.Image) ([]image.Rectangle, error) { return nil, broken }
	for name, r := range map[string]privacy.Redactor{
		"faces": {Faces: faces}, "people": {Faces: none, People: people},
	} {
		_, err := r.Areas(t.Context(), vision.NewImage(8, 8))
		require.ErrorIs(t, err, broken, name)
	}
	_, err := (&privacy.Redactor{}).Areas(t.Context(), vision.NewImage(8, 8))
	require.Error(t, err, "nothing that finds faces is no empty street")
}

// Two different pictures are the same where they are painted, and are not
// touched elsewhere.
func TestPaintCannotBeUndone(t *testing.T) {
	a, b := noise(60, 40, 1), noise(60, 40, 2)
	was := a.Clone()
	areas := []image.Rectangle{image.Rect(5, 6, 20, 30), image.Rect(15, 20, 50, 39), image.Rect(55, 35, 90, 90), image.Rect(-5, -5, 2, 2), {}}
	privacy.Paint(a, areas)
	privacy.Paint(b, areas)
	for y := range 40 {
		for x := range 60 {
			covered := false
			for _, r := range areas {
				covered = covered || (image.Point{X: x, Y: y}).In(r)
			}
			if covered {
				require.Equal(t, privacy.Fill, a.At(x, y), "%d,%d", x, y)
				require.Equal(t, privacy.Fill, b.At(x, y), "%d,%d", x, y)
			} else {
				require.Equal(t, was.At(x, y), a.At(x, y), "%d,%d", x, y)
			}
		}
	}
}

func TestPaintedShare(t *testing.T) {
	img := noise(80, 64, 3)
	for i, v := range img.Pix { // nothing near the fill
		img.Pix[i] = v % 90
	}
	require.Zero(t, privacy.Painted(img, img.Rect()))
	privacy.Paint(img, []image.Rectangle{image.Rect(0, 0, 40, 64)})
	require.InDelta(t, 0.5, privacy.Painted(img, img.Rect()), 1e-9)
	require.InDelta(t, 1, privacy.Painted(img, image.Rect(0, 0, 40, 64)), 1e-9)
	require.InDelta(t, 0.25, privacy.Painted(img, image.Rect(30, 10, 70, 20)), 1e-9)
	require.Zero(t, privacy.Painted(img, image.Rect(40, 0, 200, 64)), "what lies beyond the edge does not count")
	require.InDelta(t, 1, privacy.Painted(img, image.Rect(90, 0, 95, 5)), 1e-9, "nothing is to be seen there")
	data, err := codec.EncodeJPEG(img, 85)
	require.NoError(t, err)
	back, _, err := codec.Decode(data, codec.Limits{}, codec.Options{})
	require.NoError(t, err)
	require.InDelta(t, 0.5, privacy.Painted(back, back.Rect()), 0.06, "its JPEG, but for the edge")
}

func TestScaleRoundsOutwards(t *testing.T) {
	from, to := image.Pt(320, 180), image.Pt(1280, 721)
	got := privacy.Scale([]image.Rectangle{image.Rect(1, 1, 3, 3)}, from, to)
	require.Equal(t, []image.Rectangle{image.Rect(4, 4, 12, 13)}, got)
	back := privacy.Scale(got, to, from)
	require.True(t, image.Rect(1, 1, 3, 3).In(back[0]), "what was covered stays covered")
	rng := rand.New(rand.NewPCG(3, 3))
	for range 1000 {
		r := image.Rect(rng.IntN(320), rng.IntN(180), rng.IntN(320), rng.IntN(180))
		small := image.Pt(1+rng.IntN(400), 1+rng.IntN(400))
		s := privacy.Scale([]image.Rectangle{r}, from, small)[0]
		require.LessOrEqual(t, s.Min.X*from.X, r.Min.X*small.X)
		require.GreaterOrEqual(t, s.Max.X*from.X, r.Max.X*small.X)
		require.LessOrEqual(t, s.Min.Y*from.Y, r.Min.Y*small.Y)
		require.GreaterOrEqual(t, s.Max.Y*from.Y, r.Max.Y*small.Y)
	}
}

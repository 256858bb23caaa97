package people_test

import (
	"context"
	"image"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/privacy/people"
)

// figure draws somebody who stands, whole and upright, on a grey ground: head,
// trunk with arms, and two legs. What is found of real people, vtest.avi of
// OpenCV's samples among them, `make bench-privacy` measures.
func figure(width, height, tall int, at image.Point) (*vision.Image, image.Rectangle) {
	out := vision.NewImage(width, height)
	for i := range out.Pix {
		out.Pix[i] = 190
	}
	w := tall * 2 / 5
	// Whether the figure is there at a height v from 0 to 1, d away from its
	// middle; both are shares of its height.
	there := func(v, d float64) bool {
		switch {
		case v < 0.14:
			return d*d/0.0025+(v-0.07)*(v-0.07)/0.0049 <= 1
		case v < 0.2:
			return d <= 0.05+0.05*(v-0.14)/0.06
		case v < 0.5:
			return d <= 0.1
		}
		return math.Abs(d-0.05*(0.4+0.6*(v-0.5)/0.5)) <= 0.03
	}
	for y := range tall {
		for x := range w {
			if there(float64(y)/float64(tall), math.Abs(float64(x)-float64(w)/2)/float64(tall)) {
				i := 3 * ((at.Y+y)*width + at.X + x)
				out.Pix[i], out.Pix[i+1], out.Pix[i+2] = 50, 45, 60
			}
		}
	}
	return out, image.Rect(0, 0, w, tall).Add(at)
}

var finders = map[string]func(context.Context, *vision.Image) ([]image.Rectangle, error){
	"whole view": people.Find, "deposit": people.FindLarge,
}

func TestAPersonIsFound(t *testing.T) {
	for _, at := range []image.Point{{100, 60}, {600, 100}} {
		img, person := figure(960, 540, 300, at)
		for name, find := range finders {
			found, err := find(t.Context(), img)
			require.NoError(t, err)
			best := 0.0
			for _, f := range found {
				in := f.Intersect(person)
				best = max(best, float64(in.Dx()*in.Dy())/float64(person.Dx()*person.Dy()))
			}
			require.Greater(t, best, 0.6, "%s: %v of %v", name, found, person)
		}
	}
}

// Who is small in a picture of things is not looked for there.
func TestTheSmallAreFoundInWholeViewsOnly(t *testing.T) {
	img, _ := figure(1280, 720, 150, image.Pt(500, 200))
	for name, find := range finders {
		found, err := find(t.Context(), img)
		require.NoError(t, err)
		require.Equal(t, name == "whole view", len(found) > 0, "%s: %v", name, found)
	}
}

func TestNobodyIsSeenInAnEmptyView(t *testing.T) {
	for _, size := range []image.Point{{1280, 720}, {40, 40}, {2000, 20}} {
		for name, find := range finders {
			found, err := find(t.Context(), vision.NewImage(size.X, size.Y))
			require.NoError(t, err)
			require.Empty(t, found, name)
		}
	}
}

func TestFindRefuses(t *testing.T) {
	_, err := people.Find(t.Context(), &vision.Image{Pix: make([]byte, 10), Width: 640, Height: 480})
	require.Error(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = people.Find(ctx, vision.NewImage(640, 480))
	require.ErrorIs(t, err, context.Canceled)
}

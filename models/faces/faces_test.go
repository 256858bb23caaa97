package faces

import (
	"context"
	"image"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/models/faces/facestest"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
)

func open(tb testing.TB) *Detector {
	tb.Helper()
	d, err := Open(Options{})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, d.Close()) })
	return d
}

// covers says whether the boxes cover at least four fifths of a face.
func covers(boxes []image.Rectangle, face image.Rectangle) bool {
	n := 0
	for y := face.Min.Y; y < face.Max.Y; y++ {
		for x := face.Min.X; x < face.Max.X; x++ {
			for _, b := range boxes {
				if (image.Point{x, y}).In(b) {
					n++
					break
				}
			}
		}
	}
	return 5*n >= 4*face.Dx()*face.Dy()
}

func TestFaceIsFoundWhereverItIs(t *testing.T) {
	d := open(t)
	for _, c := range []struct {
		width, height, portrait int
		at                      image.Point
		smallest                int
	}{
		{512, 600, 512, image.Pt(0, 0), 0},
		{400, 300, 200, image.Pt(10, 40), 0},
		{400, 300, 200, image.Pt(190, 60), 0},
		{1280, 720, 500, image.Pt(700, 60), 0},
		{300, 1000, 200, image.Pt(50, 700), 0},
		{1280, 720, 160, image.Pt(1000, 400), 24},
		{1280, 720, 140, image.Pt(20, 20), 24},
		{1600, 1200, 160, image.Pt(800, 590), 24},
	} {
		img, face := facestest.On(t, c.width, c.height, c.portrait, c.at)
		found, err := d.Find(t.Context(), img, c.smallest)
		require.NoError(t, err)
		require.NotEmpty(t, found, "%+v", c)
		centre := face.Min.Add(face.Max).Div(2)
		for _, f := range found {
			require.True(t, centre.In(f), "%+v: %v is not the face at %v", c, f, face)
		}
		require.True(t, covers(found, face.Inset(face.Dx()/8)), "%+v: %v does not cover %v", c, found, face)
	}
}

func TestTurnedFaceIsFound(t *testing.T) {
	d := open(t)
	img, face := facestest.On(t, 640, 400, 260, image.Pt(330, 40))
	for orientation, undo := range map[int]int{1: 1, 6: 8, 3: 3, 8: 6} {
		turned := codec.Orient(img, orientation)
		found, err := d.FindTurned(t.Context(), turned, 0)
		require.NoError(t, err)
		surely, err := d.FindTurnedSurely(t.Context(), turned, 0)
		require.NoError(t, err)
		require.Subset(t, found, surely)
		found = surely
		// Turned back, the boxes must lie on the face.
		mask := vision.NewImage(turned.Width, turned.Height)
		for _, f := range found {
			f = f.Intersect(mask.Rect())
			for y := f.Min.Y; y < f.Max.Y; y++ {
				for x := f.Min.X; x < f.Max.X; x++ {
					mask.Pix[3*(y*mask.Width+x)] = 255
				}
			}
		}
		mask = codec.Orient(mask, undo)
		on, off := 0, 0
		for y := range mask.Height {
			for x := range mask.Width {
				switch in := (image.Point{X: x, Y: y}).In(face); {
				case in && mask.At(x, y).R > 0:
					on++
				case !in && mask.At(x, y).R > 0:
					off++
				}
			}
		}
		require.Greater(t, on, face.Dx()*face.Dy()*3/4, "orientation %d", orientation)
		require.Less(t, off, face.Dx()*face.Dy(), "orientation %d", orientation)
	}
}

func TestNoFaceIsSeenInNoise(t *testing.T) {
	d := open(t)
	img := vision.NewImage(640, 360)
	found, err := d.Find(t.Context(), img, 24)
	require.NoError(t, err)
	require.Empty(t, found, "black")
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range img.Pix {
		img.Pix[i] = byte(rng.IntN(256))
	}
	found, err = d.Find(t.Context(), img, 24)
	require.NoError(t, err)
	require.Empty(t, found, "noise")
}

func TestFindRefuses(t *testing.T) {
	d := open(t)
	_, err := d.Find(t.Context(), &vision.Image{}, 0)
	require.Error(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = d.Find(ctx, vision.NewImage(64, 64), 0)
	require.ErrorIs(t, err, context.Canceled)
}

func TestManyAtOnce(t *testing.T) {
	d := open(t)
	img := facestest.Portrait(t)
	want, err := d.Find(t.Context(), img, 0)
	require.NoError(t, err)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			got, err := d.Find(context.Background(), img, 0)
			if err != nil || len(got) != len(want) {
				t.Errorf("%v, %v; want %v", got, err, want)
			}
		})
	}
	group.Wait()
}

func TestAnotherNetworkIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "faces.onnx")
	require.NoError(t, os.WriteFile(path, []byte("x"), 0o600))
	_, err := Open(Options{Model: path})
	require.ErrorContains(t, err, "SHA-256")
	_, err = Open(Options{Model: path + "none"})
	require.ErrorContains(t, err, "no file")
}

// Every point of a picture lies in a window in which the smallest face that is
// asked for is large enough, and no two windows leave a gap into which it fits.
func TestWindowsLeaveNoGap(t *testing.T) {
	for _, size := range []image.Point{{1280, 720}, {720, 1280}, {400, 400}, {3000, 200}, {64, 64}, {1600, 1200}} {
		const least = 24
		ws := windows(size.X, size.Y, least)
		require.Equal(t, image.Rectangle{Max: size}, ws[0])
		for y := 0; y+least <= size.Y; y += 7 {
			for x := 0; x+least <= size.X; x += 7 {
				face, ok := image.Rect(x, y, x+least, y+least), false
				for _, w := range ws {
					large := least*side >= smallest*max(w.Dx(), w.Dy())-side
					ok = ok || large && face.In(w)
				}
				require.True(t, ok, "%v: a face at %v is whole in no window that is fine enough", size, face)
			}
		}
	}
}

func BenchmarkFind(b *testing.B) {
	d := open(b)
	for name, c := range map[string]struct{ width, height, smallest int }{
		"crop-400": {400, 300, 0}, "push-640x360": {640, 360, 0}, "overview-1280x720": {1280, 720, 24},
	} {
		img := vision.NewImage(c.width, c.height)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := d.Find(b.Context(), img, c.smallest); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

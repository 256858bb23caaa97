package preprocess

import (
	"fmt"
	"image"
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/binside/binside/vision"
)

// The ImageNet statistics that most published weights are trained with.
var (
	mean      = [3]float64{0.485, 0.456, 0.406}
	deviation = [3]float64{0.229, 0.224, 0.225}
)

func spec(w, h int, resize string) Spec {
	return Spec{Width: w, Height: h, Colour: RGB, Resize: resize, Fill: [3]uint8{114, 115, 116}, Mean: mean, Deviation: deviation}
}

// texture is random at a coarse scale and noisy at the finest.
func texture(w, h int) *vision.Image {
	rng := rand.New(rand.NewPCG(uint64(w), uint64(h)))
	img := vision.NewImage(w, h)
	for y := range h {
		for x := range w {
			for c := range 3 {
				v := 128 + 90*math.Sin(float64(x)/(7+float64(c)))*math.Cos(float64(y)/11) + 30*rng.Float64()
				img.Pix[3*(y*w+x)+c] = byte(min(v, 255))
			}
		}
	}
	return img
}

// plain is the documented rule in ordinary Go and float64.
func plain(img *vision.Image, r image.Rectangle, w, h int) []float64 {
	cur := make([]float64, 0, 3*r.Dx()*r.Dy())
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			for c := range 3 {
				cur = append(cur, float64(img.Pix[3*(y*img.Width+x)+c]))
			}
		}
	}
	cw, ch := r.Dx(), r.Dy()
	for cw >= 2*w && ch >= 2*h {
		hw, hh := cw/2, ch/2
		half := make([]float64, 3*hw*hh)
		for y := range hh {
			for x := range hw {
				for c := range 3 {
					at := func(dx, dy int) float64 { return cur[3*((2*y+dy)*cw+2*x+dx)+c] }
					half[3*(y*hw+x)+c] = (at(0, 0) + at(1, 0) + at(0, 1) + at(1, 1)) / 4
				}
			}
		}
		cur, cw, ch = half, hw, hh
	}
	out := make([]float64, 3*w*h)
	for y := range h {
		y0, y1, fy := tap(y, h, ch)
		for x := range w {
			x0, x1, fx := tap(x, w, cw)
			for c := range 3 {
				at := func(x, y int) float64 { return cur[3*(y*cw+x)+c] }
				top := at(x0, y0)*(1-fx) + at(x1, y0)*fx
				low := at(x0, y1)*(1-fx) + at(x1, y1)*fx
				out[3*(y*w+x)+c] = top*(1-fy) + low*fy
			}
		}
	}
	return out
}

// tap is where sample i of n lies among m: two neighbours and a weight.
func tap(i, n, m int) (int, int, float64) {
	v := (float64(i)+0.5)*float64(m)/float64(n) - 0.5
	f := math.Floor(v)
	return min(max(int(f), 0), m-1), min(max(int(f)+1, 0), m-1), v - f
}

func TestResizeAgainstPlainGo(t *testing.T) {
	img := texture(641, 363)
	for _, c := range []struct {
		crop image.Rectangle
		w, h int
	}{
		{img.Rect(), 224, 224}, {img.Rect(), 160, 90}, {img.Rect(), 80, 45}, {img.Rect(), 641, 363}, {img.Rect(), 900, 700},
		{image.Rect(13, 17, 300, 203), 64, 64}, {image.Rect(600, 300, 641, 363), 64, 64}, {image.Rect(5, 5, 6, 6), 8, 8},
		{image.Rect(100, 100, 228, 228), 64, 64}, {image.Rect(100, 100, 356, 356), 64, 64}, {image.Rect(0, 0, 5, 300), 30, 30},
	} {
		t.Run(fmt.Sprint(c.crop, c.w, c.h), func(t *testing.T) {
			got, err := spec(c.w, c.h, Stretch).Picture(img, c.crop)
			require.NoError(t, err)
			want := plain(img, c.crop, c.w, c.h)
			require.Len(t, got.Pix, len(want))
			var worst float64
			for i, v := range want {
				worst = max(worst, math.Abs(float64(got.Pix[i])-v))
			}
			// OpenCV rounds to 8 bits after each step and has 11-bit weights.
			assert.LessOrEqual(t, worst, 2.0)
		})
	}
}

func TestApplyIsResizeAndTable(t *testing.T) {
	img := texture(320, 180)
	for _, colour := range []string{"", RGB, BGR} {
		for _, resize := range []string{"", Stretch, Letterbox, Cover} {
			s := spec(48, 32, resize)
			s.Colour = colour
			crop := image.Rect(20, 10, 220, 170)
			small, err := s.Picture(img, crop)
			require.NoError(t, err)
			dst := make([]float32, s.Len())
			require.NoError(t, s.Apply(img, crop, dst))
			for y := range s.Height {
				for x := range s.Width {
					for c := range 3 {
						from := c
						if colour == BGR {
							from = 2 - c
						}
						v := float64(small.Pix[3*(y*s.Width+x)+from])
						want := (v/255 - mean[c]) / deviation[c]
						require.InDelta(t, want, dst[(c*s.Height+y)*s.Width+x], 1e-6)
					}
				}
			}
		}
	}
}

// halves is black on the left, white on the right.
func halves(w, h int) *vision.Image {
	img := vision.NewImage(w, h)
	for i := range img.Pix {
		if i/3%w >= w/2 {
			img.Pix[i] = 255
		}
	}
	return img
}

func TestLetterboxWide(t *testing.T) {
	s := spec(64, 64, Letterbox)
	out, err := s.Picture(halves(640, 320), image.Rectangle{})
	require.NoError(t, err)
	for _, y := range []int{0, 15, 48, 63} {
		assert.Equal(t, s.Fill[:], out.Pix[3*y*64:3*y*64+3], "row %d is a bar", y)
	}
	assert.Equal(t, uint8(0), out.At(0, 16).R)
	assert.Equal(t, uint8(255), out.At(63, 16).R)
	assert.Equal(t, uint8(255), out.At(63, 47).R)
}

func TestLetterboxTall(t *testing.T) {
	s := spec(64, 64, Letterbox)
	out, err := s.Picture(halves(100, 400), image.Rectangle{})
	require.NoError(t, err)
	for y := range 64 {
		assert.Equal(t, uint8(114), out.At(23, y).R)
		assert.Equal(t, uint8(0), out.At(24, y).R)
		assert.Equal(t, uint8(255), out.At(39, y).R)
		assert.Equal(t, uint8(116), out.At(40, y).B)
	}
}

func TestCoverCutsBothEnds(t *testing.T) {
	img := vision.NewImage(300, 100) // red, green, blue thirds
	for i := 0; i < len(img.Pix); i += 3 {
		img.Pix[i+i/3%300/100] = 255
	}
	out, err := spec(50, 50, Cover).Picture(img, image.Rectangle{})
	require.NoError(t, err)
	for i := 0; i < len(out.Pix); i += 3 {
		require.Equal(t, []byte{0, 255, 0}, out.Pix[i:i+3])
	}
}

func TestCropIsClippedAndNothingElseRead(t *testing.T) {
	img := texture(100, 80)
	s := spec(32, 32, Stretch)
	a, err := s.Picture(img, image.Rect(-50, 40, 60, 500))
	require.NoError(t, err)
	b, err := s.Picture(img, image.Rect(0, 40, 60, 80))
	require.NoError(t, err)
	assert.Equal(t, b, a)
	alone, err := s.Picture(img.Crop(image.Rect(0, 40, 60, 80)), image.Rectangle{})
	require.NoError(t, err)
	assert.Equal(t, alone, a, "pixels beside the crop have no say")
	_, err = s.Picture(img, image.Rect(200, 200, 300, 300))
	require.Error(t, err)
}

func TestExtremeShapes(t *testing.T) {
	for _, size := range []image.Point{{1, 1}, {1, 900}, {900, 1}, {2, 3}, {1999, 3}} {
		for _, resize := range []string{Stretch, Letterbox, Cover} {
			for _, in := range []image.Point{{1, 1}, {224, 224}, {7, 300}} {
				s := spec(in.X, in.Y, resize)
				require.NoError(t, s.Apply(texture(size.X, size.Y), image.Rectangle{}, make([]float32, s.Len())), "%v %s %v", size, resize, in)
			}
		}
	}
}

func TestMinSource(t *testing.T) {
	for _, c := range []struct {
		resize     string
		w, h, x, y int
	}{
		{Stretch, 1280, 720, 224, 224}, {Letterbox, 1280, 720, 224, 126}, {Letterbox, 720, 1280, 126, 224},
		{Cover, 1280, 720, 399, 224}, {Cover, 500, 500, 224, 224}, {Stretch, 0, 0, 224, 224},
	} {
		x, y := spec(224, 224, c.resize).MinSource(c.w, c.h)
		assert.Equal(t, [2]int{c.x, c.y}, [2]int{x, y}, "%+v", c)
	}
}

func TestRefusals(t *testing.T) {
	good := spec(8, 8, Stretch)
	img := texture(20, 20)
	bad := map[string]func(*Spec){
		"no size":   func(s *Spec) { s.Width = 0 },
		"huge":      func(s *Spec) { s.Height = maxSide + 1 },
		"colour":    func(s *Spec) { s.Colour = "yuv" },
		"resize":    func(s *Spec) { s.Resize = "crop" },
		"deviation": func(s *Spec) { s.Deviation[1] = 0 },
		"mean":      func(s *Spec) { s.Mean[2] = math.NaN() },
		"infinite":  func(s *Spec) { s.Deviation[0] = math.Inf(1) },
	}
	for name, spoil := range bad {
		s := good
		spoil(&s)
		require.Error(t, s.Validate(), name)
		require.Error(t, s.Apply(img, image.Rectangle{}, make([]float32, 192)), name)
		_, err := s.Picture(img, image.Rectangle{})
		require.Error(t, err, name)
	}
	require.Error(t, good.Apply(img, image.Rectangle{}, make([]float32, 191)))
	require.Error(t, good.Apply(nil, image.Rectangle{}, make([]float32, 192)))
	require.Error(t, good.Apply(&vision.Image{Width: 5, Height: 5}, image.Rectangle{}, make([]float32, 192)))
}

func TestConcurrentApply(t *testing.T) {
	img, s := texture(640, 360), spec(96, 96, Letterbox)
	want := make([]float32, s.Len())
	require.NoError(t, s.Apply(img, image.Rectangle{}, want))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			got := make([]float32, s.Len())
			for range 50 {
				if err := s.Apply(img, image.Rectangle{}, got); err != nil {
					t.Error(err)
					return
				}
				assert.Equal(t, want, got)
			}
		})
	}
	wg.Wait()
}

func BenchmarkApply(b *testing.B) {
	for _, size := range []image.Point{{320, 180}, {640, 360}, {1280, 720}} {
		img := texture(size.X, size.Y)
		for _, resize := range []string{Stretch, Letterbox, Cover} {
			s := spec(224, 224, resize)
			dst := make([]float32, s.Len())
			b.Run(fmt.Sprintf("%dx%d/%s", size.X, size.Y, resize), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					require.NoError(b, s.Apply(img, image.Rectangle{}, dst))
				}
			})
		}
	}
}

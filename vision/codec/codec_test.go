package codec

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/binside/binside/vision"
)

func TestDecodeJPEGVariants(t *testing.T) {
	src := scene(161, 97)
	for _, c := range []struct {
		name                    string
		grey, full, progressive bool
	}{
		{name: "4:2:0"}, {name: "4:4:4", full: true}, {name: "grey", grey: true},
		{name: "progressive", progressive: true}, {name: "grey progressive", grey: true, progressive: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := variantOf(t, src, c.grey, c.full, c.progressive)
			img, info, err := Decode(data, Limits{}, Options{})
			require.NoError(t, err)
			assert.Equal(t, Info{Format: FormatJPEG, Width: 161, Height: 97, Orientation: 1, Progressive: c.progressive}, info)
			require.NoError(t, img.Valid())
			std, err := jpeg.Decode(bytes.NewReader(data))
			require.NoError(t, err)
			// Go's decoder repeats chroma where libjpeg interpolates it.
			assert.Less(t, meanDifference(t, img, vision.FromImage(std)), 3.0)
			if !c.grey {
				assert.Less(t, meanDifference(t, img, src), 5.0)
			}
		})
	}
}

func TestDecodeForeignJPEG(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, scene(64, 48).NRGBA(), nil))
	img, _, err := Decode(b.Bytes(), Limits{}, Options{})
	require.NoError(t, err)
	assert.Less(t, meanDifference(t, img, scene(64, 48)), 8.0)
}

func TestDecodeScaled(t *testing.T) {
	data := jpegOf(t, scene(1281, 721))
	for _, c := range []struct{ minW, minH, w, h int }{
		{0, 0, 1281, 721}, {224, 224, 641, 361}, {224, 0, 321, 181}, {0, 90, 161, 91},
		{1, 1, 161, 91}, {641, 361, 641, 361}, {642, 0, 1281, 721}, {5000, 5000, 1281, 721}, {-1, -1, 1281, 721},
	} {
		img, info, err := Decode(data, Limits{}, Options{MinWidth: c.minW, MinHeight: c.minH})
		require.NoError(t, err)
		assert.Equal(t, image.Rect(0, 0, c.w, c.h), img.Rect(), "%+v", c)
		assert.Equal(t, 1281, info.Width, "the stored size")
		require.NoError(t, img.Valid())
	}
}

func TestDecodeTiny(t *testing.T) {
	for w := 1; w <= 17; w++ {
		for _, h := range []int{1, 2, 8, 17} {
			data := jpegOf(t, scene(w, h))
			for _, need := range []int{0, 1, 2, 4, 100} {
				img, _, err := Decode(data, Limits{}, Options{MinWidth: need})
				require.NoError(t, err, "%d×%d", w, h)
				require.NoError(t, img.Valid())
				require.GreaterOrEqual(t, img.Width, min(need, w))
			}
		}
	}
}

func TestDecodePNGKinds(t *testing.T) {
	opaque, half := color.NRGBA{R: 200, G: 100, B: 50, A: 255}, color.NRGBA{R: 0, G: 100, B: 200, A: 128}
	fill := func(img interface {
		image.Image
		Set(x, y int, c color.Color)
	}) image.Image {
		for i := range 12 {
			img.Set(i%4, i/4, opaque)
		}
		img.Set(1, 1, half)
		img.Set(2, 1, color.NRGBA{})
		return img
	}
	r := image.Rect(0, 0, 4, 3)
	overlaid := [3]byte{127, 177, 227} // half over white
	for name, src := range map[string]image.Image{
		"8-bit alpha":  fill(image.NewNRGBA(r)),
		"16-bit alpha": fill(image.NewNRGBA64(r)),
	} {
		t.Run(name, func(t *testing.T) {
			img, info, err := Decode(pngOf(t, src), Limits{}, Options{MinWidth: 1})
			require.NoError(t, err)
			assert.Equal(t, Info{Format: FormatPNG, Width: 4, Height: 3, Orientation: 1}, info)
			assert.Equal(t, color.RGBA{R: 200, G: 100, B: 50, A: 255}, img.At(0, 0))
			assert.Equal(t, color.RGBA{R: 255, G: 255, B: 255, A: 255}, img.At(2, 1))
			got := img.At(1, 1)
			for k, v := range []byte{got.R, got.G, got.B} {
				assert.InDelta(t, overlaid[k], v, 1)
			}
		})
	}
	t.Run("grey", func(t *testing.T) {
		img, _, err := Decode(pngOf(t, grey(5, 2, 77)), Limits{}, Options{})
		require.NoError(t, err)
		assert.Equal(t, bytes.Repeat([]byte{77}, 30), img.Pix)
	})
	t.Run("opaque", func(t *testing.T) {
		img, _, err := Decode(pngOf(t, scene(9, 7).NRGBA()), Limits{}, Options{})
		require.NoError(t, err)
		assert.Equal(t, scene(9, 7), img)
	})
	t.Run("palette", func(t *testing.T) {
		p := image.NewPaletted(image.Rect(0, 0, 3, 1), palette)
		p.Pix = []byte{0, 1, 2}
		img, _, err := Decode(pngOf(t, p), Limits{}, Options{})
		require.NoError(t, err)
		assert.Equal(t, []byte{255, 0, 0, 255, 255, 255, 127, 127, 255}, img.Pix)
	})
}

func TestEncodeJPEG(t *testing.T) {
	src := scene(100, 60)
	a, b := jpegOf(t, src), jpegOf(t, src)
	assert.Equal(t, a, b, "the same picture gives the same bytes")
	low, err := EncodeJPEG(src, 20)
	require.NoError(t, err)
	assert.Less(t, len(low), len(a))
	for _, q := range []int{0, -1, 101} {
		_, err = EncodeJPEG(src, q)
		require.Error(t, err)
	}
	for _, bad := range []*vision.Image{nil, {}, {Width: 2, Height: 2, Pix: make([]byte, 3)}, {Width: 65501, Height: 1, Pix: make([]byte, 3*65501)}} {
		_, err = EncodeJPEG(bad, 90)
		require.Error(t, err)
		require.Empty(t, ReasonOf(err), "not the sender's fault")
	}
}

func TestCheckDeclared(t *testing.T) {
	j, p := jpegOf(t, scene(8, 8)), pngOf(t, grey(8, 8, 1))
	for _, c := range []struct {
		declared string
		data     []byte
		reason   string
	}{
		{"image/jpeg", j, ""}, {"IMAGE/JPG; q=1", j, ""}, {"a.JPG", j, ""}, {"photos/a.jpeg", j, ""}, {`C:\x y\a.jpg`, j, ""},
		{"image/png", p, ""}, {"x.png", p, ""}, {"", p, ""}, {"application/octet-stream", j, ""}, {"frame", j, ""},
		{"a.jpg", p, ReasonTypeMismatch}, {"image/jpeg", p, ReasonTypeMismatch}, {"image/png", j, ReasonTypeMismatch},
		{"a.gif", j, ReasonUnsupported}, {"image/webp", j, ReasonUnsupported}, {"text/plain", j, ReasonUnsupported},
		{"a.jpg", []byte("GIF89a....."), ReasonUnsupported}, {"", []byte("hello"), ReasonUnsupported},
		{"a.jpg", nil, ReasonEmpty},
	} {
		assert.Equal(t, c.reason, ReasonOf(CheckDeclared(c.declared, c.data)), "%q", c.declared)
	}
}

// TestConcurrent runs good and bad files through shared handles: an error of
// one must never show in another.
func TestConcurrent(t *testing.T) {
	good := jpegOf(t, scene(200, 120))
	want, _, err := Decode(good, Limits{}, Options{})
	require.NoError(t, err)
	bad := append(append([]byte(nil), good[:len(good)/2]...), 0xff, markerEOI)
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for range 50 {
				if worker%2 == 0 {
					_, _, err := Decode(bad, Limits{}, Options{})
					assert.Equal(t, ReasonTruncated, ReasonOf(err))
					continue
				}
				img, _, err := Decode(good, Limits{}, Options{})
				if assert.NoError(t, err) {
					assert.Equal(t, want, img)
					_, err = EncodeJPEG(img, 80)
					assert.NoError(t, err)
				}
			}
		})
	}
	wg.Wait()
}

package base_test

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/models"
	"github.com/binside/binside/models/base"
	"github.com/binside/binside/models/modelstest"
	"github.com/binside/binside/models/ort"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
)

// The product's decoder, preprocessing and runtime give the logits that the
// training code has, on pictures that a formula makes: as pixels, as a PNG,
// and as a PNG of twice the size, in which each pixel is four alike, so that
// making it smaller gives the same pixels back. A JPEG is not exact, and what
// its decoders make of it is measured by TestValidationSplit.
func TestGoldenLogits(t *testing.T) {
	data, err := os.ReadFile("golden.json")
	require.NoError(t, err)
	var golden struct {
		Tolerance float64
		Pictures  []struct {
			Name   string
			Logits []float32
		}
	}
	require.NoError(t, json.Unmarshal(data, &golden))
	require.Len(t, golden.Pictures, len(formulas))
	require.Positive(t, golden.Tolerance)
	require.LessOrEqual(t, golden.Tolerance, 1e-3)

	folder, err := base.Load()
	require.NoError(t, err)
	network, err := ort.Open(folder, ort.Options{Library: modelstest.Library(t)})
	require.NoError(t, err)
	defer func() { require.NoError(t, network.Close()) }()
	runner, err := network.NewRunner(1)
	require.NoError(t, err)
	defer func() { require.NoError(t, runner.Close()) }()
	for _, p := range golden.Pictures {
		require.Contains(t, formulas, p.Name)
		pixels := formulas[p.Name]()
		for way, img := range map[string]*vision.Image{
			"pixels": pixels, "PNG": throughPNG(t, folder, pixels, 1), "PNG of twice the size": throughPNG(t, folder, pixels, 2),
		} {
			require.NoError(t, runner.Set(0, models.View{Image: img, Crop: img.Rect()}))
			out, err := runner.Run(1)
			require.NoError(t, err)
			require.InDeltaSlice(t, p.Logits, out.Logits, golden.Tolerance, "%s as %s", p.Name, way)
		}
	}
}

// throughPNG writes a picture with every pixel scale times as wide and high,
// and decodes it as the product does for the model.
func throughPNG(t *testing.T, folder *models.Folder, img *vision.Image, scale int) *vision.Image {
	t.Helper()
	large := image.NewNRGBA(image.Rect(0, 0, scale*img.Width, scale*img.Height))
	for y := range large.Rect.Dy() {
		for x := range large.Rect.Dx() {
			at := 3 * (y/scale*img.Width + x/scale)
			large.SetNRGBA(x, y, color.NRGBA{R: img.Pix[at], G: img.Pix[at+1], B: img.Pix[at+2], A: 255})
		}
	}
	var file bytes.Buffer
	require.NoError(t, png.Encode(&file, large))
	minW, minH := ort.Spec(folder.Card.Input).MinSource(large.Rect.Dx(), large.Rect.Dy())
	decoded, info, err := codec.Decode(file.Bytes(), codec.DefaultLimits(), codec.Options{MinWidth: minW, MinHeight: minH})
	require.NoError(t, err)
	require.Equal(t, scale*img.Width, decoded.Width)
	return codec.Orient(decoded, info.Orientation)
}

// formulas make golden.json's pictures.
var formulas = map[string]func() *vision.Image{
	"ramp": each(func(x, y int) (r, g, b int) { return x * 255 / 223, y * 255 / 223, (x + y) * 255 / 446 }),
	"board": each(func(x, y int) (r, g, b int) {
		odd := (x/16 + y/16) % 2
		return 10 + 230*odd, 60 + 120*odd, 110 + 40*odd
	}),
	"disc": each(func(x, y int) (r, g, b int) {
		if (x-112)*(x-112)+(y-112)*(y-112) < 6400 {
			return 200, 40, 30
		}
		return 114, 114, 114
	}),
	"noise": func() *vision.Image {
		img := vision.NewImage(224, 224)
		s := uint32(1)
		for i := range img.Pix {
			s = 1664525*s + 1013904223
			img.Pix[i] = byte(s >> 24)
		}
		return img
	},
}

func each(f func(x, y int) (r, g, b int)) func() *vision.Image {
	return func() *vision.Image {
		img := vision.NewImage(224, 224)
		for i := 0; i < len(img.Pix); i += 3 {
			r, g, b := f(i/3%224, i/3/224)
			img.Pix[i], img.Pix[i+1], img.Pix[i+2] = byte(r), byte(g), byte(b)
		}
		return img
	}
}

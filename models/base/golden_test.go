package base_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/models"
	"github.com/binside/binside/models/base"
	"github.com/binside/binside/models/modelstest"
	"github.com/binside/binside/models/ort"
	"github.com/binside/binside/vision"
)

// The product's preprocessing and runtime give the logits that the training
// code has, on pictures that a formula makes.
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
		require.NoError(t, runner.Set(0, models.View{Image: formulas[p.Name]()}))
		out, err := runner.Run(1)
		require.NoError(t, err)
		require.InDeltaSlice(t, p.Logits, out.Logits, golden.Tolerance, p.Name)
	}
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

// Package modelstest holds what tests of and around models share: the ONNX
// Runtime library and a tiny real models whose answers are known beforehand.
//
// It never replaces a model by something that only looks like one.
package modelstest

import (
	"embed"
	"image/color"
	"io/fs"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/models"
	"github.com/binside/binside/models/ort"
	"github.com/binside/binside/vision"
)

//go:embed testdata/tiny/model.onnx testdata/tiny/card.json testdata/strange/model.onnx testdata/strange/card.json
var files embed.FS

// The item classes of the tiny model and the colours it is sure of them for.
const (
	Red   = "battery"
	Green = "food_scraps"
	Blue  = "plastic"
	Black = "sanitary_waste"
)

// Library returns the path of ONNX Runtime's library. Without one the test is
// skipped, or fails where CI is set.
func Library(tb testing.TB) string {
	tb.Helper()
	path, err := ort.FindLibrary("")
	if err != nil {
		if os.Getenv("CI") != "" {
			tb.Fatalf("CI is set, this test may not be skipped: %v", err)
		}
		tb.Skipf("this test needs ONNX Runtime: %v", err)
	}
	return path
}

// Files are the tiny model's model.onnx and card.json.
func Files() fs.FS { return filesOf("tiny") }

func filesOf(name string) fs.FS {
	sub, err := fs.Sub(files, "testdata/"+name)
	if err != nil {
		panic(err) // the path is constant
	}
	return sub
}

// Tiny returns the tiny model: 32×32 pixels, classes Red, Green, Blue, Black.
func Tiny(tb testing.TB) *models.Folder {
	tb.Helper()
	folder, err := models.Load(Files())
	require.NoError(tb, err)
	return folder
}

// Strange is the tiny model with an output of strangeness more: twice the mean
// of a picture's weakest colour, as a share of the brightest. 0 for the colours
// that it knows, 2 for white.
func Strange(tb testing.TB) *models.Folder {
	tb.Helper()
	folder, err := models.Load(filesOf("strange"))
	require.NoError(tb, err)
	return folder
}

// Network opens the tiny model (see Library for what happens without ONNX
// Runtime). The caller, or the pool it is given to, closes it.
func Network(tb testing.TB) *ort.Network {
	tb.Helper()
	return Open(tb, Tiny(tb))
}

// Open opens a model as Network does.
func Open(tb testing.TB, folder *models.Folder) *ort.Network {
	tb.Helper()
	network, err := ort.Open(folder, ort.Options{Library: Library(tb)})
	require.NoError(tb, err)
	return network
}

// Pool returns a pool of the tiny model, closed when the test ends.
func Pool(tb testing.TB, opts models.Options) *models.Pool {
	tb.Helper()
	pool, err := models.NewPool(tb.Context(), Network(tb), opts)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, pool.Close()) })
	return pool
}

// Picture returns a picture of one colour.
func Picture(width, height int, c color.RGBA) *vision.Image {
	img := vision.NewImage(width, height)
	for i := 0; i < len(img.Pix); i += 3 {
		img.Pix[i], img.Pix[i+1], img.Pix[i+2] = c.R, c.G, c.B
	}
	return img
}

package evaluation

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/modelstest"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
)

// colours are what the tiny model is sure of.
var colours = map[string]color.RGBA{
	modelstest.Red: {R: 255, A: 255}, modelstest.Green: {G: 255, A: 255}, modelstest.Blue: {B: 255, A: 255}, modelstest.Black: {A: 255},
}

// paint writes a picture of one colour, with a striped edge so that it
// is not too blurred to be judged.
func paint(t *testing.T, path string, c color.RGBA) {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 64, 64))
	for y := range 64 {
		for x := range 64 {
			img.SetRGBA(x, y, c)
			if y < 4 && x/2%2 == 0 {
				img.SetRGBA(x, y, color.RGBA{R: 255, G: 255, B: 255, A: 255})
			}
		}
	}
	var buf bytes.Buffer
	require.NoError(t, png.Encode(&buf, img))
	require.NoError(t, os.WriteFile(path, buf.Bytes(), 0o600))
}

// surely is a risk sample in which the model was always right, and sure of it.
func surely(classes []string) *models.RiskSample {
	s := &models.RiskSample{Classes: classes}
	for i := range 200 * len(classes) {
		class := classes[i%len(classes)]
		category, _ := taxonomy.Default().CategoryOf(class)
		row := models.RiskRow{Class: class, Category: category, Source: "s", Group: strconv.Itoa(i), Probabilities: make([]float64, len(classes))}
		row.Probabilities[i%len(classes)] = 1
		s.Rows = append(s.Rows, row)
	}
	return s
}

func tinyEvaluator(t *testing.T) *Evaluator {
	t.Helper()
	th := verdict.DefaultThresholds()
	th.Tell, th.MinExposure = 0.8, 0.001
	pool := modelstest.Pool(t, models.Options{Workers: 2})
	policy, err := verdict.NewPolicy(taxonomy.Default(), surely(pool.Card().Classes), verdict.DefaultConfidence)
	require.NoError(t, err)
	return &Evaluator{
		Classifier: pool,
		Decode: func(_ context.Context, data []byte) (*vision.Image, error) {
			img, _, err := codec.Decode(data, codec.DefaultLimits(), codec.Options{})
			return img, err
		},
		Judge: func(p models.Prediction, accepts []string, q verdict.Quality) verdict.Decision {
			return policy.Decide(p, accepts, th, q)
		},
		Categories: taxonomy.Default().CategoryIDs(),
		Parallel:   4,
	}
}

// A real network on pictures whose answers are known: every colour rightly
// labelled once, and one red picture that the manifest calls kitchen waste.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	var images []Image
	for i, class := range []string{modelstest.Red, modelstest.Green, modelstest.Blue, modelstest.Red} {
		name := string(rune('a'+i)) + ".png"
		paint(t, filepath.Join(dir, name), colours[class])
		category, _ := taxonomy.Default().CategoryOf(class)
		images = append(images, Image{Line: i + 2, Path: name, Category: category, Source: "s", ItemClass: class})
	}
	images[3].Category = "kitchen"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "broken.png"), []byte("\x89PNG\r\n\x1a\n…"), 0o600))
	bad := []Image{
		{Line: 6, Path: "broken.png", Category: "other", Source: "s"},
		{Line: 7, Path: "missing.png", Category: "other", Source: "s"},
		{Line: 8, Path: ".", Category: "other", Source: "s"},
	}
	e := tinyEvaluator(t)
	var said atomic.Int64
	e.Progress = func(done, total int) {
		said.Add(1)
		assert.Equal(t, int(said.Load()), done)
		assert.Equal(t, 7, total)
	}
	out, err := e.Run(t.Context(), dir, slices.Concat(images, bad))
	require.NoError(t, err)
	assert.EqualValues(t, 7, said.Load())
	require.Len(t, out.Unreadable, 3)
	assert.Equal(t, Unreadable{Path: "missing.png", Line: 7, Source: "s", Reason: "no such file or directory"}, out.Unreadable[1])
	assert.Equal(t, "not a regular file", out.Unreadable[2].Reason)
	require.Len(t, out.Results, 4)
	for i, r := range out.Results {
		assert.Equal(t, images[i], r.Image, "in the order given")
		assert.Equal(t, images[i].ItemClass, r.ItemClass)
		assert.Greater(t, r.Confidence, 0.8)
		assert.InDelta(t, 1, r.Categories[0]+r.Categories[1]+r.Categories[2]+r.Categories[3], 1e-6)
	}
	assert.Equal(t, []verdict.Verdict{verdict.Tell, verdict.Tell, verdict.Pass, verdict.Tell}, out.Results[0].Verdicts)

	f := figures(out.Results, 3, e.Categories, map[string]bool{modelstest.Red: true})
	assert.InDelta(t, 3.0/4, *f.Accuracy, 0)
	assert.InDelta(t, 1.0/4, *f.TellOnCorrect, 0, "the mislabelled one is told in the bin that its label names")
	assert.InDelta(t, 11.0/12, *f.TellOnWrong, 1e-6)
	assert.InDelta(t, 1.0/12, *f.PassOnWrong, 1e-6)

	e.Progress = nil
	again, err := e.Run(t.Context(), dir, images)
	require.NoError(t, err)
	assert.Equal(t, out.Results, again.Results)
	assert.Equal(t, out.PicturesSHA256, again.PicturesSHA256, "of those that could be read")
	again, err = e.Run(t.Context(), dir, images[1:])
	require.NoError(t, err)
	assert.NotEqual(t, out.PicturesSHA256, again.PicturesSHA256)
}

func TestRunEndsWithItsContext(t *testing.T) {
	dir := t.TempDir()
	paint(t, filepath.Join(dir, "a.png"), colours[modelstest.Red])
	images := slices.Repeat([]Image{{Path: "a.png", Category: "hazardous"}}, 1000)
	e := tinyEvaluator(t)
	ctx, cancel := context.WithCancel(t.Context())
	seen := 0
	e.Progress = func(done, _ int) {
		if seen = done; done == 10 {
			cancel()
		}
	}
	_, err := e.Run(ctx, dir, images)
	require.ErrorIs(t, err, context.Canceled)
	assert.Less(t, seen, 100)
}

func TestRunEndsWithTheClassifiersError(t *testing.T) {
	dir := t.TempDir()
	paint(t, filepath.Join(dir, "a.png"), colours[modelstest.Red])
	pool, err := models.NewPool(t.Context(), modelstest.Network(t), models.Options{Workers: 1})
	require.NoError(t, err)
	require.NoError(t, pool.Close())
	e := tinyEvaluator(t)
	e.Classifier = pool
	_, err = e.Run(t.Context(), dir, []Image{{Path: "a.png", Category: "hazardous"}})
	require.ErrorIs(t, err, models.ErrClosed)
	require.ErrorContains(t, err, "a.png")
}

func TestFilesThatAreTooLong(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.png"), []byte(strings.Repeat("x", 101)), 0o600))
	e := tinyEvaluator(t)
	e.MaxBytes = 100
	out, err := e.Run(t.Context(), dir, []Image{{Path: "a.png", Category: "other"}})
	require.NoError(t, err)
	require.Len(t, out.Unreadable, 1)
	assert.Equal(t, "the file has 101 bytes, allowed is up to 100", out.Unreadable[0].Reason)
}

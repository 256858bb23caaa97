package main

import (
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/modelstest"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The tiny model's classes are battery, food_scraps, plastic, sanitary_waste:
// one of every category.
func tinyCombiner(t *testing.T) *combiner {
	t.Helper()
	c, err := newCombiner(modelstest.Tiny(t).Card, taxonomy.Default())
	require.NoError(t, err)
	return c
}

func (c *combiner) category(name string, frames []frame) string {
	for _, r := range rules {
		if r.name == name {
			return c.categories[argmax(c.answer(r, frames))]
		}
	}
	return "no such rule"
}

func TestRules(t *testing.T) {
	c := tinyCombiner(t)
	frames := []frame{
		{logits: []float64{4, 0, 0, 0}, sharpness: 100}, // the best: hazardous, and sharper than both others
		{logits: []float64{0, 0, 3, 0}, sharpness: 30},
		{logits: []float64{0, 0, 3, 0}, sharpness: 30},
	}
	for rule, want := range map[string]string{
		single: "hazardous", "mean of logits": "recyclable", "mean of logits by sharpness": "hazardous",
		"mean of probabilities": "recyclable", "median of logits": "recyclable", "majority": "recyclable",
	} {
		assert.Equal(t, want, c.category(rule, frames), rule)
	}
	assert.Equal(t, "hazardous", c.category("majority", frames[:2]), "the best frame decides between equals")
	for _, r := range rules {
		p := c.answer(r, frames)
		assert.InDelta(t, 1, p[0]+p[1]+p[2]+p[3], 1e-5, r.name)
	}
	// What all logits of a frame have in common says nothing.
	lifted := []frame{frames[0], {logits: []float64{50, 50, 53, 50}}, frames[2]}
	assert.Equal(t, c.byCategory(c.softmax(median(frames))), c.byCategory(c.softmax(median(lifted))))
	assert.Equal(t, []float64{1, 2}, weighted([]frame{{logits: []float64{0, 1}}, {logits: []float64{2, 3}}}, func(frame) float64 { return 0 }))
}

// What the product does is one of the rules that are measured.
func TestTheProductsRuleIsMeasured(t *testing.T) {
	c := tinyCombiner(t)
	network := modelstest.Network(t)
	defer func() { require.NoError(t, network.Close()) }()
	runner, err := network.NewRunner(1)
	require.NoError(t, err)
	defer func() { require.NoError(t, runner.Close()) }()
	pool := modelstest.Pool(t, models.Options{Workers: 1})
	var views []models.View
	var frames []frame
	for _, colour := range []color.RGBA{{R: 200, G: 90}, {R: 100, G: 120, B: 10}, {R: 130, B: 140}} {
		views = append(views, models.View{Image: modelstest.Picture(40, 40, colour), Crop: image.Rect(1, 1, 30, 30)})
		f, err := see(runner, views[len(views)-1], 1)
		require.NoError(t, err)
		frames = append(frames, f)
	}
	p, err := pool.Classify(t.Context(), views)
	require.NoError(t, err)
	got := c.softmax(weighted(frames, equal))
	for _, class := range p.Classes {
		for i, name := range c.card.Classes {
			if name == class.Class {
				assert.InDelta(t, class.Probability, got[i], 1e-9)
			}
		}
	}
	a := c.agreement([]event{{frames: frames, truth: "hazardous"}})
	assert.InDelta(t, p.Agreement, a.Mean, 1e-12)
}

func TestSetComparesTheSameDeposits(t *testing.T) {
	c := tinyCombiner(t)
	sure := []frame{{logits: []float64{9, 0, 0, 0}, sharpness: 1}, {logits: []float64{9, 0, 0, 0}, sharpness: 1}}
	saved := []frame{{logits: []float64{0, 1, 0, 0}, sharpness: 1}, {logits: []float64{9, 0, 0, 0}, sharpness: 1}}
	s := c.set("x", []event{
		{sure, "hazardous", "a"}, {saved, "hazardous", "b"}, {saved, "hazardous", "b"}, {saved, "kitchen", "c"},
	}, 1)
	assert.Equal(t, []int{4, 3, 8}, []int{s.N, s.Things, s.Frames})
	byName := map[string]ruleScore{}
	for _, r := range s.Rules {
		byName[r.Rule] = r
	}
	assert.InDelta(t, 0.5, byName[single].Accuracy, 1e-12)
	assert.Nil(t, byName[single].VsSingle)
	voted := byName["mean of logits"]
	assert.InDelta(t, 0.75, voted.Accuracy, 1e-12)
	assert.Equal(t, 2, voted.VsSingle.OnlyRule)
	assert.Equal(t, 1, voted.VsSingle.OnlyOther)
	assert.InDelta(t, 0.25, voted.VsSingle.Gain, 1e-12)
	assert.InDelta(t, 1, voted.VsSingle.P, 1e-12)
	assert.Nil(t, voted.VsProduct)
	assert.InDelta(t, -0.25, byName[single].VsProduct.Gain, 1e-12)
	assert.Nil(t, byName["majority"].NLL, "its shares are no probabilities")
	assert.Equal(t, 1, s.Agreement.Whole)
	assert.Equal(t, 3, s.Agreement.Partly)
	assert.Contains(t, s.String(), "only it right 2, only the best frame 1")
}

// half is a picture whose left half is dark and whose right half is bright.
func half() *vision.Image {
	img := modelstest.Picture(120, 80, color.RGBA{R: 40, G: 40, B: 40})
	for i := range img.Pix {
		if i/3%120 >= 60 {
			img.Pix[i] = 200
		}
	}
	return img
}

func TestJitter(t *testing.T) {
	still := jitter{zoom: 1, gain: 1, gamma: 1, quality: 95}
	look := func(j jitter) *vision.Image {
		out, err := j.apply(half(), rand.New(rand.NewPCG(1, 1)))
		require.NoError(t, err)
		return out
	}
	level := func(j jitter, x, y int) int { return int(look(j).At(x, y).G) }
	assert.InDelta(t, 40, level(still, 20, 40), 3)
	assert.InDelta(t, 200, level(still, 100, 40), 3)
	shifted := still
	shifted.shiftX = 0.25
	assert.InDelta(t, 40, level(shifted, 80, 40), 3, "30 pixels to the right")
	turned := still
	turned.turn = math.Pi
	assert.InDelta(t, 200, level(turned, 20, 40), 3)
	bright := still
	bright.gain = 1.2
	assert.InDelta(t, 240, level(bright, 100, 40), 3)
	smeared := still
	smeared.blur = 30
	assert.InDelta(t, 120, level(smeared, 60, 40), 8, "the edge is spread over the line")
	smeared.angle = math.Pi / 2
	assert.InDelta(t, 40, level(smeared, 55, 40), 5, "along the edge nothing is seen of it")
	noisy := still
	noisy.noise = 12
	assert.NotEqual(t, look(still).Pix, look(noisy).Pix)
}

// A photograph's frames are the same for the same seed, ordered by what can be
// read of them, and others for another seed.
func TestPhotographsAreDeposits(t *testing.T) {
	dir := t.TempDir()
	data, err := codec.EncodeJPEG(half(), 90)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.jpg"), data, 0o600))
	manifest := filepath.Join(dir, "manifest.csv")
	require.NoError(t, os.WriteFile(manifest, []byte("path,category,source,item_class,group,split,width,height\n"+
		"a.jpg,recyclable,s,paper,7,val,120,80\n"), 0o600))
	network := modelstest.Network(t)
	defer func() { require.NoError(t, network.Close()) }()
	play := func(seed uint64) []event {
		events, err := photographs(t.Context(), settings{manifest: manifest, split: "val", seed: seed}, network)
		require.NoError(t, err)
		return events
	}
	first := play(1)
	require.Len(t, first, 1)
	assert.Equal(t, "recyclable", first[0].truth)
	assert.Equal(t, "7", first[0].cluster)
	assert.GreaterOrEqual(t, len(first[0].frames), 3)
	assert.LessOrEqual(t, len(first[0].frames), 5)
	assert.Equal(t, first, play(1))
	assert.NotEqual(t, first, play(2))

	_, err = photographs(t.Context(), settings{manifest: manifest, split: "test"}, network)
	require.ErrorContains(t, err, `split is "test", allowed is one that`)
	require.NoError(t, os.Remove(filepath.Join(dir, "a.jpg")))
	_, err = photographs(t.Context(), settings{manifest: manifest, split: "val"}, network)
	require.ErrorIs(t, err, os.ErrNotExist)
}

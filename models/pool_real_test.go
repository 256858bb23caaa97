package models_test

import (
	"image"
	"image/color"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/binside/binside/models"
	"github.com/binside/binside/models/modelstest"
)

func TestPoolOnARealNetwork(t *testing.T) {
	colours := map[string]color.RGBA{
		modelstest.Red: {R: 255}, modelstest.Green: {G: 255}, modelstest.Blue: {B: 255}, modelstest.Black: {},
	}
	for _, batch := range []int{1, 4} {
		pool := modelstest.Pool(t, models.Options{Workers: 2, Queue: 1000, MaxBatch: batch})
		var wg sync.WaitGroup
		for class, c := range colours {
			for views := range 4 {
				wg.Go(func() {
					for range 25 {
						all := make([]models.View, views+1)
						for i := range all {
							all[i] = models.View{Image: modelstest.Picture(80, 60, c), Crop: image.Rect(i, i, 60, 40)}
						}
						p, err := pool.Classify(t.Context(), all)
						if assert.NoError(t, err) {
							assert.Equal(t, class, p.Classes[0].Class)
							assert.Equal(t, "tiny-1", p.ModelVersion)
						}
					}
				})
			}
		}
		wg.Wait()
		assert.Equal(t, uint64(400), pool.Stats().Done)
	}
}

// Two views that disagree give less than either is sure of.
func TestViewsAreAveraged(t *testing.T) {
	pool := modelstest.Pool(t, models.Options{Workers: 1})
	red := models.View{Image: modelstest.Picture(32, 32, color.RGBA{R: 255})}
	blue := models.View{Image: modelstest.Picture(32, 32, color.RGBA{B: 255})}
	p, err := pool.Classify(t.Context(), []models.View{red, blue})
	require.NoError(t, err)
	assert.InDelta(t, 0.5, p.Classes[0].Probability, 0.02)
	assert.InDelta(t, p.Classes[0].Probability, p.Classes[1].Probability, 1e-6)
	assert.InDelta(t, 0.5, p.Agreement, 1e-12)
	assert.Zero(t, p.Strangeness, "this model does not measure it")
}

func TestStrangenessOfARealNetwork(t *testing.T) {
	for _, batch := range []int{1, 4} {
		pool, err := models.NewPool(t.Context(), modelstest.Open(t, modelstest.Strange(t)), models.Options{Workers: 2, MaxBatch: batch})
		require.NoError(t, err)
		red := models.View{Image: modelstest.Picture(32, 32, color.RGBA{R: 255})}
		white := models.View{Image: modelstest.Picture(32, 32, color.RGBA{R: 255, G: 255, B: 255})}
		for want, views := range map[float64][]models.View{0: {red}, 2: {white}, 1: {red, white}, 0.5: {red, white, red, red}} {
			p, err := pool.Classify(t.Context(), views)
			require.NoError(t, err)
			assert.InDelta(t, want, p.Strangeness, 1e-5)
		}
		// To a network without it and back.
		require.NoError(t, pool.Swap(t.Context(), modelstest.Network(t)))
		p, err := pool.Classify(t.Context(), []models.View{white})
		require.NoError(t, err)
		assert.Zero(t, p.Strangeness)
		require.NoError(t, pool.Close())
	}
}

func TestSwapOfRealNetworks(t *testing.T) {
	pool := modelstest.Pool(t, models.Options{Workers: 2})
	for range 3 {
		require.NoError(t, pool.Swap(t.Context(), modelstest.Network(t)))
		_, err := pool.Classify(t.Context(), []models.View{{Image: modelstest.Picture(32, 32, color.RGBA{R: 255})}})
		require.NoError(t, err)
	}
}

func BenchmarkPool(b *testing.B) {
	pool := modelstest.Pool(b, models.Options{Queue: 1000})
	v := []models.View{{Image: modelstest.Picture(640, 360, color.RGBA{R: 255})}}
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := pool.Classify(b.Context(), v); err != nil {
				b.Error(err)
			}
		}
	})
}

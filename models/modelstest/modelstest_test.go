package modelstest_test

import (
	"image/color"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/modelstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTinyKnowsColours(t *testing.T) {
	pool := modelstest.Pool(t, models.Options{Workers: 1})
	for class, c := range map[string]color.RGBA{
		modelstest.Red: {R: 250}, modelstest.Green: {G: 250}, modelstest.Blue: {B: 250}, modelstest.Black: {},
	} {
		p, err := pool.Classify(t.Context(), []models.View{{Image: modelstest.Picture(320, 180, c)}})
		require.NoError(t, err)
		assert.Equal(t, class, p.Classes[0].Class)
		assert.Greater(t, p.Classes[0].Probability, 0.9)
	}
	grey, err := pool.Classify(t.Context(), []models.View{{Image: modelstest.Picture(99, 99, color.RGBA{R: 120, G: 120, B: 120})}})
	require.NoError(t, err)
	assert.Less(t, grey.Classes[0].Probability, 0.5, "grey is nothing")
	require.NoError(t, modelstest.Tiny(t).Card.CheckClasses(taxonomy.Default().CategoryOf))
}

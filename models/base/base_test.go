package base_test

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/base"
	"github.com/binside/binside/models/modelstest"
	"github.com/binside/binside/models/ort"
	"github.com/binside/binside/vision"
)

func TestTheBuiltInModelRuns(t *testing.T) {
	folder, err := base.Load()
	require.NoError(t, err)
	require.NoError(t, folder.Card.CheckClasses(taxonomy.Default().CategoryOf))
	network, err := ort.Open(folder, ort.Options{Library: modelstest.Library(t)})
	require.NoError(t, err)
	pool, err := models.NewPool(t.Context(), network, models.Options{Workers: 1})
	require.NoError(t, err)
	defer func() { require.NoError(t, pool.Close()) }()
	p, err := pool.Classify(t.Context(), []models.View{{Image: vision.NewImage(640, 360)}})
	require.NoError(t, err)
	assert.Equal(t, folder.Card.Version, p.ModelVersion)
	assert.Len(t, p.Classes, len(folder.Card.Classes))
}

// The model knows exactly the classes that the committed table merges to.
func TestTheBuiltInModelsClasses(t *testing.T) {
	folder, err := base.Load()
	require.NoError(t, err)
	f, err := os.Open(filepath.Join("..", "training", "classes.csv"))
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	rows, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	var want []string
	for _, row := range rows[1:] {
		want = append(want, row[2])
	}
	slices.Sort(want)
	assert.ElementsMatch(t, slices.Compact(want), folder.Card.Classes)
}

package base_test

import (
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/datasets"
	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/base"
	"github.com/binside/binside/models/modelstest"
	"github.com/binside/binside/models/ort"
	"github.com/binside/binside/vision/codec"
)

// The committed file, through the product's own decoder, preprocessing and
// runtime, scores on the shared validation split what its card says.
func TestValidationSplit(t *testing.T) {
	const shared = "../../../shared/data"
	rows, err := datasets.ReadManifest(filepath.Join(shared, datasets.ManifestFile))
	if err != nil {
		if os.Getenv("CI_SHARED") == "1" {
			t.Fatal(err)
		}
		t.Skipf("the labelled images are not beside the checkout: %v", err)
	}
	folder, err := base.Load()
	require.NoError(t, err)
	network, err := ort.Open(folder, ort.Options{Library: modelstest.Library(t)})
	require.NoError(t, err)
	pool, err := models.NewPool(t.Context(), network, models.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, pool.Close()) }()

	spec := ort.Spec(folder.Card.Input)
	var right, all sync.Map // category → *atomic.Int64
	count := func(m *sync.Map, category string) {
		n, _ := m.LoadOrStore(category, new(atomic.Int64))
		n.(*atomic.Int64).Add(1) // just stored
	}
	predict := func(row datasets.Row) (models.Prediction, error) {
		data, err := os.ReadFile(filepath.Join(shared, row.Path))
		if err != nil {
			return models.Prediction{}, err
		}
		minW, minH := spec.MinSource(row.Width, row.Height)
		img, info, err := codec.Decode(data, codec.DefaultLimits(), codec.Options{MinWidth: minW, MinHeight: minH})
		if err != nil {
			return models.Prediction{}, err
		}
		return pool.Classify(t.Context(), []models.View{{Image: codec.Orient(img, info.Orientation)}})
	}
	work := make(chan datasets.Row)
	var workers sync.WaitGroup
	for range 2 * runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for row := range work {
				p, err := predict(row)
				if err != nil {
					t.Errorf("%s: %v", row.Path, err)
					continue
				}
				count(&all, row.Category)
				if category(p) == row.Category {
					count(&right, row.Category)
				}
			}
		})
	}
	for _, row := range rows {
		if row.Split == datasets.Val {
			work <- row
		}
	}
	close(work)
	workers.Wait()

	var hits, n int64
	var recalls float64
	for _, c := range taxonomy.Default().CategoryIDs() {
		total, ok := all.Load(c)
		require.True(t, ok, c)
		got := int64(0)
		if hit, ok := right.Load(c); ok {
			got = hit.(*atomic.Int64).Load() // nothing else is stored
		}
		of := total.(*atomic.Int64).Load() // nothing else is stored
		t.Logf("recall of %s: %.3f (%d of %d)", c, float64(got)/float64(of), got, of)
		hits, n, recalls = hits+got, n+of, recalls+float64(got)/float64(of)
	}
	accuracy, balanced := float64(hits)/float64(n), recalls/4
	t.Logf("category accuracy %.4f, balanced %.4f, n %d", accuracy, balanced, n)
	require.GreaterOrEqual(t, accuracy, 0.93)
	require.GreaterOrEqual(t, balanced, 0.85)
	card, ok := folder.Card.Metrics["accuracy"].(map[string]any)
	require.True(t, ok)
	require.InDelta(t, card["value"], accuracy, 0.01, "the card's figure, by the training code's decoder")
	require.InDelta(t, folder.Card.Metrics["balanced_accuracy"], balanced, 0.015)
}

// category is the likeliest category by the classes' probabilities.
func category(p models.Prediction) (best string) {
	sums := make(map[string]float64)
	for _, c := range p.Classes {
		id, _ := taxonomy.Default().CategoryOf(c.Class)
		if sums[id] += c.Probability; best == "" || sums[id] > sums[best] {
			best = id
		}
	}
	return best
}

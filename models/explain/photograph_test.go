package explain_test

import (
	"image"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/binside/binside/datasets"
	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/base"
	"github.com/binside/binside/models/explain"
	"github.com/binside/binside/models/modelstest"
	"github.com/binside/binside/models/ort"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
)

// basePool runs the model that is built into the program.
func basePool(tb testing.TB, workers int) *models.Pool {
	tb.Helper()
	folder, err := base.Load()
	require.NoError(tb, err)
	network, err := ort.Open(folder, ort.Options{Library: modelstest.Library(tb)})
	require.NoError(tb, err)
	pool, err := models.NewPool(tb.Context(), network, models.Options{Workers: workers})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, pool.Close()) })
	return pool
}

// photographs reads the first n validation pictures of every category from
// the shared data; without that the test is skipped.
func photographs(tb testing.TB, n int) map[string][]*vision.Image {
	tb.Helper()
	const shared = "../../../shared/data"
	rows, err := datasets.ReadManifest(filepath.Join(shared, datasets.ManifestFile))
	if err != nil {
		if os.Getenv("CI_SHARED") == "1" {
			tb.Fatal(err)
		}
		tb.Skipf("the labelled images are not beside the checkout: %v", err)
	}
	out := make(map[string][]*vision.Image)
	for _, row := range rows {
		if row.Split != "val" || len(out[row.Category]) == n {
			continue
		}
		data, err := os.ReadFile(filepath.Join(shared, row.Path))
		require.NoError(tb, err)
		img, _, err := codec.Decode(data, codec.DefaultLimits(), codec.Options{})
		require.NoError(tb, err)
		out[row.Category] = append(out[row.Category], img)
	}
	return out
}

// beside puts the photograph into one half of a picture of plain ground twice
// as wide, and returns where it lies.
func beside(photograph *vision.Image, right bool) (*vision.Image, image.Rectangle) {
	out := vision.NewImage(2*photograph.Width, photograph.Height)
	for i := range out.Pix {
		out.Pix[i] = 150
	}
	at := 0
	if right {
		at = photograph.Width
	}
	for y := range photograph.Height {
		copy(out.Pix[3*(y*out.Width+at):], photograph.Pix[3*y*photograph.Width:3*(y+1)*photograph.Width])
	}
	return out, image.Rect(at, 0, at+photograph.Width, photograph.Height)
}

// What speaks for the category lies on the photographed thing, and not on the
// plain ground beside it.
func TestTheHeatLiesOnTheItem(t *testing.T) {
	pool := basePool(t, 2)
	tax := taxonomy.Default()
	var inside, all, hits, explained float64
	for category, photos := range photographs(t, 3) {
		for n, photo := range photos {
			img, item := beside(photo, n%2 == 1)
			m, err := explain.Occlude(t.Context(), pool, models.View{Image: img}, explain.Target{Category: category, CategoryOf: tax.CategoryOf}, explain.Options{Parallel: 2})
			require.NoError(t, err)
			if m.Probability < 0.5 {
				continue // the model sees something else; there is little to explain
			}
			explained++
			support, _ := m.Fields(img.Width, img.Height)
			for i, v := range support {
				all += v
				if image.Pt(i%img.Width, i/img.Width).In(item) {
					inside += v
				}
			}
			if p, ok := m.Strongest(); ok && p.Box.Min.Add(p.Box.Size().Div(2)).In(item) {
				hits++
			}
		}
	}
	t.Logf("%.0f explained, %.0f%% of the support on the item, strongest patch on it in %.0f", explained, 100*inside/all, hits)
	require.GreaterOrEqual(t, explained, 6.0, "enough to mean something")
	assert.Greater(t, inside/all, 0.8)
	assert.GreaterOrEqual(t, hits, explained-1)
}

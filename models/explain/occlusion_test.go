package explain_test

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/explain"
	"github.com/binside/binside/models/modelstest"
	"github.com/binside/binside/vision"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// watched counts what a real pool is asked, and answers instead of it where
// the test says so.
type watched struct {
	models.Classifier
	calls, now, most atomic.Int64
	before           func(call int64) error
	after            func(call int64, p *models.Prediction)
}

func (w *watched) Classify(ctx context.Context, views []models.View) (models.Prediction, error) {
	call := w.calls.Add(1)
	now := w.now.Add(1)
	defer w.now.Add(-1)
	for most := w.most.Load(); now > most && !w.most.CompareAndSwap(most, now); most = w.most.Load() {
	}
	if len(views) != 1 {
		return models.Prediction{}, fmt.Errorf("%d views: copies must not be averaged", len(views))
	}
	if w.before != nil {
		if err := w.before(call); err != nil {
			return models.Prediction{}, err
		}
	}
	p, err := w.Classifier.Classify(ctx, views)
	if err == nil && w.after != nil {
		w.after(call, &p)
	}
	return p, err
}

func watch(tb testing.TB) *watched {
	tb.Helper()
	return &watched{Classifier: modelstest.Pool(tb, models.Options{Workers: 2})}
}

// hazard is what the tiny model sees in red.
var hazard = explain.Target{Category: "hazardous", CategoryOf: taxonomy.Default().CategoryOf}

// spot is a black picture with a red square.
func spot(width, height int, r image.Rectangle) *vision.Image {
	img := vision.NewImage(width, height)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			img.Pix[3*(y*width+x)] = 255
		}
	}
	return img
}

func TestOcclusionFindsTheSpot(t *testing.T) {
	w := watch(t)
	red := image.Rect(90, 30, 140, 70)
	view := models.View{Image: spot(240, 160, red), Crop: image.Rect(40, 10, 200, 130)}
	var steps atomic.Int64
	m, err := explain.Occlude(t.Context(), w, view, hazard, explain.Options{Parallel: 2, Progress: func(done, total int) {
		steps.Add(1)
		assert.LessOrEqual(t, done, total)
	}})
	require.NoError(t, err)
	assert.Equal(t, "tiny-1", m.ModelVersion)
	assert.Equal(t, view.Crop, m.Crop)
	assert.Len(t, m.Drops, m.Columns*m.Rows)
	assert.Equal(t, int64(len(m.Drops)+1), w.calls.Load())
	assert.Equal(t, w.calls.Load(), steps.Load())
	assert.LessOrEqual(t, w.most.Load(), int64(2))
	patch, ok := m.Strongest()
	require.True(t, ok)
	assert.True(t, patch.Box.Min.Add(patch.Box.Size().Div(2)).In(red), "%v", patch)
	assert.Positive(t, patch.Drop)
	assert.Less(t, patch.Probability, m.Probability)

	support, _ := m.Fields(160, 120)
	best := 0
	for i, v := range support {
		require.True(t, v >= 0 && v <= 1, "%g", v)
		if v > support[best] {
			best = i
		}
	}
	assert.True(t, image.Pt(best%160, best/160).Add(view.Crop.Min).In(red))
}

// What speaks for another category is not mixed with what speaks for this one.
func TestEvidenceAgainstIsKeptApart(t *testing.T) {
	w := watch(t)
	img := modelstest.Picture(160, 160, color.RGBA{R: 110, G: 20, B: 110})
	for y := 50; y < 110; y++ {
		for x := 15; x < 65; x++ { // on the left more red, on the right more blue: plastic
			left, right := 3*(y*160+x), 3*(y*160+x+80)
			img.Pix[left], img.Pix[left+2] = 255, 0
			img.Pix[right], img.Pix[right+2] = 0, 255
		}
	}
	m, err := explain.Occlude(t.Context(), w, models.View{Image: img}, hazard, explain.Options{})
	require.NoError(t, err)
	support, oppose := m.Fields(160, 160)
	at := func(x, y int) int { return y*160 + x }
	assert.Greater(t, support[at(40, 80)], 3*oppose[at(40, 80)])
	assert.Greater(t, oppose[at(120, 80)], 3*support[at(120, 80)])
	over := m.Render(320)
	assert.Equal(t, image.Rect(0, 0, 320, 320), over.Bounds())
	pro, con := over.NRGBAAt(80, 160), over.NRGBAAt(240, 160)
	assert.Greater(t, pro.R, pro.B, "warm for")
	assert.Greater(t, con.B, con.R, "cold against")
	assert.Less(t, over.NRGBAAt(80, 160).A, uint8(255), "the picture shows through")
}

func TestTheWorkIsBounded(t *testing.T) {
	w := watch(t)
	for _, size := range []image.Point{{1, 1}, {3, 200}, {4000, 2}, {64, 64}, {65, 40}, {1, 7}} {
		for _, cells := range []int{4, 0, explain.MaxInferences - 1} {
			w.calls.Store(0)
			img := modelstest.Picture(size.X, size.Y, color.RGBA{R: 200, G: 10})
			m, err := explain.Occlude(t.Context(), w, models.View{Image: img}, hazard, explain.Options{Cells: cells})
			require.NoError(t, err, "%v", size)
			assert.LessOrEqual(t, w.calls.Load(), int64(explain.MaxInferences), "%v", size)
			assert.Equal(t, int64(1), w.most.Load(), "one at a time unless told otherwise")
			assert.Len(t, m.Drops, m.Columns*m.Rows)
			b := m.Render(100).Bounds()
			assert.Equal(t, 100, max(b.Dx(), b.Dy()))
			assert.Zero(t, m.Render(100).NRGBAAt(0, 0).A, "nothing stands out in one colour: %v", m.Drops)
		}
	}
}

func TestABusyClassifierIsAskedAgain(t *testing.T) {
	w := watch(t)
	w.before = func(call int64) error {
		if call == 1 || call%10 == 0 {
			return fmt.Errorf("%w: 64 deposits wait", models.ErrBusy)
		}
		return nil
	}
	m, err := explain.Occlude(t.Context(), w, models.View{Image: spot(80, 80, image.Rect(10, 10, 40, 40))}, hazard, explain.Options{Cells: 30})
	require.NoError(t, err)
	assert.Greater(t, w.calls.Load(), int64(len(m.Drops)+1))

	w.before = func(int64) error { return models.ErrBusy }
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = explain.Occlude(ctx, w, models.View{Image: spot(80, 80, image.Rect(10, 10, 40, 40))}, hazard, explain.Options{})
	require.ErrorIs(t, err, models.ErrBusy)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestCancellation(t *testing.T) {
	w := watch(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := explain.Occlude(ctx, w, models.View{Image: spot(80, 80, image.Rect(10, 10, 40, 40))}, hazard, explain.Options{
		Parallel: 3, Progress: func(done, _ int) {
			if done == 5 {
				cancel()
			}
		},
	})
	require.ErrorIs(t, err, context.Canceled)
	assert.LessOrEqual(t, w.calls.Load(), int64(5+3))
}

func TestWhatEndsAnExplanation(t *testing.T) {
	w := watch(t)
	view := models.View{Image: spot(80, 80, image.Rect(10, 10, 40, 40))}
	broken := errors.New("the network is broken")
	w.before = func(call int64) error {
		if call > 7 {
			return broken
		}
		return nil
	}
	_, err := explain.Occlude(t.Context(), w, view, hazard, explain.Options{Parallel: 4})
	require.ErrorIs(t, err, broken)
	assert.LessOrEqual(t, w.calls.Load(), int64(7+4))

	w.before, w.after = nil, func(call int64, p *models.Prediction) {
		if call > 20 {
			p.ModelVersion = "tiny-2"
		}
	}
	w.calls.Store(0)
	_, err = explain.Occlude(t.Context(), w, view, hazard, explain.Options{})
	require.ErrorIs(t, err, explain.ErrModelChanged)
	require.ErrorContains(t, err, "from tiny-1 to tiny-2")
}

func TestInvalid(t *testing.T) {
	w := watch(t)
	img := modelstest.Picture(20, 20, color.RGBA{})
	for want, c := range map[string]struct {
		view   models.View
		target explain.Target
		opts   explain.Options
	}{
		"cells is 3, allowed is 4 to 99":          {models.View{Image: img}, hazard, explain.Options{Cells: 3}},
		"parallel is 5, allowed is 1 to 4":        {models.View{Image: img}, hazard, explain.Options{Parallel: 5}},
		`the category is "", allowed is one of`:   {models.View{Image: img}, explain.Target{CategoryOf: hazard.CategoryOf}, explain.Options{}},
		"nil image":                               {models.View{}, hazard, explain.Options{}},
		"the crop is (30,30)-(40,40), allowed is": {models.View{Image: img, Crop: image.Rect(30, 30, 40, 40)}, hazard, explain.Options{}},
	} {
		_, err := explain.Occlude(t.Context(), w, c.view, c.target, c.opts)
		require.ErrorIs(t, err, explain.ErrInvalid, want)
		require.ErrorContains(t, err, want)
	}
	assert.Zero(t, w.calls.Load())
}

package explanation_test

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/modelstest"
	"github.com/binside/binside/server/explanation"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/store/object"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// gate is a real pool that a test can hold back.
type gate struct {
	*models.Pool
	calls atomic.Int64
	shut  chan struct{} // nil: open
	began chan struct{}
}

func (g *gate) Classify(ctx context.Context, views []models.View) (models.Prediction, error) {
	g.calls.Add(1)
	if g.shut != nil {
		select {
		case g.began <- struct{}{}:
		default:
		}
		select {
		case <-g.shut:
		case <-ctx.Done():
			return models.Prediction{}, ctx.Err()
		}
	}
	return g.Pool.Classify(ctx, views)
}

type bed struct {
	*explanation.Service
	gate    *gate
	objects *object.Local
	// version is what the service takes for the model in force.
	version atomic.Pointer[string]
}

func newBed(t *testing.T, shut bool, cfg explanation.Config) *bed {
	t.Helper()
	b := &bed{gate: &gate{Pool: modelstest.Pool(t, models.Options{Workers: 1}), began: make(chan struct{}, 1)}}
	if shut {
		b.gate.shut = make(chan struct{})
	}
	version := "tiny-1"
	b.version.Store(&version)
	var err error
	b.objects, err = object.NewLocal(t.TempDir(), 0)
	require.NoError(t, err)
	b.Service, err = explanation.New(cfg, explanation.Deps{
		Objects: b.objects, Classifier: b.gate, ModelVersion: func() string { return *b.version.Load() }, Taxonomy: taxonomy.Default,
	})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return b
}

// flagged is an inspection whose picture shows a red thing, which the tiny
// model takes for a battery, on black.
func (b *bed) flagged(t *testing.T, id string) (*inspection.Inspection, image.Rectangle) {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 640, 360))
	item := image.Rect(350, 100, 500, 250)
	for y := range 360 {
		for x := range 640 {
			c := color.RGBA{A: 255}
			if image.Pt(x, y).In(item) {
				c.R = 255
			}
			img.SetRGBA(x, y, c)
		}
	}
	var buf bytes.Buffer
	require.NoError(t, jpeg.Encode(&buf, img, nil))
	key := "evidence/" + id + ".jpg"
	require.NoError(t, b.objects.Put(t.Context(), key, buf.Bytes(), "image/jpeg"))
	return &inspection.Inspection{
		ID: id, Category: "hazardous", ModelVersion: "older-1",
		Evidence: []inspection.Evidence{{Ordinal: 0, Key: key, Width: 640, Height: 360, Item: &inspection.Box{MinX: 250, MinY: 50, MaxX: 600, MaxY: 300}}},
	}, item
}

func TestAHeatMapIsMadeOnce(t *testing.T) {
	b := newBed(t, false, explanation.Config{})
	i, item := b.flagged(t, "a")
	require.Equal(t, explanation.Absent, b.Status(i).State)
	h, err := b.HeatMap(t.Context(), i)
	require.NoError(t, err)
	calls := b.gate.calls.Load()
	assert.LessOrEqual(t, calls, int64(100))
	assert.Equal(t, "tiny-1", h.ModelVersion)
	assert.Equal(t, "hazardous", h.Category)
	assert.Equal(t, *i.Evidence[0].Item, h.Box)
	require.NotNil(t, h.Strongest)
	centre := image.Pt((h.Strongest.MinX+h.Strongest.MaxX)/2, (h.Strongest.MinY+h.Strongest.MaxY)/2)
	assert.True(t, centre.In(item), "%v is not in %v", centre, item)
	assert.Less(t, h.Left, h.Probability)

	over, err := png.Decode(bytes.NewReader(h.PNG))
	require.NoError(t, err)
	assert.Equal(t, image.Pt(320, 228), over.Bounds().Size(), "the box's shape")
	_, _, _, corner := over.At(0, 0).RGBA()
	assert.Zero(t, corner, "plain ground stays clear")

	again, err := b.HeatMap(t.Context(), i)
	require.NoError(t, err)
	assert.Same(t, h, again)
	assert.Equal(t, calls, b.gate.calls.Load(), "kept in memory")
	st := b.Status(i)
	assert.Equal(t, explanation.Made, st.State)
	assert.Same(t, h, st.Map)

	other := "tiny-2"
	b.version.Store(&other)
	assert.Equal(t, explanation.Absent, b.Status(i).State, "another model draws another map")
}

func TestThoseWhoAskForTheSameShareOneMap(t *testing.T) {
	b := newBed(t, true, explanation.Config{})
	i, _ := b.flagged(t, "a")
	var asking sync.WaitGroup
	for range 5 {
		asking.Go(func() {
			h, err := b.HeatMap(t.Context(), i)
			if assert.NoError(t, err) {
				assert.NotEmpty(t, h.PNG)
			}
		})
	}
	<-b.gate.began
	assert.Equal(t, explanation.Running, b.Status(i).State)
	j, _ := b.flagged(t, "b")
	_, err := b.HeatMap(t.Context(), j)
	require.ErrorIs(t, err, explanation.ErrBusy, "one at a time")
	close(b.gate.shut)
	asking.Wait()
	assert.LessOrEqual(t, b.gate.calls.Load(), int64(100))
	_, err = b.HeatMap(t.Context(), j)
	require.NoError(t, err, "the place is free again")
}

func TestTheLastToLeaveEndsTheWork(t *testing.T) {
	b := newBed(t, true, explanation.Config{})
	i, _ := b.flagged(t, "a")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	left := make(chan error, 2)
	go func() { _, err := b.HeatMap(ctx, i); left <- err }()
	<-b.gate.began
	short, leave := context.WithCancel(t.Context())
	leave()
	_, err := b.HeatMap(short, i)
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, explanation.Running, b.Status(i).State, "one still waits")
	cancel()
	require.ErrorIs(t, <-left, context.Canceled)
	assert.Equal(t, explanation.Absent, b.Status(i).State)
	require.Eventually(t, func() bool { // its place is free when its goroutine has ended
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		_, err := b.HeatMap(ctx, i)
		return assert.Error(t, err) && err.Error() == context.DeadlineExceeded.Error()
	}, 5*time.Second, 5*time.Millisecond)
}

func TestWhyThereIsNoHeatMap(t *testing.T) {
	b := newBed(t, false, explanation.Config{})
	i, _ := b.flagged(t, "a")
	deleted := time.Now()
	for name, c := range map[string]struct {
		spoil func(i *inspection.Inspection)
		want  error
		state explanation.State
	}{
		"deleted":        {func(i *inspection.Inspection) { i.Evidence[0].DeletedAt = &deleted }, explanation.ErrEvidenceGone, explanation.Unavailable},
		"never kept":     {func(i *inspection.Inspection) { i.Evidence = nil }, explanation.ErrEvidenceGone, explanation.Unavailable},
		"lost":           {func(i *inspection.Inspection) { i.Evidence[0].Key = "evidence/none.jpg" }, explanation.ErrEvidenceGone, explanation.Absent},
		"no category":    {func(i *inspection.Inspection) { i.Category = "" }, explanation.ErrNoCategory, explanation.Unavailable},
		"other taxonomy": {func(i *inspection.Inspection) { i.Category = "rots" }, explanation.ErrNoCategory, explanation.Unavailable},
	} {
		j := *i
		j.Evidence = append([]inspection.Evidence(nil), i.Evidence...)
		c.spoil(&j)
		assert.Equal(t, c.state, b.Status(&j).State, name)
		_, err := b.HeatMap(t.Context(), &j)
		require.ErrorIs(t, err, c.want, name)
	}
	assert.Zero(t, b.gate.calls.Load())

	j := *i
	j.Evidence = append([]inspection.Evidence{{Ordinal: 0, DeletedAt: &deleted}}, i.Evidence...)
	j.Evidence[1].Ordinal, j.Evidence[1].Item = 1, nil
	h, err := b.HeatMap(t.Context(), &j)
	require.NoError(t, err, "the next best is explained")
	assert.Equal(t, 1, h.Ordinal)
	assert.Equal(t, inspection.Box{MaxX: 640, MaxY: 360}, h.Box, "all of it where nobody looked for the item")
}

func TestCloseEndsWhatIsBeingMade(t *testing.T) {
	b := newBed(t, true, explanation.Config{})
	i, _ := b.flagged(t, "a")
	ended := make(chan error, 1)
	go func() { _, err := b.HeatMap(t.Context(), i); ended <- err }()
	<-b.gate.began
	b.Close()
	require.ErrorIs(t, <-ended, context.Canceled)
	_, err := b.HeatMap(t.Context(), i)
	require.ErrorIs(t, err, explanation.ErrClosed)
}

func TestAMapTakesBoundedTime(t *testing.T) {
	b := newBed(t, true, explanation.Config{Timeout: 20 * time.Millisecond})
	i, _ := b.flagged(t, "a")
	_, err := b.HeatMap(t.Context(), i)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

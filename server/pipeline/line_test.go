package pipeline_test

import (
	"context"
	"image"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/binside/binside/camera/isolate"
	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/deletion"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/notify"
	"github.com/binside/binside/server/pipeline"
	"github.com/binside/binside/server/queue"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store"
	"github.com/binside/binside/server/store/object"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
)

func TestMain(m *testing.M) {
	isolate.BecomeChild()
	goleak.VerifyTestMain(m,
		// A timer of the embedded server's that runs on for a second.
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server/pse.periodic"))
}

const patience = 30 * time.Second

// line is the whole line with a real queue, store and object store, and a
// classifier that looks at colours.
type line struct {
	t          testing.TB
	records    *store.Store
	objects    object.Store
	folder     string // of the objects
	queue      *queue.Queue
	hub        *notify.Hub
	prepared   *pipeline.Prepared
	metrics    *pipeline.Metrics
	registry   *prometheus.Registry
	classifier *colours
	bin        station.Bin
	deletions  *deletion.Log
	log        *slog.Logger
}

func newLine(tb testing.TB) *line {
	tb.Helper()
	l := &line{
		t: tb, folder: tb.TempDir(), registry: prometheus.NewRegistry(), classifier: &colours{},
		prepared: pipeline.NewPrepared(0), log: slog.New(slog.DiscardHandler),
	}
	l.metrics = pipeline.NewMetrics(l.registry)
	var err error
	l.records, err = store.Open(tb.Context(), "sqlite:"+filepath.Join(tb.TempDir(), "records.db"), store.Options{})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, l.records.Close()) })
	signer, err := deletion.NewSigner(make([]byte, 32))
	require.NoError(tb, err)
	l.deletions = deletion.NewLog(l.records, signer)
	l.objects, err = object.NewLocal(l.folder, 0)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, l.objects.Close()) })
	l.queue, err = queue.Open(tb.Context(), queue.Config{
		Dir: tb.TempDir(), MaxBytes: 64 << 20, RedeliveryDelay: 5 * time.Millisecond, RetryDelay: time.Millisecond,
		DrainTimeout: 5 * time.Second, Logger: l.log,
	})
	require.NoError(tb, err)
	own := l.queue // a test may put another in its place
	tb.Cleanup(func() { require.NoError(tb, own.Close()) })
	l.hub = notify.New(notify.Options{})
	tb.Cleanup(l.hub.Close)

	require.NoError(tb, l.records.CreateStation(tb.Context(), &station.Station{ID: "north", Name: "North", RegionPath: "/a", TimeZone: "UTC"}))
	l.bin = station.Bin{ID: "green", StationID: "north", Name: "green", Accepts: []string{"kitchen"}}
	require.NoError(tb, l.records.CreateBin(tb.Context(), &l.bin))
	return l
}

func (l *line) newWorker(change ...func(*pipeline.WorkerConfig, *pipeline.WorkerDeps)) *pipeline.Worker {
	policy, err := verdict.NewPolicy(taxonomy.Default(), colourSample(), verdict.DefaultConfidence)
	require.NoError(l.t, err)
	cfg := pipeline.WorkerConfig{}
	deps := pipeline.WorkerDeps{
		Queue: l.queue, Store: l.records, Objects: l.objects, Deletions: l.deletions, Classifier: l.classifier, Rules: pipeline.Rules{Policy: policy},
		Hub: l.hub, Prepared: l.prepared, Metrics: l.metrics, Logger: l.log,
	}
	for _, c := range change {
		c(&cfg, &deps)
	}
	return pipeline.NewWorker(cfg, deps)
}

// work runs a worker until the test ends or stop is called.
func (l *line) work(change ...func(*pipeline.WorkerConfig, *pipeline.WorkerDeps)) *pipeline.Worker {
	l.t.Helper()
	w := l.newWorker(change...)
	require.NoError(l.t, w.Start(l.t.Context()))
	l.t.Cleanup(w.Close)
	return w
}

func (l *line) newIntake() *pipeline.Intake {
	return pipeline.NewIntake(pipeline.IntakeConfig{Redactor: nobody{}}, l.records, l.queue, l.hub, l.prepared, l.metrics)
}

// push submits pictures and waits for the inspection.
func (l *line) push(in *pipeline.Intake, key string, files ...[]byte) *inspection.Inspection {
	l.t.Helper()
	sub, err := in.Submit(l.t.Context(), pipeline.Request{Bin: l.bin, Uploads: uploads(files...), IdempotencyKey: key, Wait: true})
	require.NoError(l.t, err)
	defer sub.Close()
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	defer cancel()
	i, err := sub.Await(ctx)
	require.NoError(l.t, err)
	require.Equal(l.t, sub.DepositID, i.ID)
	return i
}

func uploads(files ...[]byte) []pipeline.Upload {
	out := make([]pipeline.Upload, len(files))
	for i, f := range files {
		out[i] = pipeline.Upload{Data: f, Declared: "image/jpeg"}
	}
	return out
}

// settled waits until the queue is empty.
func (l *line) settled() queue.Stats {
	l.t.Helper()
	var s queue.Stats
	require.Eventually(l.t, func() bool {
		var err error
		s, err = l.queue.Stats(l.t.Context())
		return err == nil && s.Depth == 0
	}, patience, 5*time.Millisecond)
	return s
}

func (l *line) stored() []*inspection.Inspection {
	l.t.Helper()
	all, err := l.records.ListInspections(l.t.Context(), inspection.Filter{Limit: 200})
	require.NoError(l.t, err)
	return all
}

// The colours that the classifier knows.
var (
	red    = [3]float64{200, 40, 40}   // a battery
	green  = [3]float64{50, 190, 60}   // food scraps
	blue   = [3]float64{50, 60, 200}   // plastic
	yellow = [3]float64{190, 190, 40}  // it cannot tell
	grey   = [3]float64{128, 128, 128} // nothing
)

// picture is a textured picture of one colour.
func picture(width, height int, colour [3]float64) *vision.Image {
	rng := rand.New(rand.NewPCG(uint64(width), uint64(height)))
	m := vision.NewImage(width, height)
	paint(m, m.Rect(), colour, rng)
	return m
}

func paint(m *vision.Image, r image.Rectangle, colour [3]float64, rng *rand.Rand) {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			shade := 0.8 + 0.15*rng.Float64()
			if (x/9+y/7)%2 == 0 {
				shade += 0.2
			}
			i := 3 * (y*m.Width + x)
			for c := range 3 {
				m.Pix[i+c] = byte(min(255, colour[c]*shade))
			}
		}
	}
}

func jpegOf(tb testing.TB, m *vision.Image) []byte {
	tb.Helper()
	data, err := codec.EncodeJPEG(m, 90)
	require.NoError(tb, err)
	return data
}

// colours is a classifier that goes by the mean colour of the crop.
type colours struct {
	mu    sync.Mutex
	fail  func(call int) error
	calls int
	views []models.View // of the last call
}

func (c *colours) Classify(_ context.Context, views []models.View) (models.Prediction, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	c.views = nil
	for _, v := range views { // the pictures themselves are used again afterwards
		img := *v.Image
		c.views = append(c.views, models.View{Image: &img, Crop: v.Crop})
	}
	if c.fail != nil {
		if err := c.fail(c.calls); err != nil {
			return models.Prediction{}, err
		}
	}
	class, p := look(views[0]), 0.96
	other := "paper"
	if class == "" {
		class, p, other = "glass", 0.55, "banana_peel"
	}
	return models.Prediction{ModelVersion: "colours-1", Agreement: 0.75, Strangeness: 0.25, Classes: []models.ClassProbability{
		{Class: class, Probability: p}, {Class: other, Probability: 1 - p},
	}}, nil
}

// colourSample is what colours says of 200 pictures of each of its colours:
// it is never wrong on them.
func colourSample() *models.RiskSample {
	s := &models.RiskSample{Classes: []string{"battery", "food_scraps", "plastic", "paper"}}
	for i, category := range []string{"hazardous", "kitchen", "recyclable"} {
		for n := range 200 {
			row := models.RiskRow{
				Class: s.Classes[i], Category: category, Source: "colours", Group: category + strconv.Itoa(n), Probabilities: make([]float64, 4),
			}
			row.Probabilities[i], row.Probabilities[3] = 0.96, 0.04
			s.Rows = append(s.Rows, row)
		}
	}
	return s
}

func look(v models.View) string {
	m := v.Image.Crop(v.Crop)
	var sum [3]int
	for i, p := range m.Pix {
		sum[i%3] += int(p)
	}
	r, g, b := sum[0], sum[1], sum[2]
	switch {
	case r > 2*g && r > 2*b:
		return "battery"
	case g > 2*r && g > 2*b:
		return "food_scraps"
	case b > 2*r && b > 2*g:
		return "plastic"
	}
	return ""
}

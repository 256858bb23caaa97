package pipeline_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/base"
	"github.com/binside/binside/models/modelstest"
	"github.com/binside/binside/models/ort"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/pipeline"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
	"github.com/binside/binside/vision/quality"
)

// realModel is the built-in network behind a pool.
func realModel(tb testing.TB) *models.Pool {
	tb.Helper()
	folder, err := base.Load()
	require.NoError(tb, err)
	network, err := ort.Open(folder, ort.Options{Library: modelstest.Library(tb)})
	require.NoError(tb, err)
	pool, err := models.NewPool(tb.Context(), network, models.Options{})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, pool.Close()) })
	return pool
}

// TestRealModel pushes photographs, or, where there are none, painted
// pictures, and compares each inspection with what the model, the taxonomy and
// the rules imply.
func TestRealModel(t *testing.T) {
	pool := realModel(t)
	sample, err := base.Risk(pool.Card())
	require.NoError(t, err)
	policy, err := verdict.NewPolicy(taxonomy.Default(), sample, verdict.DefaultConfidence)
	require.NoError(t, err)
	l := newLine(t)
	input := pool.Card().Input
	l.work(func(_ *pipeline.WorkerConfig, d *pipeline.WorkerDeps) {
		d.Classifier, d.Rules = pool, pipeline.Rules{Policy: policy, MinSource: ort.Spec(input).MinSource}
	})
	in := pipeline.NewIntake(pipeline.IntakeConfig{MinSource: ort.Spec(input).MinSource, Redactor: nobody{}},
		l.records, l.queue, l.hub, l.prepared, l.metrics)
	for name, file := range photographs(t) {
		i := l.push(in, "", file)
		info, err := codec.Inspect(file, codec.Limits{})
		require.NoError(t, err)
		minW, minH := ort.Spec(input).MinSource(info.Width, info.Height)
		img, _, err := codec.Decode(file, codec.Limits{}, codec.Options{MinWidth: minW, MinHeight: minH})
		require.NoError(t, err)
		q, err := quality.Measure(img, img.Rect())
		require.NoError(t, err)
		p, err := pool.Classify(t.Context(), []models.View{{Image: img}})
		require.NoError(t, err)
		want := policy.Decide(p, l.bin.Accepts, verdict.DefaultThresholds(), verdict.Quality{Sharpness: q.Sharpness, Exposure: q.Exposure})
		require.Equal(t, want.Verdict, i.Verdict, name)
		require.Equal(t, want.Category, i.Category, name)
		require.InEpsilon(t, 1+want.Score, 1+i.Score, 1e-2, name)
		require.InDelta(t, want.TellAt, i.TellAt, 0, name)
		require.Equal(t, want.Level, i.BoundLevel, name)
		require.InDelta(t, want.Confidence, i.Confidence, 1e-3, name)
		require.Equal(t, pool.Card().Version, i.ModelVersion)
		require.Equal(t, i.Verdict != verdict.Pass, len(i.Evidence) == 1, name)
	}
	require.Zero(t, l.settled().Dead)
}

func photographs(t *testing.T) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for i, c := range [][3]float64{red, green, blue, grey} {
		files[string(rune('a'+i))] = jpegOf(t, picture(640, 480, c))
	}
	found, err := filepath.Glob("../../../shared/data/images/*/*/*.jpg")
	require.NoError(t, err)
	if len(found) == 0 && os.Getenv("CI_SHARED") != "" {
		t.Fatal("no photographs in ../shared/data")
	}
	for i := 0; i < len(found); i += max(1, len(found)/20) {
		data, err := os.ReadFile(found[i])
		require.NoError(t, err)
		if _, err := codec.Inspect(data, codec.Limits{}); err == nil {
			files[found[i]] = data
		}
	}
	return files
}

// blind answers at once: what remains is the line's own cost.
type blind struct{}

func (blind) Classify(_ context.Context, _ []models.View) (models.Prediction, error) {
	return models.Prediction{ModelVersion: "blind", Classes: []models.ClassProbability{{Class: "battery", Probability: 1}}}, nil
}

// BenchmarkOverhead is the CPU time of the whole line for one 720p push but
// for inference: decoding, normalising, queue, evidence and record.
// BenchmarkDecode is the part of it that every service would pay.
func BenchmarkOverhead(b *testing.B) {
	l := newLine(b)
	l.work(func(_ *pipeline.WorkerConfig, d *pipeline.WorkerDeps) { d.Classifier = blind{} })
	in := l.newIntake()
	file := jpegOf(b, photo(1280, 720))
	b.ReportAllocs()
	begin, jobs := cpuTime(b), make(chan struct{}, b.N)
	var clients sync.WaitGroup
	for b.Loop() {
		jobs <- struct{}{}
		clients.Go(func() {
			defer func() { <-jobs }()
			l.push(in, "", file)
		})
		if len(jobs) >= 8 {
			clients.Wait()
		}
	}
	clients.Wait()
	b.ReportMetric(float64((cpuTime(b)-begin).Microseconds())/float64(b.N), "cpu-µs/op")
}

func BenchmarkDecode(b *testing.B) {
	file := jpegOf(b, photo(1280, 720))
	begin := cpuTime(b)
	for b.Loop() {
		_, _, err := codec.Decode(file, codec.Limits{}, codec.Options{MinWidth: 224, MinHeight: 224})
		require.NoError(b, err)
	}
	b.ReportMetric(float64((cpuTime(b)-begin).Microseconds())/float64(b.N), "cpu-µs/op")
}

// photo is a smooth picture whose JPEG is about as large as a photograph's.
func photo(width, height int) *vision.Image {
	m := vision.NewImage(width, height)
	rng := newRand()
	for i := range m.Pix {
		x, y := i/3%width, i/3/width
		m.Pix[i] = byte(100 + 40*((x/90+y/70)%3) + rng.IntN(14) + 10*(i%3))
	}
	return m
}

// cpuTime is what this process has used so far, all threads together.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

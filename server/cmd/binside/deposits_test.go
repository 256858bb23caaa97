package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/binside/binside/camera"
	"github.com/binside/binside/camera/cameratest"
	"github.com/binside/binside/camera/simulate"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/demonstration"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/pipeline"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
)

// testPicture is a photograph-like JPEG of our own making.
func testPicture(t *testing.T) []byte {
	t.Helper()
	img := vision.NewImage(640, 360)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range img.Pix {
		img.Pix[i] = byte(90 + (i/3%640)/8 + r.IntN(60))
	}
	data, err := codec.EncodeJPEG(img, 85)
	require.NoError(t, err)
	return data
}

// playFeed plays a source to its end, without dropping a frame: the
// detector's deposits do not depend on how fast the machine is.
type playFeed struct {
	source camera.Source
	once   sync.Once
	ended  chan struct{}
}

func (f *playFeed) Run(ctx context.Context, look func(camera.Frame)) {
	if err := f.source.Stream(ctx, look); errors.Is(err, io.EOF) {
		f.once.Do(func() { close(f.ended) })
	}
	<-ctx.Done()
}

func (f *playFeed) State() pipeline.CameraState {
	return pipeline.CameraState{Status: pipeline.StatusStreaming}
}

// A hundred deposits of the simulated station through the real wiring. The race
// detector makes painting them ten times as slow: with it, fewer are shown
// (`make test` runs this test without it as well).
func TestHundredDeposits(t *testing.T) {
	shown := 100
	if raceDetector {
		shown = 10
	}
	cfg := testConfig(t)
	cfg.Demo.Seed = 11 // thresholds were chosen on 7
	cfg.Demo.WrongShare = 0.5
	s := startService(t, cfg)
	opts, err := simulation(cfg.Demo, s.taxonomy, s.pool.Card().Classes)
	if err != nil {
		cameratest.Missing(t, "the demonstration's photographs: %v", err)
	}
	source, err := simulate.NewSource(opts, time.Now().Add(-time.Hour), shown)
	require.NoError(t, err)
	st := &station.Station{ID: "play", Name: "play", RegionPath: "/play", TimeZone: "UTC"}
	require.NoError(t, s.store.CreateStation(t.Context(), st))
	cam := station.Camera{ID: "play-camera", StationID: "play", Name: "play", Kind: station.MJPEG, URL: "http://127.0.0.1:9/", Enabled: true}
	th := demonstration.Thresholds()
	for i, b := range source.Station().Bins() {
		require.NoError(t, s.store.CreateBin(t.Context(), &station.Bin{ID: b.ID, StationID: "play", Name: b.ID, Accepts: b.Accepts, Thresholds: &th}))
		cam.Regions = append(cam.Regions, station.Region{BinID: b.ID, Polygon: source.Station().Region(i)})
	}
	require.NoError(t, s.store.CreateCamera(t.Context(), &cam))

	feed := &playFeed{source: source, ended: make(chan struct{})}
	cameras := pipeline.NewCameras(pipeline.CamerasConfig{}, pipeline.CamerasDeps{
		Store: s.store, Queue: s.queue, Hub: s.hub, Prepared: s.prepared, Metrics: s.metrics,
		Registerer: prometheus.NewRegistry(), Logger: slog.Default(), Redactor: s.redactor,
		Open: func(station.Camera, *slog.Logger) (pipeline.Feed, error) { return feed, nil },
	})
	require.NoError(t, cameras.Start(t.Context()))
	select {
	case <-feed.ended:
	case <-time.After(15 * time.Minute):
		t.Fatal("the play did not end")
	}
	cameras.Close(t.Context())
	stats := func() uint64 {
		q, err := s.queue.Stats(t.Context())
		require.NoError(t, err)
		return uint64(q.Depth) + uint64(q.InFlight)
	}
	require.Eventually(t, func() bool { return stats() == 0 }, 5*time.Minute, 200*time.Millisecond)
	judge(t, shown, source, stored(t, s))
}

func stored(t *testing.T, s *service) (all []*inspection.Inspection) {
	t.Helper()
	for before := int64(0); ; {
		items, err := s.store.ListInspections(t.Context(), inspection.Filter{StationID: "play", BeforeSeq: before, Limit: 200})
		require.NoError(t, err)
		if len(items) == 0 {
			return all
		}
		all = append(all, items...)
		before = items[len(items)-1].Seq
	}
}

// judge holds the figures against the truth.
func judge(t *testing.T, shown int, source *simulate.Source, all []*inspection.Inspection) {
	t.Helper()
	truth := source.Truth(0).Events
	var detections []simulate.Detection
	for _, i := range all {
		detections = append(detections, simulate.Detection{ID: i.ID, Bin: i.BinID, At: i.CapturedAt})
	}
	m := simulate.Match(truth, detections, time.Second)
	var wrong, caught, right, told int
	for _, p := range m.Pairs {
		e, i := truth[p.Event], all[p.Detection]
		switch {
		case e.Correct:
			right++
			if i.Verdict == verdict.Tell {
				told++
				t.Logf("told although right: %s in %s, taken for %s (%.2f)", e.File, e.Bin, i.ItemClass, i.Confidence)
			}
		case e.Judged:
			wrong++
			if i.Verdict == verdict.Tell || i.Verdict == verdict.Check {
				caught++
			} else {
				t.Logf("not caught: %s in %s, taken for %s (%.2f) %s", e.File, e.Bin, i.ItemClass, i.Confidence, i.Verdict)
			}
		}
	}
	t.Logf("shown %d, found once %d, doubled %d, missed %d, false %d; misdeposits of known classes caught %d of %d; right ones told %d of %d",
		m.Shown, m.Found, m.Doubled, m.Missed, m.False, caught, wrong, told, right)
	require.Equal(t, shown, m.Shown)
	require.GreaterOrEqual(t, m.Found, shown-max(1, shown*5/100))
	require.LessOrEqual(t, m.False+m.Doubled, max(1, shown*3/100))
	if raceDetector {
		return // too few for shares
	}
	require.GreaterOrEqual(t, float64(caught), 0.85*float64(wrong))
	require.LessOrEqual(t, float64(told), 0.05*float64(right))
}

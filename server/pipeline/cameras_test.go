package pipeline_test

import (
	"context"
	"image"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/camera"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/pipeline"
	"github.com/binside/binside/server/queue"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
	"github.com/binside/binside/vision/condition"
)

// corner is a bin's region that is no rectangle: the lower left half of the
// view's left half.
var corner = vision.Polygon{{X: 0.05, Y: 0.1}, {X: 0.5, Y: 0.9}, {X: 0.05, Y: 0.9}}

func (l *line) newCameras(change ...func(*pipeline.CamerasConfig, *pipeline.CamerasDeps)) *pipeline.Cameras {
	l.t.Helper()
	cfg := pipeline.CamerasConfig{Condition: condition.DefaultConfig()}
	cfg.Condition.Skew = 100 * 365 * 24 * time.Hour // the films' clocks are their own
	deps := pipeline.CamerasDeps{
		Store: l.records, Queue: l.queue, Hub: l.hub, Prepared: l.prepared, Metrics: l.metrics,
		Registerer: l.registry, Logger: l.log, Open: pipeline.OpenFeed, Redactor: nobody{}, Overview: nobody{},
	}
	for _, c := range change {
		c(&cfg, &deps)
	}
	c := pipeline.NewCameras(cfg, deps)
	l.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		c.Close(ctx)
	})
	return c
}

func (l *line) addCamera(id string, polygon vision.Polygon) station.Camera {
	l.t.Helper()
	cam := station.Camera{
		ID: id, StationID: "north", Name: id, Kind: station.Push, Enabled: true,
		Regions: []station.Region{{BinID: l.bin.ID, Polygon: polygon}},
	}
	require.NoError(l.t, l.records.CreateCamera(l.t.Context(), &cam))
	return cam
}

// film is a camera on a virtual clock.
type film struct {
	at   time.Time
	rng  *rand.Rand
	wall *vision.Image
	// noise is more than a frame of sensor noise; each frame begins elsewhere
	// in it.
	noise []int8
}

func newFilm() *film {
	f := &film{at: time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC), rng: newRand(), wall: vision.NewImage(640, 360)}
	// Outside the region the view is magenta, which must never be stored.
	paint(f.wall, f.wall.Rect(), [3]float64{210, 30, 210}, f.rng)
	for y := range 360 {
		for x := range 640 {
			if corner.Contains(vision.Point{X: (float64(x) + 0.5) / 640, Y: (float64(y) + 0.5) / 360}) {
				v := 120 + byte(f.rng.IntN(9))
				if x%40 < 2 || y%40 < 2 {
					v -= 30
				}
				i := 3 * (y*640 + x)
				f.wall.Pix[i], f.wall.Pix[i+1], f.wall.Pix[i+2] = v, v, v
			}
		}
	}
	f.noise = make([]int8, len(f.wall.Pix)+5000)
	for i := range f.noise {
		f.noise[i] = int8(f.rng.IntN(5) - 2)
	}
	return f
}

// next is the next frame, with an item or without.
func (f *film) next(t *testing.T, item bool) pipeline.Upload {
	t.Helper()
	return f.draw(t, func(m *vision.Image) {
		if item {
			paint(m, image.Rect(60, 220, 130, 300), red, rand.New(rand.NewPCG(3, 3)))
		}
	})
}

// draw is the next frame with what things adds to the wall.
func (f *film) draw(t *testing.T, things func(m *vision.Image)) pipeline.Upload {
	t.Helper()
	m := f.wall.Clone()
	things(m)
	noise := f.noise[f.rng.IntN(5000):]
	for i, v := range m.Pix {
		m.Pix[i] = byte(max(0, min(255, int(v)+int(noise[i]))))
	}
	f.at = f.at.Add(100 * time.Millisecond)
	return pipeline.Upload{Data: jpegOf(t, m), Declared: "image/jpeg", CapturedAt: f.at}
}

// show pushes frames one after the other and returns what they completed.
func show(t *testing.T, c *pipeline.Cameras, f *film, frames int, item bool) []*inspection.Inspection {
	t.Helper()
	var all []*inspection.Inspection
	for range frames {
		all = append(all, pushed(t, c, f.next(t, item))...)
	}
	return all
}

// pushed pushes one frame and returns what it completed.
func pushed(t *testing.T, c *pipeline.Cameras, frame pipeline.Upload) []*inspection.Inspection {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	ticket, err := c.PushFrame(ctx, "cam", frame)
	require.NoError(t, err)
	got, err := ticket.Await(ctx)
	ticket.Close()
	require.NoError(t, err)
	require.NotNil(t, got)
	return got
}

func TestPushedFramesBecomeOneInspection(t *testing.T) {
	l := newLine(t)
	l.addCamera("cam", corner)
	l.work()
	c := l.newCameras()
	require.NoError(t, c.Start(t.Context()))
	require.Equal(t, pipeline.StatusConnecting, c.States()["cam"].Status)

	f := newFilm()
	require.Empty(t, show(t, c, f, 25, false))
	found := show(t, c, f, 25, true)
	require.Len(t, found, 1, "one event is one deposit, and the frame that completed it is answered with it")
	require.Empty(t, show(t, c, f, 10, false))

	i := found[0]
	require.Equal(t, inspection.FromStream, i.Source)
	require.Equal(t, []string{"cam", "north", "green"}, []string{i.CameraID, i.StationID, i.BinID})
	require.Equal(t, "battery", i.ItemClass)
	require.WithinDuration(t, f.at, i.CapturedAt, 10*time.Second)
	require.NotEmpty(t, i.Evidence)
	for _, e := range i.Evidence {
		require.NotNil(t, e.Item)
		require.False(t, rectOf(*e.Item).Empty())
		kept, err := l.objects.Get(t.Context(), e.Key)
		require.NoError(t, err)
		img, _, err := codec.Decode(kept, codec.Limits{}, codec.Options{})
		require.NoError(t, err)
		require.Equal(t, corner.Bounds(640, 360).Size(), img.Rect().Size())
		require.Zero(t, magenta(img), "nothing from outside the region is stored")
	}
	s := c.States()["cam"]
	require.Equal(t, pipeline.StatusStreaming, s.Status)
	require.Equal(t, uint64(60), s.Frames)
	require.InDelta(t, 60, l.counter("binside_camera_frames_total"), 0)
	require.Len(t, l.stored(), 1)
}

// magenta counts the pixels of a crop that look like what is outside the
// region, and lie there: a block of JPEG (with its halved colours, 16 pixels)
// away from the edge, for along it the camera's own JPEG has mixed the two.
func magenta(m *vision.Image) (n int) {
	const block = 16
	origin := corner.Bounds(640, 360).Min
	inside := func(x, y int) bool {
		return corner.Contains(vision.Point{X: float64(x+origin.X) / 640, Y: float64(y+origin.Y) / 360})
	}
	for y := range m.Height {
		for x := range m.Width {
			near := inside(x, y)
			for _, d := range []image.Point{{-block, -block}, {block, -block}, {-block, block}, {block, block}, {block, 0}, {-block, 0}, {0, block}, {0, -block}} {
				near = near || inside(x+d.X, y+d.Y)
			}
			if c := m.At(x, y); !near && int(c.R) > int(c.G)+20 && int(c.B) > int(c.G)+20 {
				n++
			}
		}
	}
	return n
}

func TestPushFrameRefuses(t *testing.T) {
	l := newLine(t)
	l.addCamera("cam", corner)
	c := l.newCameras()
	require.NoError(t, c.Start(t.Context()))
	f := newFilm()
	good := f.next(t, false)
	_, err := c.PushFrame(t.Context(), "other", good)
	require.ErrorIs(t, err, pipeline.ErrUnknownCamera)
	_, err = c.PushFrame(t.Context(), "cam", pipeline.Upload{Data: good.Data[:1000]})
	require.Equal(t, codec.ReasonTruncated, pipeline.Reason(err))
	_, err = c.PushFrame(t.Context(), "cam", pipeline.Upload{Data: good.Data, Declared: "image/png"})
	require.Equal(t, codec.ReasonTypeMismatch, pipeline.Reason(err))
	c.Close(t.Context())
	c.Close(t.Context())
	_, err = c.PushFrame(t.Context(), "cam", good)
	require.ErrorIs(t, err, pipeline.ErrClosed)
	require.ErrorIs(t, c.Reload(t.Context()), pipeline.ErrClosed)
	require.Empty(t, c.States())
}

func TestReloadTouchesOnlyWhatChanged(t *testing.T) {
	l := newLine(t)
	same, drawn, gone := l.addCamera("same", corner), l.addCamera("drawn", corner), l.addCamera("gone", corner)
	changed := station.Camera{ID: "changed", StationID: "north", Name: "changed", Kind: station.MJPEG, URL: "http://127.0.0.1:9/", Enabled: true}
	require.NoError(t, l.records.CreateCamera(t.Context(), &changed))
	c := l.newCameras()
	require.NoError(t, c.Start(t.Context()))
	f := newFilm()
	seq := func(id string) uint64 {
		pushed, err := c.PushFrame(t.Context(), id, f.next(t, false))
		require.NoError(t, err)
		defer pushed.Close()
		_, err = pushed.Await(t.Context())
		require.NoError(t, err)
		return pushed.Seq
	}
	for _, id := range []string{"same", "drawn", "gone"} {
		require.Equal(t, uint64(1), seq(id))
	}
	_, err := c.PushFrame(t.Context(), "changed", f.next(t, false))
	require.ErrorIs(t, err, pipeline.ErrNotPush)
	same.Name = "a new name"
	require.NoError(t, l.records.UpdateCamera(t.Context(), &same))
	drawn.Regions[0].Polygon = vision.Full()
	require.NoError(t, l.records.UpdateCamera(t.Context(), &drawn))
	changed.Kind, changed.URL = station.Push, ""
	require.NoError(t, l.records.UpdateCamera(t.Context(), &changed))
	gone.Enabled = false
	require.NoError(t, l.records.UpdateCamera(t.Context(), &gone))
	l.addCamera("fresh", vision.Full())
	require.NoError(t, c.Reload(t.Context()))

	require.Equal(t, uint64(2), seq("same"), "goes on")
	require.Equal(t, uint64(2), seq("drawn"), "other regions do not break its stream")
	require.Equal(t, uint64(1), seq("changed"), "was started anew")
	require.Equal(t, uint64(1), seq("fresh"))
	_, err = c.PushFrame(t.Context(), "gone", f.next(t, false))
	require.ErrorIs(t, err, pipeline.ErrUnknownCamera)
	require.Len(t, c.States(), 4)
	require.InDelta(t, 7, l.counter("binside_camera_frames_total"), 0, "frames of stopped cameras still count")
}

func TestCameraThatCannotRunSaysSo(t *testing.T) {
	l := newLine(t)
	cam := l.addCamera("cam", corner)
	cam.Regions = append(cam.Regions, cam.Regions[0]) // two regions of one bin
	require.NoError(t, l.records.UpdateCamera(t.Context(), &cam))
	l.addCamera("well", corner)
	bare := station.Camera{ID: "bare", StationID: "north", Name: "bare", Kind: station.Push, Enabled: true}
	require.NoError(t, l.records.CreateCamera(t.Context(), &bare))
	c := l.newCameras()
	require.NoError(t, c.Start(t.Context()))
	states := c.States()
	require.Equal(t, pipeline.StatusFailed, states["cam"].Status)
	require.NotEmpty(t, states["cam"].Error)
	require.Equal(t, camera.Settings, states["cam"].Reason)
	require.Equal(t, pipeline.StatusConnecting, states["well"].Status)
	// A camera without regions takes frames and finds nothing.
	pushed, err := c.PushFrame(t.Context(), "bare", newFilm().next(t, false))
	require.NoError(t, err)
	defer pushed.Close()
	got, err := pushed.Await(t.Context())
	require.NoError(t, err)
	require.Empty(t, got)
}

// moody is a queue that is full until told otherwise.
type moody struct {
	pipeline.Publisher
	mu    sync.Mutex
	full  bool
	tries int
}

func (m *moody) Publish(ctx context.Context, d inspection.Deposit) error {
	m.mu.Lock()
	full := m.full
	m.tries++
	m.mu.Unlock()
	if full {
		return queue.ErrFull
	}
	return m.Publisher.Publish(ctx, d)
}

func (m *moody) set(full bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.full = full
}

func (m *moody) tried() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.tries
}

// pushAll shows a film without waiting for inspections, only for the detector.
func pushAll(t *testing.T, c *pipeline.Cameras, f *film, frames int, item bool) {
	t.Helper()
	for range frames {
		upload := f.next(t, item)
		require.Eventually(t, func() bool {
			pushed, err := c.PushFrame(t.Context(), "cam", upload)
			if err == nil {
				pushed.Close()
				return true
			}
			require.ErrorIs(t, err, pipeline.ErrCameraBusy)
			return false
		}, patience, time.Millisecond)
	}
}

func TestFullQueueIsWaitedForWithinBounds(t *testing.T) {
	l := newLine(t)
	l.addCamera("cam", corner)
	q := &moody{Publisher: l.queue, full: true}
	c := l.newCameras(func(cfg *pipeline.CamerasConfig, d *pipeline.CamerasDeps) { cfg.Outbox, d.Queue = 1, q })
	require.NoError(t, c.Start(t.Context()))
	f := newFilm()
	pushAll(t, c, f, 25, false)
	// Four deposits: one at the queue's door, one in the outbox, two too many.
	for n := range 4 {
		pushAll(t, c, f, 20, true)
		pushAll(t, c, f, 15, false)
		require.Eventually(t, func() bool { return l.counter("binside_detector_events_total") == float64(n+1) }, patience, 5*time.Millisecond)
		if n == 0 {
			require.Eventually(t, func() bool { return q.tried() > 0 }, patience, time.Millisecond)
		}
	}
	require.InDelta(t, 2, l.counter("binside_deposits_dropped_total"), 0)
	q.set(false)
	require.Eventually(t, func() bool {
		s, err := l.queue.Stats(t.Context())
		return err == nil && s.Depth == 2
	}, patience, 5*time.Millisecond)
}

func TestCloseGivesUpInTheEnd(t *testing.T) {
	l := newLine(t)
	l.addCamera("cam", corner)
	q := &moody{Publisher: l.queue, full: true}
	c := l.newCameras(func(_ *pipeline.CamerasConfig, d *pipeline.CamerasDeps) { d.Queue = q })
	require.NoError(t, c.Start(t.Context()))
	f := newFilm()
	pushAll(t, c, f, 25, false)
	pushAll(t, c, f, 20, true)
	require.Eventually(t, func() bool { return q.tried() > 0 }, patience, time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	c.Close(ctx)
	require.InDelta(t, 1, l.counter("binside_deposits_dropped_total"), 0)
}

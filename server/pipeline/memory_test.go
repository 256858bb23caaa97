package pipeline_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/camera"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/pipeline"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store"
	"github.com/binside/binside/vision/condition"
	"github.com/binside/binside/vision/condition/conditiontest"
)

// watchedCamera is a camera whose frames the test shows, and the service around it,
// which can be started anew.
type watchedCamera struct {
	*line
	*projector
	film    *film
	cameras *pipeline.Cameras
	change  []func(*pipeline.CamerasConfig, *pipeline.CamerasDeps)
}

func newWatchedCamera(t *testing.T, change ...func(*pipeline.CamerasConfig, *pipeline.CamerasDeps)) *watchedCamera {
	t.Helper()
	l := newLine(t)
	cam := l.addCamera("cam", corner)
	cam.Kind, cam.URL = station.RTSP, "rtsp://admin:old@camera/stream1"
	require.NoError(t, l.records.UpdateCamera(t.Context(), &cam))
	w := &watchedCamera{line: l, projector: &projector{frames: make(chan camera.Frame), shown: make(chan struct{})}, film: newFilm(), change: change}
	w.start(t)
	return w
}

func (w *watchedCamera) start(t *testing.T) {
	t.Helper()
	open := func(_ *pipeline.CamerasConfig, d *pipeline.CamerasDeps) {
		d.Open = func(station.Camera, *slog.Logger) (pipeline.Feed, error) { return w.projector, nil }
	}
	w.cameras = w.newCameras(append([]func(*pipeline.CamerasConfig, *pipeline.CamerasDeps){open}, w.change...)...)
	require.NoError(t, w.cameras.Start(t.Context()))
}

// restart stops the service and starts it again.
func (w *watchedCamera) restart(t *testing.T) {
	t.Helper()
	w.cameras.Close(t.Context())
	w.start(t)
}

// set changes the camera's settings.
func (w *watchedCamera) set(t *testing.T, change func(*station.Camera)) {
	t.Helper()
	cam, err := w.records.GetCamera(t.Context(), "cam")
	require.NoError(t, err)
	change(&cam)
	require.NoError(t, w.records.UpdateCamera(t.Context(), &cam))
	require.NoError(t, w.cameras.Reload(t.Context()))
}

// watch shows the place, broken where there is a fault, a frame whenever the
// monitor looks.
func (w *watchedCamera) watch(t *testing.T, d time.Duration, fault *conditiontest.Fault) {
	t.Helper()
	for range d / (500 * time.Millisecond) {
		w.film.at = w.film.at.Add(400 * time.Millisecond)
		w.show(t, w.film, 1, false, fault)
	}
}

// throw throws something away that does not belong there, and waits for what
// comes of it.
func (w *watchedCamera) throw(t *testing.T, fault *conditiontest.Fault) {
	t.Helper()
	w.show(t, w.film, 3*time.Second, false, fault)
	w.show(t, w.film, 3*time.Second, true, fault)
	w.show(t, w.film, 2*time.Second, false, fault)
	w.settled()
}

func (w *watchedCamera) condition() condition.Kind { return w.cameras.States()["cam"].Condition }

// TestDoubtOutlivesTheService smears a lens, and turns a camera, before the
// service is started anew and before settings are changed: nobody is told until
// it is mended.
func TestDoubtOutlivesTheService(t *testing.T) {
	for _, c := range []struct {
		kind condition.Kind
		seed uint64
	}{{condition.Dirty, 4}, {condition.Moved, 6}} {
		t.Run(string(c.kind), func(t *testing.T) {
			w := newWatchedCamera(t)
			w.work()
			w.watch(t, 12*time.Second, nil)
			fault := conditiontest.New(c.kind, c.seed)
			w.watch(t, 14*time.Second, fault)
			before := w.cameras.States()["cam"]
			require.Equal(t, c.kind, before.Condition)

			w.restart(t)
			after := w.cameras.States()["cam"]
			require.Equal(t, c.kind, after.Condition, "before there is any frame")
			require.WithinDuration(t, before.ConditionSince, after.ConditionSince, time.Millisecond)
			w.film.at = w.film.at.Add(8 * time.Hour)
			w.watch(t, 12*time.Second, fault)
			require.Equal(t, c.kind, w.condition(), "it does not become normal")
			w.set(t, func(cam *station.Camera) {
				cam.URL, cam.Transport = "rtsp://admin:new@camera:554/stream1", "udp"
			})
			require.Equal(t, c.kind, w.condition())
			w.watch(t, 12*time.Second, fault)
			require.Equal(t, c.kind, w.condition())
			w.throw(t, fault)
			for _, i := range w.stored() {
				require.Equal(t, verdict.Unreadable, i.Verdict)
			}
			require.True(t, c.kind == condition.Moved || w.stored()[0].Reason == "camera-dirty")

			w.watch(t, 10*time.Second, nil)
			require.Empty(t, w.condition(), "mended, it is believed again")
			w.throw(t, nil)
			require.Equal(t, verdict.Tell, w.stored()[0].Verdict)
		})
	}
}

// TestWhatIsUsualGoesWithTheDevice gives a doubted camera's record to another
// device, and switches it off and on.
func TestWhatIsUsualGoesWithTheDevice(t *testing.T) {
	w := newWatchedCamera(t)
	w.watch(t, 12*time.Second, nil)
	smeared := conditiontest.New(condition.Dirty, 4)
	w.watch(t, 10*time.Second, smeared)
	require.Equal(t, condition.Dirty, w.condition())
	for _, on := range []bool{false, true} {
		w.set(t, func(cam *station.Camera) { cam.Enabled = on })
	}
	require.Equal(t, condition.Dirty, w.condition())
	for _, change := range []func(*station.Camera){
		func(cam *station.Camera) { cam.URL = "rtsp://admin:old@camera/stream2" },
		func(cam *station.Camera) { cam.URL = "rtsp://admin:old@other/stream1" },
		func(cam *station.Camera) { cam.Kind, cam.URL = station.MJPEG, "http://camera/stream1" },
	} {
		w.set(t, change)
		require.Empty(t, w.condition())
		w.set(t, func(cam *station.Camera) { cam.Kind, cam.URL = station.RTSP, "rtsp://camera/stream1" })
		require.Equal(t, condition.Dirty, w.condition(), "it is the old one again, which was never learnt over")
	}
	w.set(t, func(cam *station.Camera) { cam.URL = "rtsp://other/stream1" })
	w.watch(t, 12*time.Second, smeared)
	w.set(t, func(cam *station.Camera) { cam.URL = "rtsp://camera/stream1" })
	require.Empty(t, w.condition(), "one device is remembered, the last")
}

// TestLearnAgain turns a camera for good.
func TestLearnAgain(t *testing.T) {
	w := newWatchedCamera(t)
	w.watch(t, 12*time.Second, nil)
	turned := conditiontest.New(condition.Moved, 6)
	w.watch(t, 14*time.Second, turned)
	require.Equal(t, condition.Moved, w.condition())
	require.ErrorIs(t, w.cameras.Learn(t.Context(), "other"), pipeline.ErrUnknownCamera)
	require.NoError(t, w.cameras.Learn(t.Context(), "cam"))
	require.Empty(t, w.condition())
	_, err := w.records.CameraMemory(t.Context(), "cam")
	require.ErrorIs(t, err, store.ErrNotFound)
	w.restart(t)
	_, err = w.records.CameraMemory(t.Context(), "cam")
	require.ErrorIs(t, err, store.ErrNotFound, "nothing from before is written afterwards")
	w.watch(t, 14*time.Second, turned)
	require.Empty(t, w.condition(), "this is what it shows from here on")
	w.restart(t)
	w.watch(t, 14*time.Second, turned)
	require.Empty(t, w.condition())
	w.watch(t, 14*time.Second, nil)
	require.Equal(t, condition.Moved, w.condition())
}

// TestMemoryThatCannotBeGoneBy starts cameras whose memory is damaged, too old or
// not to be had: they learn anew, and are remembered again.
func TestMemoryThatCannotBeGoneBy(t *testing.T) {
	w := newWatchedCamera(t)
	w.watch(t, 12*time.Second, nil)
	smeared := conditiontest.New(condition.Dirty, 4)
	w.watch(t, 10*time.Second, smeared)
	w.cameras.Close(t.Context())
	dirty, err := w.records.CameraMemory(t.Context(), "cam")
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), dirty.At, patience)
	for name, change := range map[string]func(*store.CameraMemory){
		"damaged": func(m *store.CameraMemory) { m.Memory = m.Memory[:100] },
		"old":     func(m *store.CameraMemory) { m.At = time.Now().Add(-31 * 24 * time.Hour) },
		"other":   func(m *store.CameraMemory) { m.Device = "another" },
	} {
		bad := dirty
		change(&bad)
		require.NoError(t, w.records.SaveCameraMemory(t.Context(), bad))
		w.start(t)
		require.Empty(t, w.condition(), name)
		w.cameras.Close(t.Context())
	}
	dirty.At = time.Now().Add(-29 * 24 * time.Hour)
	require.NoError(t, w.records.SaveCameraMemory(t.Context(), dirty))
	w.start(t)
	require.Equal(t, condition.Dirty, w.condition())
}

// amnesiac is a store that keeps and gives no memories while it is down.
type amnesiac struct {
	*store.Store
	down atomic.Bool
}

var errDown = errors.New("the disk is full")

func (f *amnesiac) CameraMemory(ctx context.Context, id string) (store.CameraMemory, error) {
	if f.down.Load() {
		return store.CameraMemory{}, errDown
	}
	return f.Store.CameraMemory(ctx, id)
}

func (f *amnesiac) SaveCameraMemory(ctx context.Context, m store.CameraMemory) error {
	if f.down.Load() {
		return errDown
	}
	return f.Store.SaveCameraMemory(ctx, m)
}

func (f *amnesiac) ForgetCamera(ctx context.Context, id string) error {
	if f.down.Load() {
		return errDown
	}
	return f.Store.ForgetCamera(ctx, id)
}

// TestFailingStoreHoldsNoCameraUp has a store that cannot write for a while: the
// camera runs on, a change of its settings loses nothing, and what could not be
// written is when the service stops.
func TestFailingStoreHoldsNoCameraUp(t *testing.T) {
	f := &amnesiac{}
	w := newWatchedCamera(t, func(_ *pipeline.CamerasConfig, d *pipeline.CamerasDeps) {
		f.Store, _ = d.Store.(*store.Store)
		d.Store = f
	})
	f.down.Store(true)
	w.watch(t, 12*time.Second, nil)
	smeared := conditiontest.New(condition.Dirty, 4)
	w.watch(t, 10*time.Second, smeared)
	require.Equal(t, condition.Dirty, w.condition())
	require.Eventually(t, func() bool { return w.counter("binside_camera_memory_errors_total") >= 1 }, patience, 5*time.Millisecond)
	w.set(t, func(cam *station.Camera) { cam.Transport = "udp" })
	require.Equal(t, condition.Dirty, w.condition(), "it has not left this process")
	require.ErrorIs(t, w.cameras.Learn(t.Context(), "cam"), errDown)
	require.Equal(t, condition.Dirty, w.condition(), "nothing has changed")
	f.down.Store(false)
	w.restart(t)
	require.Equal(t, condition.Dirty, w.condition())
	failed := w.counter("binside_camera_memory_errors_total")
	cam, err := w.records.GetCamera(t.Context(), "cam")
	require.NoError(t, err)
	require.NoError(t, w.records.DeleteCamera(t.Context(), cam))
	require.NoError(t, w.cameras.Reload(t.Context()))
	w.cameras.Close(t.Context())
	require.InDelta(t, failed, w.counter("binside_camera_memory_errors_total"), 0, "a camera that was removed is no error")
}

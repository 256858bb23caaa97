package pipeline_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/binside/binside/camera"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/pipeline"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/vision/codec"
	"github.com/binside/binside/vision/condition"
	"github.com/binside/binside/vision/condition/conditiontest"
)

// projector is a feed that shows frames when it is told to.
type projector struct {
	frames chan camera.Frame
	shown  chan struct{}
}

func (p *projector) Run(ctx context.Context, look func(camera.Frame)) {
	for {
		select {
		case <-ctx.Done():
			return
		case f := <-p.frames:
			look(f)
			p.shown <- struct{}{}
		}
	}
}

func (p *projector) State() pipeline.CameraState {
	return pipeline.CameraState{Status: pipeline.StatusStreaming}
}

// show shows a film for a while, broken where there is a fault.
func (p *projector) show(t *testing.T, f *film, d time.Duration, item bool, fault *conditiontest.Fault) {
	t.Helper()
	for end := f.at.Add(d); f.at.Before(end); {
		up := f.next(t, item)
		img, _, err := codec.Decode(up.Data, codec.Limits{}, codec.Options{})
		require.NoError(t, err)
		frame := camera.Frame{Time: f.at, Image: img}
		if fault != nil {
			frame.Image = fault.Break(condition.Frame{Time: f.at, Arrived: f.at, Image: img}).Image
		}
		p.frames <- frame
		<-p.shown
	}
}

const notBelieved = `
# HELP binside_cameras_not_believed Cameras whose pictures cannot be believed now, by condition.
# TYPE binside_cameras_not_believed gauge
binside_cameras_not_believed{condition="black"} 0
binside_cameras_not_believed{condition="blurred"} 0
binside_cameras_not_believed{condition="clock"} 0
binside_cameras_not_believed{condition="covered"} 0
binside_cameras_not_believed{condition="dirty"} 1
binside_cameras_not_believed{condition="frozen"} 0
binside_cameras_not_believed{condition="moved"} 0
binside_cameras_not_believed{condition="night"} 0
binside_cameras_not_believed{condition="overexposed"} 0
`

// TestCameraThatCannotBeBelievedTellsNobody smears a camera's lens while things
// are thrown away.
func TestCameraThatCannotBeBelievedTellsNobody(t *testing.T) {
	l := newLine(t)
	cam := l.addCamera("cam", corner)
	cam.Kind, cam.URL = station.MJPEG, "http://camera/"
	require.NoError(t, l.records.UpdateCamera(t.Context(), &cam))
	l.work()
	p := &projector{frames: make(chan camera.Frame), shown: make(chan struct{})}
	c := l.newCameras(func(_ *pipeline.CamerasConfig, d *pipeline.CamerasDeps) {
		d.Open = func(station.Camera, *slog.Logger) (pipeline.Feed, error) { return p, nil }
	})
	require.NoError(t, c.Start(t.Context()))
	latest := func(n int) *inspection.Inspection {
		t.Helper()
		require.Eventually(t, func() bool { return len(l.stored()) == n }, patience, 5*time.Millisecond)
		return l.stored()[0]
	}
	f := newFilm()
	p.show(t, f, 12*time.Second, false, nil)
	p.show(t, f, 3*time.Second, true, nil)
	require.Equal(t, verdict.Tell, latest(1).Verdict)
	p.show(t, f, 3*time.Second, false, nil)
	require.Empty(t, c.States()["cam"].Condition)

	smeared := conditiontest.New(condition.Dirty, 4)
	p.show(t, f, 10*time.Second, false, smeared)
	s := c.States()["cam"]
	require.Equal(t, condition.Dirty, s.Condition)
	require.WithinDuration(t, f.at, s.ConditionSince, 6*time.Second)
	require.NoError(t, testutil.GatherAndCompare(l.registry, strings.NewReader(notBelieved), "binside_cameras_not_believed"))
	p.show(t, f, 3*time.Second, true, smeared)
	blind := latest(2)
	require.Equal(t, verdict.Unreadable, blind.Verdict)
	require.Equal(t, "camera-dirty", blind.Reason)
	p.show(t, f, 3*time.Second, false, smeared)

	p.show(t, f, 10*time.Second, false, nil)
	require.Empty(t, c.States()["cam"].Condition, "a clean lens is believed again")
	p.show(t, f, 3*time.Second, true, nil)
	require.Equal(t, verdict.Tell, latest(3).Verdict)
}

// TestClockOfACameraIsComparedWithOurs lets a camera that is pushed say what time
// it is.
func TestClockOfACameraIsComparedWithOurs(t *testing.T) {
	l := newLine(t)
	l.addCamera("cam", corner)
	c := l.newCameras(func(cfg *pipeline.CamerasConfig, _ *pipeline.CamerasDeps) {
		cfg.Condition = condition.DefaultConfig()
		cfg.Condition.Every, cfg.Condition.Brief, cfg.Condition.Lasting = 10*time.Millisecond, 100*time.Millisecond, 200*time.Millisecond
	})
	require.NoError(t, c.Start(t.Context()))
	f := newFilm()
	becomes := func(want condition.Kind, clock func() time.Time) {
		t.Helper()
		for end := time.Now().Add(patience); ; {
			up := f.next(t, false)
			up.CapturedAt, up.Clock = time.Time{}, clock()
			pushed, err := c.PushFrame(t.Context(), "cam", up)
			require.NoError(t, err)
			_, err = pushed.Await(t.Context())
			pushed.Close()
			require.NoError(t, err)
			if c.States()["cam"].Condition == want {
				return
			}
			require.True(t, time.Now().Before(end), "the camera is not %q", want)
		}
	}
	off := func(d time.Duration) func() time.Time { return func() time.Time { return time.Now().Add(d) } }
	becomes(condition.Good, off(0))
	becomes(condition.Clock, off(-time.Hour))
	becomes(condition.Good, off(3*time.Second))
	becomes(condition.Clock, off(24*time.Hour))
	becomes(condition.Good, func() time.Time { return time.Time{} })
}

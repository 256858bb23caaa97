package pipeline_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/server/pipeline"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
	"github.com/binside/binside/vision/deposit"
)

// watched asks for looks while frames are shown, as an open page does.
func watched(t *testing.T, c *pipeline.Cameras, f *film, frames int, item bool) pipeline.DetectorView {
	t.Helper()
	var v pipeline.DetectorView
	for range frames {
		var asking sync.WaitGroup
		asked := make(chan struct{})
		asking.Go(func() {
			close(asked)
			got, _, err := c.LookInto(t.Context(), "cam", v.Seq)
			if err == nil && got.Seq != 0 {
				v = got
			}
		})
		<-asked
		show(t, c, f, 4, item)
		asking.Wait()
	}
	return v
}

func TestDetectorIsLookedIntoAndRetuned(t *testing.T) {
	l := newLine(t)
	cam := l.addCamera("cam", corner)
	l.work()
	c := l.newCameras()
	require.NoError(t, c.Start(t.Context()))
	_, _, err := c.LookInto(t.Context(), "none", 0)
	require.ErrorIs(t, err, pipeline.ErrUnknownCamera)
	_, err = c.TryDetector(t.Context(), "cam", c.DetectorDefaults())
	require.ErrorIs(t, err, pipeline.ErrNothingRecorded)

	f := newFilm()
	show(t, c, f, 25, false)
	v := watched(t, c, f, 2, false)
	require.Len(t, v.Looks, 1)
	require.Equal(t, deposit.StateIdle, v.Looks[0].State)
	require.Len(t, v.Pictures, 1)
	img, _, err := codec.Decode(v.Pictures[0], codec.Limits{}, codec.Options{})
	require.NoError(t, err)
	require.Zero(t, magenta(img), "nothing from outside the region is shown")
	require.Equal(t, 18, v.Looks[0].Threshold)
	v = watched(t, c, f, 4, true)
	require.Equal(t, deposit.StateResting, v.Looks[0].State)
	watched(t, c, f, 3, false)

	// With the item too small it would not have counted, and does not from now.
	strict := c.DetectorDefaults()
	strict.MinItem, strict.MinThreshold = 0.3, 30
	trial, err := c.TryDetector(t.Context(), "cam", strict)
	require.NoError(t, err)
	require.Len(t, trial.Present.Events, 1)
	require.Equal(t, deposit.Deposited, trial.Present.Events[0].Kind)
	require.Empty(t, trial.Tried.Events)
	require.Equal(t, deposit.TooSmall, trial.Tried.Misses[0].Reason)

	seq := v.Seq
	cam.Detector = &strict
	require.NoError(t, l.records.UpdateCamera(t.Context(), &cam))
	require.NoError(t, c.Reload(t.Context()))
	v = watched(t, c, f, 2, false)
	require.Greater(t, v.Seq, seq, "the stream goes on")
	require.Equal(t, 30, v.Looks[0].Threshold)
	require.Equal(t, deposit.StateIdle, v.Looks[0].State, "what was learnt is kept")
	require.Empty(t, show(t, c, f, 20, true))
	require.Empty(t, show(t, c, f, 10, false))

	recorded, err := c.Recordings(t.Context(), "cam")
	require.NoError(t, err)
	require.Len(t, recorded, 2)
	require.Equal(t, deposit.TooSmall, recorded[0].Reason)
	require.Equal(t, deposit.Deposited, recorded[1].Kind)
	require.NotEmpty(t, recorded[1].DepositID)
	require.Empty(t, recorded[1].Strip)
	one, err := c.Recording(t.Context(), "cam", recorded[1].ID)
	require.NoError(t, err)
	require.Greater(t, len(one.Strip), 8)
	require.Less(t, len(one.Strip), 17)
	for _, frame := range one.Strip {
		require.Nil(t, frame.Colours)
		img, _, err := codec.Decode(frame.JPEG, codec.Limits{}, codec.Options{})
		require.NoError(t, err)
		require.Equal(t, []int{frame.Width, frame.Height}, []int{img.Width, img.Height})
		require.Zero(t, magenta(img), "nothing from outside the region is kept")
	}
	_, err = c.Recording(t.Context(), "cam", 99)
	require.ErrorIs(t, err, pipeline.ErrNotRecorded)

	// Other regions: what was recorded of the old ones goes.
	cam.Detector, cam.Regions = nil, []station.Region{{BinID: l.bin.ID, Polygon: vision.Polygon{{X: 0.05, Y: 0.15}, {X: 0.5, Y: 0.9}, {X: 0.05, Y: 0.9}}}}
	require.NoError(t, l.records.UpdateCamera(t.Context(), &cam))
	require.NoError(t, c.Reload(t.Context()))
	show(t, c, f, 1, false)
	recorded, err = c.Recordings(t.Context(), "cam")
	require.NoError(t, err)
	require.Empty(t, recorded)
}

// A detector that gets new regions while something settles hands over what it
// had.
func TestNewRegionsLoseNoDeposit(t *testing.T) {
	l := newLine(t)
	cam := l.addCamera("cam", corner)
	l.work()
	c := l.newCameras(func(cfg *pipeline.CamerasConfig, _ *pipeline.CamerasDeps) {
		cfg.Detector = deposit.DefaultConfig()
		cfg.Detector.MaxItem = 0.01 // what is larger is waited for longer
	})
	require.NoError(t, c.Start(t.Context()))
	f := newFilm()
	show(t, c, f, 25, false)
	require.Empty(t, show(t, c, f, 12, true))
	cam.Regions = nil
	require.NoError(t, l.records.UpdateCamera(t.Context(), &cam))
	require.NoError(t, c.Reload(t.Context()))
	show(t, c, f, 2, true)
	require.Eventually(t, func() bool { return l.counter("binside_detector_events_total") == 1 }, patience, 10*time.Millisecond)
	v, _, err := c.LookInto(t.Context(), "cam", 0)
	require.NoError(t, err)
	require.Empty(t, v.Looks, "no regions, no detector")
}

func TestRecordingsAreBounded(t *testing.T) {
	l := newLine(t)
	l.addCamera("cam", corner)
	l.work()
	c := l.newCameras(func(cfg *pipeline.CamerasConfig, _ *pipeline.CamerasDeps) {
		cfg.Detector = deposit.DefaultConfig()
		cfg.Detector.MinItem = 0.3
	})
	require.NoError(t, c.Start(t.Context()))
	f := newFilm()
	show(t, c, f, 25, false)
	for range 20 {
		show(t, c, f, 6, true)
		show(t, c, f, 3, false)
	}
	show(t, c, f, 15, false)
	recorded, err := c.Recordings(t.Context(), "cam")
	require.NoError(t, err)
	require.Len(t, recorded, 16, "of 20 misses")
	require.Equal(t, recorded[0].ID, recorded[15].ID+15, "the latest are kept")
}

func TestOnlyAFewCamerasAreWatchedAtOnce(t *testing.T) {
	l := newLine(t)
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		l.addCamera(id, corner)
	}
	c := l.newCameras()
	require.NoError(t, c.Start(t.Context()))
	var asking sync.WaitGroup
	for _, id := range []string{"a", "b", "c", "d"} {
		asking.Go(func() {
			_, began, err := c.LookInto(t.Context(), id, 0)
			if err != nil || !began {
				t.Error(id, began, err)
			}
		})
	}
	asking.Wait()
	_, _, err := c.LookInto(t.Context(), "e", 0)
	require.ErrorIs(t, err, pipeline.ErrTooManyWatched)
	_, began, err := c.LookInto(t.Context(), "a", 0)
	require.NoError(t, err)
	require.False(t, began)
}

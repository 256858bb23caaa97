package pipeline_test

import (
	"image"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/correction"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/pipeline"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/vision"
)

// Two bins beside each other in one camera's view, and a thing in each.
var (
	leftBin, rightBin = vision.Polygon{{X: 0.05, Y: 0.1}, {X: 0.45, Y: 0.1}, {X: 0.45, Y: 0.9}, {X: 0.05, Y: 0.9}},
		vision.Polygon{{X: 0.55, Y: 0.1}, {X: 0.95, Y: 0.1}, {X: 0.95, Y: 0.9}, {X: 0.55, Y: 0.9}}
	inLeft, inRight = image.Rect(120, 140, 190, 220), image.Rect(440, 140, 510, 220)
)

// wallFilm is a film of a grey wall with tiles.
func wallFilm() *film {
	f := newFilm()
	for y := range 360 {
		for x := range 640 {
			v := 120 + byte(f.rng.IntN(9))
			if x%40 < 2 || y%40 < 2 {
				v -= 30
			}
			i := 3 * (y*640 + x)
			f.wall.Pix[i], f.wall.Pix[i+1], f.wall.Pix[i+2] = v, v, v
		}
	}
	return f
}

// TestItemIsMovedToTheRightBin plays the correction before the real detector:
// a battery lies in the kitchen bin, is taken out, and lies in the red bin.
func TestItemIsMovedToTheRightBin(t *testing.T) {
	l := newLine(t)
	require.NoError(t, l.records.CreateBin(t.Context(), &station.Bin{ID: "red", StationID: "north", Name: "red", Accepts: []string{"hazardous"}}))
	require.NoError(t, l.records.CreateCamera(t.Context(), &station.Camera{
		ID: "cam", StationID: "north", Name: "cam", Kind: station.Push, Enabled: true,
		Regions: []station.Region{{BinID: l.bin.ID, Polygon: leftBin}, {BinID: "red", Polygon: rightBin}},
	}))
	l.work()
	changed := make(chan *inspection.Inspection, 16)
	prompts := correction.New(correction.Config{Window: time.Minute}, correction.Deps{
		Store: l.records, Hub: l.hub, Changed: func(i *inspection.Inspection) { changed <- i }, Logger: l.log,
	})
	require.NoError(t, prompts.Start(t.Context()))
	t.Cleanup(prompts.Close)
	c := l.newCameras(func(_ *pipeline.CamerasConfig, d *pipeline.CamerasDeps) { d.Removed = prompts.Removed })
	require.NoError(t, c.Start(t.Context()))
	next := func() *inspection.Inspection {
		t.Helper()
		select {
		case i := <-changed:
			return i
		case <-time.After(patience):
			require.Fail(t, "no prompt has changed")
			return nil
		}
	}

	f := wallFilm()
	play := func(d time.Duration, things ...image.Rectangle) (found []*inspection.Inspection) {
		t.Helper()
		for range int(d / (100 * time.Millisecond)) {
			found = append(found, pushed(t, c, f.draw(t, func(m *vision.Image) {
				for _, r := range things {
					paint(m, r, red, rand.New(rand.NewPCG(3, 3)))
				}
			}))...)
		}
		return found
	}
	require.Empty(t, play(2500*time.Millisecond))
	found := play(4*time.Second, inLeft)
	require.Len(t, found, 1)
	require.Equal(t, verdict.Tell, found[0].Verdict)
	told := next()
	require.Equal(t, inspection.PromptOpen, told.Prompt.State)
	steps := told.Prompt.Steps
	require.NotNil(t, steps)
	require.Equal(t, told.ReceivedAt, steps.CertainAt, "the film's clock is not ours")

	require.Empty(t, play(3*time.Second), "taking something out is no deposit")
	taken := next()
	require.Equal(t, told.ID, taken.ID)
	require.Equal(t, inspection.PromptOpen, taken.Prompt.State)
	require.NotNil(t, taken.Prompt.RemovedAt)

	found = play(2*time.Second, inRight)
	require.Len(t, found, 1)
	require.Equal(t, "red", found[0].BinID)
	require.Equal(t, verdict.Pass, found[0].Verdict)
	corrected := next()
	require.Equal(t, told.ID, corrected.ID)
	require.Equal(t, inspection.PromptCorrected, corrected.Prompt.State)
	require.Equal(t, inspection.MeansItem, corrected.Prompt.Means)
	require.NotNil(t, corrected.Prompt.RemovedAt)
	require.InDelta(t, 1, l.counter("binside_detector_removals_total"), 0)
}

// The way to the screen is counted from the last frame that shows the item, as
// long as the camera's clock can be compared with ours.
func TestLastFrameIsWhenItIsCertain(t *testing.T) {
	l := newLine(t)
	l.addCamera("cam", corner)
	l.work()
	c := l.newCameras()
	require.NoError(t, c.Start(t.Context()))
	f := newFilm()
	f.at = time.Now().UTC().Add(-20 * time.Second).Truncate(time.Millisecond)
	require.Empty(t, show(t, c, f, 25, false))
	var found []*inspection.Inspection
	for range 25 {
		if found = show(t, c, f, 1, true); len(found) > 0 {
			break
		}
	}
	require.Len(t, found, 1)
	require.Equal(t, f.at, found[0].Steps.CertainAt)
	require.True(t, found[0].CapturedAt.Before(f.at), "it was seen before it lay still")
	require.True(t, f.at.Before(found[0].ReceivedAt))
	require.False(t, found[0].Steps.TakenAt.Before(found[0].ReceivedAt))
}

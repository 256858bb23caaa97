package simulate

import (
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/camera"
)

// What is labelled is on stage when the truth says so: the item in its tray
// while it rests, its bringer over it until the flap opens, and nothing on the
// empty station.
func TestLabelsFollowTheTruth(t *testing.T) {
	o := testOptions(t)
	o.Disturbance, o.Leaning = 0, 1
	src, err := NewSource(o, epoch, 3)
	require.NoError(t, err)
	type seen struct {
		at time.Time
		n  [Labels]int    // in the whole frame
		in [4][Labels]int // in each tray
	}
	var frames []seen
	err = src.StreamLabelled(t.Context(), func(f camera.Frame, labels []Label) {
		s := seen{at: f.Time}
		for _, l := range labels {
			s.n[l]++
		}
		for i := range s.in {
			b := src.Station().trayRect(i)
			for y := b.Min.Y; y < b.Max.Y; y++ {
				for x := b.Min.X; x < b.Max.X; x++ {
					s.in[i][labels[y*Width+x]]++
				}
			}
		}
		frames = append(frames, s)
	})
	require.ErrorIs(t, err, io.EOF)
	for _, f := range []seen{frames[0], frames[len(frames)-1]} {
		require.Equal(t, Width*Height, f.n[Scenery], "at %s", f.at)
	}
	leaned := 0
	for _, e := range src.Truth(0).Events {
		gone := e.End.Add(-600 * time.Millisecond) // the flap opens
		for _, f := range frames {
			if f.at.Before(e.Settled) || !f.at.Before(gone) {
				continue
			}
			leaned += f.in[e.Slot][Somebody]
			if gone.Sub(f.at) < time.Second {
				require.Zero(t, f.in[e.Slot][Somebody], "%s: somebody is over the flap at %s", e.File, f.at)
				require.Positive(t, f.in[e.Slot][Thing], "%s at %s", e.File, f.at)
			}
		}
	}
	require.Positive(t, leaned)
}

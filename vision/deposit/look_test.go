package deposit

import (
	"context"
	"image"
	"math/bits"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/privacy"
)

func count(mask []byte) (n int) {
	for _, b := range mask {
		n += bits.OnesCount8(b)
	}
	return n
}

func TestLookShowsWhatTheDetectorDecidesBy(t *testing.T) {
	s := newScene(t)
	require.Empty(t, s.d.Looks(true), "before the first frame")
	s.show(s.every)
	require.Equal(t, StateLearning, s.d.Looks(false)[0].State)
	s.learn()
	idle := s.d.Looks(false)
	require.Len(t, idle, 2)
	require.Equal(t, "left", idle[0].BinID)
	require.Equal(t, StateIdle, idle[0].State)
	require.Zero(t, count(idle[0].Foreground))
	require.Nil(t, idle[0].Colours)

	p := apple()
	p.box = p.box.Sub(image.Pt(0, 60))
	s.slide(300*time.Millisecond, p, image.Pt(0, 60))
	require.Equal(t, StateEntering, s.d.Looks(false)[0].State)
	s.show(3*s.every, apple())
	l := s.d.Looks(true)[0]
	require.Equal(t, StateSettling, l.State)
	require.True(t, l.Whole)
	require.Equal(t, DefaultConfig().Settle, l.Needed)
	require.Positive(t, l.Still)
	require.Less(t, l.Still, l.Needed)
	require.Less(t, l.Changed, DefaultConfig().StillShare)
	require.GreaterOrEqual(t, l.Threshold, 18)
	require.InDelta(t, 1, l.Light[1], 0.05)
	require.Equal(t, image.Pt(640/shrink, 360/shrink), l.Picture)
	// A disc of 60 of 224×216 pixels.
	require.InDelta(t, 3.14159*30*30/(224*216), l.Area, 0.012)
	require.InDelta(t, l.Area, float64(count(l.Thing))/float64(l.Width*l.Height), 0.001)
	require.LessOrEqual(t, count(l.Thing), count(l.Foreground))

	s.show(800*time.Millisecond, apple())
	require.Equal(t, StateResting, s.d.Looks(false)[0].State)
	require.Equal(t, DefaultConfig().Rest, s.d.Looks(false)[0].Needed)
	s.show(2 * s.every)
	require.Equal(t, StateLeaving, s.d.Looks(false)[0].State)
	require.Equal(t, StateIdle, s.d.Looks(false)[1].State)
}

func TestLookHoldsNothingFromOutsideTheRegion(t *testing.T) {
	triangle := vision.Polygon{{X: 0.1, Y: 0.2}, {X: 0.45, Y: 0.2}, {X: 0.1, Y: 0.8}}
	d, err := New(DefaultConfig(), []Region{{BinID: "b", Polygon: triangle}})
	require.NoError(t, err)
	defer d.Close()
	img := vision.NewImage(320, 180)
	for y := range 180 {
		for x := range 320 {
			inside := triangle.Contains(vision.Point{X: (float64(x) + 0.5) / 320, Y: (float64(y) + 0.5) / 180})
			i := 3 * (y*320 + x)
			if inside {
				img.Pix[i+1] = 200
			} else {
				img.Pix[i] = 255 // red outside
			}
		}
	}
	d.Observe(Frame{Seq: 1, Time: epoch, Image: img})
	l := d.Looks(true)[0]
	fill, green := 0, 0
	for k := 0; k < len(l.Colours); k += 3 {
		switch c := [3]byte(l.Colours[k : k+3]); c {
		case [3]byte{privacy.Fill.R, privacy.Fill.G, privacy.Fill.B}:
			fill++
		case [3]byte{0, 200, 0}:
			green++
		}
	}
	require.InDelta(t, l.Width*l.Height/2, fill, float64(l.Width*l.Height)/20)
	// Cells on the polygon's edge may be of both.
	require.GreaterOrEqual(t, fill+green, l.Width*l.Height*97/100)
}

// missed plays a scene and returns what came of it.
func (s *scene) missed(play func()) (misses []Miss) {
	s.t.Helper()
	before := s.after
	s.after = func() { misses = append(misses, s.d.Misses()...) }
	play()
	s.after = before
	return misses
}

func TestMissesSayWhy(t *testing.T) {
	hand := patch{box: image.Rect(150, -180, 190, 0), colour: skin}
	for name, c := range map[string]struct {
		change func(*Config)
		play   func(s *scene)
		want   Reason
	}{
		"too small": {func(c *Config) { c.MinItem = 0.09 }, func(s *scene) { s.show(2*time.Second, apple()); s.show(time.Second) }, TooSmall},
		"too large": {nil, func(s *scene) {
			s.show(1500*time.Millisecond, patch{box: image.Rect(70, 80, 280, 280), colour: orange})
			s.show(time.Second)
		}, TooLarge},
		"held": {nil, func(s *scene) {
			p := s.slide(500*time.Millisecond, hand, image.Pt(0, 200))
			s.show(700*time.Millisecond, p)
			s.slide(500*time.Millisecond, p, image.Pt(0, -220))
			s.show(time.Second)
		}, InHand},
		"never settled": {nil, func(s *scene) {
			s.slide(2*time.Second, patch{box: image.Rect(-120, 0, -20, 360), colour: coat}, image.Pt(500, 0))
			s.slide(time.Second, patch{box: image.Rect(380, 0, 480, 360), colour: coat}, image.Pt(400, 0))
		}, Unsettled},
	} {
		t.Run(name, func(t *testing.T) {
			change := c.change
			if change == nil {
				change = func(*Config) {}
			}
			s := newScene(t, change)
			s.learn()
			misses := s.missed(func() { c.play(s) })
			require.Empty(t, s.events)
			require.NotEmpty(t, misses)
			for _, m := range misses {
				require.Equal(t, c.want, m.Reason, "%+v", m)
				require.Positive(t, m.Area)
				require.True(t, m.Start.Before(m.End))
			}
			require.Equal(t, "left", misses[0].BinID)
			if c.want == TooSmall {
				require.Len(t, misses, 1, "told once")
				return
			}
			require.Less(t, misses[0].Still, misses[0].Needed)
		})
	}
}

func TestConfigureKeepsWhatWasLearnt(t *testing.T) {
	s := newScene(t)
	s.learn()
	cfg := DefaultConfig()
	cfg.MinItem = 0.09
	require.NoError(t, s.d.Configure(cfg))
	misses := s.missed(func() { s.show(time.Second, apple()); s.show(time.Second) })
	require.Empty(t, s.events)
	require.Len(t, misses, 1)
	require.NoError(t, s.d.Configure(DefaultConfig()))
	s.show(time.Second, apple())
	require.Len(t, s.events, 1)
	cfg.MaxItem = cfg.MinItem
	require.Error(t, s.d.Configure(cfg))
	cfg = DefaultConfig()
	cfg.MaxCells = 64
	require.Error(t, s.d.Configure(cfg))
}

func TestReplayGivesWhatTheDetectorGave(t *testing.T) {
	s := newScene(t)
	s.learn()
	tape := NewTape(time.Minute, 64<<20)
	s.d.Record(tape)
	misses := s.missed(func() {
		s.show(time.Second, apple())
		s.show(time.Second)
		s.slide(2*time.Second, patch{box: image.Rect(-120, 0, -20, 360), colour: coat}, image.Pt(800, 0))
		s.show(4*time.Second, apple())
		s.at = s.at.Add(7 * time.Second) // a gap
		s.show(2 * time.Second)
		s.show(time.Second, apple())
	})
	require.NotEmpty(t, s.events)
	require.NotEmpty(t, s.removed)

	for range 2 { // a replay leaves the tape as it was
		p, err := tape.Replay(t.Context(), DefaultConfig())
		require.NoError(t, err)
		require.Equal(t, misses, p.Misses)
		var deposits, removals []Event
		for _, e := range p.Events {
			if e.Kind == Deposited {
				deposits = append(deposits, e)
			} else {
				removals = append(removals, e)
			}
		}
		same(t, s.events, deposits)
		same(t, s.removed, removals)
	}
	still := tape.Copy()
	frames := s.seq
	s.show(time.Second, apple())
	p, err := still.Replay(t.Context(), DefaultConfig())
	require.NoError(t, err)
	require.Equal(t, misses, p.Misses)
	more, err := tape.Replay(t.Context(), DefaultConfig())
	require.NoError(t, err)
	require.EqualValues(t, s.seq-frames, more.Frames-p.Frames, "a copy does not grow")

	strict := DefaultConfig()
	strict.MinItem = 0.09
	p, err = tape.Replay(t.Context(), strict)
	require.NoError(t, err)
	for _, e := range p.Events {
		require.NotEqual(t, Deposited, e.Kind)
	}
	require.Contains(t, reasons(p.Misses), TooSmall)

	strict.MaxCells = 64
	_, err = tape.Replay(t.Context(), strict)
	require.Error(t, err)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = tape.Replay(ended, DefaultConfig())
	require.ErrorIs(t, err, context.Canceled)
}

func reasons(misses []Miss) (out []Reason) {
	for _, m := range misses {
		out = append(out, m.Reason)
	}
	return out
}

func same(t *testing.T, want, got []Event) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		require.Equal(t, want[i].BinID, got[i].BinID)
		require.Equal(t, want[i].Start, got[i].Start)
		require.Equal(t, want[i].Decided, got[i].Decided)
	}
}

func TestTapeIsBounded(t *testing.T) {
	s := newScene(t)
	tape := NewTape(20*time.Second, 64<<20)
	s.d.Record(tape)
	s.show(45 * time.Second)
	require.GreaterOrEqual(t, tape.Span(), 20*time.Second)
	require.Less(t, tape.Span(), 31*time.Second)

	// A frame's two rasters of 112×108 cells take 72 kB.
	small := NewTape(time.Minute, 2<<20)
	s.d.Record(small)
	for range 300 {
		s.observe()
		require.LessOrEqual(t, small.bytes, 2<<20)
	}
	s.d.Record(nil)
	span := small.Span()
	s.observe()
	require.Equal(t, span, small.Span())
}

// A tape is played while it is written; run with -race.
func TestReplayWhileRecording(t *testing.T) {
	s := newScene(t)
	s.learn()
	tape := NewTape(10*time.Second, 64<<20)
	s.d.Record(tape)
	var done sync.WaitGroup
	stop := make(chan struct{})
	done.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				if _, err := tape.Replay(context.Background(), DefaultConfig()); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	for range 4 {
		s.show(time.Second, apple())
		s.show(3 * time.Second)
	}
	close(stop)
	done.Wait()
	require.Len(t, s.events, 4)
}

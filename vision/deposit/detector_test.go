package deposit

import (
	"image"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/privacy"
)

func TestItemThatSettlesIsOneEvent(t *testing.T) {
	s := newScene(t)
	s.learn()
	p := apple()
	p.box = p.box.Sub(image.Pt(0, 160))
	s.slide(600*time.Millisecond, p, image.Pt(0, 160))
	landed := s.at
	s.show(5*time.Second, apple())
	s.show(2 * time.Second)

	require.Len(t, s.events, 1)
	e := s.events[0]
	require.Equal(t, "left", e.BinID)
	require.Less(t, e.Decided.Sub(landed), time.Second, "the prompt must come within a second")
	require.True(t, e.Start.Before(landed))
	id, err := uuid.Parse(e.ID)
	require.NoError(t, err)
	require.EqualValues(t, 7, id.Version())
	sec, nsec := id.Time().UnixTime()
	require.WithinDuration(t, e.Start, time.Unix(sec, nsec), time.Millisecond)

	require.NotEmpty(t, e.Shots)
	require.LessOrEqual(t, len(e.Shots), 3)
	for _, shot := range e.Shots {
		require.NoError(t, shot.Image.Valid())
		require.True(t, shot.Whole)
		require.Equal(t, image.Pt(224/shrink, 216/shrink), shot.Image.Rect().Max)
		got, want := place(shot.Item), apple().box
		require.True(t, want.In(got.Inset(-4)), "%v holds %v", got, want)
		require.Less(t, got.Dx(), want.Dx()*3/2)
		require.Less(t, got.Dy(), want.Dy()*3/2)
		require.Positive(t, shot.Sharpness)
		require.InDelta(t, 0.5, shot.Exposure, 0.3)
	}
	require.Equal(t, Idle, s.d.Stats().Regions[0].Phase)
	require.EqualValues(t, 1, s.d.Stats().Events)
}

func TestTwoDepositsOneAfterAnother(t *testing.T) {
	s := newScene(t)
	s.learn()
	for range 3 {
		s.show(time.Second, apple())
		s.show(time.Second)
	}
	require.Len(t, s.events, 3)
}

func TestTwoBinsAtOnce(t *testing.T) {
	s := newScene(t)
	s.learn()
	other := apple()
	other.box = other.box.Add(image.Pt(290, 0))
	s.show(2*time.Second, apple(), other)
	require.Len(t, s.events, 2)
	require.Equal(t, "left", s.events[0].BinID)
	require.Equal(t, "right", s.events[1].BinID)
}

func TestNothingThatOnlyMovesIsAnEvent(t *testing.T) {
	for name, play := range map[string]func(s *scene){
		"passer-by": func(s *scene) {
			s.slide(3*time.Second, patch{box: image.Rect(-120, 0, -20, 360), colour: coat}, image.Pt(800, 0))
		},
		"quick passer-by": func(s *scene) {
			s.slide(time.Second, patch{box: image.Rect(-120, 0, -20, 360), colour: coat}, image.Pt(800, 0))
		},
		"hand in and out": func(s *scene) {
			p := s.slide(700*time.Millisecond, patch{box: image.Rect(150, -180, 190, 0), colour: skin}, image.Pt(0, 200))
			s.show(300*time.Millisecond, p)
			s.slide(700*time.Millisecond, p, image.Pt(0, -220))
		},
		"swinging bag": func(s *scene) {
			p := patch{box: image.Rect(100, 20, 160, 150), colour: green}
			for range 6 {
				p = s.slide(600*time.Millisecond, p, image.Pt(120, 10))
				p = s.slide(600*time.Millisecond, p, image.Pt(-120, -10))
			}
		},
		"somebody stands in front": func(s *scene) {
			p := patch{box: image.Rect(-140, 0, -20, 360), colour: coat}
			p = s.slide(time.Second, p, image.Pt(200, 0))
			for range 4 {
				p = s.slide(500*time.Millisecond, p, image.Pt(14, 0))
				p = s.slide(500*time.Millisecond, p, image.Pt(-14, 0))
			}
			s.slide(time.Second, p, image.Pt(-240, 0))
		},
		"falls through": func(s *scene) {
			p := apple()
			p.box = p.box.Sub(image.Pt(0, 160))
			s.slide(800*time.Millisecond, p, image.Pt(0, 420))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.learn()
			play(s)
			s.show(2 * time.Second)
			require.Empty(t, s.events)
			require.Empty(t, s.d.Flush())
			require.NotZero(t, s.d.Stats().Passed)
		})
	}
}

func TestHandThatPausesAndLetsGoIsOneEvent(t *testing.T) {
	for _, pause := range []time.Duration{200 * time.Millisecond, 600 * time.Millisecond, 1500 * time.Millisecond} {
		t.Run(pause.String(), func(t *testing.T) {
			s := newScene(t)
			s.learn()
			arm := patch{box: image.Rect(155, -200, 185, 0), colour: skin}
			item := apple()
			for i := range 8 { // the hand brings the item
				dy := i*22 - 176
				s.show(s.every, patch{box: arm.box.Add(image.Pt(0, 170+dy)), colour: skin}, patch{box: item.box.Add(image.Pt(0, dy)), colour: orange, round: true})
			}
			s.show(pause, patch{box: arm.box.Add(image.Pt(0, 170)), colour: skin}, item)
			s.slide(500*time.Millisecond, patch{box: arm.box.Add(image.Pt(0, 170)), colour: skin}, image.Pt(0, -200), item)
			s.show(time.Second, item)
			fallen := item
			fallen.box = item.box.Add(image.Pt(10, 40)) // it slides on
			s.show(2*time.Second, fallen)
			s.show(time.Second)
			require.Len(t, s.events, 1)
			if pause < time.Second {
				require.True(t, s.events[0].Shots[0].Whole, "the picture without the hand is preferred")
			}
		})
	}
}

func TestRestingThingBecomesBackground(t *testing.T) {
	s := newScene(t)
	s.learn()
	s.show(25*time.Second, apple())
	require.Len(t, s.events, 1)
	st := s.d.Stats()
	require.EqualValues(t, 1, st.Absorbed)
	require.Equal(t, Idle, st.Regions[0].Phase)

	second := patch{box: image.Rect(220, 180, 260, 240), colour: green}
	s.show(2*time.Second, apple(), second)
	require.Len(t, s.events, 2)
	s.show(25*time.Second, apple(), second)
	s.show(5 * time.Second) // the bin is emptied: two things are taken out, nothing is put in
	require.Len(t, s.events, 2)
	require.Len(t, s.removed, 2)
	require.Less(t, s.at.Sub(s.removed[1].Start), 5500*time.Millisecond)
	s.show(2*time.Second, apple()) // the same thing again is new
	require.Len(t, s.events, 3)
}

func TestSecondThingBesideTheFirst(t *testing.T) {
	s := newScene(t)
	s.learn()
	s.show(3*time.Second, apple())
	second := patch{box: image.Rect(215, 180, 265, 240), colour: green}
	s.show(2*time.Second, apple(), second)
	require.Len(t, s.events, 2)
	require.NotEqual(t, s.events[0].ID, s.events[1].ID)
	box := place(s.events[1].Shots[0].Item)
	require.True(t, second.box.In(box.Inset(-4)), "%v is around the second thing", box)
	require.False(t, apple().box.In(box), "%v is not around the first thing", box)
	s.show(3*time.Second, apple(), second)
	s.show(2 * time.Second)
	require.Len(t, s.events, 2)
}

func TestThingThatIsMovedIsOneEvent(t *testing.T) {
	s := newScene(t)
	s.learn()
	s.show(2*time.Second, apple())
	moved := apple()
	moved.box = moved.box.Add(image.Pt(50, 30))
	s.show(3*time.Second, moved)
	require.Len(t, s.events, 1)
}

func TestThingPresentAtTheStartIsTakenAndPutBack(t *testing.T) {
	s := newScene(t)
	for round := range 3 {
		s.show(4*time.Second, apple())
		s.show(4 * time.Second)
		require.Len(t, s.events, round, "it was there from the start")
		require.Len(t, s.removed, round+1)
		require.Empty(t, s.removed[round].Shots)
	}
	require.EqualValues(t, 3, s.d.Stats().Removed)
}

func TestTwoThingsTakenAtOnceAreTwoRemovals(t *testing.T) {
	s := newScene(t)
	second := patch{box: image.Rect(220, 180, 260, 240), colour: green}
	s.show(3*time.Second, apple(), second)
	s.show(3 * time.Second)
	require.Empty(t, s.events)
	require.Len(t, s.removed, 2)
}

// A hand that rests on a thing before it takes it looks like one that brings
// something: the removal says that it was not.
func TestHandThatTakesSomethingHasBroughtNothing(t *testing.T) {
	s := newScene(t)
	s.show(3*time.Second, apple())
	hand := patch{box: image.Rect(apple().box.Min.X, 0, apple().box.Min.X+40, apple().box.Min.Y+20), colour: [3]float64{210, 150, 120}}
	s.show(1600*time.Millisecond, apple(), hand)
	require.Len(t, s.events, 1, "whether it brings something cannot be known yet")
	s.show(3 * time.Second)
	require.Len(t, s.events, 1)
	require.Len(t, s.removed, 1)
	require.Equal(t, s.events[0].ID, s.removed[0].Denies)
}

func TestLight(t *testing.T) {
	ramp := func(s *scene, d time.Duration, from, to float64) {
		begin := s.at
		for s.at.Before(begin.Add(d)) {
			g := from + (to-from)*float64(s.at.Sub(begin))/float64(d)
			s.light = func(int, int) float64 { return g }
			s.observe()
		}
	}
	for name, play := range map[string]func(s *scene){
		"slow":     func(s *scene) { ramp(s, 10*time.Second, 1, 0.6); ramp(s, 10*time.Second, 0.6, 1.3) },
		"cloud":    func(s *scene) { ramp(s, 700*time.Millisecond, 1, 0.65) },
		"lamp on":  func(s *scene) { ramp(s, s.every, 1, 1.5) },
		"lamp off": func(s *scene) { ramp(s, s.every, 1, 0.55) },
		"flicker": func(s *scene) {
			for range 10 {
				ramp(s, 300*time.Millisecond, 1, 1.2)
				ramp(s, 300*time.Millisecond, 1.2, 1)
			}
		},
		"uneven lamp": func(s *scene) { s.light = func(x, _ int) float64 { return 1 + 0.6*float64(x)/640 } },
		"soft shadow": func(s *scene) {
			s.light = func(x, y int) float64 {
				d := float64((x-170)*(x-170)+(y-180)*(y-180)) / 9000
				return 1 - 0.35/(1+d)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.learn()
			play(s)
			s.show(6 * time.Second)
			require.Empty(t, s.events, "light is no deposit")
			s.show(2*time.Second, apple())
			require.Len(t, s.events, 1, "a deposit in the new light is found")
			s.show(2 * time.Second)
			require.Equal(t, Idle, s.d.Stats().Regions[0].Phase)
			require.Len(t, s.events, 1)
		})
	}
}

func TestMovedCameraIsLearntAgain(t *testing.T) {
	s := newScene(t)
	s.learn()
	s.wall = wall(320, 180, 7)
	for i := range s.wall.Pix { // a quite different picture
		s.wall.Pix[i] = 255 - s.wall.Pix[i]/byte(1+i/3%320/50)
	}
	s.show(6 * time.Second)
	require.Empty(t, s.events)
	require.NotZero(t, s.d.Stats().Relearned)
	s.show(2*time.Second, apple())
	require.Len(t, s.events, 1)
}

func TestNoisyAndSlowCameras(t *testing.T) {
	for name, set := range map[string]func(s *scene){
		"noisy":       func(s *scene) { s.noise = 10 },
		"no noise":    func(s *scene) { s.noise = 0 },
		"2 a second":  func(s *scene) { s.every = 500 * time.Millisecond },
		"1 a second":  func(s *scene) { s.every = time.Second },
		"30 a second": func(s *scene) { s.every = time.Second / 30 },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			set(s)
			s.show(8 * time.Second)
			require.Empty(t, s.events)
			s.show(3*time.Second, apple())
			s.show(3 * time.Second)
			require.Len(t, s.events, 1)
		})
	}
}

func TestGapAndTimeThatGoesBack(t *testing.T) {
	s := newScene(t)
	s.learn()
	s.show(200*time.Millisecond, apple())
	s.at = s.at.Add(time.Minute)
	s.show(200*time.Millisecond, apple())
	require.Empty(t, s.events, "two glimpses a minute apart are no rest")
	s.at = s.at.Add(-30 * time.Second)
	s.show(2*time.Second, apple())
	require.Len(t, s.events, 1)
}

func TestFlushEmitsWhatHasSettled(t *testing.T) {
	s := newScene(t)
	s.learn()
	held := patch{box: image.Rect(150, 0, 190, 180), colour: green}
	s.show(700*time.Millisecond, held)
	require.Empty(t, s.events, "a held thing is waited for")
	events := s.d.Flush()
	require.Len(t, events, 1)
	require.False(t, events[0].Shots[0].Whole)
	require.Empty(t, s.d.Flush())
}

func TestDeterministic(t *testing.T) {
	run := func() []Event {
		s := newScene(t)
		s.learn()
		s.show(2*time.Second, apple())
		s.show(time.Second)
		return s.events
	}
	a, b := run(), run()
	require.Len(t, a, 1)
	for i := range a {
		a[i].ID, b[i].ID = "", ""
	}
	require.Equal(t, a, b)
}

func TestPictureSizeMayChange(t *testing.T) {
	s := newScene(t)
	s.learn()
	s.wall = wall(480, 270, 3)
	s.learn()
	s.show(2*time.Second, apple())
	require.Len(t, s.events, 1)
	require.EqualValues(t, 1, s.d.Stats().Relearned)
}

func TestInvalidFramesAndClose(t *testing.T) {
	s := newScene(t)
	require.Empty(t, s.d.Observe(Frame{Time: epoch}))
	require.Empty(t, s.d.Observe(Frame{Time: epoch, Image: &vision.Image{Width: 4, Height: 4}}))
	require.EqualValues(t, 2, s.d.Stats().Invalid)
	s.d.Close()
	require.Empty(t, s.d.Observe(s.frame()))
	require.Empty(t, s.d.Flush())
}

func TestNewRefuses(t *testing.T) {
	ok := []Region{{BinID: "a", Polygon: left}}
	for name, c := range map[string]struct {
		change  func(*Config)
		regions []Region
		want    string
	}{
		"no region":      {nil, nil, "0 regions"},
		"two of one bin": {nil, []Region{ok[0], ok[0]}, "two regions"},
		"bad polygon":    {nil, []Region{{BinID: "a", Polygon: vision.Polygon{{X: 0, Y: 0}}}}, "3 corners"},
		"MinItem":        {func(c *Config) { c.MinItem = 0 }, ok, "MinItem"},
		"Held":           {func(c *Config) { c.Held = time.Millisecond }, ok, "Held"},
		"AbsorbAfter":    {func(c *Config) { c.AbsorbAfter = 0 }, ok, "AbsorbAfter"},
		"MaxCells":       {func(c *Config) { c.MaxCells = 1 }, ok, "MaxCells"},
		"Shots":          {func(c *Config) { c.Shots = 0 }, ok, "Shots"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := DefaultConfig()
			if c.change != nil {
				c.change(&cfg)
			}
			_, err := New(cfg, c.regions)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func BenchmarkObserve720p(b *testing.B) {
	d, err := New(DefaultConfig(), []Region{
		{BinID: "a", Polygon: vision.Polygon{{X: 0.02, Y: 0.3}, {X: 0.24, Y: 0.3}, {X: 0.24, Y: 0.9}, {X: 0.02, Y: 0.9}}},
		{BinID: "b", Polygon: vision.Polygon{{X: 0.26, Y: 0.3}, {X: 0.49, Y: 0.3}, {X: 0.49, Y: 0.9}, {X: 0.26, Y: 0.9}}},
		{BinID: "c", Polygon: vision.Polygon{{X: 0.51, Y: 0.3}, {X: 0.74, Y: 0.3}, {X: 0.74, Y: 0.9}, {X: 0.51, Y: 0.9}}},
		{BinID: "d", Polygon: vision.Polygon{{X: 0.76, Y: 0.3}, {X: 0.98, Y: 0.3}, {X: 0.98, Y: 0.9}, {X: 0.76, Y: 0.9}}},
	})
	require.NoError(b, err)
	defer d.Close()
	frames := []*vision.Image{wall(1280, 720, 1), wall(1280, 720, 1)}
	apple := patch{box: image.Rect(100, 300, 200, 400), colour: orange, round: true}
	apple.draw(frames[1])
	at, i := epoch, 0
	for b.Loop() {
		i++
		at = at.Add(100 * time.Millisecond)
		d.Observe(Frame{Seq: uint64(i), Time: at, Image: frames[i/20%2]})
	}
}

// Whatever else has come into the region beside the item is painted over in its
// pictures; the item is not.
func TestWhatStandsBesideTheItemIsPainted(t *testing.T) {
	s := newScene(t)
	s.learn()
	// Somebody's arm lies over the region's edge all the time, away from the
	// item.
	arm := patch{box: image.Rect(30, 250, 130, 282), colour: coat}
	p := apple()
	p.box = p.box.Sub(image.Pt(0, 160))
	s.slide(600*time.Millisecond, p, image.Pt(0, 160), arm)
	s.show(5*time.Second, apple(), arm)
	require.NotEmpty(t, s.events)
	for _, shot := range s.events[0].Shots {
		painted, seen := 0, 0
		for y := 250; y < 282; y += 2 {
			for x := 66; x < 130; x += 2 {
				at := image.Pt(x, y).Sub(image.Pt(64, 72)).Div(shrink)
				if at.In(shot.Item) {
					continue
				}
				seen++
				if shot.Image.At(at.X, at.Y) == privacy.Fill {
					painted++
				}
			}
		}
		require.Greater(t, seen, 300)
		require.Greater(t, float64(painted), 0.95*float64(seen), "the arm is painted over")
		for y := shot.Item.Min.Y; y < shot.Item.Max.Y; y++ {
			for x := shot.Item.Min.X; x < shot.Item.Max.X; x++ {
				require.NotEqual(t, privacy.Fill, shot.Image.At(x, y), "the item is whole")
			}
		}
	}
}

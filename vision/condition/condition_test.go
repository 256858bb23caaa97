package condition_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/condition"
	"github.com/binside/binside/vision/condition/conditiontest"
)

// The camera's frames proper are in camera's tests: there is footage.

var noon = time.Date(2026, 5, 6, 12, 0, 0, 0, time.UTC)

const every = 500 * time.Millisecond

// wall is a textured picture; seed makes its noise another one.
func wall(seed uint64) *vision.Image {
	m, rng := vision.NewImage(320, 180), rand.New(rand.NewPCG(seed, 1))
	for i := range m.Pix {
		x, y := i/3%m.Width, i/3/m.Width
		v := 90 + 60*((x/13+y/11)%2) + rng.IntN(5)
		m.Pix[i] = byte(v)
	}
	return m
}

// show shows n frames and returns the last state and how often it changed.
func show(m *condition.Monitor, at *time.Time, n int, frame func(i int) *vision.Image) (s condition.State, changes int) {
	for i := range n {
		*at = at.Add(every)
		var changed bool
		if s, changed = m.Observe(condition.Frame{Time: *at, Arrived: *at, Image: frame(i)}); changed {
			changes++
		}
	}
	return s, changes
}

func monitor(t *testing.T) *condition.Monitor {
	t.Helper()
	m, err := condition.New(condition.DefaultConfig())
	require.NoError(t, err)
	return m
}

func good(i int) *vision.Image { return wall(uint64(i)) }

func TestLearnsAndResets(t *testing.T) {
	m, at := monitor(t), noon
	s, _ := show(m, &at, 6, good)
	require.False(t, s.Known)
	s, changes := show(m, &at, 20, good)
	require.True(t, s.Known)
	require.Zero(t, changes)
	m.Reset()
	require.Equal(t, condition.State{}, m.State())
}

// breaks shows the good pictures through a fault.
func breaks(kind condition.Kind, seed uint64) func(int) *vision.Image {
	fault := conditiontest.New(kind, seed)
	return func(i int) *vision.Image { return fault.Break(condition.Frame{Image: good(i)}).Image }
}

func TestAMomentIsNoFault(t *testing.T) {
	m, at := monitor(t), noon
	show(m, &at, 30, good)
	broken := breaks(condition.Covered, 1)
	s, changes := show(m, &at, 4, broken)
	require.Zero(t, changes)
	require.Equal(t, condition.Covered, s.Latest, "but it is not believed meanwhile")
	s, changes = show(m, &at, 20, good)
	require.Zero(t, changes)
	require.Equal(t, condition.Good, s.Latest)
	s, changes = show(m, &at, 20, broken)
	require.Equal(t, 1, changes)
	require.Equal(t, condition.Covered, s.Kind)
}

// A light that passes in the night, in which the lens looks bad, leaves it night;
// one that stays shows what is wrong with the lens.
func TestALightInTheNightIsNoLens(t *testing.T) {
	m, at := monitor(t), noon
	show(m, &at, 30, good)
	night, dirty := breaks(condition.Night, 1), breaks(condition.Dirty, 1)
	s, _ := show(m, &at, 20, night)
	require.Equal(t, condition.Night, s.Kind)
	s, changes := show(m, &at, 60, dirty)
	require.Equal(t, condition.Dirty, s.Latest)
	require.Zero(t, changes)
	s, changes = show(m, &at, 20, night)
	require.Zero(t, changes)
	require.Equal(t, condition.Night, s.Kind)
	s, changes = show(m, &at, 310, dirty)
	require.Equal(t, 1, changes)
	require.Equal(t, condition.Dirty, s.Kind)
	s, _ = show(m, &at, 20, good)
	require.Equal(t, condition.Good, s.Kind)
}

// A stream that is still now and then, as strongly compressed ones are, is not
// called frozen for what is usual with it.
func TestUsualStillnessIsNotFrozen(t *testing.T) {
	m, at := monitor(t), noon
	same := wall(7)
	for range 4 {
		show(m, &at, 10, good)
		s, changes := show(m, &at, 10, func(int) *vision.Image { return same })
		require.Zero(t, changes, "%+v", s)
	}
	show(m, &at, 3, good)
	s, _ := show(m, &at, 24, func(int) *vision.Image { return same })
	require.Empty(t, s.Kind)
	s, _ = show(m, &at, 12, func(int) *vision.Image { return same })
	require.Equal(t, condition.Frozen, s.Kind)
}

// That black pictures repeat themselves delays no frozen one's finding.
func TestBlackStillnessIsNotUsual(t *testing.T) {
	m, at := monitor(t), noon
	show(m, &at, 30, good)
	show(m, &at, 11, func(int) *vision.Image { return vision.NewImage(320, 180) })
	show(m, &at, 30, good)
	same := wall(7)
	s, _ := show(m, &at, 16, func(int) *vision.Image { return same })
	require.Equal(t, condition.Frozen, s.Kind)
}

func TestWhatCannotBeMeasuredChangesNothing(t *testing.T) {
	m, at := monitor(t), noon
	want, _ := show(m, &at, 30, good)
	for _, img := range []*vision.Image{nil, {Width: 4, Height: 4}, vision.NewImage(3, 200)} {
		s, changes := show(m, &at, 3, func(int) *vision.Image { return img })
		require.Zero(t, changes)
		require.Equal(t, want, s)
	}
	// Another picture size is learnt anew.
	small := func(i int) *vision.Image {
		m := vision.NewImage(160, 120)
		copy(m.Pix, wall(uint64(i)).Pix)
		return m
	}
	s, changes := show(m, &at, 40, small)
	require.Zero(t, changes)
	require.True(t, s.Known)
}

func TestConfigIsChecked(t *testing.T) {
	cfg := condition.DefaultConfig()
	cfg.Lasting = 0
	_, err := condition.New(cfg)
	require.ErrorContains(t, err, "Lasting")
	require.Len(t, condition.Kinds(), 9)
}

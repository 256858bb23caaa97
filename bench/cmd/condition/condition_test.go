package main

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/condition"
	"github.com/binside/binside/vision/condition/conditiontest"
)

// A short day of a made wall is measured, clean and with faults.
func TestDaysAreMeasured(t *testing.T) {
	rng, frames := rand.New(rand.NewPCG(1, 1)), make([]*vision.Image, 2)
	for k := range frames {
		frames[k] = vision.NewImage(640, 320)
		for i := range frames[k].Pix {
			frames[k].Pix[i] = byte(90 + 60*((i/3%640/26+i/3/640/22)%2) + rng.IntN(5))
		}
	}
	s := settings{days: 2, faults: 1, par: 2, hours: 0.02, faultHours: 0.04, from: 12, seed: 1}
	r, err := measure(t.Context(), s, []footage{{name: "wall", frames: frames, plain: true}}, t.Logf)
	require.NoError(t, err)
	require.Len(t, r.Days, 2)
	require.Equal(t, []int{144, 288}, []int{r.Days[0].Frames, r.Days[1].Frames})
	require.Empty(t, r.Days[0].Faults)
	require.Len(t, r.Faults, 8, "a smear is not looked for before a plain wall")
	require.ErrorContains(t, r.check(), "0 of 1 found", "what the day was too short for counts as missed")
}

func TestTooManyAlarmsFail(t *testing.T) {
	tally := func(alarms, found int) day {
		return day{"square", 1, &conditiontest.Tally{
			Hours: 24, FalseAlarms: map[condition.Kind]int{condition.Dirty: alarms},
			Faults: []conditiontest.Found{{Kind: condition.Black, N: 20, Injected: 20, Found: found}},
		}}
	}
	good := report{Days: []day{tally(1, 20), tally(0, 18)}}
	good.sum()
	require.NoError(t, good.check())
	require.InDelta(t, 0.5, good.PerDay, 1e-9)
	require.Contains(t, good.String(), "found  38 of  40")
	bad := report{Days: []day{tally(2, 18)}}
	bad.sum()
	require.ErrorContains(t, bad.check(), "2 false alarms")
	require.ErrorContains(t, bad.check(), "18 of 20")
	require.Error(t, run(t.Context(), settings{}, t.Output()))
}

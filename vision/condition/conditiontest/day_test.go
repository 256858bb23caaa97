package conditiontest

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/condition"
)

const step = 500 * time.Millisecond

// wall is some frames of a textured wall.
func wall(n int) []*vision.Image {
	rng, frames := rand.New(rand.NewPCG(1, 1)), make([]*vision.Image, n)
	for k := range frames {
		frames[k] = vision.NewImage(2*Width, 160)
		for i := range frames[k].Pix {
			frames[k].Pix[i] = byte(90 + 60*((i/3%640/26+i/3/640/22)%2) + rng.IntN(5))
		}
	}
	return frames
}

func TestSunIsWhereItShouldBe(t *testing.T) {
	const march, june = 81, 172 // the equinox is day 81 of Cooper's formula
	require.InDelta(t, math.Pi/2-latitude, elevation(march, 12*time.Hour), 0.01)
	require.InDelta(t, 0, elevation(march, 6*time.Hour), 0.01)
	require.InDelta(t, math.Pi/2-latitude+23.45*degree, elevation(june, 12*time.Hour), 0.01)
	direct, sky := daylight(90*degree, 1)
	require.InDelta(t, 120000, direct+sky, 10000, "the sun in the zenith gives about 100 klx, the sky the rest")
	last := direct + sky
	for h := 89.75; h > -20; h -= 0.25 {
		direct, sky = daylight(h*degree, 1)
		require.LessOrEqual(t, direct+sky, last, "at %g°", h)
		require.Greater(t, direct+sky, last/2.5, "at %g°: the light does not jump", h)
		last = direct + sky
	}
	direct, sky = daylight(30*degree, 0)
	require.Zero(t, direct, "an overcast sky has no sun")
	require.InDelta(t, 10800, sky, 100)
}

// The lamp's photocell has a hysteresis, and half of the lamps rest at night.
func TestLampFollowsItsPhotocell(t *testing.T) {
	l := lamp{lux: 20, warm: time.Minute, half: true}
	require.Zero(t, l.light(0, 18*time.Hour, 40))
	require.InDelta(t, 2, l.light(0, 18*time.Hour, 20), 0.01)
	require.InDelta(t, 20, l.light(2*time.Minute, 18*time.Hour, 50), 0.01, "its own light is not enough to switch it off")
	require.Zero(t, l.light(3*time.Minute, 18*time.Hour, 70))
	require.Zero(t, l.light(time.Hour, 2*time.Hour, 0.3))
}

// A night without a lamp is night, one with a lamp is not, and the day is well.
func TestLightIsTrue(t *testing.T) {
	shown := func(from time.Duration, lux float64) Light {
		d, err := NewDay(wall(2), Options{Seed: 2, From: from, Length: 10 * time.Second, Step: step})
		require.NoError(t, err)
		d.lamp = lamp{lux: lux, colour: [3]float64{1, 1, 1}, x: 0.5, y: 0.5, r: 1}
		var s Shot
		for more := true; more; {
			var next Shot
			next, more, err = d.Next(nil)
			require.NoError(t, err)
			if more {
				s = next
			}
		}
		return s.Light
	}
	dark := shown(30*time.Minute, 0)
	require.False(t, dark.allows(condition.Good), "%+v", dark)
	require.True(t, dark.allows(condition.Night), "%+v", dark)
	require.True(t, shown(30*time.Minute, 30).well())
	require.True(t, shown(13*time.Hour, 0).well())
}

// The same seed makes the same day, another one another.
func TestSeedDecides(t *testing.T) {
	first := func(seed uint64) *vision.Image {
		d, err := NewDay(wall(2), Options{Seed: seed, From: 9 * time.Hour, Length: time.Minute, Step: step})
		require.NoError(t, err)
		s, more, err := d.Next(nil)
		require.NoError(t, err)
		require.True(t, more)
		return s.Image
	}
	once := first(1)
	require.Equal(t, once, first(1))
	require.NotEqual(t, once, first(2))
	_, err := NewDay(wall(1), Options{Length: time.Minute, Step: step})
	require.Error(t, err)
	_, err = NewDay([]*vision.Image{vision.NewImage(640, 320), vision.NewImage(640, 360)}, Options{Length: time.Minute, Step: step})
	require.ErrorContains(t, err, "frame 1")
}

// A fault that is there is counted as found, and one that the monitor has no
// eye for as missed.
func TestWatchCountsWhatIsFound(t *testing.T) {
	look := func(cfg condition.Config) Found {
		d, err := NewDay(wall(4), Options{Seed: 1, From: 12 * time.Hour, Length: 5 * time.Minute, Step: step})
		require.NoError(t, err)
		m, err := condition.New(cfg)
		require.NoError(t, err)
		tally, err := Watch(t.Context(), d, m, []condition.Kind{condition.Frozen}, 1)
		require.NoError(t, err)
		require.Equal(t, 600, tally.Frames)
		require.Empty(t, tally.Alarms)
		return tally.Faults[0]
	}
	cfg := condition.DefaultConfig()
	require.Equal(t, Found{Kind: condition.Frozen, N: 1, Injected: 1, Found: 1, Mended: 1}, look(cfg))
	cfg.Still = time.Hour
	require.Equal(t, Found{Kind: condition.Frozen, N: 1, Injected: 1, Mended: 1}, look(cfg))
}

// What neither a fault nor the light allows is a false alarm, once for each time
// that it is said, and a night that is not over when it is day again is one, too.
func TestWatchCountsFalseAlarms(t *testing.T) {
	day, night, dusk := Light{Mean: 0.4, High: 0.9}, Light{Mean: 0.05, High: 0.2}, Light{Mean: 0.12, High: 0.4}
	d := &Day{opt: Options{Step: step}}
	w := newWatcher(d, nil, nil, 0)
	say := func(n int, l Light, kind condition.Kind) {
		for i := range n {
			w.judge(Shot{Light: l}, condition.State{Kind: kind}, i == 0)
		}
	}
	say(100, day, condition.Good)
	require.Empty(t, w.tally.FalseAlarms)
	say(10, day, condition.Dirty)
	say(10, day, condition.Good)
	say(10, day, condition.Dirty)
	require.Equal(t, map[condition.Kind]int{condition.Dirty: 2}, w.tally.FalseAlarms)
	require.InDelta(t, 10, w.tally.FalseSeconds, 1e-9)
	say(50, day, condition.Good)
	say(10, dusk, condition.Night)
	say(10, dusk, condition.Good)
	say(40, night, condition.Night)
	require.Len(t, w.tally.FalseAlarms, 1)
	require.Equal(t, 2, w.tally.NightAlarms)
	w.judge(Shot{Light: day}, condition.State{Kind: condition.Night}, false)
	require.Len(t, w.tally.FalseAlarms, 1, "a moment to wake up is allowed")
	for range 40 {
		w.judge(Shot{Light: day}, condition.State{Kind: condition.Night}, false)
	}
	require.Equal(t, 1, w.tally.FalseAlarms[condition.Night])
	say(60, night, condition.Good)
	require.InDelta(t, 20, w.tally.NightBelieved, 1, "from the tenth second on")
	w.judge(Shot{Light: day}, condition.State{Latest: condition.Covered}, false)
	require.Equal(t, map[condition.Kind]int{condition.Covered: 1}, w.tally.Doubted)
}

// Somebody right before the lens is no fault for some seconds, and one for a
// minute, as what or whom is all the same.
func TestSomebodyBeforeTheLens(t *testing.T) {
	const from = 12 * time.Hour
	hidden := func(stays time.Duration) (kinds []condition.Kind, doubted int) {
		d, err := NewDay(wall(4), Options{Seed: 1, From: from, Length: 90 * time.Second, Step: step})
		require.NoError(t, err)
		d.plan = &plan{events: []event{{
			what: visitor, from: from + 30*time.Second, to: from + 30*time.Second + stays,
			x: 0.5, y: 0.55, w: 1.2, h: 1.2, dx: 1, colour: [3]float64{60, 70, 120}, texture: 0.3,
		}}}
		m, err := condition.New(condition.DefaultConfig())
		require.NoError(t, err)
		for {
			s, more, err := d.Next(nil)
			require.NoError(t, err)
			if !more {
				return kinds, doubted
			}
			state, changed := m.Observe(s.Frame)
			if changed {
				kinds = append(kinds, state.Kind)
			}
			doubted += count(state.Latest != condition.Good)
		}
	}
	kinds, doubted := hidden(7 * time.Second)
	require.Empty(t, kinds)
	require.Greater(t, doubted, 6, "but what is shown meanwhile is not believed")
	kinds, _ = hidden(40 * time.Second)
	require.Len(t, kinds, 2)
	require.NotEqual(t, condition.Good, kinds[0])
	require.Equal(t, condition.Good, kinds[1])
}

func BenchmarkNext(b *testing.B) {
	d, err := NewDay(wall(10), Options{Seed: 1, From: 9 * time.Hour, Length: 1000 * time.Hour, Step: step})
	require.NoError(b, err)
	for b.Loop() {
		_, _, err := d.Next(nil)
		require.NoError(b, err)
	}
}

package uplink

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// machine is one whose wall clock is wrong and can be set, and whose even
// clock runs with the true time.
type machine struct {
	boot string
	up   time.Duration // since the boot
	true time.Time     // by the server
	skew time.Duration // the server's less the wall clock
}

func (m *machine) clock() Clock {
	return Clock{Wall: func() time.Time { return m.true.Add(-m.skew) }, SinceBoot: func() time.Duration { return m.up }, Boot: m.boot}
}

func (m *machine) pass(d time.Duration) { m.up, m.true = m.up+d, m.true.Add(d) }

// ask makes one exchange over a line with the given delays.
func (m *machine) ask(c *skewClock, there, back time.Duration) {
	asked := m.up
	m.pass(there)
	received := m.true
	m.pass(3 * time.Millisecond)
	sent := m.true
	m.pass(back)
	c.exchanged(asked, m.up, received, sent)
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// On a line that is mostly bad one way, the exchanges with short trips tell the
// offset to within half their trip.
func TestSkewIsMeasured(t *testing.T) {
	m := &machine{boot: "a", up: time.Hour, true: noon, skew: 90 * time.Minute}
	c := &skewClock{Clock: m.clock()}
	_, known := c.skew()
	require.False(t, known)
	r := rand.New(rand.NewPCG(1, 2))
	for n := range samples {
		there := 10*time.Millisecond + time.Duration(r.IntN(4))*time.Millisecond
		if n%3 != 0 {
			there += time.Duration(r.IntN(2000)) * time.Millisecond
		}
		m.ask(c, there, 10*time.Millisecond)
		m.pass(15 * time.Second)
	}
	skew, known := c.skew()
	require.True(t, known)
	require.InDelta(t, m.skew.Seconds(), skew.Seconds(), 0.012)
}

func TestTimesAreCorrected(t *testing.T) {
	m := &machine{boot: "a", up: time.Minute, true: noon, skew: 2 * time.Hour}
	c := &skewClock{Clock: m.clock()}
	type event struct {
		wall, truth time.Time
		of          func() time.Time
	}
	happens := func() event {
		wall, truth, mark := c.Wall(), m.true, c.mark()
		return event{wall: wall, truth: truth, of: func() time.Time { return wall.Add(c.correction(mark, wall)) }}
	}
	offline := happens()
	require.Equal(t, offline.wall, offline.of(), "nothing is known yet")

	m.pass(time.Hour)
	m.skew = 0 // NTP has set the clock before the first answer
	m.pass(time.Minute)
	m.ask(c, 5*time.Millisecond, 5*time.Millisecond)
	require.WithinDuration(t, offline.truth, offline.of(), 10*time.Millisecond, "of the same run, whatever the clock did since")

	m.skew = -40 * time.Second
	ahead := happens()
	require.WithinDuration(t, ahead.truth, ahead.of(), 10*time.Millisecond)

	// The machine starts again with another error.
	m.pass(time.Minute)
	m.boot, m.up, m.skew = "b", 5*time.Second, 3*time.Hour
	c = &skewClock{Clock: m.clock()}
	require.WithinDuration(t, ahead.truth, ahead.of(), 10*time.Millisecond, "by the skew that was known then")
	m.ask(c, 5*time.Millisecond, 5*time.Millisecond)
	require.WithinDuration(t, ahead.truth, ahead.of(), 10*time.Millisecond)

	// A clock that was never set, in a run that nobody measured: nobody can
	// know, and it was not after now.
	unset := time.Unix(3600, 0)
	lost := unset.Add(c.correction((&skewClock{Clock: Clock{
		Wall: func() time.Time { return unset }, SinceBoot: func() time.Duration { return time.Second }, Boot: "c",
	}}).mark(), unset))
	require.WithinDuration(t, m.true, lost, 10*time.Millisecond)
}

func TestSystemClockRunsEvenly(t *testing.T) {
	c, err := SystemClock()
	require.NoError(t, err)
	require.NotEmpty(t, c.Boot)
	from := c.SinceBoot()
	require.Positive(t, from)
	require.GreaterOrEqual(t, c.SinceBoot(), from)
}

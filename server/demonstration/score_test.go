package demonstration

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/camera/simulate"
	"github.com/binside/binside/models/verdict"
)

func TestWilsonInterval(t *testing.T) {
	// Newcombe 1998, table I, method 3: 81 of 263 and 15 of 148, 0 of 20.
	for _, c := range []struct {
		k, n      int
		low, high float64
	}{{81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, {0, 20, 0, 0.1611}} {
		s := share(c.k, c.n)
		require.InDelta(t, c.low, s.Low, 1e-4)
		require.InDelta(t, c.high, s.High, 1e-4)
		require.InDelta(t, float64(c.k)/float64(c.n), s.Value, 1e-12)
	}
	require.Equal(t, 0, share(0, 0).N)
}

func TestScore(t *testing.T) {
	t0 := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	at := func(s float64) time.Time { return t0.Add(time.Duration(s * float64(time.Second))) }
	event := func(n uint64, bin string, start float64, correct, judged bool) simulate.Event {
		return simulate.Event{N: n, Bin: bin, Start: at(start), Settled: at(start + 1), End: at(start + 3), Correct: correct, Judged: judged}
	}
	truth := []simulate.Event{
		event(1, "kitchen", 0, true, true),   // right and passed
		event(2, "kitchen", 10, true, true),  // right, yet told
		event(3, "kitchen", 20, false, true), // wrong and told
		event(4, "other", 20, false, true),   // wrong, sent to a person
		event(5, "other", 30, false, true),   // wrong and passed
		event(6, "other", 40, false, false),  // wrong, unknown to the model
		event(7, "other", 50, true, true),    // never found
		event(8, "other", 98, true, true),    // still under way
		event(9, "other", 500, true, true),   // to come
	}
	said := []judgement{
		{"a", "kitchen", at(1), verdict.Pass},
		{"b", "kitchen", at(11), verdict.Tell},
		{"c", "kitchen", at(21), verdict.Tell},
		{"d", "other", at(21), verdict.Check},
		{"e", "other", at(31), verdict.Pass},
		{"f", "other", at(41), verdict.Pass},
		{"g", "hazardous", at(60), verdict.Tell}, // nothing was thrown in
		{"h", "other", at(99), verdict.Tell},
		{"i", "other", at(501), verdict.Tell},
	}
	s := score(truth, said, at(100))
	require.Equal(t, 7, s.Deposits)
	require.Equal(t, 6, s.Events)
	require.Equal(t, 1, s.Missed)
	require.Equal(t, 1, s.FalseEvents)
	require.Equal(t, 3, s.TellPrecision.N)
	require.InDelta(t, 1.0/3, s.TellPrecision.Value, 1e-9)
	require.Equal(t, 3, s.MisdepositRecall.N)
	require.InDelta(t, 2.0/3, s.MisdepositRecall.Value, 1e-9)
	require.Equal(t, 2, s.FalseTell.N)
	require.InDelta(t, 0.5, s.FalseTell.Value, 1e-9)
}

package simulate

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMatch(t *testing.T) {
	at := func(s float64) time.Time { return epoch.Add(time.Duration(s * float64(time.Second))) }
	truth := []Event{
		{Bin: "a", Start: at(1), Settled: at(1.5), End: at(4)},
		{Bin: "a", Start: at(5), Settled: at(5.5), End: at(8)},
		{Bin: "b", Start: at(1), Settled: at(1.5), End: at(4)},
		{Bin: "b", Start: at(6), Settled: at(6.5), End: at(9)},
		{Bin: "b", Start: at(11), Settled: at(11.5), End: at(14), Interrupted: true},
	}
	score := Match(truth, []Detection{
		{Bin: "a", At: at(1.7)},  // found
		{Bin: "a", At: at(4.5)},  // within the tolerance of both, nearer to the second
		{Bin: "b", At: at(3)},    // found twice: the later …
		{Bin: "b", At: at(2)},    // … and the first
		{Bin: "b", At: at(20)},   // nothing there
		{Bin: "c", At: at(2)},    // no such bin
		{Bin: "b", At: at(11.6)}, // of an interrupted event
	}, 600*time.Millisecond)
	require.Equal(t, Score{
		Shown: 4, Found: 2, Doubled: 1, Missed: 1, False: 2,
		Pairs: []Pair{{0, 0}, {1, 1}, {2, 3}, {4, 6}},
	}, score)
	require.Equal(t, Score{}, Match(nil, nil, time.Second))
}

func TestLedgerForgetsTheOldest(t *testing.T) {
	var l ledger
	const extra = 10
	for range keptEvents + extra {
		l.add(Event{})
	}
	all := l.since(0)
	require.Len(t, all.Events, keptEvents)
	require.Equal(t, uint64(extra), all.Dropped)
	require.Equal(t, uint64(extra+1), all.Events[0].N)
	require.LessOrEqual(t, cap(l.events), 2*keptEvents)
	require.Len(t, l.since(keptEvents+extra-3).Events, 3)
	require.Empty(t, l.since(keptEvents+extra).Events)
	require.Empty(t, l.since(1<<60).Events)
}

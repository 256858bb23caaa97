package verdict

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/binside/binside/datasets/taxonomy"
)

var paperBin = []string{"recyclable"}

// hard is a sample by which the threshold at the paper's bin is about 20.
func hard() *Policy {
	s := sure(200, 0.97)
	for i := range 10 {
		s.Rows[i].Probabilities = []float64{0.09, 0, 0.91, 0}
	}
	p, err := NewPolicy(taxonomy.Default(), s, DefaultConfidence)
	if err != nil {
		panic(err)
	}
	return p
}

func TestAStationsOwnBound(t *testing.T) {
	p := hard()
	th := DefaultThresholds()
	pooled := p.Bound(paperBin, th)
	require.Greater(t, pooled.TellAt, 20.0)
	for name, c := range map[string]struct {
		record Record
		level  Level
		tellAt float64
	}{
		"too few":                        {Record{Passes: 100, Drawn: 50, DrawnRight: 50}, LevelBin, pooled.TellAt},
		"enough, and better":             {Record{Passes: 2000, Drawn: 100, DrawnRight: 98}, LevelStation, 1},
		"enough passes, nobody looked":   {Record{Passes: 2000, Drawn: 100}, LevelBin, pooled.TellAt},
		"flagged ones count, too":        {Record{Flagged: 400, FlaggedRight: 400, Scores: []float64{3}}, LevelStation, 1},
		"open ones count as told":        {Record{Passes: 300, Drawn: 300, DrawnRight: 300, Flagged: 9, Open: []float64{50, 40, 30, 20, 10, 9, 8, 7, 6}}, LevelStation, 40},
		"too few, but they say it fails": {Record{Passes: 20, Flagged: 10, FlaggedRight: 10, Scores: []float64{90, 80, 70, 60}}, LevelBin, 90},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, p.SetStation("north", &c.record))
			b := p.At("north").Bound(paperBin, th)
			assert.Equal(t, c.level, b.Level)
			assert.InDelta(t, c.tellAt, b.TellAt, 1e-9)
			assert.Equal(t, c.tellAt == 90, b.Tightened)
			assert.Equal(t, pooled, p.At("south").Bound(paperBin, th), "no other station is touched")
			require.NoError(t, p.SetStation("north", nil))
			assert.Equal(t, pooled, p.At("north").Bound(paperBin, th))
		})
	}
}

func TestRecordsAreChecked(t *testing.T) {
	p := hard()
	for want, r := range map[string]Record{
		"drawn is 3, allowed is 0 to 2":                     {Passes: 2, Drawn: 3},
		"drawn_right is -1, allowed is 0 to 0":              {DrawnRight: -1},
		"flagged_right is 1, allowed is 0 to 0":             {FlaggedRight: 1},
		"the number of scores is 1, allowed is 0 to 0":      {Scores: []float64{1}},
		"the number of open scores is 1, allowed is 0 to 0": {Open: []float64{1}},
		"a score is -1": {Flagged: 1, FlaggedRight: 1, Scores: []float64{-1}},
	} {
		require.ErrorContains(t, p.SetStation("north", &r), want)
	}
	require.Error(t, p.SetStation("", &Record{}))
}

// The station's guarantee, with what is seen of its deposits drawn as the
// service draws it: all that is flagged but some that nobody got to, and of
// the passes one in ten.
func TestTheStationsBoundHoldsOnFreshDraws(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	p := hard()
	th := DefaultThresholds()
	th.Alpha = 0.05
	// Rightly sorted ones could be told with probability 0.2, with
	// exponential scores from 1 on: exactly exp(1−x)/5 of them score x or
	// more.
	risk := func(at float64) float64 { return 0.2 * math.Exp(1-at) }
	const trials = 400
	own, broken := 0, 0
	for range trials {
		var r Record
		for range 2500 {
			right := rng.Float64() < 0.8
			tellable := rng.Float64() < 0.2 || !right
			score := 1 + rng.ExpFloat64()
			switch {
			case !tellable:
				r.Passes++
				if rng.Float64() < 0.1 {
					r.Drawn++
					r.DrawnRight++
				}
			default:
				r.Flagged++
				switch seen := rng.Float64() < 0.98; {
				case !seen:
					r.Open = append(r.Open, score)
				case right:
					r.FlaggedRight++
					r.Scores = append(r.Scores, score)
				}
			}
		}
		require.NoError(t, p.SetStation("north", &r))
		b := p.At("north").Bound(paperBin, th)
		require.Equal(t, LevelStation, b.Level)
		own++
		if risk(b.TellAt) > th.Alpha {
			broken++
		}
	}
	t.Logf("broken in %d of %d draws", broken, own)
	assert.LessOrEqual(t, broken, 33)
}

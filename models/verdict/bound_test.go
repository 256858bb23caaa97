package verdict

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
)

func TestBinomial(t *testing.T) {
	// By hand: 0.98^148 is 0.0503, 0.98^149 is 0.0493.
	assert.Equal(t, -1, allowedErrors(148, 0.02, 0.05))
	assert.Equal(t, 0, allowedErrors(149, 0.02, 0.05))
	assert.Equal(t, -1, allowedErrors(0, 0.02, 0.05))
	assert.Equal(t, 0, allowedErrors(2995, 0.001, 0.05))
	assert.Equal(t, -1, allowedErrors(2994, 0.001, 0.05))
	assert.InDelta(t, 1-math.Pow(0.05, 1.0/149), upperBound(0, 149, 0.95), 1e-12)
	assert.InDelta(t, 1, upperBound(0, 0, 0.95), 0)
	assert.InDelta(t, 1, upperBound(5, 5, 0.95), 0)
	// 1 of 10, one side of 95%: 0.3942 (Clopper & Pearson's tables).
	assert.InDelta(t, 0.3942, upperBound(1, 10, 0.95), 1e-4)
	assert.InDelta(t, 11.0/1024, atMost(1, 10, 0.5), 1e-12)
	// The two say the same.
	for n := 1; n < 2000; n += 37 {
		k := allowedErrors(n, 0.02, 0.05)
		if k >= 0 {
			assert.LessOrEqual(t, upperBound(k, n, 0.95), 0.02+1e-12, "%d of %d", k, n)
		}
		assert.Greater(t, upperBound(k+1, n, 0.95), 0.02, "%d of %d", k+1, n)
	}
}

func TestFewestOf(t *testing.T) {
	assert.Equal(t, 0, fewestOf(1000, 0, 0, 0.05))
	assert.Equal(t, 0, fewestOf(1000, 50, 0, 0.05))
	assert.Equal(t, 1000, fewestOf(1000, 1000, 1000, 0.05), "all were drawn")
	assert.Equal(t, 3, fewestOf(10, 10, 3, 0.05))
	// Drawn at random, the true number is seldom less.
	rng := rand.New(rand.NewPCG(3, 4))
	missed := 0
	for range 4000 {
		all, drawn := 300, 40
		truth := 150 + rng.IntN(151)
		seen := 0
		for _, i := range rng.Perm(all)[:drawn] {
			if i < truth {
				seen++
			}
		}
		if fewestOf(all, drawn, seen, 0.05) > truth {
			missed++
		}
	}
	assert.LessOrEqual(t, missed, 4000*6/100)
	assert.Positive(t, missed, "the bound is not idle")
}

func TestLevels(t *testing.T) {
	recyclable, th := []string{"recyclable"}, DefaultThresholds()
	for _, c := range []struct {
		n     int // of each category
		level Level
		of    int
	}{{149, LevelBin, 149}, {148, LevelAll, 592}, {38, LevelAll, 152}, {37, LevelNone, 37}} {
		b := policy(t, sure(c.n, 0.97)).Bound(recyclable, th)
		assert.Equal(t, c.level, b.Level, "%d", c.n)
		assert.Equal(t, c.of, b.N, "%d", c.n)
		if b.TellAt > 0 {
			assert.LessOrEqual(t, b.Upper, b.Alpha)
		}
	}
	// Where only one category is small, it is pooled with the others all the same.
	s := sure(200, 0.97)
	s.Rows = s.Rows[150:] // 50 recyclable
	b := policy(t, s).Bound(recyclable, th)
	assert.Equal(t, LevelAll, b.Level)
	assert.Equal(t, 650, b.N)
	assert.Equal(t, LevelBin, policy(t, s).Bound([]string{"recyclable", "other"}, th).Level, "together they are enough")
}

// Near-duplicates count as one, by the worst of them.
func TestGroupsCountOnce(t *testing.T) {
	s := sure(300, 0.97)
	for i := range s.Rows {
		s.Rows[i].Group = strconv.Itoa(i / 3)
	}
	b := policy(t, s).Bound([]string{"recyclable"}, DefaultThresholds())
	assert.Equal(t, LevelAll, b.Level)
	assert.Equal(t, 400, b.N)

	// One group in which one of three is surely taken for a battery.
	s = sure(450, 0.97)
	for i := range s.Rows {
		s.Rows[i].Group = strconv.Itoa(i / 3)
	}
	s.Rows[1].Probabilities = []float64{0.001, 0, 0.999, 0}
	b = policy(t, s).Bound([]string{"recyclable"}, DefaultThresholds())
	assert.Equal(t, LevelBin, b.Level)
	assert.Equal(t, 150, b.N)
	assert.Equal(t, 0, b.Allowed)
	assert.Greater(t, b.TellAt, 999*20/10.0, "above the one that would be told")
	assert.Zero(t, b.Told)
}

func TestSharesOfABin(t *testing.T) {
	s := sure(200, 0.97)
	for i := range 20 { // sure, and wrong
		s.Rows[i].Probabilities = []float64{0.04, 0.96, 0, 0}
	}
	b := policy(t, s).Bound([]string{"kitchen"}, DefaultThresholds())
	sh := b.Shares
	assert.Equal(t, 800, sh.N)
	assert.Equal(t, 200, sh.NRight)
	assert.InDelta(t, 20.0/600, sh.PassOfWrong, 1e-12)
	assert.InDelta(t, 1, sh.TellOfWrong+sh.PassOfWrong+sh.CheckOfWrong, 1e-12)
	assert.InDelta(t, (sh.CheckOfWrong*600+sh.CheckOfRight*200)/800, sh.Check, 1e-12)
}

// A taxonomy of its own takes the truth from the class.
func TestTruthByAnotherTaxonomy(t *testing.T) {
	tax := *taxonomy.Default()
	tax.ID = "elsewhere"
	s := sure(160, 0.97)
	for i := range s.Rows {
		s.Rows[i].Category = "not looked at"
	}
	for i := range 10 {
		s.Rows[i].Class = "ufo"
	}
	p, err := NewPolicy(&tax, s, DefaultConfidence)
	require.NoError(t, err)
	assert.Equal(t, 150, p.Bound([]string{"recyclable"}, DefaultThresholds()).N, "those that it does not name are left out")
	_, err = NewPolicy(taxonomy.Default(), s, DefaultConfidence)
	require.ErrorContains(t, err, `row 1: category is "not looked at", allowed are ["recyclable"`)
	_, err = NewPolicy(taxonomy.Default(), nil, 1)
	require.ErrorContains(t, err, "confidence is 1, allowed is above 0.5 and below 1")
}

// The guarantee itself: over many draws of the sample, in at most 5% of them a
// threshold is chosen at which more than alpha of all rightly sorted items
// would be told. What is true is known from 200,000 draws of the same
// distribution, of which the bound knows nothing.
func TestTheBoundHoldsOnFreshDraws(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	th := DefaultThresholds()
	accepts := []string{"recyclable"}
	truth := policy(t, nil)
	b := newBin(taxonomy.Default(), 1)
	fresh := make([]float64, 200_000)
	for i := range fresh {
		row := models.RiskRow{Probabilities: noisyProbabilities(rng, 0)}
		_, r := truth.read(row.Prediction(sampleClasses))
		fresh[i] = b.tellScore(&r)
	}
	const trials = 400
	broken, told := 0, 0.0
	for range trials {
		s := &models.RiskSample{Classes: sampleClasses}
		for k := range 300 {
			s.Rows = append(s.Rows, models.RiskRow{
				Class: "paper", Category: "recyclable", Group: strconv.Itoa(k), Probabilities: noisyProbabilities(rng, 0),
			})
		}
		bound := policy(t, s).Bound(accepts, th)
		require.Equal(t, LevelBin, bound.Level)
		risk := float64(countFrom(fresh, bound.TellAt)) / float64(len(fresh))
		told += risk / trials
		if risk > th.Alpha {
			broken++
		}
	}
	t.Logf("broken in %d of %d draws, told on average %.4f", broken, trials, told)
	// 5% of 400 is 20; 33 is three standard deviations more.
	assert.LessOrEqual(t, broken, 33)
	assert.Positive(t, broken, "a bound that is never broken is wider than it needs to be")
	assert.Greater(t, told, 0.002, "and it still tells")
}

package verdict

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
)

var fine = Quality{Sharpness: 300, Exposure: 0.5}

func prediction(pairs ...any) models.Prediction {
	p := models.Prediction{ModelVersion: "test"}
	for i := 0; i < len(pairs); i += 2 {
		p.Classes = append(p.Classes, models.ClassProbability{Class: pairs[i].(string), Probability: pairs[i+1].(float64)})
	}
	slices.SortStableFunc(p.Classes, func(a, b models.ClassProbability) int {
		switch {
		case a.Probability > b.Probability:
			return -1
		case a.Probability < b.Probability:
			return 1
		}
		return 0
	})
	return p
}

// sampleClasses are one of each category, in the taxonomy's order.
var sampleClasses = []string{"paper", "banana_peel", "battery", "broom"}

// sure is a sample of n photographs a category, each in a group of its own and
// given to its own category with probability p.
func sure(n int, p float64) *models.RiskSample {
	s := &models.RiskSample{Classes: sampleClasses}
	for i, id := range taxonomy.Default().CategoryIDs() {
		for k := range n {
			row := models.RiskRow{
				Class: sampleClasses[i], Category: id, Source: "test", Group: fmt.Sprint(id, k), Probabilities: make([]float64, 4),
			}
			for c := range row.Probabilities {
				row.Probabilities[c] = (1 - p) / 3
			}
			row.Probabilities[i] = p
			s.Rows = append(s.Rows, row)
		}
	}
	return s
}

func policy(t *testing.T, sample *models.RiskSample) *Policy {
	t.Helper()
	p, err := NewPolicy(taxonomy.Default(), sample, DefaultConfidence)
	require.NoError(t, err)
	return p
}

func TestDecide(t *testing.T) {
	p := policy(t, sure(400, 0.97))
	recyclable, hazardous := []string{"recyclable"}, []string{"hazardous"}
	for _, c := range []struct {
		name    string
		pred    models.Prediction
		accepts []string
		q       Quality
		verdict Verdict
		reason  string
		cat     string
		class   string
	}{
		{"right", prediction("paper", 0.5, "plastic", 0.48, "banana_peel", 0.02), recyclable, fine, Pass, ReasonAccepted, "recyclable", "paper"},
		{"sure and wrong", prediction("battery", 0.9, "paper", 0.1), recyclable, fine, Tell, ReasonOtherSure, "hazardous", "battery"},
		{"right for the other bin", prediction("battery", 0.9, "paper", 0.1), hazardous, fine, Pass, ReasonAccepted, "hazardous", "battery"},
		// The harm of paper among the hazardous is a seventh of an accusation's.
		{"wrong, little harm", prediction("battery", 0.15, "paper", 0.85), hazardous, fine, Check, ReasonUnsure, "recyclable", "paper"},
		{"wrong, little harm, very sure", prediction("battery", 0.05, "paper", 0.95), hazardous, fine, Tell, ReasonOtherSure, "recyclable", "paper"},
		{"right, perhaps a battery", prediction("battery", 0.06, "paper", 0.94), recyclable, fine, Check, ReasonUnsure, "recyclable", "paper"},
		{"right, perhaps a peel", prediction("banana_peel", 0.1, "paper", 0.9), recyclable, fine, Pass, ReasonAccepted, "recyclable", "paper"},
		{"more likely right, great harm", prediction("battery", 0.4, "paper", 0.3, "banana_peel", 0.3), []string{"recyclable", "kitchen"}, fine, Check, ReasonUnsure, "hazardous", "battery"},
		{"too dark", prediction("battery", 0.9, "paper", 0.1), recyclable, Quality{Sharpness: 300, Exposure: 0.01}, Unreadable, ReasonTooDark, "hazardous", "battery"},
		{"too bright", prediction("battery", 1.0), recyclable, Quality{Sharpness: 300, Exposure: 0.999}, Unreadable, ReasonTooBright, "hazardous", "battery"},
		{"blurred", prediction("battery", 1.0), recyclable, Quality{Sharpness: 1, Exposure: 0.5}, Unreadable, ReasonBlurred, "hazardous", "battery"},
		{"class of no category", prediction("ufo", 0.9, "paper", 0.1), recyclable, fine, Check, ReasonUnsure, "recyclable", "paper"},
		{"nothing known", prediction("ufo", 1.0), recyclable, fine, Check, ReasonUnsure, "", ""},
		{"no prediction", models.Prediction{}, recyclable, fine, Check, ReasonUnsure, "", ""},
		{"bin accepts nothing", prediction("battery", 1.0), nil, fine, Check, ReasonUnsure, "hazardous", "battery"},
		{"bin accepts what is not in the taxonomy", prediction("battery", 1.0), []string{"blue"}, fine, Check, ReasonUnsure, "hazardous", "battery"},
		{"not a number", prediction("battery", math.NaN()), recyclable, fine, Check, ReasonUnsure, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := p.Decide(c.pred, c.accepts, DefaultThresholds(), c.q)
			assert.Equal(t, c.verdict, d.Verdict)
			assert.Equal(t, c.reason, d.Reason)
			assert.Equal(t, c.cat, d.Category)
			assert.Equal(t, c.class, d.ItemClass)
			assert.Len(t, d.Categories, 4)
			assert.InDelta(t, d.Categories[d.Category], d.Confidence, 0)
		})
	}
}

func TestDecideShowsItsMargins(t *testing.T) {
	d := policy(t, sure(400, 0.97)).Decide(prediction("battery", 0.75, "paper", 0.25), []string{"recyclable"}, DefaultThresholds(), fine)
	assert.InDelta(t, 0.25, d.Right, 1e-12)
	assert.InDelta(t, 0.75*20, d.Miss, 1e-12, "the taxonomy's harm of a battery among paper")
	assert.InDelta(t, 0.75*20/(10*0.25), d.Score, 1e-12, "over the harm of accusing wrongly")
	assert.InDelta(t, 1, d.TellAt, 0)
	assert.InDelta(t, taxonomy.Default().Harm.Check, d.PassAt, 0)
	assert.Equal(t, LevelBin, d.Level)
}

func TestStrangePicturesAreLeftToAPerson(t *testing.T) {
	p := policy(t, sure(400, 0.97))
	for _, strangeness := range []float64{1.01, math.Inf(1), math.NaN()} {
		for _, class := range []string{"paper", "battery"} {
			pred := prediction(class, 1.0)
			pred.Strangeness = strangeness
			d := p.Decide(pred, []string{"recyclable"}, DefaultThresholds(), fine)
			assert.Equal(t, Check, d.Verdict, "%s %g", class, strangeness)
			assert.Equal(t, ReasonStrange, d.Reason)
			assert.Equal(t, Unreadable, p.Decide(pred, []string{"recyclable"}, DefaultThresholds(), Quality{}).Verdict)
		}
	}
}

func TestWithoutASampleNobodyIsTold(t *testing.T) {
	p := policy(t, nil)
	d := p.Decide(prediction("battery", 1.0), []string{"recyclable"}, DefaultThresholds(), fine)
	assert.Equal(t, Check, d.Verdict)
	assert.Equal(t, ReasonNoBound, d.Reason)
	assert.Equal(t, Pass, p.Decide(prediction("paper", 1.0), []string{"recyclable"}, DefaultThresholds(), fine).Verdict)
	b := p.Bound([]string{"recyclable"}, DefaultThresholds())
	assert.Equal(t, Bound{Level: LevelNone, Alpha: 0.02, Confidence: 0.95, Upper: 1}, b)
}

func TestOwnersLimitsOnlyMakeVerdictsRarer(t *testing.T) {
	p := policy(t, sure(400, 0.97))
	th := DefaultThresholds()
	th.Tell, th.Pass = 0.95, 0.95
	assert.Equal(t, Check, p.Decide(prediction("battery", 0.9, "paper", 0.1), []string{"recyclable"}, th, fine).Verdict)
	assert.Equal(t, Check, p.Decide(prediction("banana_peel", 0.1, "paper", 0.9), []string{"recyclable"}, th, fine).Verdict)
}

func TestDecideListsTheTopClassesAndKeepsNoReference(t *testing.T) {
	p := prediction("battery", 0.3, "paper", 0.2, "plastic", 0.2, "glass", 0.1, "metal", 0.1, "pills", 0.1)
	d := policy(t, nil).Decide(p, []string{"other"}, DefaultThresholds(), fine)
	require.Len(t, d.Classes, TopClasses)
	assert.Equal(t, p.Classes[:TopClasses], d.Classes)
	p.Classes[0].Class = "changed"
	assert.Equal(t, "battery", d.Classes[0].Class)
	assert.InDelta(t, 0.6, d.Categories["recyclable"], 1e-9)
}

// random draws a prediction over known and unknown classes, a bin and
// thresholds, sometimes at the edges.
func random(rng *rand.Rand) (models.Prediction, []string, Thresholds) {
	tax := taxonomy.Default()
	var pairs []any
	var sum float64
	n := 1 + rng.IntN(8)
	weights := make([]float64, n)
	for i := range weights {
		weights[i] = math.Pow(rng.Float64(), 4)
		sum += weights[i]
	}
	for i, w := range weights {
		class := tax.Classes[rng.IntN(len(tax.Classes))].ID
		if rng.IntN(10) == 0 {
			class = fmt.Sprint("unknown-", i)
		}
		pairs = append(pairs, class, w/sum)
	}
	accepts := []string{tax.Categories[rng.IntN(4)].ID}
	if rng.IntN(3) == 0 {
		accepts = append(accepts, tax.Categories[rng.IntN(4)].ID)
	}
	th := DefaultThresholds()
	if rng.IntN(2) == 0 {
		th.Tell, th.Pass = 0.5+rng.Float64()/2, rng.Float64()
	}
	th.Alpha = []float64{0.01, 0.02, 0.05, 0.1}[rng.IntN(4)]
	return prediction(pairs...), accepts, th
}

// noisy is a sample of n photographs a category that a model of middling worth
// has seen, some of them the near-duplicates of others.
func noisy(rng *rand.Rand, n int) *models.RiskSample {
	s := sure(n, 1)
	for i := range s.Rows {
		row := &s.Rows[i]
		truth := slices.Index(sampleClasses, row.Class)
		row.Probabilities = noisyProbabilities(rng, truth)
		if i > 0 && rng.IntN(5) == 0 && s.Rows[i-1].Category == row.Category {
			row.Group = s.Rows[i-1].Group
		}
	}
	return s
}

// noisyProbabilities are right more often than not and sometimes sure and
// wrong.
func noisyProbabilities(rng *rand.Rand, truth int) []float64 {
	p := make([]float64, 4)
	var sum float64
	for c := range p {
		logit := 1.5 * rng.NormFloat64()
		if c == truth {
			logit += 4
		}
		p[c] = math.Exp(logit)
		sum += p[c]
	}
	for c := range p {
		p[c] /= sum
	}
	return p
}

func TestProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	tax := taxonomy.Default()
	p := policy(t, noisy(rng, 900))
	seen := map[Verdict]int{}
	for range 20_000 {
		pred, accepts, th := random(rng)
		d := p.Decide(pred, accepts, th, fine)
		seen[d.Verdict]++
		var accepted float64
		for _, a := range slices.Compact(slices.Sorted(slices.Values(accepts))) {
			accepted += d.Categories[a]
		}
		require.InDelta(t, accepted, d.Right, 1e-9)
		for id, p := range d.Categories {
			require.LessOrEqual(t, p, d.Confidence, "%s", id)
		}
		if d.Verdict == Tell {
			require.NotContains(t, accepts, d.Category, "no one is told when the accepted category is on top")
			require.GreaterOrEqual(t, d.Confidence, th.Tell)
			require.Greater(t, d.Confidence, accepted)
			require.GreaterOrEqual(t, d.Score, d.TellAt)
			require.GreaterOrEqual(t, d.TellAt, 1.0)
		}
		if d.Verdict == Pass {
			require.GreaterOrEqual(t, accepted, th.Pass)
			require.LessOrEqual(t, d.Miss, d.PassAt)
			require.False(t, d.Score >= 1 && d.Confidence > accepted && !slices.Contains(accepts, d.Category), "what could be told is seen by people")
		}
		// Stricter settings never make more of their verdict.
		strict := th
		strict.Tell += (1 - th.Tell) * rng.Float64()
		if s := p.Decide(pred, accepts, strict, fine); s.Verdict == Tell {
			require.Equal(t, Tell, d.Verdict)
		}
		strict = th
		strict.Pass += (1 - th.Pass) * rng.Float64()
		if s := p.Decide(pred, accepts, strict, fine); s.Verdict == Pass {
			require.Equal(t, Pass, d.Verdict)
		}
		strict = th
		strict.Alpha = 0.005 // 900 photographs are enough for each bin by itself
		s := p.Decide(pred, accepts, strict, fine)
		require.Equal(t, d.Level, s.Level)
		require.GreaterOrEqual(t, s.TellAt, d.TellAt)
		if s.Verdict == Tell {
			require.Equal(t, Tell, d.Verdict)
		}
		// A bin that accepts more never scores higher.
		more := append(slices.Clone(accepts), tax.Categories[rng.IntN(4)].ID)
		require.LessOrEqual(t, p.Decide(pred, more, th, fine).Score, d.Score)
		// A picture that is unreadable or strange is never told.
		require.Equal(t, Unreadable, p.Decide(pred, accepts, th, Quality{}).Verdict)
		pred.Strangeness = 1 + rng.ExpFloat64() + 1e-9
		require.Equal(t, Check, p.Decide(pred, accepts, th, fine).Verdict)
	}
	for _, v := range []Verdict{Pass, Tell, Check} {
		require.Greater(t, seen[v], 500, "%s is drawn often enough to mean something", v)
	}
}

func TestDecideFromManyGoroutines(t *testing.T) {
	p := policy(t, sure(200, 0.97))
	want := p.Decide(prediction("battery", 1.0), []string{"recyclable"}, DefaultThresholds(), fine)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for k := range 50 {
				th := DefaultThresholds()
				th.Alpha = 0.02 + float64(k%3)/100
				d := p.At("north").Decide(prediction("battery", 1.0), []string{"recyclable"}, th, fine)
				assert.Equal(t, want.Verdict, d.Verdict)
				if i == 0 {
					assert.NoError(t, p.SetStation("north", &Record{Passes: k}))
				}
			}
		})
	}
	all.Wait()
}

func TestEqualHalvesAreNotTold(t *testing.T) {
	d := policy(t, sure(400, 0.97)).Decide(prediction("battery", 0.5, "paper", 0.5), []string{"recyclable"}, DefaultThresholds(), fine)
	assert.NotEqual(t, Tell, d.Verdict)
	assert.Equal(t, "recyclable", d.Category, "the taxonomy's order breaks ties")
}

func TestThresholdsValidate(t *testing.T) {
	require.NoError(t, DefaultThresholds().Validate())
	unset := DefaultThresholds()
	unset.Alpha = 0
	require.NoError(t, unset.Validate())
	for want, spoil := range map[string]func(*Thresholds){
		"alpha is 0.3, allowed is 0.001 to 0.2": func(th *Thresholds) { th.Alpha = 0.3 },
		"alpha is NaN":                          func(th *Thresholds) { th.Alpha = math.NaN() },
		"tell is 0.4, allowed is 0.5 to 1":      func(th *Thresholds) { th.Tell = 0.4 },
		"tell is NaN":                           func(th *Thresholds) { th.Tell = math.NaN() },
		"pass is 1.1, allowed is 0 to 1":        func(th *Thresholds) { th.Pass = 1.1 },
		"min_sharpness is -1":                   func(th *Thresholds) { th.MinSharpness = -1 },
		"min_sharpness is +Inf":                 func(th *Thresholds) { th.MinSharpness = math.Inf(1) },
		"min_exposure is 0.9, allowed is less than max_exposure, which is 0.2": func(th *Thresholds) { th.MinExposure, th.MaxExposure = 0.9, 0.2 },
		"max_exposure is 2, allowed is 0 to 1":                                 func(th *Thresholds) { th.MaxExposure = 2 },
	} {
		th := DefaultThresholds()
		spoil(&th)
		err := th.Validate()
		require.Error(t, err)
		require.ErrorContains(t, err, want)
	}
}

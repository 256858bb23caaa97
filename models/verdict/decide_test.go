package verdict

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
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

func TestDecide(t *testing.T) {
	// Thresholds of the test's own: the defaults follow the model.
	th := DefaultThresholds()
	th.Tell, th.Pass = 0.8, 0.6
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
		{"right", prediction("paper", 0.5, "plastic", 0.4, "battery", 0.1), recyclable, fine, Pass, ReasonAccepted, "recyclable", "paper"},
		{"sure and wrong", prediction("battery", 0.9, "paper", 0.1), recyclable, fine, Tell, ReasonOtherSure, "hazardous", "battery"},
		{"right for the other bin", prediction("battery", 0.9, "paper", 0.1), hazardous, fine, Pass, ReasonAccepted, "hazardous", "battery"},
		{"wrong, not sure", prediction("battery", 0.7, "paper", 0.3), recyclable, fine, Check, ReasonUnsure, "hazardous", "battery"},
		{"right, not sure", prediction("battery", 0.45, "paper", 0.55), recyclable, fine, Check, ReasonUnsure, "recyclable", "paper"},
		{"many small beat one", prediction("battery", 0.3, "paper", 0.25, "plastic", 0.25, "glass", 0.2), recyclable, fine, Pass, ReasonAccepted, "recyclable", "paper"},
		{"two accepted", prediction("battery", 0.4, "paper", 0.3, "banana_peel", 0.3), []string{"recyclable", "kitchen"}, fine, Pass, ReasonAccepted, "hazardous", "battery"},
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
			d := Decide(c.pred, taxonomy.Default(), c.accepts, th, c.q)
			assert.Equal(t, c.verdict, d.Verdict)
			assert.Equal(t, c.reason, d.Reason)
			assert.Equal(t, c.cat, d.Category)
			assert.Equal(t, c.class, d.ItemClass)
			assert.Len(t, d.Categories, 4)
			assert.InDelta(t, d.Categories[d.Category], d.Confidence, 0)
		})
	}
}

func TestDecideListsTheTopClassesAndKeepsNoReference(t *testing.T) {
	p := prediction("battery", 0.3, "paper", 0.2, "plastic", 0.2, "glass", 0.1, "metal", 0.1, "pills", 0.1)
	d := Decide(p, taxonomy.Default(), []string{"other"}, DefaultThresholds(), fine)
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
	th.Tell, th.Pass = 0.5+rng.Float64()/2, rng.Float64()
	return prediction(pairs...), accepts, th
}

func TestProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	tax := taxonomy.Default()
	seen := map[Verdict]int{}
	for range 20_000 {
		pred, accepts, th := random(rng)
		d := Decide(pred, tax, accepts, th, fine)
		seen[d.Verdict]++
		var accepted float64
		for _, a := range slices.Compact(slices.Sorted(slices.Values(accepts))) {
			accepted += d.Categories[a]
		}
		for id, p := range d.Categories {
			require.LessOrEqual(t, p, d.Confidence, "%s", id)
		}
		if d.Verdict == Tell {
			require.NotContains(t, accepts, d.Category, "no one is told when the accepted category is on top")
			require.GreaterOrEqual(t, d.Confidence, th.Tell)
			require.Greater(t, d.Confidence, accepted)
		}
		if d.Verdict == Pass {
			require.GreaterOrEqual(t, accepted, th.Pass)
		}
		if slices.Contains(accepts, d.Category) {
			require.NotEqual(t, Tell, d.Verdict)
		}
		// A stricter threshold never makes more of its verdict.
		strict := th
		strict.Tell += (1 - th.Tell) * rng.Float64()
		if s := Decide(pred, tax, accepts, strict, fine); s.Verdict == Tell {
			require.Equal(t, Tell, d.Verdict)
		}
		strict = th
		strict.Pass += (1 - th.Pass) * rng.Float64()
		if s := Decide(pred, tax, accepts, strict, fine); s.Verdict == Pass {
			require.Equal(t, Pass, d.Verdict)
		}
		// The same for a bin that accepts more: nobody new is told.
		more := append(slices.Clone(accepts), tax.Categories[rng.IntN(4)].ID)
		if s := Decide(pred, tax, more, th, fine); s.Verdict == Tell {
			require.Equal(t, Tell, d.Verdict)
		}
		// An unreadable picture is never told.
		require.Equal(t, Unreadable, Decide(pred, tax, accepts, th, Quality{}).Verdict)
	}
	for _, v := range []Verdict{Pass, Tell, Check} {
		require.Greater(t, seen[v], 500, "%s is drawn often enough to mean something", v)
	}
}

func TestEqualHalvesAreNotTold(t *testing.T) {
	th := DefaultThresholds()
	th.Tell = 0.5
	d := Decide(prediction("battery", 0.5, "paper", 0.5), taxonomy.Default(), []string{"recyclable"}, th, fine)
	assert.NotEqual(t, Tell, d.Verdict)
	assert.Equal(t, "recyclable", d.Category, "the taxonomy's order breaks ties")
}

func TestThresholdsValidate(t *testing.T) {
	require.NoError(t, DefaultThresholds().Validate())
	for want, spoil := range map[string]func(*Thresholds){
		"tell is 0.4, allowed is 0.5 to 1": func(th *Thresholds) { th.Tell = 0.4 },
		"tell is NaN":                      func(th *Thresholds) { th.Tell = math.NaN() },
		"pass is 1.1, allowed is 0 to 1":   func(th *Thresholds) { th.Pass = 1.1 },
		"min_sharpness is -1":              func(th *Thresholds) { th.MinSharpness = -1 },
		"min_sharpness is +Inf":            func(th *Thresholds) { th.MinSharpness = math.Inf(1) },
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

package explanation_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/explanation"
	"github.com/binside/binside/server/inspection"
)

// decided is an inspection as the rules of verdict.Decide leave it.
func decided(accepts []string, q verdict.Quality, th verdict.Thresholds, classes ...models.ClassProbability) *inspection.Inspection {
	d := verdict.Decide(models.Prediction{ModelVersion: "m-1", Classes: classes}, taxonomy.Default(), accepts, th, q)
	return &inspection.Inspection{
		ID: "i", BinID: "bin-1", Verdict: d.Verdict, Reason: d.Reason, Category: d.Category, ItemClass: d.ItemClass, Confidence: d.Confidence,
		Categories: d.Categories, Classes: d.Classes, Accepts: accepts, ModelVersion: "m-1", TaxonomyVersion: "t-1", RuleVersion: verdict.RuleVersion,
	}
}

var fine = verdict.Quality{Sharpness: 300, Exposure: 0.5}

func p(class string, probability float64) models.ClassProbability {
	return models.ClassProbability{Class: class, Probability: probability}
}

func TestTheRuleInWords(t *testing.T) {
	th := verdict.DefaultThresholds()
	kitchen := []string{"kitchen"}
	for _, c := range []struct {
		i      *inspection.Inspection
		zh, en string
	}{
		{
			decided(kitchen, fine, th, p("battery", 0.9931), p("eggshell", 0.0069)),
			"2 号桶(收厨余垃圾);最可能是有害垃圾 99.3%(主要是电池 99.3%)。桶不收这一类,而且把握足够大:当场提示误投。",
			"2 号桶 (takes: Kitchen waste); most probably: Hazardous waste, 99.3% (mainly battery 99.3%). The bin does not take that, and it is sure enough: the resident is told.",
		},
		{
			decided([]string{"kitchen", "other"}, fine, th, p("eggshell", 0.9999), p("battery", 0.0001)),
			"2 号桶(收厨余垃圾、其他垃圾);最可能是厨余垃圾 >99.9%(主要是蛋壳 >99.9%)。桶所收的类别合起来足够可能:通过。",
			"2 号桶 (takes: Kitchen waste, Residual waste); most probably: Kitchen waste, >99.9% (mainly eggshell >99.9%). What the bin takes is probable enough, all together: it passes.",
		},
		{
			decided(kitchen, fine, th, p("ufo", 1)),
			"2 号桶(收厨余垃圾);认出的品类都不在分类标准里。既不足以通过,也不足以说投错:请人查看,现场不提示。",
			"2 号桶 (takes: Kitchen waste); nothing that was recognised is in the taxonomy. That is neither enough to pass nor enough to call it wrong: a person should look, and nothing is said.",
		},
		{decided(kitchen, verdict.Quality{Exposure: 0.01}, th, p("battery", 1)), "图片太暗,看不清,不作判断。", "The picture is too dark to judge."},
	} {
		e := explanation.Describe(c.i, &explanation.BinNow{Name: "2 号桶"}, th, taxonomy.Default())
		assert.Equal(t, c.zh, e.Sentence.ZH)
		assert.Equal(t, c.en, e.Sentence.EN)
	}
}

// Every reason that the rules can give has words of its own.
func TestEveryReasonHasWords(t *testing.T) {
	th := verdict.DefaultThresholds()
	for reason, i := range map[string]*inspection.Inspection{
		verdict.ReasonAccepted:  decided([]string{"hazardous"}, fine, th, p("battery", 1)),
		verdict.ReasonOtherSure: decided([]string{"other"}, fine, th, p("battery", 1)),
		verdict.ReasonUnsure:    decided([]string{"other"}, fine, th, p("battery", 0.6), p("hat", 0.4)),
		verdict.ReasonTooDark:   decided([]string{"other"}, verdict.Quality{}, th, p("battery", 1)),
		verdict.ReasonTooBright: decided([]string{"other"}, verdict.Quality{Exposure: 1}, th, p("battery", 1)),
		verdict.ReasonBlurred:   decided([]string{"other"}, verdict.Quality{Exposure: 0.5}, th, p("battery", 1)),
	} {
		require.Equal(t, reason, i.Reason)
		e := explanation.Describe(i, &explanation.BinNow{}, th, taxonomy.Default())
		assert.NotContains(t, e.Sentence.ZH, reason)
		assert.NotContains(t, e.Sentence.EN, reason+".")
	}
	i := decided([]string{"other"}, fine, th, p("battery", 1))
	i.Reason = "a-later-rule"
	e := explanation.Describe(i, &explanation.BinNow{}, th, taxonomy.Default())
	assert.Contains(t, e.Sentence.EN, "Rule: a-later-rule.", "a record of other rules is still explained")
	assert.Contains(t, e.Sentence.EN, "bin-1", "a bin that is gone has its id")
}

// The margins say what the rules decided: a tell has reached its threshold, a
// pass its own, a check neither.
func TestMarginsAgreeWithTheVerdict(t *testing.T) {
	th := verdict.DefaultThresholds()
	th.Tell, th.Pass = 0.8, 0.6
	seen := map[verdict.Verdict]int{}
	for hazardous := 0.0; hazardous <= 1; hazardous += 0.01 {
		for _, share := range []float64{0, 0.5, 1} {
			rest := 1 - hazardous
			i := decided([]string{"recyclable"}, fine, th, p("battery", hazardous), p("paper", rest*share), p("eggshell", rest*(1-share)))
			e := explanation.Describe(i, &explanation.BinNow{Thresholds: &th}, verdict.DefaultThresholds(), taxonomy.Default())
			require.Len(t, e.Margins, 2)
			tell, pass := e.Margins[0], e.Margins[1]
			assert.Equal(t, verdict.Tell, tell.Effect)
			assert.InDelta(t, 0.8, tell.Threshold, 0, "the bin's own")
			assert.InDelta(t, 0.6, pass.Threshold, 0)
			switch i.Verdict {
			case verdict.Tell:
				assert.True(t, tell.Met)
			case verdict.Pass:
				assert.True(t, pass.Met)
			default:
				assert.False(t, tell.Met || pass.Met)
			}
			seen[i.Verdict]++
		}
	}
	for _, v := range []verdict.Verdict{verdict.Tell, verdict.Pass, verdict.Check} {
		assert.Greater(t, seen[v], 10, v)
	}
	dark := decided([]string{"recyclable"}, verdict.Quality{}, th, p("battery", 1))
	assert.Empty(t, explanation.Describe(dark, &explanation.BinNow{}, th, taxonomy.Default()).Margins)
}

func TestTheProbabilitiesHaveNamesAndColours(t *testing.T) {
	i := decided([]string{"other"}, fine, verdict.DefaultThresholds(), p("battery", 0.6), p("hat", 0.3), p("ufo", 0.1))
	e := explanation.Describe(i, &explanation.BinNow{}, verdict.DefaultThresholds(), taxonomy.Default())
	require.Len(t, e.Categories, 4)
	assert.Equal(t, "hazardous", e.Categories[0].Category)
	for n, c := range e.Categories {
		assert.Regexp(t, "^#", c.Colour)
		assert.Equal(t, c.Category == "other", c.Accepted)
		if n > 0 {
			assert.LessOrEqual(t, c.Probability, e.Categories[n-1].Probability)
		}
	}
	assert.Equal(t, explanation.ExplainedClass{Class: "battery", Name: taxonomy.Name{ZH: "电池", EN: "battery"}, Category: "hazardous", Probability: 0.6}, e.Classes[0])
	assert.Equal(t, "ufo", e.Classes[2].Name.EN)
	assert.Empty(t, e.Classes[2].Category)
}

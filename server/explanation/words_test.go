package explanation_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/explanation"
	"github.com/binside/binside/server/inspection"
)

// policy is that of a model which was never wrong, and sure, on n photographs
// of every category; of 0 no bound follows.
func policy(t *testing.T, n int) *verdict.Policy {
	t.Helper()
	s := &models.RiskSample{Classes: []string{"battery", "eggshell", "paper", "hat"}}
	for i, class := range s.Classes {
		category, ok := taxonomy.Default().CategoryOf(class)
		require.True(t, ok, class)
		for k := range n {
			row := models.RiskRow{Class: class, Category: category, Source: "a test", Group: class + strconv.Itoa(k), Probabilities: make([]float64, len(s.Classes))}
			row.Probabilities[i] = 1
			s.Rows = append(s.Rows, row)
		}
	}
	out, err := verdict.NewPolicy(taxonomy.Default(), s, verdict.DefaultConfidence)
	require.NoError(t, err)
	return out
}

// decision is what a verdict is made of.
type decision struct {
	accepts     []string
	quality     verdict.Quality
	th          verdict.Thresholds
	strangeness float64
	classes     []models.ClassProbability
}

// at is a readable deposit of the classes at a bin without settings.
func at(accepts []string, classes ...models.ClassProbability) decision {
	return decision{accepts: accepts, quality: verdict.Quality{Sharpness: 300, Exposure: 0.5}, th: verdict.DefaultThresholds(), classes: classes}
}

// by is the inspection as the policy's rules leave it.
func (d decision) by(pol *verdict.Policy) *inspection.Inspection {
	agreement := 0.75
	v := pol.Decide(models.Prediction{ModelVersion: "m-1", Classes: d.classes, Strangeness: d.strangeness}, d.accepts, d.th, d.quality)
	return &inspection.Inspection{
		ID: "i", BinID: "bin-1", Verdict: v.Verdict, Reason: v.Reason, Category: v.Category, ItemClass: v.ItemClass, Confidence: v.Confidence,
		Categories: v.Categories, Classes: v.Classes, Accepts: d.accepts, Agreement: &agreement, Strangeness: &d.strangeness,
		Score: v.Score, TellAt: v.TellAt, Miss: v.Miss, PassAt: v.PassAt, BoundLevel: v.Level,
		ModelVersion: "m-1", TaxonomyVersion: "t-1", RuleVersion: verdict.RuleVersion,
	}
}

// describe explains the record at a bin with the decision's thresholds.
func (d decision) describe(i *inspection.Inspection) explanation.Explanation {
	return explanation.Describe(i, &explanation.BinNow{Name: "2 号桶", Thresholds: &d.th}, verdict.DefaultThresholds(), taxonomy.Default())
}

func p(class string, probability float64) models.ClassProbability {
	return models.ClassProbability{Class: class, Probability: probability}
}

var kitchen = []string{"kitchen"}

func TestTheRuleInWords(t *testing.T) {
	pol := policy(t, 200)
	dark := at(kitchen, p("battery", 1))
	dark.quality = verdict.Quality{Exposure: 0.01}
	for _, c := range []struct {
		d      decision
		zh, en string
	}{
		{
			at(kitchen, p("battery", 0.9931), p("eggshell", 0.0069)),
			"2 号桶(收厨余垃圾);最可能是有害垃圾 99.3%(主要是电池 99.3%)。不提示的预期危害超过误提示,达到了本桶的门槛:当场提示误投。",
			"2 号桶 (takes: Kitchen waste); most probably: Hazardous waste, 99.3% (mainly battery 99.3%). " +
				"Saying nothing is expected to do more harm than a false accusation, by as much as this bin asks for: the resident is told.",
		},
		{
			at([]string{"kitchen", "other"}, p("eggshell", 0.9999), p("battery", 0.0001)),
			"2 号桶(收厨余垃圾、其他垃圾);最可能是厨余垃圾 >99.9%(主要是蛋壳 >99.9%)。不提示的预期危害小于请人查看的代价:通过。",
			"2 号桶 (takes: Kitchen waste, Residual waste); most probably: Kitchen waste, >99.9% (mainly eggshell >99.9%). " +
				"Saying nothing is expected to do less harm than a person's time is worth: it passes.",
		},
		{
			at(kitchen, p("ufo", 1)),
			"2 号桶(收厨余垃圾);认出的品类都不在分类标准里。既不足以通过,也不足以说投错:请人查看,现场不提示。",
			"2 号桶 (takes: Kitchen waste); nothing that was recognised is in the taxonomy. " +
				"That is neither enough to pass nor enough to call it wrong: a person should look, and nothing is said.",
		},
		{dark, "图片太暗,看不清,不作判断。", "The picture is too dark to judge."},
	} {
		e := c.d.describe(c.d.by(pol))
		assert.Equal(t, c.zh, e.Sentence.ZH)
		assert.Equal(t, c.en, e.Sentence.EN)
	}
}

// Every reason that the rules can give has words of its own.
func TestEveryReasonHasWords(t *testing.T) {
	pol := policy(t, 200)
	i := at(kitchen, p("battery", 1)).by(pol)
	seen := map[string]string{}
	for _, reason := range append([]string{inspection.ReasonBin, inspection.ReasonBinRemoved, inspection.ReasonHidden}, verdict.Reasons...) {
		i.Reason = reason
		s := at(kitchen).describe(i).Sentence
		assert.NotContains(t, s.ZH, "规则:", reason)
		assert.NotContains(t, s.EN, "Rule:", reason)
		assert.Empty(t, seen[s.ZH], "%s has another's words", reason)
		assert.Empty(t, seen[s.EN], "%s has another's words", reason)
		seen[s.ZH], seen[s.EN] = reason, reason
	}
	i.Reason = "a-later-rule"
	e := explanation.Describe(i, &explanation.BinNow{}, verdict.DefaultThresholds(), taxonomy.Default())
	assert.Contains(t, e.Sentence.EN, "Rule: a-later-rule.", "a record of other rules is still explained")
	assert.Contains(t, e.Sentence.EN, "bin-1", "a bin that is gone has its id")
}

// agrees says whether the margins allow the verdict and no other: a verdict
// needs all that speak for it.
func agrees(t *testing.T, i *inspection.Inspection, margins []explanation.Margin) {
	t.Helper()
	speaks := map[verdict.Verdict]int{}
	met := map[verdict.Verdict]int{}
	for _, m := range margins {
		speaks[m.Effect]++
		want := m.Value >= m.Threshold
		if m.AtMost {
			want = m.Value <= m.Threshold
		}
		require.Equal(t, want, m.Met, "%+v", m)
		require.Less(t, m.Low, m.High)
		require.Positive(t, m.High-m.Threshold, "%+v", m)
		require.NotEmpty(t, m.Name.ZH)
		require.NotEmpty(t, m.Name.EN)
		if m.Met {
			met[m.Effect]++
		}
	}
	for _, v := range []verdict.Verdict{verdict.Tell, verdict.Pass} {
		all := speaks[v] > 0 && met[v] == speaks[v]
		require.Equal(t, i.Verdict == v, all, "%s (%s) by %+v", i.Verdict, i.Reason, margins)
	}
}

// settings are the margins whose thresholds come from the bin's settings.
func settings(margins []explanation.Margin) (out []explanation.Margin) {
	for _, m := range margins {
		if strings.Contains(m.Name.EN, "least probability to "+string(m.Effect)) {
			out = append(out, m)
		}
	}
	return out
}

// The margins say what the rules decided, over all mixtures of three
// categories, with a bound and without, with the owner's limits and without.
func TestMarginsAgreeWithTheVerdict(t *testing.T) {
	bounded, unbounded := policy(t, 200), policy(t, 0)
	limits := verdict.DefaultThresholds()
	limits.Tell, limits.Pass = 0.8, 0.9
	seen := map[string]int{}
	limited := map[verdict.Thresholds]map[verdict.Verdict]int{verdict.DefaultThresholds(): {}, limits: {}}
	for _, pol := range []*verdict.Policy{bounded, unbounded} {
		for _, th := range []verdict.Thresholds{verdict.DefaultThresholds(), limits} {
			for n := range 101 {
				for _, share := range []float64{0, 0.3, 0.5, 0.9, 1} {
					top := float64(n) / 100
					for _, first := range []string{"battery", "hat", "eggshell"} {
						d := at([]string{"recyclable"}, p(first, top), p("paper", (1-top)*share), p("ball", 0), p("broom", (1-top)*(1-share)))
						d.th = th
						i := d.by(pol)
						e := d.describe(i)
						require.NotEmpty(t, e.Margins)
						agrees(t, i, e.Margins)
						seen[i.Reason]++
						if e.ThresholdsOf == "now" {
							limit := settings(e.Margins)
							require.Len(t, limit, 1)
							require.Contains(t, []float64{th.Tell, th.Pass}, limit[0].Threshold)
							limited[th][limit[0].Effect]++
						} else {
							require.Empty(t, settings(e.Margins))
						}
					}
				}
			}
		}
	}
	for _, reason := range []string{verdict.ReasonOtherSure, verdict.ReasonAccepted, verdict.ReasonUnsure, verdict.ReasonNoBound} {
		assert.Greater(t, seen[reason], 10, reason)
	}
	assert.Greater(t, limited[limits][verdict.Tell], limited[verdict.DefaultThresholds()][verdict.Tell])
	assert.Positive(t, limited[limits][verdict.Pass])
	assert.Zero(t, limited[verdict.DefaultThresholds()][verdict.Pass], "there is no such limit")
}

func TestMarginsAreTheRecordsOwn(t *testing.T) {
	d := at(kitchen, p("battery", 0.97), p("eggshell", 0.03))
	i := d.by(policy(t, 200))
	require.Equal(t, verdict.Tell, i.Verdict)
	require.Positive(t, i.TellAt)
	e := d.describe(i)
	require.Len(t, e.Margins, 2)
	assert.Equal(t, "decision", e.ThresholdsOf)
	ratio, harm := e.Margins[0], e.Margins[1]
	assert.Equal(t, "harm-ratio", ratio.Quantity)
	assert.Equal(t, []float64{i.Score, i.TellAt}, []float64{ratio.Value, ratio.Threshold})
	assert.Equal(t, "expected-harm", harm.Quantity)
	assert.Equal(t, []float64{i.Miss, i.PassAt}, []float64{harm.Value, harm.Threshold})

	i.TellAt = 4321
	e = d.describe(i)
	assert.InDelta(t, 4321, e.Margins[0].Threshold, 0)
	assert.InDelta(t, 10000, e.Margins[0].High, 1e-6, "the threshold is on the scale")

	i.TellAt = 0
	e = d.describe(i)
	assert.Equal(t, verdict.Check, e.Margins[0].Effect, "nobody is told at this bin, whatever the ratio")
	assert.InDelta(t, 1, e.Margins[0].Threshold, 0)
}

func TestWhereNothingWasCompared(t *testing.T) {
	pol := policy(t, 200)
	dark := at(kitchen, p("battery", 1))
	dark.quality = verdict.Quality{}
	for name, i := range map[string]*inspection.Inspection{
		"unreadable":            dark.by(pol),
		"nothing in the table":  at(kitchen, p("ufo", 1)).by(pol),
		"a bin of nothing":      at(nil, p("battery", 1)).by(pol),
		"a bin of another town": at([]string{"compost"}, p("battery", 1)).by(pol),
	} {
		e := at(nil).describe(i)
		assert.Empty(t, e.Margins, name)
		assert.NotNil(t, e.Margins, "JSON has a list")
		assert.Equal(t, "decision", e.ThresholdsOf, name)
	}
	old := at(kitchen, p("battery", 1)).by(pol)
	old.Score, old.TellAt, old.Miss, old.PassAt, old.Agreement, old.Strangeness = 0, 0, 0, 0, nil, nil
	e := at(nil).describe(old)
	assert.Empty(t, e.Margins, "a record from before they were kept says nothing rather than something wrong")
	assert.Nil(t, e.Frames.Agreement)
	assert.Nil(t, e.Frames.Strangeness)
	bin := at([]string{"kitchen", "compost"}, p("battery", 1)).by(pol)
	bin.Verdict, bin.Reason = verdict.Check, inspection.ReasonBin
	assert.Empty(t, at(nil).describe(bin).Margins)
}

func TestAStrangePicture(t *testing.T) {
	d := at(kitchen, p("battery", 1))
	d.strangeness = 1.4
	i := d.by(policy(t, 200))
	require.Equal(t, verdict.ReasonStrange, i.Reason)
	e := d.describe(i)
	require.Len(t, e.Margins, 1)
	m := e.Margins[0]
	assert.Equal(t, "strangeness", m.Quantity)
	assert.Equal(t, verdict.Check, m.Effect)
	assert.True(t, m.Met)
	assert.InDelta(t, 1.4, m.Value, 0)
	assert.InDelta(t, 1.4, *e.Frames.Strangeness, 0)
	assert.InDelta(t, 0.75, *e.Frames.Agreement, 0)
	*i.Strangeness = 0
	assert.Nil(t, d.describe(i).Frames.Strangeness, "the model measured none")
}

func TestTheProbabilitiesHaveNamesAndColours(t *testing.T) {
	d := at([]string{"other"}, p("battery", 0.6), p("hat", 0.3), p("ufo", 0.1))
	e := d.describe(d.by(policy(t, 0)))
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

package explanation

import (
	"math"
	"slices"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/inspection"
)

// The quantities of a Margin.
const (
	// harmRatio is the record's Score against its TellAt; where nobody is told
	// at the bin, against 1, from which on a person is asked.
	harmRatio = "harm-ratio"
	// expectedHarm is the record's Miss, at most its PassAt.
	expectedHarm = "expected-harm"
	// otherCategory is the most probable category's probability, which the bin
	// does not take: against that of all it takes, or against the limit in the
	// bin's settings.
	otherCategory = "other-category"
	// acceptedCategories is the probability of all that the bin takes, against
	// the limit in the bin's settings.
	acceptedCategories = "accepted-categories"
	// strangeness is the record's, above 1.
	strangeness = "strangeness"
)

// Margin is one quantity that a rule compared with a threshold. A verdict
// needs all margins that speak for it.
type Margin struct {
	Quantity  string  `json:"quantity" enum:"harm-ratio,expected-harm,other-category,accepted-categories,strangeness" doc:"A stable word"`
	Value     float64 `json:"value"`
	Threshold float64 `json:"threshold"`
	AtMost    bool    `json:"at_most" doc:"Whether the value must not exceed the threshold; else it must reach it"`
	Met       bool    `json:"met" doc:"Whether the value is on the effect's side of the threshold"`
	// Name is the quantity in words, Effect the verdict that meeting the
	// threshold speaks for, Low and High the ends of its scale.
	Name        taxonomy.Name   `json:"name"`
	Effect      verdict.Verdict `json:"effect" enum:"tell,check,pass"`
	Low         float64         `json:"low"`
	High        float64         `json:"high"`
	Logarithmic bool            `json:"logarithmic" doc:"Whether the scale is of ratios and not of differences"`
}

// margins is the one place that knows what the record's verdict compared with
// what; it must follow verdict.RuleVersion. The values and thresholds are the
// record's own, but for the limits of the bin's settings, which no record
// keeps: th's are listed, and limited is true, where nothing else kept the
// deposit from being told or from passing.
func margins(i *inspection.Inspection, th verdict.Thresholds, tax *taxonomy.Taxonomy) (out []Margin, limited bool) {
	out = []Margin{}
	switch {
	case i.Category == "" || i.Verdict == verdict.Unreadable || i.Reason == inspection.ReasonBin || !tookSomething(i):
		return out, false // nothing was compared, or the picture's quality
	case i.Reason == verdict.ReasonStrange:
		if i.Strangeness != nil {
			out = append(out, strangenessMargin(*i.Strangeness))
		}
		return out, false
	case i.PassAt == 0:
		return out, false // from before the record kept them
	}
	accepted := acceptedProbability(i)
	foreign := !slices.Contains(i.Accepts, i.Category)
	tellable := foreign && i.Confidence > accepted
	asks := tellable && i.Score >= 1 // such a deposit never passes
	switch {
	case tellable:
		out = append(out, harmRatioMargin(i))
		if asks && i.TellAt > 0 && i.Score >= i.TellAt && i.Confidence < th.Tell {
			out, limited = append(out, otherMargin(i, tax, th.Tell, tellLimit)), true
		}
	case foreign:
		out = append(out, otherMargin(i, tax, accepted, taxonomy.Name{ZH: ",须比桶所收的合计更可能", EN: ", to be more probable than all it takes"}))
	}
	pass := harmMargin(i)
	if !asks || !pass.Met {
		out = append(out, pass)
	}
	if !asks && pass.Met && accepted < th.Pass && i.Verdict != verdict.Pass {
		out, limited = append(out, acceptedMargin(accepted, th.Pass)), true
	}
	return out, limited
}

var (
	tellLimit = taxonomy.Name{ZH: ",提示所需的最低概率", EN: ", least probability to tell"}
	passLimit = taxonomy.Name{ZH: ",通过所需的最低概率", EN: ", least probability to pass"}
)

// tookSomething reports whether the bin took a category of the taxonomy that the
// record was made by: without one there was nothing to compare.
func tookSomething(i *inspection.Inspection) bool {
	return slices.ContainsFunc(i.Accepts, func(id string) bool {
		_, ok := i.Categories[id]
		return ok
	})
}

func acceptedProbability(i *inspection.Inspection) (sum float64) {
	for _, id := range i.Accepts {
		sum += i.Categories[id]
	}
	return min(sum, 1)
}

func harmRatioMargin(i *inspection.Inspection) Margin {
	m := Margin{
		Quantity: harmRatio, Value: i.Score, Threshold: i.TellAt, Effect: verdict.Tell, Low: 0.01, High: 1000, Logarithmic: true,
		Name: taxonomy.Name{ZH: "不提示与误提示的预期危害之比", EN: "Expected harm of saying nothing, over that of a false accusation"},
	}
	if i.TellAt == 0 {
		m.Threshold, m.Effect = 1, verdict.Check
	}
	m.High = max(m.High, decadeAbove(m.Threshold))
	m.Met = m.Value >= m.Threshold
	return m
}

func harmMargin(i *inspection.Inspection) Margin {
	m := Margin{
		Quantity: expectedHarm, Value: i.Miss, Threshold: i.PassAt, AtMost: true, Met: i.Miss <= i.PassAt, Effect: verdict.Pass,
		Low: 0.01, High: 1000, Logarithmic: true,
		Name: taxonomy.Name{ZH: "不提示的预期危害,与请人查看的代价相比", EN: "Expected harm of saying nothing, against a person's time"},
	}
	m.Low, m.High = min(m.Low, 1/decadeAbove(1/m.Threshold)), max(m.High, decadeAbove(m.Threshold))
	return m
}

// decadeAbove is the least power of ten that leaves v some room on a scale.
func decadeAbove(v float64) float64 { return math.Pow(10, math.Floor(math.Log10(v))+1) }

func otherMargin(i *inspection.Inspection, tax *taxonomy.Taxonomy, threshold float64, what taxonomy.Name) Margin {
	name := categoryName(tax, i.Category)
	return Margin{
		Quantity: otherCategory, Value: i.Confidence, Threshold: threshold, Met: false, Effect: verdict.Tell, High: 1,
		Name: taxonomy.Name{ZH: "桶不收的" + name.ZH + what.ZH, EN: name.EN + ", which the bin does not take" + what.EN},
	}
}

func acceptedMargin(accepted, threshold float64) Margin {
	return Margin{
		Quantity: acceptedCategories, Value: accepted, Threshold: threshold, Met: false, Effect: verdict.Pass, High: 1,
		Name: taxonomy.Name{ZH: "桶所收的类别合计" + passLimit.ZH, EN: "What the bin takes, all together" + passLimit.EN},
	}
}

func strangenessMargin(value float64) Margin {
	return Margin{
		Quantity: strangeness, Value: value, Threshold: 1, Met: value > 1, Effect: verdict.Check, Low: 0.01, High: 100, Logarithmic: true,
		Name: taxonomy.Name{ZH: "陌生程度", EN: "Strangeness"},
	}
}

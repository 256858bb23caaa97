package explanation

import (
	"slices"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/inspection"
)

// Margin is one quantity that a rule compared with a threshold.
type Margin struct {
	Quantity  string  `json:"quantity" enum:"other-category,accepted-categories" doc:"A stable word"`
	Value     float64 `json:"value"`
	Threshold float64 `json:"threshold"`
	Met       bool    `json:"met" doc:"Whether the value reaches the threshold"`
	// Name is the quantity in words, Effect the verdict that reaching the
	// threshold speaks for, Low and High the ends of its scale.
	Name   taxonomy.Name   `json:"name"`
	Effect verdict.Verdict `json:"effect" enum:"tell,pass"`
	Low    float64         `json:"low"`
	High   float64         `json:"high"`
}

// margins is the one place that knows what verdict.Decide compares with what.
// It must follow the rules of verdict.RuleVersion.
func margins(i *inspection.Inspection, th verdict.Thresholds, tax *taxonomy.Taxonomy) []Margin {
	out := []Margin{}
	if i.Category == "" || i.Verdict == verdict.Unreadable {
		return out // nothing was compared, or the picture's quality, which is not recorded
	}
	var accepted, other float64
	foreign := ""
	for _, c := range categories(i, tax) { // the most probable first
		switch {
		case slices.Contains(i.Accepts, c.Category):
			accepted += c.Probability
		case foreign == "":
			foreign, other = c.Category, c.Probability
		}
	}
	accepted = min(accepted, 1)
	if foreign != "" {
		name := categoryName(tax, foreign)
		out = append(out, Margin{
			Quantity: "other-category", Value: other, Threshold: th.Tell, Met: other >= th.Tell, High: 1, Effect: verdict.Tell,
			Name: taxonomy.Name{ZH: "桶不收的" + name.ZH, EN: name.EN + ", which the bin does not take"},
		})
	}
	return append(out, Margin{
		Quantity: "accepted-categories", Value: accepted, Threshold: th.Pass, Met: accepted >= th.Pass, High: 1, Effect: verdict.Pass,
		Name: taxonomy.Name{ZH: "桶所收的类别合计", EN: "What the bin takes, all together"},
	})
}

package verdict

import (
	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
)

// reading is a prediction by category.
type reading struct {
	p []float64 // probability by category, in the taxonomy's order
	// top is the most probable category, −1 where no class is in the taxonomy.
	top int
	// unnamed is the probability of what the taxonomy does not name.
	unnamed float64
	strange bool
}

// read sums the classes' probabilities by category.
func (p *Policy) read(pred models.Prediction) (Decision, reading) {
	categories := p.tax.Categories
	r := reading{p: make([]float64, len(categories)), top: -1, strange: !(pred.Strangeness <= 1)} // NaN, too
	best := make([]int, len(categories))                                                          // 1 + index in pred.Classes
	for i, c := range pred.Classes {
		at, ok := p.classes[c.Class]
		if !ok || !(c.Probability >= 0) { // NaN counts for nothing
			continue
		}
		r.p[at] += c.Probability
		if b := best[at]; b == 0 || c.Probability > pred.Classes[b-1].Probability {
			best[at] = i + 1
		}
	}
	d := Decision{Categories: make(map[string]float64, len(categories))}
	var named float64
	for i := range categories {
		r.p[i] = min(r.p[i], 1) // rounding may lead a sum beyond 1
		named += r.p[i]
		d.Categories[categories[i].ID] = r.p[i]
		if best[i] > 0 && (r.top < 0 || r.p[i] > r.p[r.top]) {
			r.top = i
			d.Category, d.Confidence, d.ItemClass = categories[i].ID, r.p[i], pred.Classes[best[i]-1].Class
		}
	}
	// Below the tolerance it is rounding.
	if r.unnamed = 1 - named; r.unnamed < 1e-4 {
		r.unnamed = 0
	}
	return d, r
}

// bin is what the policy needs of a set of accepted categories.
type bin struct {
	accepted []bool
	// harm is that of leaving an item of each category in the bin, worst the
	// greatest of it.
	harm       []float64
	worst      float64
	accusation float64
	known      bool // it accepts a category of the taxonomy
}

func newBin(tax *taxonomy.Taxonomy, accepts uint64) *bin {
	n := len(tax.Categories)
	b := &bin{accepted: make([]bool, n), harm: make([]float64, n), accusation: tax.Harm.Accusation, known: accepts != 0}
	var ids []string
	for i, c := range tax.Categories {
		if b.accepted[i] = accepts>>i&1 == 1; b.accepted[i] {
			ids = append(ids, c.ID)
		}
	}
	for i, c := range tax.Categories {
		b.harm[i] = tax.Harm.Of(c.ID, ids)
		b.worst = max(b.worst, b.harm[i])
	}
	return b
}

// weight is a reading's for one bin.
type weight struct {
	right, miss, score float64
}

// weigh works out the probability of the accepted categories, the expected
// harm of saying nothing, and how that compares with the expected harm of
// telling, which is that of a false accusation.
func (b *bin) weigh(r *reading) (w weight) {
	for i, p := range r.p {
		if b.accepted[i] {
			w.right += p
		}
		w.miss += p * b.harm[i]
	}
	w.score = w.miss / (b.accusation * max(w.right, leastRight))
	// What has no name can accuse nobody, but must not pass either.
	w.miss += r.unnamed * b.worst
	return w
}

// tellable reports whether the resident may be told at all. A strange picture
// and one that more likely belongs there never are, whatever the harm.
func (b *bin) tellable(r *reading, w weight) bool {
	return b.known && r.top >= 0 && !r.strange && !b.accepted[r.top] && r.p[r.top] > w.right
}

// tellScore is the score of a reading, 0 where it cannot be told.
func (b *bin) tellScore(r *reading) float64 {
	if w := b.weigh(r); b.tellable(r, w) {
		return w.score
	}
	return 0
}

// rule is the verdict on a picture that can be read. A score that asks for
// telling never passes, so that every deposit that could be told at a lower
// threshold is among those that people see.
func (b *bin) rule(r *reading, w weight, tellAt, passAt float64, th Thresholds) (Verdict, string) {
	switch {
	case !b.known || r.top < 0:
		return Check, ReasonUnsure // nothing to compare with
	case r.strange:
		return Check, ReasonStrange
	case b.tellable(r, w) && w.score >= 1:
		switch {
		case tellAt == 0:
			return Check, ReasonNoBound
		case w.score >= tellAt && r.p[r.top] >= th.Tell:
			return Tell, ReasonOtherSure
		}
	case w.miss <= passAt && w.right >= th.Pass:
		return Pass, ReasonAccepted
	}
	return Check, ReasonUnsure
}

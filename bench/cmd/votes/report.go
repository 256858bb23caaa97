package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/binside/binside/bench/stats"
)

// report is what the command writes.
type report struct {
	Model    string `json:"model"`
	Seed     uint64 `json:"seed"`
	Manifest string `json:"manifest"`
	Split    string `json:"split"`
	Cores    int    `json:"cores"`
	Sets     []set  `json:"sets"`
}

// set is one kind of deposits.
type set struct {
	Name string `json:"name"`
	// N counts the deposits, Things the different things that they show,
	// Frames all their frames.
	N         int         `json:"n"`
	Things    int         `json:"things"`
	Frames    int         `json:"frames"`
	Rules     []ruleScore `json:"rules"`
	Agreement agreement   `json:"agreement"`
}

// ruleScore is how right one rule is about the category.
type ruleScore struct {
	Rule     string  `json:"rule"`
	Accuracy float64 `json:"accuracy"`
	// NLL is the mean negative logarithm of the right category's probability,
	// ECE the calibration error of the answer's; absent for a majority, whose
	// shares are no probabilities.
	NLL *float64 `json:"nll,omitempty"`
	ECE *float64 `json:"ece,omitempty"`
	// VsSingle compares with the best frame, VsProduct with what the product
	// does; each is absent for itself.
	VsSingle  *comparison `json:"vs_best_frame,omitempty"`
	VsProduct *comparison `json:"vs_product,omitempty"`
}

// comparison is of the same deposits by two rules.
type comparison struct {
	// Gain is the difference of the accuracies with its 95% interval, over
	// whole things; NLLGain is how much smaller NLL is, likewise.
	Gain      float64 `json:"accuracy_gain"`
	GainLow   float64 `json:"accuracy_gain_low"`
	GainHigh  float64 `json:"accuracy_gain_high"`
	NLLGain   float64 `json:"nll_gain,omitempty"`
	NLLLow    float64 `json:"nll_gain_low,omitempty"`
	NLLHigh   float64 `json:"nll_gain_high,omitempty"`
	OnlyRule  int     `json:"only_rule_right"`
	OnlyOther int     `json:"only_other_right"`
	// P is McNemar's exact test, which takes all deposits for independent.
	P float64 `json:"p_mcnemar"`
}

// agreement is what the product reports of a deposit, and what it is worth:
// the mean of logits is right more often where the frames agree with it.
type agreement struct {
	Mean    float64 `json:"mean"`
	Whole   int     `json:"n_whole"`
	Right   float64 `json:"accuracy_whole"`
	Partly  int     `json:"n_partly"`
	Partial float64 `json:"accuracy_partly"`
}

// scored is one rule's answers.
type scored struct {
	right      []bool
	nll, sure  []float64
	calibrated bool
}

func (c *combiner) score(r rule, events []event) scored {
	s := scored{calibrated: r.class != nil}
	for _, e := range events {
		p := c.answer(r, e.frames)
		best := argmax(p)
		s.right = append(s.right, c.categories[best] == e.truth)
		s.sure = append(s.sure, p[best])
		// Nothing is so sure that one mistake outweighs everything else.
		s.nll = append(s.nll, -math.Log(max(1e-9, p[slices.Index(c.categories, e.truth)])))
	}
	return s
}

// set compares all rules on the same deposits.
func (c *combiner) set(name string, events []event, seed uint64) set {
	out := set{Name: name, N: len(events), Agreement: c.agreement(events)}
	var things []string
	for _, e := range events {
		out.Frames += len(e.frames)
		things = append(things, e.cluster)
	}
	distinct := slices.Clone(things)
	slices.Sort(distinct)
	out.Things = len(slices.Compact(distinct))
	all := make(map[string]scored)
	for _, r := range rules {
		all[r.name] = c.score(r, events)
	}
	for _, r := range rules {
		s := all[r.name]
		row := ruleScore{Rule: r.name, Accuracy: share(s.right)}
		if s.calibrated {
			nll, ece := mean(s.nll), stats.ECE(s.sure, s.right)
			row.NLL, row.ECE = &nll, &ece
		}
		if r.name != single {
			row.VsSingle = compare(s, all[single], things, seed)
		}
		if r.name != product {
			row.VsProduct = compare(s, all[product], things, seed)
		}
		out.Rules = append(out.Rules, row)
	}
	return out
}

func compare(s, base scored, things []string, seed uint64) *comparison {
	c := new(comparison)
	gains, bits := make([]float64, len(things)), make([]float64, len(things))
	for i := range things {
		switch {
		case s.right[i] && !base.right[i]:
			c.OnlyRule++
			gains[i] = 1
		case !s.right[i] && base.right[i]:
			c.OnlyOther++
			gains[i] = -1
		}
		bits[i] = base.nll[i] - s.nll[i]
	}
	c.Gain, c.GainLow, c.GainHigh = stats.PairedMean(gains, things, seed)
	if s.calibrated && base.calibrated {
		c.NLLGain, c.NLLLow, c.NLLHigh = stats.PairedMean(bits, things, seed)
	}
	c.P = stats.McNemar(c.OnlyRule, c.OnlyOther)
	return c
}

// agreement counts the frames whose item class is that of the mean of logits,
// as the product does.
func (c *combiner) agreement(events []event) (a agreement) {
	var whole, partly []bool
	for _, e := range events {
		logits := weighted(e.frames, equal)
		class, agree := argmax(logits), 0
		for _, f := range e.frames {
			if argmax(f.logits) == class {
				agree++
			}
		}
		right := c.categories[argmax(c.byCategory(c.softmax(logits)))] == e.truth
		if agree == len(e.frames) {
			whole = append(whole, right)
		} else {
			partly = append(partly, right)
		}
		a.Mean += float64(agree) / float64(len(e.frames)*len(events))
	}
	a.Whole, a.Right = len(whole), share(whole)
	a.Partly, a.Partial = len(partly), share(partly)
	return a
}

// share of those that are true; 0 of none.
func share(all []bool) float64 {
	n := 0
	for _, yes := range all {
		if yes {
			n++
		}
	}
	return float64(n) / float64(max(1, len(all)))
}

func (s set) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d deposits of %d things, %d frames\n", s.Name, s.N, s.Things, s.Frames)
	for _, r := range s.Rules {
		fmt.Fprintf(&b, "  %-28s accuracy %.4f", r.Rule, r.Accuracy)
		if r.NLL != nil {
			fmt.Fprintf(&b, "  NLL %.4f  ECE %.4f", *r.NLL, *r.ECE)
		}
		if v := r.VsSingle; v != nil {
			fmt.Fprintf(&b, "  gain %+.4f (%+.4f to %+.4f), only it right %d, only the best frame %d, p %.2g",
				v.Gain, v.GainLow, v.GainHigh, v.OnlyRule, v.OnlyOther, v.P)
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "  agreement: mean %.3f; right where all agree %.4f (n %d), where not %.4f (n %d)",
		s.Agreement.Mean, s.Agreement.Right, s.Agreement.Whole, s.Agreement.Partial, s.Agreement.Partly)
	return b.String()
}

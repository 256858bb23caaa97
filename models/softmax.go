package models

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// votes are what the network says of each view of one deposit.
type votes struct {
	// logits are views×classes, a view's classes together.
	logits []float32
	// strangeness is one number a view; empty from a model without it.
	strangeness []float32
}

// predict turns the votes of the views into calibrated probabilities:
//
//	softmax(mean over views of logits / temperature)
//
// The mean of logits is, up to normalisation, the geometric mean of the
// views' probabilities: views that agree make each other surer only up to
// what one calibrated view says, and a view that is sure that something is
// not a class outweighs one that is vaguely for it. Temperature scaling is
// that of Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
//
// Whether the views should vote at all was measured (`make bench-votes`, model
// mnv2-2026.11.1, category accuracy, 95% intervals over whole things). On 1730
// unseen photographs, each as 3 to 5 shaken, blurred and noisy frames, the mean
// of logits is right for 0.919, the best frame alone for 0.894: 2.5 points more
// (1.2 to 3.8; only the vote right 90, only the frame 47, McNemar p 0.0003), and
// with a smaller negative log likelihood (0.299 to 0.330). On 234 deposits of
// the demonstration, whose frames hardly differ, it makes no difference (0.556
// to 0.560; -2.3 to +1.5 points). Of the others, the mean of probabilities gets
// 0.927 on the photographs, but is so unsure of it that its likelihood is worse
// than the frame's, and a verdict lives on being sure; the majority gains as much
// as the mean of logits and gives no probability; the median gains less. On
// frames so unlike, every vote is less sure than right (calibration error 0.106,
// the frame's 0.055): that errs towards a person.
//
// The present model, mnv2-2026.11.2, is less shaken by such frames, and gains
// less: on the 1936 photographs of its risk and report parts 0.946 to 0.939 (only
// the vote right 45, only the frame 30, McNemar p 0.11), with the smaller
// likelihood again (0.169 to 0.187); on the demonstration 0.577 to 0.568 (-0.8 to
// +2.7 points). The vote stays for the likelihood and for the agreement.
//
// Strangeness is a mean as well, so that a view counts for it as much as for
// the class, and a hand in one of them does not make the whole strange.
func (c *Card) predict(v votes) (Prediction, error) {
	classes := len(c.Classes)
	views := len(v.logits) / classes
	mean := make([]float64, classes)
	for i, logit := range v.logits {
		l := float64(logit)
		if math.IsNaN(l) || math.IsInf(l, 0) {
			return Prediction{}, fmt.Errorf("models: %s gave the logit %g for %q", c.Version, l, c.Classes[i%classes])
		}
		mean[i%classes] += l / float64(views)
	}
	p := Prediction{ModelVersion: c.Version, Classes: c.softmax(mean)}
	var err error
	if p.Strangeness, err = c.strangeness(v.strangeness); err != nil {
		return Prediction{}, err
	}
	whole, agree := mostProbable(mean), 0
	for view := range views {
		if mostProbable(v.logits[view*classes:(view+1)*classes]) == whole {
			agree++
		}
	}
	p.Agreement = float64(agree) / float64(views)
	return p, nil
}

// softmax returns the classes with their calibrated probabilities, the most
// probable first; equal ones keep the card's order.
func (c *Card) softmax(logits []float64) []ClassProbability {
	top := slices.Max(logits) / c.Temperature
	out := make([]ClassProbability, len(logits))
	var total float64
	for i, l := range logits {
		e := math.Exp(l/c.Temperature - top)
		out[i] = ClassProbability{Class: c.Classes[i], Probability: e}
		total += e
	}
	for i := range out {
		out[i].Probability /= total
	}
	slices.SortStableFunc(out, func(a, b ClassProbability) int { return cmp.Compare(b.Probability, a.Probability) })
	return out
}

// strangeness is the mean over the views, not below 0.
func (c *Card) strangeness(views []float32) (float64, error) {
	var sum float64
	for _, v := range views {
		s := float64(v)
		if math.IsNaN(s) || math.IsInf(s, 0) {
			return 0, fmt.Errorf("models: %s gave the strangeness %g", c.Version, s)
		}
		sum += s
	}
	return max(0, sum/float64(max(1, len(views)))), nil
}

// mostProbable is the first of the greatest.
func mostProbable[T float32 | float64](logits []T) int {
	best := 0
	for i, l := range logits {
		if l > logits[best] {
			best = i
		}
	}
	return best
}

package models

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// predict turns the logits of all views of one deposit, views×len(c.Classes)
// in sum (already added up over the views), into calibrated probabilities:
//
//	softmax(mean over views of logits / temperature)
//
// The mean of logits is, up to normalisation, the geometric mean of the
// views' probabilities: views that agree make each other surer only up to
// what one calibrated view says, and a view that is sure that something is
// not a class outweighs one that is vaguely for it. Temperature scaling is
// that of Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
func (c *Card) predict(sum []float64, views int) (Prediction, error) {
	scale := 1 / (float64(views) * c.Temperature)
	top := math.Inf(-1)
	for i, v := range sum {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return Prediction{}, fmt.Errorf("models: %s gave the logit %g for %q", c.Version, v, c.Classes[i])
		}
		top = max(top, v*scale)
	}
	p := Prediction{ModelVersion: c.Version, Classes: make([]ClassProbability, len(sum))}
	var total float64
	for i, v := range sum {
		e := math.Exp(v*scale - top)
		p.Classes[i] = ClassProbability{Class: c.Classes[i], Probability: e}
		total += e
	}
	for i := range p.Classes {
		p.Classes[i].Probability /= total
	}
	// Stable: equal probabilities keep the card's order.
	slices.SortStableFunc(p.Classes, func(a, b ClassProbability) int { return cmp.Compare(b.Probability, a.Probability) })
	return p, nil
}

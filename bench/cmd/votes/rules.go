package main

import (
	"fmt"
	"math"
	"slices"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
)

// frame is what the network says of one picture of a deposit.
type frame struct {
	logits []float64
	// sharpness is vision/quality's.
	sharpness float64
}

// event is one deposit: its frames, the best first, and the truth.
type event struct {
	frames []frame
	// truth is the right category.
	truth string
	// cluster names what the deposit shows: deposits of one thing are not
	// independent.
	cluster string
}

// A rule makes one answer of a deposit's frames: the probability of every
// item class, in the card's order.
type rule struct {
	name string
	// class is nil for a rule that only knows categories.
	class func(c *combiner, frames []frame) []float64
}

// The rules that the others are compared with: no vote, and what models.Pool
// does.
const (
	single  = "best frame"
	product = "mean of logits"
)

var rules = []rule{
	{single, func(c *combiner, f []frame) []float64 { return c.softmax(f[0].logits) }},
	{product, func(c *combiner, f []frame) []float64 { return c.softmax(weighted(f, equal)) }},
	{"mean of logits by sharpness", func(c *combiner, f []frame) []float64 {
		return c.softmax(weighted(f, func(f frame) float64 { return f.sharpness }))
	}},
	{"mean of probabilities", (*combiner).meanProbabilities},
	{"median of logits", func(c *combiner, f []frame) []float64 { return c.softmax(median(f)) }},
	{"majority", nil},
}

// combiner applies the rules with a model's card and a taxonomy.
type combiner struct {
	card       *models.Card
	categories []string
	// of is each class's place among the categories.
	of []int
}

func newCombiner(card *models.Card, tax *taxonomy.Taxonomy) (*combiner, error) {
	c := &combiner{card: card, categories: tax.CategoryIDs()}
	for _, class := range card.Classes {
		id, ok := tax.CategoryOf(class)
		if !ok {
			return nil, fmt.Errorf("class %q has no category in the taxonomy", class)
		}
		c.of = append(c.of, slices.Index(c.categories, id))
	}
	return c, nil
}

// answer is the probability of every category; of a majority it is the share
// of the votes.
func (c *combiner) answer(r rule, frames []frame) []float64 {
	if r.class == nil {
		return c.majority(frames)
	}
	return c.byCategory(r.class(c, frames))
}

func (c *combiner) byCategory(classes []float64) []float64 {
	out := make([]float64, len(c.categories))
	for i, p := range classes {
		out[c.of[i]] += p
	}
	return out
}

// majority gives every frame one vote; the best frame decides between equals.
func (c *combiner) majority(frames []frame) []float64 {
	out := make([]float64, len(c.categories))
	for i, f := range frames {
		share := 1 / float64(len(frames))
		if i == 0 {
			share += 1e-6
		}
		out[argmax(c.byCategory(c.softmax(f.logits)))] += share
	}
	return out
}

// softmax is the card's calibrated softmax.
func (c *combiner) softmax(logits []float64) []float64 {
	top := slices.Max(logits)
	out := make([]float64, len(logits))
	var sum float64
	for i, l := range logits {
		out[i] = math.Exp((l - top) / c.card.Temperature)
		sum += out[i]
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}

func (c *combiner) meanProbabilities(frames []frame) []float64 {
	out := make([]float64, len(c.of))
	for _, f := range frames {
		for i, p := range c.softmax(f.logits) {
			out[i] += p / float64(len(frames))
		}
	}
	return out
}

func equal(frame) float64 { return 1 }

// weighted is the mean of the frames' logits by weight; a deposit all of whose
// weights are 0 counts its frames equally.
func weighted(frames []frame, weight func(frame) float64) []float64 {
	var total float64
	for _, f := range frames {
		total += weight(f)
	}
	if total == 0 {
		return weighted(frames, equal)
	}
	out := make([]float64, len(frames[0].logits))
	for _, f := range frames {
		for i, l := range f.logits {
			out[i] += l * weight(f) / total
		}
	}
	return out
}

// median is each class's median logit, after every frame's have been shifted
// to a mean of 0: a frame whose logits are all higher says nothing more.
func median(frames []frame) []float64 {
	out := make([]float64, len(frames[0].logits))
	values := make([]float64, len(frames))
	for i := range out {
		for n, f := range frames {
			values[n] = f.logits[i] - mean(f.logits)
		}
		slices.Sort(values)
		k := len(values)
		out[i] = (values[(k-1)/2] + values[k/2]) / 2
	}
	return out
}

func mean(values []float64) (m float64) {
	for _, v := range values {
		m += v / float64(len(values))
	}
	return m
}

func argmax(values []float64) int {
	best := 0
	for i, v := range values {
		if v > values[best] {
			best = i
		}
	}
	return best
}

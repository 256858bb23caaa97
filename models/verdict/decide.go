package verdict

import (
	"slices"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
)

// RuleVersion names the rules of Decide; it changes whenever they do, and
// every inspection records it.
const RuleVersion = "rules-2026.11.1"

// The reasons of a Decision: stable words, stored and shown.
const (
	// ReasonAccepted: the accepted categories are probable enough (pass).
	ReasonAccepted = "accepted"
	// ReasonOtherSure: a category that the bin does not accept is sure (tell).
	ReasonOtherSure = "other-category-sure"
	// ReasonUnsure: neither (check).
	ReasonUnsure = "unsure"
	// ReasonTooDark, ReasonTooBright, ReasonBlurred: the picture (unreadable).
	ReasonTooDark   = "too-dark"
	ReasonTooBright = "too-bright"
	ReasonBlurred   = "blurred"
)

// TopClasses is how many item classes a Decision lists at most.
const TopClasses = 5

// Quality is what was measured of the best picture; see vision/quality for
// the units.
type Quality struct {
	// Sharpness is the variance of the Laplacian, Exposure the mean luma from
	// 0 to 1.
	Sharpness, Exposure float64
}

// Decision is the verdict and what it rests on.
type Decision struct {
	Verdict Verdict
	// Reason is the rule that fired.
	Reason string
	// Category is the most probable category and Confidence its probability.
	// ItemClass is the most probable item class of that category, so that the
	// two never contradict each other. All three are empty where no class of
	// the prediction is in the taxonomy.
	Category, ItemClass string
	Confidence          float64
	// Categories is the probability of every category of the taxonomy. Their
	// sum is below 1 where the model knows classes that the taxonomy does not
	// name: such a class counts for no category, so it can neither pass a
	// deposit nor accuse anyone.
	Categories map[string]float64
	// Classes are the most probable item classes, at most TopClasses.
	Classes []models.ClassProbability
}

// Decide applies the rules, the first that fits:
//
//  1. unreadable, where the picture is too dark, too bright or too blurred;
//  2. tell, where the most probable category is not accepted, reaches
//     th.Tell, and is more probable than all accepted ones together;
//  3. pass, where the accepted categories together reach th.Pass;
//  4. check.
//
// A bin that accepts no category of the taxonomy is wrongly set up: its
// deposits are never told, only checked. Categories of equal probability rank
// in the taxonomy's order. Decide keeps no reference to its arguments.
func Decide(pred models.Prediction, tax *taxonomy.Taxonomy, accepts []string, th Thresholds, q Quality) Decision {
	d := read(pred, tax)
	var accepted float64
	known := false
	for id, p := range d.Categories {
		if slices.Contains(accepts, id) {
			accepted += p
			known = true
		}
	}
	d.Verdict, d.Reason = Check, ReasonUnsure
	switch reason := unreadable(th, q); {
	case reason != "":
		d.Verdict, d.Reason = Unreadable, reason
	case !known || d.Category == "":
		// Nothing to compare with.
	case !slices.Contains(accepts, d.Category) && d.Confidence >= th.Tell && d.Confidence > accepted:
		d.Verdict, d.Reason = Tell, ReasonOtherSure
	case accepted >= th.Pass:
		d.Verdict, d.Reason = Pass, ReasonAccepted
	}
	return d
}

// unreadable returns the reason, or "" where the picture can be read.
func unreadable(th Thresholds, q Quality) string {
	switch {
	case q.Exposure < th.MinExposure:
		return ReasonTooDark
	case q.Exposure > th.MaxExposure:
		return ReasonTooBright
	case q.Sharpness < th.MinSharpness:
		return ReasonBlurred
	}
	return ""
}

// read sums the classes' probabilities by category.
func read(pred models.Prediction, tax *taxonomy.Taxonomy) Decision {
	d := Decision{Categories: make(map[string]float64, len(tax.Categories))}
	for _, c := range tax.Categories {
		d.Categories[c.ID] = 0
	}
	best := make(map[string]models.ClassProbability, len(tax.Categories))
	for _, c := range pred.Classes {
		category, ok := tax.CategoryOf(c.Class)
		if !ok || !(c.Probability >= 0) { // NaN counts for nothing
			continue
		}
		d.Categories[category] += c.Probability
		if b, ok := best[category]; !ok || c.Probability > b.Probability {
			best[category] = c
		}
	}
	for _, c := range tax.Categories {
		// Rounding may lead a sum of float32 beyond 1.
		p := min(d.Categories[c.ID], 1)
		d.Categories[c.ID] = p
		if _, ok := best[c.ID]; ok && (d.Category == "" || p > d.Confidence) {
			d.Category, d.Confidence, d.ItemClass = c.ID, p, best[c.ID].Class
		}
	}
	d.Classes = slices.Clone(pred.Classes[:min(len(pred.Classes), TopClasses)])
	return d
}

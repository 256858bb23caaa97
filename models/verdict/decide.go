package verdict

import "github.com/binside/binside/models"

// RuleVersion names the rules of Policy.Decide; it changes whenever they do,
// and every inspection records it.
const RuleVersion = "rules-2026.11.2"

// The reasons of a Decision: stable words, stored and shown.
const (
	// ReasonAccepted: the expected harm of saying nothing is less than a
	// person's time (pass).
	ReasonAccepted = "accepted"
	// ReasonOtherSure: the expected harm of saying nothing outweighs that of a
	// false accusation by as much as the bound asks for (tell).
	ReasonOtherSure = "other-category-sure"
	// ReasonUnsure: neither (check).
	ReasonUnsure = "unsure"
	// ReasonNoBound: telling would lessen the expected harm, but there are too
	// few examples to bound how often it would be wrong (check).
	ReasonNoBound = "no-bound"
	// ReasonStrange: the picture is unlike anything that the model knows, so
	// its probabilities mean nothing (check).
	ReasonStrange = "unlike-anything-known"
	// ReasonTooDark, ReasonTooBright, ReasonBlurred: the picture (unreadable).
	ReasonTooDark   = "too-dark"
	ReasonTooBright = "too-bright"
	ReasonBlurred   = "blurred"
)

// Reasons lists all reasons of a Decision.
var Reasons = []string{
	ReasonAccepted, ReasonOtherSure, ReasonUnsure, ReasonNoBound, ReasonStrange, ReasonTooDark, ReasonTooBright, ReasonBlurred,
}

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
	// Right is the probability of all accepted categories together. Miss is
	// the expected harm of saying nothing, and PassAt the most that passes.
	Right, Miss, PassAt float64
	// Score is the expected harm of saying nothing over that of telling: from
	// TellAt on the resident is told, where the most probable category is not
	// accepted. TellAt is at least 1, so that telling lessens the expected
	// harm; 0: nobody is told at this bin.
	Score, TellAt float64
	// Level is that of the bound that TellAt stands under.
	Level Level
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

// Package verdict decides what a prediction means for one bin: by the expected
// harm of each answer, from class probabilities and a taxonomy, under a bound
// on how often a resident who was right is told otherwise. The bound comes
// from photographs that training never saw (models.RiskSample) and, where a
// station has enough of them, from its reviewed deposits. It is pure: no
// clock, no store, no network.
package verdict

// Verdict is the answer to one deposit.
type Verdict string

const (
	// Pass is sorted rightly, as far as can be told.
	Pass Verdict = "pass"
	// Tell is a misdeposit, to be said now.
	Tell Verdict = "tell"
	// Check is for a person to look at; nothing is said.
	Check Verdict = "check"
	// Unreadable is what is too dark, too bright or too blurred.
	Unreadable Verdict = "unreadable"
)

// All lists the verdicts from the least to the most in need of a person.
var All = []Verdict{Pass, Unreadable, Check, Tell}

// Thresholds are a bin's settings.
type Thresholds struct {
	// Alpha is the highest share of rightly sorted deposits that may be told:
	// how many examples hold it, and at which confidence, is a Bound's to say.
	// 0: DefaultAlpha.
	Alpha float64 `json:"alpha,omitempty" yaml:"alpha" minimum:"0.001" maximum:"0.2" doc:"Highest share of rightly sorted deposits that may be told (default 0.02)"`
	// Tell and Pass are stricter limits of the bin's owner, on top of what
	// harm and Alpha ask for: they can make these verdicts only rarer. Tell is
	// the least probability of one category that the bin does not accept at
	// which the resident is told.
	Tell float64 `json:"tell" yaml:"tell" minimum:"0.5" maximum:"1"`
	// Pass is the least probability of all accepted categories together at
	// which the deposit passes.
	Pass float64 `json:"pass" yaml:"pass" minimum:"0" maximum:"1"`
	// MinSharpness and the exposure bounds decide on unreadable; see
	// vision/quality for the units.
	MinSharpness float64 `json:"min_sharpness" yaml:"min_sharpness" minimum:"0"`
	MinExposure  float64 `json:"min_exposure" yaml:"min_exposure" minimum:"0" maximum:"1"`
	MaxExposure  float64 `json:"max_exposure" yaml:"max_exposure" minimum:"0" maximum:"1"`
}

// Package verdict decides what a prediction means for one bin: rules over
// class probabilities and a taxonomy. It is pure: no clock, no store, no
// network.
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
	// Tell is the least probability of one category that the bin does not
	// accept at which the resident is told.
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

package inspection

import "time"

// PromptState is how a prompt stands.
type PromptState string

// The states of a prompt: it is open, and then exactly one of the others for
// ever. A withheld one was never shown; a withdrawn one was, until it was known
// that nothing had been thrown in.
const (
	PromptOpen        PromptState = "open"
	PromptCorrected   PromptState = "corrected"
	PromptUncorrected PromptState = "uncorrected"
	PromptAppealed    PromptState = "appealed"
	PromptWithdrawn   PromptState = "withdrawn"
	PromptWithheld    PromptState = "withheld"
)

// PromptStates are all of them.
var PromptStates = []PromptState{PromptOpen, PromptCorrected, PromptUncorrected, PromptAppealed, PromptWithdrawn, PromptWithheld}

// The means by which a prompt was corrected, and the reasons for which one was
// withheld or withdrawn.
const (
	MeansButton = "button"      // the resident pressed it
	MeansItem   = "item"        // the item appeared at a bin that takes it
	MeansQuiet  = "quiet-hours" // the station's quiet hours
	MeansBudget = "budget"      // the station has been told often enough
	MeansStale  = "stale"       // the deposit was long ago when it was decided
	MeansDenied = "denied"      // what was taken for a deposit was a hand that took something out
)

// Prompt is what the bin side was told of a deposit.
type Prompt struct {
	State PromptState `json:"state" enum:"open,corrected,uncorrected,appealed,withdrawn,withheld"`
	Means string      `json:"means,omitempty" enum:"button,item,quiet-hours,budget,stale,denied" doc:"By what it was corrected, or why it was withheld or withdrawn"`
	// Receipt is the code under which a resident can ask what came of an
	// appeal.
	Receipt  string     `json:"receipt,omitempty" example:"7K4M-92TX"`
	OpenedAt time.Time  `json:"opened_at"`
	Until    time.Time  `json:"until" doc:"End of the window in which it can be put right"`
	EndedAt  *time.Time `json:"ended_at,omitempty"`
	// RemovedAt is when the item was seen to leave the wrong bin.
	RemovedAt *time.Time `json:"removed_at,omitempty" doc:"The item was seen to leave the wrong bin"`
	ShownAt   *time.Time `json:"shown_at,omitempty" doc:"The first screen's report that it is to be seen has come"`
	// LookedAt is when a supervisor first opened an appealed one.
	LookedAt *time.Time `json:"looked_at,omitempty" doc:"A supervisor first opened the appeal"`
	Steps    *Steps     `json:"-" cbor:"steps,omitempty"`
}

// Removal is something that was taken out of a bin, as a camera saw it.
type Removal struct {
	StationID, BinID string
	// Since is the time of the first frame that showed the hand, or the thing
	// gone.
	Since time.Time
	// Denies is the deposit that was none: the hand that took the thing.
	Denies string
}

package inspection

import "time"

// PromptState is how a prompt stands.
type PromptState string

// The states of a prompt: it is open, and then exactly one of the others for
// ever. A withheld one was never shown.
const (
	PromptOpen        PromptState = "open"
	PromptCorrected   PromptState = "corrected"
	PromptUncorrected PromptState = "uncorrected"
	PromptAppealed    PromptState = "appealed"
	PromptWithheld    PromptState = "withheld"
)

// The means by which a prompt was corrected, and the reasons for which one was
// withheld.
const (
	MeansButton = "button"      // the resident pressed it
	MeansItem   = "item"        // the item appeared at a bin that takes it
	MeansQuiet  = "quiet-hours" // the station's quiet hours
	MeansBudget = "budget"      // the station has been told often enough
	MeansStale  = "stale"       // the deposit was long ago when it was decided
)

// Prompt is what the bin side was told of a deposit.
type Prompt struct {
	State PromptState `json:"state" enum:"open,corrected,uncorrected,appealed,withheld"`
	Means string      `json:"means,omitempty" enum:"button,item,quiet-hours,budget,stale" doc:"By what it was corrected, or why it was withheld"`
	// Receipt is the code under which a resident can ask what came of an
	// appeal.
	Receipt  string     `json:"receipt,omitempty" example:"7K4M-92TX"`
	OpenedAt time.Time  `json:"opened_at"`
	Until    time.Time  `json:"until" doc:"End of the window in which it can be put right"`
	EndedAt  *time.Time `json:"ended_at,omitempty"`
}

package inspection

import "time"

// Steps are the moments between a deposit's last frame and its verdict that the
// record itself does not hold. They travel with the announcement and are stored
// with the prompt; a moment that is not known is zero.
type Steps struct {
	// CertainAt is the time of the last frame that shows the item, with which
	// the detector became certain, by the clock of the camera's frames.
	CertainAt time.Time `json:"certain_at,omitzero" cbor:"1,keyasint"`
	// TakenAt is when a worker took the deposit from the queue, InferredAt when
	// the model had answered.
	TakenAt    time.Time `json:"taken_at,omitzero" cbor:"2,keyasint"`
	InferredAt time.Time `json:"inferred_at,omitzero" cbor:"3,keyasint"`
}

// TimeLine is when what happened on the way to a prompt, in this order but for
// CapturedAt, which is long before where a hand took its time.
type TimeLine struct {
	CapturedAt time.Time  `json:"captured_at" doc:"The item was first seen"`
	CertainAt  *time.Time `json:"certain_at,omitempty" doc:"The last frame that shows the item, with which the detector became certain; absent for a pushed deposit"`
	ReceivedAt time.Time  `json:"received_at" doc:"The detector had said so, or the push had arrived"`
	TakenAt    *time.Time `json:"taken_at,omitempty" doc:"A worker took it from the queue"`
	InferredAt *time.Time `json:"inferred_at,omitempty" doc:"The model had answered"`
	DecidedAt  time.Time  `json:"decided_at"`
	OpenedAt   time.Time  `json:"opened_at" doc:"The prompt was stored, and published"`
	ShownAt    *time.Time `json:"shown_at,omitempty" doc:"The first screen's report that it is to be seen has come"`
}

// TimeLine returns the time line of an inspection that has a prompt.
func (i *Inspection) TimeLine() TimeLine {
	t := TimeLine{CapturedAt: i.CapturedAt, ReceivedAt: i.ReceivedAt, DecidedAt: i.DecidedAt, OpenedAt: i.Prompt.OpenedAt, ShownAt: i.Prompt.ShownAt}
	if s := i.Prompt.Steps; s != nil {
		t.CertainAt, t.TakenAt, t.InferredAt = known(s.CertainAt), known(s.TakenAt), known(s.InferredAt)
	}
	return t
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// The steps of a time line, in their order, and the whole: from the last frame
// that shows the item, or a push's arrival, to the screen.
const (
	StepDetect  = "detect"
	StepQueue   = "queue"
	StepInfer   = "infer"
	StepDecide  = "decide"
	StepPublish = "publish"
	StepShow    = "show"
	StepWhole   = "whole"
)

// StepNames are all of them.
var StepNames = []string{StepDetect, StepQueue, StepInfer, StepDecide, StepPublish, StepShow, StepWhole}

// Durations are how long the steps took, by name, of a prompt that was shown;
// none that is not known.
func (t TimeLine) Durations() map[string]time.Duration {
	out := make(map[string]time.Duration, len(StepNames))
	if t.ShownAt == nil {
		return out
	}
	between := func(step string, from, to *time.Time) {
		if from != nil && to != nil {
			out[step] = to.Sub(*from)
		}
	}
	begin := t.CertainAt
	if begin == nil {
		begin = &t.ReceivedAt
	}
	between(StepDetect, t.CertainAt, &t.ReceivedAt)
	between(StepQueue, &t.ReceivedAt, t.TakenAt)
	between(StepInfer, t.TakenAt, t.InferredAt)
	between(StepDecide, t.InferredAt, &t.DecidedAt)
	between(StepPublish, &t.DecidedAt, &t.OpenedAt)
	between(StepShow, &t.OpenedAt, t.ShownAt)
	between(StepWhole, begin, t.ShownAt)
	return out
}

// Shifted are the steps by a clock that is offset ahead.
func (s *Steps) Shifted(offset time.Duration) *Steps {
	move := func(t time.Time) time.Time {
		if t.IsZero() {
			return t
		}
		return t.Add(offset)
	}
	return &Steps{CertainAt: move(s.CertainAt), TakenAt: move(s.TakenAt), InferredAt: move(s.InferredAt)}
}

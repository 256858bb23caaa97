package relay

import (
	"encoding/json"

	"github.com/binside/binside/server/station"
)

// Asked says what a question is about.
type Asked string

// What a server asks of a camera that an agent runs, in the words of
// pipeline.Cameras' methods: they read, and change nothing, but for AskLearn,
// of which a repetition does no harm.
const (
	AskSnapshot   Asked = "snapshot"
	AskLook       Asked = "look-into"
	AskTrial      Asked = "try-detector"
	AskRecordings Asked = "recordings"
	AskRecording  Asked = "recording"
	AskLearn      Asked = "learn"
)

// Question is what a person at the server wants to know of a camera.
type Question struct {
	ID       string `json:"id"`
	Asked    Asked  `json:"asked"`
	CameraID string `json:"camera_id"`
	// After is the look that is known already, for AskLook; Event the
	// recording, for AskRecording; Detector the thresholds to try, for
	// AskTrial.
	After    uint64            `json:"after,omitempty"`
	Event    uint64            `json:"event,omitempty"`
	Detector *station.Detector `json:"detector,omitempty"`
}

// Call is what a server has for an agent that waits for it.
type Call struct {
	// Renew says that there may be a newer bundle.
	Renew    bool      `json:"renew,omitempty"`
	Question *Question `json:"question,omitempty"`
}

// Reply is an agent's to a question.
type Reply struct {
	QuestionID string `json:"question_id"`
	// Error is a word for why there is none, Body the reply otherwise.
	Error string          `json:"error,omitempty"`
	Body  json.RawMessage `json:"body,omitempty"`
}

package relay

import (
	"time"

	"github.com/binside/binside/camera"
	"github.com/binside/binside/vision/condition"
)

// Report is how an agent does.
type Report struct {
	Version  string `json:"version"`
	Model    string `json:"model"`
	Taxonomy string `json:"taxonomy"`
	// Bundle is the sequence of the bundle in force, and Refused why a newer
	// one was not taken.
	Bundle  int64  `json:"bundle"`
	Refused string `json:"refused,omitempty" maxLength:"500" doc:"Why the newest bundle was not taken"`

	// Voice is the voice pack in use.
	Voice string `json:"voice,omitempty" maxLength:"63" doc:"The voice pack in use; absent: none"`

	Backlog Backlog `json:"backlog"`
	Disk    Disk    `json:"disk"`
	// SkewSeconds is how far the station's clock is behind the server's, nil
	// where it was not measured yet.
	SkewSeconds *float64                `json:"skew_seconds,omitempty" doc:"How far the station's clock is behind the server's; absent: not measured yet"`
	Cameras     map[string]CameraReport `json:"cameras"`
}

// Backlog is what waits for the server.
type Backlog struct {
	Inspections int64      `json:"inspections"`
	Flagged     int64      `json:"flagged" doc:"Of these, told or for a person"`
	Bytes       int64      `json:"bytes" doc:"Of their pictures"`
	OldestAt    *time.Time `json:"oldest_at,omitempty"`
	Rejected    int64      `json:"rejected" doc:"Of these, refused by the server; tried again every hour"`
}

// Disk is what the station keeps.
type Disk struct {
	Bytes    int64 `json:"bytes"`
	MaxBytes int64 `json:"max_bytes"`
	// Full is set where only flags that the server lacks are left and they
	// take more than MaxBytes.
	Full bool `json:"full" doc:"Nothing is left that may be dropped"`
	// DroppedPictures and DroppedPasses are what went for lack of room since
	// the agent was started.
	DroppedPictures int64 `json:"dropped_pictures" doc:"Pictures that went for lack of room since the start"`
	DroppedPasses   int64 `json:"dropped_passes" doc:"Passes that went for lack of room, never handed in, since the start"`
}

// CameraReport is how one of the station's cameras does.
type CameraReport struct {
	Status         string         `json:"status"`
	Since          time.Time      `json:"since"`
	LastFrameAt    *time.Time     `json:"last_frame_at,omitempty"`
	Frames         uint64         `json:"frames"`
	Dropped        uint64         `json:"dropped"`
	Reason         camera.Reason  `json:"reason,omitempty" maxLength:"40"`
	Error          string         `json:"error,omitempty" maxLength:"500"`
	Condition      condition.Kind `json:"condition,omitempty"`
	ConditionSince *time.Time     `json:"condition_since,omitempty"`
}

// Answer is the server's to a report: its clock, from which the agent measures
// its own (RFC 5905, section 8).
type Answer struct {
	ReceivedAt time.Time `json:"received_at"`
	SentAt     time.Time `json:"sent_at"`
}

package mqtt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/inspection"
)

// Signal is what a light at a bin shows, or a lock does.
type Signal string

// The signals. A bin at which somebody has just gone wrong is wrong even if
// something else belongs in it.
const (
	Idle   Signal = "idle"
	Wrong  Signal = "wrong"  // what was thrown here does not belong here
	Target Signal = "target" // what was thrown elsewhere belongs here
)

// State is the retained state of a station: the whole screen, and for each bin
// one word.
type State struct {
	api.Screen
	Online  bool              `json:"online" doc:"False when the service has stopped in order; nobody is told anything then"`
	Signals map[string]Signal `json:"signals" doc:"By bin: idle, wrong (what was thrown here does not belong here) or target (what was thrown elsewhere belongs here)"`
	// ValidUntil is for the case in which the server dies without a word.
	ValidUntil time.Time `json:"valid_until" doc:"After this moment without another state the device must act as if online were false: lights off, locks to their safe side"`
}

func newState(screen api.Screen, life time.Duration) State {
	s := State{Screen: screen, Online: true, Signals: make(map[string]Signal), ValidUntil: screen.Now.Add(life)}
	for _, b := range screen.Bins {
		s.Signals[b.ID] = Idle
	}
	for _, p := range screen.Prompts {
		for _, id := range p.GoesTo {
			s.Signals[id] = Target
		}
	}
	for _, p := range screen.Prompts {
		s.Signals[p.BinID] = Wrong
	}
	return s
}

// offline is the state that an orderly stop leaves behind.
func (s State) offline(now time.Time) State {
	s.Online, s.Prompts, s.Now, s.ValidUntil = false, []api.ScreenPrompt{}, now.UTC(), now.UTC()
	s.Signals = make(map[string]Signal)
	for _, b := range s.Bins {
		s.Signals[b.ID] = Idle
	}
	return s
}

// Correction is a resident's answer to a prompt.
type Correction struct {
	InspectionID string                 `json:"inspection_id" format:"uuid" doc:"The prompt's id"`
	Outcome      inspection.PromptState `json:"outcome" enum:"corrected,appealed" doc:"corrected: it was put right; appealed: the resident objects"`
}

// DeviceStatus is what a device says of itself, retained, and what its last will
// says of it. This service only passes it on.
type DeviceStatus struct {
	Online bool   `json:"online"`
	Kind   string `json:"kind,omitempty" enum:"light,speaker,lock,screen,agent,other"`
	Name   string `json:"name,omitempty" maxLength:"200"`
}

// Payload is one kind of message.
type Payload struct {
	Name string
	Of   any
	// Open payloads are the service's: they may grow, and devices must ignore
	// members that they do not know.
	Open bool
}

// Payloads are all kinds of JSON messages.
func Payloads() []Payload {
	return []Payload{
		{"state", State{}, true},
		{"prompt", api.ScreenPrompt{}, true},
		{"thanks", api.Thanks{}, true},
		{"problem", api.Problem{}, true},
		{"device-status", DeviceStatus{}, true},
		{"correction", Correction{}, false},
		{"shown", api.ShownRequest{}, false},
	}
}

// Schema is the payload's JSON Schema, as schema/NAME.json holds it.
func (p Payload) Schema() ([]byte, error) {
	return api.JSONSchema("urn:binside:mqtt:v1:"+p.Name, p.Of, p.Open)
}

// maxWords is the size of the largest JSON message that a device may send.
const maxWords = 4 << 10

func decode(data []byte, into any) error {
	if len(data) > maxWords {
		return api.Invalid(fmt.Sprintf("The message has %d bytes, at most %d are allowed", len(data), maxWords))
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return api.Invalid("The message is not the JSON that its schema says: " + err.Error())
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return api.Invalid("The message holds more than one JSON value")
	}
	return nil
}

func decodeCorrection(data []byte) (c Correction, err error) {
	if err := decode(data, &c); err != nil {
		return c, err
	}
	if !slices.Contains([]inspection.PromptState{inspection.PromptCorrected, inspection.PromptAppealed}, c.Outcome) {
		return c, api.Invalid("outcome: corrected or appealed is expected")
	}
	return c, checkID(c.InspectionID)
}

func decodeShown(data []byte) (s api.ShownRequest, err error) {
	if err := decode(data, &s); err != nil {
		return s, err
	}
	return s, checkID(s.InspectionID)
}

func checkID(id string) error {
	if uuid.Validate(id) != nil || len(id) != 36 {
		return api.Invalid("inspection_id: a UUID is expected")
	}
	return nil
}

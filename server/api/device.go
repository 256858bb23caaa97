package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/pipeline"
)

// What follows is for the other way to the bin side, server/mqtt: the same
// answers as over HTTP, for a caller who has checked already that the device may
// ask for them. An error is made a problem by ProblemOf.

// Screen is what the screen at a station's bins shows.
func (s *Server) Screen(ctx context.Context, stationID string) (Screen, error) {
	return s.screen(ctx, stationID)
}

// Prompt is what residents are told of a deposit whose prompt has been opened,
// bins being the station's.
func (s *Server) Prompt(i *inspection.Inspection, bins []ScreenBin) ScreenPrompt {
	return s.screenPrompt(i, bins)
}

// ThanksFor is what a resident is told who sorted rightly; false where nobody is
// thanked.
func (s *Server) ThanksFor(ctx context.Context, i *inspection.Inspection) (Thanks, bool) {
	return s.thanks(ctx, i)
}

// Answer ends a prompt of the station by a resident's word.
func (s *Server) Answer(ctx context.Context, stationID, inspectionID string, outcome inspection.PromptState) error {
	i, err := s.Store.GetInspection(ctx, inspectionID)
	if err != nil {
		return err
	}
	if i.StationID != stationID {
		return kindNotFound.problem("Nobody was told of this deposit at this station")
	}
	_, err = s.answer(ctx, i, outcome)
	return err
}

// Shown notes that a prompt of the station has reached the residents.
func (s *Server) Shown(ctx context.Context, stationID, inspectionID string) error {
	i, err := s.Store.GetInspection(ctx, inspectionID)
	if err != nil {
		return err
	}
	return s.wasShown(ctx, i, stationID)
}

// TakeFrame gives a JPEG or PNG to the detector of a station's camera.
func (s *Server) TakeFrame(ctx context.Context, stationID, cameraID string, image []byte) error {
	cam, err := s.Store.GetCamera(ctx, cameraID)
	if err != nil {
		return err
	}
	if cam.StationID != stationID {
		return kindNotFound.problem("The station has no such camera")
	}
	frame, err := s.Cameras.PushFrame(ctx, cam.ID, pipeline.Upload{Data: image})
	if err != nil {
		return err
	}
	frame.Close()
	return nil
}

// Redact returns what TakeDeposit would keep of a JPEG or PNG: for a caller that
// keeps it before.
func (s *Server) Redact(ctx context.Context, image []byte) ([]byte, error) {
	return s.Intake.Redact(ctx, pipeline.Upload{Data: image})
}

// TakeDeposit queues a JPEG or PNG as a deposit of a station's bin. With a key a
// repetition is no second deposit; empty: there is none. When it returns nil the
// deposit is on the queue's disk.
func (s *Server) TakeDeposit(ctx context.Context, stationID, binID, key string, image []byte) error {
	if !validKey(key) {
		return kindValidation.problem("A key is 1 to 128 visible ASCII characters")
	}
	bin, err := s.Store.GetBin(ctx, binID)
	if err != nil {
		return err
	}
	if bin.StationID != stationID {
		return kindNotFound.problem("The station has no such bin")
	}
	sub, err := s.Intake.Submit(ctx, pipeline.Request{Bin: bin, Uploads: []pipeline.Upload{{Data: image}}, IdempotencyKey: key})
	if err != nil {
		return err
	}
	sub.Close()
	return nil
}

// ProblemOf makes any error the problem that the API answers with.
func ProblemOf(err error) *Problem { return problemOf(err) }

// Invalid is the problem of a message that is not what its schema says.
func Invalid(detail string) *Problem { return kindValidation.problem(detail) }

// Retryable reports whether the same request may succeed later: the fault is
// this service's.
func (p *Problem) Retryable() bool { return p.Status >= http.StatusInternalServerError }

// JSONSchema is the JSON Schema (2020-12) of a Go type, a document that stands
// alone, under an id of its own. An open schema allows members that it does not
// name, as what may grow should.
func JSONSchema(id string, of any, open bool) ([]byte, error) {
	reg := huma.NewMapRegistry("#/$defs/", huma.DefaultSchemaNamer)
	top := reg.Schema(reflect.TypeOf(of), true, "")
	for _, s := range reg.Map() {
		if open && s.Type == huma.TypeObject && s.AdditionalProperties == false {
			s.AdditionalProperties = nil
		}
	}
	doc := map[string]any{"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": id, "$ref": top.Ref, "$defs": reg.Map()}
	out, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("api: schema of %T: %w", of, err)
	}
	return append(out, '\n'), nil
}

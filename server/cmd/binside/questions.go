package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/binside/binside/server/agents"
	"github.com/binside/binside/server/pipeline"
	"github.com/binside/binside/server/relay"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store"
	"github.com/binside/binside/vision/codec"
	"github.com/binside/binside/vision/deposit"
)

// looked is the reply to relay.AskLook.
type looked struct {
	View  pipeline.DetectorView
	Began bool
}

// questionErrors are what a question about a camera may end with, by the words
// that travel.
var questionErrors = map[string]error{
	"unknown-camera":   pipeline.ErrUnknownCamera,
	"no-frame":         pipeline.ErrNoFrame,
	"too-often":        pipeline.ErrTooOften,
	"redaction":        pipeline.ErrRedaction,
	"too-many-watched": pipeline.ErrTooManyWatched,
	"trial-busy":       pipeline.ErrTrialBusy,
	"nothing-recorded": pipeline.ErrNothingRecorded,
	"not-recorded":     pipeline.ErrNotRecorded,
	"closed":           pipeline.ErrClosed,
}

// answer replies to a question of the server's by this station's cameras. What
// leaves is what people here would be shown: redacted.
func (s *service) answer(ctx context.Context, q relay.Question) (r relay.Reply) {
	said, err := s.reply(ctx, q)
	if err == nil {
		r.Body, err = json.Marshal(said)
	}
	if err == nil {
		if q.Asked == relay.AskSnapshot {
			s.log.Info("somebody at the server looks through a camera", "camera", q.CameraID)
		}
		return r
	}
	r.Error = "failed"
	for word, known := range questionErrors {
		if errors.Is(err, known) {
			r.Error = word
		}
	}
	if r.Error == "failed" {
		s.log.Warn("a question of the server's was not answered", "question", q.Asked, "camera", q.CameraID, "error", err)
	}
	return r
}

func (s *service) reply(ctx context.Context, q relay.Question) (any, error) {
	switch q.Asked {
	case relay.AskSnapshot:
		return s.cameras.Snapshot(ctx, q.CameraID)
	case relay.AskLook:
		v, began, err := s.cameras.LookInto(ctx, q.CameraID, q.After)
		return looked{v, began}, err
	case relay.AskTrial:
		if q.Detector == nil {
			return nil, errors.New("no thresholds to try")
		}
		return s.cameras.TryDetector(ctx, q.CameraID, *q.Detector)
	case relay.AskRecordings:
		return s.cameras.Recordings(ctx, q.CameraID)
	case relay.AskRecording:
		return s.cameras.Recording(ctx, q.CameraID, q.Event)
	case relay.AskLearn:
		return struct{}{}, s.cameras.Learn(ctx, q.CameraID)
	}
	return nil, fmt.Errorf("nobody knows how to answer %.64q", q.Asked)
}

// camerasEverywhere are the cameras that run here and those that agents run.
type camerasEverywhere struct {
	*pipeline.Cameras
	agents *agents.Service
	places *store.Store
}

// States implements api.Cameras.
func (c camerasEverywhere) States() map[string]pipeline.CameraState {
	states := c.agents.CameraStates()
	maps.Copy(states, c.Cameras.States())
	return states
}

// agentOf is the station whose agent runs a camera; false where none does.
func (c camerasEverywhere) agentOf(ctx context.Context, cameraID string) (stationID string, ok bool, err error) {
	cam, err := c.places.GetCamera(ctx, cameraID)
	if err != nil {
		return "", false, err
	}
	st, err := c.places.GetStation(ctx, cam.StationID)
	return st.ID, err == nil && st.Agent && cam.Enabled, err
}

// PushFrame implements api.Cameras.
func (c camerasEverywhere) PushFrame(ctx context.Context, id string, frame pipeline.Upload) (*pipeline.PushedFrame, error) {
	out, err := c.Cameras.PushFrame(ctx, id, frame)
	if errors.Is(err, pipeline.ErrUnknownCamera) {
		if _, there, _ := c.agentOf(ctx, id); there {
			return nil, pipeline.ErrAtStation
		}
	}
	return out, err
}

// Snapshot implements api.Cameras.
func (c camerasEverywhere) Snapshot(ctx context.Context, id string) (*pipeline.Snapshot, error) {
	out, err := c.Cameras.Snapshot(ctx, id)
	err = ask(ctx, c, err, relay.Question{Asked: relay.AskSnapshot, CameraID: id}, &out, func() bool {
		return out != nil && codec.CheckDeclared("image/jpeg", out.JPEG) == nil
	})
	return out, err
}

// Learn implements api.Cameras.
func (c camerasEverywhere) Learn(ctx context.Context, id string) error {
	err := c.Cameras.Learn(ctx, id)
	if !errors.Is(err, pipeline.ErrUnknownCamera) {
		return err
	}
	err = ask(ctx, c, err, relay.Question{Asked: relay.AskLearn, CameraID: id}, &struct{}{}, func() bool { return true })
	if err != nil {
		return err
	}
	return c.Forget(ctx, id)
}

// LookInto implements api.Cameras.
func (c camerasEverywhere) LookInto(ctx context.Context, id string, after uint64) (pipeline.DetectorView, bool, error) {
	v, began, err := c.Cameras.LookInto(ctx, id, after)
	out := looked{v, began}
	err = ask(ctx, c, err, relay.Question{Asked: relay.AskLook, CameraID: id, After: after}, &out, func() bool {
		for _, l := range out.View.Looks {
			if !placeable(&l) {
				return false
			}
		}
		return len(out.View.Looks) == len(out.View.Pictures)
	})
	return out.View, out.Began, err
}

// placeable reports whether a look can be drawn over a picture.
func placeable(l *deposit.Look) bool { return l.Picture.X > 0 && l.Picture.Y > 0 }

// TryDetector implements api.Cameras.
func (c camerasEverywhere) TryDetector(ctx context.Context, id string, d station.Detector) (pipeline.Trial, error) {
	out, err := c.Cameras.TryDetector(ctx, id, d)
	err = ask(ctx, c, err, relay.Question{Asked: relay.AskTrial, CameraID: id, Detector: &d}, &out, func() bool { return true })
	return out, err
}

// Recordings implements api.Cameras.
func (c camerasEverywhere) Recordings(ctx context.Context, id string) ([]pipeline.Recorded, error) {
	out, err := c.Cameras.Recordings(ctx, id)
	err = ask(ctx, c, err, relay.Question{Asked: relay.AskRecordings, CameraID: id}, &out, func() bool { return true })
	return out, err
}

// Recording implements api.Cameras.
func (c camerasEverywhere) Recording(ctx context.Context, id string, event uint64) (pipeline.Recorded, error) {
	out, err := c.Cameras.Recording(ctx, id, event)
	err = ask(ctx, c, err, relay.Question{Asked: relay.AskRecording, CameraID: id, Event: event}, &out, func() bool {
		for n := range out.Strip {
			if !placeable(&out.Strip[n].Look) {
				return false
			}
		}
		return true
	})
	return out, err
}

// ask puts a question to the agent that runs a camera, where err says that the
// camera does not run here, and decodes the reply into out; sound says whether
// it can be used. Otherwise it returns err.
func ask[T any](ctx context.Context, c camerasEverywhere, err error, q relay.Question, out *T, sound func() bool) error {
	if !errors.Is(err, pipeline.ErrUnknownCamera) {
		return err
	}
	stationID, there, lookupErr := c.agentOf(ctx, q.CameraID)
	if lookupErr != nil || !there {
		return errors.Join(lookupErr, err)
	}
	r, err := c.agents.Ask(ctx, stationID, q)
	if err != nil {
		return err
	}
	if r.Error != "" {
		if known, ok := questionErrors[r.Error]; ok {
			return fmt.Errorf("at the station: %w", known)
		}
		return agents.ErrReply
	}
	var got T
	if json.Unmarshal(r.Body, &got) != nil {
		return agents.ErrReply
	}
	if *out = got; !sound() {
		return agents.ErrReply
	}
	return nil
}

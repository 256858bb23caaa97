package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/store"
)

// CameraAccess is one look through a camera.
type CameraAccess struct {
	Seq       int64     `json:"seq" doc:"Counts the looks, without a gap"`
	At        time.Time `json:"at"`
	CameraID  string    `json:"camera_id"`
	StationID string    `json:"station_id"`
	By        Accessor  `json:"by"`
}

// Accessor is whoever looked.
type Accessor struct {
	ID   string    `json:"id" doc:"Of the token or session"`
	Name string    `json:"name"`
	Kind auth.Kind `json:"kind" enum:"token,session"`
}

func (s *Server) registerSnapshots() {
	s.handlePlain(route{
		method: http.MethodGet, path: base + "/cameras/{id}/snapshot", id: "get-camera-snapshot", tag: "places", action: auth.Manage,
		summary: "Look through a camera, to set it up",
		about: "The latest whole view, at most 1280 pixels long, in which faces and people are painted over. It is made when it is asked for, " +
			"kept nowhere, and who asked is written down before it is sent (see `list-camera-accesses`). It needs no regions. " +
			"409 `camera-not-ready` before the first frame and `camera-not-running` where the camera is disabled; 429 `too-many-requests` above " +
			"two a second; 503 `redaction-failed` where it could not be redacted. Of a camera that a station's agent runs the agent is asked, and " +
			"redacts it before it leaves the station; 503 `agent-away` where it does not answer within some seconds.",
	}, func(op *huma.Operation) {
		op.Parameters = []*huma.Param{pathParam("id", "The camera")}
		op.Responses["200"] = &huma.Response{
			Description: "The view", Content: binary("image/jpeg"),
			Headers: map[string]*huma.Param{
				"X-Captured-At": {Description: "When the frame was captured", Schema: &huma.Schema{Type: huma.TypeString, Format: "date-time"}},
				"X-Painted":     {Description: "How many places were painted over", Schema: &huma.Schema{Type: huma.TypeInteger}},
			},
		}
		op.Errors = append(op.Errors, http.StatusConflict, http.StatusTooManyRequests)
	}, s.serveSnapshot)

	handle(s, route{
		method: http.MethodGet, path: base + "/accesses", id: "list-camera-accesses", tag: "privacy", action: auth.Oversee,
		summary: "List who has looked through the cameras, newest first",
	}, s.listAccesses)
}

func (s *Server) serveSnapshot(c *fiber.Ctx) error {
	ctx := c.UserContext()
	cam, err := s.camera(ctx, c.Params("id"), auth.Manage)
	if err != nil {
		return err
	}
	snapshot, err := s.Cameras.Snapshot(ctx, cam.ID)
	if err != nil {
		return err
	}
	by := principalOf(ctx)
	access := store.CameraAccess{
		CameraID: cam.ID, StationID: cam.StationID, PrincipalID: by.ID, PrincipalName: by.Name, PrincipalKind: string(by.Kind),
	}
	// Whoever cannot be written down is not shown anything.
	if err := s.Store.LogAccess(ctx, &access); err != nil {
		return fmt.Errorf("api: access log: %w", err)
	}
	s.Log.InfoContext(ctx, "somebody looked through a camera", "id", requestID(ctx), "camera", cam.ID, "station", cam.StationID,
		"principal", by.ID, "name", by.Name, "access", access.Seq)
	c.Set(fiber.HeaderContentType, "image/jpeg")
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set("X-Captured-At", snapshot.CapturedAt.UTC().Format(time.RFC3339Nano))
	c.Set("X-Painted", strconv.Itoa(snapshot.Painted))
	return c.Send(snapshot.JPEG)
}

func (s *Server) listAccesses(ctx context.Context, in *struct {
	PageQuery
	Camera string `query:"camera" maxLength:"64"`
},
) (*listOut[CameraAccess], error) {
	after, err := in.after()
	if err != nil {
		return nil, err
	}
	rows, next, err := s.Store.ListAccesses(ctx, in.Camera, after, in.Limit)
	if err != nil {
		return nil, err
	}
	items := make([]CameraAccess, len(rows))
	for n, r := range rows {
		items[n] = CameraAccess{
			Seq: r.Seq, At: r.At, CameraID: r.CameraID, StationID: r.StationID,
			By: Accessor{ID: r.PrincipalID, Name: r.PrincipalName, Kind: auth.Kind(r.PrincipalKind)},
		}
	}
	return listOf(items, next), nil
}

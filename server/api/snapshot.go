package api

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/binside/binside/server/auth"
)

func (s *Server) registerSnapshot() {
	s.handlePlain(route{
		method: http.MethodGet, path: base + "/cameras/{id}/snapshot", id: "get-snapshot", tag: "places", action: auth.Manage,
		summary: "Get a camera's present view",
		about:   "The whole view, for setting the camera up. Outside the bins' regions it is too coarse to know a face. Never stored; who asked is logged.",
	}, func(op *huma.Operation) {
		op.Parameters = []*huma.Param{pathParam("id", "The camera")}
		op.Responses["200"] = &huma.Response{Description: "The view", Content: binary("image/jpeg")}
		op.Errors = append(op.Errors, http.StatusConflict)
	}, s.serveSnapshot)
}

func (s *Server) serveSnapshot(c *fiber.Ctx) error {
	ctx := c.UserContext()
	cam, err := s.camera(ctx, c.Params("id"), auth.Manage)
	if err != nil {
		return err
	}
	jpeg, err := s.Cameras.Snapshot(ctx, cam.ID)
	if err != nil {
		return err
	}
	s.Log.InfoContext(ctx, "a camera's view was shown", "camera", cam.ID, "by", principalOf(ctx).Name)
	c.Set(fiber.HeaderContentType, "image/jpeg")
	return c.Send(jpeg)
}

package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/binside/binside/server/agents"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/relay"
)

func (s *Server) registerAgentCalls() {
	s.handlePlain(route{
		method: http.MethodGet, path: base + "/stations/{id}/agent/call", id: "call", tag: "agents", action: auth.Attend,
		summary: "Wait for what the server has for a station's agent",
		about: "That there may be a newer bundle, or a question about one of the station's cameras, which is answered by `reply`. " +
			"Of two calls of a station the later one is served. 204 where there was nothing.",
	}, func(op *huma.Operation) {
		op.Parameters = []*huma.Param{pathParam("id", "The station"), queryParam("wait", "How long to wait, 0s to 30s")}
		op.Responses["200"] = &huma.Response{Description: "What there is", Content: s.content("application/json", relay.Call{})}
		op.Responses["204"] = &huma.Response{Description: "Nothing"}
		op.Errors = append(op.Errors, http.StatusConflict)
	}, s.call)

	s.handlePlain(route{
		method: http.MethodPost, path: base + "/stations/{id}" + repliesPath, id: "reply", tag: "agents", action: auth.Attend,
		summary: "Answer a question about one of the station's cameras",
		about:   "Nothing of the reply is stored. 404 where nobody waits for it any more.",
	}, func(op *huma.Operation) {
		op.Parameters = []*huma.Param{pathParam("id", "The station")}
		op.RequestBody = &huma.RequestBody{Required: true, Content: s.content("application/json", relay.Reply{})}
		op.Responses["204"] = &huma.Response{Description: "Taken"}
		op.Errors = append(op.Errors, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}, s.reply)
}

// repliesPath ends the path of what may hold pictures.
const repliesPath = "/agent/replies"

func (s *Server) call(c *fiber.Ctx) error {
	wait, err := waitOf(c)
	if err != nil {
		return err
	}
	id, by := c.Params("id"), principalOf(c.UserContext())
	st, err := s.station(c.UserContext(), id, auth.Attend)
	if err != nil {
		return err
	}
	if !st.Agent {
		return agents.ErrNoAgent
	}
	ctx, cancel := s.waiting(wait)
	defer cancel()
	call := s.Agents.Next(ctx, id)
	if call == (relay.Call{}) {
		return c.SendStatus(http.StatusNoContent)
	}
	// The token may have been revoked meanwhile.
	if by.Kind == auth.ByToken {
		check, done := s.withDeadline(s.cfg.RequestTimeout)
		defer done()
		if err := s.Auth.Stands(check, by.ID); errors.Is(err, auth.ErrRefused) {
			return err
		}
	}
	return sendJSON(c, http.StatusOK, call)
}

func (s *Server) reply(c *fiber.Ctx) error {
	id := c.Params("id")
	if err := s.attended(c.UserContext(), id); err != nil {
		return err
	}
	var r relay.Reply
	// An agent may say more than is known here.
	if err := json.Unmarshal(c.Body(), &r); err != nil {
		return kindBadRequest.problem("The body is not the JSON that is expected here")
	}
	if err := s.Agents.Reply(id, r); err != nil {
		return err
	}
	return c.SendStatus(http.StatusNoContent)
}

// placed is called after something of a station was changed: the cameras that
// run here follow the store, and an agent is told to.
func (s *Server) placed(ctx context.Context, stationID string) {
	s.reload(ctx)
	s.renew(stationID)
}

// renew tells a station's agent, where it has one, that its bundle has changed.
func (s *Server) renew(stationID string) {
	if s.Agents != nil {
		s.Agents.Renew(stationID)
	}
}

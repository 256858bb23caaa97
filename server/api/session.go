package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/binside/binside/server/auth"
)

// Session says who is asking.
type Session struct {
	User      string     `json:"user"`
	Kind      auth.Kind  `json:"kind" enum:"session,token"`
	Scopes    []string   `json:"scopes" example:"[\"read\"]"`
	ExpiresAt *time.Time `json:"expires_at,omitempty" doc:"End of the session; absent for a token"`
}

// Enter is the body of POST /session.
type Enter struct {
	Code string `json:"code" minLength:"1" maxLength:"128" doc:"The code of a one-time link, after #/enter/"`
}

func (s *Server) registerSession() {
	s.handlePlain(route{
		method: http.MethodPost, path: base + "/session", id: "enter", tag: "session", action: anyone,
		summary: "Open a session with a one-time code", status: http.StatusNoContent,
	}, func(op *huma.Operation) {
		op.RequestBody = &huma.RequestBody{Required: true, Content: s.content("application/json", Enter{})}
		op.Responses["204"] = &huma.Response{Description: "The cookie " + sessionCookie + " is set"}
		op.Errors = append(op.Errors, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests)
	}, s.enter)

	handle(s, route{
		method: http.MethodGet, path: base + "/session", id: "get-session", tag: "session", action: auth.Self,
		summary: "Who am I",
	}, func(ctx context.Context, _ *struct{}) (*struct{ Body Session }, error) {
		p := principalOf(ctx)
		out := Session{User: p.Name, Kind: p.Kind, Scopes: []string{}}
		for _, sc := range p.Scopes {
			out.Scopes = append(out.Scopes, string(sc))
		}
		if cred, ok := ctx.Value(keyCredential).(credential); ok && !cred.expires.IsZero() {
			out.ExpiresAt = &cred.expires
		}
		return &struct{ Body Session }{out}, nil
	})

	s.handlePlain(route{
		method: http.MethodDelete, path: base + "/session", id: "leave", tag: "session", action: auth.Self,
		summary: "End the session", status: http.StatusNoContent,
	}, func(op *huma.Operation) {
		op.Responses["204"] = &huma.Response{Description: "The session has ended and its cookie is gone"}
	}, s.leave)
}

func (s *Server) enter(c *fiber.Ctx) error {
	// A browser says where a request comes from; nobody else's page may put a
	// stranger's session into it.
	if (c.Get("Sec-Fetch-Site") != "" || c.Get(fiber.HeaderOrigin) != "") && !sameOrigin(c) {
		s.metrics.refusals.WithLabelValues("cross-site").Inc()
		return kindCrossSite.problem("A session can be opened only from this service's own page")
	}
	var in Enter
	if err := readJSON(c, &in); err != nil {
		return err
	}
	if err := s.budget(c, in.Code); err != nil {
		return err
	}
	ses, secret, err := s.Auth.Enter(c.UserContext(), in.Code)
	if errors.Is(err, auth.ErrRefused) {
		s.failed(c, "one-time-code")
		return kindLinkRefused.problem("Ask for a new one where the service runs")
	}
	if err != nil {
		return err
	}
	c.Cookie(s.cookie(c, secret, ses.ExpiresAt))
	return c.SendStatus(http.StatusNoContent)
}

func (s *Server) leave(c *fiber.Ctx) error {
	if cred, ok := c.UserContext().Value(keyCredential).(credential); ok && cred.session != "" {
		if err := s.Auth.Leave(c.UserContext(), cred.session); err != nil {
			return err
		}
		c.Cookie(s.cookie(c, "", time.Unix(1, 0)))
	}
	return c.SendStatus(http.StatusNoContent)
}

func (s *Server) cookie(c *fiber.Ctx, value string, expires time.Time) *fiber.Cookie {
	return &fiber.Cookie{
		Name: sessionCookie, Value: value, Path: "/", Expires: expires,
		HTTPOnly: true, SameSite: fiber.CookieSameSiteStrictMode, Secure: s.cfg.SecureCookie || c.Secure(),
	}
}

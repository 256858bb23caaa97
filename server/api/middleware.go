package api

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/binside/binside/server/auth"
)

const sessionCookie = "binside_session"

type contextKey int

const (
	keyRequestID contextKey = iota
	keyPrincipal
	keyCredential
)

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(keyRequestID).(string)
	return id
}

func requestURN(id string) string {
	if id == "" {
		return ""
	}
	return "urn:binside:request:" + id
}

// principalOf is whoever makes the request; nil for nobody.
func principalOf(ctx context.Context) *auth.Principal {
	p, _ := ctx.Value(keyPrincipal).(*auth.Principal)
	return p
}

// credential is the session that a request came with, for ending it.
type credential struct {
	session string
	expires time.Time
}

// outermost gives every request its id, its deadline and its security
// headers, turns panics into problems, and logs and counts the answer.
func (s *Server) outermost(c *fiber.Ctx) error {
	began := time.Now()
	id := strings.ToLower(rand.Text()[:16])
	ctx, cancel := s.withDeadline(s.cfg.RequestTimeout)
	defer cancel()
	c.SetUserContext(context.WithValue(ctx, keyRequestID, id))
	secure(c, id)
	if err := s.guarded(c); err != nil {
		if err := s.answerError(c, err); err != nil {
			return err
		}
	}
	status, route := c.Response().StatusCode(), routeOf(c)
	s.metrics.requests.WithLabelValues(c.Method(), route, statusClass(status)).Inc()
	s.metrics.seconds.WithLabelValues(route).Observe(time.Since(began).Seconds())
	if s.Log.Enabled(ctx, slog.LevelDebug) {
		s.Log.DebugContext(ctx, "request", "id", id, "method", c.Method(), "path", c.Path(),
			"status", status, "took", time.Since(began), "remote", c.IP())
	}
	return nil
}

// guarded runs the rest of the chain and makes a panic an error.
func (s *Server) guarded(c *fiber.Ctx) (err error) {
	defer func() {
		if v := recover(); v != nil {
			s.metrics.panics.Inc()
			s.Log.Error("panic in a request", "id", requestID(c.UserContext()), "method", c.Method(),
				"path", c.Path(), "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			err = kindInternal.problem("")
		}
	}()
	if len(c.Request().Header.Peek(fiber.HeaderContentEncoding)) > 0 {
		// Nothing here needs compressed requests, and unpacking one has no
		// bound.
		return kindType.problem("Content-Encoding is not accepted")
	}
	return c.Next()
}

// secure sets the headers that hold for every answer; pages loosen the policy
// for themselves.
func secure(c *fiber.Ctx, id string) {
	c.Set("X-Request-Id", id)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	// Not no-referrer: browsers would then send "Origin: null" with the page's
	// own requests, and over plain HTTP nothing else tells where they come from.
	c.Set(fiber.HeaderReferrerPolicy, "same-origin")
	c.Set("Cross-Origin-Resource-Policy", "same-origin")
	c.Set(fiber.HeaderCacheControl, "no-store")
}

func statusClass(status int) string {
	switch status / 100 {
	case 2:
		return "2xx"
	case 3:
		return "3xx"
	case 4:
		return "4xx"
	}
	return "5xx"
}

// routeOf names the route for metrics: one of a fixed number of words.
func routeOf(c *fiber.Ctx) string {
	if r := c.Route(); r != nil && r.Path != "/" {
		return r.Path
	}
	if c.Response().StatusCode() == http.StatusOK {
		return "page"
	}
	return "none"
}

// answerError writes any error as a problem. It is Fiber's error handler too,
// for what goes wrong before the first middleware.
func (s *Server) answerError(c *fiber.Ctx, err error) error {
	p := problemOf(err)
	id := requestID(c.UserContext())
	var f *fiber.Error
	if id == "" { // refused before the first middleware, often without being read whole
		secure(c, "")
		linger(c.Context().Conn())
		if errors.As(err, &f) && f.Code == http.StatusRequestEntityTooLarge && c.Get(fiber.HeaderAuthorization) == "" && c.Cookies(sessionCookie) == "" {
			p = kindUnauthorised.problem("The request is large and has no credential")
		}
	}
	if p.Status == http.StatusInternalServerError {
		s.Log.ErrorContext(c.UserContext(), "request failed", "id", id, "method", c.Method(), "path", c.Path(), "err", err)
	}
	answer := *p
	if answer.Instance == "" {
		answer.Instance = requestURN(id)
	}
	if answer.Status == http.StatusUnauthorized {
		c.Set(fiber.HeaderWWWAuthenticate, `Bearer realm="binside"`)
	}
	return answer.send(c)
}

// authenticate finds out who asks and turns strangers away from everything
// but the few open routes.
func (s *Server) authenticate(c *fiber.Ctx) error {
	open := s.isOpen(c)
	p, cred, err := s.identify(c)
	switch {
	case err != nil && !open:
		return err
	case err == nil && p == nil && !open:
		return kindUnauthorised.problem("Send a token as a bearer, or open a session")
	case err != nil || p == nil:
		return c.Next()
	}
	s.presence.met(p, remote(c), s.cfg.Now())
	ctx := context.WithValue(c.UserContext(), keyPrincipal, p)
	c.SetUserContext(context.WithValue(ctx, keyCredential, cred))
	return c.Next()
}

// identify checks the request's credential, a bearer token or else a session
// cookie. No credential is no error.
func (s *Server) identify(c *fiber.Ctx) (*auth.Principal, credential, error) {
	header, cookie := c.Get(fiber.HeaderAuthorization), c.Cookies(sessionCookie)
	if header == "" && cookie == "" {
		return nil, credential{}, nil
	}
	token := bearer(header)
	secret := token
	if header == "" {
		secret = cookie
	}
	if err := s.budget(c, secret); err != nil {
		return nil, credential{}, err
	}
	var (
		p    *auth.Principal
		cred credential
		err  error
	)
	if header == "" {
		cred.session = cookie
		p, cred.expires, err = s.Auth.CheckSession(c.UserContext(), cookie)
	} else {
		p, err = s.Auth.CheckToken(c.UserContext(), token)
	}
	if errors.Is(err, auth.ErrRefused) {
		s.failed(c, "credential")
		return nil, cred, kindUnauthorised.problem("The credential is unknown, expired or revoked")
	}
	if err != nil {
		return nil, cred, err
	}
	if p.Kind == auth.BySession && unsafeMethod(c.Method()) && !sameOrigin(c) {
		s.metrics.refusals.WithLabelValues("cross-site").Inc()
		return nil, cred, kindCrossSite.problem("A session may change things only from this service's own page")
	}
	return p, cred, nil
}

// bearer is the token of an Authorization header, empty for another scheme.
func bearer(header string) string {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// budget refuses an address that has failed too often, unless the credential
// was good a short while ago.
func (s *Server) budget(c *fiber.Ctx, secret string) error {
	wait, exhausted := s.limiter.Exhausted(remote(c))
	if !exhausted || s.Auth.Known(secret) {
		return nil
	}
	s.metrics.refusals.WithLabelValues("too-many-attempts").Inc()
	p := kindAttempts.problem("Wait before the next attempt")
	p.retryAfter = wait
	return p
}

// failed counts a failed attempt of the request's address.
func (s *Server) failed(c *fiber.Ctx, reason string) {
	s.metrics.refusals.WithLabelValues(reason).Inc()
	s.limiter.Failed(remote(c))
}

func remote(c *fiber.Ctx) netip.Addr {
	ap, err := netip.ParseAddrPort(c.Context().RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr()
}

func unsafeMethod(m string) bool {
	return m != http.MethodGet && m != http.MethodHead && m != http.MethodOptions
}

func sameOrigin(c *fiber.Ctx) bool {
	return auth.SameOrigin(c.Get("Sec-Fetch-Site"), c.Get(fiber.HeaderOrigin), string(c.Context().Host()))
}

// mayEver checks, before anything is looked up, that the caller could do the
// action at all.
func (s *Server) mayEver(ctx context.Context, a auth.Action) error {
	if s.cfg.Managed && (a == auth.Manage || a == auth.Review || a == auth.Label) {
		return kindManaged.problem("This station's server manages it: change it there")
	}
	if !principalOf(ctx).CouldEver(a) {
		return kindForbidden.problem("This needs the right to " + string(a))
	}
	return nil
}

// fasthttpLog takes the HTTP server's own complaints, which are about broken
// connections.
type fasthttpLog struct{ log *slog.Logger }

func (l fasthttpLog) Printf(format string, args ...any) {
	l.log.Debug("http connection", "what", fmt.Sprintf(format, args...))
}

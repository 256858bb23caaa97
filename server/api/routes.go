package api

import (
	"bytes"
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/binside/binside/server/auth"
)

// base is where the JSON API lives.
const base = "/api/v1"

// route is one operation of the API. Its action is part of the OpenAPI
// document, as x-binside-action.
type route struct {
	method, path string
	action       auth.Action
	id           string // operation id
	tag, summary string
	status       int // of success, 200 where zero
	about        string
}

// anyone marks the routes that answer without a credential, or with a signed
// link.
const anyone auth.Action = ""

// routes remembers what was registered, for the checks that come before
// routing.
type routes struct {
	open map[string]bool // "METHOD /path" with {parameters}
}

func (r *routes) add(rt route) {
	if r.open == nil {
		r.open = make(map[string]bool)
	}
	if rt.action == anyone {
		r.open[rt.method+" "+rt.path] = true
	}
}

// takesPictures reports whether the target is a route that takes large bodies.
// It is asked before routing, with the raw target, and only bounds the body.
func (*routes) takesPictures(target []byte) bool {
	path, _, _ := bytes.Cut(target, []byte("?"))
	return bytes.HasPrefix(path, []byte(base)) &&
		(bytes.HasSuffix(path, []byte("/frames")) || bytes.HasSuffix(path, []byte("/deposits")) || bytes.HasSuffix(path, []byte("/samples")) ||
			bytes.HasSuffix(path, []byte("/agent/inspections")) || bytes.HasSuffix(path, []byte(repliesPath)))
}

// isOpen reports whether the request may come without a credential: a positive
// list, and everything else is closed.
func (s *Server) isOpen(c *fiber.Ctx) bool {
	method, path := c.Method(), c.Path()
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if s.routes.open[method+" "+path] {
		return true
	}
	if method != http.MethodGet {
		return false
	}
	return signedPath(path) || s.page.isShell(path, c.Get(fiber.HeaderAccept))
}

// signedPath reports whether the path is one that carries its own permission, a
// signature or a receipt's code; the handlers check it.
func signedPath(path string) bool {
	rest, ok := strings.CutPrefix(path, base)
	return ok && (strings.HasPrefix(rest, "/evidence/") ||
		strings.HasPrefix(rest, "/receipts/") ||
		strings.HasPrefix(rest, "/samples/") && strings.HasSuffix(rest, "/image"))
}

func (s *Server) operation(rt route) huma.Operation {
	s.routes.add(rt)
	op := huma.Operation{
		OperationID: rt.id, Method: rt.method, Path: rt.path, Summary: rt.summary, Description: rt.about,
		Tags: []string{rt.tag}, DefaultStatus: rt.status,
		Errors:     []int{http.StatusUnprocessableEntity, http.StatusServiceUnavailable},
		Extensions: map[string]any{"x-binside-action": string(rt.action)},
	}
	if rt.action == anyone {
		op.Security = []map[string][]string{}
	} else {
		op.Security = []map[string][]string{{"token": {}}, {"session": {}}}
		op.Errors = append(op.Errors, http.StatusUnauthorized, http.StatusForbidden)
	}
	if strings.Contains(rt.path, "{") {
		op.Errors = append(op.Errors, http.StatusNotFound)
	}
	return op
}

// handle registers a JSON operation: its input and output are the Go types.
// The action is checked before the handler runs, as far as it can be without
// knowing the resource; the handler checks the resource.
func handle[I, O any](s *Server, rt route, fn func(context.Context, *I) (*O, error)) {
	op := s.operation(rt)
	if rt.action != anyone {
		op.Middlewares = huma.Middlewares{func(ctx huma.Context, next func(huma.Context)) {
			if err := s.mayEver(ctx.Context(), rt.action); err != nil {
				s.writeProblem(ctx, err)
				return
			}
			next(ctx)
		}}
	}
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := fn(ctx, in)
		if err != nil {
			return nil, s.toProblem(ctx, op, err)
		}
		return out, nil
	})
}

// toProblem is answerError's work for huma's handlers.
func (s *Server) toProblem(ctx context.Context, op huma.Operation, err error) *Problem {
	p := problemOf(err)
	if p.Status == http.StatusInternalServerError {
		s.Log.ErrorContext(ctx, "request failed", "id", requestID(ctx), "operation", op.OperationID, "err", err)
	}
	answer := *p
	if answer.Instance == "" {
		answer.Instance = requestURN(requestID(ctx))
	}
	return &answer
}

func (s *Server) writeProblem(ctx huma.Context, err error) {
	p := s.toProblem(ctx.Context(), *ctx.Operation(), err)
	ctx.SetHeader("Content-Type", problemType)
	ctx.SetStatus(p.Status)
	if err := s.api.Marshal(ctx.BodyWriter(), "application/json", p); err != nil {
		s.Log.ErrorContext(ctx.Context(), "writing a problem", "err", err)
	}
}

// handlePlain registers a route that huma cannot serve (images, streams) with
// an operation that is described by hand.
func (s *Server) handlePlain(rt route, describe func(*huma.Operation), fn fiber.Handler) {
	op := s.operation(rt)
	op.Responses = map[string]*huma.Response{}
	describe(&op)
	for _, status := range op.Errors {
		key := statusKey(status)
		if op.Responses[key] == nil {
			op.Responses[key] = &huma.Response{Description: http.StatusText(status), Content: s.content(problemType, Problem{})}
		}
	}
	s.api.OpenAPI().AddOperation(&op)
	path := strings.NewReplacer("{", ":", "}", "").Replace(rt.path)
	handler := func(c *fiber.Ctx) error {
		if rt.action != anyone {
			if err := s.mayEver(c.UserContext(), rt.action); err != nil {
				return err
			}
		}
		return fn(c)
	}
	s.app.Add(rt.method, path, handler)
}

// register adds every route. The order of groups is that of the document.
func (s *Server) register() {
	s.registerSession()
	s.registerStations()
	s.registerPromptSettings()
	s.registerBins()
	s.registerCameras()
	s.registerSnapshots()
	s.registerDeletions()
	s.registerDetector()
	s.registerPush()
	s.registerInspections()
	s.registerExplanation()
	s.registerEvents()
	s.registerScreen()
	s.registerSpeech()
	s.registerLatency()
	s.registerReceipt()
	s.registerAgents()
	s.registerDevices()
	s.registerSamples()
	s.registerReference()
	s.registerTokens()
	s.registerHealth()
	s.registerDocs()
}

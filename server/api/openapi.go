package api

import (
	"net/http"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/binside/binside/server/auth"
)

const about = `Bin-side inspection and correction (桶边督导).

Two ways to push: a frame to a **camera** goes through its detector; a deposit to a **bin** is judged as a whole.

Every error is an RFC 9457 problem with a stable ` + "`type`" + ` urn:binside:problem:…. Lists are paged by opaque cursors. Times are RFC 3339 in UTC.`

// openAPI is the document that the registrations fill.
func (s *Server) openAPI() huma.Config {
	c := huma.DefaultConfig("binside", s.cfg.Version)
	c.Info.Description = about
	c.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	// The document and its page are routes of ours, with an action like all
	// others; schema links in answers are not wanted.
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "", "", ""
	c.CreateHooks = nil
	c.RejectUnknownQueryParameters = true
	c.Formats = map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat}
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token":   {Type: "http", Scheme: "bearer", Description: "bin_<id>_<secret>, made by `binside token` or POST /api/v1/tokens"},
		"session": {Type: "apiKey", In: "cookie", Name: sessionCookie, Description: "Opened by a one-time link"},
	}
	c.Tags = []*huma.Tag{
		{Name: "session"}, {Name: "places", Description: "Stations, their bins and cameras"}, {Name: "push"}, {Name: "agents", Description: "Stations that decide on the spot"}, {Name: "inspections"},
		{Name: "samples"}, {Name: "reference"}, {Name: "tokens"}, {Name: "privacy", Description: "Who has looked, and what was deleted"}, {Name: "health"},
	}
	return c
}

// registerDocs serves the document and a page that makes it readable. It
// comes last: the document is complete then.
func (s *Server) registerDocs() {
	document := func(rt route, mediaType string, render func() ([]byte, error)) {
		s.handlePlain(rt, func(op *huma.Operation) {
			op.Responses["200"] = &huma.Response{Description: "OpenAPI 3.1", Content: map[string]*huma.MediaType{
				mediaType: {Schema: &huma.Schema{Type: huma.TypeString}},
			}}
		}, func(c *fiber.Ctx) error {
			body, err := render()
			if err != nil {
				return err
			}
			c.Set(fiber.HeaderContentType, mediaType)
			return c.Send(body)
		})
	}
	document(route{
		method: http.MethodGet, path: "/openapi.json", id: "openapi-json", tag: "reference", action: auth.Reference, summary: "This document as JSON",
	}, "application/json", sync.OnceValues(s.OpenAPI))
	document(route{
		method: http.MethodGet, path: "/openapi.yaml", id: "openapi-yaml", tag: "reference", action: auth.Reference, summary: "This document as YAML",
	}, "application/yaml", sync.OnceValues(s.api.OpenAPI().YAML))
	s.handlePlain(route{
		method: http.MethodGet, path: "/docs", id: "docs", tag: "reference", action: auth.Reference, summary: "This document as a page",
	}, func(op *huma.Operation) {
		op.Responses["200"] = &huma.Response{Description: "A page", Content: map[string]*huma.MediaType{
			fiber.MIMETextHTML: {Schema: &huma.Schema{Type: huma.TypeString}},
		}}
	}, s.serveDocs)
	s.app.Get("/swagger/*", s.serveSwagger)
}

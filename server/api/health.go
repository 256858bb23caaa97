package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/binside/binside/server/auth"
)

// Health says that the process answers.
type Health struct {
	Status  string `json:"status" enum:"ok"`
	Version string `json:"version"`
}

// ReadinessReport says whether work can be taken.
type ReadinessReport struct {
	Status     Status               `json:"status" enum:"ready,degraded,not-ready"`
	Components map[string]Readiness `json:"components,omitempty" doc:"By model, queue, store, objects, and mqtt and uplink where there are such; only to whom may read"`
}

// readyTimeout bounds the question how the parts do.
const readyTimeout = 3 * time.Second

func (s *Server) registerHealth() {
	s.handlePlain(route{
		method: http.MethodGet, path: "/healthz", id: "healthz", tag: "health", action: anyone, summary: "The process answers",
	}, func(op *huma.Operation) {
		op.Responses["200"] = &huma.Response{Description: "It does", Content: s.content("application/json", Health{})}
	}, func(c *fiber.Ctx) error {
		return sendJSON(c, http.StatusOK, Health{Status: "ok", Version: s.cfg.Version})
	})

	s.handlePlain(route{
		method: http.MethodGet, path: "/readyz", id: "readyz", tag: "health", action: anyone,
		summary: "Model, queue and store take work",
		about:   "degraded: the object store is away, and evidence is spooled on disk, or MQTT devices cannot connect. Without the scope read only the one word.",
	}, func(op *huma.Operation) {
		report := s.content("application/json", ReadinessReport{})
		op.Responses["200"] = &huma.Response{Description: "Ready, or degraded", Content: report}
		op.Responses["503"] = &huma.Response{Description: "Not ready", Content: report}
	}, s.serveReady)

	action := auth.Operate
	if s.cfg.OpenMetrics {
		action = anyone
	}
	gatherer := promhttp.HandlerFor(s.Gatherer, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
	metrics := adaptor.HTTPHandler(gatherer)
	s.handlePlain(route{
		method: http.MethodGet, path: "/metrics", id: "metrics", tag: "health", action: action, summary: "Figures for Prometheus",
	}, func(op *huma.Operation) {
		op.Responses["200"] = &huma.Response{Description: "Prometheus' text format", Content: map[string]*huma.MediaType{
			"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}},
		}}
	}, metrics)
}

func (s *Server) serveReady(c *fiber.Ctx) error {
	ctx, cancel := context.WithTimeout(c.UserContext(), readyTimeout)
	defer cancel()
	parts := s.Components(ctx)
	report := ReadinessReport{Status: Ready}
	for _, r := range parts {
		switch {
		case r.Status == NotReady:
			report.Status = NotReady
		case r.Status == Degraded && report.Status == Ready:
			report.Status = Degraded
		}
	}
	if principalOf(c.UserContext()).Can(auth.Operate, auth.Resource{}) {
		report.Components = parts
	}
	status := http.StatusOK
	if report.Status == NotReady {
		status = http.StatusServiceUnavailable
	}
	return sendJSON(c, status, report)
}

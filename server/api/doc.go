// Package api is the service's face on HTTP: the JSON API with its OpenAPI
// 3.1 document, pushed frames and deposits, the live stream, signed images,
// health and metrics, and the browser page's files.
//
// It translates and guards, and never decides: verdicts, storage and queueing
// are its neighbours' work, reached through the interfaces in deps.go. Every
// route names the action (server/auth) that its caller must hold; a route
// without one cannot be registered. Every error leaves through one table
// (errors.go) as an RFC 9457 problem.
//
// # Who may see what without a credential
//
//	GET /healthz            the process answers
//	GET /readyz             one word: ready, degraded or not-ready (the parts
//	                        behind it need the scope read)
//	GET /, /assets/*        the page's shell, which holds no data
//	POST /api/v1/session    exchanges a one-time code for a session
//
// Signed image links are credentials of their own. /metrics needs the scope
// read (Prometheus sends a bearer token), unless Config.OpenMetrics is set,
// which is meant for a listener on loopback. /docs and /openapi.* need any
// credential that may look at reference data.
//
// # Fiber
//
// Strings and bytes from a Fiber context are reused after the handler. The
// application runs with Immutable set, so that strings and bodies are copies;
// the image routes alone take the request's own bytes, which live until the
// handler returns, and hand them to parts that keep none of them.
package api

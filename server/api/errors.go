package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/binside/binside/camera/isolate"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/explain"
	"github.com/binside/binside/server/agents"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/explanation"
	"github.com/binside/binside/server/notify"
	"github.com/binside/binside/server/pipeline"
	"github.com/binside/binside/server/queue"
	"github.com/binside/binside/server/speech"
	"github.com/binside/binside/server/store"
	"github.com/binside/binside/server/store/object"
	"github.com/binside/binside/vision/codec"
)

// kind is one kind of problem: what its type, title and status are.
type kind struct {
	slug, title string
	status      int
	// retry is what Retry-After says, 0 for nothing.
	retry time.Duration
	// quiet keeps the error's own words from the answer: they are ours, for
	// the log.
	quiet bool
}

// problem is a problem of the kind, with a sentence on this case.
func (k kind) problem(detail string) *Problem {
	return &Problem{Type: typePrefix + k.slug, Title: k.title, Status: k.status, Detail: detail, retryAfter: k.retry}
}

// The kinds that handlers name themselves.
var (
	kindValidation   = kind{slug: "validation", title: "The request is not valid", status: http.StatusUnprocessableEntity}
	kindBadRequest   = kind{slug: "bad-request", title: "The request cannot be read", status: http.StatusBadRequest}
	kindUnauthorised = kind{slug: "unauthorised", title: "A credential is needed", status: http.StatusUnauthorized}
	kindForbidden    = kind{slug: "forbidden", title: "The credential does not allow this", status: http.StatusForbidden}
	kindCrossSite    = kind{slug: "cross-site", title: "The request does not come from this service's page", status: http.StatusForbidden}
	kindAttempts     = kind{slug: "too-many-attempts", title: "Too many failed attempts", status: http.StatusTooManyRequests}
	kindNotFound     = kind{slug: "not-found", title: "Not found", status: http.StatusNotFound}
	kindPromptOver   = kind{slug: "prompt-over", title: "The prompt is over", status: http.StatusConflict}
	kindReceipt      = kind{slug: "receipt-unknown", title: "The receipt is unknown or has expired", status: http.StatusNotFound}
	kindGone         = kind{slug: "gone", title: "No longer kept", status: http.StatusGone}
	kindLinkRefused  = kind{slug: "link-refused", title: "The one-time link is unknown, used or too old", status: http.StatusUnauthorized}
	kindType         = kind{slug: "unsupported-type", title: "Unsupported content type", status: http.StatusUnsupportedMediaType}
	kindManaged      = kind{slug: "managed-elsewhere", title: "The station is managed by its server", status: http.StatusForbidden}
	kindTooLarge     = kind{slug: "body-too-large", title: "The request is too large", status: http.StatusRequestEntityTooLarge}
	kindInternal     = kind{slug: "internal", title: "Internal error", status: http.StatusInternalServerError, quiet: true}
)

// imageKinds are the decoder's refusals by their reason.
var imageKinds = map[string]kind{
	codec.ReasonEmpty:         {slug: "image-empty", title: "The image is empty", status: http.StatusUnprocessableEntity},
	codec.ReasonTooManyBytes:  {slug: "image-too-many-bytes", title: "The image file is too large", status: http.StatusRequestEntityTooLarge},
	codec.ReasonTooManyPixels: {slug: "image-too-many-pixels", title: "The image has too many pixels", status: http.StatusRequestEntityTooLarge},
	codec.ReasonUnsupported:   {slug: "image-unsupported-format", title: "The image is neither JPEG nor PNG", status: http.StatusUnsupportedMediaType},
	codec.ReasonTypeMismatch:  {slug: "image-type-mismatch", title: "The image is not what it was declared as", status: http.StatusUnsupportedMediaType},
	codec.ReasonTruncated:     {slug: "image-truncated", title: "The image is cut off", status: http.StatusUnprocessableEntity},
	codec.ReasonCorrupt:       {slug: "image-corrupt", title: "The image is damaged", status: http.StatusUnprocessableEntity},
}

// errorKinds is the one table from error to problem; the first row that fits
// counts. What is in no row is an internal error.
var errorKinds = []struct {
	is   error
	kind kind
}{
	{pipeline.ErrNoImages, kind{slug: "no-images", title: "The deposit has no image", status: http.StatusUnprocessableEntity}},
	{pipeline.ErrTooManyImages, kind{slug: "too-many-images", title: "The deposit has too many images", status: http.StatusUnprocessableEntity}},
	{pipeline.ErrIdempotencyMismatch, kind{slug: "idempotency-mismatch", title: "The idempotency key was used for another request", status: http.StatusUnprocessableEntity}},
	{pipeline.ErrAtStation, kind{slug: "camera-at-agent", title: "The camera is run by its station's agent", status: http.StatusConflict}},
	{pipeline.ErrUnknownCamera, kind{slug: "camera-not-running", title: "The camera is disabled or not running", status: http.StatusConflict}},
	{pipeline.ErrNotPush, kind{slug: "not-a-push-camera", title: "The camera fetches its own frames", status: http.StatusConflict}},
	{pipeline.ErrTooManyWatched, kindTuningBusy},
	{pipeline.ErrTrialBusy, kindTuningBusy},
	{pipeline.ErrNothingRecorded, kind{slug: "nothing-recorded", title: "Nothing was recorded to try the thresholds on", status: http.StatusConflict}},
	{pipeline.ErrNotRecorded, kind{slug: "recording-gone", title: "The recording is no longer kept", status: http.StatusNotFound}},
	{pipeline.ErrFrameDropped, kind{slug: "frame-dropped", title: "A newer frame took this one's place", status: http.StatusServiceUnavailable, retry: time.Second}},
	{pipeline.ErrNoFrame, kind{slug: "camera-not-ready", title: "The camera has shown nothing yet", status: http.StatusConflict, retry: time.Second}},
	{pipeline.ErrTooOften, kind{slug: "too-many-requests", title: "Asked too often", status: http.StatusTooManyRequests, retry: time.Second}},
	{pipeline.ErrRedaction, kind{slug: "redaction-failed", title: "The picture cannot be redacted, and is not shown otherwise", status: http.StatusServiceUnavailable, quiet: true}},
	{pipeline.ErrClosed, kindStopping},
	{queue.ErrFull, kind{slug: "queue-full", title: "Too many deposits wait already", status: http.StatusServiceUnavailable, retry: 5 * time.Second}},
	{queue.ErrTooLarge, kind{slug: "deposit-too-large", title: "The deposit is too large for the queue", status: http.StatusRequestEntityTooLarge}},
	{queue.ErrUnavailable, kind{slug: "queue-unavailable", title: "The queue is not available", status: http.StatusServiceUnavailable, retry: 5 * time.Second, quiet: true}},
	{queue.ErrClosed, kindStopping},
	{notify.ErrClosed, kindStopping},
	{notify.ErrTooMany, kind{slug: "too-many-streams", title: "Too many live streams are open", status: http.StatusServiceUnavailable, retry: 30 * time.Second}},
	{explanation.ErrEvidenceGone, kind{slug: "evidence-gone", title: "No picture of the deposit is kept", status: http.StatusNotFound}},
	{explanation.ErrNoCategory, kind{slug: "nothing-to-explain", title: "The record names no category of the taxonomy in force", status: http.StatusNotFound}},
	{explanation.ErrBusy, kind{slug: "explanations-busy", title: "As many heat maps are being made as may be", status: http.StatusServiceUnavailable, retry: 2 * time.Second}},
	{explanation.ErrClosed, kindStopping},
	{speech.ErrUnavailable, kind{slug: "speech-unavailable", title: "This server has no voice", status: http.StatusServiceUnavailable}},
	{speech.ErrBusy, kind{slug: "speech-busy", title: "As many sentences are being rendered as may be", status: http.StatusServiceUnavailable, retry: time.Second}},
	{speech.ErrUnknown, kindNotFound},
	{explain.ErrModelChanged, kind{slug: "model-changed", title: "The model was changed meanwhile", status: http.StatusServiceUnavailable, retry: time.Second}},
	{isolate.ErrBusy, kind{slug: "decoders-busy", title: "Too many pictures wait to be decoded", status: http.StatusServiceUnavailable, retry: time.Second}},
	{isolate.ErrClosed, kindStopping},
	{models.ErrBusy, kind{slug: "models-busy", title: "The models are busy", status: http.StatusServiceUnavailable, retry: time.Second}},
	{agents.ErrNoAgent, kind{slug: "no-agent", title: "The station is not set to be run by an agent", status: http.StatusConflict}},
	{agents.ErrAway, kind{slug: "agent-away", title: "The station's agent does not answer", status: http.StatusServiceUnavailable, retry: 5 * time.Second}},
	{agents.ErrBusy, kind{slug: "agent-busy", title: "The station's agent is asked too much at once", status: http.StatusServiceUnavailable, retry: 2 * time.Second}},
	{agents.ErrReply, kind{slug: "agent-reply", title: "The station's agent gave no usable answer", status: http.StatusBadGateway}},
	{agents.ErrPictures, kind{slug: "pictures-missing", title: "The record is new here and pictures of it are missing", status: http.StatusUnprocessableEntity}},
	{agents.ErrRecord, kindValidation},
	{auth.ErrRefused, kindUnauthorised},
	{auth.ErrExpiry, kindValidation},
	{auth.ErrBadSignature, kind{slug: "link-invalid", title: "The link is not valid", status: http.StatusForbidden}},
	{auth.ErrLinkExpired, kind{slug: "link-expired", title: "The link has expired", status: http.StatusForbidden}},
	{object.ErrNotFound, kindGone},
	{object.ErrUnavailable, kind{slug: "objects-unavailable", title: "The image store is not available", status: http.StatusServiceUnavailable, retry: 10 * time.Second, quiet: true}},
	{store.ErrUnavailable, kind{slug: "store-unavailable", title: "The record store is not available", status: http.StatusServiceUnavailable, retry: 5 * time.Second, quiet: true}},
	{store.ErrNotFound, kindNotFound},
	{store.ErrConflict, kind{slug: "conflict", title: "The id is taken, or the record was changed meanwhile", status: http.StatusConflict, quiet: true}},
	{store.ErrInvalid, kindValidation},
	{context.DeadlineExceeded, kind{slug: "timeout", title: "It took too long", status: http.StatusServiceUnavailable, retry: 5 * time.Second, quiet: true}},
	{context.Canceled, kindStopping},
}

var kindTuningBusy = kind{slug: "tuning-busy", title: "Too many detectors are being tuned at once", status: http.StatusServiceUnavailable, retry: 5 * time.Second}

var kindStopping = kind{slug: "stopping", title: "The service is stopping", status: http.StatusServiceUnavailable, retry: 5 * time.Second, quiet: true}

// statusKinds are problems that Fiber or huma name only by their status.
var statusKinds = map[int]kind{
	http.StatusBadRequest:                   kindBadRequest,
	http.StatusUnauthorized:                 kindUnauthorised,
	http.StatusForbidden:                    kindForbidden,
	http.StatusNotFound:                     kindNotFound,
	http.StatusMethodNotAllowed:             {slug: "method-not-allowed", title: "The method is not allowed here", status: http.StatusMethodNotAllowed},
	http.StatusNotAcceptable:                {slug: "not-acceptable", title: "No acceptable representation", status: http.StatusNotAcceptable},
	http.StatusRequestTimeout:               {slug: "request-timeout", title: "The request came too slowly", status: http.StatusRequestTimeout},
	http.StatusRequestEntityTooLarge:        kindTooLarge,
	http.StatusUnsupportedMediaType:         kindType,
	http.StatusUnprocessableEntity:          kindValidation,
	http.StatusRequestedRangeNotSatisfiable: {slug: "range-not-satisfiable", title: "There is nothing at that range", status: http.StatusRequestedRangeNotSatisfiable},
	http.StatusTooManyRequests:              kindAttempts,
	http.StatusRequestHeaderFieldsTooLarge:  {slug: "headers-too-large", title: "The request's headers are too large", status: http.StatusRequestHeaderFieldsTooLarge},
	http.StatusInternalServerError:          kindInternal,
	http.StatusNotImplemented:               {slug: "method-unknown", title: "The method is unknown", status: http.StatusNotImplemented},
	// Fiber's word for a connection that broke while the request came in.
	http.StatusBadGateway: kindBadRequest,
}

func kindOfStatus(status int) kind {
	if k, ok := statusKinds[status]; ok {
		return k
	}
	if status >= 400 && status < 500 {
		return kindBadRequest
	}
	return kindInternal
}

// problemOf makes any error a problem.
func problemOf(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	var f *fiber.Error
	if errors.As(err, &f) {
		return kindOfStatus(f.Code).problem("")
	}
	var c *codec.Error
	if errors.As(err, &c) {
		k, ok := imageKinds[c.Reason]
		if !ok {
			k = kindValidation
		}
		p := k.problem(c.Detail)
		var i *pipeline.ImageError
		if errors.As(err, &i) {
			p.Errors = []FieldError{{Message: c.Detail, Location: imageLocation(i.Index)}}
		}
		return p
	}
	for _, row := range errorKinds {
		if errors.Is(err, row.is) {
			return row.kind.of(err)
		}
	}
	return kindInternal.problem("")
}

func (k kind) of(err error) *Problem {
	if k.quiet {
		return k.problem("")
	}
	return k.problem(err.Error())
}

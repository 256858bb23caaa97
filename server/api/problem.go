package api

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"
)

// typePrefix begins the type of every problem; the slug follows.
const typePrefix = "urn:binside:problem:"

const problemType = "application/problem+json"

// Problem is an RFC 9457 problem document. Type is stable: programs may
// branch on it.
type Problem struct { //nolint:errname // the RFC's name, and that of the API's schema
	Type   string `json:"type" format:"uri" example:"urn:binside:problem:not-found" doc:"Stable name of the kind of problem"`
	Title  string `json:"title" example:"Not found"`
	Status int    `json:"status" example:"404"`
	Detail string `json:"detail,omitempty" doc:"What went wrong this time, for people"`
	// Instance names the request, as the log does.
	Instance string       `json:"instance,omitempty" format:"uri" doc:"Names this one request, as the log does"`
	Errors   []FieldError `json:"errors,omitempty" doc:"What is wrong with which field"`

	retryAfter time.Duration
}

// FieldError is one field's trouble. The field's value is not repeated: it
// may be a secret.
type FieldError struct {
	Message  string `json:"message"`
	Location string `json:"location,omitempty" example:"body.accepts[0]"`
}

func (p *Problem) Error() string { return p.Title + ": " + p.Detail }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return problemType }

// GetHeaders implements huma.HeadersError.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.retryAfter > 0 {
		h.Set("Retry-After", seconds(p.retryAfter))
	}
	return h
}

// seconds writes a time for Retry-After, rounded up.
func seconds(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Seconds()))) }

// send writes the problem as the answer to a request.
func (p *Problem) send(c *fiber.Ctx) error {
	for name, values := range p.GetHeaders() {
		c.Set(name, values[0])
	}
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	c.Status(p.Status).Set(fiber.HeaderContentType, problemType)
	return c.Send(body)
}

// invalid is a problem of one field of the request.
func invalid(location, message string) *Problem {
	p := kindValidation.problem(message)
	p.Errors = []FieldError{{Message: message, Location: location}}
	return p
}

// init makes huma's own refusals (validation, malformed JSON, too large a
// body) problems of our shape, and lists never null. huma offers no other
// place for it than these variables of its package.
func init() {
	// No answer of ours holds null for a list, and no request may.
	huma.DefaultArrayNullable = false
	newError := func(status int, msg string, errs ...error) huma.StatusError {
		p := kindOfStatus(status).problem(msg)
		p.Status = status
		for _, err := range errs {
			var d huma.ErrorDetailer
			if errors.As(err, &d) {
				detail := d.ErrorDetail()
				p.Errors = append(p.Errors, FieldError{Message: detail.Message, Location: detail.Location})
			} else if err != nil {
				p.Errors = append(p.Errors, FieldError{Message: err.Error()})
			}
		}
		return p
	}
	huma.NewError = newError
	huma.NewErrorWithContext = func(ctx huma.Context, status int, msg string, errs ...error) huma.StatusError {
		p, _ := newError(status, msg, errs...).(*Problem)
		if p != nil && ctx != nil {
			p.Instance = requestURN(requestID(ctx.Context()))
		}
		return p
	}
}

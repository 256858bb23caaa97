package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/pipeline"
	"github.com/binside/binside/vision/codec"
)

// PushedDeposit answers a deposit that is queued.
type PushedDeposit struct {
	DepositID     string `json:"deposit_id" format:"uuid"`
	InspectionURL string `json:"inspection_url" doc:"Where the inspection will be"`
}

// PushedFrame answers a frame that was taken.
type PushedFrame struct {
	Seq uint64 `json:"seq" doc:"Counts the camera's frames since it was started"`
	// Deposits are there where the request waited.
	Deposits []Inspection `json:"deposits,omitempty" doc:"With ?wait=: the deposits that this frame completed"`
}

const waitAbout = "How long to wait for the verdict, 0s to 30s, such as 5s"

func (s *Server) registerPush() {
	s.handlePlain(route{
		method: http.MethodPost, path: base + "/bins/{id}/deposits", id: "push-deposit", tag: "push", action: auth.PushDeposit,
		summary: "Push one whole deposit to a bin",
		about: "One image as the body, or 1 to 8 as files of a multipart form, each already the bin's view. " +
			"The 2xx answer is given when the deposit is on the queue's disk. With an Idempotency-Key a repetition is not a second deposit.",
	}, func(op *huma.Operation) {
		op.Parameters = []*huma.Param{
			pathParam("id", "The bin"), queryParam("wait", waitAbout),
			headerParam("Idempotency-Key", "Names the request for its bin, 1 to 128 visible ASCII characters; remembered for two days"),
		}
		op.RequestBody = &huma.RequestBody{Required: true, Content: binary("image/jpeg", "image/png")}
		op.RequestBody.Content["multipart/form-data"] = &huma.MediaType{Schema: &huma.Schema{
			Type: huma.TypeObject, Properties: map[string]*huma.Schema{
				"images": {Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
			},
		}}
		op.Responses["201"] = &huma.Response{Description: "Judged within the time", Content: s.content("application/json", Inspection{})}
		op.Responses["202"] = &huma.Response{Description: "Queued; not judged yet", Content: s.content("application/json", PushedDeposit{})}
		op.Errors = append(op.Errors, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}, s.pushDeposit)

	s.handlePlain(route{
		method: http.MethodPost, path: base + "/cameras/{id}/frames", id: "push-frame", tag: "push", action: auth.PushFrame,
		summary: "Push one frame of a camera's stream",
		about:   "The frame goes through the camera's detector, like one of a fetched stream.",
	}, func(op *huma.Operation) {
		op.Parameters = []*huma.Param{
			pathParam("id", "The camera"), queryParam("wait", "How long to wait until the detector has seen the frame, 0s to 30s"),
			headerParam("X-Captured-At", "When the camera's clock says that the frame was taken, RFC 3339; of a camera whose clock is wrong nobody is told"),
		}
		op.RequestBody = &huma.RequestBody{Required: true, Content: binary("image/jpeg", "image/png")}
		op.Responses["200"] = &huma.Response{Description: "Seen by the detector", Content: s.content("application/json", PushedFrame{})}
		op.Responses["202"] = &huma.Response{Description: "Taken", Content: s.content("application/json", PushedFrame{})}
		op.Errors = append(op.Errors, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}, s.pushFrame)
}

func (s *Server) pushDeposit(c *fiber.Ctx) error {
	ctx := c.UserContext()
	wait, err := waitOf(c)
	if err != nil {
		return err
	}
	bin, err := s.bin(ctx, c.Params("id"), auth.PushDeposit)
	if err != nil {
		return err
	}
	key := c.Get("Idempotency-Key")
	if !validKey(key) {
		return invalid("header.Idempotency-Key", "1 to 128 visible ASCII characters are expected")
	}
	uploads, err := uploadsOf(c)
	if err != nil {
		return err
	}
	sub, err := s.Intake.Submit(ctx, pipeline.Request{Bin: bin, Uploads: uploads, IdempotencyKey: key, Wait: wait > 0})
	if err != nil {
		return err
	}
	defer sub.Close()
	where := base + "/inspections/" + sub.DepositID
	c.Set(fiber.HeaderLocation, where)
	stored := sub.Stored
	if stored == nil && wait > 0 {
		stored = s.await(wait, sub)
	}
	if stored == nil {
		return sendJSON(c, http.StatusAccepted, PushedDeposit{DepositID: sub.DepositID, InspectionURL: where})
	}
	return sendJSON(c, http.StatusCreated, s.view(stored))
}

// await waits for a queued deposit's inspection for a while, or until the
// service stops. That none came, for whatever reason, is no failure of the
// request: the deposit is safe.
func (s *Server) await(d time.Duration, sub *pipeline.Submission) *inspection.Inspection {
	ctx, cancel := s.waiting(d)
	defer cancel()
	i, err := sub.Await(ctx)
	if err != nil {
		s.Log.DebugContext(ctx, "no verdict in time", "deposit", sub.DepositID, "err", err)
		return nil
	}
	return i
}

// waiting makes a context that ends after a while or when the service stops.
func (s *Server) waiting(d time.Duration) (context.Context, context.CancelFunc) {
	stop, cancelStop := s.untilStop()
	ctx, cancel := context.WithTimeout(stop, d)
	return ctx, func() { cancel(); cancelStop() }
}

func (s *Server) pushFrame(c *fiber.Ctx) error {
	wait, err := waitOf(c)
	if err != nil {
		return err
	}
	cam, err := s.cameraForPush(c.UserContext(), c.Params("id"))
	if err != nil {
		return err
	}
	mediaType := c.Get(fiber.HeaderContentType)
	if !isImage(mediaType) {
		return kindType.problem("A frame is sent as image/jpeg or image/png")
	}
	clock, err := clockOf(c)
	if err != nil {
		return err
	}
	frame, err := s.Cameras.PushFrame(c.UserContext(), cam, pipeline.Upload{Data: c.Request().Body(), Declared: mediaType, Clock: clock})
	if err != nil {
		return err
	}
	defer frame.Close()
	out := PushedFrame{Seq: frame.Seq}
	if wait == 0 {
		return sendJSON(c, http.StatusAccepted, out)
	}
	ctx, cancel := s.waiting(wait)
	defer cancel()
	deposits, err := frame.Await(ctx)
	if err != nil && ctx.Err() == nil {
		return err
	}
	out.Deposits = s.views(deposits)
	status := http.StatusOK
	if err != nil {
		status = http.StatusAccepted
	}
	return sendJSON(c, status, struct {
		PushedFrame
		Deposits []Inspection `json:"deposits"`
	}{out, out.Deposits})
}

// clockOf is what a frame's sender says of its time; zero: nothing.
func clockOf(c *fiber.Ctx) (time.Time, error) {
	const name = "X-Captured-At"
	text := c.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return at, invalid("header."+name, "a time such as 2026-03-01T08:00:00+08:00 is expected (RFC 3339)")
	}
	return at, nil
}

// cameraForPush checks the right to push to a camera. A camera's own token
// needs no look-up: the name is in its scope, and whether the camera runs the
// pipeline knows.
func (s *Server) cameraForPush(ctx context.Context, id string) (string, error) {
	if principalOf(ctx).Can(auth.PushFrame, auth.Resource{CameraID: id}) {
		if _, err := s.Store.GetCamera(ctx, id); err != nil {
			return "", err
		}
		return id, nil
	}
	cam, err := s.camera(ctx, id, auth.PushFrame)
	return cam.ID, err
}

// uploadsOf returns the request's images. A single one is the request's own
// memory, which lives until the handler returns.
func uploadsOf(c *fiber.Ctx) ([]pipeline.Upload, error) {
	contentType, body := c.Get(fiber.HeaderContentType), c.Request().Body()
	if boundary, ok := multipartBoundary(contentType); ok {
		files, _, err := readParts(body, boundary, inspection.MaxImages+1)
		if err != nil {
			return nil, err
		}
		uploads := make([]pipeline.Upload, len(files))
		for i, f := range files {
			declared := f.contentType
			if declared == "" || declared == fiber.MIMEOctetStream {
				declared = f.filename
			} else if err := codec.CheckDeclared(f.filename, f.data); err != nil {
				return nil, &pipeline.ImageError{Index: i, Err: err}
			}
			uploads[i] = pipeline.Upload{Data: f.data, Declared: declared}
		}
		return uploads, nil
	}
	if !isImage(contentType) {
		return nil, kindType.problem("A deposit is sent as image/jpeg, image/png or multipart/form-data")
	}
	return []pipeline.Upload{{Data: body, Declared: contentType}}, nil
}

// isImage accepts a declared image, whose format the decoder then checks, and
// bytes of no declared kind.
func isImage(contentType string) bool {
	return strings.HasPrefix(contentType, "image/") || strings.HasPrefix(contentType, fiber.MIMEOctetStream)
}

// validKey accepts no key, or one of printable ASCII.
func validKey(key string) bool {
	if len(key) > 128 {
		return false
	}
	for i := range len(key) {
		if key[i] <= ' ' || key[i] > '~' {
			return false
		}
	}
	return true
}

package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"
)

// readJSON reads a small JSON body of a plain route, strictly.
func readJSON(c *fiber.Ctx, v any) error {
	mediaType, _, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType))
	if err != nil || mediaType != "application/json" {
		return kindType.problem("application/json is expected")
	}
	d := json.NewDecoder(bytes.NewReader(c.Body()))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return kindBadRequest.problem("The body is not the JSON that is expected here")
	}
	return nil
}

func sendJSON(c *fiber.Ctx, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	c.Status(status).Set(fiber.HeaderContentType, "application/json")
	return c.Send(body)
}

// maxWait bounds ?wait=.
const maxWait = 30 * time.Second

// waitOf reads ?wait=, a duration such as 500ms or 5s; 0 where it is absent.
func waitOf(c *fiber.Ctx) (time.Duration, error) {
	text := c.Query("wait")
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > maxWait {
		return 0, invalid("query.wait", "a duration from 0s to 30s is expected, such as 500ms or 5s")
	}
	return d, nil
}

// part is one file of a multipart form, in memory.
type part struct {
	name, filename, contentType string
	data                        []byte
}

// readParts reads a multipart body without ever writing to disk: its files
// and its plain fields.
func readParts(body []byte, boundary string, maxFiles int) (files []part, fields map[string]string, err error) {
	fields = map[string]string{}
	r := multipart.NewReader(bytes.NewReader(body), boundary)
	for parts := 0; ; parts++ {
		p, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return files, fields, nil
		}
		if err != nil || parts >= maxFiles+maxFields {
			return nil, nil, kindBadRequest.problem("The multipart form is damaged or has too many parts")
		}
		data, err := io.ReadAll(p)
		if err != nil {
			return nil, nil, kindBadRequest.problem("The multipart form is cut off")
		}
		if p.FileName() == "" {
			fields[p.FormName()] = string(data)
			continue
		}
		files = append(files, part{name: p.FormName(), filename: p.FileName(), contentType: p.Header.Get(fiber.HeaderContentType), data: data})
	}
}

// maxFields is how many plain fields a form may have.
const maxFields = 16

// multipartBoundary returns the boundary of a multipart/form-data request.
func multipartBoundary(contentType string) (string, bool) {
	mediaType, params, err := mime.ParseMediaType(contentType)
	if err != nil || mediaType != fiber.MIMEMultipartForm || params["boundary"] == "" {
		return "", false
	}
	return params["boundary"], true
}

// content describes a body of one media type by a Go value's type.
func (s *Server) content(mediaType string, v any) map[string]*huma.MediaType {
	return map[string]*huma.MediaType{mediaType: {Schema: s.schema(v)}}
}

func (s *Server) schema(v any) *huma.Schema {
	t := reflect.TypeOf(v)
	return s.api.OpenAPI().Components.Schemas.Schema(t, true, t.Name())
}

// binary describes a body of raw bytes.
func binary(mediaTypes ...string) map[string]*huma.MediaType {
	out := make(map[string]*huma.MediaType, len(mediaTypes))
	for _, m := range mediaTypes {
		out[m] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	}
	return out
}

// pathParam and friends describe a parameter of a plain route.
func pathParam(name, about string) *huma.Param {
	return &huma.Param{Name: name, In: "path", Required: true, Description: about, Schema: &huma.Schema{Type: huma.TypeString}}
}

func queryParam(name, about string) *huma.Param {
	return &huma.Param{Name: name, In: "query", Description: about, Schema: &huma.Schema{Type: huma.TypeString}}
}

func headerParam(name, about string) *huma.Param {
	return &huma.Param{Name: name, In: "header", Description: about, Schema: &huma.Schema{Type: huma.TypeString}}
}

func statusKey(status int) string { return strconv.Itoa(status) }

func imageLocation(index int) string { return "body.images[" + strconv.Itoa(index) + "]" }

// notModified answers a conditional request for something that never changes.
func notModified(c *fiber.Ctx, etag string) bool {
	if c.Get(fiber.HeaderIfNoneMatch) != etag {
		return false
	}
	c.Status(http.StatusNotModified)
	return true
}

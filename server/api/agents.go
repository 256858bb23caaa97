package api

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/binside/binside/server/agents"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/relay"
)

// recordField is the form's field that holds the record as JSON; the pictures
// are files named by their ordinals.
const recordField = "record"

func (s *Server) registerAgents() {
	if s.Agents == nil {
		return
	}
	handle(s, route{
		method: http.MethodGet, path: base + "/stations/{id}/agent", id: "get-agent", tag: "agents", action: auth.Look,
		summary: "How a station's agent does",
	}, func(ctx context.Context, in *IDPath) (*struct{ Body agents.AgentStatus }, error) {
		if _, err := s.station(ctx, in.ID, auth.Look); err != nil {
			return nil, err
		}
		status, err := s.Agents.Status(ctx, in.ID)
		return &struct{ Body agents.AgentStatus }{status}, err
	})

	s.registerAgentFiles()
	s.registerHandIn()
	s.registerAgentCalls()

	handle(s, route{
		method: http.MethodPost, path: base + "/stations/{id}/agent/report", id: "report", tag: "agents", action: auth.Attend,
		summary: "Report how the agent does, and learn the server's time",
	}, s.report)
}

func (s *Server) registerAgentFiles() {
	s.handlePlain(route{
		method: http.MethodGet, path: base + "/stations/{id}/agent/bundle", id: "get-bundle", tag: "agents", action: auth.Attend,
		summary: "What a station's agent works by, signed",
		about:   "Places with their cameras' credentials, taxonomy, settings, and the digests of the model's files. The ETag is the bundle's sequence.",
	}, func(op *huma.Operation) {
		op.Parameters = []*huma.Param{
			pathParam("id", "The station"), queryParam("have", "Sequence of the bundle that the agent has"), headerParam("If-None-Match", "An ETag"),
		}
		op.Responses["200"] = &huma.Response{Description: "The newest bundle", Content: s.content("application/json", relay.Signed{})}
		op.Responses["304"] = &huma.Response{Description: "The agent has it"}
		op.Errors = append(op.Errors, http.StatusConflict)
	}, s.bundle)

	s.handlePlain(route{
		method: http.MethodGet, path: base + "/stations/{id}/agent/model/{sha256}", id: "get-model-file", tag: "agents", action: auth.Attend,
		summary: "One file of the running model, by its digest",
		about:   "With Range: bytes=N- the rest of it, so that a broken transfer goes on where it broke.",
	}, fileByDigest, s.modelFile)

	s.handlePlain(route{
		method: http.MethodGet, path: base + "/stations/{id}/agent/voice/{sha256}", id: "get-voice-file", tag: "agents", action: auth.Attend,
		summary: "One file of the station's voice pack, by its digest",
		about:   "With Range as for the model's.",
	}, fileByDigest, s.voiceFile)
}

// fileByDigest documents a route that hands out one file.
func fileByDigest(op *huma.Operation) {
	op.Parameters = []*huma.Param{pathParam("id", "The station"), pathParam("sha256", "Hex SHA-256"), headerParam("Range", "bytes=N-")}
	op.Responses["200"] = &huma.Response{Description: "The file", Content: binary(fiber.MIMEOctetStream)}
	op.Responses["206"] = &huma.Response{Description: "The rest of it", Content: binary(fiber.MIMEOctetStream)}
}

func (s *Server) registerHandIn() {
	s.handlePlain(route{
		method: http.MethodPost, path: base + "/stations/{id}/agent/inspections", id: "hand-in", tag: "agents", action: auth.Attend,
		summary: "Hand in an inspection that was decided at the station, or how its prompt went on",
		about: "A form with the record as the field `record` and its pictures as files named by their ordinals. " +
			"The 204 is given when it is on disk; the same record may be sent any number of times. " +
			"Of a record that is known the pictures may be left out. `conflict`: the id is known with another content.",
	}, func(op *huma.Operation) {
		op.Parameters = []*huma.Param{pathParam("id", "The station")}
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{fiber.MIMEMultipartForm: {Schema: &huma.Schema{
			Type: huma.TypeObject, Properties: map[string]*huma.Schema{recordField: {Type: huma.TypeObject, Description: "inspection (as inspections are shown, with its evidence's digests), reading, revision, clock_offset_us"}}, Required: []string{recordField},
			AdditionalProperties: &huma.Schema{Type: huma.TypeString, Format: "binary"},
		}}}}
		op.Responses["204"] = &huma.Response{Description: "Stored, now or before"}
		op.Errors = append(op.Errors, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}, s.handIn)
}

// attended is the station that the caller is the agent of.
func (s *Server) attended(ctx context.Context, id string) error {
	_, err := s.station(ctx, id, auth.Attend)
	return err
}

func (s *Server) bundle(c *fiber.Ctx) error {
	ctx, id := c.UserContext(), c.Params("id")
	if err := s.attended(ctx, id); err != nil {
		return err
	}
	var have int64
	if text := c.Query("have"); text != "" {
		var err error
		if have, err = strconv.ParseInt(text, 10, 64); err != nil || have < 0 {
			return invalid("query.have", "a bundle's sequence is expected")
		}
	}
	signed, sequence, err := s.Agents.Bundle(ctx, id, have)
	if err != nil {
		return err
	}
	etag := strconv.Quote(strconv.FormatInt(sequence, 10))
	c.Set(fiber.HeaderETag, etag)
	if notModified(c, etag) {
		return nil
	}
	// What the agent is about to run must not run here as well.
	s.reload(ctx)
	return sendJSON(c, http.StatusOK, signed)
}

func (s *Server) modelFile(c *fiber.Ctx) error {
	if err := s.attended(c.UserContext(), c.Params("id")); err != nil {
		return err
	}
	file, size, err := s.Agents.ModelFile(c.Params("sha256"))
	if err != nil {
		return err
	}
	if err := sendRest(c, file, size); err != nil {
		_ = file.Close() // only read from
		return err
	}
	return nil
}

func (s *Server) voiceFile(c *fiber.Ctx) error {
	ctx, id := c.UserContext(), c.Params("id")
	if err := s.attended(ctx, id); err != nil {
		return err
	}
	file, size, err := s.Agents.VoiceFile(ctx, id, c.Params("sha256"))
	if err != nil {
		return err
	}
	return sendRest(c, file, size)
}

// sendRest answers with a file, or with the rest of it that is asked for. The
// file is closed at its end, where it can be.
func sendRest(c *fiber.Ctx, file io.Reader, size int64) error {
	from, ranged, err := rest(c.Get(fiber.HeaderRange), size)
	if err == nil && from > 0 {
		err = skip(file, from)
	}
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEOctetStream)
	c.Set(fiber.HeaderAcceptRanges, "bytes")
	if ranged {
		c.Status(http.StatusPartialContent)
		c.Set(fiber.HeaderContentRange, "bytes "+strconv.FormatInt(from, 10)+"-"+strconv.FormatInt(size-1, 10)+"/"+strconv.FormatInt(size, 10))
	}
	return c.SendStream(file, int(size-from))
}

// rest reads a Range header of the one form that is served; any other asks for
// the whole, as RFC 9110 allows.
func rest(header string, size int64) (from int64, ranged bool, err error) {
	text, ok := strings.CutPrefix(header, "bytes=")
	text, open := strings.CutSuffix(text, "-")
	if !ok || !open {
		return 0, false, nil
	}
	from, err = strconv.ParseInt(text, 10, 64)
	if err != nil || from < 0 {
		return 0, false, nil //nolint:nilerr // no range that is understood
	}
	if from >= size {
		return 0, false, fiber.NewError(http.StatusRequestedRangeNotSatisfiable)
	}
	return from, true, nil
}

func skip(file io.Reader, n int64) error {
	if seeker, ok := file.(io.Seeker); ok {
		_, err := seeker.Seek(n, io.SeekStart)
		return err
	}
	_, err := io.CopyN(io.Discard, file, n)
	return err
}

func (s *Server) handIn(c *fiber.Ctx) error {
	id := c.Params("id")
	if err := s.attended(c.UserContext(), id); err != nil {
		return err
	}
	boundary, ok := multipartBoundary(c.Get(fiber.HeaderContentType))
	if !ok {
		return kindType.problem("An inspection is handed in as multipart/form-data")
	}
	files, fields, err := readParts(c.Request().Body(), boundary, inspection.MaxImages+1)
	if err != nil {
		return err
	}
	var record relay.Record
	if err := json.Unmarshal([]byte(fields[recordField]), &record); err != nil {
		return invalid("body."+recordField, "the record is not the JSON that is expected")
	}
	pictures := make(map[int][]byte, len(files))
	for _, f := range files {
		ordinal, err := strconv.Atoi(f.name)
		if err != nil {
			return invalid("body", "a picture is named by its ordinal")
		}
		pictures[ordinal] = f.data
	}
	if err := s.Agents.Receive(c.UserContext(), id, &record, pictures); err != nil {
		return err
	}
	return c.SendStatus(http.StatusNoContent)
}

func (s *Server) report(ctx context.Context, in *struct {
	IDPath
	Body relay.Report
},
) (*struct{ Body relay.Answer }, error) {
	received := s.cfg.Now().UTC()
	if err := s.attended(ctx, in.ID); err != nil {
		return nil, err
	}
	if err := s.Agents.Report(ctx, in.ID, &in.Body); err != nil {
		return nil, err
	}
	out := relay.Answer{ReceivedAt: received, SentAt: s.cfg.Now().UTC()}
	if out.SentAt.Before(received) {
		out.SentAt = received // the clock was set meanwhile
	}
	return &struct{ Body relay.Answer }{out}, nil
}

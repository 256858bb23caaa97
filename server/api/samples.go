package api

import (
	"context"
	"errors"
	"net/http"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/binside/binside/datasets"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/deletion"
	"github.com/binside/binside/server/pipeline"
	"github.com/binside/binside/server/store"
	"github.com/binside/binside/vision/codec"
)

// Sample is a labelled image with the link to it.
type Sample struct {
	datasets.Sample
	URL string `json:"url" doc:"Works for some minutes and needs no credential"`
}

// UploadedSamples says what became of each uploaded file.
type UploadedSamples struct {
	Accepted []Sample        `json:"accepted"`
	Refused  []RefusedSample `json:"refused"`
}

// RefusedSample is an uploaded file that was not taken, and why.
type RefusedSample struct {
	Filename string  `json:"filename"`
	Problem  Problem `json:"problem"`
}

const (
	// maxSampleFiles is how many files one upload may hold.
	maxSampleFiles = 64
	// sampleSide is the longest side of a kept sample in pixels: enough for
	// any later model's input.
	sampleSide = 1600
	// sampleSeen is the least side, in pixels, at which people are looked for.
	sampleSeen = 480
)

func (s *Server) registerSamples() {
	handle(s, route{
		method: http.MethodGet, path: base + "/samples", id: "list-samples", tag: "samples", action: auth.Collect,
		summary: "List labelled samples, the one labelled last first",
	}, s.listSamples)

	s.handlePlain(route{
		method: http.MethodPost, path: base + "/samples", id: "upload-samples", tag: "samples", action: auth.Label,
		summary: "Add labelled photographs",
		about:   "Several files with one label for all. A file that cannot be read is refused by itself; the rest is kept. Metadata is removed.",
	}, func(op *huma.Operation) {
		text := &huma.Schema{Type: huma.TypeString}
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"multipart/form-data": {Schema: &huma.Schema{
			Type: huma.TypeObject, Required: []string{"files"}, Properties: map[string]*huma.Schema{
				"files":    {Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
				"category": text, "item_class": text,
			},
		}}}}
		op.Responses["200"] = &huma.Response{Description: "What became of each file", Content: s.content("application/json", UploadedSamples{})}
		op.Errors = append(op.Errors, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}, s.uploadSamples)

	handle(s, route{
		method: http.MethodDelete, path: base + "/samples/{id}", id: "delete-sample", tag: "samples", action: auth.Label,
		summary: "Delete a labelled sample, image and record", status: http.StatusNoContent,
		about: "For ever: the deletion log has an entry of it, with the reason `" + deletion.Withdrawn + "`. What was exported before is elsewhere, and stays. " +
			"The review that it came from stays, and its deposit's evidence is kept for its own time.",
	}, s.deleteSample)

	s.handlePlain(route{
		method: http.MethodGet, path: base + "/samples/{id}/image", id: "get-sample-image", tag: "samples", action: anyone,
		summary: "Get a sample's image by its signed link",
	}, func(op *huma.Operation) {
		op.Parameters = []*huma.Param{pathParam("id", "The sample"), queryParam("expires", "From the link"), queryParam("signature", "From the link")}
		op.Responses["200"] = &huma.Response{Description: "The image", Content: binary("image/jpeg")}
		op.Errors = append(op.Errors, http.StatusUnauthorized, http.StatusForbidden, http.StatusGone)
	}, s.serveSample)
}

func (s *Server) listSamples(ctx context.Context, in *struct {
	PageQuery
	Category  string `query:"category" maxLength:"64"`
	ItemClass string `query:"item_class" maxLength:"64"`
	Source    string `query:"source" enum:"deposit,upload"`
	Station   string `query:"station" maxLength:"64"`
},
) (*listOut[Sample], error) {
	after, err := in.after()
	if err != nil {
		return nil, err
	}
	items, next, err := s.Store.ListSamples(ctx, store.SampleFilter{
		Category: in.Category, ItemClass: in.ItemClass, Source: in.Source, StationID: in.Station, After: after, Limit: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	out := make([]Sample, len(items))
	for i, v := range items {
		out[i] = s.viewSample(v)
	}
	return listOf(out, next), nil
}

func (s *Server) deleteSample(ctx context.Context, in *IDPath) (*struct{}, error) {
	sample, err := s.Store.GetSample(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	// The image first, then the record with its entry: what a crash leaves in
	// between is deleted again, and logged then.
	if err := s.Objects.Delete(ctx, sample.Key); err != nil {
		return nil, err
	}
	err = s.Deletions.Add(ctx, deletion.Entry{
		At: s.cfg.Now().UTC(), Reason: deletion.Withdrawn, Key: sample.Key, SHA256: sample.ID, InspectionID: sample.DepositID, Ordinal: deletion.NoOrdinal,
	})
	if err == nil {
		s.Log.InfoContext(ctx, "a sample was deleted", "sample", sample.ID, "by", principalOf(ctx).Name)
	}
	return nil, err
}

func samplePath(id string) string { return base + "/samples/" + id + "/image" }

func (s *Server) viewSample(v datasets.Sample) Sample {
	return Sample{Sample: v, URL: s.signer.Sign(samplePath(v.ID), s.cfg.LinkLife)}
}

func (s *Server) uploadSamples(c *fiber.Ctx) error {
	boundary, ok := multipartBoundary(c.Get(fiber.HeaderContentType))
	if !ok {
		return kindType.problem("multipart/form-data is expected")
	}
	files, fields, err := readParts(c.Request().Body(), boundary, maxSampleFiles)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return invalid("body.files", "at least one file is needed")
	}
	category, class, err := s.label(fields["category"], fields["item_class"])
	if err != nil {
		return err
	}
	out := UploadedSamples{Accepted: []Sample{}, Refused: []RefusedSample{}}
	for _, f := range files {
		sample, err := s.keepSample(c.UserContext(), f, category, class)
		var refusal *codec.Error
		switch {
		case errors.As(err, &refusal):
			out.Refused = append(out.Refused, RefusedSample{Filename: cleanName(f.filename), Problem: *problemOf(err)})
		case err != nil:
			return err
		default:
			out.Accepted = append(out.Accepted, s.viewSample(sample))
		}
	}
	return sendJSON(c, http.StatusOK, out)
}

// keepSample validates one file by decoding the whole of it, strips it of
// metadata, paints over the people in it, and stores image and record.
func (s *Server) keepSample(ctx context.Context, f part, category, class string) (datasets.Sample, error) {
	for _, declared := range []string{f.contentType, f.filename} {
		if err := codec.CheckDeclared(declared, f.data); err != nil {
			return datasets.Sample{}, err
		}
	}
	file, err := s.cfg.Reader.Open(f.data)
	if err != nil {
		return datasets.Sample{}, err
	}
	// At a small scale, too, that reads every byte.
	seen, err := file.Decode(ctx, codec.Options{MinWidth: sampleSeen, MinHeight: sampleSeen})
	if err != nil {
		return datasets.Sample{}, err
	}
	image, width, height, err := pipeline.Redacted(ctx, s.Redactor, file, codec.Orient(seen, file.Orientation), sampleSide)
	if err != nil {
		return datasets.Sample{}, err
	}
	now := s.cfg.Now().UTC()
	sample := datasets.Sample{
		ID: datasets.ID(image), Category: category, ItemClass: class, Source: "upload", CapturedAt: now,
		LabelledBy: principalOf(ctx).Name, LabelledAt: now, Width: width, Height: height,
	}
	sample.Key = sampleKey(sample.ID)
	if err := s.Objects.Put(ctx, sample.Key, image, "image/jpeg"); err != nil {
		return datasets.Sample{}, err
	}
	if _, err := s.Store.SaveSample(ctx, &sample); err != nil {
		return datasets.Sample{}, err
	}
	return sample, nil
}

func (s *Server) serveSample(c *fiber.Ctx) error {
	id := c.Params("id")
	until, err := s.checkLink(c, samplePath(id))
	if err != nil {
		return err
	}
	sample, err := s.Store.GetSample(c.UserContext(), id)
	if err != nil {
		return err
	}
	return s.sendImage(c, sample.Key, sample.ID, until)
}

// cleanName is a file's own name, short enough to be repeated in an answer.
func cleanName(name string) string {
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	if len(name) > 200 {
		name = name[:200]
		for !utf8.ValidString(name) && len(name) > 0 {
			name = name[:len(name)-1]
		}
	}
	return name
}

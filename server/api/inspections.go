package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/inspection"
)

// Inspection is an inspection with links to its images.
type Inspection struct {
	inspection.Inspection
	Evidence []Evidence `json:"evidence"`
}

// Evidence is a stored image with the link to it.
type Evidence struct {
	inspection.Evidence
	URL string `json:"url,omitempty" doc:"Works for some minutes and needs no credential; absent when the image is no longer kept"`
}

type inspectionOut struct{ Body Inspection }

func (s *Server) registerInspections() {
	handle(s, route{
		method: http.MethodGet, path: base + "/inspections", id: "list-inspections", tag: "inspections", action: auth.Look,
		summary: "List inspections, newest first",
	}, s.listInspections)

	handle(s, route{
		method: http.MethodGet, path: base + "/inspections/{id}", id: "get-inspection", tag: "inspections", action: auth.Look,
		summary: "Get an inspection",
	}, func(ctx context.Context, in *struct {
		IDPath
		ClassesQuery
	}) (*inspectionOut, error) {
		i, err := s.inspection(ctx, in.ID, auth.Look)
		if err != nil {
			return nil, err
		}
		return &inspectionOut{in.of(s.view(i))}, nil
	})

	handle(s, route{
		method: http.MethodGet, path: base + "/inspections/{id}/evidence", id: "list-evidence", tag: "inspections", action: auth.Look,
		summary: "List an inspection's images, best first",
	}, func(ctx context.Context, in *IDPath) (*listOut[Evidence], error) {
		i, err := s.inspection(ctx, in.ID, auth.Look)
		if err != nil {
			return nil, err
		}
		return listOf(s.view(i).Evidence, ""), nil
	})

	handle(s, route{
		method: http.MethodPost, path: base + "/inspections/{id}/review", id: "review", tag: "inspections", action: auth.Review,
		summary: "Confirm or relabel a deposit",
		about:   "The decision is kept with who and when; the deposit's best image becomes a labelled sample.",
	}, s.review)

	handle(s, route{
		method: http.MethodPost, path: base + "/inspections/{id}/look", id: "look", tag: "inspections", action: auth.Review,
		summary: "Note that a supervisor has opened an appealed inspection", status: http.StatusNoContent,
		about: "Who asks with the appeal's receipt is told from then on that it is being looked at. Of one that is not appealed nothing is noted.",
	}, s.lookAtAppeal)

	s.handlePlain(route{
		method: http.MethodGet, path: base + "/evidence/{inspection}/{ordinal}", id: "get-evidence", tag: "inspections", action: anyone,
		summary: "Get an image by its signed link",
	}, func(op *huma.Operation) {
		op.Parameters = []*huma.Param{
			pathParam("inspection", "The inspection"), pathParam("ordinal", "The image, from 0"),
			queryParam("expires", "From the link"), queryParam("signature", "From the link"),
		}
		op.Responses["200"] = &huma.Response{Description: "The image", Content: binary("image/jpeg")}
		op.Errors = append(op.Errors, http.StatusUnauthorized, http.StatusForbidden, http.StatusGone)
	}, s.serveEvidence)
}

// ClassesQuery says how many item classes an inspection lists.
type ClassesQuery struct {
	Classes string `query:"classes" enum:"top,all" default:"top" doc:"top: the five most probable; all: every one that was kept (records from before 2026-11-23 have five)"`
}

func (q ClassesQuery) of(i Inspection) Inspection {
	if q.Classes == "all" {
		i.Classes = i.AllClasses()
	}
	return i
}

type inspectionQuery struct {
	PageQuery
	ClassesQuery
	Station    string            `query:"station" maxLength:"64"`
	Bin        string            `query:"bin" maxLength:"64"`
	Verdict    []verdict.Verdict `query:"verdict,explode" enum:"pass,tell,check,unreadable" maxItems:"4" doc:"May be repeated"`
	From       time.Time         `query:"from" doc:"By the time of capture, inclusive"`
	To         time.Time         `query:"to" doc:"By the time of capture, exclusive"`
	Unreviewed bool              `query:"unreviewed" doc:"Only those that nobody has decided: no review since a resident objected, and not put right"`
	Appealed   bool              `query:"appealed" doc:"Only those that a resident has objected to"`
}

func (s *Server) listInspections(ctx context.Context, in *inspectionQuery) (*listOut[Inspection], error) {
	after, err := in.after()
	if err != nil {
		return nil, err
	}
	f := inspection.Filter{
		BinID: in.Bin, Verdicts: in.Verdict, From: in.From, To: in.To, Unreviewed: in.Unreviewed, Appealed: in.Appealed, Limit: in.Limit,
	}
	if after != "" {
		if f.BeforeSeq, err = strconv.ParseInt(after, 10, 64); err != nil || f.BeforeSeq < 1 {
			return nil, invalid("query.cursor", "this is no cursor of this list")
		}
	}
	if f.StationID, err = stationScope(ctx, in.Station); err != nil {
		return nil, err
	}
	items, err := s.Store.ListInspections(ctx, f)
	if err != nil {
		return nil, err
	}
	next := ""
	if len(items) == in.Limit && len(items) > 0 {
		next = strconv.FormatInt(items[len(items)-1].Seq, 10)
	}
	out := s.views(items)
	for n := range out {
		out[n] = in.of(out[n])
	}
	return listOf(out, next), nil
}

// inspection reads an inspection whose station the caller may do the action
// on.
func (s *Server) inspection(ctx context.Context, id string, a auth.Action) (*inspection.Inspection, error) {
	i, err := s.Store.GetInspection(ctx, id)
	if err == nil {
		err = hidden(ctx, a, auth.Resource{StationID: i.StationID})
	}
	if err != nil {
		return nil, err
	}
	return i, nil
}

// view adds the links; the inspection itself is shared and not changed.
func (s *Server) view(i *inspection.Inspection) Inspection {
	v := Inspection{Inspection: *i, Evidence: make([]Evidence, len(i.Evidence))}
	if v.Accepts == nil {
		v.Accepts = []string{}
	}
	if v.Classes == nil {
		v.Classes = noClasses
	}
	for n, e := range i.Evidence {
		v.Evidence[n] = Evidence{Evidence: e}
		if e.DeletedAt == nil {
			v.Evidence[n].URL = s.signer.Sign(evidencePath(i.ID, e.Ordinal), s.cfg.LinkLife)
		}
	}
	return v
}

func (s *Server) views(items []*inspection.Inspection) []Inspection {
	out := make([]Inspection, len(items))
	for n, i := range items {
		out[n] = s.view(i)
	}
	return out
}

func evidencePath(id string, ordinal int) string {
	return base + "/evidence/" + id + "/" + strconv.Itoa(ordinal)
}

func (s *Server) serveEvidence(c *fiber.Ctx) error {
	id, ordinal := c.Params("inspection"), c.Params("ordinal")
	until, err := s.checkLink(c, base+"/evidence/"+id+"/"+ordinal)
	if err != nil {
		return err
	}
	i, err := s.Store.GetInspection(c.UserContext(), id)
	if err != nil {
		return err
	}
	for _, e := range i.Evidence {
		if strconv.Itoa(e.Ordinal) != ordinal {
			continue
		}
		if e.DeletedAt != nil {
			return kindGone.problem("Its time of keeping has ended")
		}
		return s.sendImage(c, e.Key, e.SHA256, until)
	}
	return kindNotFound.problem("The inspection has no such image")
}

// checkLink checks a signed link, and until when it works.
func (s *Server) checkLink(c *fiber.Ctx, path string) (time.Time, error) {
	expires, signature := c.Query("expires"), c.Query("signature")
	if expires == "" || signature == "" {
		return time.Time{}, kindUnauthorised.problem("Images are fetched by the signed link that the record holds")
	}
	return s.signer.Check(path, expires, signature)
}

// sendImage sends a stored JPEG that a browser may keep as long as its link
// works.
func (s *Server) sendImage(c *fiber.Ctx, key, sha256 string, until time.Time) error {
	left := max(until.Sub(s.cfg.Now()), 0)
	c.Set(fiber.HeaderCacheControl, "private, max-age="+strconv.Itoa(int(left.Seconds()))+", immutable")
	etag := `"` + sha256 + `"`
	c.Set(fiber.HeaderETag, etag)
	if notModified(c, etag) {
		return nil
	}
	image, err := s.Objects.Get(c.UserContext(), key)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "image/jpeg")
	c.Set(fiber.HeaderContentDisposition, "inline")
	return c.Send(image)
}

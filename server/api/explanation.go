package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/explanation"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/store"
)

// Explanation is an inspection's explanation, and how far its heat map is.
type Explanation struct {
	explanation.Explanation
	HeatMap HeatMap `json:"heat_map"`
}

// HeatMap is how far a heat map is and, once it is ready, what it says in
// figures. The picture itself is fetched by its URL.
type HeatMap struct {
	State explanation.State `json:"state" enum:"absent,running,ready,unavailable" doc:"absent: fetching the URL makes it"`
	// Reason is that of unavailable.
	Reason string `json:"reason,omitempty" enum:"evidence-gone,nothing-to-explain,not-offered" doc:"Why it is unavailable"`
	URL    string `json:"url,omitempty" doc:"A PNG with transparency, to be stretched over box; needs the same right as this record"`
	Done   int    `json:"done,omitempty" doc:"Inferences done, while it is being made"`
	Total  int    `json:"total,omitempty"`
	// ModelVersion is that of the map, which may not be the model that judged.
	ModelVersion string `json:"model_version,omitempty" doc:"The model in force, whose map it is"`
	SameModel    bool   `json:"same_model" doc:"Whether the model in force is the one that judged the deposit"`
	// What follows is there once it is ready.
	Category    string          `json:"category,omitempty" doc:"What the heat speaks for"`
	Image       int             `json:"image" doc:"Ordinal of the evidence picture"`
	Box         *inspection.Box `json:"box,omitempty" doc:"The explained part of that picture, in its pixels"`
	Probability float64         `json:"probability,omitempty" minimum:"0" maximum:"1" doc:"Of the category, by the model in force on that picture alone"`
	Strangeness float64         `json:"strangeness,omitempty" minimum:"0" doc:"Of that picture, by the model in force"`
	Strongest   *Patch          `json:"strongest,omitempty" doc:"Absent where covering nothing hurts the category"`
}

// Patch is a part of a picture and what is left of the category's probability
// when it is covered.
type Patch struct {
	Box         inspection.Box `json:"box"`
	Probability float64        `json:"probability" minimum:"0" maximum:"1"`
}

func (s *Server) registerExplanation() {
	handle(s, route{
		method: http.MethodGet, path: base + "/inspections/{id}/explanation", id: "explain-inspection", tag: "inspections", action: auth.Look,
		summary: "Say why an inspection was decided as it was",
		about: "From the record alone, at once. While the heat map is being made, `heat_map` tells its progress; when it is ready, its figures. " +
			"A heat map is of the model in force, which may not be the one that judged.",
	}, s.explain)

	s.handlePlain(route{
		method: http.MethodGet, path: base + "/inspections/{id}/explanation/heatmap", id: "get-heat-map", tag: "inspections", action: auth.Look,
		summary: "Make and get an inspection's heat map",
		about: "Occlusion sensitivity: some dozens of inferences, a second or a few, made once and kept for a while. Warm colours are where covering a part " +
			"makes the category less probable, cold ones where it makes it more probable. It is given up when all who wait for it hang up. " +
			"404 `evidence-gone` where no picture is kept, 503 `explanations-busy` or `models-busy` with Retry-After where it must wait.",
	}, func(op *huma.Operation) {
		op.Parameters = []*huma.Param{pathParam("id", "The inspection")}
		op.Responses["200"] = &huma.Response{Description: "The heat map", Content: binary("image/png")}
	}, s.serveHeatMap)
}

func (s *Server) explain(ctx context.Context, in *IDPath) (*struct{ Body Explanation }, error) {
	i, err := s.inspection(ctx, in.ID, auth.Look)
	if err != nil {
		return nil, err
	}
	bin, err := s.Store.GetBin(ctx, i.BinID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	rules := s.Rules()
	now := &explanation.BinNow{Name: bin.Name, Thresholds: bin.Thresholds}
	return &struct{ Body Explanation }{Explanation{
		Explanation: explanation.Describe(i, now, rules.Thresholds, rules.Taxonomy), HeatMap: s.heatMap(i),
	}}, nil
}

func (s *Server) heatMap(i *inspection.Inspection) HeatMap {
	if s.Explainer == nil {
		return HeatMap{State: explanation.Unavailable, Reason: "not-offered"}
	}
	st := s.Explainer.Status(i)
	h := HeatMap{
		State: st.State, Done: st.Done, Total: st.Total, ModelVersion: st.Model, SameModel: st.Model == i.ModelVersion,
		URL: base + "/inspections/" + i.ID + "/explanation/heatmap",
	}
	switch {
	case errors.Is(st.Err, explanation.ErrEvidenceGone):
		h.Reason, h.URL = "evidence-gone", ""
	case st.Err != nil:
		h.Reason, h.URL = "nothing-to-explain", ""
	case st.Map != nil:
		m := st.Map
		h.Category, h.Image, h.Box, h.Probability, h.Strangeness = m.Category, m.Ordinal, &m.Box, m.Probability, m.Strangeness
		if m.Strongest != nil {
			h.Strongest = &Patch{Box: *m.Strongest, Probability: m.Left}
		}
	}
	return h
}

func (s *Server) serveHeatMap(c *fiber.Ctx) error {
	i, err := s.inspection(c.UserContext(), c.Params("id"), auth.Look)
	if err != nil {
		return err
	}
	if s.Explainer == nil {
		return kindNotFound.problem("No heat maps are made here")
	}
	ctx, stop := s.untilGone(c.Context().Conn())
	defer stop()
	h, err := s.Explainer.HeatMap(ctx, i)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "image/png")
	c.Set("X-Model-Version", h.ModelVersion)
	c.Set("X-Evidence-Ordinal", strconv.Itoa(h.Ordinal))
	return c.Send(h.PNG)
}

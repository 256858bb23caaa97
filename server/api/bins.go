package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store"
)

// NewBin is the body of POST /stations/{id}/bins.
type NewBin struct {
	ID         string              `json:"id,omitempty" pattern:"^[a-z0-9][a-z0-9-]{1,62}$" doc:"A UUIDv7 is given where it is absent"`
	Name       string              `json:"name" minLength:"1" maxLength:"200"`
	Accepts    []string            `json:"accepts" minItems:"1" maxItems:"16" doc:"Categories of the taxonomy that belong in the bin"`
	Thresholds *verdict.Thresholds `json:"thresholds,omitempty" doc:"Instead of the configuration's"`
}

// BinChange is the body of PATCH /bins/{id}: what is absent stays.
type BinChange struct {
	Name            *string             `json:"name,omitempty" minLength:"1" maxLength:"200"`
	Accepts         []string            `json:"accepts,omitempty" minItems:"1" maxItems:"16"`
	Thresholds      *verdict.Thresholds `json:"thresholds,omitempty"`
	ClearThresholds bool                `json:"clear_thresholds,omitempty" doc:"Back to the configuration's thresholds"`
}

// Bin is a bin with what its verdicts rest on.
type Bin struct {
	station.Bin
	// Settings are those in force: the bin's own, or the configuration's.
	Settings verdict.Thresholds `json:"settings" doc:"The thresholds in force: the bin's own, or else the configuration's"`
	// Bound is read only; it follows from the settings, the model and what
	// people reviewed.
	Bound verdict.Bound `json:"bound" doc:"How often a rightly sorted deposit is told at most, how that is known, and what it costs"`
	// UnknownCategories is set where the bin was set up for another taxonomy.
	UnknownCategories []string `json:"unknown_categories,omitempty" doc:"Accepted categories that the taxonomy in force does not have: until that is changed, every deposit goes to a person (check)"`
}

type binOut struct{ Body Bin }

func (s *Server) viewBin(b station.Bin) Bin {
	rules := s.Rules()
	settings := rules.Thresholds
	if b.Thresholds != nil {
		settings = *b.Thresholds
	}
	return Bin{
		Bin: b, Settings: settings, Bound: rules.Policy.At(b.StationID).Bound(b.Accepts, settings),
		UnknownCategories: rules.Taxonomy.Lacks(b.Accepts),
	}
}

func (s *Server) viewBins(bins []station.Bin) []Bin {
	out := make([]Bin, len(bins))
	for i, b := range bins {
		out[i] = s.viewBin(b)
	}
	return out
}

func (s *Server) registerBins() {
	handle(s, route{
		method: http.MethodGet, path: base + "/bins", id: "list-all-bins", tag: "places", action: auth.Look,
		summary: "List bins",
	}, func(ctx context.Context, in *struct {
		PageQuery
		Station string `query:"station" maxLength:"64"`
	}) (*listOut[Bin], error) {
		return s.listBins(ctx, in.PageQuery, in.Station)
	})

	handle(s, route{
		method: http.MethodGet, path: base + "/stations/{id}/bins", id: "list-bins", tag: "places", action: auth.Look,
		summary: "List a station's bins",
	}, func(ctx context.Context, in *struct {
		IDPath
		PageQuery
	}) (*listOut[Bin], error) {
		if _, err := s.station(ctx, in.ID, auth.Look); err != nil {
			return nil, err
		}
		return s.listBins(ctx, in.PageQuery, in.ID)
	})

	handle(s, route{
		method: http.MethodPost, path: base + "/stations/{id}/bins", id: "create-bin", tag: "places", action: auth.Manage,
		summary: "Create a bin", status: http.StatusCreated,
	}, s.createBin)

	handle(s, route{
		method: http.MethodGet, path: base + "/bins/{id}", id: "get-bin", tag: "places", action: auth.Look,
		summary: "Get a bin",
	}, func(ctx context.Context, in *IDPath) (*binOut, error) {
		b, err := s.bin(ctx, in.ID, auth.Look)
		if err != nil {
			return nil, err
		}
		return &binOut{s.viewBin(b)}, nil
	})

	handle(s, route{
		method: http.MethodPatch, path: base + "/bins/{id}", id: "change-bin", tag: "places", action: auth.Manage,
		summary: "Change a bin",
	}, s.changeBin)

	handle(s, route{
		method: http.MethodDelete, path: base + "/bins/{id}", id: "remove-bin", tag: "places", action: auth.Manage,
		summary: "Remove a bin", status: http.StatusNoContent,
		about: "With its regions in the cameras' views. What was thrown into it stays; what was thrown into it and is not judged yet goes to a person.",
	}, s.removeBin)
}

func (s *Server) listBins(ctx context.Context, q PageQuery, asked string) (*listOut[Bin], error) {
	after, err := q.after()
	if err != nil {
		return nil, err
	}
	id, err := stationScope(ctx, asked)
	if err != nil {
		return nil, err
	}
	items, next, err := s.Store.ListBins(ctx, store.PlaceFilter{StationID: id, After: after, Limit: q.Limit})
	return listOf(s.viewBins(items), next), err
}

func (s *Server) createBin(ctx context.Context, in *struct {
	IDPath
	Body NewBin
},
) (*binOut, error) {
	if _, err := s.station(ctx, in.ID, auth.Manage); err != nil {
		return nil, err
	}
	b := station.Bin{
		ID: in.Body.ID, StationID: in.ID, Name: strings.TrimSpace(in.Body.Name), Accepts: in.Body.Accepts, Thresholds: in.Body.Thresholds,
	}
	if err := s.checkBin(b); err != nil {
		return nil, err
	}
	if err := s.Store.CreateBin(ctx, &b); err != nil {
		return nil, err
	}
	s.renew(b.StationID)
	return &binOut{s.viewBin(b)}, nil
}

func (s *Server) changeBin(ctx context.Context, in *struct {
	IDPath
	Body BinChange
},
) (*binOut, error) {
	b, err := s.bin(ctx, in.ID, auth.Manage)
	if err != nil {
		return nil, err
	}
	set(&b.Name, in.Body.Name)
	if in.Body.Accepts != nil {
		b.Accepts = in.Body.Accepts
	}
	if in.Body.Thresholds != nil {
		b.Thresholds = in.Body.Thresholds
	}
	if in.Body.ClearThresholds {
		b.Thresholds = nil
	}
	if err := s.checkBin(b); err != nil {
		return nil, err
	}
	if err := s.Store.UpdateBin(ctx, &b); err != nil {
		return nil, err
	}
	s.renew(b.StationID)
	if s.BinChanged != nil {
		s.BinChanged(b.ID)
	}
	return &binOut{s.viewBin(b)}, nil
}

func (s *Server) removeBin(ctx context.Context, in *IDPath) (*struct{}, error) {
	b, err := s.bin(ctx, in.ID, auth.Manage)
	if err == nil {
		err = s.Store.DeleteBin(ctx, b)
	}
	if err != nil {
		return nil, err
	}
	if s.BinChanged != nil {
		s.BinChanged(b.ID)
	}
	s.placed(ctx, b.StationID)
	return nil, nil //nolint:nilnil // an answer without a body
}

// bin reads a bin whose station the caller may do the action on.
func (s *Server) bin(ctx context.Context, id string, a auth.Action) (station.Bin, error) {
	b, err := s.Store.GetBin(ctx, id)
	if err == nil {
		err = hidden(ctx, a, auth.Resource{StationID: b.StationID})
	}
	if err != nil {
		return station.Bin{}, err
	}
	return b, nil
}

func (s *Server) checkBin(b station.Bin) error {
	for i, category := range b.Accepts {
		if !s.isCategory(category) {
			return invalid(fmt.Sprintf("body.accepts[%d]", i), "the taxonomy has no such category")
		}
		if slices.Contains(b.Accepts[:i], category) {
			return invalid(fmt.Sprintf("body.accepts[%d]", i), "the category is named twice")
		}
	}
	if t := b.Thresholds; t != nil && t.MinExposure >= t.MaxExposure {
		return invalid("body.thresholds", "min_exposure must be less than max_exposure")
	}
	return nil
}

func isConflict(err error) bool { return errors.Is(err, store.ErrConflict) }

func isNotFound(err error) bool { return errors.Is(err, store.ErrNotFound) }

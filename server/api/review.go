package api

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/binside/binside/datasets"
	"github.com/binside/binside/models"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/store/object"
)

var noClasses = []models.ClassProbability{}

// ReviewRequest is the body of POST /inspections/{id}/review.
type ReviewRequest struct {
	Decision  inspection.Decision `json:"decision" enum:"confirmed,relabelled"`
	Category  string              `json:"category,omitempty" maxLength:"64" doc:"With relabelled: where the item belongs; implied by item_class"`
	ItemClass string              `json:"item_class,omitempty" maxLength:"64" doc:"With relabelled: what the item is"`
}

func (s *Server) review(ctx context.Context, in *struct {
	IDPath
	Body ReviewRequest
},
) (*inspectionOut, error) {
	i, err := s.inspection(ctx, in.ID, auth.Review)
	if err != nil {
		return nil, err
	}
	r := inspection.Review{Decision: in.Body.Decision, By: principalOf(ctx).Name, At: s.cfg.Now().UTC()}
	switch r.Decision {
	case inspection.Confirmed:
		if in.Body.Category != "" || in.Body.ItemClass != "" {
			return nil, invalid("body.decision", "a confirmation takes neither a category nor an item class")
		}
		r.Category, r.ItemClass = i.Category, i.ItemClass
	default:
		if r.Category, r.ItemClass, err = s.label(in.Body.Category, in.Body.ItemClass); err != nil {
			return nil, err
		}
	}
	samples, err := s.sampleOf(ctx, i, r)
	if err != nil {
		return nil, err
	}
	stored, err := s.Store.SaveReview(ctx, i.ID, r, samples...)
	if err != nil {
		return nil, err
	}
	s.Changes.Publish(stored)
	return &inspectionOut{s.view(stored)}, nil
}

// lookAtAppeal lets the resident know that somebody looks at their appeal.
func (s *Server) lookAtAppeal(ctx context.Context, in *IDPath) (*struct{}, error) {
	i, err := s.inspection(ctx, in.ID, auth.Review)
	if err != nil {
		return nil, err
	}
	if i.Prompt == nil {
		return nil, nil //nolint:nilnil // huma's word for an empty answer
	}
	i, err = s.Store.LookAtAppeal(ctx, i.ID, s.cfg.Now().UTC().Truncate(time.Microsecond))
	if err == nil {
		s.Changes.Publish(i)
	}
	if isConflict(err) {
		err = nil
	}
	return nil, err
}

// label checks a category and an item class, at least one of the two; the
// class alone implies its category.
func (s *Server) label(category, class string) (string, string, error) {
	if class != "" {
		of, ok := s.categoryOf(class)
		if !ok {
			return "", "", invalid("body.item_class", "the taxonomy has no such item class")
		}
		if category != "" && category != of {
			return "", "", invalid("body.category", "the taxonomy puts this item class into "+of)
		}
		return of, class, nil
	}
	if !s.isCategory(category) {
		return "", "", invalid("body.category", "a category or an item class of the taxonomy is needed")
	}
	return category, "", nil
}

// sampleOf makes the reviewed deposit's best image a sample: the image is
// copied, because the evidence's own time of keeping ends. A deposit whose
// images were not kept gives none.
func (s *Server) sampleOf(ctx context.Context, i *inspection.Inspection, r inspection.Review) ([]datasets.Sample, error) {
	for _, e := range i.Evidence {
		if e.DeletedAt != nil {
			continue
		}
		image, err := s.Objects.Get(ctx, e.Key)
		if errors.Is(err, object.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		sample := datasets.Sample{
			ID: datasets.ID(image), Category: r.Category, ItemClass: r.ItemClass, Source: "deposit",
			DepositID: i.ID, StationID: i.StationID, CapturedAt: i.CapturedAt, LabelledBy: r.By, LabelledAt: r.At,
			Width: e.Width, Height: e.Height,
		}
		if sample.ID != e.SHA256 {
			return nil, fmt.Errorf("api: evidence %d of %s is not the image that the record names", e.Ordinal, i.ID)
		}
		sample.Key = sampleKey(sample.ID)
		if err := s.Objects.Put(ctx, sample.Key, image, "image/jpeg"); err != nil {
			return nil, err
		}
		return []datasets.Sample{sample}, nil
	}
	return nil, nil
}

func sampleKey(id string) string { return "samples/" + id + ".jpg" }

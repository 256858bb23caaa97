package explanation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/binside/binside/models"
	"github.com/binside/binside/models/explain"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/store/object"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
)

// HeatMap is where in one evidence picture the category was seen. It is
// shared: nobody changes it.
type HeatMap struct {
	Category     string
	ModelVersion string
	// Ordinal is the evidence picture's, Box the explained part of it: the
	// item, or all of it where nobody looked for the item. In its pixels.
	Ordinal int
	Box     inspection.Box
	// Probability is the category's by this model on this picture alone, with
	// nothing covered; Strangeness the prediction's.
	Probability, Strangeness float64
	// Strongest is the patch whose covering costs the category most, Left the
	// probability that it has then; nil where covering nothing hurts it.
	Strongest *inspection.Box
	Left      float64
	// PNG is a picture with transparency, to be stretched over Box.
	PNG []byte
}

const (
	// pngSide is the PNG's longer side in pixels: the map is smooth, the page
	// scales it.
	pngSide = 320
	// itemSide is how large the item's longer side is decoded at least, in
	// pixels: twice what models of today take in.
	itemSide = 448
)

// explainable returns the picture that is explained, the best that is kept.
func (s *Service) explainable(i *inspection.Inspection) (*inspection.Evidence, error) {
	if _, ok := s.deps.Taxonomy().Category(i.Category); !ok {
		return nil, ErrNoCategory
	}
	for n := range i.Evidence {
		if i.Evidence[n].DeletedAt == nil {
			return &i.Evidence[n], nil
		}
	}
	return nil, ErrEvidenceGone
}

// make makes a heat map, once more where the model was swapped meanwhile.
func (s *Service) make(ctx context.Context, i *inspection.Inspection, e *inspection.Evidence, step func(done, total int)) (*HeatMap, error) {
	data, err := s.deps.Objects.Get(ctx, e.Key)
	if errors.Is(err, object.ErrNotFound) {
		return nil, ErrEvidenceGone
	}
	if err != nil {
		return nil, fmt.Errorf("explanation: evidence %d of %s: %w", e.Ordinal, i.ID, err)
	}
	box := inspection.Box{MaxX: e.Width, MaxY: e.Height}
	if e.Item != nil {
		box = *e.Item
	}
	img, scale, err := s.decode(ctx, data, e, box)
	if err != nil {
		return nil, fmt.Errorf("explanation: evidence %d of %s: %w", e.Ordinal, i.ID, err)
	}
	view := models.View{Image: img, Crop: scale.down(box)}
	target := explain.Target{Category: i.Category, CategoryOf: s.deps.Taxonomy().CategoryOf}
	opts := explain.Options{Progress: step}
	m, err := explain.Occlude(ctx, s.deps.Classifier, view, target, opts)
	if errors.Is(err, explain.ErrModelChanged) {
		m, err = explain.Occlude(ctx, s.deps.Classifier, view, target, opts)
	}
	if err != nil {
		return nil, err
	}
	h := &HeatMap{
		Category: m.Category, ModelVersion: m.ModelVersion, Ordinal: e.Ordinal, Box: scale.up(m.Crop),
		Probability: m.Probability, Strangeness: m.Strangeness,
	}
	if p, ok := m.Strongest(); ok {
		b := scale.up(p.Box)
		h.Strongest, h.Left = &b, p.Probability
	}
	var buf bytes.Buffer
	if err := png.Encode(&buf, m.Render(pngSide)); err != nil {
		return nil, fmt.Errorf("explanation: %w", err)
	}
	h.PNG = buf.Bytes()
	return h, nil
}

// scale is between the stored picture, as the record's boxes count, and the
// decoded one.
type scale struct{ stored, decoded image.Point }

func (s scale) down(b inspection.Box) image.Rectangle {
	return image.Rect(
		b.MinX*s.decoded.X/s.stored.X, b.MinY*s.decoded.Y/s.stored.Y,
		(b.MaxX*s.decoded.X+s.stored.X-1)/s.stored.X, (b.MaxY*s.decoded.Y+s.stored.Y-1)/s.stored.Y)
}

func (s scale) up(r image.Rectangle) inspection.Box {
	return inspection.Box{
		MinX: r.Min.X * s.stored.X / s.decoded.X, MinY: r.Min.Y * s.stored.Y / s.decoded.Y,
		MaxX: min(s.stored.X, (r.Max.X*s.stored.X+s.decoded.X-1)/s.decoded.X),
		MaxY: min(s.stored.Y, (r.Max.Y*s.stored.Y+s.decoded.Y-1)/s.decoded.Y),
	}
}

// decode decodes the evidence no larger than the item needs it.
func (s *Service) decode(ctx context.Context, data []byte, e *inspection.Evidence, item inspection.Box) (*vision.Image, scale, error) {
	var opt codec.Options
	if side := max(item.MaxX-item.MinX, item.MaxY-item.MinY); side > itemSide {
		opt.MinWidth, opt.MinHeight = e.Width*itemSide/side, e.Height*itemSide/side
	}
	img, info, err := s.deps.Reader.Decode(ctx, data, opt)
	if err != nil {
		return nil, scale{}, err
	}
	return img, scale{stored: image.Pt(info.Width, info.Height), decoded: image.Pt(img.Width, img.Height)}, nil
}

type metrics struct {
	outcomes *prometheus.CounterVec
	seconds  prometheus.Histogram
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "binside_heat_maps_total", Help: "Heat maps by what became of them: made, busy, given-up, failed."}, []string{"outcome"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "binside_heat_map_seconds", Help: "Time to make one heat map.", Buckets: []float64{.1, .25, .5, 1, 2, 4, 8, 16}}),
	}
	if r != nil {
		r.MustRegister(m.outcomes, m.seconds)
	}
	return m
}

func (m *metrics) count(outcome string) { m.outcomes.WithLabelValues(outcome).Inc() }

func (m *metrics) made(took time.Duration, err error) {
	switch {
	case err == nil:
		m.count("made")
		m.seconds.Observe(took.Seconds())
	case errors.Is(err, context.Canceled):
		m.count("given-up")
	default:
		m.count("failed")
	}
}

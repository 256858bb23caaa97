package deposit

import (
	"image"
	"math"
	"slices"

	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/privacy"
	"github.com/binside/binside/vision/quality"
)

// maxCandidates bounds the crops that a region keeps while a thing holds still.
const maxCandidates = 8

// candidate is a shot that may be kept.
type candidate struct {
	shot  Shot
	still float64 // share of the thing's cells that did not change
}

// shoot crops the region out of the frame and paints over whatever else has
// come into it but the item: a second person, an arm beside it.
func (g *region) shoot(f Frame, t *thing, whole bool, still float64) candidate {
	if f.Image == nil { // of a tape, which has no pictures
		return candidate{shot: Shot{Whole: whole, Time: f.Time, Seq: f.Seq}, still: still}
	}
	crop, origin := privacy.CropRegion(f.Image, g.polygon)
	box, margin := g.raster.pixels(t.box), g.cfg.Margin
	dx, dy := int(math.Round(margin*float64(box.Dx()))), int(math.Round(margin*float64(box.Dy())))
	item := image.Rect(box.Min.X-dx, box.Min.Y-dy, box.Max.X+dx, box.Max.Y+dy).Sub(origin).Intersect(crop.Rect())
	for i, set := range g.fg {
		// A second thing's picture shows the first one, too.
		if !set || t.mask[i] || g.rest.set && g.rest.mask[i] {
			continue
		}
		x, y := i%g.shape.w, i/g.shape.w
		// A cell more on every side: what moves is blurred at its edge.
		cell := g.raster.pixels(image.Rect(x-1, y-1, x+2, y+2)).Sub(origin)
		paintAround(crop, cell, item)
	}
	return candidate{
		shot:  Shot{Image: crop, Item: item, Whole: whole, Time: f.Time, Seq: f.Seq},
		still: still,
	}
}

// paintAround paints over a part of a picture but for what lies in keep.
func paintAround(img *vision.Image, r, keep image.Rectangle) {
	in := r.Intersect(keep)
	if in.Empty() {
		privacy.Paint(img, []image.Rectangle{r})
		return
	}
	privacy.Paint(img, []image.Rectangle{
		image.Rect(r.Min.X, r.Min.Y, r.Max.X, in.Min.Y), image.Rect(r.Min.X, in.Max.Y, r.Max.X, r.Max.Y),
		image.Rect(r.Min.X, in.Min.Y, in.Min.X, in.Max.Y), image.Rect(in.Max.X, in.Min.Y, r.Max.X, in.Max.Y),
	})
}

// keep adds a candidate; of too many the oldest goes, for the later ones are
// stiller.
func keep(list []candidate, c candidate) []candidate {
	if len(list) == maxCandidates {
		list = slices.Delete(list, 0, 1)
	}
	return append(list, c)
}

// best returns the n best shots, best first. The score is the product of
// relative sharpness, exposure, completeness and stillness, each from 0 to 1;
// among equals the later shot wins. Where there is a shot of a whole item, those
// into which a hand or a person reaches are left out.
func best(list []candidate, n int) []Shot {
	if slices.ContainsFunc(list, func(c candidate) bool { return c.shot.Whole }) {
		list = slices.DeleteFunc(list, func(c candidate) bool { return !c.shot.Whole })
	}
	scores := make([]float64, len(list))
	sharpest := 0.0
	for i := range list {
		s := &list[i].shot
		q, err := quality.Measure(s.Image, s.Item)
		if err != nil {
			continue // an item of no pixel scores 0
		}
		s.Sharpness, s.Exposure = q.Sharpness, q.Exposure
		scores[i] = exposureScore(q.Exposure) * (1 - math.Min(q.Clipped, 0.9)) * list[i].still
		if !s.Whole {
			scores[i] *= 0.5
		}
		sharpest = math.Max(sharpest, q.Sharpness)
	}
	order := make([]int, len(list))
	for i := range list {
		order[i] = i
		if sharpest > 0 {
			scores[i] *= list[i].shot.Sharpness / sharpest
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case scores[a] > scores[b]:
			return -1
		case scores[a] < scores[b]:
			return 1
		}
		return b - a
	})
	var shots []Shot
	for _, i := range order[:min(n, len(order))] {
		shots = append(shots, list[i].shot)
	}
	return shots
}

// exposureScore is 1 for a mean brightness from a quarter to three quarters and
// falls to 0.1 at black and white.
func exposureScore(mean float64) float64 {
	return math.Max(0.1, math.Min(1, 4*math.Min(mean, 1-mean)))
}

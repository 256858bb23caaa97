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

// shoot crops the region out of the frame.
func shoot(f Frame, p vision.Polygon, box image.Rectangle, margin float64, whole bool, still float64) candidate {
	if f.Image == nil { // of a tape, which has no pictures
		return candidate{shot: Shot{Whole: whole, Time: f.Time, Seq: f.Seq}, still: still}
	}
	crop, origin := privacy.CropRegion(f.Image, p)
	dx, dy := int(math.Round(margin*float64(box.Dx()))), int(math.Round(margin*float64(box.Dy())))
	item := image.Rect(box.Min.X-dx, box.Min.Y-dy, box.Max.X+dx, box.Max.Y+dy).Sub(origin).Intersect(crop.Rect())
	return candidate{
		shot:  Shot{Image: crop, Item: item, Whole: whole, Time: f.Time, Seq: f.Seq},
		still: still,
	}
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
// among equals the later shot wins.
func best(list []candidate, n int) []Shot {
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

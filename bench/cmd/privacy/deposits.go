package main

import (
	"context"
	"errors"
	"image"
	"io"
	"time"

	"github.com/binside/binside/bench/station"
	"github.com/binside/binside/camera"
	"github.com/binside/binside/camera/simulate"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/deposit"
	"github.com/binside/binside/vision/privacy"
)

// leastSeen is how many pixels of somebody a deposit's picture must show to be
// counted: a head is some 90 across.
const leastSeen = 300

// remembered is how many frames' labels are kept: a deposit's pictures are at
// most as old as it takes to find it.
const remembered = 15 * simulate.FPS

// leaning plays n deposits over most of which somebody leans, among three times
// the usual hands and passers-by, and says how much of people the rule of the
// foreground leaves to be seen in the deposits' pictures, how often it paints
// over the item itself, and how many deposits are found. The truth about every
// pixel is the simulation's.
func leaning(ctx context.Context, seed uint64, n int) ([]share, error) {
	opt, err := station.Options(seed, nil)
	if err != nil {
		return nil, err
	}
	opt.Leaning, opt.Disturbance = 0.7, 3
	src, err := simulate.NewSource(opt, time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC), n)
	if err != nil {
		return nil, err
	}
	regions := station.Regions(src.Station())
	d, err := deposit.New(deposit.DefaultConfig(), regions)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	places := make(map[string]place)
	for _, r := range regions {
		mask, origin := privacy.CropRegion(vision.NewImage(simulate.Width, simulate.Height), r.Polygon)
		places[r.BinID] = place{mask, origin}
	}
	var (
		t      tally
		seen   []simulate.Detection
		labels [remembered][]simulate.Label
	)
	err = src.StreamLabelled(ctx, func(f camera.Frame, now []simulate.Label) {
		k := f.Seq % remembered
		labels[k] = append(labels[k][:0], now...)
		for _, e := range d.Observe(deposit.Frame{Seq: f.Seq, Time: f.Time, Image: f.Image}) {
			if e.Kind != deposit.Deposited {
				continue
			}
			seen = append(seen, simulate.Detection{ID: e.ID, Bin: e.BinID, At: e.Decided})
			for _, shot := range e.Shots {
				t.add(places[e.BinID].count(shot.Image, labels[shot.Seq%remembered]))
			}
		}
	})
	if !errors.Is(err, io.EOF) {
		return nil, err
	}
	score := simulate.Match(src.Truth(0).Events, seen, 300*time.Millisecond)
	return append(t.shares(), newShare("leaning over: deposits found once", score.Found, score.Shown)), nil
}

// place is a bin's region in the frame.
type place struct {
	mask   *vision.Image // of the size of its crops, black inside
	origin image.Point
}

// pixels counts, by label, those of a deposit's picture: all, and painted over.
type pixels struct{ all, painted [simulate.Labels]int }

func (p place) count(crop *vision.Image, labels []simulate.Label) (n pixels) {
	for y := range crop.Height {
		for x := range crop.Width {
			if p.mask.At(x, y) == privacy.Fill {
				continue
			}
			l := labels[(y+p.origin.Y)*simulate.Width+x+p.origin.X]
			n.all[l]++
			if crop.At(x, y) == privacy.Fill {
				n.painted[l]++
			}
		}
	}
	return n
}

// tally counts pictures.
type tally struct {
	n, leaned, limbs, headsLeft, limbsLeft, items, spoilt int
}

func (t *tally) add(p pixels) {
	t.n++
	count := func(l simulate.Label, seen, left *int) {
		if p.all[l] >= leastSeen {
			*seen++
		}
		if p.all[l]-p.painted[l] >= leastSeen {
			*left++
		}
	}
	count(simulate.Somebody, &t.leaned, &t.headsLeft)
	count(simulate.Limb, &t.limbs, &t.limbsLeft)
	if p.all[simulate.Thing] >= leastSeen {
		t.items++
		if 20*p.painted[simulate.Thing] >= p.all[simulate.Thing] {
			t.spoilt++
		}
	}
}

func (t *tally) shares() []share {
	return []share{
		newShare("leaning over: pictures taken while somebody leans in", t.leaned, t.n),
		newShare("leaning over: pictures that leave head or shoulders", t.headsLeft, t.n),
		newShare("leaning over: pictures taken while a hand is there", t.limbs, t.n),
		newShare("leaning over: pictures that leave a hand or an arm", t.limbsLeft, t.n),
		newShare("leaning over: pictures with 5% of the item painted over", t.spoilt, t.items),
	}
}

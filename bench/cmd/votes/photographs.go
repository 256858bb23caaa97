package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/evaluation"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
	"github.com/binside/binside/vision/quality"
)

// photographs makes a deposit of each photograph of the split.
func photographs(ctx context.Context, s settings, network models.Network) ([]event, error) {
	manifest, err := evaluation.ReadManifest(s.manifest)
	if err != nil {
		return nil, err
	}
	rows, err := manifest.Select(s.split, taxonomy.Default().CategoryIDs())
	if err != nil {
		return nil, err
	}
	if s.photographs > 0 && s.photographs < len(rows) {
		r := rand.New(rand.NewPCG(s.seed, 1))
		r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		rows = rows[:s.photographs]
	}
	events := make([]event, len(rows))
	err = each(ctx, network, len(rows), func(r models.Runner, i int) error {
		frames, err := shaken(r, evaluation.Locate(manifest.Dir, rows[i].Path), s.seed)
		if err != nil {
			return fmt.Errorf("%s: %w", rows[i].Path, err)
		}
		events[i] = event{frames: frames, truth: rows[i].Category, cluster: rows[i].Group}
		return nil
	})
	return events, err
}

// each calls do for 0 to n-1 from a goroutine a core, each with a runner of
// its own, until one fails.
func each(ctx context.Context, network models.Network, n int, do func(r models.Runner, i int) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	work := make(chan int)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		runner, err := network.NewRunner(1)
		if err != nil {
			stop(err)
			break
		}
		workers.Go(func() {
			for i := range work {
				if err := do(runner, i); err != nil {
					stop(err)
					break
				}
			}
			if err := runner.Close(); err != nil {
				stop(err)
			}
		})
	}
	for i := 0; i < n && ctx.Err() == nil; i++ {
		select {
		case work <- i:
		case <-ctx.Done():
		}
	}
	close(work)
	workers.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return nil
}

// shaken makes 3 to 5 frames of a photograph, the best first. They depend on
// the photograph's name and the seed alone.
func shaken(runner models.Runner, path string, seed uint64) ([]frame, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	img, info, err := codec.Decode(data, codec.DefaultLimits(), codec.Options{})
	if err != nil {
		return nil, err
	}
	img = codec.Orient(img, info.Orientation)
	h := fnv.New64a()
	_, _ = h.Write([]byte(filepath.Base(path))) // never fails
	r := rand.New(rand.NewPCG(seed, h.Sum64()))
	var looks []look
	for range 3 + r.IntN(3) {
		seen, err := newJitter(r).apply(img, r)
		if err != nil {
			return nil, err
		}
		q, err := quality.Measure(seen, seen.Rect())
		if err != nil {
			return nil, err
		}
		looks = append(looks, look{seen, q})
	}
	order(looks)
	var frames []frame
	for _, l := range looks {
		f, err := see(runner, models.View{Image: l.img}, l.quality.Sharpness)
		if err != nil {
			return nil, err
		}
		frames = append(frames, f)
	}
	return frames, nil
}

type look struct {
	img     *vision.Image
	quality quality.Quality
}

// order puts the best look first, by the detector's score of a shot: relative
// sharpness times exposure times what is not clipped (vision/deposit).
func order(looks []look) {
	score := func(l look) float64 {
		e := l.quality.Exposure
		return l.quality.Sharpness * max(0.1, min(1, 4*min(e, 1-e))) * (1 - min(l.quality.Clipped, 0.9))
	}
	slices.SortStableFunc(looks, func(a, b look) int { return cmp.Compare(score(b), score(a)) })
}

// see is what the network says of one view.
func see(runner models.Runner, view models.View, sharpness float64) (frame, error) {
	if err := runner.Set(0, view); err != nil {
		return frame{}, err
	}
	out, err := runner.Run(1)
	if err != nil {
		return frame{}, err
	}
	f := frame{sharpness: sharpness}
	for _, l := range out.Logits {
		if v := float64(l); math.IsNaN(v) || math.IsInf(v, 0) {
			return frame{}, errors.New("the network gave a logit that is no number")
		}
		f.logits = append(f.logits, float64(l))
	}
	return f, nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"slices"

	"github.com/binside/binside/camera"
	"github.com/binside/binside/camera/capture"
	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/evaluation"
	"github.com/binside/binside/models/ort"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
	"github.com/binside/binside/vision/preprocess"
	"github.com/binside/binside/vision/quality"
)

// sight is what the product makes of one picture.
type sight struct {
	// strangeness is the prediction's, surest the probability of the most
	// probable category, energy −T·log Σ exp(logit/T) (Liu et al. 2020).
	strangeness, surest, energy float64
	unreadable                  bool
}

// group is pictures of one kind.
type group struct {
	name string
	seen []sight
}

// observer shows pictures to the model one by one, by the product's own
// decoder, preprocessing and runtime.
type observer struct {
	card   *models.Card
	spec   preprocess.Spec
	runner models.Runner
	tax    *taxonomy.Taxonomy
	bounds verdict.Thresholds
}

func newObserver(network models.Network, tax *taxonomy.Taxonomy) (*observer, error) {
	card := network.Card()
	if err := card.CheckClasses(tax.CategoryOf); err != nil {
		return nil, err
	}
	runner, err := network.NewRunner(1)
	return &observer{card: card, spec: ort.Spec(card.Input), runner: runner, tax: tax, bounds: verdict.DefaultThresholds()}, err
}

func (o *observer) close() error { return o.runner.Close() }

// see is one picture's sight.
func (o *observer) see(img *vision.Image) (sight, error) {
	if err := o.runner.Set(0, models.View{Image: img}); err != nil {
		return sight{}, err
	}
	out, err := o.runner.Run(1)
	if err != nil {
		return sight{}, err
	}
	q, err := quality.Measure(img, img.Rect())
	if err != nil {
		return sight{}, err
	}
	s := sight{unreadable: q.Sharpness < o.bounds.MinSharpness || q.Exposure < o.bounds.MinExposure || q.Exposure > o.bounds.MaxExposure}
	if len(out.Strangeness) > 0 {
		s.strangeness = max(0, float64(out.Strangeness[0]))
	}
	s.surest, s.energy = o.read(out.Logits)
	if math.IsNaN(s.energy) || math.IsInf(s.energy, 0) || math.IsNaN(s.strangeness) {
		return s, errors.New("the network gave what is no number")
	}
	return s, nil
}

// read returns the probability of the most probable category and the energy.
func (o *observer) read(logits []float32) (surest, energy float64) {
	t := o.card.Temperature
	top := float64(slices.Max(logits)) / t
	var total float64
	byCategory := make(map[string]float64)
	for i, l := range logits {
		e := math.Exp(float64(l)/t - top)
		total += e
		category, _ := o.tax.CategoryOf(o.card.Classes[i]) // checked
		byCategory[category] += e
	}
	for _, p := range byCategory {
		surest = max(surest, p/total)
	}
	return surest, -t * (top + math.Log(total))
}

// open decodes a picture as the service does.
func (o *observer) open(path string) (*vision.Image, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	info, err := codec.Inspect(data, codec.DefaultLimits())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	minW, minH := o.spec.MinSource(info.Width, info.Height)
	img, info, err := codec.Decode(data, codec.DefaultLimits(), codec.Options{MinWidth: minW, MinHeight: minH})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return codec.Orient(img, info.Orientation), nil
}

// waste sees the photographs of the manifest's split.
func (o *observer) waste(ctx context.Context, s settings) (group, error) {
	g := group{name: "waste"}
	manifest, err := evaluation.ReadManifest(s.known)
	if err != nil {
		return g, err
	}
	rows, err := manifest.Select(s.split, taxonomy.Default().CategoryIDs())
	if err != nil {
		return g, err
	}
	if s.limit > 0 && s.limit < len(rows) {
		rand.New(rand.NewPCG(s.seed, 1)).Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		rows = rows[:s.limit]
	}
	for _, row := range rows {
		if err := ctx.Err(); err != nil {
			return g, err
		}
		img, err := o.open(evaluation.Locate(manifest.Dir, row.Path))
		if err != nil {
			return g, err
		}
		seen, err := o.see(img)
		if err != nil {
			return g, fmt.Errorf("%s: %w", row.Path, err)
		}
		g.seen = append(g.seen, seen)
	}
	return g, nil
}

// noWaste sees the list's entries of one kind.
func (o *observer) noWaste(ctx context.Context, cache, kind string, entries []entry) (group, error) {
	g := group{name: kind}
	err := pictures(ctx, o, cache, kind, entries, func(img *vision.Image) error {
		seen, err := o.see(img)
		g.seen = append(g.seen, seen)
		return err
	})
	return g, err
}

// pictures calls look with each picture of one kind.
func pictures(ctx context.Context, o *observer, cache, kind string, entries []entry, look func(*vision.Image) error) error {
	videos := make(map[string][]int)
	for _, e := range entries {
		if e.kind != kind {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if kind == videoFrame {
			videos[e.file(cache)] = append(videos[e.file(cache)], e.frame)
			continue
		}
		img, err := o.open(e.file(cache))
		if err != nil {
			return err
		}
		if err := look(img); err != nil {
			return fmt.Errorf("%s: %w", e.path, err)
		}
	}
	for path, numbers := range videos {
		if err := frames(ctx, path, numbers, look); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

// frames plays a video and calls look with the frames of the given numbers,
// from 0.
func frames(ctx context.Context, path string, numbers []int, look func(*vision.Image) error) error {
	source, err := capture.New(path, capture.Options{Unpaced: true})
	if err != nil {
		return err
	}
	n, found := 0, 0
	var failed error
	err = source.Stream(ctx, func(f camera.Frame) {
		if failed == nil && slices.Contains(numbers, n) {
			failed = look(f.Image)
			found++
		}
		n++
	})
	if !errors.Is(err, io.EOF) {
		return errors.Join(failed, err)
	}
	if failed == nil && found != len(numbers) {
		failed = fmt.Errorf("%d frames, the list names %d of which %d are there", n, len(numbers), found)
	}
	return failed
}

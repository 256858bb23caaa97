package main

import (
	"context"
	"fmt"
	"image"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models/evaluation"
	"github.com/binside/binside/server/pipeline"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
	"github.com/binside/binside/vision/preprocess"
	"github.com/binside/binside/vision/privacy"
)

// share is a count of n with Wilson's 95% interval.
type share struct {
	Name  string  `json:"name"`
	Count int     `json:"count"`
	N     int     `json:"n"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

func newShare(name string, count, n int) share {
	s := share{Name: name, Count: count, N: n}
	s.Low, s.High = evaluation.Wilson(count, n)
	return s
}

// cost is what one search takes of a processor.
type cost struct {
	Name string  `json:"name"`
	MS   float64 `json:"cpu_ms"`
}

// report is what goes into bench/out/privacy.json.
type report struct {
	// Recall is the share of faces and people of which at least CoveredAt was
	// painted over.
	Recall    []share `json:"recall"`
	CoveredAt float64 `json:"covered_at"`
	// Waste is how often something of a waste photograph is painted over.
	Waste []share `json:"waste"`
	// Leaning is of simulated deposits over which people lean: what the rule of
	// the foreground leaves of them in the pictures.
	Leaning []share `json:"leaning"`
	Costs   []cost  `json:"costs"`
}

func (r report) String() string {
	var b strings.Builder
	for _, group := range [][]share{r.Recall, r.Waste, r.Leaning} {
		for _, s := range group {
			fmt.Fprintf(&b, "%-58s %4d of %4d  %5.1f%% (%.1f to %.1f%%)\n", s.Name, s.Count, s.N, 100*float64(s.Count)/float64(max(s.N, 1)), 100*s.Low, 100*s.High)
		}
	}
	for _, c := range r.Costs {
		fmt.Fprintf(&b, "%-58s %6.1f ms of a processor\n", c.Name, c.MS)
	}
	return b.String()
}

// coveredAt is the share of a face's or person's box from which it counts as
// painted over.
const coveredAt = 0.6

type measurer struct{ deposit, overview *privacy.Redactor }

func (m measurer) measure(ctx context.Context, s settings, views []view) (report, error) {
	r := report{CoveredAt: coveredAt}
	for _, side := range []int{1280, 640, 320} {
		for _, turn := range []int{1, 6, 3, 8} { // EXIF: upright, a quarter, a half and three quarters of a turn
			if turn != 1 && side != 640 {
				continue
			}
			name := fmt.Sprintf("faces, deposit's picture of %d pixels%s", side, map[int]string{6: ", 90° turned", 3: ", 180° turned", 8: ", 270° turned"}[turn])
			got, err := recall(ctx, m.deposit, views, face, side, turn)
			if err != nil {
				return r, err
			}
			r.Recall = append(r.Recall, newShare(name, got.hits, got.n))
		}
	}
	for _, c := range []struct {
		name, kind string
		turn       int
	}{
		{"faces, whole view for setting up", face, 1}, {"faces, whole view for setting up, 180° turned", face, 3},
		{"people seen obliquely from above, whole view for setting up", person, 1},
	} {
		got, err := recall(ctx, m.overview, views, c.kind, 1280, c.turn)
		if err != nil {
			return r, err
		}
		r.Recall = append(r.Recall, newShare(c.name, got.hits, got.n))
	}
	got, err := recall(ctx, m.deposit, views, person, 640, 1)
	if err != nil {
		return r, err
	}
	r.Recall = append(r.Recall, newShare("people, deposit's picture of 640 pixels", got.hits, got.n))
	for _, tall := range []float64{0.35, 0.5, 0.8} {
		near, err := closer(views, tall)
		if err != nil {
			return r, err
		}
		if got, err = recall(ctx, m.deposit, near, person, 640, 1); err != nil {
			return r, err
		}
		r.Recall = append(r.Recall, newShare(fmt.Sprintf("people, %.2f of a deposit's picture tall", tall), got.hits, got.n))
	}
	if r.Waste, err = m.wasted(ctx, s); err != nil {
		return r, err
	}
	if r.Leaning, err = leaning(ctx, s.seed, s.deposits); err != nil {
		return r, err
	}
	r.Costs, err = m.costs(ctx)
	return r, err
}

type hits struct{ hits, n int }

// recall paints over every view, reduced and turned, and counts what is
// covered.
func recall(ctx context.Context, r *privacy.Redactor, views []view, kind string, side, turn int) (got hits, err error) {
	for _, v := range views {
		if v.kind != kind {
			continue
		}
		img := v.img
		if max(img.Width, img.Height) > side {
			if img, err = codec.Fit(img, side); err != nil {
				return got, err
			}
		}
		areas, err := r.Areas(ctx, codec.Orient(img, turn))
		if err != nil {
			return got, err
		}
		turned := codec.Orient(blank(img), turn)
		privacy.Paint(turned, areas)
		back := codec.Orient(turned, map[int]int{1: 1, 6: 8, 3: 3, 8: 6}[turn])
		for _, b := range privacy.Scale(v.boxes, v.img.Rect().Size(), img.Rect().Size()) {
			got.n++
			if painted(back, b) >= coveredAt {
				got.hits++
			}
		}
	}
	return got, nil
}

// closer cuts a picture of 4 : 3 around every person, of whose height the person
// is the given share, and brings it to 640 × 480 pixels.
func closer(views []view, tall float64) (out []view, err error) {
	size := preprocess.Spec{Width: 640, Height: 480, Resize: preprocess.Stretch, Deviation: [3]float64{1, 1, 1}}
	for _, v := range views {
		if v.kind != person {
			continue
		}
		for _, b := range v.boxes {
			h := min(int(float64(b.Dy())/tall), v.img.Height)
			w := min(h*4/3, v.img.Width)
			at := image.Pt(
				min(max(0, b.Min.X+b.Dx()/2-w/2), v.img.Width-w),
				min(max(0, b.Min.Y+b.Dy()/2-h/2), v.img.Height-h))
			img, err := size.Picture(v.img, image.Rect(0, 0, w, h).Add(at))
			if err != nil {
				return nil, err
			}
			out = append(out, view{person, img, privacy.Scale([]image.Rectangle{b.Sub(at)}, image.Pt(w, h), img.Rect().Size())})
		}
	}
	return out, nil
}

func blank(like *vision.Image) *vision.Image { return vision.NewImage(like.Width, like.Height) }

// painted is the share of a part of a blank picture that is painted over.
func painted(img *vision.Image, b image.Rectangle) float64 {
	b = b.Intersect(img.Rect())
	n := 0
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			if img.At(x, y) == privacy.Fill {
				n++
			}
		}
	}
	return float64(n) / float64(max(b.Dx()*b.Dy(), 1))
}

// wasted paints over photographs of waste.
func (m measurer) wasted(ctx context.Context, s settings) ([]share, error) {
	manifest, err := evaluation.ReadManifest(s.waste)
	if err != nil {
		return nil, err
	}
	rows, err := manifest.Select(s.split, taxonomy.Default().CategoryIDs())
	if err != nil {
		return nil, err
	}
	if s.limit > 0 && s.limit < len(rows) {
		rand.New(rand.NewPCG(s.seed, 1)).Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		rows = rows[:s.limit]
	}
	some, much, hidden := 0, 0, 0
	for _, row := range rows {
		data, err := os.ReadFile(evaluation.Locate(manifest.Dir, row.Path))
		if err != nil {
			return nil, err
		}
		img, _, err := codec.Decode(data, codec.DefaultLimits(), codec.Options{})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", row.Path, err)
		}
		areas, err := m.deposit.Areas(ctx, img)
		if err != nil {
			return nil, err
		}
		if len(areas) == 0 {
			continue
		}
		some++
		over := blank(img)
		privacy.Paint(over, areas)
		part := painted(over, over.Rect())
		if part >= 0.25 {
			much++
		}
		if part > pipeline.MostHidden {
			hidden++
		}
	}
	return []share{
		newShare("waste of which something is painted over", some, len(rows)),
		newShare("waste of which a quarter or more is painted over", much, len(rows)),
		newShare("waste of which too much is painted over to be judged", hidden, len(rows)),
	}, nil
}

// costs measures processor time, which other programs on the machine do not
// lengthen much.
func (m measurer) costs(ctx context.Context) ([]cost, error) {
	var out []cost
	for _, c := range []struct {
		name          string
		r             *privacy.Redactor
		width, height int
		times         int
	}{
		{"a camera's crop of 400 × 300", m.deposit, 400, 300, 100},
		{"a pushed photograph of 720p, decoded at 640 × 360", m.deposit, 640, 360, 100},
		{"a whole view of 1280 × 720, for setting up", m.overview, 1280, 720, 5},
	} {
		img := vision.NewImage(c.width, c.height)
		rng := rand.New(rand.NewPCG(1, 1))
		for i := range img.Pix {
			img.Pix[i] = byte(rng.IntN(256))
		}
		before := processor()
		for range c.times {
			if _, err := c.r.Areas(ctx, img); err != nil {
				return nil, err
			}
		}
		took := processor() - before
		out = append(out, cost{c.name, float64(took.Microseconds()) / 1000 / float64(c.times)})
	}
	return out, nil
}

// processor is the time that this process has had a processor for.
func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

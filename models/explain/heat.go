package explain

import (
	"image"
	"image/color"
	"math"
)

// Map is what Occlude found: at every step of the square, from the top left
// row by row, how much the category lost.
type Map struct {
	Category     string
	ModelVersion string
	// Crop is the explained part, in pixels of the picture.
	Crop image.Rectangle
	// Probability is the category's with nothing covered; Strangeness is the
	// prediction's.
	Probability, Strangeness float64
	Columns, Rows            int
	// Drops are the log-odds (natural) lost by covering; below 0 the covered
	// part speaks against the category. Covered are the probabilities left.
	Drops, Covered []float64
}

// Patch is one place of the square.
type Patch struct {
	// Box is in pixels of the picture, clipped to the crop.
	Box image.Rectangle
	// Drop is the log-odds lost, Probability what is left of the category's.
	Drop, Probability float64
}

// Strongest is the patch whose covering costs the category most; false where
// covering anything only helps it.
func (m *Map) Strongest() (Patch, bool) {
	best := 0
	for i, d := range m.Drops {
		if d > m.Drops[best] {
			best = i
		}
	}
	if len(m.Drops) == 0 || m.Drops[best] <= 0 {
		return Patch{}, false
	}
	stepX, stepY := float64(m.Crop.Dx())/float64(m.Columns), float64(m.Crop.Dy())/float64(m.Rows)
	x, y := float64(best%m.Columns), float64(best/m.Columns)
	box := image.Rect( // the square reaches half a step beyond its cell
		int(math.Round((x-0.5)*stepX)), int(math.Round((y-0.5)*stepY)),
		int(math.Round((x+1.5)*stepX)), int(math.Round((y+1.5)*stepY)),
	).Add(m.Crop.Min).Intersect(m.Crop)
	return Patch{Box: box, Drop: m.Drops[best], Probability: m.Covered[best]}, true
}

// leastScale is the drop, in log-odds, below which a map is drawn faint
// instead of being stretched to full strength: odds that change by less than
// a factor of 1.6 are no evidence that a person should be shown in red.
const leastScale = 0.5

// Fields are the evidence for and against the category over the crop, at
// width × height points row by row, each from 0 to 1. The two are smoothed
// apart, so that neighbours of opposite sign do not cancel out, and share one
// scale: the largest drop or rise, but at least leastScale.
func (m *Map) Fields(width, height int) (support, oppose []float64) {
	scale := leastScale
	pros, cons := make([]float64, len(m.Drops)), make([]float64, len(m.Drops))
	for i, d := range m.Drops {
		scale = max(scale, math.Abs(d))
		pros[i], cons[i] = max(d, 0), max(-d, 0)
	}
	across, down := kernel(m.Columns, width), kernel(m.Rows, height)
	return m.smooth(pros, scale, across, down), m.smooth(cons, scale, across, down)
}

// smooth is the Gaussian-weighted mean of the cells around every point, first
// along the rows, then along the columns.
func (m *Map) smooth(cells []float64, scale float64, across, down [][]float64) []float64 {
	rows := make([]float64, m.Rows*len(across))
	for r := range m.Rows {
		for x, weights := range across {
			var sum float64
			for c, w := range weights {
				sum += w * cells[r*m.Columns+c]
			}
			rows[r*len(across)+x] = sum / scale
		}
	}
	out := make([]float64, len(across)*len(down))
	for y, weights := range down {
		for x := range across {
			var sum float64
			for r, w := range weights {
				sum += w * rows[r*len(across)+x]
			}
			out[y*len(across)+x] = sum
		}
	}
	return out
}

// spread is the Gaussian's deviation in cells: as wide as it must be for the
// grid not to show.
const spread = 0.6

// kernel holds, for each of n points along an axis, the weight of every cell;
// they sum to 1.
func kernel(cells, n int) [][]float64 {
	out := make([][]float64, n)
	for i := range out {
		at := (float64(i)+0.5)*float64(cells)/float64(n) - 0.5
		weights := make([]float64, cells)
		var sum float64
		for c := range weights {
			d := (at - float64(c)) / spread
			weights[c] = math.Exp(-d * d / 2)
			sum += weights[c]
		}
		for c := range weights {
			weights[c] /= sum
		}
		out[i] = weights
	}
	return out
}

// The overlay's colours by rising strength: warm for, cold against. The pair
// stays apart for people who confuse red and green.
var (
	warm = []color.NRGBA{{R: 255, G: 226, B: 77}, {R: 253, G: 141, B: 40}, {R: 214, G: 20, B: 38}}
	cold = []color.NRGBA{{R: 150, G: 220, B: 255}, {R: 60, G: 150, B: 245}, {R: 24, G: 60, B: 190}}
)

// Evidence weaker than faint is not drawn: it would veil the whole picture.
// Nothing hides the picture more than opaque.
const (
	faint  = 0.12
	opaque = 0.82
)

// Render draws the map as a picture to be laid over the crop: clear where
// nothing matters, warm where the category rests on it, cold where something
// speaks against it. It has the crop's shape, and side pixels on the longer
// side.
func (m *Map) Render(side int) *image.NRGBA {
	longest := max(m.Crop.Dx(), m.Crop.Dy(), 1)
	w, h := max(1, m.Crop.Dx()*side/longest), max(1, m.Crop.Dy()*side/longest)
	out := image.NewNRGBA(image.Rect(0, 0, w, h))
	support, oppose := m.Fields(w, h)
	for i := range support {
		c := paint(warm, support[i])
		if oppose[i] > support[i] {
			c = paint(cold, oppose[i])
		}
		out.SetNRGBA(i%w, i/w, c)
	}
	return out
}

func paint(ramp []color.NRGBA, strength float64) color.NRGBA {
	v := (min(strength, 1) - faint) / (1 - faint)
	if !(v > 0) { // NaN, too
		return color.NRGBA{}
	}
	at := v * float64(len(ramp)-1)
	low := min(int(at), len(ramp)-2)
	f := at - float64(low)
	mix := func(a, b uint8) uint8 { return uint8(math.Round(float64(a)*(1-f) + float64(b)*f)) }
	a, b := ramp[low], ramp[low+1]
	return color.NRGBA{
		R: mix(a.R, b.R), G: mix(a.G, b.G), B: mix(a.B, b.B),
		A: uint8(math.Round(255 * opaque * math.Sqrt(v))),
	}
}

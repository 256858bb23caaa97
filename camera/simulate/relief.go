package simulate

import (
	"image"
	"math"
)

// A relief is a body seen from above as a height over the picture: rounded
// limbs blended into each other, lit from the upper left. Arms, bags and
// passers-by are made of it.
type relief struct {
	w, h   int
	limbs  []limb
	blend  float64                          // how softly limbs flow into each other, in pixels
	bump   func(x, y float64) float64       // extra height, may be nil
	colour func(x, y float64, part int) rgb // by the topmost limb's part
}

// limb is a capsule from a to b with a radius at each end.
type limb struct {
	ax, ay, ar, bx, by, br float64
	part                   int
	lift                   float64
}

// field returns the signed distance to the limb, the height of its surface.
//
//go:norace
func (l *limb) field(x, y float64) (dist, height float64) {
	dx, dy := l.bx-l.ax, l.by-l.ay
	t := clamp01(((x-l.ax)*dx + (y-l.ay)*dy) / max(dx*dx+dy*dy, 1e-9))
	r := mix(l.ar, l.br, t)
	d := math.Hypot(x-l.ax-t*dx, y-l.ay-t*dy)
	return d - r, math.Sqrt(max(0, r*r-d*d)) + l.lift
}

// eval returns the body at a place: its signed distance (exact only near the
// edge), its height, and the part on top.
//
//go:norace
func (m *relief) eval(x, y float64) (dist, height float64, part int) {
	dist, top := 1e9, -1.
	var sum float64
	for i := range m.limbs {
		l := &m.limbs[i]
		r := max(l.ar, l.br) + 2
		if x < min(l.ax, l.bx)-r || x > max(l.ax, l.bx)+r || y < min(l.ay, l.by)-r || y > max(l.ay, l.by)+r {
			continue
		}
		d, h := l.field(x, y)
		dist = min(dist, d)
		if d > 2 {
			continue
		}
		if h > top {
			top, part = h, l.part
		}
		sum += math.Exp(h / m.blend)
	}
	if top < 0 {
		return dist, 0, part
	}
	height = m.blend * math.Log(sum) // a smooth maximum of the heights
	if m.bump != nil {
		height += m.bump(x, y)
	}
	return dist, height, part
}

// render draws the relief with straight alpha.
//
//go:norace
func (m *relief) render() *image.NRGBA {
	out := image.NewNRGBA(image.Rect(0, 0, m.w, m.h))
	heights := make([]float64, (m.w+1)*(m.h+1))
	dists := make([]float64, len(heights))
	parts := make([]int, len(heights))
	for y := range m.h + 1 {
		for x := range m.w + 1 {
			i := y*(m.w+1) + x
			dists[i], heights[i], parts[i] = m.eval(float64(x), float64(y))
		}
	}
	for y := range m.h {
		for x := range m.w {
			i := y*(m.w+1) + x
			a := cover(dists[i])
			if a <= 0 {
				continue
			}
			nx, ny := heights[i]-heights[i+1], heights[i]-heights[i+m.w+1]
			c := m.colour(float64(x), float64(y), parts[i]).scale(lambert(nx, ny))
			o := out.PixOffset(x, y)
			out.Pix[o], out.Pix[o+1], out.Pix[o+2], out.Pix[o+3] = byteOf(c[0]), byteOf(c[1]), byteOf(c[2]), byteOf(255*a)
		}
	}
	return out
}

// lambert is the light on a surface with slopes nx, ny per pixel: a lamp from
// the upper left and sky light from everywhere above.
func lambert(nx, ny float64) float64 {
	n := 1 / math.Sqrt(1+nx*nx+ny*ny)
	lamp := max(0, (-0.38*nx-0.46*ny+0.80)*n)
	return 0.34 + 0.70*lamp + 0.10*n
}

package simulate

import (
	"image"
	"math"

	"golang.org/x/image/draw"
	"golang.org/x/image/math/f64"
)

// sprite is a small premultiplied RGBA picture that is drawn with its anchor
// at a place. lo and hi bound each row's visible pixels, so that drawing
// skips what is transparent.
type sprite struct {
	w, h   int
	pix    []byte
	lo, hi []int
	anchor image.Point
}

func newSprite(m *image.RGBA, anchor image.Point) *sprite {
	s := &sprite{w: m.Rect.Dx(), h: m.Rect.Dy(), pix: m.Pix, anchor: anchor}
	s.spans()
	return s
}

//go:norace
func (s *sprite) spans() {
	s.lo, s.hi = make([]int, s.h), make([]int, s.h)
	for y := range s.h {
		row := s.pix[4*y*s.w : 4*(y+1)*s.w]
		lo, hi := s.w, 0
		for x := range s.w {
			if row[4*x+3] != 0 {
				lo, hi = min(lo, x), x+1
			}
		}
		s.lo[y], s.hi[y] = lo, hi
	}
}

// rectAt is the part of the scene that the sprite covers with its anchor at p.
func (s *sprite) rectAt(p image.Point) image.Rectangle {
	corner := p.Sub(s.anchor)
	return image.Rectangle{Min: corner, Max: corner.Add(image.Pt(s.w, s.h))}
}

// rotated turns and scales a picture around the point (cx, cy) of it; the
// squash shrinks heights, as a view from an angle does. The anchor of the
// result is where that point lands.
func rotated(src *image.NRGBA, cx, cy, angle, scale, squash float64) *sprite {
	sin, cos := math.Sincos(angle)
	a, b := scale*cos, -scale*sin
	c, d := squash*scale*sin, squash*scale*cos
	minX, minY, maxX, maxY := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	w, h := float64(src.Rect.Dx()), float64(src.Rect.Dy())
	for _, p := range [4][2]float64{{-cx, -cy}, {w - cx, -cy}, {-cx, h - cy}, {w - cx, h - cy}} {
		x, y := a*p[0]+b*p[1], c*p[0]+d*p[1]
		minX, maxX, minY, maxY = min(minX, x), max(maxX, x), min(minY, y), max(maxY, y)
	}
	const pad = 2
	ax, ay := math.Ceil(-minX)+pad, math.Ceil(-minY)+pad
	out := image.NewRGBA(image.Rect(0, 0, int(ax+math.Ceil(maxX))+pad, int(ay+math.Ceil(maxY))+pad))
	m := f64.Aff3{a, b, ax - a*cx - b*cy, c, d, ay - c*cx - d*cy}
	interpolator := draw.Transformer(draw.ApproxBiLinear)
	if scale != 1 {
		interpolator = draw.CatmullRom
	}
	interpolator.Transform(out, m, src, src.Rect, draw.Src, nil)
	clampPremultiplied(out.Pix)
	return newSprite(out, image.Pt(int(ax), int(ay)))
}

// clampPremultiplied repairs what the overshoot of a cubic filter leaves:
// colours above their alpha.
//
//go:norace
func clampPremultiplied(pix []byte) {
	for i := 0; i < len(pix); i += 4 {
		a := pix[i+3]
		pix[i], pix[i+1], pix[i+2] = min(pix[i], a), min(pix[i+1], a), min(pix[i+2], a)
	}
}

// blurred returns the sprite smeared over n pixels in height, as a short
// exposure does with something that moves up or down the picture.
//
//go:norace
func (s *sprite) blurred(n int) *sprite {
	h := s.h + n - 1
	out := &sprite{w: s.w, h: h, pix: make([]byte, 4*s.w*h), anchor: s.anchor.Add(image.Pt(0, n/2))}
	sum := make([]int, 4*s.w)
	stride := 4 * s.w
	for y := range h {
		if y < s.h {
			for i, v := range s.pix[y*stride : (y+1)*stride] {
				sum[i] += int(v)
			}
		}
		if old := y - n; old >= 0 {
			for i, v := range s.pix[old*stride : (old+1)*stride] {
				sum[i] -= int(v)
			}
		}
		row := out.pix[y*stride : (y+1)*stride]
		for i, v := range sum {
			row[i] = byte(v / n)
		}
	}
	out.spans()
	return out
}

// toned multiplies the sprite's colours, for instance by the light at a place.
//
//go:norace
func (s *sprite) toned(t rgb) *sprite {
	for i := 0; i < len(s.pix); i += 4 {
		a := float64(s.pix[i+3])
		for c := range 3 {
			s.pix[i+c] = byteOf(min(float64(s.pix[i+c])*t[c], a))
		}
	}
	return s
}

// shadow is the sprite's outline, blurred by radius pixels each side, as
// coverage 0..255 in the alpha of a black sprite of the given strength.
//
//go:norace
func (s *sprite) shadow(radius int, strength float64) *sprite {
	w, h := s.w+4*radius, s.h+4*radius
	a := make([]float32, w*h)
	for y := range s.h {
		for x := s.lo[y]; x < s.hi[y]; x++ {
			a[(y+2*radius)*w+x+2*radius] = float32(s.pix[4*(y*s.w+x)+3])
		}
	}
	tmp := make([]float32, w*h)
	for range 2 { // two boxes make a tent, near enough to a soft shadow
		boxBlur(tmp, a, w, h, radius, 1, w)
		boxBlur(a, tmp, h, w, radius, w, 1)
	}
	out := &sprite{w: w, h: h, pix: make([]byte, 4*w*h), anchor: s.anchor.Add(image.Pt(2*radius, 2*radius))}
	for i, v := range a {
		out.pix[4*i+3] = byte(min(float64(v)*strength, 255))
	}
	out.spans()
	return out
}

// boxBlur averages over 2r+1 samples along lines of n samples, dx apart, the
// lines being dy apart.
//
//go:norace
func boxBlur(dst, src []float32, n, lines, r, dx, dy int) {
	f := 1 / float32(2*r+1)
	for l := range lines {
		base, sum := l*dy, float32(0)
		for i := range min(r, n) {
			sum += src[base+i*dx]
		}
		for i := range n {
			if j := i + r; j < n {
				sum += src[base+j*dx]
			}
			if j := i - r - 1; j >= 0 {
				sum -= src[base+j*dx]
			}
			dst[base+i*dx] = sum * f
		}
	}
}

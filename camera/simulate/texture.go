package simulate

import "math"

// Small procedural tools: hashed value noise and signed distances. The
// distance functions follow Inigo Quilez, "2D distance functions".

// hash2 is a well-mixed 32-bit hash of a lattice point (the finaliser of
// MurmurHash3), mapped to 0..1.
func hash2(x, y int, seed uint32) float64 {
	h := uint32(x)*0x8da6b343 ^ uint32(y)*0xd8163841 ^ seed*0xcb1ab31f
	h ^= h >> 16
	h *= 0x85ebca6b
	h ^= h >> 13
	h *= 0xc2b2ae35
	h ^= h >> 16
	return float64(h) / (1 << 32)
}

// value is smooth noise in 0..1 with features of about one unit.
func value(x, y float64, seed uint32) float64 {
	fx, fy := math.Floor(x), math.Floor(y)
	ix, iy := int(fx), int(fy)
	tx, ty := smooth(x-fx), smooth(y-fy)
	a, b := hash2(ix, iy, seed), hash2(ix+1, iy, seed)
	c, d := hash2(ix, iy+1, seed), hash2(ix+1, iy+1, seed)
	return mix(mix(a, b, tx), mix(c, d, tx), ty)
}

// fbm adds octaves of value noise; the result lies in 0..1 around 0.5.
func fbm(x, y float64, octaves int, seed uint32) float64 {
	sum, amp, norm := 0.0, 1.0, 0.0
	for o := range octaves {
		sum += amp * value(x, y, seed+uint32(o)*101)
		norm += amp
		amp *= 0.5
		x, y = x*2.03, y*2.03
	}
	return sum / norm
}

func mix(a, b, t float64) float64 { return a + (b-a)*t }

func clamp01(t float64) float64 { return min(max(t, 0), 1) }

// smooth is the cubic ease from 0 to 1, clamped outside.
func smooth(t float64) float64 { t = clamp01(t); return t * t * (3 - 2*t) }

// step is smooth over the span from a to b.
func step(a, b, x float64) float64 { return smooth((x - a) / (b - a)) }

// roundBox is the signed distance to a box of half sizes hw and hh with
// corners of radius r, centred on the origin; negative inside.
func roundBox(x, y, hw, hh, r float64) float64 {
	qx, qy := math.Abs(x)-hw+r, math.Abs(y)-hh+r
	return min(max(qx, qy), 0) + math.Hypot(max(qx, 0), max(qy, 0)) - r
}

// cover is how much of a pixel lies inside an edge at signed distance d.
func cover(d float64) float64 { return clamp01(0.5 - d) }

type rgb [3]float64

func (c rgb) scale(f float64) rgb { return rgb{c[0] * f, c[1] * f, c[2] * f} }

func (c rgb) over(d rgb, t float64) rgb {
	return rgb{mix(c[0], d[0], t), mix(c[1], d[1], t), mix(c[2], d[2], t)}
}

func byteOf(v float64) byte { return byte(min(max(v, 0), 255) + 0.5) }

// Package conditiontest breaks footage the way cameras break, to measure
// vision/condition and what depends on it.
package conditiontest

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/condition"
)

// Fault is one way in which one camera is broken.
type Fault struct {
	kind  condition.Kind
	seed  uint64
	image func(*vision.Image) *vision.Image
	skew  time.Duration

	frozen *vision.Image
}

// New draws a fault of the kind: how bad it is, and where, depends on the seed.
func New(kind condition.Kind, seed uint64) *Fault {
	rng := rand.New(rand.NewPCG(seed, 41))
	f := &Fault{kind: kind, seed: seed}
	between := func(a, b float64) float64 { return uniform(rng, a, b) }
	switch kind {
	case condition.Black:
		level := between(0, 5)
		f.image = func(m *vision.Image) *vision.Image { return f.expose(m, 0, level, 1.5) }
	case condition.Overexposed:
		gain := between(4, 8)
		f.image = func(m *vision.Image) *vision.Image { return f.expose(m, gain, 40, 2) }
	case condition.Night:
		gain := between(0.05, 0.16)
		f.image = func(m *vision.Image) *vision.Image { return f.expose(m, gain, 6, 5) }
	case condition.Blurred:
		radius := between(0.008, 0.02)
		f.image = func(m *vision.Image) *vision.Image { return blur(m, radius) }
	case condition.Dirty:
		spots := smears(rng)
		f.image = func(m *vision.Image) *vision.Image { return smear(m, spots) }
	case condition.Moved:
		angle, dx, dy := between(-0.3, 0.3), between(0.12, 0.35), between(-0.2, 0.2)
		if rng.IntN(2) == 0 {
			dx = -dx
		}
		f.image = func(m *vision.Image) *vision.Image { return turn(m, angle, dx, dy) }
	case condition.Covered:
		colour := [3]float64{between(20, 200), between(20, 200), between(20, 200)}
		slope := between(-0.5, 0.5)
		f.image = func(m *vision.Image) *vision.Image { return f.cover(m, colour, slope) }
	case condition.Clock:
		f.skew = time.Duration(between(15, 7200)) * time.Second
		if rng.IntN(2) == 0 {
			f.skew = -f.skew
		}
	case condition.Good, condition.Frozen:
	}
	return f
}

// Break returns the frame as the broken camera would deliver it; the one given
// is not changed.
func (f *Fault) Break(frame condition.Frame) condition.Frame {
	frame.Time = frame.Time.Add(f.skew)
	switch {
	case f.kind == condition.Frozen:
		if f.frozen == nil {
			f.frozen = frame.Image
		}
		frame.Image = f.frozen
	case f.image != nil:
		frame.Image = f.image(frame.Image)
	}
	return frame
}

// optical reports whether the fault is one of what the lens throws on the
// sensor, which then adds its noise, and not of what the camera makes of it.
func (f *Fault) optical() bool {
	switch f.kind {
	case condition.Blurred, condition.Dirty, condition.Moved, condition.Covered:
		return true
	default:
		return false
	}
}

// expose is the picture in another light, with the sensor's noise; every call
// draws another one.
func (f *Fault) expose(m *vision.Image, gain, level, noise float64) *vision.Image {
	f.seed++
	rng := rand.New(rand.NewPCG(f.seed, 43))
	out := vision.NewImage(m.Width, m.Height)
	for i, v := range m.Pix {
		out.Pix[i] = clip(float64(v)*gain + level + noise*rng.NormFloat64())
	}
	return out
}

// cover is a surface close before the lens: one soft colour.
func (f *Fault) cover(m *vision.Image, colour [3]float64, slope float64) *vision.Image {
	f.seed++
	rng := rand.New(rand.NewPCG(f.seed, 47))
	out := vision.NewImage(m.Width, m.Height)
	for y := range m.Height {
		for x := range m.Width {
			shade := 1 + slope*(float64(x)/float64(m.Width)-0.5)
			for c := range 3 {
				out.Pix[3*(y*m.Width+x)+c] = clip(colour[c]*shade + 2*rng.NormFloat64())
			}
		}
	}
	return out
}

func clip(v float64) byte { return byte(min(max(v+0.5, 0), 255)) }

// blur is three box filters, which is nearly a normal one; radius is a share
// of the picture's width.
func blur(m *vision.Image, radius float64) *vision.Image {
	r := max(1, int(radius*float64(m.Width)))
	out := m.Clone()
	line := make([]byte, 3*max(m.Width, m.Height))
	for range 3 {
		for y := range m.Height {
			box(out.Pix[3*y*m.Width:], 3, m.Width, r, line)
		}
		for x := range m.Width {
			box(out.Pix[3*x:], 3*m.Width, m.Height, r, line)
		}
	}
	return out
}

// box averages n pixels, step bytes apart, over 2r+1 of them.
func box(pix []byte, step, n, r int, line []byte) {
	for c := range 3 {
		at := func(i int) int { return int(pix[min(max(i, 0), n-1)*step+c]) }
		sum := 0
		for i := -r; i <= r; i++ {
			sum += at(i)
		}
		for i := range n {
			line[i] = byte(sum / (2*r + 1))
			sum += at(i+r+1) - at(i-r)
		}
		for i := range n {
			pix[i*step+c] = line[i]
		}
	}
}

// spot is a smear on the lens, in shares of the picture.
type spot struct{ x, y, rx, ry, haze float64 }

// smears cover from a sixth to a half of the picture.
func smears(rng *rand.Rand) []spot {
	var spots []spot
	want := 0.16 + 0.3*rng.Float64()
	for covered(spots) < want {
		s := spot{x: rng.Float64(), y: rng.Float64(), rx: 0.12 + 0.16*rng.Float64(), ry: 0.15 + 0.2*rng.Float64(), haze: 0.3 + 0.4*rng.Float64()}
		spots = append(spots, s)
	}
	return spots
}

// covered is the share of the picture that lies at least half behind the spots.
func covered(spots []spot) float64 {
	const side = 40
	n := 0
	for i := range side * side {
		x, y := (float64(i%side)+0.5)/side, (float64(i/side)+0.5)/side
		n += count(slices.ContainsFunc(spots, func(s spot) bool { return s.cover(x, y) >= 0.5 }))
	}
	return float64(n) / (side * side)
}

// cover is how much of what is seen at a place is the spot, 0 to 1; its rim is
// soft.
func (s spot) cover(x, y float64) float64 {
	return min(1, max(0, 1.3-math.Hypot((x-s.x)/s.rx, (y-s.y)/s.ry))/0.4)
}

// smear blurs and hazes the picture behind the spots, whose rims are soft.
func smear(m *vision.Image, spots []spot) *vision.Image {
	soft := blur(m, 0.02)
	out := m.Clone()
	for y := range m.Height {
		for x := range m.Width {
			cover, haze := 0.0, 0.0
			for _, s := range spots {
				if through := s.cover(float64(x)/float64(m.Width), float64(y)/float64(m.Height)); through > 0 {
					cover, haze = max(cover, through), max(haze, s.haze)
				}
			}
			if cover == 0 {
				continue
			}
			for c := 3 * (y*m.Width + x); c < 3*(y*m.Width+x)+3; c++ {
				dirty := float64(soft.Pix[c])*(1-haze) + 120*haze
				out.Pix[c] = clip(float64(m.Pix[c])*(1-cover) + dirty*cover)
			}
		}
	}
	return out
}

// turn is the view of a camera that was turned: shifted by shares of the
// width and height, mirrored where nothing is known.
func turn(m *vision.Image, angle, dx, dy float64) *vision.Image {
	out := vision.NewImage(m.Width, m.Height)
	sin, cos := math.Sincos(angle)
	w, h := float64(m.Width), float64(m.Height)
	for y := range m.Height {
		for x := range m.Width {
			u, v := float64(x)-w/2, float64(y)-h/2
			sx, sy := mirror(int(cos*u-sin*v+w/2+dx*w), m.Width), mirror(int(sin*u+cos*v+h/2+dy*h), m.Height)
			copy(out.Pix[3*(y*m.Width+x):3*(y*m.Width+x)+3], m.Pix[3*(sy*m.Width+sx):])
		}
	}
	return out
}

func mirror(i, n int) int {
	if i < 0 {
		i = -i
	}
	if i %= 2 * n; i >= n {
		i = 2*n - 1 - i
	}
	return i
}

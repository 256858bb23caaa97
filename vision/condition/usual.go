package condition

import (
	"math"
	"slices"
	"time"
)

// textured is the detail from which on a tile has something to lose: a step of
// 20 levels along one side of it.
const textured = 20 * 20 / tile

// leastTextured is the share of tiles that must be textured for a picture to be
// compared with its usual self.
const leastTextured = 0.06

// leastCovered is the same for smears: where most of the picture is plain, a
// thing that is taken away cannot be told from one that is smeared over.
const leastCovered = 0.45

// usual is what a camera shows when it is well.
type usual struct {
	ready               bool
	w, h                int
	edges, detail, mean []float64
	lost, fresh         []float64 // of the last seconds, tile by tile

	learning []sample
	since    time.Time
}

// follow learns a new camera, or moves towards what a known one shows.
func (u *usual) follow(s *sample, step time.Duration, at time.Time, cfg Config) {
	if u.w != s.w || u.h != s.h {
		*u = usual{w: s.w, h: s.h}
	}
	if !u.ready {
		u.learn(s, at, cfg)
		return
	}
	alpha := 1 - math.Exp(-float64(max(step, 0))/float64(cfg.Follow))
	towards := func(dst, src []float64) {
		for i, v := range src {
			dst[i] += alpha * (v - dst[i])
		}
	}
	towards(u.edges, s.edges)
	towards(u.detail, s.detail)
	towards(u.mean, s.mean)
}

// learn takes the median of what the first seconds show: who walks through
// them does not enter.
func (u *usual) learn(s *sample, at time.Time, cfg Config) {
	if len(u.learning) == 0 {
		u.since = at
	}
	u.learning = append(u.learning, sample{edges: slices.Clone(s.edges), detail: slices.Clone(s.detail), mean: slices.Clone(s.mean)})
	if at.Sub(u.since) < cfg.Learn || len(u.learning) < 5 {
		return
	}
	median := func(of func(*sample) []float64) []float64 {
		out, values := make([]float64, len(of(s))), make([]float64, len(u.learning))
		for i := range out {
			for k := range u.learning {
				values[k] = of(&u.learning[k])[i]
			}
			slices.Sort(values)
			out[i] = values[len(values)/2]
		}
		return out
	}
	u.edges = median(func(s *sample) []float64 { return s.edges })
	u.detail = median(func(s *sample) []float64 { return s.detail })
	u.mean = median(func(s *sample) []float64 { return s.mean })
	u.lost, u.fresh = make([]float64, len(u.detail)), make([]float64, len(u.detail))
	u.learning, u.ready = nil, true
}

// compare says what a picture of ordinary light looks like beside the usual
// one.
func (u *usual) compare(s, prev *sample) Kind {
	if !u.ready || u.w != s.w || u.h != s.h {
		return Good
	}
	// What keeps the coarse pattern of light and dark is the same scene.
	pattern := correlation(s.mean, u.mean)
	c := u.contrast(s, pattern > samePattern)
	if c.textured < leastTextured {
		return Good
	}
	// A thing that stands before the camera hides detail, but shows its own
	// outline; a lens out of focus, or a smear on it, only takes away.
	soft := c.longFresh <= 0.2*c.longLost*c.textured
	switch still := correlation(s.edges, prev.edges) > 0.7; {
	case c.lost > 0.85 && c.fresh <= 0.03 && pattern <= samePattern:
		return Covered
	case c.lost > 0.7 && soft && pattern > samePattern:
		return Blurred
	case c.longLost >= 0.12 && soft && c.textured > leastCovered && pattern > samePattern:
		return Dirty
	case still && correlation(s.edges, u.edges) < 0.4:
		return Moved
	}
	return Good
}

// samePattern is the correlation of the tiles' brightness above which a picture
// shows the usual scene.
const samePattern = 0.75

// contrast is how a picture's detail differs from the usual one's, in shares.
type contrast struct {
	textured float64 // of all tiles
	lost     float64 // of the textured tiles: have lost most of their detail
	fresh    float64 // of all tiles: have far more detail than usual
	// longLost and longFresh are the shares of tiles that have been so for
	// some seconds: what walks past is not.
	longLost, longFresh float64
}

// contrast compares tile by tile. Detail grows with the square of the light, of
// the same scene.
func (u *usual) contrast(s *sample, same bool) contrast {
	gain := 1.0
	if same {
		gain = u.gain(s)
	}
	var c contrast
	n := 0.0
	for t, usual := range u.detail {
		d := s.detail[t] / (gain * gain)
		fresh := d > 2.5*usual+2*textured
		c.fresh += share(fresh)
		c.longFresh += share(long(&u.fresh[t], fresh))
		if usual < textured {
			continue
		}
		n++
		lost := d < 0.4*usual
		c.lost += share(lost)
		c.longLost += share(long(&u.lost[t], lost))
	}
	all := float64(len(u.detail))
	c.textured, c.fresh, c.longFresh = n/all, c.fresh/all, c.longFresh/all
	if n > 0 {
		c.lost, c.longLost = c.lost/n, c.longLost/n
	}
	return c
}

func share(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// long follows a tile: is it so most of the time? At two pictures a second that
// takes three seconds to be believed.
func long(mean *float64, is bool) bool {
	*mean += 0.2 * (share(is) - *mean)
	return *mean > 0.75
}

// gain is the light's factor over the usual one.
func (u *usual) gain(s *sample) float64 {
	ratios := make([]float64, 0, len(u.mean))
	for t, m := range u.mean {
		if m > 8 {
			ratios = append(ratios, s.mean[t]/m)
		}
	}
	if len(ratios) == 0 {
		return 1
	}
	slices.Sort(ratios)
	return min(max(ratios[len(ratios)/2], 0.3), 3)
}

// correlation is Pearson's coefficient; 0 where one side does not vary.
func correlation(a, b []float64) float64 {
	if len(a) != len(b) || len(a) == 0 {
		return 0
	}
	var ma, mb float64
	for i := range a {
		ma += a[i]
		mb += b[i]
	}
	n := float64(len(a))
	ma, mb = ma/n, mb/n
	var ab, aa, bb float64
	for i := range a {
		x, y := a[i]-ma, b[i]-mb
		ab += x * y
		aa += x * x
		bb += y * y
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}

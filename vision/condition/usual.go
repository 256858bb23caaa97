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
const leastCovered = 0.7

// usual is what a camera shows when it is well.
type usual struct {
	ready                 bool
	w, h                  int
	edges, detail, relief []float64
	// lost and outline are of the last seconds, tile by tile and cell by cell.
	lost, outline []float64

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
	// Passers-by add much detail to a part for a moment: it counts for no more
	// than twice the usual.
	for t := range s.detail {
		light := (s.mean[t] + dim) * (s.mean[t] + dim)
		u.detail[t] += alpha * (min(s.lasting(t), 2*u.detail[t]+textured/light) - u.detail[t])
	}
	towards := func(dst, src []float64) {
		for i, v := range src {
			dst[i] += alpha * (v - dst[i])
		}
	}
	towards(u.edges, s.edges)
	towards(u.relief, s.relief)
}

// learn takes the median of what the first seconds show: who walks through
// them does not enter.
func (u *usual) learn(s *sample, at time.Time, cfg Config) {
	if len(u.learning) == 0 {
		u.since = at
	}
	detail := make([]float64, len(s.detail))
	for t := range detail {
		detail[t] = s.lasting(t)
	}
	u.learning = append(u.learning, sample{edges: slices.Clone(s.edges), detail: detail, relief: slices.Clone(s.relief)})
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
	u.relief = median(func(s *sample) []float64 { return s.relief })
	u.lost, u.outline = make([]float64, len(u.detail)), make([]float64, len(u.edges))
	u.learning, u.ready = nil, true
}

// compare says what a picture of ordinary light looks like beside the usual
// one.
func (u *usual) compare(s, prev *sample) Kind {
	if !u.ready || u.w != s.w || u.h != s.h {
		return Good
	}
	c := u.contrast(s)
	pattern, same, still := correlation(s.relief, u.relief), correlation(s.edges, u.edges), correlation(s.edges, prev.edges)
	if c.textured < leastTextured {
		return Good
	}
	elsewhere := c.outline > mostMixed
	other := (pattern+same)/2 < sameScene || elsewhere && same < otherEdges && pattern < otherPattern
	// A thing that stands before the camera hides detail, but shows its own
	// outline; a lens out of focus, or a smear on it, only takes away. What
	// covers the lens is too close to be sharp: what is seen on it is the
	// sensor's noise, another one in each picture.
	switch {
	case other && (elsewhere || still > mostNoise) && !(c.gone() && c.fresh < leastFresh):
		return Moved
	case other:
		return Covered
	case c.gone() && c.outline < mostMixed:
		return Blurred
	case c.longLost >= leastSmeared && c.outline < mostOutline && c.textured > leastCovered:
		return Dirty
	}
	return Good
}

// sameScene is the mean correlation of edges and coarse pattern above which a
// picture shows the usual scene: of the footage that it was measured on all
// views that were covered and most that were turned had at most 0.28, blurred,
// smeared and good ones at least 0.37.
const sameScene = 0.32

// otherEdges and otherPattern are the same for edges and pattern where there are
// many outlines that are not usual: a camera turned by a little keeps the coarse
// pattern, up to 0.65, but not the edges, at most 0.28. One that is out of focus
// keeps at least 0.8 of the pattern.
const (
	otherEdges   = 0.3
	otherPattern = 0.7
)

// leastSmeared is the share of the textured tiles that a smear covers.
const leastSmeared = 0.15

// leastLost and mostKept are the shares of the textured tiles that have lost and
// kept their detail where all of the lens is out of focus or covered. Of 100
// lenses that were out of focus or covered all but one had lost at least 0.82 and
// kept at most 0.11, that one 0.24; of 100 that were smeared or turned each had
// kept at least 0.29.
const (
	leastLost = 0.7
	mostKept  = 0.26
)

// gone reports whether hardly anything of the usual detail is left.
func (c *contrast) gone() bool { return c.lost > leastLost && c.kept < mostKept }

// leastFresh is the share of tiles with far more detail than usual in a picture
// of another view; on a plain thing that covers the lens there is none. mostNoise
// is the correlation of the edges of two pictures in which there is only noise:
// at most 0.28 in what was measured.
const (
	leastFresh = 0.05
	mostNoise  = 0.4
)

// mostOutline is how long the outlines in the picture that are not usual may be
// for a smear, as a multiple of the root of the area that has lost its detail:
// those of a thing that covers as much are about four, and wind that shakes the
// camera makes some. Where the whole picture is out of focus things that came
// meanwhile have outlines, too: up to mostMixed; those of another view are more.
const (
	mostOutline = 2.1
	mostMixed   = 6
)

// contrast is how a picture's detail differs from the usual one's, in shares.
type contrast struct {
	textured float64 // of all tiles
	lost     float64 // of the textured tiles: have lost most of their detail
	kept     float64 // of the textured tiles: have kept most of it
	fresh    float64 // of all tiles: have far more detail than usual
	// longLost is the share of the textured tiles that have been so for some
	// seconds: what walks past is not. outline is how many cells have shown for
	// as long an edge that is not usual, by the root of the cells that have lost
	// their detail.
	longLost, outline float64
}

// contrast compares tile by tile, where the light lets it be seen: a tile's
// usual detail in the present light must be textured and stand out from the
// noise, of which a tenth is left by chance, and it must not be burnt out.
func (u *usual) contrast(s *sample) contrast {
	var c contrast
	n, gone := 0.0, 0.0
	for t, usual := range u.detail {
		light := (s.mean[t] + dim) * (s.mean[t] + dim)
		d, expected := s.detail[t]*light, usual*light
		c.fresh += share(d > 2.5*expected+2*(textured+s.noise))
		if expected < textured+2*s.noise || s.mean[t] > 245 {
			u.lost[t] *= 0.8
			continue
		}
		n++
		lost := d < 0.4*(expected+s.noise)
		c.lost += share(lost)
		c.kept += share(d > 0.7*expected)
		longLost := share(long(&u.lost[t], lost))
		c.longLost += longLost
		gone += longLost
	}
	c.textured, c.fresh = n/float64(len(u.detail)), c.fresh/float64(len(u.detail))
	if n > 0 {
		c.lost, c.kept, c.longLost = c.lost/n, c.kept/n, c.longLost/n
	}
	outline := 0.0
	for y := range s.rows {
		for x := range s.cols {
			i, light := y*s.cols+x, s.bright(x, y)+dim
			outline += share(long(&u.outline[i], s.edges[i]*light > 2*u.edges[i]*light+strong))
		}
	}
	const cells = tile * tile / cell / cell
	c.outline = outline / math.Sqrt(cells*max(gone, 1))
	return c
}

// strong is the mean gradient of a cell with an edge of its own: a step of 16
// levels across it.
const strong = 8

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

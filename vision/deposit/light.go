package deposit

import "math"

// gain is a factor for each colour channel between two lights.
type gain [3]float64

var unity = gain{1, 1, 1}

// over is the gain from light b to light g.
func (g gain) over(b gain) gain { return gain{g[0] / b[0], g[1] / b[1], g[2] / b[2]} }

// table is a gain for all levels of each channel.
type table [3][256]int16

func (t *table) set(g gain) {
	for c := range t {
		for v := range t[c] {
			t[c][v] = int16(math.Min(255, float64(v)*g[c]+0.5))
		}
	}
}

// differ reports whether a cell's colour p differs from what is expected of it,
// q, by more than limit in brightness or more than limit in colour. Brightness
// is (2R+5G+B)/8, near the luma of ITU-R BT.601; colour is what remains of red
// and blue without it, so that a grey shadow changes brightness alone.
func differ(pr, pg, pb, qr, qg, qb, limit int32) bool {
	r, g, b := pr-qr, pg-qg, pb-qb
	y := 2*r + 5*g + b // 8 × brightness
	if y > 8*limit || y < -8*limit {
		return true
	}
	cr, cb := 8*r-y, 8*b-y
	return abs(cr)+abs(cb) > 8*limit+4*limit
}

func abs(v int32) int32 {
	if v < 0 {
		return -v
	}
	return v
}

// ratioBins is the resolution of the gain's histogram: ratioBins/ratioRange
// bins for a factor of one.
const (
	ratioBins  = 512
	ratioRange = 4.0
)

// gainEstimate measures the gain between a background and a picture of it.
type gainEstimate struct {
	bins  [3][ratioBins]int
	count [3]int
}

// add takes one cell; levels near black or white say nothing about the light.
//
//go:norace
func (e *gainEstimate) add(background, now []byte) {
	for c := range 3 {
		b, n := int(background[c]), int(now[c])
		if b < 24 || b > 240 || n < 6 || n > 250 {
			continue
		}
		if i := (n*(ratioBins/ratioRange) + b/2) / b; i < ratioBins {
			e.bins[c][i]++
			e.count[c]++
		}
	}
}

// median returns the middle ratio of each channel, interpolated inside its bin,
// and whether enough cells took part.
func (e *gainEstimate) median(least int) (gain, bool) {
	g := unity
	for c := range 3 {
		if e.count[c] < least {
			return unity, false
		}
		seen, half := 0, e.count[c]/2
		for i, n := range e.bins[c][:] {
			if seen+n > half {
				g[c] = (float64(i) - 0.5 + (float64(half-seen)+0.5)/float64(n)) * ratioRange / ratioBins
				break
			}
			seen += n
		}
		g[c] = math.Min(math.Max(g[c], 0.25), 3.9)
	}
	return g, true
}

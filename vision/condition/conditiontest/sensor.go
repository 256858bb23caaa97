package conditiontest

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Light is what the camera makes of the light on the scene, without noise and
// without what passes before the lens: the truth about night.
type Light struct {
	// Mean is the mean luma, High what 2% of the pixels exceed, both 0 to 1;
	// White is the share of the pixels from 250 on.
	Mean, High, White float64
}

// patch is the side in pixels of the squares that light is computed for; it is
// interpolated between their corners.
const patch = 4

// sensor is the camera behind the lens: it exposes for the mean of its picture,
// balances the colours, and amplifies the noise with the light.
type sensor struct {
	w, h       int
	cols, rows int
	usual      []byte // the scene without passers-by
	target     [3]float64
	exposure   float64 // 1/lux: 1 shows the scene as the footage does
	balance    [3]float64
	mean       [3]float64 // of the last picture
	gains      [3][]float64
	noise      []int8
	rng        *rand.Rand
}

const (
	// darkest is the illuminance in lux below which the camera can expose no
	// longer, plain from which on it needs no amplification: a shutter of 1/25 s
	// and 32 dB.
	darkest = 6
	plain   = 250
	// sigma is the noise in levels without amplification, at the size of the
	// pictures here; a photon's noise grows with the root of the amplification.
	sigma = 0.6
)

func newSensor(usual *picture, rng *rand.Rand) *sensor {
	s := &sensor{
		w: usual.w, h: usual.h, cols: usual.w/patch + 2, rows: usual.h/patch + 2, usual: slices.Clone(usual.pix),
		balance: [3]float64{1, 1, 1}, noise: make([]int8, 1<<17), rng: rng,
	}
	for c := range s.gains {
		s.gains[c] = make([]float64, s.cols*s.rows)
	}
	for i := range s.noise {
		s.noise[i] = int8(min(max(32*rng.NormFloat64(), -127), 127))
	}
	s.target = means(usual.pix)
	return s
}

// means are those of the channels, of every seventh pixel.
func means(pix []byte) (m [3]float64) {
	var sum [3]int
	n := 0
	for i := 0; i+2 < len(pix); i += 21 {
		sum[0] += int(pix[i])
		sum[1] += int(pix[i+1])
		sum[2] += int(pix[i+2])
		n++
	}
	for c := range m {
		m[c] = max(float64(sum[c])/float64(max(n, 1)), 0.5)
	}
	return m
}

func luma(m [3]float64) float64 { return 0.299*m[0] + 0.587*m[1] + 0.114*m[2] }

// adapt moves exposure and balance towards what the last picture asks for, with
// time constants of 0.8 and 8 s, and leaves differences of less than 6% alone.
func (s *sensor) adapt(step time.Duration) {
	if s.mean[1] == 0 {
		return
	}
	if want := luma(s.target) / luma(s.mean); math.Abs(want-1) > 0.06 {
		// The picture is the root of the light.
		s.exposure *= math.Pow(want*want, 1-math.Exp(-step.Seconds()/0.8))
	}
	s.exposure = min(max(s.exposure, 1.0/200000), 1.0/darkest)
	for _, c := range []int{0, 2} {
		want := s.target[c] / s.target[1] * s.mean[1] / s.mean[c]
		want = min(max(s.balance[c]*math.Pow(want*want, 0.8*(1-math.Exp(-step.Seconds()/8))), 0.4), 2.5)
		s.balance[c] = want
	}
}

// settle exposes for a scene in even light of so many lux.
func (s *sensor) settle(lux float64) {
	s.exposure = min(max(1/lux, 1.0/200000), 1.0/darkest)
}

// light computes the gain of every patch for an illuminance in lux.
func (s *sensor) light(lux func(x, y float64) [3]float64) {
	var factor [3]float64
	for c := range factor {
		factor[c] = math.Sqrt(s.exposure * s.balance[c])
	}
	for j := range s.rows {
		for i := range s.cols {
			e := lux(float64(i*patch)/float64(s.w), float64(j*patch)/float64(s.h))
			for c := range 3 {
				s.gains[c][j*s.cols+i] = min(math.Sqrt(e[c])*factor[c], 8)
			}
		}
	}
}

// truth is the light of the usual scene, by every eighth pixel of every fourth
// row.
func (s *sensor) truth() Light {
	var histogram [256]int
	n := 0
	for y := 0; y < s.h; y += 4 {
		for x := 0; x < s.w; x += 8 {
			g := y/patch*s.cols + x/patch
			var v [3]float64
			for c := range 3 {
				v[c] = min(float64(s.usual[3*(y*s.w+x)+c])*s.gains[c][g], 255)
			}
			histogram[int(luma(v)+0.5)]++
			n++
		}
	}
	var l Light
	above := 0
	for v := 255; v >= 0; v-- {
		l.Mean += float64(v*histogram[v]) / float64(n) / 255
		if v >= 250 {
			l.White += float64(histogram[v]) / float64(n)
		}
		if above += histogram[v]; l.High == 0 && 50*above > n {
			l.High = float64(v) / 255
		}
	}
	return l
}

// expose is what the camera makes of the picture; glare, in levels, lies over it.
func (s *sensor) expose(p *picture, glare float64, dst []byte) {
	strength := int32(sigma * math.Sqrt(max(1, s.exposure*plain)) * 256 / 32)
	veil := int32(glare*256) + 128
	gains := make([]int32, 3*s.cols)
	for y := range s.h {
		j, part := y/patch, float64(y%patch)/patch
		for c := range 3 {
			up, down := s.gains[c][j*s.cols:(j+1)*s.cols], s.gains[c][(j+1)*s.cols:(j+2)*s.cols]
			for i, g := range up {
				gains[3*i+c] = int32(256 * (g + part*(down[i]-g)))
			}
		}
		at := 3 * y * s.w
		noise := s.noise[s.rng.IntN(len(s.noise)-3*s.w):][:3*s.w]
		s.line(p.pix[at:at+3*s.w], dst[at:at+3*s.w], noise, gains, strength, veil)
	}
	s.mean = means(dst)
}

// line exposes a row of pixels.
func (s *sensor) line(src, dst []byte, noise []int8, gains []int32, strength, veil int32) {
	for i := range s.w / patch {
		const n = 3 * patch
		from, to, random, g := src[n*i:n*i+n], dst[n*i:n*i+n], noise[n*i:n*i+n], gains[3*i:3*i+6]
		r, gr, b := g[0], g[1], g[2]
		dr, dg, db := (g[3]-r)/patch, (g[4]-gr)/patch, (g[5]-b)/patch
		for k := 0; k+2 < n; k += 3 {
			to[k] = level((int32(from[k])*r + veil + strength*int32(random[k])) >> 8)
			to[k+1] = level((int32(from[k+1])*gr + veil + strength*int32(random[k+1])) >> 8)
			to[k+2] = level((int32(from[k+2])*b + veil + strength*int32(random[k+2])) >> 8)
			r, gr, b = r+dr, gr+dg, b+db
		}
	}
}

func level(v int32) byte { return byte(min(max(v, 0), 255)) }

package simulate

import (
	"encoding/binary"
	"image"
	"math/rand/v2"

	"github.com/binside/binside/vision"
)

// Sensor noise is added as bytes 0..grainMax on top of a scene that stays at
// or below sceneMax: so eight samples can be added at once as one integer,
// and no sum can overflow into its neighbour.
const (
	grainMax = 15
	sceneMax = 255 - grainMax
)

// canvas holds the picture while it is composed. Between two frames only what
// was drawn over is restored, unless the light has changed. It is not safe
// for concurrent use.
type canvas struct {
	base  *vision.Image // the empty station under full light
	lit   []byte        // the same under the light of this moment
	scene []byte        // lit, with everything that moves
	gain  [3]int        // light per channel, 256 = full
	drawn []image.Rectangle
	grain []byte
	// labels says what each pixel of scene shows, nil where nobody asks; as is
	// what is drawn next.
	labels []Label
	as     Label
}

const rowBytes = 3 * Width

// grainBytes is the size of the noise store; each row of each frame begins
// at another place in it.
const grainBytes = 1 << 19

func newCanvas(base *vision.Image, seed uint64) *canvas {
	return &canvas{
		base: base, lit: make([]byte, len(base.Pix)), scene: make([]byte, len(base.Pix)),
		grain: newGrain(rand.New(rand.NewPCG(seed, 0x6e01))),
	}
}

// newGrain is Gaussian noise of deviation about 1.9 around the middle, most
// of it common to a pixel's three samples, as after demosaicing.
func newGrain(rng *rand.Rand) []byte {
	out := make([]byte, grainBytes)
	for i := 0; i+2 < len(out); i += 3 {
		luma := 1.5 * rng.NormFloat64()
		for c := range 3 {
			v := grainMax/2. + 0.5 + luma + 1.1*rng.NormFloat64()
			out[i+c] = byte(min(max(v, 0), grainMax))
		}
	}
	return out
}

// begin clears the picture for a frame under the given light.
func (c *canvas) begin(gain [3]int) {
	if gain != c.gain {
		c.gain = gain
		c.relight()
		copy(c.scene, c.lit)
		clear(c.labels)
	} else {
		for _, r := range c.drawn {
			for y := r.Min.Y; y < r.Max.Y; y++ {
				i, j := y*rowBytes+3*r.Min.X, y*rowBytes+3*r.Max.X
				copy(c.scene[i:j], c.lit[i:j])
				if c.labels != nil {
					clear(c.labels[i/3 : j/3])
				}
			}
		}
	}
	c.drawn = c.drawn[:0]
}

//go:norace
func (c *canvas) relight() {
	var table [3][256]byte
	for ch := range 3 {
		for v := range 256 {
			table[ch][v] = byte(min(v*c.gain[ch]>>8, sceneMax))
		}
	}
	src, dst := c.base.Pix, c.lit
	r, g, b := &table[0], &table[1], &table[2]
	for i := 0; i+2 < len(src) && i+2 < len(dst); i += 3 {
		dst[i], dst[i+1], dst[i+2] = r[src[i]], g[src[i+1]], b[src[i+2]]
	}
}

// draw lays a sprite over the picture with its anchor at p, within clip.
//
//go:norace
func (c *canvas) draw(s *sprite, p image.Point, clip image.Rectangle) {
	at := s.rectAt(p)
	r := at.Intersect(clip).Intersect(image.Rect(0, 0, Width, Height))
	if r.Empty() {
		return
	}
	c.drawn = append(c.drawn, r)
	g0, g1, g2 := c.gain[0], c.gain[1], c.gain[2]
	for y := r.Min.Y; y < r.Max.Y; y++ {
		sy := y - at.Min.Y
		lo, hi := max(s.lo[sy]+at.Min.X, r.Min.X), min(s.hi[sy]+at.Min.X, r.Max.X)
		if lo >= hi {
			continue
		}
		src := s.pix[4*(sy*s.w+lo-at.Min.X) : 4*(sy*s.w+hi-at.Min.X)]
		dst := c.scene[y*rowBytes+3*lo : y*rowBytes+3*hi]
		for i, j := 0, 0; i+3 < len(src) && j+2 < len(dst); i, j = i+4, j+3 {
			a := int(src[i+3])
			if a == 0 {
				continue
			}
			keep := (255 - a) * 257 // ×257 >> 16 divides by 255
			dst[j] = byte(min(int(src[i])*g0>>8+int(dst[j])*keep>>16, sceneMax))
			dst[j+1] = byte(min(int(src[i+1])*g1>>8+int(dst[j+1])*keep>>16, sceneMax))
			dst[j+2] = byte(min(int(src[i+2])*g2>>8+int(dst[j+2])*keep>>16, sceneMax))
		}
		if c.labels != nil && c.as != Scenery {
			mark(c.labels[y*Width+lo:y*Width+hi], src, c.as)
		}
	}
}

// drawScaled is draw of the sprite shrunk about its anchor and darkened, both
// 0 to 1, by nearest neighbour: for the few frames of a fall.
//
//go:norace
func (c *canvas) drawScaled(s *sprite, p image.Point, scale, bright float64, clip image.Rectangle) {
	if scale <= 0.02 {
		return
	}
	ax, ay := float64(s.anchor.X), float64(s.anchor.Y)
	x0, y0 := p.X-int(ax*scale), p.Y-int(ay*scale)
	r := image.Rect(x0, y0, x0+int(float64(s.w)*scale), y0+int(float64(s.h)*scale))
	r = r.Intersect(clip).Intersect(image.Rect(0, 0, Width, Height))
	if r.Empty() {
		return
	}
	c.drawn = append(c.drawn, r)
	f := int(bright * 256)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		sy := min(int(float64(y-y0)/scale), s.h-1)
		for x := r.Min.X; x < r.Max.X; x++ {
			px := s.pix[4*(sy*s.w+min(int(float64(x-x0)/scale), s.w-1)):]
			a := int(px[3])
			if a == 0 {
				continue
			}
			d := c.scene[y*rowBytes+3*x:]
			for ch := range 3 {
				d[ch] = byte(min(int(px[ch])*f>>8*c.gain[ch]>>8+int(d[ch])*(255-a)/255, sceneMax))
			}
			if c.labels != nil && c.as != Scenery {
				mark(c.labels[y*Width+x:y*Width+x+1], px, c.as)
			}
		}
	}
}

// finish adds frame n's sensor noise and writes the picture to dst, which has
// Width × Height pixels.
//
//go:norace
func (c *canvas) finish(n uint64, dst []byte) {
	for y := range Height {
		h := (n*Height + uint64(y)) * 0x9e3779b97f4a7c15 // Fibonacci hashing
		h ^= h >> 29
		off := int(h%((grainBytes-rowBytes)/3)) * 3
		g := c.grain[off : off+rowBytes]
		s := c.scene[y*rowBytes : (y+1)*rowBytes]
		d := dst[y*rowBytes : (y+1)*rowBytes]
		for i := 0; i+8 <= len(s) && i+8 <= len(g) && i+8 <= len(d); i += 8 {
			sum := binary.LittleEndian.Uint64(s[i:]) + binary.LittleEndian.Uint64(g[i:])
			binary.LittleEndian.PutUint64(d[i:], sum)
		}
	}
}

package main

import (
	"math"
	"math/rand/v2"

	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
)

// jitter is one look of a shaking camera at a thing: where it stands, how the
// shutter smeared it, the light, the sensor's noise, the encoder.
type jitter struct {
	// shift is in shares of the picture's sides, turn in radians.
	shiftX, shiftY, turn, zoom float64
	// The smear is a line of blur pixels in the direction of angle.
	blur, angle float64
	// gain multiplies the light and gamma bends it; noise is a deviation in
	// steps of 255.
	gain, gamma, noise float64
	quality            int
}

// newJitter draws one. Blur is mild in most frames and heavy in some, as it is
// when a hand moves.
func newJitter(r *rand.Rand) jitter {
	between := func(low, high float64) float64 { return low + (high-low)*r.Float64() }
	j := jitter{
		shiftX: between(-0.1, 0.1), shiftY: between(-0.1, 0.1), turn: between(-0.26, 0.26), zoom: between(0.8, 1.2),
		blur: between(0, 4), angle: between(0, math.Pi),
		gain: between(0.6, 1.5), gamma: between(0.8, 1.25), noise: between(1, 12), quality: 40 + r.IntN(50),
	}
	if r.Float64() < 0.35 {
		j.blur = between(4, 18)
	}
	return j
}

// apply returns the picture as the camera would have sent it: through a JPEG
// of its own. What comes into view from outside repeats the border.
func (j jitter) apply(img *vision.Image, r *rand.Rand) (*vision.Image, error) {
	out := vision.NewImage(img.Width, img.Height)
	sin, cos := math.Sincos(j.turn)
	cx, cy := float64(img.Width)/2, float64(img.Height)/2
	steps := int(j.blur) + 1
	dirY, dirX := math.Sincos(j.angle)
	var light [256]float64
	for v := range light {
		light[v] = 255 * math.Min(1, j.gain*math.Pow(float64(v)/255, j.gamma))
	}
	for y := range out.Height {
		for x := range out.Width {
			var sum [3]float64
			for s := range steps {
				off := 0.0
				if steps > 1 {
					off = j.blur * (float64(s)/float64(steps-1) - 0.5)
				}
				dx := float64(x) + 0.5 - cx - j.shiftX*float64(img.Width) + off*dirX
				dy := float64(y) + 0.5 - cy - j.shiftY*float64(img.Height) + off*dirY
				addSample(&sum, img, cx+(cos*dx+sin*dy)/j.zoom-0.5, cy+(cos*dy-sin*dx)/j.zoom-0.5)
			}
			at := out.Pix[3*(y*out.Width+x):]
			for c, v := range sum {
				v = light[clamp(v/float64(steps)+0.5)] + j.noise*r.NormFloat64()
				at[c] = byte(clamp(v + 0.5))
			}
		}
	}
	data, err := codec.EncodeJPEG(out, j.quality)
	if err != nil {
		return nil, err
	}
	seen, _, err := codec.Decode(data, codec.DefaultLimits(), codec.Options{})
	return seen, err
}

func clamp(v float64) int { return int(math.Max(0, math.Min(255, v))) }

// addSample adds the bilinear sample at (x, y), in pixel centres.
func addSample(sum *[3]float64, img *vision.Image, x, y float64) {
	x = math.Max(0, math.Min(float64(img.Width-1), x))
	y = math.Max(0, math.Min(float64(img.Height-1), y))
	x0, y0 := int(x), int(y)
	x1, y1 := min(x0+1, img.Width-1), min(y0+1, img.Height-1)
	fx, fy := x-float64(x0), y-float64(y0)
	for _, p := range [4]struct {
		x, y   int
		weight float64
	}{{x0, y0, (1 - fx) * (1 - fy)}, {x1, y0, fx * (1 - fy)}, {x0, y1, (1 - fx) * fy}, {x1, y1, fx * fy}} {
		at := img.Pix[3*(p.y*img.Width+p.x):]
		for c := range sum {
			sum[c] += p.weight * float64(at[c])
		}
	}
}

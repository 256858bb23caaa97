package main

import (
	"context"
	"math"
	"math/rand/v2"

	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
)

// made sees pictures that formulas make: what a bin camera shows when there is
// nothing to see. They are no photographs and are reported by themselves.
func (o *observer) made(ctx context.Context, s settings, entries []entry) ([]group, error) {
	var scenes []*vision.Image
	err := pictures(ctx, o, s.cache, photograph, entries, func(img *vision.Image) error {
		scenes = append(scenes, img)
		return nil
	})
	if err != nil {
		return nil, err
	}
	r := rand.New(rand.NewPCG(s.seed, 2))
	var groups []group
	for _, of := range []struct {
		name string
		make func() *vision.Image
	}{
		{"blank tray (made)", func() *vision.Image { return tray(r) }},
		{"lens covered (made)", func() *vision.Image { return covered(r) }},
		{"night (made)", func() *vision.Image { return night(scenes[r.IntN(len(scenes))], r) }},
	} {
		g := group{name: of.name}
		for range s.made {
			img, err := sent(of.make(), r)
			if err != nil {
				return nil, err
			}
			seen, err := o.see(img)
			if err != nil {
				return nil, err
			}
			g.seen = append(g.seen, seen)
		}
		groups = append(groups, g)
	}
	return groups, nil
}

// sent is the picture after a camera's encoder.
func sent(img *vision.Image, r *rand.Rand) (*vision.Image, error) {
	data, err := codec.EncodeJPEG(img, 60+r.IntN(31))
	if err != nil {
		return nil, err
	}
	seen, _, err := codec.Decode(data, codec.DefaultLimits(), codec.Options{})
	return seen, err
}

func between(r *rand.Rand, low, high float64) float64 { return low + (high-low)*r.Float64() }

// paint makes a picture of 320×240 pixels from what colour gives for a place,
// both coordinates from -1 to 1, with the sensor's noise on top.
func paint(r *rand.Rand, noise float64, colour func(x, y float64) [3]float64) *vision.Image {
	img := vision.NewImage(320, 240)
	for i := 0; i < len(img.Pix); i += 3 {
		p := i / 3
		c := colour(float64(p%320)/160-1, float64(p/320)/120-1)
		for k, v := range c {
			img.Pix[i+k] = byte(math.Max(0, math.Min(255, v+noise*r.NormFloat64()+0.5)))
		}
	}
	return img
}

// tray is a plain surface under uneven light: grey or slightly tinted, every
// second one of brushed metal, some with stains.
func tray(r *rand.Rand) *vision.Image {
	level, metal := between(r, 60, 210), r.IntN(2) == 0
	tint := [3]float64{between(r, 0.9, 1.1), between(r, 0.95, 1.05), between(r, 0.9, 1.1)}
	slopeX, slopeY, corner := between(r, -0.25, 0.25), between(r, -0.25, 0.25), between(r, 0, 0.25)
	type stain struct{ x, y, size, depth float64 }
	var stains []stain
	for range r.IntN(4) {
		stains = append(stains, stain{between(r, -1, 1), between(r, -1, 1), between(r, 0.1, 0.4), between(r, 0.05, 0.2)})
	}
	var lines [240]float64
	for i := range lines {
		lines[i] = 0.04 * r.NormFloat64()
	}
	return paint(r, between(r, 2, 8), func(x, y float64) [3]float64 {
		light := 1 + slopeX*x + slopeY*y - corner*(x*x+y*y)/2
		if metal {
			light += lines[min(239, int((y+1)*120))]
		}
		for _, s := range stains {
			light -= s.depth * math.Exp(-((x-s.x)*(x-s.x)+(y-s.y)*(y-s.y))/(s.size*s.size))
		}
		return [3]float64{level * light * tint[0], level * light * tint[1], level * light * tint[2]}
	})
}

// covered is a lens with a cap on it, or with a finger too near to be sharp.
func covered(r *rand.Rand) *vision.Image {
	colour := [3]float64{between(r, 0, 12), between(r, 0, 12), between(r, 0, 12)}
	if r.IntN(2) == 0 {
		level := between(r, 40, 160)
		colour = [3]float64{level, level * between(r, 0.3, 0.6), level * between(r, 0.2, 0.5)}
	}
	slope := between(r, -0.5, 0.5)
	return paint(r, between(r, 1, 6), func(x, y float64) [3]float64 {
		light := 1 + slope*x - 0.2*(x*x+y*y)
		return [3]float64{colour[0] * light, colour[1] * light, colour[2] * light}
	})
}

// night is a scene by next to no light, with the noise of a sensor at its
// limit.
func night(scene *vision.Image, r *rand.Rand) *vision.Image {
	gain := between(r, 0.01, 0.08)
	return paint(r, between(r, 3, 9), func(x, y float64) [3]float64 {
		c := scene.At(int((x+1)/2*float64(scene.Width)), int((y+1)/2*float64(scene.Height)))
		return [3]float64{gain * float64(c.R), gain * float64(c.G), gain * float64(c.B)}
	})
}

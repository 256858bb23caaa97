package conditiontest

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
	"github.com/binside/binside/vision/condition"
)

// Width is the width in pixels of a day's pictures, which is the one that the
// monitor reduces to.
const Width = 320

// margin is how many pixels of the source lie around what is shown.
const margin = 12

// Options say which day it is.
type Options struct {
	// Seed decides everything that is random: the date, the weather, the lamp,
	// what passes, and the sensor's noise.
	Seed uint64
	// From is the solar time at which it begins, since midnight; Length how long
	// it is.
	From, Length time.Duration
	// Step is the time between two frames.
	Step time.Duration
}

// Day is a day of one camera that never fails, made from footage of its view:
// the light of sun, clouds and street lamp, the camera's answer to it, weather,
// and what stands or passes before the lens are laid over the footage, which is
// shown forwards and backwards. It is not a recording of a day: there is no fog,
// no snow, no infrared light, and what passes is painted.
type Day struct {
	opt    Options
	clip   []*picture // twice as large as what is shown, with a margin
	n      int
	date   int // of the year
	clouds ramp
	lamp   lamp
	plan   *plan
	sensor *sensor
	rng    *rand.Rand
	work   *picture
	tmp    []byte
	// kept is how the frames of the footage were last seen in calm air.
	kept []reduced
	// Shadows: the edge of a house and a pole, whose angles are drawn.
	house, pole float64
	quality     int
}

// reduced is a frame of the footage as it is shown with a shift.
type reduced struct {
	dx, dy float64
	pix    []byte
}

// Shot is one frame of a day.
type Shot struct {
	condition.Frame
	Light Light
	// Lamp says that the street lamp is on.
	Lamp bool
}

// Shrink is footage's frame at the size that a Day takes; the caller may keep
// minutes of them in memory.
func Shrink(img *vision.Image) (*vision.Image, error) { return codec.Fit(img, 2*Width) }

// NewDay makes a day from footage of one size, two frames a second, each at
// least as wide as Width.
func NewDay(clip []*vision.Image, opt Options) (*Day, error) {
	if len(clip) < 2 || opt.Step <= 0 || opt.Length <= 0 {
		return nil, errors.New("conditiontest: a day needs two frames, a step and a length")
	}
	rng := rand.New(rand.NewPCG(opt.Seed, 53))
	to := opt.From + opt.Length
	d := &Day{
		opt: opt, date: 1 + rng.IntN(365), clouds: clouds(rng, opt.From, to), lamp: newLamp(rng), plan: newPlan(rng, opt.From, to),
		house: uniform(rng, 0, 2*math.Pi), pole: uniform(rng, 0, math.Pi), quality: 60 + rng.IntN(31), rng: rng,
	}
	for i, img := range clip {
		if err := img.Valid(); err != nil || img.Width < Width || img.Width != clip[0].Width || img.Height != clip[0].Height {
			return nil, fmt.Errorf("conditiontest: frame %d is not of the first one's size or narrower than %d pixels: %w", i, Width, err)
		}
		d.clip = append(d.clip, enlarge(img))
	}
	w, h := Width, (d.clip[0].h-2*margin)/2
	d.work = &picture{w: w, h: h, pix: make([]byte, 3*w*h), spare: make([]byte, 3*w*h)}
	d.tmp, d.kept = make([]byte, 3*d.clip[0].w), make([]reduced, len(clip))
	d.sensor = newSensor(d.median(), rng)
	direct, sky := daylight(elevation(d.date, d.opt.From), d.clouds[0].value)
	d.sensor.settle(direct + sky + d.lamp.light(d.opt.From, d.clock(d.opt.From), direct+sky))
	return d, nil
}

// enlarge brings a frame to twice Width, by the nearest pixel, and repeats its
// rim as a margin.
func enlarge(img *vision.Image) *picture {
	w, h := 2*Width, (2*Width*img.Height/img.Width)&^1
	p := &picture{w: w + 2*margin, h: h + 2*margin}
	p.pix = make([]byte, 3*p.w*p.h)
	for y := range p.h {
		sy := min(max(y-margin, 0), h-1) * img.Height / h
		for x := range p.w {
			sx := min(max(x-margin, 0), w-1) * img.Width / w
			copy(p.pix[3*(y*p.w+x):3*(y*p.w+x)+3], img.Pix[3*(sy*img.Width+sx):])
		}
	}
	return p
}

// median is the scene without those who pass.
func (d *Day) median() *picture {
	const n = 9
	out := &picture{w: d.work.w, h: d.work.h, pix: make([]byte, len(d.work.pix))}
	shown := make([][]byte, n)
	for i := range shown {
		d.look(d.clip[i*(len(d.clip)-1)/(n-1)], 0, 0)
		shown[i] = slices.Clone(d.work.pix)
	}
	for at := range out.pix {
		var v [n]byte
		for i := range v {
			v[i] = shown[i][at]
		}
		slices.Sort(v[:])
		out.pix[at] = v[n/2]
	}
	return out
}

// look reduces a frame of the footage to the picture that is worked on, shifted
// by parts of its pixels.
func (d *Day) look(src *picture, dx, dy float64) {
	ix, wx := taps(dx)
	iy, wy := taps(dy)
	stride := 3 * src.w
	for y := range d.work.h {
		at := (2*y + margin + iy) * stride
		a, b, c := src.pix[at:at+stride], src.pix[at+stride:at+2*stride], src.pix[at+2*stride:at+3*stride]
		for i := range d.tmp {
			d.tmp[i] = byte((int(a[i])*wy[0] + int(b[i])*wy[1] + int(c[i])*wy[2]) >> 8)
		}
		row := d.work.pix[3*y*d.work.w : 3*(y+1)*d.work.w]
		from := 3 * (margin + ix)
		for x := 0; x < len(row); x += 3 {
			t := d.tmp[from+2*x : from+2*x+9]
			row[x] = byte((int(t[0])*wx[0] + int(t[3])*wx[1] + int(t[6])*wx[2]) >> 8)
			row[x+1] = byte((int(t[1])*wx[0] + int(t[4])*wx[1] + int(t[7])*wx[2]) >> 8)
			row[x+2] = byte((int(t[2])*wx[0] + int(t[5])*wx[1] + int(t[8])*wx[2]) >> 8)
		}
	}
}

// taps are the first pixel of the source and the weights of three for a pixel
// of half the size that is shifted.
func taps(shift float64) (first int, weights [3]int) {
	s := min(max(2*shift, -margin+1), margin-3)
	first = int(math.Floor(s))
	f := int(128 * (s - float64(first)))
	return first, [3]int{128 - f, 128, f}
}

// clock is the time since midnight.
func (d *Day) clock(t time.Duration) time.Duration { return t % (24 * time.Hour) }

// Next is the day's next frame, as the camera delivers it with a fault; nil is
// none. ok is false after the last one.
func (d *Day) Next(f *Fault) (s Shot, ok bool, err error) {
	t := d.opt.From + time.Duration(d.n)*d.opt.Step
	if t >= d.opt.From+d.opt.Length {
		return Shot{}, false, nil
	}
	events := d.plan.now(t)
	d.scene(t, events)
	if f != nil && f.optical() {
		img := f.image(&vision.Image{Width: d.work.w, Height: d.work.h, Pix: d.work.pix})
		copy(d.work.pix, img.Pix)
	}
	lit := d.illuminate(t, events, f != nil && f.kind == condition.Covered)
	shown := vision.NewImage(d.work.w, d.work.h)
	d.sensor.expose(d.work, d.glare(events), shown.Pix)
	for _, e := range events {
		if e.what == rain {
			streaks(shown, d.rng, e.force)
		}
	}
	if f != nil && f.image != nil && !f.optical() {
		shown = f.image(shown)
	}
	jpeg, err := codec.EncodeJPEG(shown, d.quality)
	if err != nil {
		return Shot{}, false, err
	}
	if shown, _, err = codec.Decode(jpeg, codec.Limits{}, codec.Options{}); err != nil {
		return Shot{}, false, err
	}
	at := time.Date(2026, 1, d.date, 0, 0, 0, 0, time.UTC).Add(t)
	s = Shot{Frame: condition.Frame{Time: at, Arrived: at, Image: shown}, Light: d.sensor.truth(), Lamp: lit}
	if f != nil && f.image == nil {
		s.Frame = f.Break(s.Frame)
	}
	d.n++
	return s, true, nil
}

// scene brings what is to be seen before the lens into the picture.
func (d *Day) scene(t time.Duration, events []event) {
	k := d.n % (2*len(d.clip) - 2)
	if k >= len(d.clip) {
		k = 2*len(d.clip) - 2 - k
	}
	// The mounting gives with the day's warmth, and the pole in the wind.
	day := 2 * math.Pi * t.Hours() / 24
	dx, dy := math.Round(8*0.8*math.Sin(day))/8, math.Round(8*0.6*math.Cos(day))/8
	calm := true
	for _, e := range events {
		if e.what == gust {
			calm = false
			dx += e.force * math.Sin(2*math.Pi*1.3*t.Seconds()) * math.Sin(0.5*t.Seconds())
			dy += 0.3 * e.force * math.Sin(2*math.Pi*1.7*t.Seconds())
		}
	}
	switch kept := &d.kept[k]; {
	case kept.pix != nil && kept.dx == dx && kept.dy == dy:
		copy(d.work.pix, kept.pix)
	default:
		d.look(d.clip[k], dx, dy)
		if calm {
			kept.dx, kept.dy, kept.pix = dx, dy, append(kept.pix[:0], d.work.pix...)
		}
	}
	for _, e := range events {
		e.draw(d.work, t)
	}
}

// illuminate lets light fall on the scene, or evenly on what covers the lens,
// and the camera get used to it.
func (d *Day) illuminate(t time.Duration, events []event, covered bool) (lit bool) {
	h := elevation(d.date, d.clock(t))
	direct, sky := daylight(h, d.clouds.at(t))
	lamp := d.lamp.light(t, d.clock(t), direct+sky)
	// The shadows wander with the sun's hour angle: the house's edge crosses
	// the view within the day, a pole's shadow turns.
	hour := d.clock(t).Hours()
	hx, hy, edge := math.Cos(d.house), math.Sin(d.house), (hour-12)/8
	px, py, foot := math.Cos(d.pole+hour/4), math.Sin(d.pole+hour/4), (hour-12)/12
	dark := sky < 25
	d.sensor.adapt(d.opt.Step)
	d.sensor.light(func(x, y float64) (e [3]float64) {
		if covered {
			x, y = 0.5, 0.5
		}
		u, v := x-0.5, y-0.5
		sun := direct
		if direct > 0 {
			house := min(max((u*hx+v*hy-edge)*80+0.5, 0), 1)
			pole := min(max((math.Abs(u*px+v*py-foot)-0.02)*80+0.5, 0), 1)
			sun *= house * pole
		}
		// A full moon's light is always there.
		lux := sun + sky + 0.1
		e = [3]float64{lux, lux, lux}
		if lamp > 0 {
			r := ((x-d.lamp.x)*(x-d.lamp.x) + (y-d.lamp.y)*(y-d.lamp.y)) / (d.lamp.r * d.lamp.r)
			part := lamp * (0.1 + 0.9*math.Exp(-r))
			for c := range e {
				e[c] += part * d.lamp.colour[c]
			}
		}
		if !dark {
			return e
		}
		for _, ev := range events {
			if ev.what == headlights {
				beam := ev.beam(x, y, t)
				for c := range e {
					e[c] += beam
				}
			}
		}
		return e
	})
	return lamp > 0
}

// beam is the headlights' illuminance in lux at a place: a blot that crosses
// the view, or waits in it.
func (e event) beam(x, y float64, t time.Duration) float64 {
	length := (e.to - e.from).Seconds()
	across := min((t-e.from).Seconds()/min(length, 8), 1)
	if length > 8 { // stops half way, and drives on at the end
		across = min((t-e.from).Seconds()/8, 0.5) + max(0, 0.5-(e.to-t).Seconds()/8)
	}
	at := 0.5 + e.dx*(1.6*across-0.8)
	r := ((x-at)*(x-at) + (y-e.y)*(y-e.y)) / (e.w * e.w)
	return e.force * math.Exp(-r)
}

// glare is what headlights throw over the whole picture in the dark, in levels.
func (d *Day) glare(events []event) float64 {
	sum := 0.0
	for _, e := range events {
		switch e.what {
		case headlights:
			sum += e.force * d.sensor.exposure * 2
		case rain: // the air is less clear
			sum += 8 * e.force
		default:
		}
	}
	return min(sum, 25)
}

// streaks are drops that fall through the picture.
func streaks(img *vision.Image, rng *rand.Rand, force float64) {
	for range int(250 * force) {
		x, y, n, by := rng.IntN(img.Width), rng.IntN(img.Height), 3+rng.IntN(12), 8+rng.IntN(30)
		for k := range n {
			if y+k >= img.Height {
				break
			}
			at := 3 * ((y+k)*img.Width + x)
			for c := range 3 {
				img.Pix[at+c] = byte(min(int(img.Pix[at+c])+by, 255))
			}
		}
	}
}

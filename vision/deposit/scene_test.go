package deposit

import (
	"image"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/vision"
)

// scene is a synthetic camera: a textured wall, things laid over it, light,
// and sensor noise, at a fixed frame rate on a virtual clock.
type scene struct {
	t      *testing.T
	d      *Detector
	rng    *rand.Rand
	wall   *vision.Image
	noise  float64
	light  func(x, y int) float64
	things []patch
	seq    uint64
	at     time.Time
	every  time.Duration
	events []Event // deposits
	// removed are the removals.
	removed []Event
	after   func() // called after every frame; nil for nothing
}

// patch is a flat or striped thing at a place.
type patch struct {
	box    image.Rectangle
	colour [3]float64
	round  bool
}

var epoch = time.Date(2025, 3, 1, 8, 0, 0, 0, time.UTC)

var left = vision.Polygon{{X: 0.1, Y: 0.2}, {X: 0.45, Y: 0.2}, {X: 0.45, Y: 0.8}, {X: 0.1, Y: 0.8}}
var right = vision.Polygon{{X: 0.55, Y: 0.2}, {X: 0.9, Y: 0.2}, {X: 0.9, Y: 0.8}, {X: 0.55, Y: 0.8}}

// Places are given for a picture of 640×360 pixels, in which left is
// (64,72)-(288,288). What is rendered has the side lengths divided by shrink:
// the tests render many frames.
const shrink = 2

func newScene(t *testing.T, change ...func(*Config)) *scene {
	t.Helper()
	cfg := DefaultConfig()
	for _, c := range change {
		c(&cfg)
	}
	d, err := New(cfg, []Region{{BinID: "left", Polygon: left}, {BinID: "right", Polygon: right}})
	require.NoError(t, err)
	t.Cleanup(d.Close)
	s := &scene{t: t, d: d, rng: rand.New(rand.NewPCG(1, 2)), noise: 3, at: epoch, every: 100 * time.Millisecond, wall: wall(640/shrink, 360/shrink, 1)}
	return s
}

// wall is a picture with broad gradients, tiles and dirt.
func wall(w, h int, seed uint64) *vision.Image {
	rng := rand.New(rand.NewPCG(seed, 9))
	m := vision.NewImage(w, h)
	for y := range h {
		for x := range w {
			v := 110 + 30*math.Sin(float64(x)/45+float64(seed)) + 20*math.Cos(float64(y)/30)
			if x%20 < 1 || y%20 < 1 {
				v -= 35
			}
			v += 6 * rng.NormFloat64()
			i := 3 * (y*w + x)
			m.Pix[i], m.Pix[i+1], m.Pix[i+2] = level(v), level(v+4), level(v-6)
		}
	}
	return m
}

func level(v float64) byte { return byte(math.Max(0, math.Min(255, v+0.5))) }

// grain is normal noise of deviation 1, used from a random place in each frame.
var grain = func() []float32 {
	rng := rand.New(rand.NewPCG(3, 4))
	g := make([]float32, 99991)
	for i := range g {
		g[i] = float32(rng.NormFloat64())
	}
	return g
}()

// frame renders the scene.
func (s *scene) frame() Frame {
	m := s.wall.Clone()
	for _, p := range s.things {
		p.draw(m)
	}
	shift := s.rng.IntN(len(grain))
	for y := range m.Height {
		for x := range m.Width {
			k := y*m.Width + x
			n := float32(s.noise) * grain[(k+shift)%len(grain)]
			g := float32(1)
			if s.light != nil {
				g = float32(s.light(x*shrink, y*shrink))
			}
			for c := 3 * k; c < 3*k+3; c++ {
				m.Pix[c] = byte(min(max(float32(m.Pix[c])*g+n+0.5, 0), 255))
			}
		}
	}
	s.seq++
	f := Frame{Seq: s.seq, Time: s.at, Image: m}
	s.at = s.at.Add(s.every)
	return f
}

func (p patch) draw(m *vision.Image) {
	box := image.Rectangle{Min: p.box.Min.Mul(m.Width).Div(640), Max: p.box.Max.Mul(m.Width).Div(640)}
	r := box.Intersect(m.Rect())
	cx, cy := float64(box.Min.X+box.Max.X)/2, float64(box.Min.Y+box.Max.Y)/2
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			dx, dy := (float64(x)-cx)*2/float64(box.Dx()), (float64(y)-cy)*2/float64(box.Dy())
			if p.round && dx*dx+dy*dy > 1 {
				continue
			}
			shade := 1 - 0.25*dx
			if (x-box.Min.X)/4%2 == 0 {
				shade -= 0.12
			}
			i := 3 * (y*m.Width + x)
			for c := range 3 {
				m.Pix[i+c] = level(p.colour[c] * shade)
			}
		}
	}
}

// show runs the scene for a while and collects the events.
func (s *scene) show(d time.Duration, things ...patch) {
	s.things = things
	for end := s.at.Add(d); s.at.Before(end); {
		s.observe()
	}
}

func (s *scene) observe() {
	for _, e := range s.d.Observe(s.frame()) {
		if e.Kind == Removed {
			s.removed = append(s.removed, e)
		} else {
			s.events = append(s.events, e)
		}
	}
	if s.after != nil {
		s.after()
	}
}

// slide moves a patch evenly by the given offset; others stay.
func (s *scene) slide(d time.Duration, p patch, by image.Point, others ...patch) patch {
	steps := int(d / s.every)
	from := p.box
	for i := 1; i <= steps; i++ {
		p.box = from.Add(image.Pt(by.X*i/steps, by.Y*i/steps))
		s.things = append([]patch{p}, others...)
		s.observe()
	}
	return p
}

var (
	orange = [3]float64{230, 140, 40}
	green  = [3]float64{60, 170, 70}
	skin   = [3]float64{215, 165, 140}
	coat   = [3]float64{40, 45, 70}
)

// apple is a round thing of 60 pixels in the middle of the left region.
func apple() patch { return patch{box: image.Rect(140, 150, 200, 210), colour: orange, round: true} }

// place turns a box in a shot of the left region back into the scene's places.
func place(r image.Rectangle) image.Rectangle {
	return image.Rectangle{Min: r.Min.Mul(shrink), Max: r.Max.Mul(shrink)}.Add(image.Pt(64, 72))
}

func (s *scene) learn() { s.show(2 * time.Second) }

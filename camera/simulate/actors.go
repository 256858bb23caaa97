package simulate

import (
	"image"
	"math"
	"math/rand/v2"
	"sync"
)

// The arm's picture: the hand points up, the sleeve runs out of the lower
// edge of what the camera sees. gripX, gripY is where the hand holds things.
const (
	armW, armH   = 250, 720
	gripX, gripY = 122, 66
	wristX       = 128.
	wristY       = 150.
)

var skins = []rgb{{226, 176, 144}, {206, 150, 116}, {238, 194, 166}, {160, 108, 78}}

// cloth is what an arm wears.
type cloth struct {
	colour  rgb
	stripes float64 // strength of a woven pattern
	bare    bool    // short sleeves
}

var cloths = []cloth{
	{colour: rgb{52, 64, 92}},
	{colour: rgb{120, 44, 48}, stripes: 0.5},
	{colour: rgb{150, 152, 150}},
	{colour: rgb{60, 60, 62}, stripes: 0.2},
	{colour: rgb{196, 186, 160}, stripes: 0.3},
	{colour: rgb{70, 92, 72}, bare: true},
}

const (
	partSkin = iota
	partNail
	partSleeve
)

// paintArm draws a hand with its arm.
func paintArm(skin rgb, wear cloth, seed uint32) *image.NRGBA {
	m := &relief{w: armW, h: armH, blend: 3.2}
	m.limbs = handLimbs()
	cuff := 66.
	if wear.bare {
		cuff = 330
		m.limbs = append(m.limbs, limb{wristX, wristY + 140, 33, wristX + 4, wristY + 420, 44, partSkin, 0})
	}
	m.limbs = append(m.limbs,
		limb{wristX, wristY + cuff, 39, wristX + 1, wristY + cuff + 12, 39, partSleeve, 7},
		limb{wristX + 1, wristY + cuff + 14, 37, wristX + 6, armH + 60, 62, partSleeve, 6})
	m.bump = func(x, y float64) float64 {
		if y < wristY+cuff-6 {
			return 1.1 * (fbm(x/7, y/7, 2, seed) - 0.5)
		}
		return 9*(fbm(x/38, y/26, 3, seed+3)-0.5) + 1.2*(value(x/3, y/3, seed+5)-0.5)
	}
	m.colour = func(x, y float64, part int) rgb { return armColour(skin, wear, part, x, y, seed) }
	return m.render()
}

// handLimbs is a right hand with its back to the camera, fingers half bent,
// and the forearm.
func handLimbs() []limb {
	var out []limb
	hand := func(ax, ay, ar, bx, by, br float64, part int, lift float64) {
		out = append(out, limb{wristX + ax, wristY + ay, ar, wristX + bx, wristY + by, br, part, lift})
	}
	hand(0, 6, 25, 2, 150, 33, partSkin, 0) // forearm
	hand(-2, -16, 28, -3, -46, 31, partSkin, 2)
	hand(-14, -52, 20, 18, -48, 19, partSkin, 4)
	fingers := [4][4]float64{{-27, -62, -33, -38}, {-9, -68, -11, -46}, {9, -66, 11, -43}, {25, -58, 30, -33}}
	for i, f := range fingers {
		x, y, tip, reach := f[0], f[1], f[2], f[3]
		r := 10.5 - 0.7*float64(i/3)
		hand(x, y, r+0.5, tip, y+reach*0.55, r, partSkin, 3) // to the middle joint
		hand(tip, y+reach*0.55, r-0.2, tip*0.86, y+reach, r-2, partSkin, -2)
		hand(tip*0.85, y+reach-1.5, 5, tip*0.84, y+reach-4, 4.4, partNail, 2.5)
	}
	hand(-22, -22, 15, -46, -52, 11.5, partSkin, 0) // thumb
	hand(-46, -52, 11.5, -46, -82, 8.5, partSkin, 0)
	hand(-46, -80, 6, -46, -85, 5, partNail, 4)
	return out
}

func armColour(skin rgb, wear cloth, part int, x, y float64, seed uint32) rgb {
	grain := 1 + 0.10*(fbm(x/9, y/9, 3, seed+1)-0.5)
	switch part {
	case partNail:
		return skin.over(rgb{246, 206, 196}, 0.55)
	case partSleeve:
		w := wear.stripes * 0.5 * (0.5 + 0.5*math.Sin(x*0.9)) * (0.6 + 0.4*math.Sin(y*0.5))
		return wear.colour.scale(grain*(1+0.16*(value(x/2, y/2, seed+6)-0.5))).over(rgb{225, 225, 220}, 0.35*w)
	default:
		red := 0.30 * step(0.5, 0.75, fbm(x/22, y/22, 2, seed+2))
		return skin.scale(grain).over(rgb{206, 110, 92}, 0.5*red)
	}
}

var bagColours = []rgb{{214, 216, 214}, {44, 44, 48}, {196, 60, 54}, {96, 134, 176}}

// The bag's picture; its knot, where a hand holds it, is at (bagW/2, bagKnot).
const bagW, bagH, bagKnot = 210, 240, 40

// paintBag draws a tied plastic bag.
func paintBag(colour rgb, rng *rand.Rand) *image.NRGBA {
	seed := rng.Uint32()
	m := &relief{w: bagW, h: bagH, blend: 10}
	for range 5 {
		x, y := bagW/2+40*(rng.Float64()-0.5), bagH*0.6+40*(rng.Float64()-0.5)
		m.limbs = append(m.limbs, limb{x - 14, y, 52 + 12*rng.Float64(), x + 14, y + 8, 50 + 12*rng.Float64(), 0, -6})
	}
	m.limbs = append(m.limbs,
		limb{bagW / 2, bagH * 0.6, 46, bagW / 2, 44, 13, 0, 0},
		limb{bagW / 2, 40, 11, bagW/2 - 16, 14, 14, 0, 0},
		limb{bagW / 2, 40, 11, bagW/2 + 18, 16, 14, 0, 0})
	m.bump = func(x, y float64) float64 {
		dx, dy := x-bagW/2, y-bagKnot
		fold := math.Abs(value(math.Atan2(dy, dx)*7, math.Hypot(dx, dy)/60, seed) - 0.5)
		return 26*fold + 15*math.Abs(fbm(x/26, y/26, 3, seed+1)-0.5)
	}
	m.colour = func(x, y float64, _ int) rgb {
		return colour.scale(0.92 + 0.2*fbm(x/18, y/18, 2, seed+2))
	}
	return m.render()
}

// The passer-by's picture; the head is around (personW/2, personHead).
const personW, personHead = 330, 90

// paintPerson draws head and shoulders from above and behind.
func paintPerson(rng *rand.Rand) *image.NRGBA {
	const w, h = personW, 430
	seed := rng.Uint32()
	wear := cloths[rng.IntN(len(cloths))].colour.scale(0.75)
	hair := []rgb{{34, 30, 28}, {52, 40, 32}, {92, 90, 88}}[rng.IntN(3)]
	m := &relief{w: w, h: h, blend: 5}
	m.limbs = []limb{
		{70, 150, 56, 260, 150, 56, 0, 0},
		{60, 170, 46, 52, 260, 46, 0, -4},
		{270, 170, 46, 278, 260, 46, 0, -4},
		{165, 150, 70, 165, 230, 80, 0, 0},
		{165, 230, 80, 165, 470, 96, 0, 0},
		{52, 260, 46, 62, 470, 46, 0, -4},
		{278, 260, 46, 268, 470, 46, 0, -4},
		{165, 92, 48, 165, 84, 46, 1, 60},
	}
	m.bump = func(x, y float64) float64 { return 12 * (fbm(x/40, y/30, 3, seed) - 0.5) }
	m.colour = func(x, y float64, part int) rgb {
		if part == 1 {
			return hair.scale(0.75 + 0.5*value(x/2.2, y/14, seed+1))
		}
		return wear.scale(0.92 + 0.16*value(x/2, y/2, seed+2))
	}
	return m.render()
}

// cast is everybody and everything that is painted once for all stations: it
// does not depend on any option.
type cast struct {
	arms    []*image.NRGBA
	bags    []*image.NRGBA
	persons []*image.NRGBA
}

// The sizes of the cast; the director draws its roles from them.
const castArms, castBags, castPersons = 6, 4, 4

var theCast = sync.OnceValue(paintCast)

func paintCast() *cast {
	c := &cast{
		arms: make([]*image.NRGBA, castArms), bags: make([]*image.NRGBA, castBags), persons: make([]*image.NRGBA, castPersons),
	}
	var wg sync.WaitGroup
	for i := range c.arms {
		wg.Go(func() { c.arms[i] = paintArm(skins[i%len(skins)], cloths[i%len(cloths)], uint32(17*i+3)) })
	}
	for i := range c.bags {
		wg.Go(func() { c.bags[i] = paintBag(bagColours[i%len(bagColours)], rand.New(rand.NewPCG(uint64(i), 0xba6))) })
	}
	for i := range c.persons {
		wg.Go(func() { c.persons[i] = paintPerson(rand.New(rand.NewPCG(uint64(i), 0x9e7))) })
	}
	wg.Wait()
	return c
}

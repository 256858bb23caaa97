package simulate

import (
	"math"
	"sync"

	"github.com/binside/binside/vision"
)

// paintStation draws the empty station, without noise, under full light. It
// is a function of the station and the seed alone.
func paintStation(st *Station, seed uint32) *vision.Image {
	out := vision.NewImage(Width, Height)
	signs := make([]*sign, len(st.slots))
	for i, s := range st.slots {
		signs[i] = newSign(s)
	}
	p := painter{st: st, seed: seed, signs: signs}
	var wg sync.WaitGroup
	const bands = 4
	for b := range bands {
		wg.Go(func() {
			for y := b * Height / bands; y < (b+1)*Height/bands; y++ {
				for x := range Width {
					c := p.at(float64(x)+0.5, float64(y)+0.5).scale(daylight(float64(x), float64(y)))
					i := 3 * (y*Width + x)
					out.Pix[i], out.Pix[i+1], out.Pix[i+2] = byteOf(c[0]), byteOf(c[1]), byteOf(c[2])
				}
			}
		})
	}
	wg.Wait()
	return out
}

// daylight is how much light falls on a place of the picture: a lamp above
// and left of the middle, and the lens's darker corners.
func daylight(x, y float64) float64 {
	dx, dy := (x-Width*0.42)/Width, (y-Height*0.40)/Height
	return 1.04 - 0.34*dx*dx - 0.36*dy*dy
}

type painter struct {
	st    *Station
	seed  uint32
	signs []*sign
}

func (p painter) at(x, y float64) rgb {
	u := world(x, y)
	switch {
	case y < wallEnd:
		return p.wall(u, y)
	case y < frontEnd:
		return p.cabinet(u, y)
	default:
		return p.pavement(u, y)
	}
}

// wall is a tiled wall in running bond, with dirt.
func (p painter) wall(u, v float64) rgb {
	const tw, th = 92., 44.
	row := math.Floor(v / th)
	shift := math.Mod(row, 2) * tw / 2
	col := math.Floor((u + shift) / tw)
	tx, ty := math.Mod(u+shift+10*tw, tw), math.Mod(v, th)
	d := math.Min(math.Min(tx, tw-tx), math.Min(ty, th-ty))
	shade := 0.93 + 0.12*hash2(int(col), int(row), p.seed+1) + 0.10*(fbm(u/14, v/14, 3, p.seed+2)-0.5)
	c := rgb{186, 180, 168}.scale(shade)
	c = c.over(rgb{128, 122, 112}, 1-step(0.8, 2.6, d))
	c = c.over(rgb{104, 98, 88}, 0.5*step(0.52, 0.8, fbm(u/120, v/60, 4, p.seed+3)))
	return c.scale(1 - 0.45*step(wallEnd-26, wallEnd, v)) // shadow of the board
}

// pavement is the paving with the shadow that the bins throw on it.
func (p painter) pavement(u, v float64) rgb {
	return p.paving(u, v).scale(1 - 0.6*(1-step(frontEnd, frontEnd+34, v)))
}

// paving is concrete blocks with joints and stains.
func (p painter) paving(u, v float64) rgb {
	const tw, th = 150., 46.
	row := math.Floor(v / th)
	shift := math.Mod(row, 2) * tw / 2
	tx, ty := math.Mod(u+shift+10*tw, tw), math.Mod(v, th)
	col := math.Floor((u + shift + 10*tw) / tw)
	d := math.Min(math.Min(tx, tw-tx), math.Min(ty, th-ty))
	g := 0.90 + 0.10*hash2(int(col), int(row), p.seed+4) + 0.26*(fbm(u/5, v/4, 3, p.seed+5)-0.5) + 0.16*(fbm(u/60, v/40, 3, p.seed+6)-0.5)
	c := rgb{142, 138, 132}.scale(g)
	return c.over(rgb{74, 72, 68}, 1-step(0.6, 2.4, d))
}

// cabinet is the back board, the bins' tops with their trays, and their
// fronts.
func (p painter) cabinet(u, v float64) rgb {
	for i, s := range p.st.slots {
		du := u - s.cx
		if math.Abs(du) > s.half {
			continue
		}
		c := rgb{38, 38, 40} // the gap between two bins
		switch {
		case v < boardEnd:
			return p.board(s, u, v)
		case v < topEnd:
			c = p.top(c, s, du, u, v)
		default:
			c = p.front(c, i, du, u, v)
		}
		return c
	}
	if v < boardEnd {
		return p.wall(u, v).scale(0.8)
	}
	return p.paving(u, v).scale(0.66) // beside the bins, shaded by them
}

func (p painter) board(s slot, u, v float64) rgb {
	c := rgb{120, 124, 128}.scale(0.93 + 0.14*(fbm(u/220, v*1.7, 2, p.seed+7)-0.5) + 0.10*step(wallEnd, wallEnd+12, v))
	d := roundBox(u-s.cx, v-(wallEnd+boardEnd)/2, s.half-34, 13, 5)
	c = c.over(s.colour.scale(0.9), cover(d))
	return c.scale(1 - 0.4*step(boardEnd-10, boardEnd, v))
}

// plastic is the bin's coloured surface: fine grain, faded and dirty places.
func (p painter) plastic(s slot, u, v float64) rgb {
	g := 1 + 0.10*(fbm(u/3, v/3, 2, p.seed+8)-0.5) + 0.16*(fbm(u/90, v/90, 3, p.seed+9)-0.5)
	c := s.colour.scale(g).over(rgb{150, 150, 146}, 0.10)
	return c.over(rgb{96, 90, 78}, 0.30*step(0.54, 0.82, fbm(u/50, v/50, 4, p.seed+10)))
}

func (p painter) top(c rgb, s slot, du, u, v float64) rgb {
	mid, hh := (boardEnd+topEnd)/2, (topEnd-boardEnd)/2
	d := roundBox(du, v-mid, s.half-5, hh-1, 16)
	if d < 1 {
		body := p.plastic(s, u, v)
		bevel := step(-12, -1, d) // the rim catches light above and left
		slope := (-(v-mid)/hh - du/s.half) * 0.5
		body = body.scale(1 + 0.35*bevel*slope)
		c = c.over(body, cover(d))
	}
	return p.tray(c, s, du, u, v)
}

// tray is the opening: a dark recess with a plate of brushed steel in it.
func (p painter) tray(c rgb, s slot, du, u, v float64) rgb {
	w := s.trayHalfW()
	recess := roundBox(du, v-trayY, w+13, trayHalfH+13, 16)
	if recess > 14 {
		return c
	}
	c = c.scale(1 + 0.18*(1-step(0, 6, recess))*sign1(v-trayY)) // lit lower lip, shaded upper one
	c = c.over(rgb{30, 31, 33}, cover(recess))
	plate := roundBox(du, v-trayY, w+3, trayHalfH+3, 8)
	if plate > 1 {
		return c
	}
	return c.over(p.steel(s, du, u, v), cover(plate))
}

func (p painter) steel(s slot, du, u, v float64) rgb {
	w := s.trayHalfW()
	g := 0.96 + 0.10*(value(u/90, v*1.1, p.seed+11)-0.5) + 0.07*(value(u/24, v*2.3, p.seed+12)-0.5)
	g += 0.16 * math.Exp(-sq((du+0.35*w)/70)) * (0.6 + 0.4*value(u/60, v/9, p.seed+13)) // soft reflection
	g -= 0.09 * step(0.55, 0.80, fbm(u/34, v/34, 4, p.seed+14))                         // stains
	if sc := math.Abs(value(u/160+v/70, v/160-u/300, p.seed+15) - 0.5); sc < 0.004 {
		g += 0.05 // scratches
	}
	seam := math.Abs(v - trayY)
	g *= 1 - 0.35*(1-step(0.5, 2, seam)) // the two leaves of the flap meet here
	above, left := v-(trayY-trayHalfH), du+w
	g *= 0.62 + 0.38*step(-4, 26, above)
	g *= 0.80 + 0.20*step(-4, 18, left)
	return rgb{160, 163, 166}.scale(g)
}

func (p painter) front(c rgb, i int, du, u, v float64) rgb {
	s := p.st.slots[i]
	mid, hh := (topEnd+frontEnd)/2, (frontEnd-topEnd)/2
	d := roundBox(du, v-mid, s.half-7, hh, 10)
	if d > 1 {
		return c
	}
	body := p.plastic(s, u, v).scale(0.78 - 0.22*step(topEnd, frontEnd, v) + 0.22*(1-step(topEnd, topEnd+7, v)))
	if a := p.signs[i].at(du, v-mid); a > 0 {
		body = body.over(rgb{232, 232, 226}.scale(0.92+0.08*value(u/4, v/4, p.seed+16)), a)
	}
	return c.over(body, cover(d))
}

func sq(x float64) float64 { return x * x }

func sign1(x float64) float64 {
	if x < 0 {
		return -1
	}
	return 1
}

package simulate

import (
	"image"
	"math"
	"time"
)

// props are the pictures that belong to one station.
type props struct {
	cast  *cast
	holes []*sprite // under the open flaps
	shade *sprite   // the soft shadow around a passer-by
}

func newProps(st *Station) *props {
	p := &props{cast: theCast(), shade: paintShade()}
	for i := range st.slots {
		p.holes = append(p.holes, paintHole(st.trayRect(i)))
	}
	return p
}

func mirrored(m *image.NRGBA) *image.NRGBA {
	out := image.NewNRGBA(m.Rect)
	w := m.Rect.Dx()
	for y := range m.Rect.Dy() {
		for x := range w {
			copy(out.Pix[out.PixOffset(w-1-x, y):][:4], m.Pix[m.PixOffset(x, y):][:4])
		}
	}
	return out
}

// paintHole is what is under an open flap: darkness, less so towards the
// lower wall, where the light falls. Its anchor is its centre.
func paintHole(tray image.Rectangle) *sprite {
	m := image.NewRGBA(image.Rect(0, 0, tray.Dx(), tray.Dy()))
	for y := range tray.Dy() {
		for x := range tray.Dx() {
			d := roundBox(float64(x)+0.5-float64(tray.Dx())/2, float64(y)+0.5-float64(tray.Dy())/2, float64(tray.Dx())/2-5, float64(tray.Dy())/2, 6)
			v := 16 + 26*sq(float64(y)/float64(tray.Dy())) + 8*value(float64(x)/9, float64(y)/9, 77)
			a := cover(d)
			i := m.PixOffset(x, y)
			m.Pix[i], m.Pix[i+1], m.Pix[i+2], m.Pix[i+3] = byteOf(v*a), byteOf(v*a), byteOf(v*a*1.04), byteOf(255*a)
		}
	}
	return newSprite(m, image.Pt(tray.Dx()/2, tray.Dy()/2))
}

func paintShade() *sprite {
	const w, h = 460, 420
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			r := math.Hypot((float64(x)-w/2)/(w/2), (float64(y)-h*0.75)/(h*0.75))
			m.Pix[m.PixOffset(x, y)+3] = byteOf(46 * smooth(1-r))
		}
	}
	return newSprite(m, image.Pt(w/2, h*3/4))
}

// blurPixels is how far something moves while the shutter is open: the speed
// in pixels a second of a normal reach, at a fiftieth of a second.
const blurPixels = 11

// fast is the speed, in shares of the way a second, above which the smeared
// picture is drawn.
const fast = 0.45

// limbOnStage is an arm turned for one act, sharp and smeared.
type limbOnStage struct {
	sharp, smeared *sprite
	ux, uy         float64 // unit vector from hand to shoulder
}

func (s *scene) arm(l armLook, angle float64) limbOnStage {
	m, grip := s.props.cast.arms[l.who], float64(gripX)
	if l.mirror {
		m, grip = mirrored(m), armW-gripX
	}
	sharp := rotated(m, grip, gripY, angle, 1, 1).toned(rgb{0.97, 0.97, 0.95})
	return limbOnStage{sharp: sharp, smeared: sharp.blurred(blurPixels), ux: -math.Sin(angle), uy: math.Cos(angle)}
}

// depositAct is one deposit on stage.
type depositAct struct {
	depositScript
	told bool

	// The way that it takes, in pixels.
	x, y         float64 // where the item comes to lie
	halfW, halfH float64 // the item's half extent there
	ux, uy       float64 // unit vector from hand to shoulder
	hold         float64 // from the item's centre down to the grip
	way          float64 // the length of the arm's way into the picture
	entered      time.Duration

	ready            bool
	body, bodyMoving *sprite
	shadow           *sprite
	limb             limbOnStage
	leaner           *sprite // nil: nobody
}

// view is how much shorter heights look from the camera's angle.
const view = 0.96

func newDepositAct(d depositScript, st *Station) *depositAct {
	a := &depositAct{depositScript: d}
	cx, cy := st.trayCentre(a.slot)
	a.x, a.y = cx+a.dx, cy+a.dy
	w, h := a.item.size()
	scale := a.size * st.traySide(a.slot) / max(w, h) / 2
	sin, cos := math.Sincos(a.angle)
	sin, cos = math.Abs(sin), math.Abs(cos)
	a.halfW, a.halfH = scale*(w*cos+h*sin), scale*view*(w*sin+h*cos)
	a.ux, a.uy = -math.Sin(a.armAngle), math.Cos(a.armAngle)
	a.hold = 0.6 * a.halfH
	a.way = (Height + 30 - (a.y - a.halfH)) / a.uy
	a.entered = a.enters(st.trayRect(a.slot))
	return a
}

// enters finds when the item's box first touches the tray.
func (a *depositAct) enters(tray image.Rectangle) time.Duration {
	for t := a.appear; t < a.settle; t += 10 * time.Millisecond {
		x, y, _ := a.carried(t)
		box := image.Rectangle{Min: point(x-a.halfW, y-a.halfH), Max: point(x+a.halfW, y+a.halfH)}
		if !box.Intersect(tray).Empty() {
			return t
		}
	}
	return a.settle
}

// prepare paints what the act needs, once.
func (a *depositAct) prepare(s *scene) {
	if a.ready {
		return
	}
	a.ready = true
	w, h := a.item.size()
	scale := a.size * s.st.traySide(a.slot) / max(w, h)
	tone := 0.95 * daylight(a.x, a.y)
	a.body = rotated(a.item.picture, w/2, h/2, a.angle, scale, view).toned(rgb{tone, tone, 0.98 * tone})
	a.bodyMoving = a.body.blurred(blurPixels)
	a.shadow = a.body.shadow(5, 0.50)
	a.limb = s.arm(a.arm, a.armAngle)
	if a.lean != nil {
		a.leaner = s.person(a.lean.role, 0)
	}
}

// carried is where the item is while it is brought, and its speed.
func (a *depositAct) carried(t time.Duration) (x, y, speed float64) {
	p := share(t, a.appear, a.settle)
	out := (1 - smooth(p)) * a.way
	sway := 9 * math.Sin(math.Pi*p) * math.Sin(3*p+a.angle)
	speed = 6 * p * (1 - p) / (a.settle - a.appear).Seconds()
	return a.x + out*a.ux + sway, a.y + out*a.uy, speed
}

func (a *depositAct) drawItem(s *scene, t time.Duration) {
	switch {
	case t < a.settle:
		x, y, speed := a.carried(t)
		lift := 1 - share(t, a.appear, a.settle)
		s.canvas.draw(a.shadow, point(x+5+26*lift, y+6+34*lift), everywhere)
		pic := a.body
		if speed > fast {
			pic = a.bodyMoving
		}
		s.draw(pic, Thing, point(x, y))
	case t < a.drop:
		s.canvas.draw(a.shadow, point(a.x+5, a.y+6), everywhere)
		s.draw(a.body, Thing, point(a.x, a.y))
	case t < a.end:
		a.drawFall(s, t)
	}
}

// drawFall opens the two leaves of the flap, lets the item fall, and shuts
// them again.
func (a *depositAct) drawFall(s *scene, t time.Duration) {
	tray := s.st.trayRect(a.slot)
	mid := image.Pt((tray.Min.X+tray.Max.X)/2, (tray.Min.Y+tray.Max.Y)/2)
	p := share(t, a.drop, a.gone)
	open := min(1, 0.35+2*p)
	if t >= a.gone {
		open = 1 - share(t, a.gone, a.end)
	}
	leaf := int(open * float64(tray.Dy()) / 2)
	hole := image.Rect(tray.Min.X, mid.Y-leaf, tray.Max.X, mid.Y+leaf)
	s.canvas.draw(s.props.holes[a.slot], mid, hole)
	if t < a.gone {
		q := sq(p)
		s.canvas.as = Thing
		s.canvas.drawScaled(a.body, point(a.x+(float64(mid.X)-a.x)*q*0.5, a.y+(float64(mid.Y)-a.y)*q*0.5), 1-0.45*q, 1-0.8*p, tray)
		s.canvas.as = Scenery
	}
}

func (a *depositAct) drawArm(s *scene, t time.Duration) {
	x, y, speed := a.x, a.y, 0.
	if t < a.settle {
		x, y, speed = a.carried(t)
	} else if t > a.release {
		p := share(t, a.release, a.away)
		out := smooth(p) * (a.way + a.hold)
		speed = 6 * p * (1 - p) / (a.away - a.release).Seconds()
		x, y = x+out*a.ux, y+out*a.uy
	}
	s.drawLimb(a.limb, x+a.hold*a.ux, y+a.hold*a.uy, speed > fast)
}

func (s *scene) drawLimb(l limbOnStage, x, y float64, moving bool) {
	pic := l.sharp
	if moving {
		pic = l.smeared
	}
	s.draw(pic, Limb, point(x, y))
}

// drawLeaner shows head and shoulders that come with the item, sway, and go.
func (a *depositAct) drawLeaner(s *scene, t time.Duration) {
	if a.leaner == nil || t >= a.lean.away {
		return
	}
	cx, cy := s.st.trayCentre(a.slot)
	out := 1 - smooth(share(t, a.appear, a.settle)) + smooth(share(t, a.lean.up, a.lean.away))
	x := cx + a.lean.x + 4*math.Sin(5*t.Seconds())
	y := cy + a.lean.y + out*(Height+100-cy-a.lean.y) + 2*math.Sin(7*t.Seconds())
	s.canvas.draw(s.props.shade, point(x, y), everywhere)
	s.draw(a.leaner, Somebody, point(x, y))
}

// draw lays a sprite that is more than a shadow over the picture.
func (s *scene) draw(pic *sprite, as Label, at image.Point) {
	s.canvas.as = as
	s.canvas.draw(pic, at, everywhere)
	s.canvas.as = Scenery
}

// person is one of the cast from above, turned by an angle in radians.
func (s *scene) person(role int, angle float64) *sprite {
	return rotated(s.props.cast.persons[role%castPersons], personW/2, personHead, angle, 1, 1).toned(rgb{0.9, 0.9, 0.9}).blurred(3)
}

// disturbAct is something on stage that is no deposit.
type disturbAct struct {
	disturbScript
	ready bool
	limb  limbOnStage
	body  *sprite // bag or person
}

func (a *disturbAct) prepare(s *scene) {
	if a.ready {
		return
	}
	a.ready = true
	c := s.props.cast
	switch a.kind {
	case personPasses:
		a.body = s.person(a.role, 0.12*a.dir)
	case bagSwings:
		a.body = rotated(c.bags[a.role%castBags], bagW/2, bagKnot, -0.35*a.dir, a.size, 1).blurred(7)
		a.limb = s.arm(a.arm, a.armAngle)
	case handPasses:
		a.limb = s.arm(a.arm, a.armAngle)
	}
}

// draw shows the passer-by. Nothing here ever comes to rest: at each turning
// point of one direction the other is at its fastest.
// walk is where the head of one who passes is.
func (a *disturbAct) walk(st *Station, t time.Duration) (x, y float64) {
	const way = Width/2 + 260.0
	along := func(p float64) (x, y float64) {
		return Width/2 + a.dir*(2*p-1)*way, 668 + a.reach/6 + 7*math.Abs(math.Sin(p*14*math.Pi))
	}
	if a.stand == nil {
		return along(share(t, a.start, a.end))
	}
	cx, cy := st.trayCentre(a.slot)
	stop := clamp01((a.dir*(cx+a.stand.x-Width/2)/way + 1) / 2)
	walk := a.end - a.start - a.stand.time
	from := a.start + time.Duration(stop*float64(walk))
	to := from + a.stand.time
	switch {
	case t < from:
		return along(share(t, a.start, a.start+walk))
	case t >= to:
		return along(share(t-a.stand.time, a.start, a.start+walk))
	}
	// Nobody stands quite still: slow sway, and smaller quick movements.
	const bend = 600 * time.Millisecond
	x, y = along(stop)
	near := step(0, 1, share(t, from, from+bend)) * step(0, 1, share(to, t, t+bend))
	since := (t - from).Seconds()
	x += near * (14*math.Sin(2*math.Pi*0.4*since) + 5*math.Sin(2*math.Pi*1.1*since))
	y += near * (cy + a.stand.y - y + 6*math.Sin(2*math.Pi*0.3*since))
	return x, y
}

func (a *disturbAct) draw(s *scene, t time.Duration) {
	p := share(t, a.start, a.end)
	cx, cy := s.st.trayCentre(a.slot)
	switch a.kind {
	case personPasses:
		x, y := a.walk(s.st, t)
		s.canvas.draw(s.props.shade, point(x+a.dir*30, y), everywhere)
		s.draw(a.body, Somebody, point(x, y))
	case handPasses:
		out := (1 - math.Sin(math.Pi*p)) * (Height + 60 - cy - a.reach) / a.limb.uy
		x := cx + out*a.limb.ux + a.dir*95*math.Sin(2*math.Pi*p)
		s.drawLimb(a.limb, x, cy+a.reach+out*a.limb.uy, true)
	case bagSwings:
		x := cx + a.dir*(2*p-1)*290
		y := Height + 90 - (Height+150-cy-a.reach)*math.Sin(math.Pi*p)
		s.draw(a.body, Bag, point(x, y+gripY/2))
		s.drawLimb(a.limb, x, y, true)
	}
}

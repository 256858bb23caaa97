package simulate

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// director writes the play: what happens when, in scene time. It depends on
// the options and the station alone, never on which frames are drawn.
type director struct {
	opt     Options
	st      *Station
	stock   *stock
	deposit *rand.Rand // each strand has its own numbers, so that one can be
	disturb *rand.Rand // switched off without changing the others
	lean    *rand.Rand

	nextDeposit, nextDisturb time.Duration
	busy                     []time.Duration // until when a tray is in use
	written                  int
	limit                    int // deposits, 0: no end
}

type depositScript struct {
	n, slot         int
	item            *Item
	class           *stockClass
	correct         bool
	appear          time.Duration // the arm comes into the picture
	settle          time.Duration // the item lies still
	release         time.Duration // the hand lets go
	away            time.Duration // the hand has left the picture
	drop, gone, end time.Duration // the flap opens, the item is gone, the flap is shut
	size            float64       // longest side as a share of the tray's
	angle, armAngle float64       // radians
	dx, dy          float64       // of the item's centre from the tray's, pixels
	arm             armLook
	lean            *leanScript // nil: nobody leans over the bin
}

// leanScript is head and shoulders that come over the tray with the item, and
// go again.
type leanScript struct {
	role     int           // which person
	x, y     float64       // of the head from the tray's centre, pixels
	up, away time.Duration // begins to go, has gone
}

type armLook struct {
	who    int
	mirror bool // the other hand
}

type disturbKind int

const (
	personPasses disturbKind = iota
	handPasses
	bagSwings
)

type disturbScript struct {
	kind       disturbKind
	slot       int
	start, end time.Duration
	dir        float64 // +1 to the right, −1 to the left
	reach      float64 // pixels above or below the tray's centre
	armAngle   float64
	arm        armLook
	role       int     // which bag or person
	size       float64 // of a bag
	stand      *standScript
}

// standScript is how one who passes stops at a bin.
type standScript struct {
	x, y float64       // of the head from the tray's centre, pixels
	time time.Duration // from coming to the bin to going on
}

func newDirector(opt Options, st *Station, stock *stock, limit int) *director {
	d := &director{
		opt: opt, st: st, stock: stock, limit: limit,
		deposit: rand.New(rand.NewPCG(opt.Seed, 0xde01)),
		disturb: rand.New(rand.NewPCG(opt.Seed, 0xd101)),
		lean:    rand.New(rand.NewPCG(opt.Seed, 0x1ea1)),
		busy:    make([]time.Duration, len(st.slots)),
	}
	d.resume(0)
	return d
}

// resume starts the play anew at time t on an empty station.
func (d *director) resume(t time.Duration) {
	for i := range d.busy {
		d.busy[i] = t
	}
	d.nextDeposit = t + d.opt.Quiet + span(d.deposit, 0.2, 1)
	d.nextDisturb = t + d.opt.Quiet + span(d.disturb, 0, 3)
	if d.opt.Disturbance == 0 {
		d.nextDisturb = math.MaxInt64
	}
	if d.opt.NoDeposits {
		d.nextDeposit = math.MaxInt64
	}
}

func (d *director) finished() bool { return d.limit > 0 && d.written >= d.limit }

// until returns the scripts that become due up to t; a deposit's script may
// begin a little later than t.
func (d *director) until(t time.Duration) (deposits []depositScript, disturbs []disturbScript) {
	for {
		switch {
		case !d.finished() && d.nextDeposit <= t && d.nextDeposit <= d.nextDisturb:
			deposits = append(deposits, d.writeDeposit())
		case d.nextDisturb <= t && !d.finished():
			disturbs = append(disturbs, d.writeDisturb())
		default:
			return deposits, disturbs
		}
	}
}

func span(r *rand.Rand, from, to float64) time.Duration {
	return time.Duration((from + (to-from)*r.Float64()) * float64(time.Second))
}

func between(r *rand.Rand, from, to float64) float64 { return from + (to-from)*r.Float64() }

func (d *director) writeDeposit() depositScript {
	r := d.deposit
	d.written++
	s := depositScript{n: d.written}
	s.class, s.item = d.pickItem(r)
	s.slot, s.correct = d.pickSlot(r, s.class.category)

	// A tray that is not free makes the visitor wait; the arm needs a third of
	// a second from the picture's edge to the tray, so the gap is larger yet.
	s.appear = max(d.nextDeposit, d.busy[s.slot]+span(r, 0.2, 0.6))
	s.settle = s.appear + span(r, 0.8, 1.2)
	s.release = s.settle + span(r, 0.1, 0.25)
	s.away = s.release + span(r, 0.6, 0.9)
	s.drop = s.release + span(r, 1.3, 2.0)
	if d.lean.Float64() < d.opt.Leaning {
		s.lean = d.writeLean(&s)
		s.drop = max(s.drop, s.lean.away+span(d.lean, 1, 1.6)) // the flap stays shut as long as somebody is over it
	}
	s.gone = s.drop + 300*time.Millisecond
	s.end = s.gone + 300*time.Millisecond
	d.busy[s.slot] = s.end
	if r.Float64() < 0.35 && len(d.st.slots) > 1 { // somebody else comes meanwhile
		d.nextDeposit = s.settle + span(r, 0, 0.8)
	} else {
		d.nextDeposit = s.end + span(r, 0.5, 2.5)
	}

	s.size = between(r, 0.45, 0.75)
	if w, h := s.item.picture.Rect.Dx(), s.item.picture.Rect.Dy(); max(w, h) > 3*min(w, h) {
		s.size = between(r, 0.60, 0.80) // long, thin things
	}
	s.angle = between(r, -math.Pi, math.Pi)
	s.armAngle = between(r, -0.22, 0.22)
	room := d.st.traySide(s.slot) * (1 - s.size) * 0.5 * 0.7
	s.dx, s.dy = between(r, -room, room), between(r, -room, room)
	s.arm = armLook{who: r.IntN(castArms), mirror: r.IntN(2) == 0}
	return s
}

func (d *director) writeLean(s *depositScript) *leanScript {
	r := d.lean
	l := &leanScript{role: r.IntN(castPersons), x: between(r, -70, 70), y: between(r, 0, 150)}
	l.up = s.release + span(r, 0.1, 1.2)
	l.away = l.up + span(r, 0.5, 0.9)
	return l
}

func (d *director) writeStand() *standScript {
	r := d.lean
	return &standScript{x: between(r, -70, 70), y: between(r, 0, 150), time: span(r, 2, 9)}
}

func (d *director) pickItem(r *rand.Rand) (*stockClass, *Item) {
	w := r.Float64() * d.stock.weight[len(d.stock.weight)-1]
	i, _ := slices.BinarySearchFunc(d.stock.weight, w, func(a, b float64) int {
		if a <= b {
			return -1
		}
		return 1
	})
	c := &d.stock.classes[min(i, len(d.stock.classes)-1)]
	return c, c.items[r.IntN(len(c.items))]
}

// pickSlot chooses a bin that accepts the category or, on purpose, one that
// does not; where there is none of the kind wanted, one of the other kind.
func (d *director) pickSlot(r *rand.Rand, category string) (slot int, correct bool) {
	var right, wrong []int
	for i, b := range d.st.bins {
		if slices.Contains(b.Accepts, category) {
			right = append(right, i)
		} else {
			wrong = append(wrong, i)
		}
	}
	correct = r.Float64() >= d.opt.WrongShare
	if len(right) == 0 {
		correct = false
	} else if len(wrong) == 0 {
		correct = true
	}
	if correct {
		return right[r.IntN(len(right))], true
	}
	return wrong[r.IntN(len(wrong))], false
}

func (d *director) writeDisturb() disturbScript {
	r := d.disturb
	s := disturbScript{
		start: d.nextDisturb, dir: float64(1 - 2*r.IntN(2)), armAngle: between(r, -0.2, 0.2),
		reach: between(r, -60, 60), role: r.IntN(castBags * castPersons), size: between(r, 0.75, 1),
		arm: armLook{who: r.IntN(castArms), mirror: r.IntN(2) == 0},
	}
	d.nextDisturb += time.Duration(float64(span(r, 2, 6)) / d.opt.Disturbance)
	kind, slot, careless := r.Float64(), r.IntN(len(d.st.slots)), r.Float64() < 0.1
	switch {
	case kind < 0.35:
		s.kind = personPasses
	case kind < 0.70:
		s.kind = handPasses
	default:
		s.kind = bagSwings
	}
	length := span(r, 1.3, 2.1)
	if s.kind != personPasses {
		// Few people reach over what another one is putting down.
		s.slot = slot
		if d.busy[slot] > s.start && !careless {
			s.slot = slices.IndexFunc(d.busy, func(until time.Duration) bool { return until <= s.start })
			if s.slot < 0 {
				s.slot, s.kind = 0, personPasses
			}
		}
	}
	if s.kind == personPasses {
		s.end = s.start + 3*length
		if d.opt.Standing > 0 && d.lean.Float64() < d.opt.Standing {
			s.slot, s.stand = slot, d.writeStand()
			s.end += s.stand.time
		}
		return s
	}
	s.end = s.start + length
	d.busy[s.slot] = max(d.busy[s.slot], s.end)
	return s
}

// light is the brightness at scene time t, about 1: slow drift, and now and
// then a cloud or lamp that takes half a second to change it.
func light(opt Options, t time.Duration) float64 {
	const every = 24.
	x := t.Seconds()
	k := math.Floor(x / every)
	drift := 0.05*math.Sin(2*math.Pi*x/53+float64(opt.Seed%7)) + 0.03*math.Sin(2*math.Pi*x/21+float64(opt.Seed%5))
	at := 4 + 8*hash2(int(k), 1, uint32(opt.Seed))
	long := 4 + 8*hash2(int(k), 2, uint32(opt.Seed))
	by := -0.16
	if hash2(int(k), 3, uint32(opt.Seed)) > 0.7 {
		by = 0.09
	}
	in := x - k*every
	drift += by * (step(at, at+0.6, in) - step(at+long, at+long+0.6, in))
	return 1 + opt.LightChange*drift
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func sqrt(n int) float64 { return math.Sqrt(float64(n)) }

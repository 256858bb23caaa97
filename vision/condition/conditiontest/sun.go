package conditiontest

import (
	"math"
	"math/rand/v2"
	"time"
)

const degree = math.Pi / 180

// latitude is Shanghai's.
const latitude = 31.2 * degree

// elevation is the sun's height above the horizon in radians on the n-th day of
// the year, t after solar midnight. The declination is Cooper's (Solar Energy
// 12, 1969, 333).
func elevation(n int, t time.Duration) float64 {
	declination := 23.45 * degree * math.Sin(2*math.Pi*float64(284+n)/365)
	hour := 2 * math.Pi * (t.Hours() - 12) / 24
	return math.Asin(math.Sin(latitude)*math.Sin(declination) + math.Cos(latitude)*math.Cos(declination)*math.Cos(hour))
}

// daylight is the horizontal illuminance in lux that the sun throws directly and
// that comes from the sky. open is the share of a clear sky, 0 to 1: by day the
// formulas of IES RP-21 (1984) for a clear and an overcast sky, mixed; below the
// horizon the logarithm between the limits of twilight, 3.4 lx at -6° and 0.008
// at -12° (Seidelmann, Explanatory Supplement to the Astronomical Almanac, 1992,
// 491).
func daylight(h, open float64) (direct, sky float64) {
	if h > 0 {
		s := math.Sin(h)
		direct = open * 127500 * math.Exp(-0.21/s) * s
		return direct, open*(800+15500*math.Sqrt(s)) + (1-open)*(300+21000*s)
	}
	knots := [][2]float64{{0, 800}, {-6, 3.4}, {-12, 0.008}}
	d, veil := h/degree, open+(1-open)*300/800
	for i := 1; i < len(knots); i++ {
		if a, b := knots[i-1], knots[i]; d >= b[0] {
			part := (a[0] - d) / (a[0] - b[0])
			return 0, veil * a[1] * math.Pow(b[1]/a[1], part)
		}
	}
	return 0, veil * 0.008
}

// knot is a value at a time; between two of them it changes evenly.
type knot struct {
	at    time.Duration
	value float64
}

// ramp is a quantity over the day.
type ramp []knot

// at is the value at a time that is not before that of the last call: what is
// over is dropped.
func (r *ramp) at(t time.Duration) float64 {
	for len(*r) > 1 && (*r)[1].at <= t {
		*r = (*r)[1:]
	}
	a := (*r)[0]
	if len(*r) == 1 || t <= a.at {
		return a.value
	}
	b := (*r)[1]
	return a.value + (b.value-a.value)*float64(t-a.at)/float64(b.at-a.at)
}

// clouds is the share of the sun that gets through: whole skies of an hour or
// so, and in broken ones clouds that pass within seconds to minutes, with edges
// of one to sixty seconds.
func clouds(rng *rand.Rand, from, to time.Duration) ramp {
	r := ramp{{from, rng.Float64()}}
	for t := from; t < to; {
		open := rng.Float64() // of this sky
		end := t + between(rng, 20*time.Minute, 2*time.Hour)
		for t < end {
			value := 0.05 * rng.Float64()
			if rng.Float64() < open {
				value = 0.85 + 0.15*rng.Float64()
			}
			edge := time.Duration(float64(time.Second) * math.Pow(60, rng.Float64()))
			r = append(r, knot{t, r[len(r)-1].value}, knot{t + edge, value})
			t += edge + time.Duration(float64(10*time.Second)*math.Pow(60, rng.Float64()))
		}
	}
	return r
}

func between(rng *rand.Rand, a, b time.Duration) time.Duration {
	return a + time.Duration(rng.Float64()*float64(b-a))
}

func uniform(rng *rand.Rand, a, b float64) float64 { return a + rng.Float64()*(b-a) }

// lamp is the street lamp over the station.
type lamp struct {
	lux     float64
	colour  [3]float64    // of its light, beside that of the day
	warm    time.Duration // until it is bright
	x, y, r float64       // where it shines, in shares of the picture
	half    bool          // off from half past eleven to five

	on  time.Duration // since when
	lit bool
}

// newLamp draws a lamp of 10 to 30 lx, of diodes or of sodium; the dimmer ones
// of EN 13201's P classes leave a camera in the dark.
func newLamp(rng *rand.Rand) lamp {
	l := lamp{
		lux: uniform(rng, 10, 30), colour: [3]float64{1.05, 1, 0.85}, warm: time.Second,
		x: uniform(rng, 0.3, 0.7), y: uniform(rng, 0.3, 0.7), r: uniform(rng, 0.35, 0.7), half: rng.IntN(3) == 0,
	}
	if rng.IntN(2) == 0 {
		l.colour, l.warm = [3]float64{1.5, 0.95, 0.3}, between(rng, time.Minute, 4*time.Minute)
	}
	return l
}

// light is the lamp's illuminance in lux below it at a time of the day, with so
// much daylight.
func (l *lamp) light(day, clock time.Duration, lux float64) float64 {
	rest := l.half && (clock > 23*time.Hour+30*time.Minute || clock < 5*time.Hour)
	switch { // a photocell with its hysteresis
	case l.lit && (lux > 60 || rest):
		l.lit = false
	case !l.lit && lux < 25 && !rest:
		l.lit, l.on = true, day
	}
	if !l.lit {
		return 0
	}
	return l.lux * min(1, 0.1+0.9*float64(day-l.on)/float64(l.warm))
}

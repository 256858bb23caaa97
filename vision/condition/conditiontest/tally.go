package conditiontest

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/binside/binside/vision/condition"
)

const (
	// Within is how soon a fault must be found, by its name.
	Within = 10 * time.Second
	// recovery is how long after a fault, or after a true night, a camera may
	// stay unbelieved.
	recovery = 15 * time.Second
)

// allows reports whether a camera in this light may be called so, and must
// whether it may be called nothing else. The borders are those that package
// condition states; a quarter around them is neither here nor there.
func (l Light) allows(kind condition.Kind) bool {
	switch kind {
	case condition.Good:
		return !(l.Mean < 0.12/1.25 && l.High < 0.5/1.25 || l.High < 0.25/1.25)
	case condition.Night:
		return l.Mean < 0.12*1.25 && l.High < 0.5*1.25 || l.High < 0.25*1.25
	case condition.Black:
		return l.Mean < 0.04*1.25 && l.High < 0.12*1.25
	case condition.Overexposed:
		return l.Mean > 0.93/1.1 || l.White > 0.6/1.25
	default:
		return false
	}
}

// well reports whether a camera in this light can be called nothing but well.
func (l Light) well() bool {
	return !l.allows(condition.Night) && !l.allows(condition.Overexposed)
}

// Found is how faults of one kind were found.
type Found struct {
	Kind condition.Kind `json:"kind"`
	// N were planned; the light allowed Injected of them before the day was
	// over. Found were called by their name within Within, Mended were over
	// within recovery after the camera was mended.
	N        int `json:"n"`
	Injected int `json:"injected"`
	Found    int `json:"found"`
	Mended   int `json:"mended"`
	// ByLamp and FoundByLamp are of those that the street lamp shone on.
	ByLamp      int `json:"by_lamp"`
	FoundByLamp int `json:"found_by_lamp"`
	// Doubted were doubted, by any name, within three seconds: no deposit of
	// theirs is told.
	Doubted int `json:"doubted_within_3_s"`
}

// Tally is what a monitor made of a day.
type Tally struct {
	Frames int `json:"frames"`
	// Hours were looked at, times with a fault and after it left out.
	Hours float64 `json:"hours"`
	// FalseAlarms are the changes to a kind that neither a fault nor the light
	// allows, and true nights that would not end.
	FalseAlarms map[condition.Kind]int `json:"false_alarms"`
	// FalseSeconds is how long a well camera was not believed, Doubted how many
	// frames of a believed and well one were doubted, by what they looked like.
	FalseSeconds float64                `json:"false_s"`
	Doubted      map[condition.Kind]int `json:"doubted_frames"`
	// NotBelieved is the time in no good state, true nights included; Night is
	// the time that was surely night, NightBelieved how much of it was believed
	// for longer than Within.
	NotBelieved   float64 `json:"not_believed_s"`
	Night         float64 `json:"night_s"`
	NightBelieved float64 `json:"night_believed_s"`
	NightAlarms   int     `json:"night_alarms"`
	// Lamp is how long the street lamp was on.
	Lamp   float64 `json:"lamp_s"`
	Faults []Found `json:"faults,omitempty"`
	// Alarms are the false ones' times and kinds.
	Alarms []Alarm `json:"alarms,omitempty"`
}

// Alarm is one false alarm.
type Alarm struct {
	At   time.Time      `json:"at"`
	Kind condition.Kind `json:"kind"`
}

// Sum is the number of all kinds.
func Sum(kinds map[condition.Kind]int) int {
	n := 0
	for _, k := range kinds {
		n += k
	}
	return n
}

// watcher shows a monitor a day.
type watcher struct {
	day     *Day
	monitor *condition.Monitor
	tally   *Tally

	queue   []condition.Kind // of faults to come
	rng     *rand.Rand
	pause   time.Duration // between two faults
	next    time.Time     // not before then
	wellFor time.Duration

	// The present fault, or nil; the rest is of it or the last one.
	fault          *Fault
	kind           condition.Kind
	from, to       time.Time
	found, doubted bool
	lamp           bool
	judged         bool // its end is

	wrong, night time.Duration // for how long the state has been so
	late         bool
}

// Watch shows a monitor a whole day. Faults of each of the kinds, n each, are
// laid over it in random order at random times at which the light is good,
// evenly spread over the hours that are left, and last 20 to 60 seconds.
func Watch(ctx context.Context, day *Day, m *condition.Monitor, kinds []condition.Kind, n int) (*Tally, error) {
	w := newWatcher(day, m, kinds, n)
	for ctx.Err() == nil {
		shot, more, err := day.Next(w.fault)
		if err != nil || !more {
			return w.tally, err
		}
		w.look(shot)
	}
	return nil, ctx.Err()
}

func newWatcher(day *Day, m *condition.Monitor, kinds []condition.Kind, n int) *watcher {
	w := &watcher{day: day, monitor: m, rng: rand.New(rand.NewPCG(day.opt.Seed, 59)), judged: true}
	w.tally = &Tally{FalseAlarms: map[condition.Kind]int{}, Doubted: map[condition.Kind]int{}}
	for _, k := range kinds {
		w.tally.Faults = append(w.tally.Faults, Found{Kind: k, N: n})
		for range n {
			w.queue = append(w.queue, k)
		}
	}
	w.rng.Shuffle(len(w.queue), func(i, j int) { w.queue[i], w.queue[j] = w.queue[j], w.queue[i] })
	if len(w.queue) > 0 {
		// Half of the day may be night.
		w.pause = max(day.opt.Length/2/time.Duration(len(w.queue))-40*time.Second, 45*time.Second)
	}
	return w
}

func (w *watcher) look(s Shot) {
	if w.tally.Frames == 0 {
		w.next = s.Arrived.Add(2 * time.Minute)
	}
	state, changed := w.monitor.Observe(s.Frame)
	w.tally.Frames++
	if w.inject(s, state) {
		w.wrong, w.night, w.late = 0, 0, false
	} else {
		w.judge(s, state, changed)
	}
}

// inject begins and ends faults, and reports whether one of them, or what is
// left of it, may still be seen.
func (w *watcher) inject(s Shot, state condition.State) bool {
	at := s.Arrived
	if s.Light.well() {
		w.wellFor += w.day.opt.Step
	} else if w.fault == nil {
		w.wellFor = 0
	}
	if w.fault != nil {
		w.broken(at, state)
		return true
	}
	if !w.judged {
		if at.Sub(w.to) < recovery {
			return true
		}
		w.judged = true
		w.of(w.kind).Mended += count(state.Kind == condition.Good || !s.Light.well())
		w.next = at.Add(time.Duration(w.rng.ExpFloat64() * float64(w.pause) / 2)).Add(w.pause / 4)
	}
	if len(w.queue) == 0 || at.Before(w.next) || w.wellFor < time.Minute {
		return false
	}
	w.kind, w.found, w.doubted, w.judged = w.queue[0], false, false, false
	w.fault, w.queue = New(w.kind, w.rng.Uint64()), w.queue[1:]
	w.from, w.to, w.lamp = at, at.Add(between(w.rng, 20*time.Second, time.Minute)), s.Lamp
	f := w.of(w.kind)
	f.Injected++
	f.ByLamp += count(w.lamp)
	return false
}

// broken counts how soon the present fault is doubted and found, and ends it.
func (w *watcher) broken(at time.Time, state condition.State) {
	f, since := w.of(w.kind), at.Sub(w.from)
	if state.Kind == w.kind && since <= Within && !w.found {
		w.found = true
		f.Found++
		f.FoundByLamp += count(w.lamp)
	}
	if !w.doubted && since <= 3*time.Second && (state.Kind != condition.Good || state.Latest != condition.Good) {
		w.doubted = true
		f.Doubted++
	}
	if !at.Before(w.to) {
		w.fault = nil
	}
}

// of is the count of a kind's faults.
func (w *watcher) of(kind condition.Kind) *Found {
	i := slices.IndexFunc(w.tally.Faults, func(f Found) bool { return f.Kind == kind })
	return &w.tally.Faults[i]
}

func count(is bool) int {
	if is {
		return 1
	}
	return 0
}

// judge counts a frame of a camera that has no fault.
func (w *watcher) judge(s Shot, state condition.State, changed bool) {
	t, step := w.tally, w.day.opt.Step
	t.Hours += step.Hours()
	if s.Lamp {
		t.Lamp += step.Seconds()
	}
	if state.Kind != condition.Good {
		t.NotBelieved += step.Seconds()
	}
	if changed && state.Kind == condition.Night {
		t.NightAlarms++
	}
	allowed := s.Light.allows(state.Kind)
	if state.Kind == condition.Good {
		if s.Light.well() && state.Latest != condition.Good {
			t.Doubted[state.Latest]++
		}
		w.wrong, w.late = 0, false
		if allowed {
			w.night = 0
			return
		}
		t.Night += step.Seconds()
		if w.night += step; w.night > Within {
			t.NightBelieved += step.Seconds()
		}
		return
	}
	w.night = 0
	if !s.Light.allows(condition.Good) {
		t.Night += step.Seconds()
	}
	if allowed {
		w.wrong = 0
		return
	}
	t.FalseSeconds += step.Seconds()
	w.wrong += step
	if changed || w.wrong > recovery && !w.late {
		w.late = true
		t.FalseAlarms[state.Kind]++
		t.Alarms = append(t.Alarms, Alarm{s.Arrived, state.Kind})
	}
}

// Add adds the counts of other faults of the kind.
func (f *Found) Add(g Found) {
	f.N += g.N
	f.Injected += g.Injected
	f.Found += g.Found
	f.Mended += g.Mended
	f.ByLamp += g.ByLamp
	f.FoundByLamp += g.FoundByLamp
	f.Doubted += g.Doubted
}

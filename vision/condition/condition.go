package condition

import (
	"fmt"
	"time"

	"github.com/binside/binside/vision"
)

// Kind is what keeps a camera from being believed.
type Kind string

// The kinds. Good is the absence of all others.
const (
	Good        Kind = ""
	Frozen      Kind = "frozen"      // the picture does not change at all
	Black       Kind = "black"       // no light reaches the sensor
	Overexposed Kind = "overexposed" // most of the picture is burnt out
	Night       Kind = "night"       // too dark to tell things apart
	Blurred     Kind = "blurred"     // out of focus, or fogged as a whole
	Dirty       Kind = "dirty"       // parts of the lens are smeared
	Moved       Kind = "moved"       // the camera looks elsewhere
	Covered     Kind = "covered"     // something lies before the lens
	Clock       Kind = "clock"       // the frames' times are wrong
)

// Kinds lists all but Good.
func Kinds() []Kind {
	return []Kind{Frozen, Black, Overexposed, Night, Blurred, Dirty, Moved, Covered, Clock}
}

// Frame is one picture of the stream.
type Frame struct {
	// Time is when the camera says the picture was taken; Arrived when it
	// came, by the clock of this machine.
	Time, Arrived time.Time
	Image         *vision.Image
}

// State is how a camera is.
type State struct {
	Kind Kind
	// Since is when it began, by the frames' arrival; zero before the first
	// frame.
	Since time.Time
	// Latest is what the last frame looked like: a fault that has not lasted
	// long enough to count, or somebody before the lens.
	Latest Kind
	// Known says that the monitor has learnt what the camera usually shows:
	// until then it finds no blurred, dirty, moved or partly covered lens.
	Known bool
}

// Config tunes a Monitor; DefaultConfig has the values that it is measured
// with.
type Config struct {
	// Every is the least time between two frames that are looked at.
	Every time.Duration
	// Learn is for how long a new camera is looked at before it is compared
	// with itself.
	Learn time.Duration
	// Lasting is how long a fault must last until it counts, and how long the
	// picture must have been well until it is over. Brief is the first of them
	// for faults of the whole picture's light, Standing for a view that is hidden
	// or another one: somebody may stand right before the lens for some seconds.
	Lasting, Brief, Standing time.Duration
	// Still is how long a picture may stay the same, bit for bit.
	Still time.Duration
	// Follow is the time constant with which the usual picture follows what
	// the camera shows.
	Follow time.Duration
	// Skew is how far the camera's clock may be off.
	Skew time.Duration
}

// DefaultConfig finds every fault within ten seconds.
func DefaultConfig() Config {
	return Config{
		Every: 450 * time.Millisecond, Learn: 8 * time.Second, Lasting: 5 * time.Second, Brief: 2500 * time.Millisecond, Standing: 9 * time.Second,
		Still: 6 * time.Second, Follow: 20 * time.Minute, Skew: 10 * time.Second,
	}
}

// passing is how long a lens must look bad by a light in the night until that
// counts: a car that waits, for two minutes at most, lights some parts and leaves
// the others in the dark.
const passing = 150 * time.Second

// Monitor watches one camera. Its methods belong to one goroutine.
type Monitor struct {
	cfg   Config
	state State
	usual usual
	votes []vote
	last  time.Time
	still stillness
	now   sample
	prev  sample
}

// vote is what one frame looked like.
type vote struct {
	at   time.Time
	kind Kind
}

// New returns a monitor for a camera of which nothing is known.
func New(cfg Config) (*Monitor, error) {
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"Every", cfg.Every}, {"Learn", cfg.Learn}, {"Lasting", cfg.Lasting}, {"Brief", cfg.Brief}, {"Standing", cfg.Standing}, {"Still", cfg.Still}, {"Follow", cfg.Follow}, {"Skew", cfg.Skew}} {
		if d.value <= 0 {
			return nil, fmt.Errorf("condition: %s is %s, must be positive", d.name, d.value)
		}
	}
	return &Monitor{cfg: cfg}, nil
}

// State is the camera's present state.
func (m *Monitor) State() State { return m.state }

// Reset forgets what the camera usually shows: it was moved on purpose.
func (m *Monitor) Reset() { *m = Monitor{cfg: m.cfg} }

// Observe takes the next frame and returns the camera's state after it, and
// whether that is another one than before. An unusable picture changes nothing.
func (m *Monitor) Observe(f Frame) (State, bool) {
	if !m.last.IsZero() && f.Arrived.Sub(m.last) < m.cfg.Every && !f.Arrived.Before(m.last) {
		return m.state, false
	}
	m.now, m.prev = m.prev, m.now
	if err := m.now.measure(f.Image, &m.prev); err != nil {
		m.now, m.prev = m.prev, m.now
		return m.state, false
	}
	gap := f.Arrived.Sub(m.last)
	if gap < 0 || gap > m.cfg.Lasting {
		m.votes, m.still.since = nil, time.Time{}
	}
	m.last = f.Arrived
	if m.state.Since.IsZero() {
		m.state.Since = f.Arrived
	}
	kind := m.judge(f)
	m.state.Latest = kind
	m.votes = append(m.votes, vote{f.Arrived, kind})
	for len(m.votes) > 0 && f.Arrived.Sub(m.votes[0].at) > max(m.cfg.Lasting, m.cfg.Brief, m.cfg.Standing, passing)+m.cfg.Every {
		m.votes = m.votes[1:]
	}
	if kind == Good && m.state.Kind == Good {
		m.usual.follow(&m.now, min(gap, m.cfg.Lasting), f.Arrived, m.cfg)
		m.state.Known = m.usual.ready
	}
	return m.decide(f.Arrived)
}

// judge is what this one frame looks like.
func (m *Monitor) judge(f Frame) Kind {
	frozen := m.still.observe(m.now.same(&m.prev), m.prev.light() == Good, f.Arrived, m.cfg.Still)
	if skew := f.Arrived.Sub(f.Time); skew > m.cfg.Skew || skew < -m.cfg.Skew {
		return Clock
	}
	if frozen {
		return Frozen
	}
	if kind := m.now.light(); kind != Good {
		return kind
	}
	kind := m.usual.compare(&m.now, &m.prev)
	if m.now.unlit() && kind != Covered && kind != Moved {
		return Night
	}
	return kind
}

// decide changes the state when enough of the last frames say so.
func (m *Monitor) decide(at time.Time) (State, bool) {
	latest := m.votes[len(m.votes)-1].kind
	if latest == m.state.Kind || !m.lasting(latest, at) {
		return m.state, false
	}
	m.state = State{Kind: latest, Since: at, Latest: latest, Known: m.usual.ready}
	return m.state, true
}

// lasting reports whether at least four fifths of the frames of the time that
// a kind must last are of that kind. What is frozen or has a wrong clock has
// lasted already.
func (m *Monitor) lasting(kind Kind, at time.Time) bool {
	span := m.cfg.Lasting
	switch kind {
	case Frozen:
		return true
	case Black, Overexposed, Night, Clock:
		span = m.cfg.Brief
	case Covered, Moved:
		span = m.cfg.Standing
	case Dirty, Blurred:
		if m.state.Kind == Night {
			span = passing
		}
	default:
	}
	if at.Sub(m.votes[0].at) < span-m.cfg.Every {
		return false
	}
	same, all := 0, 0
	for _, v := range m.votes {
		if at.Sub(v.at) > span {
			continue
		}
		all++
		if v.kind == kind {
			same++
		}
	}
	return all >= 3 && 5*same >= 4*all
}

// stillness watches for a picture that does not change at all.
type stillness struct {
	since time.Time
	// longest is the longest stillness that ended by itself: a strongly
	// compressed or made picture may repeat itself for a while. That a black
	// one does says nothing about others.
	longest time.Duration
}

// observe reports whether the picture is frozen: the same for longer than
// still, and than three times what has been usual. lit says that the picture
// before was neither too dark nor too bright.
func (s *stillness) observe(same, lit bool, at time.Time, still time.Duration) bool {
	if !same {
		if lit && !s.since.IsZero() {
			if d := at.Sub(s.since); d < max(still, 3*s.longest) {
				s.longest = max(s.longest, d)
			}
		}
		s.since = time.Time{}
		return false
	}
	if s.since.IsZero() {
		s.since = at
	}
	return at.Sub(s.since) >= max(still, 3*s.longest)
}

package pipeline

import (
	"log/slog"
	"sync"
	"time"

	"github.com/binside/binside/camera"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/vision/condition"
)

// While a camera is well, what it usually shows changes by and by; while it is
// doubted, only that it still is.
const (
	rememberWell    = 5 * time.Minute
	rememberDoubted = time.Hour
)

// watch says whether one camera can be believed. look and stopped belong to the
// camera's goroutine, the rest to any.
type watch struct {
	// still: the camera shows files, in which whatever stands still is meant
	// to.
	still bool
	// stamped: the frames carry the time of a clock that is not this machine's.
	stamped bool
	log     *slog.Logger
	// keep is given what must be remembered of the camera; it must not wait.
	keep func(memory []byte)

	mu      sync.Mutex
	monitor *condition.Monitor
	kept    time.Time // the frame's after which keep was last called
	kind    condition.Kind
	since   time.Time
}

func newWatch(cfg condition.Config, kind station.CameraKind, log *slog.Logger) (*watch, error) {
	monitor, err := condition.New(cfg)
	return &watch{
		monitor: monitor, still: kind == station.File || kind == station.Folder, stamped: kind == station.Push, log: log, keep: func([]byte) {},
	}, err
}

// restore makes the watch go on from what is remembered, nil for nothing.
func (w *watch) restore(memory []byte) {
	if memory == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.monitor.Restore(memory); err != nil {
		w.log.Warn("what the camera usually shows is learnt anew", "error", err)
		return
	}
	s := w.monitor.State()
	w.kind, w.since = w.believed(s.Kind), s.Since
	if w.kind != condition.Good {
		w.log.Warn("camera could not be believed when it was last seen: nobody is told", "condition", w.kind, "since", w.since)
	}
}

// forget makes the watch learn anew what the camera usually shows.
func (w *watch) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.monitor.Reset()
	w.kind, w.kept = condition.Good, time.Time{}
	w.log.Info("what the camera usually shows is learnt anew, as somebody wished")
}

func (w *watch) look(f camera.Frame) {
	arrived := f.Time
	if w.stamped {
		arrived = time.Now()
	}
	told := f.Clock
	if told.IsZero() {
		told = f.Time
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s, changed := w.monitor.Observe(condition.Frame{Time: told, Arrived: arrived, Image: f.Image})
	if changed {
		w.changed(s)
	}
	every := rememberWell
	if s.Kind != condition.Good {
		every = rememberDoubted
	}
	if age := arrived.Sub(w.kept); s.Known && (changed || age < 0 || age >= every) {
		w.remember()
		w.kept = arrived
	}
}

// changed notes another state of the monitor's.
func (w *watch) changed(s condition.State) {
	kind := w.believed(s.Kind)
	if kind == w.kind {
		return
	}
	if kind == condition.Good {
		w.log.Info("camera can be believed again", "was", w.kind, "for", s.Since.Sub(w.since).Round(time.Second))
	} else {
		w.log.Warn("camera cannot be believed: nobody is told of what it sees", "condition", kind)
	}
	w.kind, w.since = kind, s.Since
}

// remember gives away what another watch can go on from.
func (w *watch) remember() {
	if memory := w.monitor.Snapshot(); memory != nil {
		w.keep(memory)
	}
}

// stopped says that no more frames will come.
func (w *watch) stopped() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.remember()
}

// doubt is what speaks against the camera at this moment, be it that it has not
// lasted long enough to be called a fault: an accusation cannot be taken back.
func (w *watch) doubt() condition.Kind {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.monitor.State()
	if kind := w.believed(s.Kind); kind != condition.Good {
		return kind
	}
	return w.believed(s.Latest)
}

func (w *watch) believed(kind condition.Kind) condition.Kind {
	if w.still && kind == condition.Frozen {
		return condition.Good
	}
	return kind
}

func (w *watch) state() (condition.Kind, time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.kind, w.since
}

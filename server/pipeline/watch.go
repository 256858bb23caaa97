package pipeline

import (
	"log/slog"
	"sync"
	"time"

	"github.com/binside/binside/camera"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/vision/condition"
)

// watch says whether one camera can be believed. look and doubt belong to the
// camera's goroutine, state to any.
type watch struct {
	monitor *condition.Monitor
	// still: the camera shows files, in which whatever stands still is meant
	// to.
	still bool
	// stamped: the frames carry the time of a clock that is not this machine's.
	stamped bool
	log     *slog.Logger

	mu    sync.Mutex
	kind  condition.Kind
	since time.Time
}

func newWatch(cfg condition.Config, kind station.CameraKind, log *slog.Logger) (*watch, error) {
	monitor, err := condition.New(cfg)
	return &watch{monitor: monitor, still: kind == station.File || kind == station.Folder, stamped: kind == station.Push, log: log}, err
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
	s, changed := w.monitor.Observe(condition.Frame{Time: told, Arrived: arrived, Image: f.Image})
	if !changed {
		return
	}
	kind := w.believed(s.Kind)
	w.mu.Lock()
	defer w.mu.Unlock()
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

// doubt is what speaks against the camera at this moment, be it that it has not
// lasted long enough to be called a fault: an accusation cannot be taken back.
func (w *watch) doubt() condition.Kind {
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

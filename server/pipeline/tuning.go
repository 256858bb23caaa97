package pipeline

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/binside/binside/camera"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
	"github.com/binside/binside/vision/deposit"
)

const (
	// lookLease is how long after a question somebody counts as watching.
	lookLease = 10 * time.Second
	// lookEvery is the least time between two looks that are shown.
	lookEvery = 150 * time.Millisecond
	// lookWait is how long a question waits for a newer look.
	lookWait = time.Second
	// maxWatched is how many cameras may be watched at once: each keeps a tape.
	maxWatched = 4
	// tapeSpan and tapeBytes bound the tape of a watched camera.
	tapeSpan  = time.Minute
	tapeBytes = 48 << 20
)

var (
	// ErrTooManyWatched says that as many cameras as may be are looked into.
	ErrTooManyWatched = errors.New("pipeline: too many cameras are looked into at once")
	// ErrNothingRecorded says that there is no tape to try thresholds on.
	ErrNothingRecorded = errors.New("pipeline: nothing was recorded to try the thresholds on")
	// ErrNotRecorded says that a recorded event is no longer kept.
	ErrNotRecorded = errors.New("pipeline: the recording is no longer kept")
	// ErrTrialBusy says that thresholds are being tried for somebody else.
	ErrTrialBusy = errors.New("pipeline: other thresholds are being tried")
)

// DetectorView is what a camera's detector sees and decides by.
type DetectorView struct {
	// Seq and At are the frame's; zero before the first.
	Seq uint64
	At  time.Time
	// Looks are the regions', and Pictures what they show, as JPEGs of a pixel
	// a cell, with nothing from outside the regions.
	Looks    []deposit.Look
	Pictures [][]byte
	// Taped is how much is recorded that thresholds can be tried on.
	Taped time.Duration
}

// Trial compares what lately came out of a detector, under the thresholds in
// force, with what would have under others.
type Trial struct{ Present, Tried deposit.Played }

// tuner is what people who tune a camera see of its detector. observed and
// close belong to the camera's goroutine, the rest to any.
type tuner struct {
	recorder recorder
	shownAt  time.Time // the frame time of the latest view

	mu      sync.Mutex
	asked   time.Time
	cfg     deposit.Config // in force
	view    DetectorView
	changed chan struct{} // closed when view changes
	tape    *deposit.Tape // nil while nobody watches
}

func newTuner(cfg deposit.Config) *tuner {
	return &tuner{cfg: cfg, changed: make(chan struct{})}
}

// configured notes the thresholds in force; fresh says that the detector is
// another one.
func (t *tuner) configured(cfg deposit.Config, fresh bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cfg = cfg
	if fresh {
		t.tape, t.view.Looks = nil, nil
	}
}

func (t *tuner) watched() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return time.Since(t.asked) <= lookLease
}

// observed is told of every frame that the detector saw, with what came of it.
func (t *tuner) observed(f camera.Frame, d *deposit.Detector, events []deposit.Event) {
	t.recorder.observed(f, d, events)
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Since(t.asked) > lookLease {
		if t.tape != nil {
			d.Record(nil)
			t.tape = nil
		}
		return
	}
	if t.tape == nil {
		t.tape = deposit.NewTape(tapeSpan, tapeBytes)
		d.Record(t.tape)
	}
	if age := f.Time.Sub(t.shownAt); age >= 0 && age < lookEvery {
		return
	}
	t.shownAt = f.Time
	t.view = DetectorView{Seq: f.Seq, At: f.Time, Looks: d.Looks(true), Taped: t.tape.Span()}
	close(t.changed)
	t.changed = make(chan struct{})
}

// look waits a moment for a view of another frame than after, and returns the
// latest one. began says that nobody was watching before.
func (t *tuner) look(ctx context.Context, after uint64) (v DetectorView, began bool) {
	ctx, cancel := context.WithTimeout(ctx, lookWait)
	defer cancel()
	t.mu.Lock()
	defer t.mu.Unlock()
	if began = time.Since(t.asked) > lookLease; began {
		t.view = DetectorView{} // of the time before
	}
	t.asked = time.Now()
	for (t.view.Seq == 0 || t.view.Seq == after) && ctx.Err() == nil {
		changed := t.changed
		t.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		t.mu.Lock()
	}
	return t.view, began
}

// LookInto returns what a camera's detector sees, of another frame than the one
// numbered after if one comes within a second. Who asks again within some seconds keeps the
// camera watched: while it is, the last minute of its regions is recorded in
// memory, reduced, for TryDetector. began says that this question began it.
// ErrUnknownCamera, ErrTooManyWatched.
func (c *Cameras) LookInto(ctx context.Context, cameraID string, after uint64) (v DetectorView, began bool, err error) {
	run, err := c.tuned(cameraID)
	if err != nil {
		return v, false, err
	}
	if !run.tuner.watched() {
		watched := 0
		for _, other := range c.running() {
			if other.feed != nil && other.tuner.watched() {
				watched++
			}
		}
		if watched >= maxWatched {
			return v, false, ErrTooManyWatched
		}
	}
	v, began = run.tuner.look(ctx, after)
	v.Looks = slices.Clone(v.Looks)
	for i := range v.Looks {
		jpeg, err := c.encodeRegion(ctx, &v.Looks[i])
		if err != nil {
			return v, began, err
		}
		v.Pictures = append(v.Pictures, jpeg)
	}
	return v, began, nil
}

// encodeRegion makes a JPEG of a look's colours, the people in it painted over,
// and drops them. It is the one place through which a region's picture leaves a
// tuner.
func (c *Cameras) encodeRegion(ctx context.Context, l *deposit.Look) ([]byte, error) {
	img := &vision.Image{Pix: slices.Clone(l.Colours), Width: l.Width, Height: l.Height}
	l.Colours = nil
	if _, err := c.redactAlone(ctx, c.deps.Redactor, img); err != nil {
		return nil, err
	}
	return codec.EncodeJPEG(img, stripQuality)
}

// TryDetector replays what was recorded of a watched camera under other
// thresholds; see deposit.Tape.Replay. It takes a second or two of one core.
// Other errors: ErrUnknownCamera, ErrNothingRecorded, ErrTrialBusy.
func (c *Cameras) TryDetector(ctx context.Context, cameraID string, d station.Detector) (Trial, error) {
	var trial Trial
	run, err := c.tuned(cameraID)
	if err != nil {
		return trial, err
	}
	if !c.trying.TryLock() {
		return trial, ErrTrialBusy
	}
	defer c.trying.Unlock()
	run.tuner.mu.Lock()
	tape, present := run.tuner.tape, run.tuner.cfg
	run.tuner.mu.Unlock()
	if tape == nil {
		return trial, ErrNothingRecorded
	}
	tape = tape.Copy() // both see the same frames
	if trial.Present, err = tape.Replay(ctx, present); err != nil {
		return trial, err
	}
	trial.Tried, err = tape.Replay(ctx, d.Apply(present))
	if err == nil && trial.Tried.Frames == 0 {
		err = ErrNothingRecorded
	}
	return trial, err
}

// DetectorDefaults are the thresholds of cameras without their own.
func (c *Cameras) DetectorDefaults() station.Detector { return station.DetectorOf(c.cfg.Detector) }

// CheckDetector says what is wrong with thresholds.
func (c *Cameras) CheckDetector(d station.Detector) error { return d.Apply(c.cfg.Detector).Validate() }

func (c *Cameras) tuned(cameraID string) (*cameraRun, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	run := c.runs[cameraID]
	switch {
	case c.closed:
		return nil, ErrClosed
	case run == nil || run.feed == nil:
		return nil, ErrUnknownCamera
	}
	return run, nil
}

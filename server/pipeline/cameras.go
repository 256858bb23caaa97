package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/binside/binside/camera/push"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/notify"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store"
	"github.com/binside/binside/vision/codec"
	"github.com/binside/binside/vision/condition"
	"github.com/binside/binside/vision/deposit"
)

// CamerasConfig says how cameras are run; zero values take the defaults.
type CamerasConfig struct {
	Reader codec.Reader // of pushed frames
	// Detector tunes the detectors (default deposit.DefaultConfig), Condition
	// what watches whether a camera can be believed (condition.DefaultConfig).
	Detector  deposit.Config
	Condition condition.Config
	// MaxSide is the longest side, in pixels, of what is queued and stored
	// (default 1600).
	MaxSide int
	// Outbox is how many deposits may wait in memory for a queue that does
	// not take them (default 64).
	Outbox int
	// StoreTimeout bounds a question for the cameras (default 10 s).
	StoreTimeout time.Duration
}

// CamerasDeps is what cameras work with; all are needed, but for Registerer.
type CamerasDeps struct {
	Store      CameraStore
	Queue      Publisher
	Hub        *notify.Hub
	Prepared   *Prepared
	Metrics    *Metrics
	Registerer prometheus.Registerer // for the frames' figures
	Logger     *slog.Logger
	// Redactor finds the people in a deposit's pictures, Overview those in a
	// whole view that somebody asked for, where it may take its time. Without
	// one no picture leaves a camera.
	Redactor, Overview Redactor
	// Removed is told of what is taken out of bins, unless the camera cannot be
	// believed; it must not wait. Nil: nobody is.
	Removed func(inspection.Removal)
	// Open makes a camera's feed; OpenFeed is the one for real cameras.
	Open func(station.Camera, *slog.Logger) (Feed, error)
}

// Cameras runs the enabled cameras: for each a feed of frames, a detector, and
// one goroutine of its own between them. Its methods may be called from any
// goroutine.
type Cameras struct {
	cfg     CamerasConfig
	deps    CamerasDeps
	outbox  *outbox
	memory  *memories
	frames  *frameCollector
	loading sync.Mutex // one Start, Reload or Close at a time
	// redacting holds a token while a picture is redacted that somebody asked for.
	redacting chan struct{}
	trying    sync.Mutex // one trial of a detector's thresholds at a time

	mu     sync.Mutex
	closed bool
	runs   map[string]*cameraRun
}

// NewCameras wires a manager that runs no camera yet.
func NewCameras(cfg CamerasConfig, deps CamerasDeps) *Cameras {
	if cfg.Detector == (deposit.Config{}) {
		cfg.Detector = deposit.DefaultConfig()
	}
	if cfg.Condition == (condition.Config{}) {
		cfg.Condition = condition.DefaultConfig()
	}
	if cfg.MaxSide <= 0 {
		cfg.MaxSide = 1600
	}
	if cfg.Outbox <= 0 {
		cfg.Outbox = 64
	}
	if cfg.StoreTimeout <= 0 {
		cfg.StoreTimeout = 10 * time.Second
	}
	c := &Cameras{
		cfg: cfg, deps: deps, runs: make(map[string]*cameraRun), redacting: make(chan struct{}, 1),
		outbox: newOutbox(deps.Queue, deps.Prepared, cfg.Outbox, deps.Metrics, deps.Logger),
		memory: newMemories(deps.Store, cfg.StoreTimeout, deps.Metrics, deps.Logger),
	}
	c.frames = &frameCollector{cameras: c}
	if deps.Registerer != nil {
		deps.Registerer.MustRegister(c.frames)
	}
	return c
}

// Start loads the enabled cameras and runs them until Close. A camera that
// cannot be run is logged and shown in States; it does not keep the others
// from running.
func (c *Cameras) Start(ctx context.Context) error { return c.Reload(ctx) }

// Reload compares the running cameras with the store's and starts, restarts
// and stops those that changed; the others are not touched. Other regions or
// detector thresholds do not break a camera's stream. Call it after every change
// of a camera.
func (c *Cameras) Reload(ctx context.Context) error {
	c.loading.Lock()
	defer c.loading.Unlock()
	want, err := c.enabled(ctx)
	if err != nil {
		return err
	}
	for id, run := range c.running() {
		if cam, ok := want[id]; !ok || !sameFeed(cam, run.cam) || !run.retune(cam) {
			c.remove(id, run)
		}
	}
	running := c.running()
	for id, cam := range want {
		if running[id] != nil {
			continue
		}
		memory := c.memory.of(ctx, cam)
		c.mu.Lock()
		if c.closed {
			c.mu.Unlock()
			return ErrClosed
		}
		c.runs[id] = startCamera(c, cam, memory) //nolint:contextcheck // it runs on after the request that enabled it
		c.mu.Unlock()
	}
	return nil
}

// enabled asks the store for every enabled camera that is run here.
func (c *Cameras) enabled(ctx context.Context) (map[string]station.Camera, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.StoreTimeout)
	defer cancel()
	all := make(map[string]station.Camera)
	for f := (store.PlaceFilter{Here: true, Limit: store.MaxPage}); ; {
		page, next, err := c.deps.Store.ListCameras(ctx, f)
		if err != nil {
			return nil, fmt.Errorf("pipeline: cameras: %w", err)
		}
		for _, cam := range page {
			if cam.Enabled {
				all[cam.ID] = cam
			}
		}
		if next == "" {
			return all, nil
		}
		f.After = next
	}
}

// sameFeed says whether two cameras have the same frames.
func sameFeed(a, b station.Camera) bool {
	return a.StationID == b.StationID && a.Kind == b.Kind && a.URL == b.URL && a.Transport == b.Transport
}

// sameDetector says whether they look for the same things in them.
func sameDetector(a, b station.Camera) bool {
	return reflect.DeepEqual(a.Regions, b.Regions) && reflect.DeepEqual(a.Detector, b.Detector)
}

func (c *Cameras) running() map[string]*cameraRun {
	c.mu.Lock()
	defer c.mu.Unlock()
	runs := make(map[string]*cameraRun, len(c.runs))
	for id, run := range c.runs {
		runs[id] = run
	}
	return runs
}

func (c *Cameras) remove(id string, run *cameraRun) {
	c.mu.Lock()
	delete(c.runs, id)
	c.mu.Unlock()
	run.close()
	c.frames.retire(run.state())
}

// States is the state of every camera that runs here, by its ID. A camera
// that is disabled has none.
func (c *Cameras) States() map[string]CameraState {
	states := make(map[string]CameraState)
	for id, run := range c.running() {
		states[id] = run.state()
	}
	return states
}

// PushFrame hands one frame to a camera of kind "push". The image is decoded
// here, so a bad one is refused at once, with a *codec.Error. Other errors:
// ErrUnknownCamera, ErrNotPush, ErrCameraBusy, ErrClosed.
func (c *Cameras) PushFrame(ctx context.Context, cameraID string, frame Upload) (*PushedFrame, error) {
	f, err := c.pushFrame(ctx, cameraID, frame)
	if err != nil {
		c.deps.Metrics.refused.WithLabelValues(Reason(err)).Inc()
	}
	return f, err
}

func (c *Cameras) pushFrame(ctx context.Context, cameraID string, frame Upload) (*PushedFrame, error) {
	c.mu.Lock()
	run, closed := c.runs[cameraID], c.closed
	c.mu.Unlock()
	switch {
	case closed:
		return nil, ErrClosed
	case run == nil:
		return nil, ErrUnknownCamera
	case run.pushed == nil:
		return nil, ErrNotPush
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := codec.CheckDeclared(frame.Declared, frame.Data); err != nil {
		return nil, err
	}
	img, info, err := c.cfg.Reader.Decode(ctx, frame.Data, codec.Options{})
	if err != nil {
		return nil, err
	}
	at := frame.CapturedAt
	if at.IsZero() {
		at = time.Now()
	}
	ticket, err := run.pushed.push(codec.Orient(img, info.Orientation), at, frame.Clock)
	switch {
	case errors.Is(err, push.ErrFull):
		return nil, ErrCameraBusy
	case errors.Is(err, push.ErrClosed):
		return nil, ErrClosed
	case err != nil:
		return nil, err
	}
	return &PushedFrame{Seq: ticket.Seq, owner: c, done: ticket.Done}, nil
}

// Learn makes a running camera forget what it usually shows, here and in the
// store, and learn anew: it was moved on purpose, or its view has changed for
// good. It is believed meanwhile. Errors: ErrUnknownCamera, ErrClosed, and the
// store's, after which nothing has changed.
func (c *Cameras) Learn(ctx context.Context, cameraID string) error {
	run, err := c.tuned(cameraID)
	if err != nil {
		return err
	}
	return c.memory.forget(ctx, cameraID, run.watch.forget)
}

// Forget removes what the store keeps of a camera that runs elsewhere and learns
// anew there: should it run here again, it must not be compared with a view from
// before. Errors are the store's.
func (c *Cameras) Forget(ctx context.Context, cameraID string) error {
	return c.memory.forget(ctx, cameraID, func() {})
}

// Close stops every camera, waits for the detectors, and queues what they held
// until ctx ends. It may be called again.
func (c *Cameras) Close(ctx context.Context) {
	c.loading.Lock()
	defer c.loading.Unlock()
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	for id, run := range c.running() {
		c.remove(id, run)
	}
	c.memory.close(ctx)
	c.outbox.close(ctx)
	if c.deps.Registerer != nil {
		c.deps.Registerer.Unregister(c.frames)
	}
}

package simulate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
)

// jpegQuality is what cheap network cameras use by default.
const jpegQuality = 85

// idleAfter is how long the play goes on after the last viewer has left; a
// camera keeper that reconnects within it finds the scene still running.
const idleAfter = 3 * time.Second

// Server plays the station in real time, to all its viewers at once, and only
// while somebody watches.
type Server struct {
	log    *slog.Logger
	stage  stage
	frames *broadcast
	st     *Station
	inv    Inventory

	cancel context.CancelFunc
	done   chan struct{}

	metricFrames prometheus.Counter
	metricDrops  prometheus.Counter
}

// stage is what a Server shows. It belongs to the server's goroutine, but for
// its ledger.
type stage interface {
	// resume begins anew, or goes on, for viewers that have come at t.
	resume(t time.Time)
	// interrupt says that nobody watches any longer.
	interrupt(t time.Time)
	// frame is the picture of time t as JPEG, the n-th.
	frame(t time.Time, n uint64) ([]byte, error)
	truth() *ledger
}

// NewServer starts the play; Close ends it. A frame is painted when its time
// has come: without viewers the stage is cleared, and the next viewer sees the
// empty station first. The registerer may be nil.
func NewServer(opt Options, log *slog.Logger, reg prometheus.Registerer) (*Server, error) {
	sc, err := newScene(opt, time.Now(), 0, nil)
	if err != nil {
		return nil, err
	}
	return newServer(&painted{scene: sc, img: vision.NewImage(Width, Height)}, sc.st, sc.dir.stock.inventory(), log, reg)
}

func newServer(st stage, station *Station, inv Inventory, log *slog.Logger, reg prometheus.Registerer) (*Server, error) {
	s := &Server{
		log: log, stage: st, frames: newBroadcast(), st: station, inv: inv, done: make(chan struct{}),
		metricFrames: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "binside_simulate_frames_total", Help: "Frames that the demonstration station has painted."}),
		metricDrops: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "binside_simulate_viewer_dropped_frames_total", Help: "Frames that slow viewers of the demonstration station missed."}),
	}
	s.frames.drops = s.metricDrops
	if reg != nil {
		for _, c := range []prometheus.Collector{s.metricFrames, s.metricDrops} {
			if err := reg.Register(c); err != nil {
				return nil, fmt.Errorf("simulate: metrics: %w", err)
			}
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	go s.run(ctx)
	return s, nil
}

// Close ends the play and every stream, and waits for the painter.
func (s *Server) Close() error {
	s.cancel()
	<-s.done
	return nil
}

// Station is the place that is shown.
func (s *Server) Station() *Station { return s.st }

// Inventory counts what can be shown.
func (s *Server) Inventory() Inventory { return s.inv }

// Truth returns the published events with N above since.
func (s *Server) Truth(since uint64) Truth { return s.stage.truth().since(since) }

// run is the only goroutine that touches the stage.
func (s *Server) run(ctx context.Context) {
	defer close(s.done)
	defer s.frames.close()
	tick := time.NewTicker(time.Second / FPS)
	defer tick.Stop()
	playing := false
	for n := uint64(1); ; n++ {
		if s.frames.idle(idleAfter) {
			if playing {
				playing = false
				s.stage.interrupt(time.Now())
				s.log.Debug("demonstration station waits for a viewer")
			}
			select {
			case <-ctx.Done():
				return
			case <-s.frames.wake:
			}
		}
		if !playing {
			playing = true
			s.stage.resume(time.Now())
		}
		if err := s.show(n); err != nil {
			s.log.Error("demonstration station has no frame", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *Server) show(n uint64) error {
	now := time.Now()
	jpeg, err := s.stage.frame(now, n)
	if err != nil {
		return err
	}
	s.metricFrames.Inc()
	s.frames.publish(still{jpeg: jpeg, time: now, n: n})
	return nil
}

// painted is a scene that is painted while it is shown.
type painted struct {
	scene *scene
	img   *vision.Image
}

func (p *painted) truth() *ledger { return p.scene.ledger }

// resume clears the stage, on which nothing is: the director starts anew.
func (p *painted) resume(t time.Time) { p.interrupt(t) }

func (p *painted) interrupt(t time.Time) { p.scene.interrupt(t.Sub(p.scene.epoch)) }

func (p *painted) frame(at time.Time, n uint64) ([]byte, error) {
	t := at.Sub(p.scene.epoch)
	p.scene.advance(t)
	p.scene.paint(t, n, p.img.Pix)
	return codec.EncodeJPEG(p.img, jpegQuality)
}

// still is one encoded frame, shared by all viewers and never changed.
type still struct {
	jpeg []byte
	time time.Time
	n    uint64
}

// errClosed ends the streams of a closed server.
var errClosed = errors.New("simulate: the demonstration station is closed")

// broadcast hands the newest frame to every viewer. A viewer that is slower
// than the frames misses some; nothing is queued. Safe for concurrent use.
type broadcast struct {
	drops prometheus.Counter
	wake  chan struct{}

	mu      sync.Mutex
	latest  still
	next    chan struct{} // closed when latest changes
	viewers int
	left    time.Time // when the last viewer left
	closed  bool
}

func newBroadcast() *broadcast {
	return &broadcast{wake: make(chan struct{}, 1), next: make(chan struct{})}
}

func (b *broadcast) publish(p still) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.latest = p
	close(b.next)
	b.next = make(chan struct{})
}

func (b *broadcast) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	close(b.next)
	b.next = make(chan struct{})
}

// idle reports whether nobody has watched for the given time.
func (b *broadcast) idle(after time.Duration) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.viewers == 0 && time.Since(b.left) >= after
}

// viewer is one reader of the frames; leave must be called.
type viewer struct {
	b    *broadcast
	seen uint64
}

func (b *broadcast) join() *viewer {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.viewers++
	select {
	case b.wake <- struct{}{}:
	default:
	}
	// What was painted for earlier viewers may be old: wait for a new frame.
	return &viewer{b: b, seen: b.latest.n}
}

func (v *viewer) leave() {
	v.b.mu.Lock()
	defer v.b.mu.Unlock()
	v.b.viewers--
	v.b.left = time.Now()
}

// frame waits for a frame that the viewer has not seen.
func (v *viewer) frame(ctx context.Context) (still, error) {
	for {
		v.b.mu.Lock()
		p, next, closed := v.b.latest, v.b.next, v.b.closed
		v.b.mu.Unlock()
		switch {
		case closed:
			return still{}, errClosed
		case p.n > v.seen:
			if v.seen > 0 && p.n > v.seen+1 {
				v.b.drops.Add(float64(p.n - v.seen - 1))
			}
			v.seen = p.n
			return p, nil
		}
		select {
		case <-ctx.Done():
			return still{}, ctx.Err()
		case <-next:
		}
	}
}

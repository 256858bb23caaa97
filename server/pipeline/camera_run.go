package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/binside/binside/camera"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
	"github.com/binside/binside/vision/condition"
	"github.com/binside/binside/vision/deposit"
)

// cameraRun is one running camera. Its goroutine is the only one that touches
// the detector.
type cameraRun struct {
	owner    *Cameras
	cam      station.Camera    // as it was started
	asked    station.Camera    // as Reload wants it; belongs to Reload
	feed     Feed              // nil where the camera could not be started
	pushed   *pushFeed         // the feed of a camera of kind "push", else nil
	detector *deposit.Detector // nil without regions
	regions  []station.Region  // the detector's
	// next is what Reload wants of the detector and the goroutine has not done
	// yet; nil: nothing.
	next   atomic.Pointer[station.Camera]
	tuner  *tuner
	watch  *watch
	log    *slog.Logger
	failed CameraState // what States says without a feed

	latest    atomic.Pointer[camera.Frame] // for whoever sets the camera up
	snapshots *rate.Limiter

	cancel context.CancelFunc
	done   sync.WaitGroup
}

// startCamera never fails: a camera that cannot run is one whose state says so.
// memory is what is known of what it usually shows, nil for nothing.
func startCamera(owner *Cameras, cam station.Camera, memory []byte) *cameraRun {
	r := &cameraRun{
		owner: owner, cam: cam, asked: cam, log: owner.deps.Logger.With("camera", cam.ID), snapshots: newSnapshotLimit(),
		tuner: newTuner(cam.Detector.Apply(owner.cfg.Detector)),
	}
	if err := r.open(memory); err != nil {
		r.failed = CameraState{Status: StatusFailed, Since: time.Now().UTC(), Reason: camera.Settings, Error: err.Error()}
		r.log.Error("camera cannot be run", "error", err)
		return r
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	r.done.Go(func() { r.run(ctx) })
	r.log.Info("camera started", "kind", cam.Kind, "regions", len(cam.Regions))
	return r
}

func (r *cameraRun) open(memory []byte) error {
	var err error
	if r.detector, err = r.owner.newDetector(r.cam); err != nil {
		return err
	}
	r.regions = r.cam.Regions
	if r.watch, err = newWatch(r.owner.cfg.Condition, r.cam.Kind, r.log); err != nil {
		r.closeDetector()
		return fmt.Errorf("pipeline: camera watch: %w", err)
	}
	device := deviceOf(r.cam)
	r.watch.keep = func(memory []byte) {
		r.owner.memory.put(store.CameraMemory{CameraID: r.cam.ID, Device: device, At: now(), Memory: memory})
	}
	r.watch.restore(memory)
	feed, err := r.owner.deps.Open(r.cam, r.log)
	if err != nil {
		r.closeDetector()
		return fmt.Errorf("pipeline: feed: %w", err)
	}
	r.feed = feed
	r.pushed, _ = feed.(*pushFeed)
	return nil
}

// newDetector makes a camera's detector, nil where it has no regions: it runs
// too, and whoever sets it up sees whether it is connected before drawing them.
func (c *Cameras) newDetector(cam station.Camera) (*deposit.Detector, error) {
	if len(cam.Regions) == 0 {
		return nil, nil //nolint:nilnil // no regions, no detector
	}
	regions := make([]deposit.Region, len(cam.Regions))
	for i, region := range cam.Regions {
		regions[i] = deposit.Region{BinID: region.BinID, Polygon: region.Polygon}
	}
	detector, err := deposit.New(cam.Detector.Apply(c.cfg.Detector), regions)
	if err != nil {
		return nil, fmt.Errorf("pipeline: detector: %w", err)
	}
	return detector, nil
}

// retune makes the running camera follow other regions or thresholds from its
// next frame on. It is false where that cannot be: the camera must be started
// anew, and says why in its state.
func (r *cameraRun) retune(cam station.Camera) bool {
	if sameDetector(cam, r.asked) {
		return true
	}
	if r.feed == nil {
		return false
	}
	trial, err := r.owner.newDetector(cam)
	if err != nil {
		return false
	}
	if trial != nil {
		trial.Close()
	}
	r.asked = cam
	r.next.Store(&cam)
	return true
}

// follow does what Reload has asked for since the frame before.
func (r *cameraRun) follow() {
	cam := r.next.Swap(nil)
	if cam == nil {
		return
	}
	cfg := cam.Detector.Apply(r.owner.cfg.Detector)
	if r.detector != nil && reflect.DeepEqual(cam.Regions, r.regions) {
		if err := r.detector.Configure(cfg); err != nil {
			r.log.Error("detector keeps its thresholds", "error", err)
			return
		}
		r.tuner.configured(cfg, false)
		r.log.Info("detector has other thresholds")
		return
	}
	detector, err := r.owner.newDetector(*cam)
	if err != nil {
		r.log.Error("detector keeps its regions", "error", err)
		return
	}
	r.flush()
	r.closeDetector()
	r.detector, r.regions = detector, cam.Regions
	r.tuner.recorder.forget()
	r.tuner.configured(cfg, true)
	r.log.Info("detector has other regions", "regions", len(cam.Regions))
}

// close stops the feed and waits until the detector has given up what it held.
func (r *cameraRun) close() {
	if r.feed == nil {
		return
	}
	r.cancel()
	r.done.Wait()
	r.log.Info("camera stopped")
}

func (r *cameraRun) state() CameraState {
	if r.feed == nil {
		return r.failed
	}
	s := r.feed.State()
	s.Condition, s.ConditionSince = r.watch.state()
	return s
}

// run feeds the detector until the camera is stopped.
func (r *cameraRun) run(ctx context.Context) {
	defer r.closeDetector()
	r.feed.Run(ctx, r.look)
	r.watch.stopped()
	r.flush() //nolint:contextcheck // ctx has ended; what the detector held is redacted all the same
}

func (r *cameraRun) flush() {
	if r.detector != nil {
		for _, e := range r.detector.Flush() {
			if e.Kind == deposit.Deposited {
				r.queue(e)
			}
		}
	}
}

func (r *cameraRun) closeDetector() {
	if r.detector != nil {
		r.detector.Close()
	}
}

func (r *cameraRun) observe(frame camera.Frame) []deposit.Event {
	if r.detector == nil {
		return nil
	}
	start := time.Now()
	events := r.detector.Observe(deposit.Frame{Seq: frame.Seq, Time: frame.Time, Image: frame.Image})
	r.tuner.observed(frame, r.detector, events)
	r.owner.deps.Metrics.detectSeconds.Observe(time.Since(start).Seconds())
	return events
}

// look gives one frame to the detector, queues what it completed, and tells
// whoever pushed it.
func (r *cameraRun) look(frame camera.Frame) {
	var ids []string
	r.latest.Store(&frame)
	r.follow()
	r.watch.look(frame)
	for _, e := range r.observe(frame) {
		switch {
		case e.Kind == deposit.Removed:
			r.removed(e)
		case r.queue(e):
			ids = append(ids, e.ID)
		}
	}
	if r.pushed != nil {
		r.pushed.source.Report(frame.Seq, ids)
	}
}

// removed passes on that something was taken out of a bin.
func (r *cameraRun) removed(e deposit.Event) {
	r.owner.deps.Metrics.removals.Inc()
	if tell := r.owner.deps.Removed; tell != nil && r.watch.doubt() == condition.Good {
		tell(inspection.Removal{StationID: r.cam.StationID, BinID: e.BinID, Since: e.Start.UTC(), Denies: e.Denies})
	}
}

// queue makes a deposit of an event and puts it into the outbox.
func (r *cameraRun) queue(e deposit.Event) bool {
	m := r.owner.deps.Metrics
	m.events.Inc()
	d, images, err := r.deposit(e)
	if err != nil {
		m.depositDropped.WithLabelValues("encode").Inc()
		r.log.Error("a camera's deposit was dropped", "deposit", e.ID, "bin", e.BinID, "error", err)
		return false
	}
	r.owner.deps.Prepared.Put(d.ID, images)
	return r.owner.outbox.add(d)
}

// deposit writes an event's pictures, which hold nothing from outside the
// bin's region and nobody that was found inside it, as JPEGs.
func (r *cameraRun) deposit(e deposit.Event) (inspection.Deposit, []*vision.Image, error) {
	d := inspection.Deposit{
		ID: e.ID, StationID: r.cam.StationID, BinID: e.BinID, CameraID: r.cam.ID, Source: inspection.FromStream,
		CapturedAt: e.Start.UTC().Truncate(time.Microsecond), Condition: r.watch.doubt(),
	}
	shots := e.Shots[:min(len(e.Shots), inspection.MaxImages)]
	r.redactShots(shots)
	var images []*vision.Image
	for _, s := range shots {
		img, err := encodeShot(s, r.owner.cfg.MaxSide)
		if err != nil {
			return d, nil, err
		}
		d.Images = append(d.Images, img)
		images = append(images, s.Image)
	}
	if len(d.Images) == 0 {
		return d, nil, fmt.Errorf("pipeline: event %s has no pictures", e.ID)
	}
	d.ReceivedAt = now()
	d.CertainAt = certain(e.Decided, d.ReceivedAt)
	return d, images, nil
}

// maxDetect is how long ago a deposit's last frame may be when the detector has
// spoken; of one that is older, or yet to come, the camera's clock is not ours.
const maxDetect = 30 * time.Second

// certain is the time of a deposit's last frame by this machine's clock: that
// frame's own, where it can be compared, else when the detector had spoken.
func certain(frame, received time.Time) time.Time {
	frame = frame.UTC().Truncate(time.Microsecond)
	if age := received.Sub(frame); age < 0 || age > maxDetect {
		return received
	}
	return frame
}

// shotQuality is the JPEG quality of a camera's evidence.
const shotQuality = 90

func encodeShot(s deposit.Shot, maxSide int) (inspection.Image, error) {
	img := s.Image
	if max(img.Width, img.Height) > maxSide {
		var err error
		if img, err = codec.Fit(img, maxSide); err != nil {
			return inspection.Image{}, err
		}
	}
	jpeg, err := codec.EncodeJPEG(img, shotQuality)
	if err != nil {
		return inspection.Image{}, err
	}
	width, height := img.Width, img.Height
	out := inspection.Image{JPEG: jpeg, Width: width, Height: height, Sharpness: s.Sharpness, Exposure: s.Exposure}
	if !s.Item.Empty() {
		sx, sy := float64(width)/float64(s.Image.Width), float64(height)/float64(s.Image.Height)
		out.Item = &inspection.Box{
			MinX: int(float64(s.Item.Min.X) * sx), MinY: int(float64(s.Item.Min.Y) * sy),
			MaxX: int(float64(s.Item.Max.X)*sx + 0.5), MaxY: int(float64(s.Item.Max.Y)*sy + 0.5),
		}
	}
	return out, nil
}

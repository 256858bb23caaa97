package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/binside/binside/camera"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
	"github.com/binside/binside/vision/condition"
	"github.com/binside/binside/vision/deposit"
)

// cameraRun is one running camera. Its goroutine is the only one that touches
// the detector.
type cameraRun struct {
	owner    *Cameras
	cam      station.Camera
	feed     Feed              // nil where the camera could not be started
	pushed   *pushFeed         // the feed of a camera of kind "push", else nil
	detector *deposit.Detector // nil without regions
	watch    *watch
	log      *slog.Logger
	failed   CameraState // what States says without a feed

	cancel context.CancelFunc
	done   sync.WaitGroup
}

// startCamera never fails: a camera that cannot run is one whose state says so.
func startCamera(owner *Cameras, cam station.Camera) *cameraRun {
	r := &cameraRun{
		owner: owner, cam: cam, log: owner.deps.Logger.With("camera", cam.ID),
	}
	if err := r.open(); err != nil {
		r.failed = CameraState{Status: StatusFailed, Since: time.Now().UTC(), Error: err.Error()}
		r.log.Error("camera cannot be run", "error", err)
		return r
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	r.done.Go(func() { r.run(ctx) })
	r.log.Info("camera started", "kind", cam.Kind, "regions", len(cam.Regions))
	return r
}

func (r *cameraRun) open() error {
	regions := make([]deposit.Region, len(r.cam.Regions))
	for i, region := range r.cam.Regions {
		regions[i] = deposit.Region{BinID: region.BinID, Polygon: region.Polygon}
	}
	// A camera without regions runs too: whoever sets it up sees whether it is
	// connected before drawing them.
	if len(regions) > 0 {
		detector, err := deposit.New(r.owner.cfg.Detector, regions)
		if err != nil {
			return fmt.Errorf("pipeline: detector: %w", err)
		}
		r.detector = detector
	}
	var err error
	if r.watch, err = newWatch(r.owner.cfg.Condition, r.cam.Kind, r.log); err != nil {
		r.closeDetector()
		return fmt.Errorf("pipeline: camera watch: %w", err)
	}
	feed, err := r.owner.deps.Open(r.cam, r.log)
	if err != nil {
		r.closeDetector()
		return fmt.Errorf("pipeline: feed: %w", err)
	}
	r.feed = feed
	r.pushed, _ = feed.(*pushFeed)
	return nil
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
	if r.detector != nil {
		for _, e := range r.detector.Flush() {
			r.queue(e)
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
	events := r.detector.Observe(deposit.Frame(frame))
	r.owner.deps.Metrics.detectSeconds.Observe(time.Since(start).Seconds())
	return events
}

// look gives one frame to the detector, queues what it completed, and tells
// whoever pushed it.
func (r *cameraRun) look(frame camera.Frame) {
	var ids []string
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
// bin's region, as JPEGs.
func (r *cameraRun) deposit(e deposit.Event) (inspection.Deposit, []*vision.Image, error) {
	d := inspection.Deposit{
		ID: e.ID, StationID: r.cam.StationID, BinID: e.BinID, CameraID: r.cam.ID, Source: inspection.FromStream,
		CapturedAt: e.Start.UTC().Truncate(time.Microsecond), Condition: r.watch.doubt(),
	}
	var images []*vision.Image
	for _, s := range e.Shots[:min(len(e.Shots), inspection.MaxImages)] {
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
	jpeg, err := codec.EncodeJPEG(s.Image, shotQuality)
	if err != nil {
		return inspection.Image{}, err
	}
	width, height := s.Image.Width, s.Image.Height
	if max(width, height) > maxSide {
		if jpeg, width, height, err = codec.Normalise(jpeg, codec.Limits{MaxBytes: len(jpeg)}, maxSide, shotQuality); err != nil {
			return inspection.Image{}, err
		}
	}
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

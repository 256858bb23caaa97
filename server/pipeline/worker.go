package pipeline

import (
	"context"
	"errors"
	"fmt"
	"image"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/binside/binside/camera/isolate"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/notify"
	"github.com/binside/binside/server/queue"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
	"github.com/binside/binside/vision/condition"
)

// WorkerConfig bounds a worker's work; zero values take the defaults.
type WorkerConfig struct {
	// InFlight is how many deposits are worked on at once (default 8).
	InFlight int
	// Reader reads what is queued: a picture without people is queued with the
	// samples that a stranger sent.
	Reader codec.Reader
	// BinTTL is how long a bin's settings may be out of date (default 2 s).
	BinTTL time.Duration
	// The steps' time-outs: one question to the store (default 5 s), the
	// models (10 s), one image's evidence (5 s).
	StoreTimeout, ClassifyTimeout, EvidenceTimeout time.Duration
}

func (c WorkerConfig) withDefaults() WorkerConfig {
	if c.InFlight <= 0 {
		c.InFlight = 8
	}
	for _, d := range []struct {
		value *time.Duration
		def   time.Duration
	}{
		{&c.BinTTL, 2 * time.Second}, {&c.StoreTimeout, 5 * time.Second},
		{&c.ClassifyTimeout, 10 * time.Second}, {&c.EvidenceTimeout, 5 * time.Second},
	} {
		if *d.value <= 0 {
			*d.value = d.def
		}
	}
	return c
}

// WorkerDeps is what a worker works with; all are needed.
type WorkerDeps struct {
	Queue      Consumer
	Store      WorkerStore
	Objects    Objects
	Deletions  Deletions
	Classifier Classifier
	// Rules are those in force at first; see Worker.Adopt.
	Rules    Rules
	Hub      *notify.Hub
	Prepared *Prepared
	Metrics  *Metrics
	Logger   *slog.Logger
}

// Worker makes an inspection of every deposit on the queue.
type Worker struct {
	cfg        WorkerConfig
	queue      Consumer
	store      WorkerStore
	objects    Objects
	deletions  Deletions
	classifier Classifier
	rules      atomic.Pointer[inForce]
	hub        *notify.Hub
	prepared   *Prepared
	metrics    *Metrics
	log        *slog.Logger
	bins       *bins

	cancel          context.CancelFunc
	stopSubscribing func()
	done            sync.WaitGroup
}

// NewWorker wires a worker.
func NewWorker(cfg WorkerConfig, d WorkerDeps) *Worker {
	cfg = cfg.withDefaults()
	w := &Worker{
		cfg: cfg, queue: d.Queue, store: d.Store, objects: d.Objects, deletions: d.Deletions, classifier: d.Classifier,
		hub: d.Hub, prepared: d.Prepared, metrics: d.Metrics, log: d.Logger,
		bins: newBins(d.Store, cfg.BinTTL),
	}
	w.Adopt(d.Rules)
	return w
}

// Start begins to take deposits, and to pass on what other servers on the same
// queue have stored; both go on until Close.
func (w *Worker) Start(ctx context.Context) error {
	stop, err := w.queue.SubscribeStored(w.hub.Publish)
	if err != nil {
		return fmt.Errorf("pipeline: notifications: %w", err)
	}
	w.stopSubscribing = stop
	ctx, w.cancel = context.WithCancel(context.WithoutCancel(ctx))
	w.done.Go(func() {
		err := w.queue.Consume(ctx, w.cfg.InFlight, w.Handle)
		if err != nil && ctx.Err() == nil && !errors.Is(err, queue.ErrClosed) {
			w.log.Error("worker stopped", "error", err)
		}
	})
	return nil
}

// Close takes no further deposit and waits until those at work are finished or
// back on the queue.
func (w *Worker) Close() {
	if w.cancel == nil {
		return
	}
	w.cancel()
	w.done.Wait()
	w.stopSubscribing()
}

// InvalidateBin makes the worker ask the store again for a bin, at its next
// deposit. Call it after every change of a bin.
func (w *Worker) InvalidateBin(id string) { w.bins.forget(id) }

// Handle makes one deposit's inspection; it is the queue's handler. It may be
// called again for a deposit that was finished before: nothing changes then
// but that it is announced again.
func (w *Worker) Handle(ctx context.Context, d inspection.Deposit, attempt int) error {
	prepared := w.prepared.Take(d.ID)
	if attempt > 1 {
		known, err := w.known(ctx, d.ID)
		if err != nil {
			return err
		}
		if known != nil {
			w.announce(known)
			return nil
		}
	}
	i, err := w.judge(ctx, &d, prepared)
	if err != nil {
		// A repetition in place should find them again: judge has recycled
		// nothing.
		w.prepared.Put(d.ID, prepared)
		return err
	}
	return w.record(ctx, &d, i, attempt)
}

// known returns the inspection of a deposit that was stored before, nil where
// there is none.
func (w *Worker) known(ctx context.Context, id string) (*inspection.Inspection, error) {
	ctx, cancel := context.WithTimeout(ctx, w.cfg.StoreTimeout)
	defer cancel()
	i, err := w.store.GetInspection(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, w.failed("store", err)
	}
	return i, nil
}

// judge turns a deposit into an inspection that lacks only its evidence.
func (w *Worker) judge(ctx context.Context, d *inspection.Deposit, prepared []*vision.Image) (*inspection.Inspection, error) {
	steps := inspection.Steps{CertainAt: d.CertainAt, TakenAt: now()}
	bin, there, err := w.bin(ctx, d)
	if err != nil {
		return nil, err
	}
	views, err := w.views(ctx, d, prepared)
	if err != nil {
		return nil, err
	}
	seen, first := shown(views)
	prediction, err := w.classify(ctx, seen)
	if err != nil {
		return nil, err
	}
	steps.InferredAt = now()
	rules, err := w.rulesFor(prediction)
	if err != nil {
		return nil, err
	}
	for _, v := range views {
		codec.Recycle(v.Image)
	}
	thresholds := rules.Thresholds
	if bin.Thresholds != nil {
		thresholds = *bin.Thresholds
	}
	best := &d.Images[max(first, 0)]
	end := w.metrics.step("decide")
	accepts, fits := fit(rules.Policy, bin)
	decision := rules.Policy.At(bin.StationID).Decide(prediction, accepts, thresholds,
		verdict.Quality{Sharpness: best.Sharpness, Exposure: best.Exposure})
	if !fits && decision.Verdict == verdict.Check {
		decision.Reason = inspection.ReasonBin
		if !there {
			decision.Reason = inspection.ReasonBinRemoved
		}
	}
	if first < 0 {
		decision.Verdict, decision.Reason = verdict.Unreadable, inspection.ReasonHidden
	}
	if d.Condition != condition.Good {
		decision.Verdict, decision.Reason = verdict.Unreadable, inspection.ReasonCamera(d.Condition)
	}
	end()
	tax := rules.Policy.Taxonomy()
	return &inspection.Inspection{
		ID: d.ID, StationID: bin.StationID, BinID: d.BinID, CameraID: d.CameraID, Source: d.Source,
		CapturedAt: d.CapturedAt, ReceivedAt: d.ReceivedAt, DecidedAt: now(),
		Verdict: decision.Verdict, Reason: decision.Reason, Category: decision.Category, ItemClass: decision.ItemClass,
		Confidence: decision.Confidence, Categories: decision.Categories, Classes: decision.Classes,
		Agreement: &prediction.Agreement, Strangeness: &prediction.Strangeness,
		Score: decision.Score, TellAt: decision.TellAt, Miss: decision.Miss, PassAt: decision.PassAt, BoundLevel: decision.Level,
		Accepts: bin.Accepts, ModelVersion: prediction.ModelVersion, TaxonomyVersion: tax.Ref(),
		HarmVersion: tax.Harm.Version, RuleVersion: verdict.RuleVersion, Evidence: []inspection.Evidence{},
		Reading: inspection.NewReading(prediction, len(decision.Classes), best), Steps: &steps,
	}, nil
}

// fit returns the categories that a bin accepts. A bin that names a category
// which the taxonomy lacks was set up for another table: nobody can say what
// belongs in it, so that it accepts nothing and everything goes to a person.
func fit(policy *verdict.Policy, bin station.Bin) (accepts []string, fits bool) {
	if len(bin.Accepts) == 0 || len(policy.Taxonomy().Lacks(bin.Accepts)) > 0 {
		return nil, false
	}
	return bin.Accepts, true
}

// bin returns the deposit's bin. One that was removed while the deposit was on
// its way accepts nothing; there is false then.
func (w *Worker) bin(ctx context.Context, d *inspection.Deposit) (bin station.Bin, there bool, err error) {
	defer w.metrics.step("bin")()
	ctx, cancel := context.WithTimeout(ctx, w.cfg.StoreTimeout)
	defer cancel()
	bin, err = w.bins.get(ctx, d.BinID)
	if errors.Is(err, store.ErrNotFound) {
		return station.Bin{ID: d.BinID, StationID: d.StationID, Accepts: []string{}}, false, nil
	}
	if err != nil {
		return bin, false, w.failed("bin", err)
	}
	return bin, true, nil
}

// views are the deposit's images and where the item is in each, from memory
// where this process decoded them itself.
func (w *Worker) views(ctx context.Context, d *inspection.Deposit, prepared []*vision.Image) ([]models.View, error) {
	defer w.metrics.step("decode")()
	views := make([]models.View, len(d.Images))
	for n := range d.Images {
		stored := &d.Images[n]
		var img *vision.Image
		if len(prepared) == len(d.Images) {
			img = prepared[n]
		} else {
			var err error
			if img, err = w.decode(ctx, stored); err != nil {
				err = fmt.Errorf("pipeline: image %d: %w", n, err)
				w.metrics.workerErrors.WithLabelValues("decode").Inc()
				switch {
				case codec.ReasonOf(err) != "":
					err = queue.Permanent(err)
				case errors.Is(err, isolate.ErrBusy):
					err = queue.Retry(err)
				}
				return nil, err
			}
		}
		views[n] = models.View{Image: img, Crop: cropOf(stored, img)}
	}
	return views, nil
}

// decode reads a queued JPEG at the smallest scale at which the item still
// fills the model's input.
func (w *Worker) decode(ctx context.Context, stored *inspection.Image) (*vision.Image, error) {
	item := inspection.Box{MaxX: stored.Width, MaxY: stored.Height}
	if stored.Item != nil {
		item = *stored.Item
	}
	itemW, itemH := item.MaxX-item.MinX, item.MaxY-item.MinY
	minW, minH := w.rules.Load().now.MinSource(itemW, itemH)
	// least is the length of a side of the whole at which the item's reaches
	// its own least.
	least := func(side, item, itemLeast int) int { return (side*itemLeast + item - 1) / max(item, 1) }
	img, _, err := w.cfg.Reader.Decode(ctx, stored.JPEG, codec.Options{
		MinWidth: least(stored.Width, itemW, minW), MinHeight: least(stored.Height, itemH, minH),
	})
	return img, err
}

// cropOf is the item's box in img, a scaled copy of the stored image; the
// whole of it where nobody looked for the item.
func cropOf(stored *inspection.Image, img *vision.Image) image.Rectangle {
	b := stored.Item
	if b == nil || stored.Width <= 0 || stored.Height <= 0 {
		return img.Rect()
	}
	r := image.Rect(
		b.MinX*img.Width/stored.Width, b.MinY*img.Height/stored.Height,
		(b.MaxX*img.Width+stored.Width-1)/stored.Width, (b.MaxY*img.Height+stored.Height-1)/stored.Height,
	).Intersect(img.Rect())
	if r.Empty() {
		return img.Rect()
	}
	return r
}

func (w *Worker) classify(ctx context.Context, views []models.View) (models.Prediction, error) {
	defer w.metrics.step("classify")()
	ctx, cancel := context.WithTimeout(ctx, w.cfg.ClassifyTimeout)
	defer cancel()
	p, err := w.classifier.Classify(ctx, views)
	switch {
	case err == nil:
		return p, nil
	case errors.Is(err, models.ErrBusy), errors.Is(err, models.ErrDeadline), errors.Is(err, models.ErrClosed),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		// The models have no time now; that is no fault of the deposit.
		return p, queue.Retry(fmt.Errorf("pipeline: classify: %w", err))
	}
	w.metrics.workerErrors.WithLabelValues("classify").Inc()
	err = fmt.Errorf("pipeline: classify: %w", err)
	if errors.Is(err, models.ErrInvalid) {
		return p, queue.Permanent(err)
	}
	return p, err
}

// record keeps the evidence, stores the inspection and announces it.
func (w *Worker) record(ctx context.Context, d *inspection.Deposit, i *inspection.Inspection, attempt int) error {
	i.Sampled = i.Verdict == verdict.Pass && sampled(d.ID, w.rules.Load().now.PassShare)
	if i.Verdict != verdict.Pass || i.Sampled {
		end := w.metrics.step("evidence")
		i.Evidence = w.keep(ctx, d, i.Verdict, i.DecidedAt)
		end()
	} else if attempt > 1 {
		// An earlier attempt may have judged by another model and stopped
		// after its evidence: no record will ever name that.
		w.discard(ctx, d)
	}
	created, err := w.save(ctx, i)
	if err != nil {
		if !queue.IsRetry(err) {
			w.discard(ctx, d)
		}
		return err
	}
	if !created {
		// Another delivery of the same deposit was quicker: its record counts.
		known, err := w.known(ctx, d.ID)
		if err != nil {
			return err
		}
		if known != nil {
			i = known
		}
	} else {
		w.metrics.verdicts.WithLabelValues(string(i.Verdict)).Inc()
		w.metrics.answerSeconds.WithLabelValues(string(i.Source)).Observe(time.Since(i.ReceivedAt).Seconds())
	}
	w.announce(i)
	w.log.Debug("inspection stored", "deposit", i.ID, "bin", i.BinID, "verdict", i.Verdict, "category", i.Category)
	return nil
}

func (w *Worker) save(ctx context.Context, i *inspection.Inspection) (created bool, err error) {
	defer w.metrics.step("store")()
	ctx, cancel := context.WithTimeout(ctx, w.cfg.StoreTimeout)
	defer cancel()
	if created, err = w.store.SaveInspection(ctx, i); err != nil {
		return false, w.failed("store", err)
	}
	return created, nil
}

// announce tells this process's readers and the other servers.
func (w *Worker) announce(i *inspection.Inspection) {
	w.hub.Publish(i)
	if err := w.queue.PublishStored(i); err != nil {
		w.log.Warn("other servers were not told of an inspection", "deposit", i.ID, "error", err)
	}
}

// now is the time in UTC as the store keeps it, so that an announced inspection
// equals the one that is read later.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// failed counts a store's error and says whether it is the store's own
// matter: then the deposit is tried again for as long as it takes.
func (w *Worker) failed(step string, err error) error {
	w.metrics.workerErrors.WithLabelValues(step).Inc()
	err = fmt.Errorf("pipeline: %s: %w", step, err)
	switch {
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return queue.Retry(err)
	case errors.Is(err, store.ErrInvalid), errors.Is(err, store.ErrNotFound):
		return queue.Permanent(err)
	}
	return err
}

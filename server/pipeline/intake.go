package pipeline

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/notify"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
	"github.com/binside/binside/vision/quality"
)

// Upload is one image as it came in.
type Upload struct {
	Data []byte
	// Declared is the content type or the file name that the sender gave;
	// empty where nothing was said. A PNG that claims to be a JPEG is refused.
	Declared string
	// CapturedAt is when a camera took the frame, for PushFrame; zero: just
	// now. It must not go backwards.
	CapturedAt time.Time
	// Clock is what the camera's own clock says, for PushFrame; zero: it does
	// not say. It is only compared with this machine's.
	Clock time.Time
}

// Request is one whole deposit pushed to a bin.
type Request struct {
	Bin station.Bin
	// Uploads are 1 to inspection.MaxImages images, each already the bin's
	// view. Submit keeps none of their memory.
	Uploads []Upload
	// IdempotencyKey names the request for its bin; empty: every request is a
	// deposit of its own.
	IdempotencyKey string
	// Wait prepares Submission.Await.
	Wait bool
}

// Submission is an accepted deposit.
type Submission struct {
	DepositID string
	// Stored is the inspection where the same request was answered before.
	Stored *inspection.Inspection

	waiter *notify.Waiter
}

// Await returns the deposit's inspection as soon as it is stored, or ctx's
// error. It needs Request.Wait.
func (s *Submission) Await(ctx context.Context) (*inspection.Inspection, error) {
	switch {
	case s.Stored != nil:
		return s.Stored, nil
	case s.waiter == nil:
		return nil, errors.New("pipeline: the request did not ask to wait")
	}
	return s.waiter.Await(ctx)
}

// Close releases the wait. Call it always, once Await is no longer needed.
func (s *Submission) Close() {
	if s.waiter != nil {
		s.waiter.Cancel()
	}
}

// IntakeConfig bounds what is taken in; zero values take the defaults.
type IntakeConfig struct {
	Reader codec.Reader // of the uploads
	// MaxSide is the longest side, in pixels, of what is queued and stored;
	// larger images are scaled down (default 1600).
	MaxSide int
	// MinSource is the running model's, see MinSource: images are decoded at
	// the smallest scale not below what it says.
	MinSource MinSource
	// Redactor finds the people in the pictures; without one none is taken.
	Redactor Redactor
	// ClaimTimeout bounds the question whether an idempotency key is new
	// (default 5 s).
	ClaimTimeout time.Duration
}

// Intake takes whole deposits in. It has no goroutine; its methods may be
// called from any.
type Intake struct {
	cfg      IntakeConfig
	store    IntakeStore
	queue    Publisher
	hub      *notify.Hub
	prepared *Prepared
	metrics  *Metrics
}

// NewIntake wires an intake. prepared is the worker's, so that a deposit
// handled in this process is decoded once.
func NewIntake(cfg IntakeConfig, store IntakeStore, q Publisher, hub *notify.Hub, prepared *Prepared, m *Metrics) *Intake {
	if cfg.MaxSide <= 0 {
		cfg.MaxSide = 1600
	}
	if cfg.MinSource == nil {
		cfg.MinSource = atLeast224
	}
	if cfg.ClaimTimeout <= 0 {
		cfg.ClaimTimeout = 5 * time.Second
	}
	return &Intake{cfg: cfg, store: store, queue: q, hub: hub, prepared: prepared, metrics: m}
}

// Submit takes one deposit in: it decodes every image, strips it of metadata,
// paints over the people in it, claims the idempotency key and queues the deposit. When it returns without
// an error the deposit is on the queue's disk (or was before).
//
// Errors: ErrNoImages, ErrTooManyImages, *ImageError (wrapping codec.Error or
// ErrRedaction), ErrIdempotencyMismatch, the queue's ErrFull, ErrTooLarge and
// ErrUnavailable, and the store's.
func (in *Intake) Submit(ctx context.Context, req Request) (*Submission, error) {
	received := now()
	sub, err := in.submit(ctx, req, received)
	if err != nil {
		in.metrics.refused.WithLabelValues(Reason(err)).Inc()
		return nil, err
	}
	in.metrics.accepted.WithLabelValues(string(inspection.FromPush)).Inc()
	return sub, nil
}

func (in *Intake) submit(ctx context.Context, req Request, received time.Time) (*Submission, error) {
	images, decoded, err := in.open(ctx, req.Uploads)
	if err != nil {
		return nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("pipeline: deposit id: %w", err)
	}
	d := inspection.Deposit{
		ID: id.String(), StationID: req.Bin.StationID, BinID: req.Bin.ID, Source: inspection.FromPush,
		CapturedAt: received, ReceivedAt: received, Images: images,
	}
	known := false
	if req.IdempotencyKey != "" {
		if d.ID, known, err = in.claim(ctx, req, d.ID); err != nil {
			return nil, err
		}
	}
	sub := &Submission{DepositID: d.ID}
	if req.Wait {
		sub.waiter = in.hub.Wait(d.ID)
	}
	if known {
		// Asked after the wait was registered: whatever is stored in between
		// is announced.
		if sub.Stored, err = in.stored(ctx, d.ID); err != nil {
			sub.Close()
			return nil, err
		}
		if sub.Stored != nil {
			return sub, nil
		}
	}
	in.prepared.Put(d.ID, decoded)
	if err := in.queue.Publish(ctx, d); err != nil {
		in.prepared.Take(d.ID)
		sub.Close()
		return nil, err
	}
	return sub, nil
}

// open decodes and normalises the uploads, the sharpest first.
func (in *Intake) open(ctx context.Context, uploads []Upload) ([]inspection.Image, []*vision.Image, error) {
	switch {
	case len(uploads) == 0:
		return nil, nil, ErrNoImages
	case len(uploads) > inspection.MaxImages:
		return nil, nil, fmt.Errorf("%w: %d, at most %d", ErrTooManyImages, len(uploads), inspection.MaxImages)
	}
	opened := make([]openedImage, len(uploads))
	for i, u := range uploads {
		o, err := in.openOne(ctx, u)
		if err != nil {
			return nil, nil, &ImageError{Index: i, Err: err}
		}
		opened[i] = o
	}
	slices.SortStableFunc(opened, func(a, b openedImage) int {
		return cmp.Compare(b.stored.Sharpness, a.stored.Sharpness)
	})
	images, decoded := make([]inspection.Image, len(opened)), make([]*vision.Image, len(opened))
	for i, o := range opened {
		images[i], decoded[i] = o.stored, o.decoded
	}
	return images, decoded, nil
}

// Redact returns what Submit would queue of one upload, which Submit takes as an
// upload in its turn. Errors are Submit's of its images.
func (in *Intake) Redact(ctx context.Context, u Upload) ([]byte, error) {
	o, err := in.openOne(ctx, u)
	if err != nil {
		in.metrics.refused.WithLabelValues(Reason(err)).Inc()
		return nil, &ImageError{Err: err}
	}
	return o.stored.JPEG, nil
}

type openedImage struct {
	stored  inspection.Image
	decoded *vision.Image // at the model's scale
}

// openOne decodes one upload once, at the model's scale: that proves that the
// whole file is sound, and the worker need not do it again.
func (in *Intake) openOne(ctx context.Context, u Upload) (openedImage, error) {
	if err := codec.CheckDeclared(u.Declared, u.Data); err != nil {
		return openedImage{}, err
	}
	file, err := in.cfg.Reader.Open(u.Data)
	if err != nil {
		return openedImage{}, err
	}
	img, err := upright(ctx, file, in.cfg.MinSource)
	if err != nil {
		return openedImage{}, err
	}
	end := in.metrics.step("redact")
	jpeg, width, height, err := Redacted(ctx, in.cfg.Redactor, file, img, in.cfg.MaxSide)
	if end(); err != nil {
		if errors.Is(err, ErrRedaction) {
			in.metrics.redactionErrors.Inc()
		}
		return openedImage{}, err
	}
	q, err := quality.Measure(img, img.Rect())
	if err != nil {
		return openedImage{}, err
	}
	return openedImage{decoded: img, stored: inspection.Image{
		JPEG: jpeg, Width: width, Height: height, Sharpness: q.Sharpness, Exposure: q.Exposure,
	}}, nil
}

// Decode is what a pushed file is to the models: upright, and no larger than
// they need it. Errors are codec.Decode's.
func Decode(ctx context.Context, r codec.Reader, data []byte, least MinSource) (*vision.Image, error) {
	file, err := r.Open(data)
	if err != nil {
		return nil, err
	}
	return upright(ctx, file, least)
}

func upright(ctx context.Context, f *codec.File, least MinSource) (*vision.Image, error) {
	var opt codec.Options
	if f.Orientation > 4 { // it lies on its side
		opt.MinHeight, opt.MinWidth = least(f.Height, f.Width)
	} else {
		opt.MinWidth, opt.MinHeight = least(f.Width, f.Height)
	}
	img, err := f.Decode(ctx, opt)
	if err != nil {
		return nil, err
	}
	return codec.Orient(img, f.Orientation), nil
}

// claim asks the store whose the request's idempotency key is. It comes after
// the decoding, so that a refused request claims nothing, and before the
// publishing, so that a retry gets the same deposit even after a crash in
// between.
func (in *Intake) claim(ctx context.Context, req Request, fresh string) (id string, known bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, in.cfg.ClaimTimeout)
	defer cancel()
	id, same, err := in.store.ClaimIdempotency(ctx, req.Bin.ID, req.IdempotencyKey, requestHash(req), fresh)
	switch {
	case err != nil:
		return "", false, fmt.Errorf("pipeline: idempotency key: %w", err)
	case !same:
		return "", false, ErrIdempotencyMismatch
	}
	return id, id != fresh, nil
}

// requestHash names what was asked: the images' bytes in their order.
func requestHash(req Request) string {
	sum := sha256.New()
	for _, u := range req.Uploads {
		one := sha256.Sum256(u.Data)
		sum.Write(one[:])
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// stored returns the inspection of a deposit that was submitted before, nil
// while there is none.
func (in *Intake) stored(ctx context.Context, id string) (*inspection.Inspection, error) {
	ctx, cancel := context.WithTimeout(ctx, in.cfg.ClaimTimeout)
	defer cancel()
	i, err := in.store.GetInspection(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("pipeline: inspection %s: %w", id, err)
	}
	return i, nil
}

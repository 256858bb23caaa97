package models

import (
	"context"
	"errors"
	"fmt"
	"image"

	"github.com/binside/binside/vision"
)

// MaxViews is how many views of one deposit may be classified together.
const MaxViews = 8

// Why a Pool refuses. All are wrapped with detail: test with errors.Is.
var (
	// ErrBusy: as many deposits wait as the queue may hold. Trying again later
	// helps.
	ErrBusy = errors.New("models: the queue is full")
	// ErrDeadline: the context's deadline passed, or it was cancelled, before
	// a worker was free. The context's own error is wrapped, too.
	ErrDeadline = errors.New("models: no worker was free in time")
	// ErrClosed: the pool has been closed.
	ErrClosed = errors.New("models: the pool is closed")
	// ErrInvalid: the views cannot be classified whoever tries: none, too
	// many, or one without pixels.
	ErrInvalid = errors.New("models: the views are invalid")
)

// View is one picture of a deposit.
type View struct {
	Image *vision.Image
	// Crop is where the item is, in pixels; the zero rectangle stands for the
	// whole picture.
	Crop image.Rectangle
}

// Classifier says what a deposit is. Implementations are safe for concurrent
// use; the views' pixels are not read any more once Classify has returned.
type Classifier interface {
	// Classify returns one prediction for 1 to MaxViews views of one deposit.
	Classify(ctx context.Context, views []View) (Prediction, error)
}

// Network is a loaded model. Runners of one network may work at the same
// time.
type Network interface {
	Card() *Card
	// NewRunner returns a runner for batches of up to maxBatch pictures.
	NewRunner(maxBatch int) (Runner, error)
	// Close frees the network. All its runners must be closed before.
	Close() error
}

// Runner runs a network on buffers of its own, which it keeps from run to
// run. It belongs to one goroutine at a time.
type Runner interface {
	// Set makes a view the i-th picture of the next batch, 0 ≤ i < maxBatch,
	// resized and scaled as the card's Input says. It keeps no reference.
	Set(i int, view View) error
	// Run runs the first n pictures and returns their n×classes logits, which
	// are valid until the next Run.
	Run(n int) ([]float32, error)
	Close() error
}

func validViews(views []View) error {
	if len(views) == 0 || len(views) > MaxViews {
		return fmt.Errorf("%w: %d views, allowed is 1 to %d", ErrInvalid, len(views), MaxViews)
	}
	for i, v := range views {
		if err := v.Image.Valid(); err != nil {
			return fmt.Errorf("%w: view %d: %w", ErrInvalid, i, err)
		}
		if !v.Crop.Empty() && v.Crop.Intersect(v.Image.Rect()).Empty() {
			return fmt.Errorf("%w: view %d: the crop %v lies outside the picture of %d×%d pixels", ErrInvalid, i, v.Crop, v.Image.Width, v.Image.Height)
		}
	}
	return nil
}

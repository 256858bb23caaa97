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
	// Run runs the first n pictures. What it returns is valid until the next
	// Run.
	Run(n int) (Outputs, error)
	Close() error
}

// Outputs are what a network says of a batch of n pictures.
type Outputs struct {
	// Logits are n×classes, a picture's classes together.
	Logits []float32
	// Strangeness is one number a picture; empty where the card names no such
	// output.
	Strangeness []float32
}

// check compares the sizes with what the card promises of n pictures.
func (o Outputs) check(c *Card, n int) error {
	if want := n * len(c.Classes); len(o.Logits) != want {
		return fmt.Errorf("%s gave %d logits for %d pictures, want %d", c.Version, len(o.Logits), n, want)
	}
	want := 0
	if c.Output.Strangeness != "" {
		want = n
	}
	if len(o.Strangeness) != want {
		return fmt.Errorf("%s gave %d numbers of strangeness for %d pictures, want %d", c.Version, len(o.Strangeness), n, want)
	}
	return nil
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

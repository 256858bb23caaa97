package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"github.com/binside/binside/vision/codec"
)

var (
	// ErrNoFrame says that the camera has not given a single frame yet.
	ErrNoFrame = errors.New("pipeline: the camera has shown nothing yet")
	// ErrTooOften says that a camera's picture was asked for too often.
	ErrTooOften = errors.New("pipeline: the camera's picture was asked for too often")
)

// Snapshot is a camera's whole view, redacted.
type Snapshot struct {
	JPEG          []byte
	Width, Height int // in pixels
	CapturedAt    time.Time
	Painted       int // how many places were painted over
}

const (
	// snapshotSide is a snapshot's longest side in pixels.
	snapshotSide = 1280
	// Every camera may be asked for a picture this often, and so many times at
	// once.
	snapshotRate, snapshotBurst = 2, 2
)

// Snapshot returns the latest frame of a running camera, reduced to at most
// 1280 pixels and redacted. The frame is only in memory, where the next one
// takes its place; nothing of the snapshot is kept. It needs no regions.
//
// Errors: ErrUnknownCamera, ErrNoFrame, ErrTooOften, ErrRedaction, ErrClosed,
// and ctx's.
func (c *Cameras) Snapshot(ctx context.Context, cameraID string) (*Snapshot, error) {
	c.mu.Lock()
	run, closed := c.runs[cameraID], c.closed
	c.mu.Unlock()
	switch {
	case closed:
		return nil, ErrClosed
	case run == nil:
		return nil, ErrUnknownCamera
	}
	frame := run.latest.Load()
	switch {
	case frame == nil:
		return nil, ErrNoFrame
	case !run.snapshots.Allow():
		return nil, ErrTooOften
	}
	img, err := codec.Fit(frame.Image, snapshotSide)
	if err != nil {
		return nil, fmt.Errorf("pipeline: snapshot: %w", err)
	}
	painted, err := c.redactAlone(ctx, c.deps.Overview, img)
	if err != nil {
		return nil, err
	}
	jpeg, err := codec.EncodeJPEG(img, shotQuality)
	if err != nil {
		return nil, fmt.Errorf("pipeline: snapshot: %w", err)
	}
	return &Snapshot{JPEG: jpeg, Width: img.Width, Height: img.Height, CapturedAt: frame.Time, Painted: painted}, nil
}

func newSnapshotLimit() *rate.Limiter { return rate.NewLimiter(snapshotRate, snapshotBurst) }

package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/binside/binside/camera/isolate"
	"github.com/binside/binside/server/queue"
	"github.com/binside/binside/vision/codec"
)

var (
	// ErrNoImages says that a deposit has not a single image.
	ErrNoImages = errors.New("pipeline: a deposit needs at least one image")
	// ErrTooManyImages says that a deposit has more than inspection.MaxImages
	// images.
	ErrTooManyImages = errors.New("pipeline: too many images in one deposit")
	// ErrIdempotencyMismatch says that the key was used before at this bin for
	// another request.
	ErrIdempotencyMismatch = errors.New("pipeline: idempotency key was used for another request")
	// ErrUnknownCamera says that no enabled camera has that ID here.
	ErrUnknownCamera = errors.New("pipeline: no such camera, or it is disabled")
	// ErrAtStation says that a camera is run by its station's agent, and can be
	// seen there alone.
	ErrAtStation = errors.New("pipeline: the camera is run by its station's agent")
	// ErrNotPush says that the camera is not of kind "push": it fetches its
	// frames.
	ErrNotPush = errors.New("pipeline: the camera fetches its own frames")
	// ErrCameraBusy says that the camera's detector is behind; the same frame
	// may be pushed again a little later.
	ErrCameraBusy = errors.New("pipeline: the camera is behind")
	// ErrFrameDropped says that the detector never saw the frame.
	ErrFrameDropped = errors.New("pipeline: frame was dropped")
	// ErrClosed says that the part was closed.
	ErrClosed = errors.New("pipeline: closed")
)

// ImageError says which of the uploaded images was refused; it wraps
// codec.Error.
type ImageError struct {
	Index int // from 0
	Err   error
}

func (e *ImageError) Error() string { return fmt.Sprintf("image %d: %v", e.Index+1, e.Err) }
func (e *ImageError) Unwrap() error { return e.Err }

// Reason gives an error of this package, the queue or the decoder a stable
// word for metrics and problems.
func Reason(err error) string {
	var c *codec.Error
	switch {
	case err == nil:
		return "none"
	case errors.As(err, &c):
		return c.Reason
	case errors.Is(err, ErrNoImages):
		return "no-images"
	case errors.Is(err, ErrTooManyImages):
		return "too-many-images"
	case errors.Is(err, ErrIdempotencyMismatch):
		return "idempotency-mismatch"
	case errors.Is(err, ErrUnknownCamera):
		return "unknown-camera"
	case errors.Is(err, ErrNotPush):
		return "not-a-push-camera"
	case errors.Is(err, ErrCameraBusy):
		return "camera-busy"
	case errors.Is(err, ErrFrameDropped):
		return "frame-dropped"
	case errors.Is(err, isolate.ErrBusy):
		return "decoders-busy"
	case errors.Is(err, ErrRedaction):
		return "redaction"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "cancelled"
	default:
		return queue.Reason(err)
	}
}

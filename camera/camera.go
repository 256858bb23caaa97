package camera

import (
	"context"
	"time"

	"github.com/binside/binside/vision"
)

// Frame is one picture from a camera.
type Frame struct {
	// Seq counts the frames of one connection from 1; a gap means that frames
	// were dropped on the way.
	Seq uint64
	// Time is when the frame was captured as far as that is known, else when
	// it arrived.
	Time time.Time
	// Clock is what the camera's own clock said when it took or sent the frame;
	// zero where the camera does not say. Nothing is ordered by it.
	Clock time.Time
	// Image is the decoded picture. Whoever receives a Frame may keep it and
	// must not change its pixels.
	Image *vision.Image
}

// Source delivers a camera's frames.
//
// Stream connects, calls sink for every frame in order and from one goroutine,
// and returns when ctx is done (with ctx.Err()), when a finite source has
// ended (with io.EOF), or when the stream has failed (with the reason, never
// holding a credential). It does not reconnect: a failed source is rebuilt by
// its keeper. No goroutine outlives the call.
type Source interface {
	Stream(ctx context.Context, sink func(Frame)) error
}

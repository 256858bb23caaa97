package keeper

import (
	"context"
	"errors"
	"sync"

	"github.com/binside/binside/camera"
)

// buffer holds the latest frames for one reader.
type buffer struct {
	block bool
	size  int

	mu      sync.Mutex
	frames  []camera.Frame
	ended   error
	full    bool          // a writer waits
	filled  chan struct{} // holds a token when there may be something to read
	drained chan struct{} // holds a token when there may be room
}

func newBuffer(size int, block bool) *buffer {
	return &buffer{block: block, size: size, filled: make(chan struct{}, 1), drained: make(chan struct{}, 1)}
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// put adds a frame and returns how many were dropped for it: the oldest ones,
// or, in a blocking buffer whose writer was cancelled, the frame itself.
func (b *buffer) put(ctx context.Context, f camera.Frame) (dropped int) {
	for {
		b.mu.Lock()
		if b.ended != nil {
			b.full = false
			b.mu.Unlock()
			return 1
		}
		if len(b.frames) < b.size || !b.block {
			if len(b.frames) == b.size {
				b.frames[0] = camera.Frame{}
				b.frames = b.frames[1:]
				dropped = 1
			}
			b.frames = append(b.frames, f)
			b.full = false
			b.mu.Unlock()
			wake(b.filled)
			return dropped
		}
		b.full = true
		b.mu.Unlock()
		select {
		case <-b.drained:
		case <-ctx.Done():
			b.mu.Lock()
			b.full = false
			b.mu.Unlock()
			return 1
		}
	}
}

// blocked reports whether a writer waits for the reader.
func (b *buffer) blocked() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.full
}

// next waits for the oldest frame. After end, remaining frames are still read
// where the stream came to its own end.
func (b *buffer) next(ctx context.Context) (camera.Frame, error) {
	for {
		b.mu.Lock()
		if len(b.frames) > 0 {
			f := b.frames[0]
			b.frames[0] = camera.Frame{}
			b.frames = b.frames[1:]
			b.mu.Unlock()
			wake(b.drained)
			return f, nil
		}
		ended := b.ended
		b.mu.Unlock()
		if ended != nil {
			wake(b.filled) // for whoever calls next again
			return camera.Frame{}, ended
		}
		select {
		case <-b.filled:
		case <-ctx.Done():
			return camera.Frame{}, ctx.Err()
		}
	}
}

// end closes the buffer with the reason that next returns. The first reason
// counts. Frames of a closed keeper are not worth reading.
func (b *buffer) end(reason error) {
	closed := errors.Is(reason, ErrClosed)
	b.mu.Lock()
	if b.ended == nil || closed {
		b.ended = reason
	}
	if closed {
		b.frames = nil
	}
	b.mu.Unlock()
	wake(b.filled)
	wake(b.drained)
}

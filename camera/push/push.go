// Package push is a camera that is pushed: frames arrive by a method call, for
// example from an HTTP handler, instead of being fetched.
//
// A frame is either taken or refused at once; a taken frame is never dropped
// while the source streams, and its caller can wait until the receiver has
// reported what it made of it. The package decodes nothing and opens no port.
package push

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/binside/binside/camera"
	"github.com/binside/binside/vision"
)

// ErrFull says that the receiver is behind; the caller should try again later.
var ErrFull = errors.New("push: the camera's buffer is full")

// ErrClosed says that the source takes no frames any more.
var ErrClosed = errors.New("push: the camera is closed")

// DefaultBuffer is the number of frames that may be waiting.
const DefaultBuffer = 4

// Report is what became of a pushed frame.
type Report struct {
	// Seen says that the receiver has processed the frame; otherwise Err tells
	// why it never will.
	Seen bool
	// Deposits are the ids of the deposits that were found with this frame.
	Deposits []string
	Err      error
}

// Ticket is a taken frame.
type Ticket struct {
	// Seq is the frame's number; it counts up over the source's life.
	Seq uint64
	// Done delivers exactly one Report. It need not be read.
	Done <-chan Report
}

// Source is a camera.Source whose frames come from Push. It may be streamed
// again after Stream has returned, frames keep their numbers then. All methods
// may be called from any goroutine; at most one Stream runs at a time.
type Source struct {
	queue chan camera.Frame

	mu      sync.Mutex
	seq     uint64
	closed  bool
	waiting map[uint64]chan Report // frames taken and not yet reported
	done    chan struct{}
	stream  sync.Mutex
}

// New returns a source that lets the given number of frames wait;
// DefaultBuffer where it is not positive.
func New(buffer int) *Source {
	if buffer <= 0 {
		buffer = DefaultBuffer
	}
	return &Source{queue: make(chan camera.Frame, buffer), waiting: map[uint64]chan Report{}, done: make(chan struct{})}
}

// Push hands over a frame, taken at a time; clock is the camera's own, zero
// where it is not known. The caller must not change the image afterwards. It
// never blocks: ErrFull and ErrClosed say that the frame was not taken.
func (s *Source) Push(img *vision.Image, at, clock time.Time) (Ticket, error) {
	if err := img.Valid(); err != nil {
		return Ticket{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return Ticket{}, ErrClosed
	}
	// Frames that were handed on and not reported count too, else the wait
	// list could outgrow the buffer.
	if len(s.waiting) >= 2*cap(s.queue) {
		return Ticket{}, ErrFull
	}
	seq := s.seq + 1
	select {
	case s.queue <- camera.Frame{Seq: seq, Time: at, Clock: clock, Image: img}:
	default:
		return Ticket{}, ErrFull
	}
	s.seq = seq
	done := make(chan Report, 1)
	s.waiting[seq] = done
	return Ticket{Seq: seq, Done: done}, nil
}

// Report tells whoever waits for a frame what became of it. The receiver calls
// it once for every frame of Stream, when it has processed it; a second report
// of a frame is ignored. A frame whose predecessors have not been reported ends
// their wait as well: frames are processed in order, so they were lost.
func (s *Source) Report(seq uint64, deposits []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n, done := range s.waiting {
		switch {
		case n == seq:
			done <- Report{Seen: true, Deposits: deposits}
		case n < seq:
			done <- Report{Err: errLost}
		default:
			continue
		}
		delete(s.waiting, n)
	}
}

var errLost = errors.New("push: the frame was dropped before it was looked at")

// Close refuses further frames and ends Stream; frames that were taken are
// still streamed. It may be called more than once.
func (s *Source) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	close(s.done)
}

// Abandon ends the wait for all frames that were not reported. The receiver
// calls it when it stops for good.
func (s *Source) Abandon() {
	s.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for n, done := range s.waiting {
		done <- Report{Err: ErrClosed}
		delete(s.waiting, n)
	}
}

// Stream hands the pushed frames to sink until ctx is done or the source is
// closed, which ends it with io.EOF.
func (s *Source) Stream(ctx context.Context, sink func(camera.Frame)) error {
	if !s.stream.TryLock() {
		return errors.New("push: the camera is streamed already")
	}
	defer s.stream.Unlock()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.done:
			return s.drain(ctx, sink)
		case f := <-s.queue:
			sink(f)
		}
	}
}

// Waiting is the number of frames taken and not yet reported.
func (s *Source) Waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.waiting)
}

// drain hands over what was taken before the source was closed.
func (s *Source) drain(ctx context.Context, sink func(camera.Frame)) error {
	for ctx.Err() == nil {
		select {
		case f := <-s.queue:
			sink(f)
		default:
			return io.EOF
		}
	}
	return ctx.Err()
}

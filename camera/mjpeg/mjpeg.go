// Package mjpeg is a camera that serves motion JPEG over HTTP
// (multipart/x-mixed-replace), as IP cameras, ESP32 boards, ffmpeg and the
// demonstration station do.
//
// A part that cannot be decoded is counted and skipped. The package does not
// reconnect.
package mjpeg

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/binside/binside/camera"
	"github.com/binside/binside/camera/httpcam"
	"github.com/binside/binside/vision/codec"
)

// Options tune a Source; a zero field has the default named with it.
type Options struct {
	// ConnectTimeout bounds connecting until the response's header (10 s).
	ConnectTimeout time.Duration
	// ReadTimeout is how long the camera may send nothing at all (10 s).
	ReadTimeout time.Duration
	// Limits bound a picture (codec's defaults).
	Limits codec.Limits
	// Decode says at what scale pictures are decoded (full size).
	Decode codec.Options
}

// Counts of a source over all its connections.
type Counts struct {
	Frames uint64
	Bad    uint64 // parts that were no picture within the limits
}

// maxBadRun is how many bad parts in a row end the stream: it is no stream of
// pictures then.
const maxBadRun = 100

// Source is a camera.Source. Stream may be called again after it has returned.
type Source struct {
	client *httpcam.Client
	opts   Options
	frames atomic.Uint64
	bad    atomic.Uint64
}

// New returns a source for an http or https address, which may hold user name
// and password for basic authentication.
func New(address string, opts Options) (*Source, error) {
	if opts.Limits.MaxBytes <= 0 {
		opts.Limits.MaxBytes = codec.DefaultMaxBytes
	}
	if opts.Limits.MaxPixels <= 0 {
		opts.Limits.MaxPixels = codec.DefaultMaxPixels
	}
	client, err := httpcam.New("mjpeg", address, opts.ConnectTimeout, opts.ReadTimeout)
	if err != nil {
		return nil, err
	}
	return &Source{client: client, opts: opts}, nil
}

// Counts returns the present counts; it may be called from any goroutine.
func (s *Source) Counts() Counts {
	return Counts{Frames: s.frames.Load(), Bad: s.bad.Load()}
}

// Stream implements camera.Source. Frames have the time of their arrival, and
// the camera's clock where its parts name it. A camera that ends its stream is a
// failure (io.ErrUnexpectedEOF): live cameras do not end.
func (s *Source) Stream(ctx context.Context, sink func(camera.Frame)) error {
	err := s.stream(ctx, sink)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return s.client.Reason(err)
}

func (s *Source) stream(ctx context.Context, sink func(camera.Frame)) error {
	transport := s.client.Transport(false)
	defer transport.CloseIdleConnections()
	response, err := s.client.Get(ctx, transport)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	boundary, err := boundaryOf(response.Header.Get("Content-Type"))
	if err != nil {
		return camera.Because(camera.NoPicture, err)
	}
	return s.receive(ctx, newParts(response.Body, boundary, s.opts.Limits.MaxBytes), sink)
}

// receive decodes parts until the stream fails.
func (s *Source) receive(ctx context.Context, p *parts, sink func(camera.Frame)) error {
	var buf []byte
	seq, run := uint64(0), 0
	for ctx.Err() == nil {
		data, err := p.next(buf)
		at := time.Now()
		if err != nil && !errors.Is(err, errPart) {
			return err
		}
		if err == nil {
			buf = data
			seq++
			img, _, decodeErr := codec.Decode(data, s.opts.Limits, s.opts.Decode)
			if err = decodeErr; err == nil {
				run = 0
				s.frames.Add(1)
				sink(camera.Frame{Seq: seq, Time: at, Clock: p.clock, Image: img})
				continue
			}
		}
		s.bad.Add(1)
		if run++; run >= maxBadRun {
			return camera.Because(camera.NoPicture, fmt.Errorf("%d parts in a row are no pictures, the last one: %w", run, err))
		}
	}
	return ctx.Err()
}

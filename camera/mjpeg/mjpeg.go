// Package mjpeg is a camera that serves motion JPEG over HTTP
// (multipart/x-mixed-replace), as IP cameras, ESP32 boards, ffmpeg and the
// demonstration station do.
//
// A part that cannot be decoded is counted and skipped. The package never puts
// credentials, nor the URL's query (where many cameras want them), into an
// error, and it never follows a redirect to another host with them. It does not
// reconnect.
package mjpeg

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/binside/binside/camera"
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
	address    *url.URL
	user, pass string
	opts       Options
	frames     atomic.Uint64
	bad        atomic.Uint64
}

// New returns a source for an http or https address, which may hold user name
// and password for basic authentication.
func New(address string, opts Options) (*Source, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("mjpeg: the address is not a URL") // the reason would quote it
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("mjpeg: the address must be http://… or https://…, its scheme is %q", u.Scheme)
	}
	if opts.ConnectTimeout <= 0 {
		opts.ConnectTimeout = 10 * time.Second
	}
	if opts.ReadTimeout <= 0 {
		opts.ReadTimeout = 10 * time.Second
	}
	if opts.Limits.MaxBytes <= 0 {
		opts.Limits.MaxBytes = codec.DefaultMaxBytes
	}
	if opts.Limits.MaxPixels <= 0 {
		opts.Limits.MaxPixels = codec.DefaultMaxPixels
	}
	s := &Source{opts: opts}
	if u.User != nil {
		s.user = u.User.Username()
		s.pass, _ = u.User.Password()
		u.User = nil
	}
	s.address = u
	return s, nil
}

// Counts returns the present counts; it may be called from any goroutine.
func (s *Source) Counts() Counts {
	return Counts{Frames: s.frames.Load(), Bad: s.bad.Load()}
}

// Stream implements camera.Source. Frames have the time of their arrival. A
// camera that ends its stream is a failure (io.ErrUnexpectedEOF): live cameras
// do not end.
func (s *Source) Stream(ctx context.Context, sink func(camera.Frame)) error {
	err := s.stream(ctx, sink)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return s.reason(err)
}

func (s *Source) stream(ctx context.Context, sink func(camera.Frame)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	transport := s.transport()
	defer transport.CloseIdleConnections()
	// The response's header must come in time, redirects included.
	timer := time.AfterFunc(2*s.opts.ConnectTimeout, func() { cancel(errSlow) })
	response, err := s.open(ctx, transport)
	if !timer.Stop() && err == nil {
		_ = response.Body.Close()
		return errSlow
	}
	if err != nil {
		if cause := context.Cause(ctx); errors.Is(cause, errSlow) {
			return cause
		}
		return err
	}
	defer func() { _ = response.Body.Close() }()
	boundary, err := boundaryOf(response.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	return s.receive(ctx, newParts(response.Body, boundary, s.opts.Limits.MaxBytes), sink)
}

var errSlow = errors.New("the camera did not answer in time")

// transport makes connections whose every read has a time limit. Cameras are
// reached directly, never through the environment's proxy.
func (s *Source) transport() *http.Transport {
	dialer := &net.Dialer{Timeout: s.opts.ConnectTimeout}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &impatient{Conn: c, limit: s.opts.ReadTimeout}, nil
		},
		TLSHandshakeTimeout:    s.opts.ConnectTimeout,
		ResponseHeaderTimeout:  s.opts.ConnectTimeout,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
		DisableKeepAlives:      true,
	}
}

// impatient is a connection whose reads fail after a time without a byte.
type impatient struct {
	net.Conn
	limit time.Duration
}

func (c *impatient) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.limit)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

func (s *Source) open(ctx context.Context, transport *http.Transport) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.address.String(), nil)
	if err != nil {
		return nil, errors.New("the address cannot be asked for")
	}
	if s.user != "" || s.pass != "" {
		request.SetBasicAuth(s.user, s.pass)
	}
	client := &http.Client{Transport: transport, CheckRedirect: s.redirect}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		_ = response.Body.Close()
		return nil, fmt.Errorf("the camera answers %s", response.Status)
	}
	return response, nil
}

// redirect allows a few redirects on the same host only: what a camera's
// network says must not make the server ask others, least of all with the
// camera's password.
func (s *Source) redirect(to *http.Request, via []*http.Request) error {
	if len(via) > 3 {
		return errors.New("too many redirects")
	}
	if to.URL.Hostname() != s.address.Hostname() {
		return errors.New("the camera redirects to another host")
	}
	return nil
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
				sink(camera.Frame{Seq: seq, Time: at, Image: img})
				continue
			}
		}
		s.bad.Add(1)
		if run++; run >= maxBadRun {
			return fmt.Errorf("%d parts in a row are no pictures, the last one: %w", run, err)
		}
	}
	return ctx.Err()
}

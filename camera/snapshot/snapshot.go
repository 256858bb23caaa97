// Package snapshot is a camera that gives one picture at a time: a URL that is
// asked again and again, or a folder of pictures that is shown in the order of
// their names.
//
// It does not reconnect. A picture that cannot be decoded is skipped; many in a
// row end the stream.
package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/binside/binside/camera"
	"github.com/binside/binside/camera/httpcam"
	"github.com/binside/binside/vision/codec"
)

// Options tune a source; a zero field has the default named with it.
type Options struct {
	// Every is the time between two pictures (200 ms of a URL, 500 ms of a folder;
	// vision/deposit says what it needs). A slow camera
	// makes it longer.
	Every time.Duration
	// ConnectTimeout bounds the wait for an answer, ReadTimeout that for its
	// next byte (10 s, 10 s).
	ConnectTimeout, ReadTimeout time.Duration
	// Limits bound a picture (codec's defaults).
	Limits codec.Limits
	// Loop begins a folder again at its end.
	Loop bool
}

func (o Options) withDefaults(every time.Duration) Options {
	if o.Every <= 0 {
		o.Every = every
	}
	if o.Limits.MaxBytes <= 0 {
		o.Limits.MaxBytes = codec.DefaultMaxBytes
	}
	if o.Limits.MaxPixels <= 0 {
		o.Limits.MaxPixels = codec.DefaultMaxPixels
	}
	return o
}

// maxBadRun is how many pictures in a row may be none.
const maxBadRun = 20

// Poller asks a URL for pictures. It is a camera.Source.
type Poller struct {
	client *httpcam.Client
	opts   Options
}

// NewPoller returns a source for an http or https address, which may hold user
// name and password.
func NewPoller(address string, opts Options) (*Poller, error) {
	opts = opts.withDefaults(200 * time.Millisecond)
	client, err := httpcam.New("snapshot", address, opts.ConnectTimeout, opts.ReadTimeout)
	if err != nil {
		return nil, err
	}
	return &Poller{client: client, opts: opts}, nil
}

// Stream implements camera.Source. Frames have the time of their arrival; the
// camera's clock is that of its answer (Date, RFC 9110).
func (p *Poller) Stream(ctx context.Context, sink func(camera.Frame)) error {
	transport := p.client.Transport(true)
	defer transport.CloseIdleConnections()
	tick := time.NewTicker(p.opts.Every)
	defer tick.Stop()
	for seq, bad := uint64(1), 0; ; seq++ {
		data, clock, err := p.fetch(ctx, transport)
		at := time.Now()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return p.client.Reason(err)
		}
		if img, info, err := codec.Decode(data, p.opts.Limits, codec.Options{}); err == nil {
			bad = 0
			sink(camera.Frame{Seq: seq, Time: at, Clock: clock, Image: codec.Orient(img, info.Orientation)})
		} else if bad++; bad >= maxBadRun {
			return p.client.Reason(camera.Because(camera.NoPicture, fmt.Errorf("%d answers in a row are no pictures, the last one: %w", bad, err)))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// fetch reads one answer, at most as many bytes as a picture may have.
func (p *Poller) fetch(ctx context.Context, transport *http.Transport) (data []byte, clock time.Time, err error) {
	response, err := p.client.Get(ctx, transport)
	if err != nil {
		return nil, clock, err
	}
	defer func() { _ = response.Body.Close() }()
	if at, wrong := http.ParseTime(response.Header.Get("Date")); wrong == nil {
		clock = at
	}
	data, err = io.ReadAll(io.LimitReader(response.Body, int64(p.opts.Limits.MaxBytes)+1))
	return data, clock, err
}

// Folder shows a folder's pictures. It is a camera.Source.
type Folder struct {
	dir  string
	opts Options
}

// NewFolder returns a source for a folder of JPEG or PNG files; others are left
// out.
func NewFolder(dir string, opts Options) (*Folder, error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	return &Folder{dir: path, opts: opts.withDefaults(500 * time.Millisecond)}, nil
}

// Stream implements camera.Source. Frames have the time at which they are
// shown; the folder is listed at the beginning of every round. It ends with
// io.EOF after the last picture.
func (f *Folder) Stream(ctx context.Context, sink func(camera.Frame)) error {
	tick := time.NewTicker(f.opts.Every)
	defer tick.Stop()
	for seq := uint64(0); ; {
		names, err := f.names()
		if err != nil {
			return err
		}
		shown := 0
		for _, name := range names {
			img, err := f.picture(name)
			seq++
			if err == nil {
				shown++
				sink(camera.Frame{Seq: seq, Time: time.Now(), Image: img})
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-tick.C:
			}
		}
		switch {
		case shown == 0:
			return camera.Because(camera.NoPicture, errors.New("snapshot: the folder holds no picture that can be decoded"))
		case !f.opts.Loop:
			return io.EOF
		}
	}
}

func (f *Folder) names() ([]string, error) {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return nil, camera.Because(camera.NotFound, fmt.Errorf("snapshot: %w", err))
	}
	var names []string
	for _, e := range entries {
		switch strings.ToLower(filepath.Ext(e.Name())) {
		case ".jpg", ".jpeg", ".png":
			if e.Type().IsRegular() {
				names = append(names, e.Name())
			}
		}
	}
	slices.Sort(names)
	return names, nil
}

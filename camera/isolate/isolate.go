// Package isolate runs what reads strangers' bytes in processes of its own: a
// Source for each camera that is fetched, and a Pool for the pictures that are
// pushed. H.265 and JPEG are parsed by large libraries in C; a decoder that
// crashes, hangs or eats memory takes nobody along.
//
// Those processes are this program again, so that its main must call BecomeChild
// first.
package isolate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/binside/binside/camera"
	"github.com/binside/binside/camera/capture"
	"github.com/binside/binside/camera/mjpeg"
	"github.com/binside/binside/camera/snapshot"
	"github.com/binside/binside/vision/codec"
)

// Protocol is how a camera speaks.
type Protocol string

// The protocols, by the package that speaks them.
const (
	Video    Protocol = "video"    // capture: RTSP, devices, files
	MJPEG    Protocol = "mjpeg"    // mjpeg
	Snapshot Protocol = "snapshot" // snapshot.Poller
	Folder   Protocol = "folder"   // snapshot.Folder
)

// Spec says what a child does. It goes over its standard input: never on the
// command line, which everybody on the machine can read.
type Spec struct {
	Protocol Protocol `json:"protocol"`
	// Address is what the protocol's constructor takes.
	Address string `json:"address"`
	// Transport is an RTSP camera's.
	Transport capture.Transport `json:"transport,omitempty"`
	// Video tunes Protocol Video.
	Video capture.Options `json:"video"`
}

// open makes the source, which connects to nothing yet.
func (s Spec) open() (camera.Source, error) {
	switch s.Protocol {
	case Video:
		return opened(capture.New(s.Address, s.Video))
	case MJPEG:
		return opened(mjpeg.New(s.Address, mjpeg.Options{}))
	case Snapshot:
		return opened(snapshot.NewPoller(s.Address, snapshot.Options{}))
	case Folder:
		return opened(snapshot.NewFolder(s.Address, snapshot.Options{}))
	}
	return nil, fmt.Errorf("isolate: protocol %q is unknown", s.Protocol)
}

// opened keeps a nil pointer of a failed constructor from becoming a source
// that is not nil.
func opened[S camera.Source](s S, err error) (camera.Source, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

var errDied = errors.New("isolate: the decoder died")

// Source is a camera.Source like the one that its Spec names.
type Source struct {
	spec Spec
	// Program is what is started; the running program by default.
	Program string
}

// New returns a source; its errors are those of the Spec's own constructor.
func New(spec Spec) (*Source, error) {
	if t := spec.Transport; t != "" && t != capture.TCP && t != capture.UDP {
		return nil, fmt.Errorf("isolate: transport %q, must be tcp or udp", t)
	}
	if _, err := spec.open(); err != nil {
		return nil, err
	}
	if spec.Video.MaxPixels <= 0 {
		spec.Video.MaxPixels = codec.DefaultMaxPixels
	}
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("isolate: %w", err)
	}
	return &Source{spec: spec, Program: program}, nil
}

// Stream implements camera.Source as the Spec's own source does. It returns at
// once when ctx is done, whatever the decoder does.
func (s *Source) Stream(ctx context.Context, sink func(camera.Frame)) error {
	line, err := json.Marshal(s.spec)
	if err != nil {
		return fmt.Errorf("isolate: %w", err)
	}
	child, err := launch(s.Program, cameraArgument, append(capture.Environment(s.spec.Transport), environment()...))
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, child.kill)
	if _, err = child.in.Write(append(line, '\n')); err == nil {
		err = readMessages(child.out, s.spec.Video.MaxPixels, sink)
	}
	state := child.end() // it has said what it had to say
	stop()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, errDied) {
		return fmt.Errorf("%w: %s", errDied, state)
	}
	return err
}

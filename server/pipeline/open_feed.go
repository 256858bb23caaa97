package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/binside/binside/camera"
	"github.com/binside/binside/camera/capture"
	"github.com/binside/binside/camera/isolate"
	"github.com/binside/binside/camera/keeper"
	"github.com/binside/binside/camera/mjpeg"
	"github.com/binside/binside/camera/snapshot"
	"github.com/binside/binside/server/station"
)

// OpenFeed makes the feed of a camera by its kind. It connects to nothing yet;
// an error says that the camera's address can never work, and holds no
// credential.
func OpenFeed(cam station.Camera, log *slog.Logger) (Feed, error) {
	opts := keeper.Options{Logger: log}
	var open keeper.Factory
	switch cam.Kind {
	case station.Push:
		return newPushFeed(), nil
	case station.MJPEG:
		open = func() (camera.Source, error) { return source(mjpeg.New(cam.URL, mjpeg.Options{})) }
	case station.Snapshot:
		open = func() (camera.Source, error) { return source(snapshot.NewPoller(cam.URL, snapshot.Options{})) }
	case station.RTSP, station.Device:
		open = func() (camera.Source, error) { return source(decoder(cam)) }
	case station.Folder:
		opts.Block, opts.Frozen = true, -1
		open = func() (camera.Source, error) { return source(snapshot.NewFolder(cam.URL, snapshot.Options{})) }
	case station.File:
		// A file is not live: it waits for the detector, and whatever stands
		// still in it is meant to.
		opts.Block, opts.Frozen = true, -1
		open = func() (camera.Source, error) { return source(decoder(cam)) }
	default:
		return nil, fmt.Errorf("kind %q is unknown", cam.Kind)
	}
	if _, err := open(); err != nil {
		return nil, err
	}
	return &keptFeed{open: open, opts: opts, since: time.Now().UTC()}, nil
}

// decoder is FFmpeg's, or a device's driver's, in a process of its own.
func decoder(cam station.Camera) (*isolate.Source, error) {
	return isolate.New(isolate.Spec{Protocol: isolate.Video, Address: cam.URL, Transport: capture.Transport(cam.Transport)})
}

// source keeps a nil pointer of a failed constructor from becoming a source
// that is not nil.
func source[S camera.Source](s S, err error) (camera.Source, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// keptFeed is a feed whose source is fetched and kept alive.
type keptFeed struct {
	open  keeper.Factory
	opts  keeper.Options
	since time.Time

	keeper atomic.Pointer[keeper.Keeper] // nil before Run
}

// Run implements Feed.
func (f *keptFeed) Run(ctx context.Context, look func(camera.Frame)) {
	k := keeper.New(f.open, f.opts) //nolint:contextcheck // closed below, where it is waited for
	f.keeper.Store(k)
	defer func() {
		if err := k.Close(); err != nil {
			f.opts.Logger.Error("camera was left behind", "error", err)
		}
	}()
	for {
		frame, err := k.Next(ctx)
		if err != nil {
			return // ctx has ended, or a file
		}
		look(frame)
	}
}

// State implements Feed.
func (f *keptFeed) State() CameraState {
	k := f.keeper.Load()
	if k == nil {
		return CameraState{Status: StatusConnecting, Since: f.since}
	}
	s := k.State()
	return CameraState{
		Status: CameraStatus(s.Status), Since: s.Since.UTC(), LastFrameAt: s.LastFrame.UTC(),
		Frames: s.Frames, Dropped: s.Dropped, Reason: s.Reason, Error: s.Error,
	}
}

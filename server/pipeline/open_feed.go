package pipeline

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/binside/binside/camera"
	"github.com/binside/binside/camera/capture"
	"github.com/binside/binside/camera/isolate"
	"github.com/binside/binside/camera/keeper"
	"github.com/binside/binside/server/station"
)

// protocols is how the kinds of cameras speak that are fetched.
var protocols = map[station.CameraKind]isolate.Protocol{
	station.MJPEG: isolate.MJPEG, station.Snapshot: isolate.Snapshot, station.Folder: isolate.Folder,
	station.RTSP: isolate.Video, station.Device: isolate.Video, station.File: isolate.Video,
}

// OpenFeed makes the feed of a camera by its kind. It connects to nothing yet;
// an error says that the camera's address can never work, and holds no
// credential.
func OpenFeed(cam station.Camera, log *slog.Logger) (Feed, error) {
	if cam.Kind == station.Push {
		return newPushFeed(), nil
	}
	spec := isolate.Spec{Protocol: protocols[cam.Kind], Address: cam.URL, Transport: capture.Transport(cam.Transport)}
	opts := keeper.Options{Logger: log}
	if cam.Kind == station.File || cam.Kind == station.Folder {
		// It is not live: it waits for the detector, and whatever stands still in
		// it is meant to.
		opts.Block, opts.Frozen = true, -1
	}
	source, err := isolate.New(spec)
	if err != nil {
		return nil, err
	}
	open := func() (camera.Source, error) { return source, nil }
	return &keptFeed{open: open, opts: opts, since: time.Now().UTC()}, nil
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

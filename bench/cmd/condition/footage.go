package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/binside/binside/bench/download"
	"github.com/binside/binside/bench/station"
	"github.com/binside/binside/camera"
	"github.com/binside/binside/camera/capture"
	"github.com/binside/binside/camera/simulate"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/condition/conditiontest"
)

// pace is the time between two frames of the footage.
const pace = 500 * time.Millisecond

// footage is what one fixed camera saw, two frames a second.
type footage struct {
	name   string
	frames []*vision.Image
	// plain: much of the view has no texture, and a smear is not looked for.
	plain bool
}

const examples = "usr/share/doc/opencv-doc/examples/data/"

// videos are those of Debian's opencv-doc whose camera stands still.
var videos = []struct {
	name string
	file download.File
	fps  float64
	from time.Duration
	to   time.Duration
}{
	{"square", download.File{Package: "opencv-doc", Version: "4.6.0+dfsg-12", Path: examples + "vtest.avi", SHA256: "45cddc9490be69345cbdab64ca583be65987e864ca408038e648db99e10516cf"}, 10, 0, time.Hour},
	// A tree behind a window; a hand is held before the lens from second 23 on.
	{"tree", download.File{Package: "opencv-doc", Version: "4.6.0+dfsg-12", Path: examples + "tree.avi", SHA256: "4666099d0f704e310047b2f0a5ec9f936cb76a7271de9a2e70a0c57f82ac82dc"}, 15, 0, 22 * time.Second},
}

// bottlesFPS is the frame rate of the clip with the bottles.
const bottlesFPS = 179.0 / 6

// reel collects frames of a stream of fps frames a second.
type reel struct {
	fps    float64
	seen   int
	frames []*vision.Image
	err    error
}

func (r *reel) keep(f camera.Frame) {
	if int(float64(r.seen)/r.fps/pace.Seconds()) == len(r.frames) && r.err == nil {
		var img *vision.Image
		if img, r.err = conditiontest.Shrink(f.Image); r.err == nil {
			r.frames = append(r.frames, img.Clone())
		}
	}
	r.seen++
}

func play(ctx context.Context, path string, fps float64) ([]*vision.Image, error) {
	src, err := capture.New(path, capture.Options{Unpaced: true})
	if err != nil {
		return nil, err
	}
	r := reel{fps: fps}
	if err := src.Stream(ctx, r.keep); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r.frames, r.err
}

// demonstration paints a station at which deposits are made, among passers-by.
func demonstration(ctx context.Context, deposits int) ([]*vision.Image, error) {
	opt, err := station.Options(3, nil)
	if err != nil {
		return nil, err
	}
	src, err := simulate.NewSource(opt, time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC), deposits)
	if err != nil {
		return nil, err
	}
	r := reel{fps: simulate.FPS}
	if err := src.Stream(ctx, r.keep); !errors.Is(err, io.EOF) {
		return nil, err
	}
	return r.frames, r.err
}

// load is all footage there is.
func load(ctx context.Context, s settings, say func(string, ...any)) ([]footage, error) {
	files := make([]download.File, len(videos))
	for i, v := range videos {
		files[i] = v.file
	}
	if err := download.All(ctx, s.cache, files, say); err != nil {
		return nil, err
	}
	var all []footage
	for _, v := range videos {
		frames, err := play(ctx, v.file.In(s.cache), v.fps)
		if err != nil {
			return nil, err
		}
		last := min(len(frames), int(v.to/pace))
		all = append(all, footage{name: v.name, frames: frames[:last]})
	}
	if _, err := os.Stat(s.bottles); err == nil {
		frames, err := play(ctx, filepath.Clean(s.bottles), bottlesFPS)
		if err != nil {
			return nil, err
		}
		all = append(all, footage{name: "bottles", frames: frames, plain: true})
	} else {
		say("without the bottles: %v", err)
	}
	say("painting the demonstration's station")
	frames, err := demonstration(ctx, s.deposits)
	if err != nil {
		return nil, err
	}
	return append(all, footage{name: "demonstration", frames: frames}), nil
}

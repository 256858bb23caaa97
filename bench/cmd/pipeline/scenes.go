package main

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/binside/binside/bench/station"
	"github.com/binside/binside/camera"
	"github.com/binside/binside/camera/simulate"
	"github.com/binside/binside/vision/codec"
)

// quality is that of the JPEGs, as cameras send them.
const quality = 85

// scenes renders n JPEGs of 1280×720 that show the simulated station with
// something going on: one of every second frame.
func scenes(ctx context.Context, n int) ([][]byte, error) {
	opts, err := station.Options(1, nil)
	if err != nil {
		return nil, err
	}
	opts.Quiet = 0
	source, err := simulate.NewSource(opts, time.Unix(0, 0), 0)
	if err != nil {
		return nil, err
	}
	ctx, enough := context.WithCancel(ctx)
	defer enough()
	var jpegs [][]byte
	var failed error
	err = source.Stream(ctx, func(f camera.Frame) {
		if f.Seq%2 != 0 || len(jpegs) == n || failed != nil {
			return
		}
		var data []byte
		if data, failed = codec.EncodeJPEG(f.Image, quality); failed == nil {
			jpegs = append(jpegs, data)
		}
		if len(jpegs) == n {
			enough()
		}
	})
	if len(jpegs) < n {
		return nil, errors.Join(errors.New("the simulated station ended early"), failed, err)
	}
	if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return jpegs, nil
}

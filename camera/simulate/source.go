package simulate

import (
	"context"
	"io"
	"time"

	"github.com/binside/binside/camera"
	"github.com/binside/binside/vision"
)

// Source plays the station on a virtual clock, as fast as the reader takes
// frames: a camera for tests. It implements camera.Source.
type Source struct {
	opt   Options
	epoch time.Time
	n     int
	scene *scene
}

var _ camera.Source = (*Source)(nil)

// NewSource prepares a play of n deposits (0: without an end) whose first
// frame has the given time. Every Stream plays it from the beginning, the same
// for the same options; Truth and Station belong to the latest one.
func NewSource(opt Options, start time.Time, n int) (*Source, error) {
	s := &Source{opt: opt, epoch: start, n: n}
	var err error
	s.scene, err = newScene(opt, start, n, nil)
	return s, err
}

// Station is the place that the frames show.
func (s *Source) Station() *Station { return s.scene.st }

// Inventory counts what can be shown.
func (s *Source) Inventory() Inventory { return s.scene.dir.stock.inventory() }

// Truth returns the published events with N above since. It may be called
// while Stream runs.
func (s *Source) Truth(since uint64) Truth { return s.scene.ledger.since(since) }

// tail is how long the empty station is shown after the last deposit.
const tail = 2 * time.Second

// Stream delivers the frames; it returns io.EOF after the last deposit and
// a tail of two seconds. It must not be called twice at the same time.
func (s *Source) Stream(ctx context.Context, sink func(camera.Frame)) error {
	return s.play(ctx, nil, func(f camera.Frame, _ []Label) { sink(f) })
}

// StreamLabelled is Stream with the truth about every pixel: Width × Height
// labels, row by row, which are valid during the call.
func (s *Source) StreamLabelled(ctx context.Context, sink func(camera.Frame, []Label)) error {
	return s.play(ctx, make([]Label, Width*Height), sink)
}

func (s *Source) play(ctx context.Context, labels []Label, sink func(camera.Frame, []Label)) error {
	if s.scene.dir.written > 0 {
		fresh, err := newScene(s.opt, s.epoch, s.n, s.scene.canvas.base)
		if err != nil {
			return err
		}
		s.scene = fresh
	}
	s.scene.canvas.labels = labels
	last := 0
	for n := 1; ; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		t := time.Duration(n-1) * time.Second / FPS
		s.scene.advance(t)
		if !s.scene.over() {
			last = n
		} else if n-last > int(tail.Seconds())*FPS {
			return io.EOF
		}
		img := vision.NewImage(Width, Height)
		s.scene.paint(t, uint64(n), img.Pix)
		sink(camera.Frame{Seq: uint64(n), Time: s.epoch.Add(t), Image: img}, labels)
	}
}

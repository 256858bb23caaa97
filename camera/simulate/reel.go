package simulate

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/binside/binside/camera"
	"github.com/binside/binside/vision/codec"
)

// Reel is a play that was painted beforehand. Showing it costs a read of the
// disk a frame, so that several cameras can be shown on a machine whose load is
// to be measured.
type Reel struct {
	file      *os.File
	frames    []stretch
	events    []Event // their times from start on
	start     time.Time
	station   *Station
	inventory Inventory
}

// stretch is where in the file a frame lies.
type stretch struct {
	at   int64
	size int
}

// Record paints a play of n deposits into a file, which Close removes.
func Record(ctx context.Context, opt Options, n int, path string) (_ *Reel, err error) {
	start := time.Unix(0, 0)
	src, err := NewSource(opt, start, n)
	if err != nil {
		return nil, err
	}
	file, err := os.Create(path) //nolint:gosec // the caller's own scratch file
	if err != nil {
		return nil, fmt.Errorf("simulate: reel: %w", err)
	}
	r := &Reel{file: file, start: start, station: src.Station(), inventory: src.Inventory()}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("simulate: reel: %w", err), r.Close())
		}
	}()
	out := bufio.NewWriterSize(file, 1<<20)
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var at int64
	err = src.Stream(ctx, func(f camera.Frame) {
		jpeg, err := codec.EncodeJPEG(f.Image, jpegQuality)
		if err == nil {
			_, err = out.Write(jpeg)
		}
		if err != nil {
			stop(err)
			return
		}
		r.frames = append(r.frames, stretch{at: at, size: len(jpeg)})
		at += int64(len(jpeg))
	})
	if !errors.Is(err, io.EOF) {
		return nil, errors.Join(context.Cause(ctx), err)
	}
	r.events = src.Truth(0).Events
	return r, out.Flush()
}

// Length is how long the reel plays.
func (r *Reel) Length() time.Duration { return time.Duration(len(r.frames)) * time.Second / FPS }

// Close removes the file.
func (r *Reel) Close() error { return errors.Join(r.file.Close(), os.Remove(r.file.Name())) }

// Play starts a server that shows the reel a number of times, from its first
// viewer on, and then its last picture. What nobody watches is lost. The reel
// may be shown by several servers; it must outlive them.
func (r *Reel) Play(times int, log *slog.Logger, reg prometheus.Registerer) (*Server, error) {
	return newServer(&recorded{reel: r, times: times, book: &ledger{}}, r.station, r.inventory, log, reg)
}

// recorded shows a reel.
type recorded struct {
	reel  *Reel
	times int
	book  *ledger
	began time.Time // zero: nobody has watched yet
	told  int       // events that are in the book
}

func (p *recorded) truth() *ledger { return p.book }

func (p *recorded) resume(t time.Time) {
	if p.began.IsZero() {
		p.began = t
	}
}

func (p *recorded) interrupt(time.Time) {}

func (p *recorded) frame(at time.Time, _ uint64) ([]byte, error) {
	p.tell(at)
	// The nearest frame: the ticker is now early, now late.
	n := int((at.Sub(p.began) + time.Second/FPS/2) * FPS / time.Second)
	all := len(p.reel.frames)
	f := p.reel.frames[min(n, all*p.times-1)%all]
	jpeg := make([]byte, f.size)
	_, err := p.reel.file.ReadAt(jpeg, f.at)
	return jpeg, err
}

// tell publishes the truth about what was over by then.
func (p *recorded) tell(at time.Time) {
	complete := at
	for n := p.told; n < len(p.reel.events)*p.times; n++ {
		e := p.event(n)
		switch {
		case !e.End.After(at): // they are in the order of their ends
			p.book.add(e)
			p.told++
		case e.Start.Before(complete):
			complete = e.Start
		}
	}
	p.book.seen(at, complete)
}

// event is the n-th, all showings counted.
func (p *recorded) event(n int) Event {
	all := len(p.reel.events)
	e := p.reel.events[n%all]
	if n >= all {
		e.ID = fmt.Sprintf("%s-%d", e.ID, n/all)
	}
	shift := p.began.Sub(p.reel.start) + time.Duration(n/all)*p.reel.Length()
	e.Start, e.Settled, e.End = e.Start.Add(shift), e.Settled.Add(shift), e.End.Add(shift)
	return e
}

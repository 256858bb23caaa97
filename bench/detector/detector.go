// Package detector measures what the deposit detector costs beyond decoding: its
// share of one core for a camera of 720p at ten frames a second.
package detector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/binside/binside/bench/station"
	"github.com/binside/binside/camera"
	"github.com/binside/binside/camera/simulate"
	"github.com/binside/binside/vision/codec"
	"github.com/binside/binside/vision/deposit"
)

// FPS is the frame rate that the share of a core is given for.
const FPS = simulate.FPS

// recordEvery is the time between two copies of the regions that the service
// keeps for its recordings; see server/pipeline.
const recordEvery = 200 * time.Millisecond

// Figures are what was measured.
type Figures struct {
	// CoreShare is the CPU time of the process a frame, garbage collection
	// included, over the time between two frames at FPS: what decoding and
	// detecting take more than decoding alone. DecodeShare is the latter's, by
	// turbojpeg. Both are of the same frames in the same run.
	CoreShare   float64 `json:"detector_core_share"`
	DecodeShare float64 `json:"decode_core_share"`
	// N is the number of frames, Regions of bins in each.
	N       int `json:"n"`
	Regions int `json:"regions"`
	Width   int `json:"width"`
	Height  int `json:"height"`
	// P50MS, P99MS and MaxMS are of the detecting thread's CPU time for one
	// frame, in milliseconds.
	P50MS float64 `json:"p50_ms"`
	P99MS float64 `json:"p99_ms"`
	MaxMS float64 `json:"max_ms"`
	// Events says that the detector had something to do.
	Events uint64 `json:"events"`
}

// shot is one frame as a camera sends it.
type shot struct {
	seq  uint64
	at   time.Time
	jpeg []byte
}

// Measure plays deposits of the demonstration station, each frame as a JPEG,
// first decoding them alone, then with the detector, recordings included.
func Measure(ctx context.Context, opt simulate.Options, deposits int) (*Figures, error) {
	shots, regions, err := film(ctx, opt, deposits)
	if err != nil {
		return nil, err
	}
	// A thread's clock is read before and after: the goroutine stays on it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	alone := meter{}
	if err := alone.play(ctx, shots); err != nil {
		return nil, err
	}
	d, err := deposit.New(deposit.DefaultConfig(), regions)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	m := meter{detector: d}
	if err := m.play(ctx, shots); err != nil {
		return nil, err
	}
	slices.Sort(m.detect)
	n := len(m.detect)
	ms := func(t time.Duration) float64 { return float64(t) / float64(time.Millisecond) }
	share := func(t time.Duration) float64 { return t.Seconds() / float64(n) * FPS }
	return &Figures{
		CoreShare: share(m.spent - alone.spent), DecodeShare: share(alone.spent), N: n, Regions: len(regions), Width: m.width, Height: m.height,
		P50MS: ms(m.detect[n/2]), P99MS: ms(m.detect[n*99/100]), MaxMS: ms(m.detect[n-1]), Events: d.Stats().Events,
	}, nil
}

// film renders the frames.
func film(ctx context.Context, opt simulate.Options, deposits int) (shots []shot, regions []deposit.Region, err error) {
	src, err := simulate.NewSource(opt, time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC), deposits)
	if err != nil {
		return nil, nil, err
	}
	regions = station.Regions(src.Station())
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	err = src.Stream(ctx, func(f camera.Frame) {
		jpeg, err := codec.EncodeJPEG(f.Image, 85)
		if err != nil {
			stop(err)
			return
		}
		shots = append(shots, shot{f.Seq, f.Time, jpeg})
	})
	if !errors.Is(err, io.EOF) {
		return nil, nil, errors.Join(err, context.Cause(ctx))
	}
	return shots, regions, nil
}

// meter plays frames and measures what that takes.
type meter struct {
	detector      *deposit.Detector // nil: decoding alone
	recorded      time.Time
	detect        []time.Duration // a frame
	spent         time.Duration   // of the whole process
	width, height int
}

func (m *meter) play(ctx context.Context, shots []shot) error {
	runtime.GC()
	begin := cpuTime(unix.CLOCK_PROCESS_CPUTIME_ID)
	for _, s := range shots {
		if err := ctx.Err(); err != nil {
			return err
		}
		img, _, err := codec.Decode(s.jpeg, codec.Limits{}, codec.Options{})
		if err != nil {
			return fmt.Errorf("detector: frame %d: %w", s.seq, err)
		}
		m.width, m.height = img.Width, img.Height
		if m.detector != nil {
			m.look(deposit.Frame{Seq: s.seq, Time: s.at, Image: img})
		}
	}
	m.spent = cpuTime(unix.CLOCK_PROCESS_CPUTIME_ID) - begin
	return nil
}

func (m *meter) look(f deposit.Frame) {
	begin := cpuTime(unix.CLOCK_THREAD_CPUTIME_ID)
	events := m.detector.Observe(f)
	if len(events)+len(m.detector.Misses()) > 0 || f.Time.Sub(m.recorded) >= recordEvery {
		m.detector.Looks(true)
		m.recorded = f.Time
	}
	m.detect = append(m.detect, cpuTime(unix.CLOCK_THREAD_CPUTIME_ID)-begin)
}

// cpuTime is the CPU time of the calling thread or of the process; see
// clock_gettime(2). Where neither clock is fine enough for one frame, the sums
// are right all the same.
func cpuTime(clock int32) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(clock, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

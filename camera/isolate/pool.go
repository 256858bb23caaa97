package isolate

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
)

// Errors of a Pool, beside the codec's.
var (
	// ErrBusy says that as many pictures wait for a decoder as may.
	ErrBusy = errors.New("isolate: too many pictures wait for a decoder")
	// ErrClosed says that the pool was closed.
	ErrClosed = errors.New("isolate: the decoders are closed")
)

// PoolOptions bound a Pool; zero values take the defaults.
type PoolOptions struct {
	// Program is what is started (default: the running program).
	Program string
	// Size is how many processes there are at most (default: one per processor).
	Size int
	// MaxWaiting is how many pictures may wait for one of them (default 64).
	MaxWaiting int
	// Timeout is after how long a decoder counts as hung (default 10 s; the
	// largest picture that is accepted takes half a second).
	Timeout    time.Duration
	Registerer prometheus.Registerer // nil: the pool's counts are shown nowhere
}

func (o PoolOptions) withDefaults() (PoolOptions, error) {
	if o.Size <= 0 {
		o.Size = runtime.GOMAXPROCS(0)
	}
	if o.MaxWaiting <= 0 {
		o.MaxWaiting = 64
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Program == "" {
		program, err := os.Executable()
		if err != nil {
			return o, fmt.Errorf("isolate: %w", err)
		}
		o.Program = program
	}
	return o, nil
}

// Pool is a codec.JPEGDecoder that decodes in processes of their own. Each is
// started when it is first needed, serves one picture at a time, and is replaced
// when it dies or hangs. A pool has no goroutine.
type Pool struct {
	opts PoolOptions
	// turns holds one for each process that may work, idle those that run and
	// have nothing to do.
	turns   chan struct{}
	idle    chan *process
	waiting atomic.Int64
	closing sync.Once
	closed  chan struct{}
	metrics poolMetrics
}

type poolMetrics struct {
	failures *prometheus.CounterVec
	shed     prometheus.Counter
	waiting  prometheus.GaugeFunc
}

func (m poolMetrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.failures, m.shed, m.waiting}
}

// NewPool returns a pool that runs no process yet. Close it.
func NewPool(o PoolOptions) (*Pool, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	p := &Pool{opts: o, turns: make(chan struct{}, o.Size), idle: make(chan *process, o.Size), closed: make(chan struct{})}
	p.metrics = poolMetrics{
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "binside_picture_decoder_failures_total", Help: "Processes that decode pushed pictures and had to be replaced, by reason: died, hung."}, []string{"reason"}),
		shed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "binside_picture_decoder_shed_total", Help: "Pictures that were refused because too many others waited for a decoder."}),
		waiting: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "binside_picture_decoder_waiting", Help: "Pictures that wait for a decoder."}, func() float64 { return float64(p.waiting.Load()) }),
	}
	for range o.Size {
		p.turns <- struct{}{}
	}
	if o.Registerer != nil {
		o.Registerer.MustRegister(p.metrics.all()...)
	}
	return p, nil
}

// DecodeJPEG implements codec.JPEGDecoder. A picture of which two processes in
// turn have died is refused as corrupt. Other errors: ErrBusy, ErrClosed, ctx's,
// and context.DeadlineExceeded where the decoder hung.
func (p *Pool) DecodeJPEG(ctx context.Context, data []byte, info codec.Info, denominator int, into *vision.Image) error {
	if err := p.turn(ctx); err != nil {
		return err
	}
	defer func() { p.turns <- struct{}{} }()
	for range 2 { // the first may have died before, of something else
		child, err := p.child()
		if err != nil {
			return err
		}
		err = p.ask(ctx, child, request{
			Bytes: uint32(len(data)), Width: uint32(info.Width), Height: uint32(info.Height), Denominator: uint32(denominator),
		}, data, into)
		var refusal *codec.Error
		if err == nil || errors.As(err, &refusal) || errors.Is(err, errOurs) {
			p.idle <- child
			return err
		}
		child.end()
		if !errors.Is(err, errDied) {
			return err
		}
		p.metrics.failures.WithLabelValues("died").Inc()
	}
	return &codec.Error{Reason: codec.ReasonCorrupt, Detail: "the decoder died of it, twice"}
}

// turn takes a turn, which must be given back.
func (p *Pool) turn(ctx context.Context) error {
	select {
	case <-p.closed:
		return ErrClosed
	case <-p.turns:
		return nil
	default:
	}
	defer p.waiting.Add(-1)
	if p.waiting.Add(1) > int64(p.opts.MaxWaiting) {
		p.metrics.shed.Inc()
		return ErrBusy
	}
	select {
	case <-p.closed:
		return ErrClosed
	case <-p.turns:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("isolate: waiting for a decoder: %w", ctx.Err())
	}
}

// child returns a process that has nothing to do, to who has a turn.
func (p *Pool) child() (*process, error) {
	select {
	case child := <-p.idle:
		return child, nil
	default:
		return launch(p.opts.Program, poolArgument, environment())
	}
}

// ask has one picture decoded. After another error than a refusal or errOurs the
// process is of no more use.
func (p *Pool) ask(ctx context.Context, child *process, r request, data []byte, into *vision.Image) error {
	bounded, cancel := context.WithTimeout(ctx, p.opts.Timeout)
	defer cancel()
	stop := context.AfterFunc(bounded, child.kill)
	err := child.decode(r, data, into)
	if stop() || err == nil { // what came whole is whole, though too late
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("isolate: decoding: %w", err)
	}
	p.metrics.failures.WithLabelValues("hung").Inc()
	return fmt.Errorf("isolate: the decoder did not end within %s: %w", p.opts.Timeout, context.DeadlineExceeded)
}

// Close waits for the pictures that are being decoded and ends the processes. It
// may be called again.
func (p *Pool) Close() error {
	p.closing.Do(func() {
		close(p.closed)
		for range p.opts.Size {
			<-p.turns
		}
		close(p.idle)
		for child := range p.idle {
			child.end()
		}
		if p.opts.Registerer != nil {
			for _, m := range p.metrics.all() {
				p.opts.Registerer.Unregister(m)
			}
		}
	})
	return nil
}

// request precedes a file's bytes. The answer is messageFrame and the picture's
// samples, or messageError, two bytes of length, a reason of the codec's (none
// where the fault is ours), a line feed, and the detail.
type request struct{ Bytes, Width, Height, Denominator uint32 }

// errOurs is a failure of a decoder that works and is kept.
var errOurs = errors.New("isolate: the decoder failed")

// refusals are what libjpeg's complaints become.
var refusals = []string{codec.ReasonTruncated, codec.ReasonCorrupt, codec.ReasonUnsupported}

// decode is the parent's half. The child is not trusted: it reads a stranger's
// file.
func (p *process) decode(r request, data []byte, into *vision.Image) error {
	if binary.Write(p.in, binary.LittleEndian, r) != nil {
		return errDied
	}
	if _, err := p.in.Write(data); err != nil {
		return errDied
	}
	kind, err := p.out.ReadByte()
	if err != nil {
		return errDied
	}
	switch kind {
	case messageFrame:
		if _, err := io.ReadFull(p.out, into.Pix); err != nil {
			return errDied
		}
		return nil
	case messageError:
		reason, detail, err := readError(p.out)
		switch {
		case err != nil:
			return err
		case reason == "":
			return fmt.Errorf("%w: %s", errOurs, detail)
		case slices.Contains(refusals, reason):
			return &codec.Error{Reason: reason, Detail: strings.ToValidUTF8(detail, "?")}
		}
	}
	return errDied
}

// servePictures is the child's half: it decodes until its standard input is
// closed because the parent is gone.
func servePictures(stdin io.Reader, stdout io.Writer) error {
	in, out := bufio.NewReaderSize(stdin, 1<<16), bufio.NewWriterSize(stdout, 1<<16)
	var data, pix []byte
	for {
		var r request
		if err := binary.Read(in, binary.LittleEndian, &r); err != nil {
			return nil //nolint:nilerr // the parent is gone
		}
		data = slices.Grow(data[:0], int(r.Bytes))[:r.Bytes]
		if _, err := io.ReadFull(in, data); err != nil {
			return nil //nolint:nilerr // as above
		}
		into := &vision.Image{Width: int((r.Width + r.Denominator - 1) / r.Denominator), Height: int((r.Height + r.Denominator - 1) / r.Denominator)}
		n := 3 * into.Width * into.Height
		pix = slices.Grow(pix[:0], n)[:n]
		into.Pix = pix
		// One that hangs is killed by the parent, if there still is one.
		hung := time.AfterFunc(time.Minute, func() { os.Exit(1) })
		err := codec.InProcess{}.DecodeJPEG(context.Background(), data, codec.Info{
			Format: codec.FormatJPEG, Width: int(r.Width), Height: int(r.Height),
		}, int(r.Denominator), into)
		hung.Stop()
		if writePicture(out, pix, err) != nil {
			return nil //nolint:nilerr // nobody reads any more
		}
	}
}

func writePicture(out *bufio.Writer, pix []byte, failed error) error {
	if failed == nil {
		_ = out.WriteByte(messageFrame) // Flush returns the error
		_, _ = out.Write(pix)           // as above
		return out.Flush()
	}
	var refusal *codec.Error
	if errors.As(failed, &refusal) {
		return writeError(out, refusal.Reason, refusal.Detail)
	}
	return writeError(out, "", failed.Error())
}

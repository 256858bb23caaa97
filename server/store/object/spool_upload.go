package object

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// upload is one worker: it uploads what waits longest until ctx ends.
func (s *Spool) upload(ctx context.Context) {
	for {
		e, gen := s.take(ctx)
		if e == nil {
			return
		}
		s.finish(ctx, e, gen, s.send(ctx, e.key))
	}
}

// take waits for an object that may be uploaded now and marks it busy; nil
// when ctx is done.
func (s *Spool) take(ctx context.Context) (*entry, uint64) {
	for {
		s.mu.Lock()
		now := time.Now()
		e, wait := s.ready(now)
		if e != nil && ctx.Err() == nil {
			e.busy = make(chan struct{})
			gen := e.gen
			s.mu.Unlock()
			return e, gen
		}
		changed := s.changed
		s.mu.Unlock()
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, 0
		case <-changed:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// ready returns the first entry that may go, or how long to wait; s.mu is
// held.
func (s *Spool) ready(now time.Time) (*entry, time.Duration) {
	wait := time.Hour
	if pause := s.health.until.Sub(now); pause > 0 {
		return nil, pause
	}
	for elem := s.order.Front(); elem != nil; elem = elem.Next() {
		e, ok := elem.Value.(*entry)
		if !ok || e.busy != nil {
			continue
		}
		pause := e.notUntil.Sub(now)
		if pause <= 0 {
			return e, 0
		}
		wait = min(wait, pause)
	}
	return nil, wait
}

// send uploads one object.
func (s *Spool) send(ctx context.Context, key string) error {
	head, data, err := s.read(fileName(key))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.UploadTimeout)
	defer cancel()
	return s.next.Put(ctx, key, data, head.ContentType)
}

// finish books an upload's result.
func (s *Spool) finish(ctx context.Context, e *entry, gen uint64, err error) {
	if err != nil && ctx.Err() != nil {
		err = ctx.Err() // closing is no failure of the store
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	close(e.busy)
	e.busy = nil
	switch {
	case e.removed:
		s.forget(e)
	case e.gen != gen:
		s.wake() // put again meanwhile: upload that one
	case err == nil:
		s.done(e)
	case (errors.Is(err, ErrCorrupt) || errors.Is(err, os.ErrNotExist)) && s.damaged(e):
		s.drop(e)
	case ctx.Err() == nil:
		s.failed(e, err)
	}
	if err == nil {
		s.recovered()
	}
}

// done removes an uploaded object; s.mu is held. Where the file cannot be
// removed it is uploaded again after the next start, which does no harm.
func (s *Spool) done(e *entry) {
	if err := s.root.Remove(fileName(e.key)); err != nil && !errors.Is(err, os.ErrNotExist) {
		s.opts.Logger.Warn("an uploaded object stays in the spool", "key", e.key, "error", err)
	}
	s.metrics.uploads.WithLabelValues("ok").Inc()
	s.drop(e)
}

func (s *Spool) drop(e *entry) {
	s.bytes -= e.size
	s.count--
	s.forget(e)
}

// damaged sets a file aside whose content is not what was put, or that is gone,
// and reports whether it was that (and not the server that said so).
func (s *Spool) damaged(e *entry) bool {
	_, _, err := s.read(fileName(e.key))
	if !errors.Is(err, ErrCorrupt) && !errors.Is(err, os.ErrNotExist) {
		return false
	}
	s.metrics.uploads.WithLabelValues("damaged").Inc()
	if err := s.setAside(fileName(e.key), err); err != nil {
		s.opts.Logger.Error("a damaged object cannot be set aside", "key", e.key, "error", err)
	}
	return true
}

// failed plans the next try. Only a store that is unavailable stops the
// others; what is wrong with one object is that object's matter. s.mu is held.
func (s *Spool) failed(e *entry, err error) {
	now := time.Now()
	s.metrics.uploads.WithLabelValues("failed").Inc()
	e.attempts++
	e.notUntil = now.Add(s.backoff(e.attempts))
	s.order.MoveToBack(e.elem)
	s.health.last = err
	if !errors.Is(err, ErrUnavailable) {
		s.opts.Logger.Warn("an object cannot be uploaded", "key", e.key, "attempts", e.attempts, "error", err)
		return
	}
	e.notUntil = time.Time{} // not its fault
	if now.Before(s.health.until) {
		return // another worker has met the same failure
	}
	if s.health.failures == 0 {
		s.opts.Logger.Warn("the object store does not answer; objects wait in the spool", "waiting", len(s.entries), "error", err)
	}
	s.health.failures++
	s.health.until = now.Add(s.backoff(s.health.failures))
}

// recovered ends a failure; s.mu is held.
func (s *Spool) recovered() {
	if s.health.failures > 0 || s.health.probeBad {
		s.opts.Logger.Info("the object store answers again", "waiting", len(s.entries))
		s.health = health{}
		s.wake()
	}
}

// backoff is a random 50 to 100% of MinBackoff·2^(n-1), at most MaxBackoff.
func (s *Spool) backoff(n int) time.Duration {
	d := s.opts.MinBackoff << min(n-1, 20)
	if d <= 0 || d > s.opts.MaxBackoff {
		d = s.opts.MaxBackoff
	}
	return d/2 + rand.N(d/2+1) //nolint:gosec // a pause is no secret
}

// probe asks an idle store now and then whether it answers, so that readiness
// knows before there is something to upload.
func (s *Spool) probe(ctx context.Context) {
	tick := time.NewTicker(s.opts.ProbeEvery)
	defer tick.Stop()
	for {
		if s.Pending().Objects == 0 {
			call, cancel := context.WithTimeout(ctx, s.opts.UploadTimeout)
			_, err := s.next.Stat(call, "probe")
			cancel()
			if ctx.Err() != nil {
				return
			}
			s.probed(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *Spool) probed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil || errors.Is(err, ErrNotFound) {
		s.recovered()
		return
	}
	if !s.health.probeBad {
		s.opts.Logger.Warn("the object store does not answer", "error", err)
	}
	s.health.probeBad, s.health.last = true, err
}

type spoolMetrics struct {
	uploads *prometheus.CounterVec
	refused prometheus.Counter
	all     []prometheus.Collector
}

func newSpoolMetrics(reg prometheus.Registerer, s *Spool) (spoolMetrics, error) {
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	m := spoolMetrics{
		uploads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "binside_spool_uploads_total", Help: "Uploads of spooled objects by result: ok, failed, damaged.",
		}, []string{"result"}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "binside_spool_refused_total", Help: "Objects that the full spool refused.",
		}),
	}
	m.all = []prometheus.Collector{
		m.uploads, m.refused,
		gauge("binside_spool_objects", "Objects that wait for the object store.", func() float64 { return float64(s.Pending().Objects) }),
		gauge("binside_spool_bytes", "Bytes that wait for the object store.", func() float64 { return float64(s.Pending().Bytes) }),
		gauge("binside_spool_degraded", "1 where the object store does not answer.", func() float64 {
			if s.Degraded() {
				return 1
			}
			return 0
		}),
	}
	if reg == nil {
		return m, nil
	}
	for n, c := range m.all {
		if err := reg.Register(c); err != nil {
			m.all = m.all[:n]
			m.unregister(reg)
			return m, fmt.Errorf("metrics: %w", err)
		}
	}
	return m, nil
}

func (m spoolMetrics) unregister(reg prometheus.Registerer) {
	if reg == nil {
		return
	}
	for _, c := range m.all {
		reg.Unregister(c)
	}
}

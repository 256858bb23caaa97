// Package notify tells the parts of this process that an inspection was
// stored: live streams get every one, and who pushed a deposit waits for its
// own.
//
// It never blocks the publisher and never keeps history: a reader that is too
// slow is told to resynchronise from the store and how many it has missed.
// Inspections are shared by all readers, who must not change them.
package notify

import (
	"context"
	"errors"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/binside/binside/server/inspection"
)

var (
	// ErrClosed says that the hub was closed.
	ErrClosed = errors.New("notify: closed")
	// ErrTooMany says that as many readers are subscribed as may be.
	ErrTooMany = errors.New("notify: too many subscribers")
)

// Options bound a hub; zero values take the defaults.
type Options struct {
	Buffer         int // inspections that wait for one reader (default 64)
	MaxSubscribers int // default 1000
	Registerer     prometheus.Registerer
}

// Hub fans stored inspections out. Its methods may be called from any
// goroutine; it has no goroutine of its own.
type Hub struct {
	buffer, max int

	mu      sync.Mutex
	closed  bool
	subs    map[*Subscription]struct{}
	waiters map[string]map[*Waiter]struct{}

	published, dropped, resyncs prometheus.Counter
}

// New makes a hub.
func New(o Options) *Hub {
	if o.Buffer <= 0 {
		o.Buffer = 64
	}
	if o.MaxSubscribers <= 0 {
		o.MaxSubscribers = 1000
	}
	h := &Hub{
		buffer: o.Buffer, max: o.MaxSubscribers,
		subs:    make(map[*Subscription]struct{}),
		waiters: make(map[string]map[*Waiter]struct{}),
		published: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "binside_notify_published_total", Help: "Stored inspections announced to this process's readers."}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "binside_notify_dropped_total", Help: "Announcements that a slow reader missed."}),
		resyncs: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "binside_notify_resyncs_total", Help: "Times that a slow reader was told to resynchronise."}),
	}
	if o.Registerer != nil {
		o.Registerer.MustRegister(h.published, h.dropped, h.resyncs,
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "binside_notify_subscribers", Help: "Live streams that are open.",
			}, func() float64 { return float64(h.Subscribers()) }))
	}
	return h
}

// Subscribers is how many subscriptions are open.
func (h *Hub) Subscribers() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.subs)
}

// Publish announces a stored inspection to every reader that wants it and to
// everybody who waits for it. It never blocks. The inspection must not be
// changed afterwards.
func (h *Hub) Publish(i *inspection.Inspection) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	h.published.Inc()
	for s := range h.subs {
		if s.keep == nil || s.keep(i) {
			s.offer(i)
		}
	}
	for w := range h.waiters[i.ID] {
		w.done <- i // has room for one, and the waiter leaves the table here
	}
	delete(h.waiters, i.ID)
}

// Close ends every subscription and every wait. It may be called again.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	h.closed = true
	for s := range h.subs {
		close(s.events)
	}
	for _, ws := range h.waiters {
		for w := range ws {
			close(w.done)
		}
	}
	clear(h.subs)
	clear(h.waiters)
}

// Event is what a reader gets: an inspection, or the word that it has been too
// slow and must read the store again (Inspection is nil then).
type Event struct {
	Inspection *inspection.Inspection
	Resync     bool
}

// Subscription is one reader.
type Subscription struct {
	hub  *Hub
	keep func(*inspection.Inspection) bool
	stop func() bool

	// Guarded by hub.mu. One place of events is reserved for the resync.
	events  chan Event
	lagging bool
	missed  uint64
}

// Subscribe opens a stream of the inspections that keep selects (nil: all),
// from now on, in the order of their announcement. keep runs under the hub's
// lock: it must be quick and must not call the hub. The subscription ends
// when ctx does, by its Close, or with the hub.
func (h *Hub) Subscribe(ctx context.Context, keep func(*inspection.Inspection) bool) (*Subscription, error) {
	s := &Subscription{hub: h, keep: keep, events: make(chan Event, h.buffer+1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, ErrClosed
	}
	if len(h.subs) >= h.max {
		return nil, ErrTooMany
	}
	h.subs[s] = struct{}{}
	s.stop = context.AfterFunc(ctx, s.leave)
	return s, nil
}

// Events is the stream; it is closed when the subscription ends.
func (s *Subscription) Events() <-chan Event { return s.events }

// Missed is how many inspections were dropped so far because the reader was
// too slow.
func (s *Subscription) Missed() uint64 {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	return s.missed
}

// Close ends the subscription. It may be called again and after the hub's end.
func (s *Subscription) Close() {
	s.stop()
	s.leave()
}

func (s *Subscription) leave() {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	if _, open := s.hub.subs[s]; open {
		delete(s.hub.subs, s)
		close(s.events)
	}
}

// offer queues an inspection for the reader, under the hub's lock. The reader
// that has no room left is told to resynchronise, in the reserved place, and
// gets nothing more before it has read that word: whatever happened until
// then it finds in the store.
func (s *Subscription) offer(i *inspection.Inspection) {
	if s.lagging && len(s.events) == 0 {
		s.lagging = false
	}
	switch {
	case s.lagging:
	case len(s.events) < cap(s.events)-1:
		s.events <- Event{Inspection: i}
		return
	default:
		s.lagging = true
		s.events <- Event{Resync: true}
		s.hub.resyncs.Inc()
	}
	s.missed++
	s.hub.dropped.Inc()
}

// Waiter waits for one deposit's inspection.
type Waiter struct {
	hub  *Hub
	id   string
	done chan *inspection.Inspection
}

// Wait registers for the inspection of a deposit. Call it before the deposit
// is published, so that the announcement cannot be missed, and always call
// Cancel in the end.
func (h *Hub) Wait(depositID string) *Waiter {
	w := &Waiter{hub: h, id: depositID, done: make(chan *inspection.Inspection, 1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		close(w.done)
		return w
	}
	if h.waiters[depositID] == nil {
		h.waiters[depositID] = make(map[*Waiter]struct{}, 1)
	}
	h.waiters[depositID][w] = struct{}{}
	return w
}

// Done delivers the inspection once; it is closed without one when the hub
// closes.
func (w *Waiter) Done() <-chan *inspection.Inspection { return w.done }

// Await waits for the inspection until ctx ends (its error) or the hub closes
// (ErrClosed).
func (w *Waiter) Await(ctx context.Context) (*inspection.Inspection, error) {
	select {
	case i, ok := <-w.done:
		if !ok {
			return nil, ErrClosed
		}
		return i, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Cancel forgets the wait. It may be called at any time and again.
func (w *Waiter) Cancel() {
	w.hub.mu.Lock()
	defer w.hub.mu.Unlock()
	ws := w.hub.waiters[w.id]
	delete(ws, w)
	if len(ws) == 0 {
		delete(w.hub.waiters, w.id)
	}
}

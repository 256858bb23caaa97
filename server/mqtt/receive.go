package mqtt

import (
	"context"
	"errors"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"golang.org/x/time/rate"

	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/pipeline"
)

// receive sorts a pushed message. It is called by the client's reader and never
// waits.
func (s *Service) receive(m paho.Message) {
	p, ok := parsePush(m.Topic())
	// What was retained was delivered when it came.
	if !ok || m.Retained() || len(m.Payload()) == 0 {
		m.Ack()
		return
	}
	switch p.kind {
	case kindFrame:
		for range s.frames.put(m) {
			s.metrics.received.WithLabelValues(kindFrame, dropped).Inc()
		}
	case kindDeposit:
		s.offer(s.deposits, p.kind, m)
	default:
		s.offer(s.words, p.kind, m)
	}
}

// offer queues a message; one that is turned away is delivered again where the
// device asked for that quality of service.
func (s *Service) offer(to chan<- paho.Message, kind string, m paho.Message) {
	select {
	case to <- m:
	default:
		s.metrics.received.WithLabelValues(kind, dropped).Inc()
	}
}

// takeTimeout bounds the work on one message.
const takeTimeout = 15 * time.Second

func (s *Service) takeDeposits(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-s.deposits:
			s.take(ctx, m)
		}
	}
}

func (s *Service) takeWords(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-s.words:
			s.take(ctx, m)
		}
	}
}

func (s *Service) lookAtFrames(ctx context.Context) {
	for {
		m, ok := s.frames.next(ctx)
		if !ok {
			return
		}
		s.take(ctx, m)
	}
}

// take works on one message and acknowledges it, unless the fault is ours: then
// it is delivered again.
func (s *Service) take(ctx context.Context, m paho.Message) {
	// What has begun is finished even where the service stops.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), takeTimeout)
	defer cancel()
	p, _ := parsePush(m.Topic())
	err := s.carry(ctx, p, m.Payload())
	outcome := taken
	switch {
	case err == nil:
	case errors.Is(err, pipeline.ErrCameraBusy):
		outcome = busy
	case api.ProblemOf(err).Retryable() && m.Qos() > 0:
		s.deps.Logger.Warn("MQTT: a message will be delivered again", "topic", m.Topic(), "error", err)
		s.metrics.received.WithLabelValues(p.kind, retried).Inc()
		return
	default:
		outcome = refused
		s.answer(ctx, m.Topic(), err)
	}
	s.metrics.received.WithLabelValues(p.kind, outcome).Inc()
	m.Ack()
}

func (s *Service) carry(ctx context.Context, p pushed, payload []byte) error {
	switch p.kind {
	case kindFrame:
		return s.deps.BinSide.TakeFrame(ctx, p.station, p.thing, payload)
	case kindDeposit:
		return s.deps.BinSide.TakeDeposit(ctx, p.station, p.thing, p.key, payload)
	case kindCorrection:
		c, err := decodeCorrection(payload)
		if err != nil {
			return err
		}
		return s.deps.BinSide.Answer(ctx, p.station, c.InspectionID, c.Outcome)
	default:
		w, err := decodeShown(payload)
		if err != nil {
			return err
		}
		return s.deps.BinSide.Shown(ctx, p.station, w.InspectionID)
	}
}

// answer tells the device what was wrong, but not at the pace of a broken one.
func (s *Service) answer(ctx context.Context, topic string, err error) {
	fresh := rate.NewLimiter(1, 5)
	limit, known, _ := s.answered.PeekOrAdd(topic, fresh)
	if !known {
		limit = fresh
	}
	if limit.Allow() {
		s.publish(ctx, "problem", errorTopic(topic), 0, false, api.ProblemOf(err))
	}
}

// frames holds the latest frame of each topic that nobody has looked at yet: a
// camera that sends faster than it is looked at loses its own frames only.
type frames struct {
	mu     sync.Mutex
	latest map[string]paho.Message
	// order is in which the topics came.
	order []string
	// more has room for a word to each of the two readers.
	more chan struct{}
}

func newFrames() *frames {
	return &frames{latest: make(map[string]paho.Message), more: make(chan struct{}, 2)}
}

// put keeps a frame and returns how many were dropped for it.
func (f *frames) put(m paho.Message) (lost int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	topic := m.Topic()
	if _, waits := f.latest[topic]; waits {
		f.latest[topic] = m
		return 1
	}
	if len(f.order) >= frameRoom {
		return 1
	}
	f.latest[topic] = m
	f.order = append(f.order, topic)
	select {
	case f.more <- struct{}{}:
	default:
	}
	return 0
}

// frameRoom bounds the topics, which a device may invent.
const frameRoom = 256

// next waits for a frame until ctx ends.
func (f *frames) next(ctx context.Context) (paho.Message, bool) {
	for {
		f.mu.Lock()
		if len(f.order) > 0 {
			topic := f.order[0]
			f.order = f.order[1:]
			m := f.latest[topic]
			delete(f.latest, topic)
			f.mu.Unlock()
			return m, true
		}
		f.mu.Unlock()
		select {
		case <-f.more:
		case <-ctx.Done():
			return nil, false
		}
	}
}

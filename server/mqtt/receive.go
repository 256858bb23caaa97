package mqtt

import (
	"context"
	"errors"
	"net/http"
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
	if token, ok := parseStatus(m.Topic()); ok {
		s.gate.said(token, m.Payload())
		m.Ack()
		return
	}
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
		if m.Qos() == 0 || s.held.add(m.MessageID()) {
			s.offer(s.deposits, p.kind, m)
		}
	default:
		s.offer(s.words, p.kind, m)
	}
}

// maxWord is the length in bytes of the longest message but for pictures. The
// door holds devices to it.
const maxWord = 64 << 10

// offer queues a message or, for one of quality of service 0, turns it away: for
// the others there is room.
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

// take works on one message and acknowledges it. Where the fault is ours it tries
// again until the service stops; what is not acknowledged by then is delivered
// again at the next start.
func (s *Service) take(ctx context.Context, m paho.Message) {
	p, _ := parsePush(m.Topic())
	outcome := taken
	pause := retryPause
	for try := 1; ; try++ {
		err := s.once(ctx, p, m.Payload())
		if err == nil {
			break
		}
		if errors.Is(err, pipeline.ErrCameraBusy) {
			outcome = busy
			break
		}
		if m.Qos() == 0 || !api.ProblemOf(err).Retryable() || try == maxTries && itsOwn(err) {
			outcome = refused
			s.answer(ctx, m.Topic(), err)
			break
		}
		s.deps.Logger.Warn("MQTT: a message could not be taken and will be tried again", "topic", m.Topic(), "error", err, "pause", pause)
		s.metrics.received.WithLabelValues(p.kind, retried).Inc()
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, maxRetryPause)
	}
	s.metrics.received.WithLabelValues(p.kind, outcome).Inc()
	m.Ack()
	s.held.remove(m.MessageID())
}

const (
	retryPause    = 200 * time.Millisecond
	maxRetryPause = 5 * time.Second
	// maxTries is how often a message is tried that may itself be what fails.
	maxTries = 5
)

// itsOwn reports whether an error of ours may be the message's doing, which no
// waiting mends: a full queue or a database that is away are not.
func itsOwn(err error) bool {
	return errors.Is(err, pipeline.ErrRedaction) || errors.Is(err, context.DeadlineExceeded) || api.ProblemOf(err).Status == http.StatusInternalServerError
}

// once tries to hand a message on. What has begun is finished even where the
// service stops.
func (s *Service) once(ctx context.Context, p pushed, payload []byte) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), takeTimeout)
	defer cancel()
	return s.carry(ctx, p, payload)
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

// held are the packet identifiers of the messages that are in hand: the server
// delivers one again that was not acknowledged for a while.
type held struct {
	mu  sync.Mutex
	ids map[uint16]bool
}

// add is false where the message is in hand already.
func (h *held) add(id uint16) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ids[id] {
		return false
	}
	if h.ids == nil {
		h.ids = make(map[uint16]bool)
	}
	h.ids[id] = true
	return true
}

func (h *held) remove(id uint16) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.ids, id)
}

// clear forgets all, for identifiers belong to a connection.
func (h *held) clear() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.ids)
}

// frames holds the latest frame of each topic that nobody has looked at yet: a
// camera that sends faster than it is looked at loses its own frames only.
type frames struct {
	mu     sync.Mutex
	latest map[string]paho.Message
	bytes  int // of all of them
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
	old, waits := f.latest[topic]
	size := len(m.Payload())
	if waits {
		size -= len(old.Payload())
	}
	if f.bytes+size > frameBytes || !waits && len(f.order) >= frameRoom {
		return 1
	}
	f.latest[topic] = m
	f.bytes += size
	if waits {
		return 1
	}
	f.order = append(f.order, topic)
	select {
	case f.more <- struct{}{}:
	default:
	}
	return 0
}

// frameRoom bounds the topics, which a device may invent, frameBytes what waits
// of all of them.
const (
	frameRoom  = 256
	frameBytes = 128 << 20
)

// next waits for a frame until ctx ends.
func (f *frames) next(ctx context.Context) (paho.Message, bool) {
	for {
		f.mu.Lock()
		if len(f.order) > 0 {
			topic := f.order[0]
			f.order = f.order[1:]
			m := f.latest[topic]
			delete(f.latest, topic)
			f.bytes -= len(m.Payload())
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

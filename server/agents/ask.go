package agents

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/binside/binside/server/relay"
	"github.com/binside/binside/server/store"
)

var (
	// ErrAway says that a station's agent did not reply in time.
	ErrAway = errors.New("agents: the station's agent does not answer")
	// ErrBusy says that as many questions wait for a station's agent as may.
	ErrBusy = errors.New("agents: the station's agent is asked too much at once")
	// ErrReply says that an agent's reply is not what was asked for.
	ErrReply = errors.New("agents: the station's agent gave no usable answer")
)

const (
	// maxAsked bounds the questions that are open for one station.
	maxAsked = 8
	// takeWithin is how long a question waits until the agent takes it, and
	// replyWithin until it has replied.
	takeWithin  = 4 * time.Second
	replyWithin = 12 * time.Second
)

// desk is where a station's agent and those who ask it meet.
type desk struct {
	// calls counts the agent's, of which the latest one is served: an earlier
	// one may hang on a connection that is dead.
	calls   uint64
	renew   bool
	open    []*asked
	changed chan struct{} // closed when there may be something for the agent
}

type asked struct {
	question relay.Question
	taken    chan struct{} // closed when the agent has it
	isTaken  bool
	reply    chan relay.Reply
}

// desks are those of all stations whose agents have called.
type desks struct {
	mu sync.Mutex
	at map[string]*desk
}

// of returns a station's desk; ds.mu is held.
func (ds *desks) of(stationID string) *desk {
	d := ds.at[stationID]
	if d == nil {
		d = &desk{changed: make(chan struct{})}
		ds.at[stationID] = d
	}
	return d
}

func (d *desk) wake() {
	close(d.changed)
	d.changed = make(chan struct{})
}

func (d *desk) remove(a *asked) {
	d.open = slices.DeleteFunc(d.open, func(o *asked) bool { return o == a })
}

// Ask puts a question to a station's agent and waits for its reply; the
// question's ID is filled in. Errors: ErrAway, ErrBusy, and ctx's.
func (s *Service) Ask(ctx context.Context, stationID string, q relay.Question) (relay.Reply, error) {
	reply, err := s.ask(ctx, stationID, q)
	outcome := "answered"
	switch {
	case errors.Is(err, ErrAway):
		outcome = "away"
	case errors.Is(err, ErrBusy):
		outcome = "busy"
	case err != nil:
		outcome = "given-up"
	}
	s.asked.WithLabelValues(outcome).Inc()
	return reply, err
}

func (s *Service) ask(ctx context.Context, stationID string, q relay.Question) (relay.Reply, error) {
	q.ID = rand.Text()
	a := &asked{question: q, taken: make(chan struct{}), reply: make(chan relay.Reply, 1)}
	s.desks.mu.Lock()
	d := s.desks.of(stationID)
	if len(d.open) >= maxAsked {
		s.desks.mu.Unlock()
		return relay.Reply{}, ErrBusy
	}
	d.open = append(d.open, a)
	d.wake()
	s.desks.mu.Unlock()
	defer func() {
		s.desks.mu.Lock()
		defer s.desks.mu.Unlock()
		d.remove(a)
	}()
	late := time.NewTimer(replyWithin)
	defer late.Stop()
	take := time.NewTimer(takeWithin)
	defer take.Stop()
	taken := a.taken
	for {
		select {
		case r := <-a.reply:
			return r, nil
		case <-taken:
			take.Stop()
			taken = nil
		case <-take.C:
			return relay.Reply{}, fmt.Errorf("%w: it has not called within %s", ErrAway, takeWithin)
		case <-late.C:
			return relay.Reply{}, fmt.Errorf("%w: it has not replied within %s", ErrAway, replyWithin)
		case <-ctx.Done():
			return relay.Reply{}, ctx.Err()
		}
	}
}

// Renew tells a station's agent that its bundle may have changed. It asks every
// now and then anyway.
func (s *Service) Renew(stationID string) {
	s.desks.mu.Lock()
	defer s.desks.mu.Unlock()
	if d := s.desks.at[stationID]; d != nil {
		d.renew = true
		d.wake()
	}
}

// Next returns what there is for a station's agent; nothing when ctx ends first
// or the agent calls again.
func (s *Service) Next(ctx context.Context, stationID string) relay.Call {
	s.desks.mu.Lock()
	defer s.desks.mu.Unlock()
	d := s.desks.of(stationID)
	d.calls++
	mine := d.calls
	d.wake()
	for ctx.Err() == nil && d.calls == mine {
		if c, ok := d.next(); ok {
			return c
		}
		changed := d.changed
		s.desks.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		s.desks.mu.Lock()
	}
	return relay.Call{}
}

// next takes what waits: one question, and whether the bundle has changed.
func (d *desk) next() (c relay.Call, ok bool) {
	c.Renew, d.renew = d.renew, false
	for _, a := range d.open {
		if !a.isTaken {
			a.isTaken = true
			close(a.taken)
			c.Question = &a.question
			break
		}
	}
	return c, c.Renew || c.Question != nil
}

// Reply takes an agent's reply; store.ErrNotFound where nobody waits for it any
// more.
func (s *Service) Reply(stationID string, r relay.Reply) error {
	s.desks.mu.Lock()
	defer s.desks.mu.Unlock()
	if d := s.desks.at[stationID]; d != nil {
		for _, a := range d.open {
			if a.question.ID == r.QuestionID && a.isTaken {
				a.reply <- r
				d.remove(a)
				return nil
			}
		}
	}
	return fmt.Errorf("%w: nobody waits for this reply", store.ErrNotFound)
}

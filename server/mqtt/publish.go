package mqtt

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/pipeline"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store"
)

// stations is what is known of the stations between two beats.
type stations struct {
	// last is the state that was published last.
	last map[string]State
	// seen is what the last look saw.
	seen map[string]*place
	// due are the stations whose state is to be published.
	due map[string]bool
}

// place is what can change about a station beside its prompts.
type place struct {
	// changed is when the station or one of its bins was.
	changed time.Time
	cameras []station.Camera
	silent  []pipeline.SilentBin
}

func (p *place) same(q *place) bool {
	return q != nil && p.changed.Equal(q.changed) && slices.EqualFunc(p.silent, q.silent, pipeline.SilentBin.Equal)
}

// always is a channel that can be received from at any time.
var always = func() <-chan struct{} { c := make(chan struct{}); close(c); return c }()

// run tells devices what happens until ctx ends.
func (s *Service) run(ctx context.Context, changes <-chan *inspection.Inspection) {
	s.stations = stations{last: make(map[string]State), due: make(map[string]bool)}
	beat, look := time.NewTicker(s.cfg.Beat), time.NewTicker(s.cfg.Look)
	defer beat.Stop()
	defer look.Stop()
	s.beat(ctx)
	for {
		// One state a round, so that a prompt never waits for all of a city.
		var next <-chan struct{}
		if len(s.stations.due) > 0 {
			next = always
		}
		select {
		case <-ctx.Done():
			return
		case e, ok := <-s.sub.Events():
			if !ok {
				return
			}
			if e.Inspection == nil {
				s.beat(ctx) // too much at once: whatever was missed is in the states
			} else {
				s.stored(ctx, e.Inspection)
			}
		case i := <-changes:
			s.prompt(ctx, i)
		case <-look.C:
			s.look(ctx)
		case <-beat.C:
			s.beat(ctx)
		case <-next:
			s.oneState(ctx)
		}
	}
}

// stored passes on what became of a deposit.
func (s *Service) stored(ctx context.Context, i *inspection.Inspection) {
	if i.Relay != nil {
		return // the station's agent has told them
	}
	if i.Prompt != nil {
		s.prompt(ctx, i)
	} else if t, ok := s.deps.BinSide.ThanksFor(ctx, i); ok {
		s.publish(ctx, "thanks", thanksTopic(i.StationID), 0, false, t)
	}
}

func (s *Service) prompt(ctx context.Context, i *inspection.Inspection) {
	if i.Relay != nil || i.Prompt == nil || i.Prompt.State == inspection.PromptWithheld {
		return
	}
	st, ok := s.stations.last[i.StationID]
	if !ok {
		screen, err := s.screen(ctx, i.StationID)
		if err != nil {
			s.deps.Logger.Warn("MQTT: a prompt was not published", "deposit", i.ID, "error", err)
			return
		}
		st.Screen = screen
	}
	s.publish(ctx, "prompt", promptsTopic(i.StationID), 1, false, s.deps.BinSide.Prompt(i, st.Bins))
	s.state(ctx, i.StationID)
}

func (s *Service) screen(ctx context.Context, stationID string) (api.Screen, error) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	return s.deps.BinSide.Screen(ctx, stationID)
}

// oneState publishes the state of one station that is due.
func (s *Service) oneState(ctx context.Context) {
	for id := range s.stations.due {
		s.state(ctx, id)
		return
	}
}

// state publishes a station's state. One that could not be published waits for
// the next beat.
func (s *Service) state(ctx context.Context, stationID string) {
	delete(s.stations.due, stationID)
	screen, err := s.screen(ctx, stationID)
	if err != nil {
		if ctx.Err() == nil {
			s.deps.Logger.Warn("MQTT: a station's state was not published", "station", stationID, "error", err)
		}
		return
	}
	state := newState(screen, s.cfg.Life)
	s.stations.last[stationID] = state
	// At most once: it is retained and repeated, and of what a device that is away
	// subscribed to at quality 1 the server would keep every one.
	s.publish(ctx, "state", stateTopic(stationID), 0, true, state)
}

// beat makes every station's state due.
func (s *Service) beat(ctx context.Context) {
	s.look(ctx)
	for id := range s.stations.seen {
		s.stations.due[id] = true
	}
}

// look makes the states due that have changed in another way than by a prompt:
// of stations that were added or changed, or whose cameras have begun or ceased
// to be believed.
func (s *Service) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*checkTimeout)
	defer cancel()
	now, err := s.places(ctx)
	if err != nil {
		if ctx.Err() == nil {
			s.deps.Logger.Warn("MQTT: stations' states were not looked at", "error", err)
		}
		return
	}
	for id, place := range now {
		if !place.same(s.stations.seen[id]) {
			s.stations.due[id] = true
		}
	}
	s.stations.seen = now
}

// places are all stations as they are.
func (s *Service) places(ctx context.Context) (map[string]*place, error) {
	out := make(map[string]*place)
	if err := each(ctx, s.deps.Store.ListStations, func(st station.Station) {
		out[st.ID] = &place{changed: st.UpdatedAt}
	}); err != nil {
		return nil, fmt.Errorf("mqtt: stations: %w", err)
	}
	if err := each(ctx, s.deps.Store.ListBins, func(b station.Bin) {
		if p := out[b.StationID]; p != nil && b.UpdatedAt.After(p.changed) {
			p.changed = b.UpdatedAt
		}
	}); err != nil {
		return nil, fmt.Errorf("mqtt: bins: %w", err)
	}
	if err := each(ctx, s.deps.Store.ListCameras, func(c station.Camera) {
		if p := out[c.StationID]; p != nil {
			p.cameras = append(p.cameras, c)
		}
	}); err != nil {
		return nil, fmt.Errorf("mqtt: cameras: %w", err)
	}
	states := s.deps.Cameras.States()
	for _, p := range out {
		p.silent, p.cameras = pipeline.SilentBins(p.cameras, states), nil
	}
	return out, nil
}

// each reads a list to its end.
func each[T any](ctx context.Context, list func(context.Context, store.PlaceFilter) ([]T, string, error), do func(T)) error {
	for f := (store.PlaceFilter{Limit: store.MaxPage}); ; {
		page, next, err := list(ctx, f)
		if err != nil {
			return err
		}
		for i := range page {
			do(page[i])
		}
		if f.After = next; next == "" {
			return nil
		}
	}
}

// sayGoodbye leaves every station's state as offline.
func (s *Service) sayGoodbye(ctx context.Context) {
	now := time.Now()
	for id, state := range s.stations.last {
		if !s.publish(ctx, "state", stateTopic(id), 1, true, state.offline(now)) {
			return // the others' states say themselves until when they hold
		}
	}
}

// publish sends one message and waits until the server has it; false: it may not
// have it. Whatever goes wrong is counted and logged.
func (s *Service) publish(ctx context.Context, kind, topic string, qos byte, retained bool, payload any) bool {
	data, err := json.Marshal(payload)
	if err == nil {
		token := s.own.Publish(topic, qos, retained, data)
		timer := time.NewTimer(apiTimeout)
		defer timer.Stop()
		select {
		case <-token.Done():
			err = token.Error()
		case <-timer.C:
			err = errNoAnswer
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if err != nil {
		s.metrics.published.WithLabelValues(kind, "failed").Inc()
		s.deps.Logger.Warn("MQTT: a message was not published", "topic", topic, "error", err)
		return false
	}
	s.metrics.published.WithLabelValues(kind, "sent").Inc()
	return true
}

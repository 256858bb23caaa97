package api

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/notify"
	"github.com/binside/binside/server/pipeline"
)

// lookEvery is how often a screen's stream looks whether the cameras can be
// believed, and whether its credential holds.
const lookEvery = checkEvery

// How old an outcome may be that is told after a break: thanks are for whoever
// still stands there, a receipt is on the screen for so long.
const (
	thanksLate  = 10 * time.Second
	receiptLate = 45 * time.Second
)

func (s *Server) registerScreenEvents() {
	s.handlePlain(route{
		method: http.MethodGet, path: base + "/stations/{id}/screen/events", id: "screen-events", tag: "bin side", action: auth.Show,
		summary: "Live stream for the screen at a station's bins",
		about: "Server-sent events. `screen` carries a Screen: the whole state, at the beginning, after every reconnection and whenever it changes " +
			"otherwise. `prompt` carries a ScreenPrompt that was opened or has ended, `thanks` a Thanks. An event's id is the server's time in microseconds: " +
			"who resumes by it is told as well what has ended meanwhile, thanks and corrections of the last 10 seconds and receipts of the last 45.",
	}, func(op *huma.Operation) {
		op.Parameters = []*huma.Param{pathParam("id", "The station"), headerParam("Last-Event-ID", "Resume after this event")}
		op.Responses["200"] = &huma.Response{Description: "The stream", Content: map[string]*huma.MediaType{
			"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}, Extensions: map[string]any{
				"x-events": map[string]any{"screen": s.schema(Screen{}), "prompt": s.schema(ScreenPrompt{}), "thanks": s.schema(Thanks{})},
			}},
		}}
	}, s.serveScreenEvents)
}

func (s *Server) serveScreenEvents(c *fiber.Ctx) error {
	id := c.Params("id")
	if err := hidden(c.UserContext(), auth.Show, auth.Resource{StationID: id}); err != nil {
		return err
	}
	if _, err := s.Store.GetStation(c.UserContext(), id); err != nil {
		return err
	}
	var after time.Time
	if id := c.Get("Last-Event-ID"); id != "" {
		micros, err := strconv.ParseInt(id, 10, 64)
		if err != nil || micros < 0 {
			return invalid("header.Last-Event-ID", "the id of an event is expected")
		}
		after = time.UnixMicro(micros)
	}
	return s.stream(c, func(ctx context.Context) (func(context.Context, *sse) error, error) {
		sub, err := s.Hub.Subscribe(ctx, func(i *inspection.Inspection) bool { return i.StationID == id })
		if err != nil {
			return nil, err
		}
		changes, leave := s.Changes.Subscribe()
		return func(ctx context.Context, out *sse) error {
			defer leave()
			defer sub.Close()
			return (&screenStream{sse: out, station: id, sub: sub, changes: changes, after: after}).run(ctx)
		}, nil
	})
}

// screenStream writes one screen's events.
type screenStream struct {
	*sse
	station string
	sub     *notify.Subscription
	changes <-chan *inspection.Inspection
	// after is the time of the last event that the reader had before a break.
	after time.Time
	last  Screen
}

func (st *screenStream) run(ctx context.Context) error {
	beat, look := time.NewTicker(st.server.cfg.Heartbeat), time.NewTicker(lookEvery)
	defer beat.Stop()
	defer look.Stop()
	err := st.screen(ctx, true)
	if err == nil && !st.after.IsZero() {
		err = st.catchUp(ctx)
	}
	for err == nil {
		if err = st.flush(); err != nil {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e, ok := <-st.sub.Events():
			if !ok {
				return notify.ErrClosed
			}
			err = st.forward(ctx, e)
		case i := <-st.changes:
			err = st.prompt(i)
		case <-look.C:
			if err = st.stillAllowed(ctx); err == nil {
				err = st.screen(ctx, false)
			}
		case <-beat.C:
			err = st.beat()
		}
	}
	return err
}

// say sends an event whose id is the time.
func (st *screenStream) say(event string, v any) error {
	return st.send(event, strconv.FormatInt(st.server.cfg.Now().UnixMicro(), 10), v)
}

// catchUp tells what has ended since the reader's last event, as far as it is
// still of now. What is open is part of the state.
func (st *screenStream) catchUp(ctx context.Context) error {
	asking, cancel := context.WithTimeout(ctx, st.server.cfg.RequestTimeout)
	defer cancel()
	items, err := st.server.Store.ListInspections(asking, inspection.Filter{StationID: st.station})
	if err != nil {
		return err
	}
	now := st.server.cfg.Now()
	since := func(at time.Time, late time.Duration) bool { return at.After(st.after) && now.Sub(at) <= late }
	for _, i := range slices.Backward(items) {
		p := i.Prompt
		tell := p == nil && since(i.DecidedAt, thanksLate)
		if p != nil && p.EndedAt != nil {
			tell = p.State == inspection.PromptCorrected && since(*p.EndedAt, thanksLate) || p.State == inspection.PromptAppealed && since(*p.EndedAt, receiptLate)
		}
		if !tell {
			continue
		}
		if err := st.forward(ctx, notify.Event{Inspection: i}); err != nil {
			return err
		}
	}
	return nil
}

func (st *screenStream) forward(ctx context.Context, e notify.Event) error {
	if e.Inspection == nil {
		return st.screen(ctx, true)
	}
	if e.Inspection.Relay != nil {
		return nil // the station's agent has told them
	}
	if e.Inspection.Prompt != nil {
		return st.prompt(e.Inspection)
	}
	if t, ok := st.server.thanks(ctx, e.Inspection); ok {
		return st.say("thanks", t)
	}
	return nil
}

func (st *screenStream) prompt(i *inspection.Inspection) error {
	if i.StationID != st.station || i.Relay != nil || i.Prompt == nil || i.Prompt.State == inspection.PromptWithheld {
		return nil
	}
	return st.say("prompt", st.server.screenPrompt(i, st.last.Bins))
}

// screen sends the whole state, where it is asked for or the cameras' condition,
// the taxonomy or the bins have changed.
func (st *screenStream) screen(ctx context.Context, always bool) error {
	ctx, cancel := context.WithTimeout(ctx, st.server.cfg.RequestTimeout)
	defer cancel()
	now, err := st.server.screen(ctx, st.station)
	if err != nil {
		if always {
			return err
		}
		return nil // the records may be away for a moment
	}
	same := now.Language == st.last.Language && now.Volume == st.last.Volume && now.Voice == st.last.Voice && now.Taxonomy == st.last.Taxonomy &&
		slices.EqualFunc(now.Silent, st.last.Silent, pipeline.SilentBin.Equal) && slices.EqualFunc(now.Bins, st.last.Bins, func(a, b ScreenBin) bool {
		return a.ID == b.ID && a.Name == b.Name && slices.Equal(a.Accepts, b.Accepts)
	})
	st.last = now
	if same && !always {
		return nil
	}
	return st.say("screen", now)
}

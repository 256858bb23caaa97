package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/notify"
)

// Resync tells a live reader to load its lists anew.
type Resync struct {
	Reason string `json:"reason" enum:"slow,behind"`
}

func (s *Server) registerEvents() {
	s.handlePlain(route{
		method: http.MethodGet, path: base + "/events", id: "events", tag: "inspections", action: auth.Look,
		summary: "Live stream of inspections",
		about: "Server-sent events. `inspection` carries an Inspection and its seq as id; `review` carries an Inspection that was reviewed, or whose prompt was opened or has ended; " +
			"`resync` carries a Resync: the reader was too slow, or asked for more than is replayed, and should load its lists anew. " +
			"Comments are signs of life.",
	}, func(op *huma.Operation) {
		op.Parameters = []*huma.Param{
			queryParam("station", "Only this station's"),
			headerParam("Last-Event-ID", "Resume after this seq"),
		}
		op.Responses["200"] = &huma.Response{Description: "The stream", Content: map[string]*huma.MediaType{
			"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}, Extensions: map[string]any{
				"x-events": map[string]any{"inspection": s.schema(Inspection{}), "review": s.schema(Inspection{}), "resync": s.schema(Resync{})},
			}},
		}}
	}, s.serveEvents)
}

func (s *Server) serveEvents(c *fiber.Ctx) error {
	station, err := stationScope(c.UserContext(), c.Query("station"))
	if err != nil {
		return err
	}
	after := int64(-1)
	if id := c.Get("Last-Event-ID"); id != "" {
		if after, err = strconv.ParseInt(id, 10, 64); err != nil || after < 0 {
			return invalid("header.Last-Event-ID", "the id of an event is expected")
		}
	}
	return s.stream(c, func(ctx context.Context) (func(context.Context, *sse) error, error) {
		// Subscribed before anything is replayed, so that nothing falls between.
		sub, err := s.Hub.Subscribe(ctx, func(i *inspection.Inspection) bool { return station == "" || i.StationID == station })
		if err != nil {
			return nil, err
		}
		reviews, leave := s.Changes.Subscribe()
		return func(ctx context.Context, out *sse) error {
			defer leave()
			defer sub.Close()
			return (&stream{sse: out, sub: sub, reviews: reviews, station: station, after: after}).run(ctx)
		}, nil
	})
}

// stream writes one reader's events.
type stream struct {
	*sse
	sub     *notify.Subscription
	reviews <-chan *inspection.Inspection
	station string
	after   int64
	// replayed are the inspections that were sent from the store and may come
	// from the hub once more.
	replayed map[string]bool
}

func (st *stream) run(ctx context.Context) error {
	if err := st.replay(ctx); err != nil {
		return err
	}
	if err := st.flush(); err != nil {
		return err
	}
	tick, check := time.NewTicker(st.server.cfg.Heartbeat), time.NewTicker(checkEvery)
	defer tick.Stop()
	defer check.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e, ok := <-st.sub.Events():
			if !ok {
				return notify.ErrClosed
			}
			err = st.forward(e)
		case i := <-st.reviews:
			err = st.review(i)
		case <-check.C:
			err = st.stillAllowed(ctx)
		case <-tick.C:
			err = st.beat()
		}
		if err == nil {
			err = st.flush()
		}
		if err != nil {
			return err
		}
	}
}

// replay sends what was stored after the reader's last event, unless that is
// too much.
func (st *stream) replay(ctx context.Context) error {
	if st.after < 0 {
		return nil
	}
	s := st.server
	ctx, cancel := context.WithTimeout(ctx, s.cfg.RequestTimeout)
	defer cancel()
	var missed []*inspection.Inspection
	for from := st.after; ; {
		if from == 0 {
			from = -1 // the store's word for "from the oldest"
		}
		items, err := s.Store.ListInspections(ctx, inspection.Filter{StationID: st.station, AfterSeq: from, Limit: replayPage})
		if err != nil {
			return err
		}
		missed = append(missed, items...)
		if len(missed) > s.cfg.MaxReplay {
			return st.send("resync", "", Resync{Reason: "behind"})
		}
		if len(items) < replayPage {
			break
		}
		from = items[len(items)-1].Seq
	}
	st.replayed = make(map[string]bool, len(missed))
	for _, i := range missed {
		st.replayed[i.ID] = true
		if err := st.inspection(i); err != nil {
			return err
		}
	}
	return nil
}

const replayPage = 100

func (st *stream) forward(e notify.Event) error {
	switch {
	case e.Resync:
		return st.send("resync", "", Resync{Reason: "slow"})
	case st.replayed[e.Inspection.ID]:
		delete(st.replayed, e.Inspection.ID)
		return nil
	}
	return st.inspection(e.Inspection)
}

func (st *stream) inspection(i *inspection.Inspection) error {
	return st.send("inspection", strconv.FormatInt(i.Seq, 10), st.server.view(i))
}

func (st *stream) review(i *inspection.Inspection) error {
	if st.station != "" && i.StationID != st.station {
		return nil
	}
	return st.send("review", "", st.server.view(i))
}

package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
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
		about: "Server-sent events. `inspection` carries an Inspection and its seq as id; `review` carries an Inspection that was reviewed; " +
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
	ctx, cancel := s.untilStop()
	// Subscribed before anything is replayed, so that nothing falls between.
	sub, err := s.Hub.Subscribe(ctx, func(i *inspection.Inspection) bool { return station == "" || i.StationID == station })
	if err != nil {
		cancel()
		return err
	}
	reviews, leave := s.reviews.subscribe()
	st := &stream{
		server: s, sub: sub, reviews: reviews, station: station, after: after,
		principal: principalOf(c.UserContext()), cookie: c.Cookies(sessionCookie), token: c.Get(fiber.HeaderAuthorization),
		conn: c.Context().Conn(), // lives as long as the answer is being written
	}
	c.Set(fiber.HeaderContentType, "text/event-stream")
	c.Set(fiber.HeaderCacheControl, "no-store, no-transform")
	c.Set("X-Accel-Buffering", "no")
	s.streams.Add(1)
	s.metrics.streams.Inc()
	// The writer runs after this handler: it must not touch the context c.
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer s.streams.Done()
		defer s.metrics.streams.Dec()
		defer leave()
		defer sub.Close()
		defer cancel()
		st.w = w
		if err := st.run(ctx); err != nil {
			s.Log.Debug("live stream ended", "err", err)
		}
	})
	return nil
}

// stream writes one reader's events. An error means that the reader is gone or
// takes nothing any more.
type stream struct {
	server  *Server
	sub     *notify.Subscription
	reviews <-chan *inspection.Inspection
	station string
	after   int64
	// The credential is checked again with every heartbeat, so that a revoked
	// one loses its stream too.
	principal     *auth.Principal
	cookie, token string

	conn net.Conn
	w    *bufio.Writer
	// replayed are the inspections that were sent from the store and may come
	// from the hub once more.
	replayed map[string]bool
}

func (st *stream) run(ctx context.Context) error {
	if _, err := st.w.WriteString("retry: 2000\n\n"); err != nil {
		return err
	}
	if err := st.replay(ctx); err != nil {
		return err
	}
	if err := st.flush(); err != nil {
		return err
	}
	beat := time.NewTicker(st.server.cfg.Heartbeat)
	defer beat.Stop()
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
		case <-beat.C:
			if err = st.stillAllowed(ctx); err == nil {
				_, err = st.w.WriteString(": hb\n\n")
			}
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

// stillAllowed checks the credential anew.
func (st *stream) stillAllowed(ctx context.Context) error {
	var err error
	if st.principal.Kind == auth.BySession {
		_, _, err = st.server.Auth.CheckSession(ctx, st.cookie)
	} else {
		_, err = st.server.Auth.CheckToken(ctx, bearer(st.token))
	}
	if errors.Is(err, auth.ErrRefused) {
		return err
	}
	return nil // the store may be away for a moment; that is no revocation
}

// send writes one event. JSON holds no line breaks, so one data line is
// enough.
func (st *stream) send(event, id string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if id != "" {
		id = "id: " + id + "\n"
	}
	_, err = fmt.Fprintf(st.w, "event: %s\n%sdata: %s\n\n", event, id, data)
	return err
}

// flush hands the written bytes to the connection, which must take them within
// its time; an error is a disconnect.
func (st *stream) flush() error {
	if err := st.conn.SetWriteDeadline(time.Now().Add(st.server.cfg.StreamWriteTimeout)); err != nil {
		return err
	}
	return st.w.Flush()
}

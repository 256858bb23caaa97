package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/binside/binside/server/auth"
)

// sse is one open answer of server-sent events. An error of its methods means
// that the reader is gone, or takes nothing any more.
type sse struct {
	server *Server
	// The credential is checked again every now and then, for one that expires or
	// that another process revokes; what this process ends is cut by liveStreams.
	principal     *auth.Principal
	cookie, token string
	from          netip.Addr

	conn net.Conn
	w    *bufio.Writer
}

// checkEvery is the pause between two looks whether the credential still holds.
const checkEvery = 2 * time.Second

// liveStreams are the open streams by their principals, so that whose token is
// revoked or session ended loses them at once.
type liveStreams struct {
	mu  sync.Mutex
	end map[string]map[*sse]context.CancelFunc
}

func (l *liveStreams) add(st *sse, end context.CancelFunc) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.end == nil {
		l.end = make(map[string]map[*sse]context.CancelFunc)
	}
	id := st.principal.ID
	if l.end[id] == nil {
		l.end[id] = make(map[*sse]context.CancelFunc)
	}
	l.end[id][st] = end
}

func (l *liveStreams) remove(st *sse) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.end[st.principal.ID], st)
	if len(l.end[st.principal.ID]) == 0 {
		delete(l.end, st.principal.ID)
	}
}

// cut ends a principal's streams.
func (l *liveStreams) cut(principalID string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, end := range l.end[principalID] {
		end()
	}
}

// stream answers a request with events. begin says what writes them until its
// context ends, or why nothing can.
func (s *Server) stream(c *fiber.Ctx, begin func(context.Context) (run func(context.Context, *sse) error, err error)) error {
	ctx, cancel := s.untilStop()
	run, err := begin(ctx)
	if err != nil {
		cancel()
		return err
	}
	st := &sse{
		server: s, principal: principalOf(c.UserContext()), cookie: c.Cookies(sessionCookie), token: c.Get(fiber.HeaderAuthorization), from: remote(c),
		conn: c.Context().Conn(), // lives as long as the answer is being written
	}
	c.Set(fiber.HeaderContentType, "text/event-stream")
	c.Set(fiber.HeaderCacheControl, "no-store, no-transform")
	c.Set("X-Accel-Buffering", "no")
	s.streams.Add(1)
	s.metrics.streams.Inc()
	s.live.add(st, cancel)
	// The writer runs after the handler: it must not touch the context c.
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer s.streams.Done()
		defer s.metrics.streams.Dec()
		defer cancel()
		defer s.live.remove(st)
		st.w = w
		_, err := st.w.WriteString("retry: 2000\n\n")
		if err == nil {
			err = run(ctx, st)
		}
		if err != nil {
			s.Log.Debug("live stream ended", "err", err)
		}
	})
	return nil
}

// beat sends a sign of life.
func (st *sse) beat() error {
	_, err := st.w.WriteString(": hb\n\n")
	return err
}

// stillAllowed checks the credential anew.
func (st *sse) stillAllowed(ctx context.Context) error {
	var err error
	if st.principal.Kind == auth.BySession {
		_, _, err = st.server.Auth.CheckSession(ctx, st.cookie)
	} else {
		_, err = st.server.Auth.CheckToken(ctx, bearer(st.token))
	}
	if errors.Is(err, auth.ErrRefused) {
		return err
	}
	st.server.presence.met(st.principal, st.from, st.server.cfg.Now())
	return nil // it holds, or the store may be away for a moment; that is no revocation
}

// send writes one event. JSON holds no line breaks, so one data line is
// enough.
func (st *sse) send(event, id string, v any) error {
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
func (st *sse) flush() error {
	if err := st.conn.SetWriteDeadline(time.Now().Add(st.server.cfg.StreamWriteTimeout)); err != nil {
		return err
	}
	return st.w.Flush()
}

package api

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// A request that is refused by its header leaves its body unread. Closing the
// connection then makes the kernel send a reset, which can take the answer
// away from a client that is still sending. So such a connection is first
// closed for writing, and what comes in is thrown away for a short while: the
// lingering close of RFC 9112, section 9.6.
const (
	lingerTime  = 2 * time.Second
	lingerBytes = 64 << 20
)

type lingerListener struct{ net.Listener }

func (l lingerListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok && err == nil {
		return &lingerConn{TCPConn: tcp}, nil
	}
	return c, err
}

type lingerConn struct {
	*net.TCPConn
	wanted atomic.Bool
}

// Close implements net.Conn.
func (c *lingerConn) Close() error {
	if c.wanted.Load() && c.CloseWrite() == nil && c.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		// Whatever ends it, the connection is closed next.
		_, _ = io.CopyN(io.Discard, c.TCPConn, lingerBytes)
	}
	return c.TCPConn.Close()
}

// linger makes the connection's close a lingering one.
func linger(c net.Conn) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	if l, ok := c.(*lingerConn); ok {
		l.wanted.Store(true)
	}
}

// knownMethods answers methods that Fiber does not know; it would answer them
// itself, and not with a problem.
func (s *Server) knownMethods(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	known := make(map[string]bool)
	for _, m := range fiber.DefaultMethods {
		known[m] = true
	}
	return func(ctx *fasthttp.RequestCtx) {
		if known[string(ctx.Method())] {
			next(ctx)
			return
		}
		c := s.app.AcquireCtx(ctx)
		defer s.app.ReleaseCtx(c)
		if err := s.answerError(c, fiber.NewError(http.StatusNotImplemented)); err != nil {
			s.Log.Error("writing a problem", "err", err)
		}
	}
}

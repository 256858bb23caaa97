package api

import (
	"context"
	"crypto/tls"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// goneEvery is how often a waiting request's connection is looked at.
const goneEvery = 200 * time.Millisecond

// untilGone makes a context for work that may take longer than requests do: it
// ends when the client hangs up, which fasthttp does not tell a handler, or
// when Shutdown begins. stop ends the watch and waits for it; it must be called
// before the handler returns, because the connection is not the request's any
// more then.
func (s *Server) untilGone(conn net.Conn) (ctx context.Context, stop func()) {
	ctx, cancel := s.untilStop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		t := time.NewTicker(goneEvery)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
				if hungUp(conn) {
					cancel()
				}
			}
		}
	}()
	return ctx, func() {
		cancel()
		<-done
	}
}

// hungUp reports whether the other side has closed its connection. The state
// is the kernel's: what a client sent before it closed, of TLS for example,
// hides nothing. Where it cannot be found out, nobody has hung up.
func hungUp(conn net.Conn) bool {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	closed := false
	err = raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		closed = err == nil && info.State != tcpEstablished
	})
	return err == nil && closed
}

// tcpEstablished is TCP_ESTABLISHED of Linux's net/tcp_states.h.
const tcpEstablished = 1

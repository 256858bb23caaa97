package main

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fault is what a wire does to what goes through it.
type wireFault int

const (
	whole wireFault = iota
	// cut refuses connections and ends those there are.
	cut
	// hanging takes connections and bytes, and passes nothing on.
	hanging
	// slow passes on little, and late.
	slow
	// deaf passes on what the station says, and ends the connection at the
	// first byte of the answer: the server has done its work, and the station
	// never hears of it.
	deaf
	// halfOpen passes on what the station says, and nothing comes back.
	halfOpen
)

// wire is the network between a station and its server.
type wire struct {
	t        *testing.T
	listener net.Listener

	mu     sync.Mutex
	server string
	state  wireFault
	conns  map[net.Conn]struct{}
	// deafened is how many answers were lost.
	deafened int
	done     sync.WaitGroup
}

func newWire(t *testing.T, server string) *wire {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &wire{t: t, listener: ln, server: server, conns: make(map[net.Conn]struct{})}
	w.done.Go(w.accept)
	t.Cleanup(func() {
		_ = ln.Close() // ends accept
		w.set(cut)
		w.done.Wait()
	})
	return w
}

func (w *wire) url() string { return "http://" + w.listener.Addr().String() }

// set changes what the wire does, to connections that there are as well.
func (w *wire) set(f wireFault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.state = f
	if f == cut {
		for c := range w.conns {
			_ = c.Close() // its copying ends
		}
	}
}

// leadTo makes new connections end at another server.
func (w *wire) leadTo(server string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.server = server
}

func (w *wire) is() wireFault {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state
}

func (w *wire) lost() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.deafened
}

func (w *wire) accept() {
	for {
		c, err := w.listener.Accept()
		if err != nil {
			return
		}
		if w.is() == cut {
			_ = c.Close()
			continue
		}
		w.done.Go(func() { w.join(c) })
	}
}

func (w *wire) join(station net.Conn) {
	w.mu.Lock()
	address := w.server
	w.mu.Unlock()
	server, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		_ = station.Close()
		return
	}
	w.mu.Lock()
	w.conns[station], w.conns[server] = struct{}{}, struct{}{}
	w.mu.Unlock()
	end := func() {
		_, _ = station.Close(), server.Close()
		w.mu.Lock()
		delete(w.conns, station)
		delete(w.conns, server)
		w.mu.Unlock()
	}
	w.done.Go(func() { defer end(); w.pass(server, station, false) })
	defer end()
	w.pass(station, server, true)
}

// pass copies until either side ends; answers are what the server says.
func (w *wire) pass(to io.Writer, from io.Reader, answers bool) {
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		switch f := w.is(); {
		case f == cut:
			return
		case f == hanging, f == halfOpen && answers:
			continue
		case f == deaf && answers:
			w.mu.Lock()
			w.deafened++
			w.mu.Unlock()
			return
		case f == slow:
			if !trickle(to, buf[:n]) {
				return
			}
			continue
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// trickle writes 4 KiB at a time, 20 ms apart.
func trickle(to io.Writer, data []byte) bool {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for len(data) > 0 {
		n := min(len(data), 4<<10)
		if _, err := to.Write(data[:n]); err != nil {
			return false
		}
		data = data[n:]
		<-tick.C
	}
	return true
}

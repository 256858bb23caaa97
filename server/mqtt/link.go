package mqtt

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/binside/binside/server/auth"
)

// link is one device's connection.
type link struct {
	door       *door
	raw, outer net.Conn // the same, or outer speaks TLS
	in         *bufio.Reader
	inner      net.Conn

	// Of the gate, when it lets the device in.
	principal *auth.Principal
	account   *account
	clientID  string
	durable   bool
	pass      string

	remote netip.Addr
	since  time.Time
	will   bool

	mu      sync.Mutex
	parting Parting
}

// Parting is how a connection ended.
type Parting string

// The ways in which connections end.
const (
	// Goodbye: the device said so.
	Goodbye Parting = "goodbye"
	// Lost: it did not, and its last will was published where it has one.
	Lost Parting = "lost"
	// CutOff: this service ended it, because of what the device did or because its
	// token no longer holds.
	CutOff Parting = "cut"
	// Stopped: this service stopped.
	Stopped Parting = "stopped"
)

const (
	readSize = 16 << 10
	// maxTopic bounds a topic, maxRequest any other packet than a message, in bytes.
	maxTopic   = 1 << 10
	maxRequest = 4 << 10
)

// because says how the connection ends. The first reason counts.
func (l *link) because(why Parting) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.parting == "" {
		l.parting = why
	}
}

// end ends the connection.
func (l *link) end(why Parting) {
	l.because(why)
	_ = l.raw.Close()
}

// cut ends the connection because of what its device did.
func (l *link) cut(reason string) {
	l.door.metrics.cut.WithLabelValues(reason).Inc()
	l.door.log.Info("MQTT device cut off", "reason", reason, "token", l.principal.ID, "client", l.clientID)
	l.end(CutOff)
}

func (l *link) ended() Parting {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.parting
}

// serve carries packets both ways until either side ends it.
func (l *link) serve(connect *packets.ConnectPacket) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	defer l.because(Lost)
	var err error
	if l.inner, err = l.door.inner(ctx); err != nil {
		l.door.refuse(l.outer, l.raw, &refusal{packets.ErrRefusedServerUnavailable, "unavailable"})
		return
	}
	defer func() { _ = l.inner.Close() }()
	if l.outer.SetDeadline(time.Time{}) != nil || connect.Write(l.inner) != nil {
		return
	}
	var back sync.WaitGroup
	back.Go(func() {
		_, err := io.Copy(timed{l.outer}, l.inner)
		if errors.Is(err, errSlow) {
			l.cut("slow")
		}
		cancel() // whoever waits for the device's pace
		l.end(Lost)
	})
	l.forward(ctx)
	if l.ended() == Goodbye {
		// The server has the packet and hangs up by itself.
		_ = l.inner.SetReadDeadline(time.Now().Add(knockTimeout))
	} else {
		l.end(Lost)
		_ = l.inner.Close() // its last will is published
	}
	back.Wait()
}

// timed writes with a deadline.
type timed struct{ net.Conn }

var errSlow = errors.New("mqtt: the device takes nothing")

func (t timed) Write(p []byte) (int, error) {
	if err := t.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	n, err := t.Conn.Write(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = errSlow
	}
	return n, err
}

// forward hands the device's packets to the server, as far as they are within
// the bounds.
func (l *link) forward(ctx context.Context) {
	out := bufio.NewWriterSize(l.inner, readSize)
	for {
		head, err := readHeader(l.in)
		if errors.Is(err, errProtocol) {
			l.cut("protocol")
		}
		if err != nil {
			return
		}
		if reason := l.check(ctx, head); reason != "" {
			l.cut(reason)
			return
		}
		if l.carry(ctx, out, head) != nil {
			return
		}
		if head.kind() == packets.Disconnect {
			l.because(Goodbye)
		}
		if l.in.Buffered() == 0 || head.kind() == packets.Disconnect {
			if out.Flush() != nil || head.kind() == packets.Disconnect {
				return
			}
		}
	}
}

// check says what is wrong with a packet of which only the header was read;
// empty: nothing. It waits where the token sends more than may wait for others.
func (l *link) check(ctx context.Context, head header) (reason string) {
	if head.kind() != packets.Publish {
		return l.checkRequest(head)
	}
	length, err := l.in.Peek(2)
	if err != nil {
		return "" // it goes on to fail
	}
	n := int(binary.BigEndian.Uint16(length))
	if n > maxTopic || n+2 > head.rest {
		return "protocol"
	}
	topic, err := l.in.Peek(2 + n)
	if err != nil {
		return ""
	}
	p, ok := parsePush(string(topic[2:]))
	picture := ok && p.isPicture()
	switch {
	case picture && head.rest > l.door.maxPicture+maxTopic, !picture && head.rest > maxWord+maxTopic:
		return "too-large"
	case !picture:
		// An error is the connection's end.
		_ = l.account.words.WaitN(ctx, head.rest)
	}
	if head.qos() == 2 {
		if id, ok := l.packetID(2 + n); ok && !l.door.gate.hold(l, id, head.rest) {
			return "too-much-held"
		}
	}
	return ""
}

// checkRequest is check for what is no message.
func (l *link) checkRequest(head header) (reason string) {
	if head.rest > maxRequest {
		return "too-large"
	}
	if head.kind() == packets.Pubrel {
		if id, ok := l.packetID(0); ok {
			l.door.gate.release(l, id)
		}
	}
	return ""
}

// packetID is the identifier that lies at an offset behind the header.
func (l *link) packetID(offset int) (uint16, bool) {
	data, err := l.in.Peek(offset + 2)
	if err != nil {
		return 0, false
	}
	return binary.BigEndian.Uint16(data[offset:]), true
}

// header is how a packet begins, MQTT 3.1.1 section 2.2.
type header struct {
	raw  []byte
	rest int // length of what follows, in bytes
}

func (h header) kind() byte { return h.raw[0] >> 4 }
func (h header) qos() byte  { return h.raw[0] >> 1 & 3 }

func readHeader(in *bufio.Reader) (h header, err error) {
	first, err := in.ReadByte()
	if err != nil {
		return h, err
	}
	h.raw = append(h.raw, first)
	for shift := 0; shift < 28; shift += 7 {
		b, err := in.ReadByte()
		if err != nil {
			return h, err
		}
		h.raw = append(h.raw, b)
		h.rest |= int(b&0x7f) << shift
		if b < 0x80 {
			return h, nil
		}
	}
	return h, errProtocol
}

package mqtt

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"golang.org/x/sync/semaphore"

	"github.com/binside/binside/server/auth"
)

// door is the listener that devices connect to. It reads what a device says of
// itself first, refuses it for the reason that MQTT has for that, and carries
// what follows to the embedded server and back, packet by packet.
type door struct {
	gate    *gate
	metrics *metrics
	log     *slog.Logger
	// inner connects to the embedded server.
	inner func(context.Context) (net.Conn, error)
	// redact says what of a picture the server may get; pictures bounds those that
	// are being read for it, in bytes.
	redact   func(ctx context.Context, by *auth.Principal, p pushed, topic string, picture []byte) ([]byte, error)
	pictures *semaphore.Weighted
	tls      *tls.Config // nil where plain text is spoken
	// maxClients and maxPicture are the configuration's.
	maxClients, maxPicture int

	listener net.Listener
	done     sync.WaitGroup
	broken   chan struct{} // closed when nobody listens any more

	mu sync.Mutex
	// knocking are the connections whose owners are not known yet, the oldest first.
	knocking []net.Conn
	inside   map[net.Conn]bool
	closed   bool
}

const (
	// knockTimeout bounds the time from a connection to the packet that says whose
	// it is, knockRoom how many connections may be in that state: another pushes the
	// oldest out, so that silent ones keep nobody away.
	knockTimeout = 5 * time.Second
	knockRoom    = 256
	// writeTimeout is how long a device may take no bytes before it is cut off.
	writeTimeout = 10 * time.Second
	// maxConnect is the length in bytes of the longest packet by which a device
	// connects: mostly its last will.
	maxConnect = maxWord + 4<<10
)

// listen opens the address. Nobody is let in until serve.
func (d *door) listen(ctx context.Context, address string) (err error) {
	var lc net.ListenConfig
	if d.listener, err = lc.Listen(ctx, "tcp", address); err != nil {
		return fmt.Errorf("mqtt: %w", err)
	}
	d.inside, d.broken = make(map[net.Conn]bool), make(chan struct{})
	return nil
}

// serve lets devices in until shut.
func (d *door) serve() {
	d.done.Go(func() {
		defer close(d.broken)
		for {
			conn, err := d.listener.Accept()
			switch {
			case errors.Is(err, net.ErrClosed):
				return
			case err != nil:
				// Too many open files, or a device that has gone already.
				d.log.Warn("MQTT: a connection was not accepted", "error", err)
				<-time.After(acceptPause)
				continue
			}
			d.knock(conn)
			d.done.Go(func() {
				defer d.leave(conn)
				d.receive(conn)
			})
		}
	})
}

const acceptPause = 50 * time.Millisecond

// shut lets nobody else in; who is inside stays.
func (d *door) shut() { _ = d.listener.Close() }

// close ends every connection and waits.
func (d *door) close() {
	d.shut()
	d.mu.Lock()
	d.closed = true
	for _, conn := range d.knocking {
		_ = conn.Close()
	}
	for conn := range d.inside {
		_ = conn.Close()
	}
	d.mu.Unlock()
	d.done.Wait()
}

// knock takes in a connection whose owner is not known yet.
func (d *door) knock(conn net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		_ = conn.Close()
	}
	if len(d.knocking) >= knockRoom {
		d.metrics.refused.WithLabelValues("silent").Inc()
		_ = d.knocking[0].Close()
		d.knocking = d.knocking[1:]
	}
	d.knocking = append(d.knocking, conn)
}

// settle counts a connection as a device's; false: there are too many.
func (d *door) settle(conn net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.inside) >= d.maxClients {
		return false
	}
	d.unknock(conn)
	d.inside[conn] = true
	return true
}

func (d *door) leave(conn net.Conn) {
	_ = conn.Close()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unknock(conn)
	delete(d.inside, conn)
}

// unknock takes a connection from those that knock; the lock is held.
func (d *door) unknock(conn net.Conn) {
	d.knocking = slices.DeleteFunc(d.knocking, func(c net.Conn) bool { return c == conn })
}

// check tries whether somebody listens at the address.
func (d *door) check(ctx context.Context) error {
	select {
	case <-d.broken:
		return errors.New("nobody listens for devices")
	default:
	}
	conn, err := dialOwn(ctx, d.listener.Addr().String())
	if err != nil {
		return err
	}
	return conn.Close()
}

// dialOwn connects to an address at which this process listens.
func dialOwn(ctx context.Context, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	var dialer net.Dialer
	return dialer.DialContext(ctx, "tcp", net.JoinHostPort(host, port))
}

// refusal is why a device is not let in: by the code of MQTT 3.1.1, section
// 3.2.2.3, and as metrics name it.
type refusal struct {
	code   byte
	reason string
}

// receive serves one connection to its end.
func (d *door) receive(raw net.Conn) {
	conn := raw
	if d.tls != nil {
		conn = tls.Server(raw, d.tls)
	}
	if conn.SetDeadline(time.Now().Add(knockTimeout)) != nil {
		return
	}
	in := bufio.NewReaderSize(conn, readSize)
	connect, err := readConnect(in)
	if err != nil {
		d.unheard(conn, raw, err)
		return
	}
	l := &link{door: d, raw: raw, outer: conn, remote: remote(raw), since: time.Now(), in: in, will: connect.WillFlag}
	if no := d.admit(l, connect); no != nil {
		d.refuse(conn, raw, no)
		return
	}
	defer d.gate.parted(l)
	d.log.Debug("MQTT device connected", "token", l.principal.ID, "name", l.principal.Name, "client", l.clientID, "remote", l.remote)
	l.serve(connect)
}

// unheard counts a connection that did not say whose it is.
func (d *door) unheard(conn, raw net.Conn, err error) {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
		// Somebody only looked whether anybody is here, or was pushed out.
	case errors.Is(err, os.ErrDeadlineExceeded):
		d.metrics.refused.WithLabelValues("silent").Inc()
	default:
		d.refuse(conn, raw, &refusal{reason: "protocol"})
	}
}

// admit lets a connection in, or says why not.
func (d *door) admit(l *link, connect *packets.ConnectPacket) *refusal {
	switch {
	case connect.ProtocolName != "MQTT" || connect.ProtocolVersion != 4:
		return &refusal{packets.ErrRefusedBadProtocolVersion, "protocol"}
	case connect.Validate() != packets.Accepted:
		return &refusal{connect.Validate(), "protocol"}
	case len(connect.WillMessage) > maxWord || len(connect.WillTopic) > maxTopic:
		return &refusal{packets.ErrRefusedNotAuthorised, "too-large"}
	case strings.HasPrefix(connect.WillTopic, pushPrefix):
		// It would be carried past what keeps pictures away, and nobody pushes when gone.
		return &refusal{packets.ErrRefusedNotAuthorised, "will"}
	}
	if no := d.gate.admit(l, connect); no != nil {
		return no
	}
	if !d.settle(l.raw) {
		d.gate.parted(l)
		return &refusal{packets.ErrRefusedServerUnavailable, "full"}
	}
	return nil
}

// refuse answers with the code, where MQTT has one: a device that speaks
// something else is only hung up on, section 4.8.
func (d *door) refuse(conn, raw net.Conn, no *refusal) {
	d.metrics.refused.WithLabelValues(no.reason).Inc()
	d.log.Debug("MQTT connection refused", "reason", no.reason, "remote", remote(raw))
	if no.code == packets.Accepted || no.code >= packets.ErrNetworkError {
		return
	}
	answer := packets.NewControlPacket(packets.Connack).(*packets.ConnackPacket) //nolint:errcheck // it is one
	answer.ReturnCode = no.code
	if conn.SetWriteDeadline(time.Now().Add(knockTimeout)) == nil {
		_ = answer.Write(conn)
	}
}

// readConnect reads the packet that must come first.
func readConnect(in *bufio.Reader) (*packets.ConnectPacket, error) {
	head, err := readHeader(in)
	if err != nil {
		return nil, err
	}
	if head.kind() != packets.Connect || head.rest > maxConnect {
		return nil, errProtocol
	}
	body := make([]byte, head.rest)
	if _, err := io.ReadFull(in, body); err != nil {
		return nil, err
	}
	connect := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket) //nolint:errcheck // it is one
	// A device of another version says so before what cannot be read of it.
	if err := connect.Unpack(bytes.NewReader(body)); err != nil && connect.ProtocolVersion == 4 {
		return nil, err
	}
	return connect, nil
}

var errProtocol = errors.New("mqtt: this is not MQTT 3.1.1")

func remote(conn net.Conn) netip.Addr {
	ap, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}

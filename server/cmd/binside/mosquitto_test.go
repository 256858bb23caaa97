package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/camera/cameratest"
	"github.com/binside/binside/server/auth"
)

// patience bounds every wait of these tests.
const patience = 30 * time.Second

// device is an MQTT device: Debian's mosquitto clients with a token.
type device struct {
	t          *testing.T
	host, port string
	id, token  string
	// extra are arguments of every call, such as a certificate's.
	extra []string
}

func (s *service) device(t *testing.T, scopes ...auth.Scope) *device {
	t.Helper()
	for _, name := range []string{"mosquitto_pub", "mosquitto_sub"} {
		if _, err := exec.LookPath(name); err != nil {
			cameratest.Missing(t, "Debian's mosquitto-clients: %v", err)
		}
	}
	tok, secret, err := s.auth.IssueToken(t.Context(), t.Name(), scopes, time.Time{}, "test")
	require.NoError(t, err)
	host, port, err := net.SplitHostPort(s.mqtt.Addr())
	require.NoError(t, err)
	return &device{t: t, host: host, port: port, id: tok.ID, token: secret}
}

func (d *device) command(name string, args ...string) *exec.Cmd {
	// Lines come as they are printed, not when the client ends.
	args = append([]string{"-oL", name, "-h", d.host, "-p", d.port, "-u", "device", "-P", d.token, "-V", "mqttv311"}, args...)
	return exec.CommandContext(d.t.Context(), "stdbuf", append(args, d.extra...)...)
}

// send publishes one message with quality of service 1 and returns what the
// client said.
func (d *device) send(topic string, payload []byte, args ...string) (string, error) {
	d.t.Helper()
	cmd := d.command("mosquitto_pub", append([]string{"-q", "1", "-t", topic, "-s"}, args...)...)
	cmd.Stdin = bytes.NewReader(payload)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (d *device) mustSend(topic string, payload []byte, args ...string) {
	d.t.Helper()
	out, err := d.send(topic, payload, args...)
	require.NoError(d.t, err, out)
}

// heard is one message as mosquitto_sub prints it.
type heard struct {
	retained       bool
	topic, payload string
}

// listener is a running mosquitto_sub.
type listener struct {
	t        *testing.T
	cmd      *exec.Cmd
	messages chan heard
	// words are the client's own, for the log of a failed test; granted gets the
	// answer to its subscription.
	granted chan string
	ended   chan struct{}
}

// listen starts mosquitto_sub and waits for the answer to its subscription, the
// granted qualities of service: 128 is a refusal.
func (d *device) listen(topics []string, args ...string) (l *listener, granted string) {
	d.t.Helper()
	args = append([]string{"-d", "-q", "1", "-F", "MSG %r %t %p"}, args...)
	for _, topic := range topics {
		args = append(args, "-t", topic)
	}
	l = &listener{t: d.t, cmd: d.command("mosquitto_sub", args...), messages: make(chan heard, 256), granted: make(chan string, 16), ended: make(chan struct{})}
	r, w := io.Pipe()
	l.cmd.Stdout, l.cmd.Stderr = w, w
	require.NoError(d.t, l.cmd.Start())
	go l.read(r)
	go func() {
		_ = l.cmd.Wait() // it is killed, or cut off
		_ = w.Close()
		close(l.ended)
	}()
	d.t.Cleanup(l.kill)
	select {
	case granted = <-l.granted:
	case <-l.ended:
	case <-time.After(patience):
		d.t.Fatal("no answer to a subscription")
	}
	return l, granted
}

func (l *listener) read(r io.Reader) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		line := lines.Text()
		if rest, ok := strings.CutPrefix(line, "MSG "); ok {
			flag, rest, _ := strings.Cut(rest, " ")
			topic, payload, _ := strings.Cut(rest, " ")
			l.messages <- heard{flag == "1", topic, payload}
			continue
		}
		if _, answer, ok := strings.Cut(line, "Subscribed (mid: "); ok {
			_, answer, _ = strings.Cut(answer, "): ")
			l.granted <- answer
		}
	}
}

func (l *listener) kill() {
	_ = l.cmd.Process.Kill() // it may be gone already
	<-l.ended
}

// until returns the first message for which want is true.
func (l *listener) until(what string, want func(heard) bool) heard {
	l.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case m := <-l.messages:
			if want(m) {
				return m
			}
		case <-l.ended:
			l.t.Fatalf("mosquitto_sub ended before %s", what)
		case <-deadline:
			l.t.Fatalf("mosquitto_sub did not hear %s", what)
		}
	}
}

// on waits for a message on a topic whose payload fits.
func on[T any](l *listener, topic string, fits func(T) bool) (heard, T) {
	l.t.Helper()
	var v T
	m := l.until("what was expected on "+topic, func(m heard) bool {
		if m.topic != topic {
			return false
		}
		var got T
		require.NoError(l.t, json.Unmarshal([]byte(m.payload), &got), m.payload)
		v = got
		return fits(got)
	})
	return m, v
}

// nothing checks that no message has come that forbidden holds for, by the time
// that a later one has.
func (l *listener) nothing(what string, until func(heard) bool, forbidden func(heard) bool) {
	l.t.Helper()
	l.until(what, func(m heard) bool {
		require.False(l.t, forbidden(m), "heard on %s: %s", m.topic, m.payload)
		return until(m)
	})
}

package mqtt

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/store"
)

// durable makes a session that outlives its connection, under the token's ID and
// a suffix.
func durable(token, suffix string) func(*paho.ClientOptions) {
	return func(o *paho.ClientOptions) { o.SetCleanSession(false).SetClientID(idOf(token) + suffix) }
}

// idOf is the ID in a token's text.
func idOf(token string) string { return strings.Split(token, "_")[1] }

func (f *fixture) sessions() int {
	_, n := f.gate.count()
	return n
}

func (f *fixture) refused(reason string) float64 {
	return testutil.ToFloat64(f.metrics.refused.WithLabelValues(reason))
}

func (f *fixture) cutFor(reason string) float64 {
	return testutil.ToFloat64(f.metrics.cut.WithLabelValues(reason))
}

// rude is a device that says what it likes, byte by byte.
type rude struct {
	*testing.T
	net.Conn
}

func (f *fixture) rude() rude {
	f.Helper()
	conn, err := net.DialTimeout("tcp", f.Addr(), patience)
	require.NoError(f, err)
	require.NoError(f, conn.SetDeadline(time.Now().Add(patience)))
	f.Cleanup(func() { _ = conn.Close() })
	return rude{f.T, conn}
}

func connectPacket(token, clientID string, clean bool) *packets.ConnectPacket {
	c := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	c.ProtocolName, c.ProtocolVersion, c.CleanSession, c.ClientIdentifier, c.Keepalive = "MQTT", 4, clean, clientID, 60
	c.UsernameFlag, c.PasswordFlag, c.Username, c.Password = true, true, "x", []byte(token)
	return c
}

// answered is the code of the answer to what was sent.
func (r rude) answered() (code byte, err error) {
	p, err := packets.ReadPacket(r)
	if err != nil {
		return 0, err
	}
	return p.(*packets.ConnackPacket).ReturnCode, nil
}

func (r rude) mustConnect(c *packets.ConnectPacket) {
	r.Helper()
	require.NoError(r, c.Write(r))
	code, err := r.answered()
	require.NoError(r, err)
	require.Equal(r, byte(packets.Accepted), code)
}

func (r rude) mustBeHungUpOn() {
	r.Helper()
	_, err := io.Copy(io.Discard, r)
	require.NotErrorIs(r, err, os.ErrDeadlineExceeded, "the connection goes on")
}

// A token has so many durable sessions and no more; those it has can be come back
// to, and other tokens have their own.
func TestSessionsOfOneTokenAreBounded(t *testing.T) {
	f := start(t)
	token := f.token(auth.ForListener("gate"))
	for n := range maxSessions {
		f.connect(token, durable(token, fmt.Sprintf("-%d", n))).Disconnect(100)
	}
	require.Eventually(t, func() bool { return f.devices() == 0 }, patience, 5*time.Millisecond)
	_, err := f.tryConnect(token, durable(token, "-more"))
	require.ErrorIs(t, err, packets.ErrorRefusedIDRejected)
	require.InDelta(t, 1, f.refused("too-many-sessions"), 0)
	require.Equal(t, maxSessions, f.sessions())

	f.connect(token) // one that ends with its connection is no session
	f.connect(token, durable(token, "-0"))
	other := f.token(auth.ForListener("gate"))
	f.connect(other, durable(other, ""))
	require.Equal(t, maxSessions+1, f.sessions())
	// A clean session in the place of a durable one makes room.
	f.connect(token, func(o *paho.ClientOptions) { o.SetClientID(idOf(token) + "-1") })
	f.connect(token, durable(token, "-more"))
}

// A device that opens all it can gets its share, and nobody else notices.
func TestHostileClientThatOpensMany(t *testing.T) {
	f := start(t)
	token, other := f.token(auth.ForListener("gate")), f.token(auth.ForListener("gate"))
	var silent []rude
	for range knockRoom + 50 {
		silent = append(silent, f.rude())
	}
	var in, out atomic.Int32
	var all sync.WaitGroup
	for n := range 300 {
		r := f.rude()
		all.Go(func() {
			if connectPacket(token, fmt.Sprintf("%s-%d", idOf(token), n), n%2 == 0).Write(r) != nil {
				return
			}
			switch code, err := r.answered(); {
			case err == nil && code == packets.Accepted:
				in.Add(1)
			case err == nil && (code == packets.ErrRefusedServerUnavailable || code == packets.ErrRefusedIDRejected):
				out.Add(1)
			}
		})
	}
	states := f.subscribe(f.connect(other, durable(other, "")), "binside/v1/stations/gate/state")
	for range 3 {
		next(t, states)
	}
	all.Wait()
	require.LessOrEqual(t, in.Load(), int32(maxConnections))
	require.Positive(t, in.Load())
	require.Positive(t, out.Load())
	require.LessOrEqual(t, f.sessions(), maxSessions+1)
	require.Positive(t, f.refused("too-many-connections")+f.refused("too-many-sessions"))
	require.Positive(t, f.refused("silent"))
	silent[0].mustBeHungUpOn()
	require.True(t, f.connect(f.token(auth.ForListener("gate"))).IsConnected())
}

// What is no MQTT 3.1.1 is answered by the code that there is for it, or hung up
// on, and so is what goes beyond the bounds later.
func TestRudeClients(t *testing.T) {
	f := start(t)
	token := f.token(auth.ForListener("gate"))
	older := connectPacket(token, "", true)
	older.ProtocolVersion = 5
	r := f.rude()
	require.NoError(t, older.Write(r))
	code, err := r.answered()
	require.NoError(t, err)
	require.Equal(t, byte(packets.ErrRefusedBadProtocolVersion), code)
	nameless := f.rude()
	require.NoError(t, connectPacket(token, "", false).Write(nameless))
	code, err = nameless.answered()
	require.NoError(t, err)
	require.Equal(t, byte(packets.ErrRefusedIDRejected), code)
	for _, words := range []string{"GET / HTTP/1.1\r\n\r\n", "\x10\xff\xff\xff\x7f", "\x10\xff\xff\xff\xff\xff", "\x10\x02ab", "\x30\x00"} {
		r := f.rude()
		_, err := io.WriteString(r, words)
		require.NoError(t, err)
		r.mustBeHungUpOn()
	}
	require.Positive(t, f.refused("protocol"))

	for reason, packet := range map[string]string{
		"too-large": "\x82" + length(maxRequest+1) + strings.Repeat("x", 100),
		"protocol":  "\x30\x05\xff\xffabc",
	} {
		r := f.rude()
		r.mustConnect(connectPacket(token, "", true))
		_, err := io.WriteString(r, packet)
		require.NoError(t, err)
		r.mustBeHungUpOn()
		require.Eventually(t, func() bool { return f.cutFor(reason) == 1 }, patience, 5*time.Millisecond, reason)
	}
	large := f.rude()
	large.mustConnect(connectPacket(token, "", true))
	topic := "binside/v1/stations/gate/devices/" + idOf(token) + "/status"
	_, err = io.WriteString(large, "\x30"+length(2+len(topic)+maxWord+maxTopic)+"\x00"+string(rune(len(topic)))+topic)
	require.NoError(t, err)
	large.mustBeHungUpOn()
	require.Eventually(t, func() bool { return f.cutFor("too-large") == 2 }, patience, 5*time.Millisecond)
}

// length is how MQTT writes the length of a packet's rest.
func length(n int) string {
	var b []byte
	for {
		digit := byte(n % 128)
		if n /= 128; n == 0 {
			return string(append(b, digit))
		}
		b = append(b, digit|128)
	}
}

// A token that begins many messages of quality 2 and finishes none is cut off
// before it has filled what all have for that.
func TestHeldMessagesOfOneTokenAreBounded(t *testing.T) {
	f := newFixture(t)
	f.cfg.MaxPicture = 100_000
	f.run()
	token := f.token(auth.ForStation("gate"))
	r := f.rude()
	r.mustConnect(connectPacket(token, idOf(token), false))
	require.NoError(t, r.SetDeadline(time.Now().Add(patience)))
	go func() { _, _ = io.Copy(io.Discard, r) }()
	picture := bytes.Repeat([]byte("x"), 100_000)
	for n := range uint16(8) {
		p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
		p.Qos, p.MessageID, p.TopicName, p.Payload = 2, n+1, "binside/v1/push/gate/bins/kitchen/deposits", picture
		if p.Write(r) != nil {
			break
		}
	}
	require.Eventually(t, func() bool { return f.cutFor("too-much-held") == 1 }, patience, 5*time.Millisecond)
	require.Empty(t, f.bin.taken(), "none was released")
	info, err := f.broker.inside.Request("$JS.API.STREAM.INFO.$MQTT_qos2in", nil, patience)
	require.NoError(t, err)
	require.NotContains(t, string(info.Data), `"messages":4`)
	// What is released makes room, and quality 2 works as it should.
	other := f.connect(f.token(auth.ForStation("gate")))
	for n := range 5 {
		f.publish(other, fmt.Sprintf("binside/v1/push/gate/bins/kitchen/deposits/%d", n), 2, false, string(picture))
	}
	require.Eventually(t, func() bool { return len(f.bin.taken()) == 5 }, patience, 5*time.Millisecond)
}

// Of one topic so many messages wait for a device that is away, the newest; then
// the device is told those.
func TestWhatWaitsInASessionIsBounded(t *testing.T) {
	f := newFixture(t)
	f.cfg.AckWait = time.Second // the server delivers some of a resumed session's twice
	f.run()
	token := f.token(auth.ForListener("gate"))
	topic := "binside/v1/stations/gate/prompts"
	c := f.connect(token, durable(token, ""))
	f.subscribe(c, topic)
	c.Disconnect(100)
	const more = 40
	for n := range maxWaiting + more {
		require.True(t, f.Service.publish(t.Context(), "prompt", topic, 1, false, map[string]string{"id": fmt.Sprintf("n%d.", n)}))
	}
	require.Eventually(t, func() bool { return testutil.ToFloat64(f.metrics.droppedMessages) == more }, patience, 5*time.Millisecond)
	got := make(chan paho.Message, 2*maxWaiting)
	c = f.connect(token, durable(token, ""), func(o *paho.ClientOptions) {
		o.SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) {
			if m.Topic() == topic {
				got <- m
			}
		})
	})
	require.True(t, c.IsConnected())
	have := make(map[string]bool)
	for len(have) < maxWaiting {
		have[string(next(t, got).Payload())] = true
	}
	for n := range maxWaiting {
		require.True(t, have[fmt.Sprintf(`{"id":"n%d."}`, more+n)], "the newest are kept: %d", n)
	}
}

// A session that nobody came back to is dropped; that of a device that is
// connected for longer is not, and a restart does not make any of them younger.
func TestForgottenSessionIsDropped(t *testing.T) {
	f := newFixture(t)
	require.NoError(t, f.Start(t.Context()))
	token := f.token(auth.ForListener("gate"))
	here, away := f.connect(token, durable(token, "-here")), f.connect(token, durable(token, "-away"))
	f.subscribe(here, "binside/v1/stations/gate/prompts")
	f.subscribe(away, "binside/v1/stations/gate/prompts")
	away.Disconnect(100)
	require.Eventually(t, func() bool {
		seen, err := f.deps.Store.MQTTSessions(t.Context())
		return err == nil && len(seen) == 1 && seen[0].ClientID == idOf(token)+"-away"
	}, patience, 5*time.Millisecond)
	f.Close(t.Context())

	f.cfg.SessionLife = time.Hour
	f.restart()
	require.Equal(t, 2, f.sessions(), "a restart forgets none")
	present := f.present(token, "-away")
	require.True(t, present)
	require.Eventually(t, func() bool { return f.devices() == 0 }, patience, 5*time.Millisecond)
	f.Close(t.Context())

	f.cfg.SessionLife = 50 * time.Millisecond
	f.restart()
	here = f.connect(token, durable(token, "-here"))
	require.Eventually(t, func() bool { return f.sessions() == 1 }, patience, 5*time.Millisecond)
	require.Eventually(t, func() bool { return testutil.ToFloat64(f.metrics.droppedSessions) == 1 }, patience, 5*time.Millisecond)
	require.Eventually(t, func() bool {
		seen, err := f.deps.Store.MQTTSessions(t.Context())
		return err == nil && len(seen) == 0
	}, patience, 5*time.Millisecond)
	require.True(t, here.IsConnected())
	require.False(t, f.present(token, "-away"), "what waited there is gone")

	// The sessions of a token that no longer holds go with it.
	require.NoError(t, f.auth.RevokeToken(t.Context(), idOf(token), "test"))
	require.Eventually(t, func() bool { return f.sessions() == 0 }, patience, 5*time.Millisecond)
	require.Zero(t, f.devices())
	require.Eventually(t, func() bool {
		info, err := f.broker.sessions.Info(t.Context())
		return err == nil && info.State.Msgs == 1
	}, patience, 5*time.Millisecond, "none is left but this service's own")
	f.Close(t.Context())
}

// restart makes another service over the same folder and records.
func (f *fixture) restart() {
	f.Helper()
	var err error
	deps := f.deps
	deps.Registerer = nil
	f.Service, err = New(f.cfg, deps)
	require.NoError(f, err)
	require.NoError(f, f.Start(f.Context()))
}

// present reports whether there is a session, and comes back to it for a moment.
func (f *fixture) present(token, suffix string) bool {
	f.Helper()
	opts := paho.NewClientOptions().AddBroker("tcp://" + f.Addr()).SetUsername("x").SetPassword(token).SetAutoReconnect(false).SetProtocolVersion(4)
	durable(token, suffix)(opts)
	c := paho.NewClient(opts)
	t := c.Connect()
	require.True(f, t.WaitTimeout(patience))
	require.NoError(f, t.Error())
	defer c.Disconnect(100)
	return t.(*paho.ConnectToken).SessionPresent()
}

// The records say who is connected, from where, and how connections ended.
func TestRecordsSayWhoIsConnected(t *testing.T) {
	f := newFixture(t)
	require.NoError(t, f.Start(t.Context()))
	light, lock := f.token(auth.ForListener("gate")), f.token(auth.ForListener("gate"))
	standing := func(token string) (found store.MQTTDevice) {
		all, err := f.deps.Store.(*store.Store).MQTTDevices(t.Context())
		require.NoError(t, err)
		for _, d := range all {
			if d.TokenID == idOf(token) {
				found = d
			}
		}
		return found
	}
	status := func(token string) string { return "binside/v1/stations/gate/devices/" + idOf(token) + "/status" }
	c := f.connect(light)
	f.publish(c, status(light), 1, true, `{"online":true,"kind":"light","name":"Gate light"}`)
	require.Eventually(t, func() bool { return standing(light).Kind == "light" }, patience, 5*time.Millisecond)
	d := standing(light)
	require.Equal(t, 1, d.Connections)
	require.Equal(t, "127.0.0.1", d.Address)
	require.Equal(t, "Gate light", d.Name)
	require.False(t, d.Will)
	require.Empty(t, d.Parting)
	require.WithinDuration(t, time.Now(), d.Since, patience)
	c.Disconnect(100)
	require.Eventually(t, func() bool { return standing(light).Parting == string(Goodbye) }, patience, 5*time.Millisecond)
	require.Zero(t, standing(light).Connections)

	r := f.rude()
	will := connectPacket(lock, "", true)
	will.WillFlag, will.WillTopic, will.WillMessage = true, status(lock), []byte(`{"online":false,"kind":"lock"}`)
	r.mustConnect(will)
	require.Eventually(t, func() bool { return standing(lock).Will }, patience, 5*time.Millisecond)
	require.NoError(t, r.Close())
	require.Eventually(t, func() bool { return standing(lock).Parting == string(Lost) && standing(lock).Kind == "lock" }, patience, 5*time.Millisecond)
	f.connect(lock)
	require.Eventually(t, func() bool { return standing(lock).Connections == 1 }, patience, 5*time.Millisecond)
	require.NoError(t, f.auth.RevokeToken(t.Context(), idOf(lock), "test"))
	require.Eventually(t, func() bool { return standing(lock).Parting == string(CutOff) }, patience, 5*time.Millisecond)
	f.connect(light)
	require.Eventually(t, func() bool { return standing(light).Connections == 1 }, patience, 5*time.Millisecond)
	f.Close(context.WithoutCancel(t.Context()))
	require.Equal(t, string(Stopped), standing(light).Parting)
}

// A listener that is dead is seen.
func TestCheck(t *testing.T) {
	f := start(t)
	require.NoError(t, f.Check(t.Context()))
	require.NoError(t, f.door.listener.Close())
	<-f.door.broken
	require.ErrorContains(t, f.Check(t.Context()), "nobody listens")
}

// A token that says much at once is read at its pace, all its connections
// together; and of what it says of itself the newest waits for those that are away.
func TestWordsOfOneTokenArePaced(t *testing.T) {
	f := start(t)
	token := f.token(auth.ForListener("gate"))
	status := "binside/v1/stations/gate/devices/" + idOf(token) + "/status"
	away := f.connect(token, durable(token, "-away"))
	f.subscribe(away, status)
	away.Disconnect(100)
	first, second := f.connect(token), f.connect(token)
	for n := range maxWaitingStatus + 5 {
		f.publish(first, status, 1, false, strconv.Itoa(n))
	}
	require.Eventually(t, func() bool { return testutil.ToFloat64(f.metrics.droppedMessages) == 5 }, patience, 5*time.Millisecond)
	large := strings.Repeat("x", maxWord-1)
	began := time.Now()
	for range 3 {
		f.publish(first, status, 1, false, large)
		f.publish(second, status, 1, false, large)
	}
	const least = (6*(maxWord-1) - wordBurst) * time.Second / wordRate
	require.Greater(t, time.Since(began), least*9/10, "the bucket had not been full")
	require.True(t, first.IsConnected())
	require.True(t, second.IsConnected())
}

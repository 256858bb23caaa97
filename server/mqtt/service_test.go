package mqtt

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/pipeline"
	"github.com/binside/binside/server/queue"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/condition"
)

// A deposit that the queue does not take is tried again, is one deposit, and
// outlives a restart of the service once it was acknowledged.
func TestAcknowledgedDepositIsNotLost(t *testing.T) {
	f := newFixture(t)
	f.cfg.AckWait = 500 * time.Millisecond // shorter than a deposit is in hand here
	require.NoError(t, f.Start(t.Context()))
	f.bin.setFailure(queue.ErrFull)
	c := f.connect(f.token(auth.ForStation("gate")))
	f.publish(c, "binside/v1/push/gate/bins/kitchen/deposits/a", 1, false, "picture")
	retries := func() float64 {
		return testutil.ToFloat64(f.metrics.received.WithLabelValues(kindDeposit, retried))
	}
	require.Eventually(t, func() bool { return retries() >= 2 }, patience, 5*time.Millisecond)
	f.bin.setFailure(nil)
	require.Eventually(t, func() bool { return len(f.bin.taken()) == 1 }, patience, 5*time.Millisecond)

	f.bin.setFailure(queue.ErrUnavailable)
	before := retries()
	f.publish(c, "binside/v1/push/gate/bins/kitchen/deposits/b", 1, false, "picture")
	f.publish(c, "binside/v1/push/gate/bins/kitchen/deposits", 1, false, "picture")
	require.Eventually(t, func() bool { return retries() > before }, patience, 5*time.Millisecond)
	f.Close(t.Context())
	f.bin.setFailure(nil)

	again, err := New(f.cfg, Deps{Auth: f.auth, BinSide: f.bin, Store: f.deps.Store, Cameras: cameras{}, Hub: f.hub, Changes: f.changes, Logger: f.deps.Logger})
	require.NoError(t, err)
	require.NoError(t, again.Start(t.Context()))
	defer again.Close(t.Context())
	require.Eventually(t, func() bool { return len(f.bin.taken()) == 3 }, patience, 5*time.Millisecond)
	require.ElementsMatch(t, []string{"kitchen/a", "kitchen/b", "kitchen/"}, f.bin.taken())
}

// A camera that is slow to be looked at loses its own frames only.
func TestSlowCameraLeavesTheOthersAlone(t *testing.T) {
	f := newFixture(t)
	f.bin.blocked = make(chan struct{})
	f.run()
	c := f.connect(f.token(auth.ForCamera("slow"), auth.ForCamera("quick")))
	for range 20 {
		f.publish(c, "binside/v1/push/gate/cameras/slow/frames", 0, false, "picture")
	}
	lost := func() float64 {
		return testutil.ToFloat64(f.metrics.received.WithLabelValues(kindFrame, dropped))
	}
	require.Eventually(t, func() bool { return lost() > 0 }, patience, 5*time.Millisecond)
	close(f.bin.blocked)
	f.publish(c, "binside/v1/push/gate/cameras/quick/frames", 0, false, "picture")
	require.Eventually(t, func() bool { return slices.Contains(f.bin.seen(), "quick") }, patience, 5*time.Millisecond)
	require.Less(t, len(f.bin.seen()), 21)
}

func TestLatestFrameOfEachTopic(t *testing.T) {
	fs := newFrames()
	m := func(topic, payload string) paho.Message { return message{topic: topic, payload: payload} }
	require.Zero(t, fs.put(m("a", "1")))
	require.Zero(t, fs.put(m("b", "1")))
	require.Equal(t, 1, fs.put(m("a", "2")))
	for _, want := range []string{"a2", "b1"} {
		got, ok := fs.next(t.Context())
		require.True(t, ok)
		require.Equal(t, want, got.Topic()+string(got.Payload()))
	}
	for n := range frameRoom {
		require.Zero(t, fs.put(m(strings.Repeat("x", n+1), "")))
	}
	require.Equal(t, 1, fs.put(m("one too many", "")))
	ctx, cancel := context.WithCancel(t.Context())
	for range frameRoom {
		_, ok := fs.next(ctx)
		require.True(t, ok)
	}
	cancel()
	_, ok := fs.next(ctx)
	require.False(t, ok)
}

type message struct {
	paho.Message
	topic, payload string
}

func (m message) Topic() string   { return m.topic }
func (m message) Payload() []byte { return []byte(m.payload) }

// MQTT lets a device ask that its message be kept; no picture is.
func TestNoPictureIsRetained(t *testing.T) {
	f := start(t)
	c := f.connect(f.token(auth.ForStation("gate")))
	kept := func() int {
		info, err := f.broker.retained.Info(t.Context(), jetstream.WithSubjectFilter(retainedSubject+"binside.v1.push.>"))
		require.NoError(t, err)
		return len(info.State.Subjects)
	}
	f.publish(c, "binside/v1/push/gate/bins/kitchen/deposits/a", 1, true, "small picture")
	f.publish(c, "binside/v1/push/gate/cameras/c/frames", 1, true, strings.Repeat("large picture", maxRetained))
	require.Eventually(t, func() bool { return len(f.bin.taken()) == 1 && len(f.bin.seen()) == 1 }, patience, 5*time.Millisecond)
	require.Eventually(t, func() bool { return kept() == 0 }, patience, 5*time.Millisecond)
}

// The state is said again before it loses its meaning, and a prompt at once.
func TestStateIsRepeated(t *testing.T) {
	f := start(t)
	c := f.connect(f.token(auth.ForListener("gate")))
	states := f.subscribe(c, "binside/v1/stations/gate/state")
	var last State
	for range 3 {
		var s State
		require.NoError(t, json.Unmarshal(next(t, states).Payload(), &s))
		require.True(t, s.Online)
		require.Equal(t, map[string]Signal{"kitchen": Idle}, s.Signals)
		require.True(t, s.ValidUntil.After(last.ValidUntil))
		last = s
	}
	prompts, thanks := f.subscribe(c, "binside/v1/stations/gate/prompts"), f.subscribe(c, "binside/v1/stations/gate/thanks")
	now := time.Now().UTC()
	for _, state := range []inspection.PromptState{inspection.PromptWithheld, inspection.PromptOpen} {
		f.changes.Publish(&inspection.Inspection{ID: string(state), StationID: "gate", BinID: "kitchen", Prompt: &inspection.Prompt{State: state, OpenedAt: now, Until: now}})
	}
	require.Contains(t, string(next(t, prompts).Payload()), `"id":"open"`, "nothing is said of a withheld one")
	f.hub.Publish(&inspection.Inspection{ID: "right", StationID: "gate", BinID: "kitchen"})
	require.Contains(t, string(next(t, thanks).Payload()), `"id":"right"`)
}

// A device that takes its time is still there when the service stops: it is not
// left believing that its station has prompts.
func TestSlowDeviceHearsTheStop(t *testing.T) {
	f := newFixture(t)
	require.NoError(t, f.Start(t.Context()))
	online, heard := make(chan struct{}, 1024), make(chan struct{})
	c := f.connect(f.token(auth.ForListener("gate")), func(o *paho.ClientOptions) { o.SetAutoAckDisabled(true) })
	token := c.Subscribe(stateTopic("gate"), 1, func(_ paho.Client, m paho.Message) {
		var s State
		if json.Unmarshal(m.Payload(), &s) == nil && !s.Online {
			time.AfterFunc(500*time.Millisecond, func() { close(heard); m.Ack() })
			return
		}
		m.Ack()
		online <- struct{}{}
	})
	require.True(t, token.WaitTimeout(patience))
	require.NoError(t, token.Error())
	<-online
	f.Close(t.Context())
	select {
	case <-heard:
	default:
		t.Fatal("the service was gone before its goodbye was taken")
	}
}

// A station's state is due when another bin falls silent or is heard again, not
// when a camera beside a believed one is doubted.
func TestLookSeesSilentBins(t *testing.T) {
	f := newFixture(t)
	cams := cameras{"left": {Status: pipeline.StatusStreaming}, "right": {Status: pipeline.StatusStreaming}}
	f.deps.Cameras = cams
	f.stations = stations{due: make(map[string]bool)}
	for _, id := range []string{"a", "b"} {
		require.NoError(t, f.deps.Store.(*store.Store).CreateBin(t.Context(), &station.Bin{ID: id, StationID: "gate", Name: id, Accepts: []string{"other"}}))
	}
	for id, bins := range map[string][]string{"left": {"a", "b"}, "right": {"b"}} {
		c := station.Camera{ID: id, StationID: "gate", Name: id, Kind: station.Push, Enabled: true}
		for _, b := range bins {
			c.Regions = append(c.Regions, station.Region{BinID: b, Polygon: vision.Full()})
		}
		require.NoError(t, f.deps.Store.(*store.Store).CreateCamera(t.Context(), &c))
	}
	due := func(id string, kind condition.Kind) bool {
		clear(f.stations.due)
		cams[id] = pipeline.CameraState{Status: pipeline.StatusStreaming, Condition: kind}
		f.look(t.Context())
		return f.stations.due["gate"]
	}
	require.True(t, due("left", condition.Good), "the first look")
	require.False(t, due("right", condition.Dirty), "the other one sees the same bin")
	require.True(t, due("left", condition.Dirty))
	require.True(t, due("left", condition.Night), "for another reason")
	require.True(t, due("right", condition.Good), "one bin is heard again")
	require.False(t, due("right", condition.Good))
}

func TestSignals(t *testing.T) {
	screen := api.Screen{
		Bins: []api.ScreenBin{{ID: "a"}, {ID: "b"}, {ID: "c"}},
		Prompts: []api.ScreenPrompt{
			{BinID: "a", GoesTo: []string{"b"}},
			{BinID: "b", GoesTo: []string{"a"}},
		},
	}
	require.Equal(t, map[string]Signal{"a": Wrong, "b": Wrong, "c": Idle}, newState(screen, 0).Signals)
	screen.Prompts = screen.Prompts[:1]
	s := newState(screen, 0)
	require.Equal(t, map[string]Signal{"a": Wrong, "b": Target, "c": Idle}, s.Signals)
	off := s.offline(time.Now())
	require.Equal(t, map[string]Signal{"a": Idle, "b": Idle, "c": Idle}, off.Signals)
	require.False(t, off.Online)
	require.Empty(t, off.Prompts)
	require.True(t, s.Online, "the one before stays as it was")
}

// Wrong messages are answered where the device may read it, change nothing, and
// not at the pace at which they come.
func TestWrongMessagesAreAnswered(t *testing.T) {
	f := start(t)
	c := f.connect(f.token(auth.ForScreen("gate")))
	answers := f.subscribe(c, "binside/v1/errors/gate/correction")
	for _, bad := range []string{
		"not json", `{}`, `{"inspection_id":"x","outcome":"corrected"}`, `{"inspection_id":"01890a5d-ac96-774b-bcce-b302099a8057","outcome":"open"}`,
		`{"inspection_id":"01890a5d-ac96-774b-bcce-b302099a8057","outcome":"corrected","more":1}`,
	} {
		f.publish(c, "binside/v1/push/gate/correction", 1, false, bad)
		var p api.Problem
		require.NoError(t, json.Unmarshal(next(t, answers).Payload(), &p))
		require.Equal(t, "urn:binside:problem:validation", p.Type)
	}
	for range 20 {
		f.publish(c, "binside/v1/push/gate/correction", 1, false, strings.Repeat(" ", maxWords+1))
	}
	count := func() float64 {
		return testutil.ToFloat64(f.metrics.received.WithLabelValues(kindCorrection, refused))
	}
	require.Eventually(t, func() bool { return count() == 25 }, patience, 5*time.Millisecond)
	require.Less(t, len(answers), 20)
}

// What is larger than may be costs the device its connection, and nobody else.
func TestTooLargeMessage(t *testing.T) {
	f := newFixture(t)
	f.cfg.MaxPicture = 10_000
	f.run()
	lost := make(chan struct{})
	c := f.connect(f.token(auth.ForStation("gate")), func(o *paho.ClientOptions) {
		o.SetConnectionLostHandler(func(paho.Client, error) { close(lost) })
	})
	c.Publish("binside/v1/push/gate/bins/kitchen/deposits", 0, false, strings.Repeat("x", 200_000))
	select {
	case <-lost:
	case <-time.After(patience):
		t.Fatal("the connection goes on")
	}
	c = f.connect(f.token(auth.ForStation("gate")))
	f.publish(c, "binside/v1/push/gate/bins/kitchen/deposits", 1, false, strings.Repeat("x", 10_000))
	require.Eventually(t, func() bool { return len(f.bin.taken()) == 1 }, patience, 5*time.Millisecond)
}

// A token that expires, or that another process revokes, is cut off.
func TestTokenThatEndsElsewhere(t *testing.T) {
	f := start(t)
	lost := make(chan struct{}, 2)
	until := func(o *paho.ClientOptions) {
		o.SetConnectionLostHandler(func(paho.Client, error) { lost <- struct{}{} })
	}
	_, short, err := f.auth.IssueToken(t.Context(), "short", []auth.Scope{auth.ForListener("gate")}, time.Now().Add(time.Second), "test")
	require.NoError(t, err)
	tok, revoked, err := f.auth.IssueToken(t.Context(), "revoked", []auth.Scope{auth.ForListener("gate")}, time.Time{}, "test")
	require.NoError(t, err)
	f.connect(short, until)
	f.connect(revoked, until)
	stays := f.connect(f.token(auth.ForListener("gate")))
	other, err := auth.New(f.deps.Store.(*store.Store), f.deps.Logger, nil)
	require.NoError(t, err)
	require.NoError(t, other.RevokeToken(t.Context(), tok.ID, "another process"))
	for range 2 {
		select {
		case <-lost:
		case <-time.After(patience):
			t.Fatal("the connection goes on")
		}
	}
	require.True(t, stays.IsConnected())
	require.Eventually(t, func() bool { return f.devices() == 1 }, patience, 5*time.Millisecond)
}

func TestConnectionsOfOneTokenAreBounded(t *testing.T) {
	f := start(t)
	token := f.token(auth.ForListener("gate"))
	for range maxConnections {
		f.connect(token)
	}
	_, err := f.tryConnect(token)
	require.ErrorIs(t, err, packets.ErrorRefusedServerUnavailable)
	require.InDelta(t, 1, testutil.ToFloat64(f.metrics.refused.WithLabelValues("too-many-connections")), 0)
	f.connect(f.token(auth.ForListener("gate")))
	require.Equal(t, maxConnections+1, f.devices())
}

// Whoever guesses is slowed down, and devices that are known go on; no secret is
// logged.
func TestGuessing(t *testing.T) {
	f := start(t)
	known := f.token(auth.ForListener("gate"))
	f.connect(known)
	wrong := known[:len(known)-8] + "AAAAAAAA"
	for range 25 {
		_, err := f.tryConnect(wrong, func(o *paho.ClientOptions) { o.SetUsername(wrong) })
		require.Error(t, err)
	}
	require.Positive(t, testutil.ToFloat64(f.metrics.refused.WithLabelValues("too-many-attempts")))
	f.connect(known)
	require.NotContains(t, f.log.String(), wrong)
	require.NotContains(t, f.log.String(), known)
	require.NotContains(t, f.log.String(), f.gate.secret)
}

func TestTLS(t *testing.T) {
	f := newFixture(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	pkcs, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	dir := t.TempDir()
	for name, block := range map[string]*pem.Block{"cert": {Type: "CERTIFICATE", Bytes: der}, "key": {Type: "PRIVATE KEY", Bytes: pkcs}} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600))
	}
	f.cfg.TLSCert, f.cfg.TLSKey = filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	f.run()
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	_, err = f.tryConnect(f.token(auth.ForListener("gate")))
	require.Error(t, err, "plain text is not spoken")
	c := f.connect(f.token(auth.ForListener("gate")), func(o *paho.ClientOptions) {
		o.Servers = nil
		o.AddBroker("ssl://" + f.Addr()).SetTLSConfig(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12})
	})
	next(t, f.subscribe(c, "binside/v1/stations/gate/#"))
}

// A part that cannot start says why, at once, and leaves nothing.
func TestPortInUse(t *testing.T) {
	first, second := start(t), newFixture(t)
	second.cfg.Listen = first.Addr()
	began := time.Now()
	require.ErrorContains(t, second.Start(t.Context()), "address already in use")
	require.Less(t, time.Since(began), startTimeout/2)
	second.cfg.Dir = first.cfg.Dir
	second.deps.Registerer = nil
	require.ErrorContains(t, second.Start(t.Context()), "in use by another process")
}

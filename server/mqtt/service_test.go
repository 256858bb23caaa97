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
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/notify"
	"github.com/binside/binside/server/pipeline"
	"github.com/binside/binside/server/queue"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store"
	"github.com/binside/binside/vision/condition"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// It sleeps up to ten seconds before it sees that all is over.
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server/pse.periodic"))
}

const patience = 30 * time.Second

// binSide stands in the API's place, to fail when a test says so; the API itself
// is behind the tests of server/cmd/binside.
type binSide struct {
	mu       sync.Mutex
	fail     error
	deposits []string // bin and key
	frames   []string // cameras
	blocked  chan struct{}
	bins     []api.ScreenBin
}

func (b *binSide) Screen(_ context.Context, stationID string) (api.Screen, error) {
	return api.Screen{StationID: stationID, Bins: b.bins, Prompts: []api.ScreenPrompt{}, Blind: []condition.Kind{}, Now: time.Now().UTC()}, nil
}

func (b *binSide) Prompt(i *inspection.Inspection, _ []api.ScreenBin) api.ScreenPrompt {
	return api.ScreenPrompt{ID: i.ID, BinID: i.BinID, Prompt: *i.Prompt}
}

func (b *binSide) ThanksFor(i *inspection.Inspection) (api.Thanks, bool) {
	return api.Thanks{ID: i.ID, BinID: i.BinID}, true
}

func (b *binSide) Answer(context.Context, string, string, inspection.PromptState) error { return nil }
func (b *binSide) Shown(context.Context, string, string) error                          { return nil }

func (b *binSide) TakeFrame(_ context.Context, _, cameraID string, _ []byte) error {
	if b.blocked != nil && cameraID == "slow" {
		<-b.blocked
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.frames = append(b.frames, cameraID)
	return b.fail
}

func (b *binSide) TakeDeposit(_ context.Context, _, binID, key string, _ []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail == nil {
		b.deposits = append(b.deposits, binID+"/"+key)
	}
	return b.fail
}

func (b *binSide) setFailure(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fail = err
}

func (b *binSide) taken() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.deposits...)
}

func (b *binSide) seen() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.frames...)
}

type noCameras struct{}

func (noCameras) States() map[string]pipeline.CameraState { return nil }

// fixture is a service over real records with one station, "gate".
type fixture struct {
	*testing.T
	*Service
	bin     *binSide
	auth    *auth.Service
	hub     *notify.Hub
	changes *notify.Changes
	log     *syncBuffer
	cas     *x509.CertPool // with TLS
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	st, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "t.db"), store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	require.NoError(t, st.CreateStation(t.Context(), &station.Station{ID: "gate", Name: "gate", RegionPath: "/a", TimeZone: "UTC"}))
	f := &fixture{T: t, bin: &binSide{bins: []api.ScreenBin{{ID: "kitchen"}}}, log: &syncBuffer{}, hub: notify.New(notify.Options{}), changes: notify.NewChanges()}
	t.Cleanup(f.hub.Close)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(f.log.String())
		}
	})
	log := slog.New(slog.NewTextHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	f.auth, err = auth.New(st, log, nil)
	require.NoError(t, err)
	f.Service, err = New(Config{Listen: "127.0.0.1:0", Dir: t.TempDir(), NoSync: true, Beat: 200 * time.Millisecond, Look: 50 * time.Millisecond}, Deps{
		Auth: f.auth, BinSide: f.bin, Store: st, Cameras: noCameras{}, Hub: f.hub, Changes: f.changes, Registerer: prometheus.NewRegistry(), Logger: log,
	})
	require.NoError(t, err)
	return f
}

// start runs it for the length of the test.
func start(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t)
	f.run()
	return f
}

func (f *fixture) run() {
	f.Helper()
	require.NoError(f, f.Start(f.Context()))
	f.Cleanup(func() { f.Close(context.WithoutCancel(f.Context())) })
}

type syncBuffer struct {
	mu  sync.Mutex
	all strings.Builder
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.String()
}

func (f *fixture) token(scopes ...auth.Scope) string {
	f.Helper()
	_, text, err := f.auth.IssueToken(f.Context(), "device", scopes, time.Time{}, "test")
	require.NoError(f, err)
	return text
}

// tryConnect connects a device.
func (f *fixture) tryConnect(token string, change ...func(*paho.ClientOptions)) (paho.Client, error) {
	f.Helper()
	opts := paho.NewClientOptions().AddBroker("tcp://" + f.Addr()).SetUsername("x").SetPassword(token).
		SetAutoReconnect(false).SetConnectTimeout(patience).SetProtocolVersion(4)
	for _, c := range change {
		c(opts)
	}
	c := paho.NewClient(opts)
	t := c.Connect()
	require.True(f, t.WaitTimeout(patience))
	if t.Error() == nil {
		f.Cleanup(func() { c.Disconnect(10) })
	}
	return c, t.Error()
}

func (f *fixture) connect(token string, change ...func(*paho.ClientOptions)) paho.Client {
	f.Helper()
	c, err := f.tryConnect(token, change...)
	require.NoError(f, err)
	return c
}

func (f *fixture) publish(c paho.Client, topic string, qos byte, retained bool, payload string) {
	f.Helper()
	t := c.Publish(topic, qos, retained, payload)
	require.True(f, t.WaitTimeout(patience))
	require.NoError(f, t.Error())
}

func (f *fixture) subscribe(c paho.Client, topic string) <-chan paho.Message {
	f.Helper()
	out := make(chan paho.Message, 1024)
	t := c.Subscribe(topic, 1, func(_ paho.Client, m paho.Message) {
		select {
		case out <- m:
		default:
		}
	})
	require.True(f, t.WaitTimeout(patience))
	require.NoError(f, t.Error())
	return out
}

func next(t *testing.T, from <-chan paho.Message) paho.Message {
	t.Helper()
	select {
	case m := <-from:
		return m
	case <-time.After(patience):
		t.Fatal("no message")
		return nil
	}
}

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
		return testutil.ToFloat64(f.Service.metrics.received.WithLabelValues(kindDeposit, retried))
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

	again, err := New(f.cfg, Deps{Auth: f.auth, BinSide: f.bin, Store: f.deps.Store, Cameras: noCameras{}, Hub: f.hub, Changes: f.changes, Logger: f.deps.Logger})
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
		return testutil.ToFloat64(f.Service.metrics.received.WithLabelValues(kindFrame, dropped))
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
		return testutil.ToFloat64(f.Service.metrics.received.WithLabelValues(kindCorrection, refused))
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
	require.Equal(t, 1, f.gate.count())
}

func TestConnectionsOfOneTokenAreBounded(t *testing.T) {
	f := start(t)
	token := f.token(auth.ForListener("gate"))
	for range maxConnections {
		f.connect(token)
	}
	_, err := f.tryConnect(token)
	require.Error(t, err)
	f.connect(f.token(auth.ForListener("gate")))
	require.Equal(t, maxConnections+1, f.gate.count())
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
	require.Positive(t, testutil.ToFloat64(f.Service.metrics.refused.WithLabelValues("too-many-attempts")))
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

package mqtt

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/notify"
	"github.com/binside/binside/server/pipeline"
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
	mu   sync.Mutex
	fail error
	// redacted is what is left of every picture; nil: all of it. unredacted is why
	// none can be redacted.
	redacted   []byte
	unredacted error
	deposits   []string // bin and key
	frames     []string // cameras
	blocked    chan struct{}
	bins       []api.ScreenBin
}

func (b *binSide) Screen(_ context.Context, stationID string) (api.Screen, error) {
	return api.Screen{StationID: stationID, Bins: b.bins, Prompts: []api.ScreenPrompt{}, Silent: []pipeline.SilentBin{}, Blind: []condition.Kind{}, Now: time.Now().UTC()}, nil
}

func (b *binSide) Prompt(i *inspection.Inspection, _ []api.ScreenBin) api.ScreenPrompt {
	return api.ScreenPrompt{ID: i.ID, BinID: i.BinID, Prompt: *i.Prompt}
}

func (b *binSide) ThanksFor(_ context.Context, i *inspection.Inspection) (api.Thanks, bool) {
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

func (b *binSide) Redact(_ context.Context, image []byte) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.redacted != nil {
		image = b.redacted
	}
	return image, b.unredacted
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

// cameras are states, by camera.
type cameras map[string]pipeline.CameraState

func (c cameras) States() map[string]pipeline.CameraState { return c }

// fixture is a service over real records with one station, "gate".
type fixture struct {
	*testing.T
	*Service
	bin     *binSide
	auth    *auth.Service
	hub     *notify.Hub
	changes *notify.Changes
	log     *syncBuffer
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
		Auth: f.auth, BinSide: f.bin, Store: st, Cameras: cameras{}, Hub: f.hub, Changes: f.changes, Registerer: prometheus.NewRegistry(), Logger: log,
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

// devices is how many are connected.
func (f *fixture) devices() int {
	n, _ := f.gate.count()
	return n
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

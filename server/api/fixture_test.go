package api_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"net/textproto"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/binside/binside/camera/isolate"
	"github.com/binside/binside/datasets"
	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/base"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/agents"
	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/correction"
	"github.com/binside/binside/server/deletion"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/notify"
	"github.com/binside/binside/server/pipeline"
	"github.com/binside/binside/server/relay"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store"
	"github.com/binside/binside/server/store/object"
	"github.com/binside/binside/vision"
)

func TestMain(m *testing.M) {
	isolate.BecomeChild()
	goleak.VerifyTestMain(m,
		// fasthttp's clock for the Date header runs as long as the process.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		// These two sleep up to ten seconds before they see that all is over.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server/pse.periodic"))
}

// fixture is a server on a real listener over a real store, object folder, hub
// and intake. In place of queue and worker stands judge, which stores an
// inspection for every deposit at once.
type fixture struct {
	testing.TB
	srv     *api.Server
	deps    api.Deps
	url     string
	client  *http.Client
	store   *store.Store
	objects *object.Local
	auth    *auth.Service
	hub     *notify.Hub
	judge   *judge
	cameras *pipeline.Cameras
	// redactor fails as the test wants it to.
	redactor redactor
	agents   *agents.Service
	admin    string // tokens
	read     string
	status   atomic.Pointer[map[string]api.Readiness]
	log      *syncBuffer
	page     fstest.MapFS
}

type options struct {
	cfg    api.Config
	buffer int // the hub's, for one reader
	demo   api.Demonstration
	noPage bool
	// prompts tells the bin side of every misdeposit.
	prompts correction.Config
}

func start(tb testing.TB, o options) *fixture {
	tb.Helper()
	ctx := tb.Context()
	f := &fixture{TB: tb, log: &syncBuffer{}}
	log := slog.New(slog.NewTextHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	reg := prometheus.NewRegistry()
	var err error
	f.store, err = store.Open(ctx, "sqlite:"+filepath.Join(tb.TempDir(), "t.db"), store.Options{Registerer: reg})
	require.NoError(tb, err)
	f.objects, err = object.NewLocal(tb.TempDir(), 0)
	require.NoError(tb, err)
	f.auth, err = auth.New(f.store, log, nil)
	require.NoError(tb, err)
	f.hub = notify.New(notify.Options{Buffer: o.buffer, Registerer: reg})
	f.judge = &judge{store: f.store, objects: f.objects, hub: f.hub}
	m := pipeline.NewMetrics(reg)
	prepared := pipeline.NewPrepared(0)
	intake := pipeline.NewIntake(pipeline.IntakeConfig{Redactor: nobody{}}, f.store, f.judge, f.hub, prepared, m)
	f.cameras = pipeline.NewCameras(pipeline.CamerasConfig{}, pipeline.CamerasDeps{
		Store: f.store, Queue: f.judge, Hub: f.hub, Prepared: prepared, Metrics: m, Registerer: reg, Logger: log, Open: pipeline.OpenFeed,
		Redactor: nobody{}, Overview: &f.redactor,
	})
	f.setStatus(map[string]api.Readiness{"model": {Status: api.Ready}, "queue": {Status: api.Ready}, "store": {Status: api.Ready}, "objects": {Status: api.Ready}})
	f.page = fstest.MapFS{
		"index.html":                   {Data: []byte("<!doctype html><title>binside</title>")},
		"favicon.svg":                  {Data: []byte("<svg/>")},
		"assets/app-1a2b.js":           {Data: []byte("export {}")},
		"assets/app-1a2b.css":          {Data: []byte("a{}")},
		"swagger/swagger-ui-bundle.js": {Data: []byte("//")},
	}
	policy, err := verdict.NewPolicy(taxonomy.Default(), riskSample(tb), verdict.DefaultConfidence)
	require.NoError(tb, err)
	signer, err := deletion.NewSigner(bytes.Repeat([]byte{2}, 32))
	require.NoError(tb, err)
	deps := api.Deps{
		Store: f.store, Objects: f.objects, Deletions: deletion.NewLog(f.store, signer), Intake: intake, Cameras: f.cameras, Hub: f.hub, Auth: f.auth, Redactor: nobody{},
		Rules: func() api.Rules {
			return api.Rules{
				Taxonomy: taxonomy.Default(), Card: &models.Card{Version: "test-1", Classes: []string{"battery"}},
				Policy: policy, Thresholds: verdict.DefaultThresholds(),
			}
		}, Demonstration: o.demo,
		Components: func(context.Context) map[string]api.Readiness { return *f.status.Load() },
		SigningKey: bytes.Repeat([]byte{1}, 32), Log: log, Registerer: reg, Gatherer: reg, Changes: notify.NewChanges(),
	}
	_, key, err := ed25519.GenerateKey(nil)
	require.NoError(tb, err)
	f.agents, err = agents.New(ctx, agents.Config{
		Key: key, Taxonomy: taxonomy.Default(), ModelVersion: "test-1", Now: o.cfg.Now,
		Model:    fstest.MapFS{"model.onnx": {Data: []byte("0123456789")}, "card.json": {Data: []byte("{}")}},
		Settings: relay.Settings{Thresholds: verdict.DefaultThresholds(), Retention: map[verdict.Verdict]time.Duration{verdict.Tell: time.Hour}},
	}, agents.Deps{
		Store: f.store, Objects: f.objects, Record: policy.Station, Stored: f.hub.Publish, Changed: deps.Changes.Publish, Registerer: reg, Logger: log,
		Shown: func(i *inspection.Inspection) { f.srv.CountShown(i) },
	})
	require.NoError(tb, err)
	deps.Agents = f.agents
	if o.prompts.Window > 0 {
		prompts := correction.New(o.prompts, correction.Deps{Store: f.store, Hub: f.hub, Changed: deps.Changes.Publish, Logger: log})
		require.NoError(tb, prompts.Start(ctx))
		deps.Prompts = prompts
	}
	if !o.noPage {
		deps.Page = f.page
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(f.Context()), 20*time.Second)
		defer cancel()
		f.cameras.Close(ctx)
		if prompts, ok := deps.Prompts.(*correction.Service); ok {
			prompts.Close()
		}
		f.hub.Close()
		require.NoError(tb, f.store.Close())
	})
	f.client = &http.Client{Transport: &http.Transport{}, Timeout: time.Minute}
	f.serve(deps, o.cfg)
	deps.Registerer = nil // taken
	f.deps = deps
	f.admin, f.read = f.token(auth.Admin), f.token(auth.Read)
	f.places()
	return f
}

// riskSample is the built-in model's.
func riskSample(tb testing.TB) *models.RiskSample {
	tb.Helper()
	folder, err := base.Load()
	require.NoError(tb, err)
	sample, err := base.Risk(folder.Card)
	require.NoError(tb, err)
	return sample
}

// serve runs a server until the test ends; requests go to the latest one.
func (f *fixture) serve(deps api.Deps, cfg api.Config) {
	f.Helper()
	srv, err := api.New(deps, cfg)
	require.NoError(f, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(f, err)
	f.srv, f.url = srv, "http://"+ln.Addr().String()
	if cfg.TLSCert != "" {
		f.url = "https://" + ln.Addr().String()
	}
	served := make(chan error, 1)
	go func() { served <- srv.Listen(ln) }()
	f.Cleanup(func() {
		f.client.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(f.Context()), 20*time.Second)
		defer cancel()
		require.NoError(f, srv.Shutdown(ctx))
		require.NoError(f, <-served)
	})
}

func (f *fixture) setStatus(parts map[string]api.Readiness) { f.status.Store(&parts) }

func (f *fixture) token(scopes ...auth.Scope) string {
	f.Helper()
	_, text, err := f.auth.IssueToken(context.Background(), "test", scopes, time.Time{}, "test")
	require.NoError(f, err)
	return text
}

// places makes two stations, "here" and "there", each with a bin and a push
// camera.
func (f *fixture) places() {
	f.Helper()
	ctx := f.Context()
	for _, id := range []string{"here", "there"} {
		require.NoError(f, f.store.CreateStation(ctx, &station.Station{ID: id, Name: id, RegionPath: "/xihu/" + id, TimeZone: "Asia/Shanghai"}))
		require.NoError(f, f.store.CreateBin(ctx, &station.Bin{ID: "bin-" + id, StationID: id, Name: "blue", Accepts: []string{"recyclable"}}))
		require.NoError(f, f.store.CreateCamera(ctx, &station.Camera{
			ID: "cam-" + id, StationID: id, Name: "cam", Kind: station.Push, Enabled: true,
			Regions: []station.Region{{BinID: "bin-" + id, Polygon: vision.Full()}},
		}))
	}
	require.NoError(f, f.cameras.Reload(ctx))
}

// reply is an answer, read whole.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (r reply) into(tb testing.TB, v any) {
	tb.Helper()
	require.NoError(tb, json.Unmarshal(r.body, v), "%s", r.body)
}

// problem checks the answer's shape and returns the type's slug.
func (r reply) problem(tb testing.TB) string {
	tb.Helper()
	require.Equal(tb, "application/problem+json", r.header.Get("Content-Type"), "%d %s", r.status, r.body)
	var p map[string]any
	r.into(tb, &p)
	require.EqualValues(tb, r.status, p["status"])
	require.NotEmpty(tb, p["title"])
	slug, ok := strings.CutPrefix(fmt.Sprint(p["type"]), "urn:binside:problem:")
	require.True(tb, ok, "%s", r.body)
	return slug
}

type header map[string]string

func (f *fixture) do(method, path, token string, body io.Reader, h header) reply {
	f.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, f.url+path, body)
	require.NoError(f, err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for k, v := range h {
		req.Header.Set(k, v)
	}
	resp, err := f.client.Do(req)
	require.NoError(f, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	require.NoError(f, err)
	return reply{resp.StatusCode, resp.Header, data}
}

func (f *fixture) get(path, token string) reply { return f.do(http.MethodGet, path, token, nil, nil) }

func (f *fixture) send(method, path, token string, v any) reply {
	f.Helper()
	data, err := json.Marshal(v)
	require.NoError(f, err)
	return f.do(method, path, token, bytes.NewReader(data), header{"Content-Type": "application/json"})
}

func (f *fixture) push(path, token string, image []byte) reply {
	return f.do(http.MethodPost, path, token, bytes.NewReader(image), header{"Content-Type": "image/jpeg"})
}

// judge is queue and worker in one: what is published is stored at once with
// the verdict tell, its images as evidence, and announced.
type judge struct {
	store   *store.Store
	objects *object.Local
	hub     *notify.Hub
	err     atomic.Pointer[error] // what Publish answers instead
	hold    atomic.Bool           // accept, and judge never
	n       atomic.Int64
}

func (j *judge) fail(err error) { j.err.Store(&err) }

func (j *judge) Publish(ctx context.Context, d inspection.Deposit) error {
	if err := j.err.Load(); err != nil && *err != nil {
		return *err
	}
	j.n.Add(1)
	if j.hold.Load() {
		return nil
	}
	i := record(d.ID, d.StationID, d.BinID, verdict.Tell, d.CapturedAt)
	i.Source, i.CameraID = d.Source, d.CameraID
	for n, img := range d.Images {
		e := inspection.Evidence{
			Ordinal: n, Key: fmt.Sprintf("evidence/%s/%d.jpg", d.ID, n), SHA256: datasets.ID(img.JPEG), Bytes: len(img.JPEG),
			Width: img.Width, Height: img.Height, ExpiresAt: time.Now().Add(time.Hour),
		}
		if err := j.objects.Put(ctx, e.Key, img.JPEG, "image/jpeg"); err != nil {
			return err
		}
		i.Evidence = append(i.Evidence, e)
	}
	if _, err := j.store.SaveInspection(ctx, i); err != nil {
		return err
	}
	j.hub.Publish(i)
	return nil
}

func record(id, stationID, binID string, v verdict.Verdict, at time.Time) *inspection.Inspection {
	return &inspection.Inspection{
		ID: id, StationID: stationID, BinID: binID, Source: inspection.FromPush, CapturedAt: at, ReceivedAt: at, DecidedAt: at,
		Verdict: v, Reason: "other-category-sure", Category: "hazardous", ItemClass: "battery", Confidence: 0.9,
		Categories: map[string]float64{"hazardous": 0.9, "recyclable": 0.1}, Classes: []models.ClassProbability{{Class: "battery", Probability: 0.9}},
		Score: 18, TellAt: 1.5, Miss: 18, PassAt: 0.5, BoundLevel: verdict.LevelBin,
		Accepts: []string{"recyclable"}, ModelVersion: "test-1", TaxonomyVersion: "1", RuleVersion: "1", Evidence: []inspection.Evidence{},
	}
}

// stored puts one inspection into the store and tells the hub.
func (f *fixture) stored(stationID string, v verdict.Verdict, at time.Time) *inspection.Inspection {
	f.Helper()
	return f.storedWith(stationID, v, at, "other-category-sure")
}

func (f *fixture) storedWith(stationID string, v verdict.Verdict, at time.Time, reason string) *inspection.Inspection {
	f.Helper()
	i := record(uuid.Must(uuid.NewV7()).String(), stationID, "bin-"+stationID, v, at)
	i.Reason = reason
	_, err := f.store.SaveInspection(context.Background(), i)
	require.NoError(f, err)
	f.hub.Publish(i)
	return i
}

// photo is a JPEG with some texture; seed makes it another one.
func photo(tb testing.TB, width, height, seed int) []byte {
	tb.Helper()
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			img.SetRGBA(x, y, color.RGBA{uint8(x*7 + y*3 + seed*31), uint8(x*y + seed), uint8(y*5 ^ x), 255})
		}
	}
	var buf bytes.Buffer
	require.NoError(tb, jpeg.Encode(&buf, img, &jpeg.Options{Quality: 80}))
	return buf.Bytes()
}

type file struct {
	name, contentType string
	data              []byte
}

func form(tb testing.TB, fields map[string]string, files ...file) (io.Reader, header) {
	tb.Helper()
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	for k, v := range fields {
		require.NoError(tb, w.WriteField(k, v))
	}
	for _, f := range files {
		h := textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf(`form-data; name="files"; filename=%q`, f.name)}}
		if f.contentType != "" {
			h.Set("Content-Type", f.contentType)
		}
		p, err := w.CreatePart(h)
		require.NoError(tb, err)
		_, err = p.Write(f.data)
		require.NoError(tb, err)
	}
	require.NoError(tb, w.Close())
	return &buf, header{"Content-Type": w.FormDataContentType()}
}

// syncBuffer is a log that several goroutines write.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// redactor takes the upper half of every picture for a person, or fails.
type redactor struct{ err atomic.Pointer[error] }

func (r *redactor) Areas(_ context.Context, img *vision.Image) ([]image.Rectangle, error) {
	if err := r.err.Load(); err != nil && *err != nil {
		return nil, *err
	}
	return []image.Rectangle{{Max: image.Pt(img.Width, img.Height/2)}}, nil
}

// nobody sees no people.
type nobody struct{}

func (nobody) Areas(context.Context, *vision.Image) ([]image.Rectangle, error) { return nil, nil }

// panicking is a part with a bug.
type panicking struct{}

func (panicking) Report(context.Context) (api.DemonstrationReport, error) { panic("hunter2") }

var errTest = errors.New("a part has failed in a test, secret=hunter2")

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/camera/cameratest"
	"github.com/binside/binside/camera/isolate"
	"github.com/binside/binside/datasets"
	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/config"
	"github.com/binside/binside/server/demonstration"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/store/object"
	"github.com/binside/binside/server/store/object/objecttest"
)

// asProgram makes the test binary be the program itself, so that tests can
// start and kill real processes of it.
const asProgram = "BINSIDE_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	isolate.BecomeChild()
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func testConfig(t *testing.T) config.Config {
	t.Helper()
	cfg := config.Default()
	cfg.DataDir = t.TempDir()
	cfg.HTTP.Listen = "127.0.0.1:0"
	return cfg
}

func startService(t *testing.T, cfg config.Config) *service {
	t.Helper()
	s, err := start(t.Context(), cfg, slog.New(slog.NewTextHandler(t.Output(), nil)))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.stop(t.Context())) })
	return s
}

// A part that cannot start is named, and those that had started are stopped: a
// second start on the same data folder, whose queue is locked by a running
// service, works.
func TestFailedStartLeavesNothing(t *testing.T) {
	cfg := testConfig(t)
	bad := cfg
	bad.Model.Runtime = filepath.Join(t.TempDir(), "libonnxruntime.so.1")
	_, err := start(t.Context(), bad, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "model")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	bad = cfg
	bad.HTTP.Listen = taken.Addr().String()
	_, err = start(t.Context(), bad, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "address already in use")
	startService(t, cfg)
}

// client speaks to the API with a token or a session's cookie.
type client struct {
	t     *testing.T
	base  string
	token string
	http  *http.Client
}

func (s *service) client(t *testing.T, scopes ...auth.Scope) *client {
	t.Helper()
	_, token, err := s.auth.IssueToken(t.Context(), t.Name(), scopes, time.Time{}, "test")
	require.NoError(t, err)
	return &client{t: t, base: s.url(), token: token, http: &http.Client{Timeout: 30 * time.Second}}
}

// do sends a request and decodes the answer into out, where that is not nil.
func (c *client) do(method, path string, body io.Reader, contentType string, out any) int {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, body)
	require.NoError(c.t, err)
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := c.http.Do(req)
	require.NoError(c.t, err)
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	require.NoError(c.t, err)
	if out != nil && res.StatusCode < 300 {
		require.NoError(c.t, json.Unmarshal(data, out), "%s", data)
	}
	return res.StatusCode
}

func (c *client) json(method, path string, in, out any) int {
	c.t.Helper()
	if in == nil {
		return c.do(method, path, nil, "", out)
	}
	body, err := json.Marshal(in)
	require.NoError(c.t, err)
	return c.do(method, path, bytes.NewReader(body), "application/json", out)
}

type page struct {
	Items []api.Inspection `json:"items"`
}

// makeStation sets up a station with one bin per category.
func (c *client) makeStation(id string) {
	c.t.Helper()
	require.Equal(c.t, 201, c.json("POST", "/api/v1/stations", map[string]any{"id": id, "name": id}, nil))
	for _, category := range []string{"recyclable", "kitchen", "hazardous", "other"} {
		bin := map[string]any{"id": id + "-" + category, "name": category, "accepts": []string{category}}
		require.Equal(c.t, 201, c.json("POST", "/api/v1/stations/"+id+"/bins", bin, nil))
	}
}

func sum(data []byte) string {
	digest := sha256.Sum256(data)
	return hex.EncodeToString(digest[:])
}

// The whole line: the simulated camera's video, detector, queue, model,
// verdict, evidence, API, and a label that comes out of the export.
func TestDemonstrationEndToEnd(t *testing.T) {
	cfg := testConfig(t)
	cfg.Demo.Enabled = true
	cfg.Demo.WrongShare = 0.8 // so that the first flag does not take long
	if _, err := simulation(cfg.Demo, taxonomy.Default(), nil); err != nil {
		cameratest.Missing(t, "the demonstration's photographs: %v", err)
	}
	s := startService(t, cfg)
	c := s.signIn(t)

	var flagged page
	require.Eventually(t, func() bool {
		return c.json("GET", "/api/v1/inspections?station=demo&verdict=tell&verdict=check", nil, &flagged) == 200 && len(flagged.Items) > 0
	}, 3*time.Minute, 500*time.Millisecond, "no misdeposit was flagged")
	got := flagged.Items[0]
	require.NotEmpty(t, got.Evidence)
	evidence := c.fetch(got.Evidence[0].URL)
	require.Equal(t, got.Evidence[0].SHA256, sum(evidence))

	relabel := map[string]any{"decision": inspection.Relabelled, "item_class": "battery"}
	var reviewed api.Inspection
	require.Equal(t, 200, c.json("POST", "/api/v1/inspections/"+got.ID+"/review", relabel, &reviewed))
	require.Equal(t, "hazardous", reviewed.Review.Category)

	dir, rows := s.exported(t)
	require.Len(t, rows, 1)
	require.Equal(t, "battery", rows[0].ItemClass)
	require.Equal(t, "hazardous", rows[0].Category)
	labelled, err := os.ReadFile(filepath.Join(dir, rows[0].Path))
	require.NoError(t, err)
	require.Equal(t, evidence, labelled, "the sample is the evidence that was looked at")

	var report api.DemonstrationReport
	require.Equal(t, 200, c.json("GET", "/api/v1/demonstration", nil, &report))
	require.NotEmpty(t, report.Judged)
}

// exported is what `binside export` writes: the folder and its manifest.
func (s *service) exported(t *testing.T) (dir string, rows []datasets.Row) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "samples")
	require.NoError(t, export(t.Context(), io.Discard, slog.Default(), dir, s.store, s.objects))
	rows, err := datasets.ReadManifest(filepath.Join(dir, "manifest.csv"))
	require.NoError(t, err)
	return dir, rows
}

// A second start on the same records finds the station there and points its
// camera at the simulator's new port.
func TestDemonstrationStartsAgain(t *testing.T) {
	cfg := testConfig(t)
	cfg.Demo.Enabled = true
	if _, err := simulation(cfg.Demo, taxonomy.Default(), nil); err != nil {
		cameratest.Missing(t, "the demonstration's photographs: %v", err)
	}
	addresses := make(map[string]bool)
	for range 2 {
		s, err := start(t.Context(), cfg, slog.New(slog.NewTextHandler(t.Output(), nil)))
		require.NoError(t, err)
		cam, err := s.store.GetCamera(t.Context(), demonstration.CameraID)
		require.NoError(t, err)
		require.True(t, cam.Enabled)
		addresses[cam.URL] = true
		require.NoError(t, s.stop(t.Context()))
	}
	require.Len(t, addresses, 2)
}

// signIn opens a session by a one-time link, as a browser does.
func (s *service) signIn(t *testing.T) *client {
	t.Helper()
	code, err := s.auth.IssueLink(t.Context(), operator, []auth.Scope{auth.Admin})
	require.NoError(t, err)
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	c := &client{t: t, base: s.url(), http: &http.Client{Jar: jar, Timeout: 30 * time.Second, Transport: sameOrigin{}}}
	require.Equal(t, 204, c.json("POST", "/api/v1/session", map[string]string{"code": code}, nil))
	require.Equal(t, 401, (&client{t: t, base: s.url(), http: &http.Client{}}).json("GET", "/api/v1/stations", nil, nil))
	return c
}

// sameOrigin adds what a browser says of a request made by the page itself.
type sameOrigin struct{}

func (sameOrigin) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return http.DefaultTransport.RoundTrip(r)
}

func (c *client) fetch(path string) []byte {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, c.base+path, nil)
	require.NoError(c.t, err)
	res, err := (&http.Client{Timeout: 10 * time.Second}).Do(req) // a signed link needs no credential
	require.NoError(c.t, err)
	defer res.Body.Close()
	require.Equal(c.t, http.StatusOK, res.StatusCode)
	data, err := io.ReadAll(res.Body)
	require.NoError(c.t, err)
	return data
}

// Real photographs pushed to bins get the verdict that taxonomy, thresholds
// and prediction imply, and what is flagged can be fetched back, from a local
// folder as from MinIO, as the record says that it is.
func TestPushedPhotographs(t *testing.T) {
	files := sharedPhotographs(t, 40)
	t.Run("local", func(t *testing.T) { pushPhotographs(t, testConfig(t), files) })
	t.Run("MinIO", func(t *testing.T) {
		cfg := testConfig(t)
		cfg.Objects.URL = objecttest.NewMinIO(t).URL("evidence")
		cfg.Objects.AccessKey, cfg.Objects.SecretKey = objecttest.AccessKey, objecttest.SecretKey
		pushPhotographs(t, cfg, files)
	})
}

// sharedPhotographs are about n real ones, by path.
func sharedPhotographs(t *testing.T, n int) map[string][]byte {
	t.Helper()
	const shared = "../../../../shared/data"
	rows, err := datasets.ReadManifest(cameratest.Shared(t, filepath.Join(shared, "manifest.csv")))
	require.NoError(t, err)
	files := make(map[string][]byte)
	for _, row := range everyNth(rows, len(rows)/n) {
		files[row.Path], err = os.ReadFile(filepath.Join(shared, row.Path))
		require.NoError(t, err)
	}
	return files
}

func pushPhotographs(t *testing.T, cfg config.Config, files map[string][]byte) {
	t.Helper()
	s := startService(t, cfg)
	c := s.client(t, auth.Admin)
	c.makeStation("gate")
	var bin api.Bin
	require.Equal(t, 200, c.json("GET", "/api/v1/bins/gate-kitchen", nil, &bin))
	var flagged []api.Inspection
	for name, data := range files {
		var got api.Inspection
		status := c.do("POST", "/api/v1/bins/gate-kitchen/deposits?wait=20s", bytes.NewReader(data), "image/jpeg", &got)
		require.Equal(t, 201, status, name)
		checkVerdict(t, bin.Bound, got)
		if got.Verdict != "pass" {
			flagged = append(flagged, got)
		}
	}
	require.True(t, slices.ContainsFunc(flagged, func(i api.Inspection) bool { return i.Verdict == "tell" }))
	if spool, ok := s.objects.(*object.Spool); ok {
		// What is fetched comes from the object store, not from the way to it.
		require.Eventually(t, func() bool { return spool.Pending().Objects == 0 }, time.Minute, 50*time.Millisecond)
	}
	for _, i := range flagged {
		require.Equal(t, i.Evidence[0].SHA256, sum(c.fetch(i.Evidence[0].URL)), i.ID)
	}
}

func everyNth(rows []datasets.Row, n int) []datasets.Row {
	var out []datasets.Row
	for i := 0; i < len(rows); i += n {
		out = append(out, rows[i])
	}
	return out
}

// checkVerdict works the verdict out again from the probabilities that were
// recorded, the table of harm and the bound that the bin shows.
func checkVerdict(t *testing.T, bound verdict.Bound, i api.Inspection) {
	t.Helper()
	harm := taxonomy.Default().Harm
	var accepted, miss float64
	for id, p := range i.Categories {
		if slices.Contains(i.Accepts, id) {
			accepted += p
		}
		miss += p * harm.Of(id, i.Accepts)
	}
	score := miss / (harm.Accusation * max(accepted, 1e-6))
	require.InEpsilon(t, 1+score, 1+i.Score, 1e-6)
	require.InDelta(t, miss, i.Miss, 1e-3)
	require.InDelta(t, bound.TellAt, i.TellAt, 0)
	require.Equal(t, bound.Level, i.BoundLevel)
	require.Equal(t, harm.Version, i.HarmVersion)
	wrong := !slices.Contains(i.Accepts, i.Category) && i.Confidence > accepted && score >= 1
	want := verdict.Check
	switch {
	case i.Verdict == verdict.Unreadable || i.Reason == verdict.ReasonStrange:
		return
	case wrong && score >= bound.TellAt && i.Confidence >= 0.5:
		want = verdict.Tell
	case !wrong && miss <= harm.Check:
		want = verdict.Pass
	}
	require.Equal(t, want, i.Verdict, "%+v", i.Categories)
}

// The service is killed while deposits are pushed, twice: each one that was
// acknowledged has exactly one inspection in the end.
func TestKilledServiceLosesNothing(t *testing.T) {
	cfg := testConfig(t)
	s := startService(t, cfg)
	c := s.client(t, auth.Admin)
	c.makeStation("gate")
	require.NoError(t, s.stop(t.Context()))

	picture := testPicture(t)
	acknowledged := make(map[string]int) // deposit id → how often
	for round := range 2 {
		p := startProcess(t, cfg.DataDir)
		c.base = p.url
		for n := range 25 {
			key := fmt.Sprintf("round-%d-%d", round, n)
			id, ok := c.tryPush("gate-kitchen", key, picture)
			if !ok {
				break
			}
			acknowledged[id]++
			if n == 20 {
				require.NoError(t, p.cmd.Process.Kill())
			}
		}
		p.wait()
	}
	require.GreaterOrEqual(t, len(acknowledged), 40)
	p := startProcess(t, cfg.DataDir)
	c.base = p.url
	// The last acknowledged push of a round, retried with its key after the
	// crash, is the same deposit.
	id, ok := c.tryPush("gate-kitchen", "round-1-20", picture)
	require.True(t, ok)
	require.Contains(t, acknowledged, id)

	var all page
	require.Eventually(t, func() bool {
		require.Equal(t, 200, c.json("GET", "/api/v1/inspections?limit=200", nil, &all))
		return len(all.Items) >= len(acknowledged)
	}, time.Minute, 200*time.Millisecond)
	seen := make(map[string]int)
	for _, i := range all.Items {
		seen[i.ID]++
	}
	for id := range acknowledged {
		require.Equal(t, 1, seen[id], "deposit %s", id)
	}
}

// tryPush pushes one deposit; false where the service is gone.
func (c *client) tryPush(bin, key string, picture []byte) (id string, ok bool) {
	ctx, cancel := context.WithTimeout(c.t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/api/v1/bins/"+bin+"/deposits", bytes.NewReader(picture))
	require.NoError(c.t, err)
	req.Header.Set("Content-Type", "image/jpeg")
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Idempotency-Key", key)
	res, err := c.http.Do(req)
	if err != nil {
		return "", false
	}
	defer res.Body.Close()
	var answer struct {
		DepositID string `json:"deposit_id"`
		ID        string `json:"id"`
	}
	if res.StatusCode >= 300 || json.NewDecoder(res.Body).Decode(&answer) != nil {
		return "", false
	}
	return answer.DepositID + answer.ID, true
}

// process is a running `binside serve`.
type process struct {
	cmd *exec.Cmd
	url string
	t   *testing.T
}

func startProcess(t *testing.T, dataDir string) *process {
	t.Helper()
	return startProgram(t, "serve", "--data", dataDir, "--listen", "127.0.0.1:0")
}

// startProgram runs a subcommand that serves, and waits until it does.
func startProgram(t *testing.T, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self, append(args, "--set", "log.format=json")...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	p := &process{cmd: cmd, t: t}
	t.Cleanup(p.wait)
	found := make(chan string, 1)
	go func() {
		for dec := json.NewDecoder(stderr); ; {
			var line struct{ Msg, URL, Error string }
			if dec.Decode(&line) != nil {
				close(found)
				return
			}
			if line.Msg == "serving" {
				found <- line.URL
			}
		}
	}()
	select {
	case p.url = <-found:
		require.NotEmpty(t, p.url, "the service did not start")
	case <-time.After(time.Minute):
		t.Fatal("the service did not start within a minute")
	}
	return p
}

func (p *process) client(t *testing.T, token string) *client {
	t.Helper()
	return &client{t: t, base: p.url, token: token, http: &http.Client{Timeout: 30 * time.Second}}
}

// wait kills the process, where it still runs, and waits for its end.
func (p *process) wait() {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Kill() // it may be gone already
		_ = p.cmd.Wait()         // the error is the kill
	}
}

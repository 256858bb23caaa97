package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/binside/binside/datasets"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/agents"
	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/deletion"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/relay"
	"github.com/binside/binside/vision/condition"
)

// handed is a record of "here" with one picture, as an agent hands it in.
func handed(t *testing.T, at time.Time) (*relay.Record, []byte) {
	t.Helper()
	i := record(uuid.Must(uuid.NewV7()).String(), "here", "bin-here", verdict.Tell, at.UTC().Truncate(time.Microsecond))
	data := photo(t, 64, 48, 1)
	i.Evidence = []inspection.Evidence{{
		Ordinal: 0, Key: "../../elsewhere", SHA256: datasets.ID(data), Bytes: len(data), Width: 64, Height: 48, ExpiresAt: at.Add(100 * 365 * 24 * time.Hour),
	}}
	return relay.NewRecord(i, 1, 0), data
}

func (f *fixture) handIn(token string, r *relay.Record, pictures ...[]byte) reply {
	f.Helper()
	text, err := json.Marshal(r)
	require.NoError(f, err)
	var files []file
	for _, data := range pictures {
		files = append(files, file{name: "0.jpg", contentType: "image/jpeg", data: data})
	}
	body, h := form(f, map[string]string{"record": string(text)}, files...)
	// form names all files "files"; here a picture's name is its ordinal.
	var buf bytes.Buffer
	_, err = buf.ReadFrom(body)
	require.NoError(f, err)
	for n := range pictures {
		data := bytes.Replace(buf.Bytes(), []byte(`name="files"`), fmt.Appendf(nil, `name="%d"`, n), 1)
		buf = *bytes.NewBuffer(data)
	}
	return f.do(http.MethodPost, "/api/v1/stations/here/agent/inspections", token, &buf, h)
}

// One record that comes many times at once is one inspection, with its picture
// behind a link, its times by the server's clock and the server's retention.
func TestHandedInOnce(t *testing.T) {
	f := start(t, options{})
	token := f.token(auth.ForAgent("here"))
	stream, err := f.hub.Subscribe(t.Context(), nil)
	require.NoError(t, err)
	defer stream.Close()
	behind := 90 * time.Minute
	r, data := handed(t, time.Now().Add(-behind))
	r.ClockOffset = behind.Microseconds()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			got := f.handIn(token, r, data)
			require.Contains(t, []int{http.StatusNoContent, http.StatusServiceUnavailable}, got.status, "%s", got.body)
		})
	}
	wg.Wait()
	r.ClockOffset = 0 // another measurement by the time of a repetition
	require.Equal(t, http.StatusNoContent, f.handIn(token, r).status, "what is known needs no picture")
	require.Equal(t, r.Inspection.ID, (<-stream.Events()).Inspection.ID)
	require.Empty(t, stream.Events(), "it is announced once")

	var items struct{ Items []api.Inspection }
	f.get("/api/v1/inspections?station=here", f.read).into(t, &items)
	require.Len(t, items.Items, 1)
	got := items.Items[0]
	require.WithinDuration(t, time.Now(), got.CapturedAt, time.Minute)
	require.Equal(t, behind.Microseconds(), got.Relay.ClockOffset)
	require.WithinDuration(t, got.DecidedAt.Add(time.Hour), got.Evidence[0].ExpiresAt, time.Second)
	require.Equal(t, data, f.get(got.Evidence[0].URL, "").body)
	require.NotContains(t, got.Evidence[0].Key, "elsewhere")
}

// How a prompt went on is taken from later revisions, and from no earlier one.
func TestLaterRevisions(t *testing.T) {
	f := start(t, options{})
	token := f.token(auth.ForAgent("here"))
	r, data := handed(t, time.Now())
	now := r.Inspection.DecidedAt
	r.Inspection.Prompt = &inspection.Prompt{State: inspection.PromptOpen, OpenedAt: now, Until: now.Add(20 * time.Second)}
	r.Revision = 2
	require.Equal(t, 204, f.handIn(token, r, data).status)
	older := *r
	older.Revision, older.Inspection.Prompt = 1, nil
	require.Equal(t, 204, f.handIn(token, &older, data).status)
	newer := *r
	newer.Revision = 3
	newer.Inspection.Prompt = &inspection.Prompt{State: inspection.PromptCorrected, Means: inspection.MeansButton, OpenedAt: now, Until: now.Add(20 * time.Second), EndedAt: &now}
	changes, leave := f.deps.Changes.Subscribe()
	defer leave()
	require.Equal(t, 204, f.handIn(token, &newer).status)
	require.Equal(t, inspection.PromptCorrected, (<-changes).Prompt.State)
	require.Equal(t, 204, f.handIn(token, r, data).status)
	i, err := f.store.GetInspection(t.Context(), r.Inspection.ID)
	require.NoError(t, err)
	require.Equal(t, inspection.PromptCorrected, i.Prompt.State)
}

// How long the prompts of a station took that an agent runs is in /metrics and
// on the station's page, each once, as if its screen had said so here.
func TestLatencyOfAnAgentsStation(t *testing.T) {
	f := start(t, options{})
	token := f.token(auth.ForAgent("here"))
	r, data := handed(t, time.Now())
	opened := r.Inspection.DecidedAt
	certain, shown := opened.Add(-500*time.Millisecond), opened.Add(100*time.Millisecond)
	prompt := inspection.Prompt{State: inspection.PromptOpen, OpenedAt: opened, Until: opened.Add(20 * time.Second)}
	hand := func(revision int64, p inspection.Prompt) {
		t.Helper()
		r.Revision, r.Inspection.Prompt, r.Steps = revision, &p, &inspection.Steps{CertainAt: certain}
		require.Equal(t, 204, f.handIn(token, r, data).status)
	}
	figures := func() string { return string(f.get("/metrics", f.admin).body) }
	hand(1, prompt)
	require.NotContains(t, figures(), `binside_prompt_seconds_count{step="whole"}`, "no screen has shown it")
	prompt.ShownAt = &shown
	hand(2, prompt)
	prompt.State, prompt.EndedAt = inspection.PromptUncorrected, &prompt.Until
	hand(3, prompt)
	hand(3, prompt)
	require.Contains(t, figures(), `binside_prompt_seconds_count{step="whole"} 1`)
	require.Contains(t, figures(), `binside_station_prompt_seconds{station="here",step="whole",quantile="0.99"} 0.6`)
	require.Contains(t, figures(), `binside_station_prompt_seconds_count{station="here",step="whole"} 1`)
	var got api.Latency
	f.get("/api/v1/stations/here/latency", f.read).into(t, &got)
	require.Equal(t, 1, got.N)
	require.InDelta(t, 600, got.Steps[len(got.Steps)-1].P99, 0.01)

	// What an outage has kept back is counted, and is not how quick it is now.
	r, data = handed(t, time.Now().Add(-time.Hour))
	long := r.Inspection.DecidedAt
	certain, shown = long.Add(-time.Second), long.Add(time.Second)
	hand(1, inspection.Prompt{State: inspection.PromptUncorrected, OpenedAt: long, Until: shown, EndedAt: &shown, ShownAt: &shown})
	require.Contains(t, figures(), `binside_prompt_seconds_count{step="whole"} 2`)
	require.Contains(t, figures(), `binside_station_prompt_seconds_count{station="here",step="whole"} 1`)
}

// Every way in which a prompt can stand can be handed in.
func TestPromptsOfEveryStateAreHandedIn(t *testing.T) {
	f := start(t, options{})
	token := f.token(auth.ForAgent("here"))
	field, ok := reflect.TypeFor[inspection.Prompt]().FieldByName("State")
	require.True(t, ok)
	states := strings.Split(field.Tag.Get("enum"), ",")
	require.Len(t, inspection.PromptStates, len(states))
	for _, state := range inspection.PromptStates {
		require.Contains(t, states, string(state))
		r, data := handed(t, time.Now())
		at := r.Inspection.DecidedAt
		r.Inspection.Prompt = &inspection.Prompt{State: state, OpenedAt: at, Until: at.Add(20 * time.Second), EndedAt: &at}
		require.Equal(t, 204, f.handIn(token, r, data).status, state)
	}
}

// What the station had deleted before it handed a record in is in its own log,
// and is no gap in the server's.
func TestWhatTheStationDeletedIsNoGap(t *testing.T) {
	f := start(t, options{})
	signer, err := deletion.NewSigner(make([]byte, 32))
	require.NoError(t, err)
	require.NoError(t, f.store.LogDeletions(t.Context(), signer))
	r, _ := handed(t, time.Now())
	later := time.Now().Add(time.Minute) // by the station's clock
	r.Inspection.Evidence[0].DeletedAt = &later
	require.Equal(t, 204, f.handIn(f.token(auth.ForAgent("here")), r).status)
	n, err := f.store.UnloggedDeletions(t.Context())
	require.NoError(t, err)
	require.Zero(t, n)
}

// What is not the station's, not whole or not possible is refused with a
// reason and changes nothing.
func TestHandedInWrongly(t *testing.T) {
	f := start(t, options{cfg: api.Config{MaxBody: 1 << 20}})
	token := f.token(auth.ForAgent("here"))
	other := photo(t, 64, 48, 2)
	for name, c := range map[string]struct {
		change func(r *relay.Record, data []byte) (pictures [][]byte)
		slug   string
	}{
		"another station": {func(r *relay.Record, d []byte) [][]byte { r.Inspection.StationID = "there"; return [][]byte{d} }, "validation"},
		"another's bin":   {func(r *relay.Record, d []byte) [][]byte { r.Inspection.BinID = "bin-there"; return [][]byte{d} }, "validation"},
		"no id":           {func(r *relay.Record, d []byte) [][]byte { r.Inspection.ID = "../x"; return [][]byte{d} }, "validation"},
		"no revision":     {func(r *relay.Record, d []byte) [][]byte { r.Revision = 0; return [][]byte{d} }, "validation"},
		"no verdict":      {func(r *relay.Record, d []byte) [][]byte { r.Inspection.Verdict = "guilty"; return [][]byte{d} }, "validation"},
		"a prompt of no kind": {func(r *relay.Record, d []byte) [][]byte {
			r.Inspection.Prompt = &inspection.Prompt{State: "x"}
			return [][]byte{d}
		}, "validation"},
		"of tomorrow": {func(r *relay.Record, d []byte) [][]byte { r.ClockOffset = 86_400_000_000; return [][]byte{d} }, "validation"},
		"of 1970": {func(r *relay.Record, d []byte) [][]byte {
			r.Inspection.CapturedAt = time.Unix(0, 0)
			return [][]byte{d}
		}, "validation"},
		"a long word": {func(r *relay.Record, d []byte) [][]byte {
			r.Inspection.Reason = strings.Repeat("x", 101)
			return [][]byte{d}
		}, "validation"},
		"too many pictures": {func(r *relay.Record, d []byte) [][]byte {
			for n := range 9 {
				e := r.Inspection.Evidence[0]
				e.Ordinal = n
				r.Inspection.Evidence = append(r.Inspection.Evidence, e)
			}
			return [][]byte{d}
		}, "validation"},
		"another picture": {func(*relay.Record, []byte) [][]byte { return [][]byte{other} }, "validation"},
		"another size":    {func(r *relay.Record, d []byte) [][]byte { r.Inspection.Evidence[0].Width = 65; return [][]byte{d} }, "validation"},
		"a place": {func(r *relay.Record, d []byte) [][]byte {
			d = withEXIF(d)
			r.Inspection.Evidence[0].SHA256, r.Inspection.Evidence[0].Bytes = datasets.ID(d), len(d)
			return [][]byte{d}
		}, "validation"},
		"no picture": {func(*relay.Record, []byte) [][]byte { return nil }, "pictures-missing"},
		"half a picture": {func(r *relay.Record, d []byte) [][]byte {
			d = d[:len(d)/2]
			r.Inspection.Evidence[0].SHA256, r.Inspection.Evidence[0].Bytes = datasets.ID(d), len(d)
			return [][]byte{d}
		}, "image-truncated"},
		"no JPEG": {func(r *relay.Record, _ []byte) [][]byte {
			d := []byte("<svg/>")
			r.Inspection.Evidence[0].SHA256, r.Inspection.Evidence[0].Bytes = datasets.ID(d), len(d)
			return [][]byte{d}
		}, "image-unsupported-format"},
	} {
		t.Run(name, func(t *testing.T) {
			r, data := handed(t, time.Now())
			got := f.handIn(token, r, c.change(r, data)...)
			require.Equal(t, c.slug, got.problem(t), "%s", got.body)
		})
	}
	require.Equal(t, "forbidden", f.handIn(f.read, &relay.Record{}).problem(t))
	require.Equal(t, "not-found", f.handIn(f.token(auth.ForAgent("there")), &relay.Record{}).problem(t))
	own := f.stored("here", verdict.Tell, time.Now())
	r, data := handed(t, time.Now())
	r.Inspection.ID = own.ID
	require.Equal(t, "conflict", f.handIn(token, r, data).problem(t), "what was decided here is nobody else's")
	require.Equal(t, 204, f.handIn(token, func() *relay.Record { r, data = handed(t, time.Now()); return r }(), data).status)
	r.Inspection.Category = "kitchen"
	require.Equal(t, "conflict", f.handIn(token, r, data).problem(t))
	var items struct{ Items []api.Inspection }
	f.get("/api/v1/inspections", f.read).into(t, &items)
	require.Len(t, items.Items, 2)
}

// A removed bin takes its regions along, and what was thrown into it can be
// handed in still.
func TestRecordOutlivesItsBin(t *testing.T) {
	f := start(t, options{})
	for _, scope := range []auth.Scope{auth.Read, auth.ForStation("here"), auth.ForAgent("here")} {
		require.Equal(t, "forbidden", f.send(http.MethodDelete, "/api/v1/bins/bin-here", f.token(scope), nil).problem(t), scope)
	}
	require.Equal(t, 204, f.send(http.MethodDelete, "/api/v1/bins/bin-here", f.admin, nil).status)
	require.Equal(t, "not-found", f.send(http.MethodDelete, "/api/v1/bins/bin-here", f.admin, nil).problem(t))
	var cam api.Camera
	f.get("/api/v1/cameras/cam-here", f.admin).into(t, &cam)
	require.Empty(t, cam.Regions)
	r, data := handed(t, time.Now())
	require.Equal(t, 204, f.handIn(f.token(auth.ForAgent("here")), r, data).status)
	i, err := f.store.GetInspection(t.Context(), r.Inspection.ID)
	require.NoError(t, err)
	require.Equal(t, "bin-here", i.BinID)
}

func TestBundleAndModelFile(t *testing.T) {
	f := start(t, options{})
	token := f.token(auth.ForAgent("here"))
	const at = "/api/v1/stations/here/agent"
	require.Equal(t, "no-agent", f.get(at+"/bundle", token).problem(t))
	require.Equal(t, 200, f.send(http.MethodPatch, "/api/v1/stations/here", f.admin, map[string]any{"agent": true}).status)
	got := f.get(at+"/bundle", token)
	require.Equal(t, 200, got.status)
	var signed relay.Signed
	got.into(t, &signed)
	b, err := signed.Open(f.agents.PublicKey())
	require.NoError(t, err)
	require.Equal(t, "cam-here", b.Cameras[0].ID)
	require.Len(t, b.Cameras, 1)
	require.Equal(t, "bin-here", b.Bins[0].ID)
	etag := got.header.Get("ETag")
	require.Equal(t, fmt.Sprintf(`"%d"`, b.Sequence), etag)
	require.Equal(t, 304, f.do(http.MethodGet, at+"/bundle", token, nil, header{"If-None-Match": etag}).status)
	require.Equal(t, 200, f.send(http.MethodPatch, "/api/v1/bins/bin-here", f.admin, map[string]any{"accepts": []string{"kitchen"}}).status)
	require.Equal(t, 200, f.do(http.MethodGet, at+"/bundle", token, nil, header{"If-None-Match": etag}).status)
	require.Equal(t, "validation", f.get(at+"/bundle?have=x", token).problem(t))

	file := at + "/model/" + b.Model.Files[0].SHA256
	require.Equal(t, "0123456789", string(f.get(file, token).body))
	rest := f.do(http.MethodGet, file, token, nil, header{"Range": "bytes=7-"})
	require.Equal(t, 206, rest.status)
	require.Equal(t, "789", string(rest.body))
	require.Equal(t, "bytes 7-9/10", rest.header.Get("Content-Range"))
	require.Equal(t, 416, f.do(http.MethodGet, file, token, nil, header{"Range": "bytes=10-"}).status)
	require.Equal(t, 200, f.do(http.MethodGet, file, token, nil, header{"Range": "bytes=0-3,5-6"}).status)
	require.Equal(t, "not-found", f.get(at+"/model/"+strings.Repeat("0", 64), token).problem(t))
}

// An agent that does not report for a minute is shown as offline, with its
// cameras; a restart of the server forgets nothing.
func TestAgentGoesOffline(t *testing.T) {
	var ahead atomic.Int64
	clock := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	f := start(t, options{cfg: api.Config{Now: clock}})
	token := f.token(auth.ForAgent("here"))
	const at = "/api/v1/stations/here/agent"
	require.Equal(t, 200, f.send(http.MethodPatch, "/api/v1/stations/here", f.admin, map[string]any{"agent": true}).status)
	require.Equal(t, "not-found", f.get(at, f.read).problem(t), "none has ever come")
	require.Equal(t, 200, f.get(at+"/bundle", token).status)
	skew := 12.5
	report := relay.Report{
		Version: "1", SkewSeconds: &skew, Backlog: relay.Backlog{Inspections: 7}, Cameras: map[string]relay.CameraReport{"cam-here": {Status: "streaming", Frames: 9}},
	}
	var answer relay.Answer
	said := report
	said.Cameras = map[string]relay.CameraReport{"cam-here": report.Cameras["cam-here"], "cam-there": {Status: "streaming", Condition: condition.Black}}
	f.send(http.MethodPost, at+"/report", token, said).into(t, &answer)
	require.WithinDuration(t, time.Now(), answer.ReceivedAt, time.Minute)
	require.False(t, answer.SentAt.Before(answer.ReceivedAt))
	var status agents.AgentStatus
	f.get(at, f.read).into(t, &status)
	require.True(t, status.Online)
	require.Equal(t, &report, status.Report, "nothing is said of another station's camera")
	metrics := string(f.get("/metrics", f.read).body)
	for _, line := range []string{`binside_agent_up{station="here"} 1`, `binside_agent_backlog{station="here"} 7`, `binside_agent_clock_skew_seconds{station="here"} 12.5`} {
		require.Contains(t, metrics, line)
	}
	var overview api.Overview
	f.get("/api/v1/overview", f.read).into(t, &overview)
	require.Equal(t, "here", overview.Items[0].Station.ID)
	require.Equal(t, &status, overview.Items[0].Agent)
	require.Nil(t, overview.Items[1].Agent)
	ahead.Store(int64(61 * time.Second))
	f.get(at, f.read).into(t, &status)
	require.False(t, status.Online)
	require.Contains(t, string(f.get("/metrics", f.read).body), `binside_agent_up{station="here"} 0`)
	require.Contains(t, f.agents.CameraStates()["cam-here"].Error, "does not report")
}

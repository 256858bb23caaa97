package api_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/correction"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/station"
)

// until reads events up to one of the name.
func until[T any](t *testing.T, ch <-chan event, name string) T {
	t.Helper()
	for {
		e := next(t, ch)
		if e.name == name {
			var v T
			require.NoError(t, json.Unmarshal([]byte(e.data), &v), "%s", e.data)
			return v
		}
	}
}

func TestScreenTellsAndTakesTheAnswer(t *testing.T) {
	f := start(t, options{prompts: correction.Config{Window: time.Minute}})
	require.NoError(t, f.store.CreateBin(t.Context(), &station.Bin{ID: "red", StationID: "here", Name: "red", Accepts: []string{"hazardous"}}))
	screen := f.token(auth.ForScreen("here"))
	ch := f.streamOf(screen, "/api/v1/stations/here/screen/events", "")
	first := until[api.Screen](t, ch, "screen")
	require.Equal(t, "here", first.Name)
	require.Len(t, first.Bins, 2)
	require.Empty(t, first.Prompts)
	require.Empty(t, first.Blind)

	f.stored("there", verdict.Tell, time.Now())
	i := f.stored("here", verdict.Tell, time.Now())
	p := until[api.ScreenPrompt](t, ch, "prompt")
	require.Equal(t, i.ID, p.ID, "another station's is not shown")
	require.Equal(t, inspection.PromptOpen, p.Prompt.State)
	require.Equal(t, []string{"red"}, p.GoesTo)
	require.Equal(t, "hazardous", p.Category)
	require.InDelta(t, 60, p.Prompt.Until.Sub(p.Prompt.OpenedAt).Seconds(), 0.1)
	require.Equal(t, http.StatusNoContent, f.send(http.MethodPost, "/api/v1/stations/here/screen/shown", screen, map[string]string{"inspection_id": i.ID}).status)
	require.Contains(t, string(f.get("/metrics", f.admin).body), `binside_prompt_seconds_count{step="whole"} 1`)

	answer := f.send(http.MethodPost, "/api/v1/inspections/"+i.ID+"/correction", screen, map[string]string{"outcome": "appealed"})
	require.Equal(t, http.StatusOK, answer.status, "%s", answer.body)
	answer.into(t, &p)
	require.Equal(t, inspection.PromptAppealed, p.Prompt.State)
	require.Regexp(t, `^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$`, p.Prompt.Receipt)
	require.Equal(t, p.Prompt, until[api.ScreenPrompt](t, ch, "prompt").Prompt)
	again := f.send(http.MethodPost, "/api/v1/inspections/"+i.ID+"/correction", screen, map[string]string{"outcome": "corrected"})
	require.Equal(t, "prompt-over", again.problem(t))

	f.stored("here", verdict.Pass, time.Now())
	require.Equal(t, "bin-here", until[api.Thanks](t, ch, "thanks").BinID)

	// What lay on the queue while the service was away thanks nobody who is there now.
	f.stored("here", verdict.Pass, time.Now().Add(-time.Minute))
	late := f.stored("here", verdict.Pass, time.Now())
	require.Equal(t, late.ID, until[api.Thanks](t, ch, "thanks").ID)
}

// What ended while a screen was away is told when it is back, if it is still of
// now, and nothing twice.
func TestScreenResumes(t *testing.T) {
	f := start(t, options{prompts: correction.Config{Window: time.Minute}})
	screen := f.token(auth.ForScreen("here"))
	const path = "/api/v1/stations/here/screen/events"
	ch := f.streamOf(screen, path, "")
	until[api.Screen](t, ch, "screen")
	f.stored("here", verdict.Pass, time.Now())
	var last event
	for last.name != "thanks" {
		last = next(t, ch)
	}
	require.NotEmpty(t, last.id)

	// A break, as this screen sees it.
	i := f.stored("here", verdict.Tell, time.Now())
	until[api.ScreenPrompt](t, ch, "prompt")
	require.Equal(t, http.StatusOK, f.send(http.MethodPost, "/api/v1/inspections/"+i.ID+"/correction", screen, map[string]string{"outcome": "appealed"}).status)
	right := f.stored("here", verdict.Pass, time.Now())
	f.stored("there", verdict.Pass, time.Now())
	old := record(uuid.Must(uuid.NewV7()).String(), "here", "bin-here", verdict.Pass, time.Now().Add(-time.Minute))
	_, err := f.store.SaveInspection(t.Context(), old)
	require.NoError(t, err)

	again := f.streamOf(screen, path, last.id)
	require.Equal(t, "screen", next(t, again).name)
	got := until[api.ScreenPrompt](t, again, "prompt")
	require.Equal(t, i.ID, got.ID)
	require.NotEmpty(t, got.Prompt.Receipt)
	end := next(t, again)
	require.Equal(t, "thanks", end.name)
	require.Contains(t, end.data, right.ID)

	// All of it is told now; the next that is heard is the next that happens.
	third := f.streamOf(screen, path, end.id)
	require.Equal(t, "screen", next(t, third).name)
	newest := f.stored("here", verdict.Pass, time.Now())
	require.Equal(t, newest.ID, until[api.Thanks](t, third, "thanks").ID)
	require.Equal(t, "validation", f.do(http.MethodGet, path, screen, nil, header{"Last-Event-ID": "x"}).problem(t))
}

func TestCorrectedIsClearedFromTheQueue(t *testing.T) {
	f := start(t, options{prompts: correction.Config{Window: time.Minute}})
	screen := f.token(auth.ForScreen("here"))
	ch := f.streamOf(screen, "/api/v1/stations/here/screen/events", "")
	until[api.Screen](t, ch, "screen")
	waiting := func() int {
		var list struct{ Items []api.Inspection }
		f.get("/api/v1/inspections?unreviewed=true&verdict=tell", f.read).into(t, &list)
		return len(list.Items)
	}
	one, two := f.stored("here", verdict.Tell, time.Now()), f.stored("here", verdict.Tell, time.Now())
	until[api.ScreenPrompt](t, ch, "prompt")
	until[api.ScreenPrompt](t, ch, "prompt")
	require.Equal(t, 2, waiting())
	wall := f.events(f.read, "", "")
	require.Equal(t, http.StatusOK, f.send(http.MethodPost, "/api/v1/inspections/"+one.ID+"/correction", screen, map[string]string{"outcome": "corrected"}).status)
	require.Equal(t, inspection.PromptCorrected, until[api.Inspection](t, wall, "review").Prompt.State)
	require.Equal(t, 1, waiting())
	var got api.Screen
	f.get("/api/v1/stations/here/screen", screen).into(t, &got)
	require.Len(t, got.Prompts, 1)
	require.Equal(t, two.ID, got.Prompts[0].ID)
}

// A stolen screen's token opens nothing but its own screen.
func TestScreenTokenIsNarrow(t *testing.T) {
	f := start(t, options{prompts: correction.Config{Window: time.Minute}})
	screen := f.token(auth.ForScreen("here"))
	i := f.stored("there", verdict.Tell, time.Now())
	require.Equal(t, http.StatusOK, f.get("/api/v1/stations/here/screen", screen).status)
	require.Equal(t, http.StatusOK, f.get("/api/v1/taxonomy", screen).status)
	for _, path := range []string{
		"/api/v1/stations/there/screen", "/api/v1/stations/there/screen/events", "/api/v1/inspections/" + i.ID, "/api/v1/inspections",
		"/api/v1/events", "/api/v1/stations", "/api/v1/stations/here", "/api/v1/cameras", "/api/v1/samples", "/metrics", "/api/v1/overview", "/api/v1/tokens",
		"/api/v1/voices", "/api/v1/stations/here/latency", "/api/v1/stations/here/prompt-settings", "/api/v1/stations/there/screen/speech",
		"/api/v1/stations/there/screen/speech/thanks",
	} {
		require.Contains(t, []int{http.StatusForbidden, http.StatusNotFound}, f.get(path, screen).status, path)
	}
	answer := f.send(http.MethodPost, "/api/v1/inspections/"+i.ID+"/correction", screen, map[string]string{"outcome": "corrected"})
	require.Equal(t, "not-found", answer.problem(t))
	// A light or a lock is told, and may not answer.
	light := f.token(auth.ForListener("there"))
	require.Equal(t, http.StatusOK, f.get("/api/v1/stations/there/screen", light).status)
	require.Equal(t, http.StatusForbidden, f.get("/api/v1/taxonomy", light).status)
	answer = f.send(http.MethodPost, "/api/v1/inspections/"+i.ID+"/correction", light, map[string]string{"outcome": "corrected"})
	require.Equal(t, http.StatusForbidden, answer.status)
	answer = f.send(http.MethodPost, "/api/v1/inspections/"+i.ID+"/correction", f.read, map[string]string{"outcome": "corrected"})
	require.Equal(t, http.StatusForbidden, answer.status)
}

// A station's own settings: what is wrong is refused and changes nothing, what
// is right is in force at once, on the screen, too.
func TestStationsPromptSettings(t *testing.T) {
	f := start(t, options{prompts: correction.Config{Window: time.Minute}, cfg: api.Config{Prompts: station.Prompts{WindowSeconds: station.Seconds(20 * time.Second)}}})
	screen := f.token(auth.ForScreen("here"))
	ch := f.streamOf(screen, "/api/v1/stations/here/screen/events", "")
	first := until[api.Screen](t, ch, "screen")
	require.Equal(t, "zh-CN", first.Language)
	require.Equal(t, 100, first.Volume)
	change := func(token string, prompts any) reply {
		return f.send(http.MethodPatch, "/api/v1/stations/here", token, map[string]any{"prompts": prompts})
	}
	for _, bad := range []map[string]any{
		{"window_seconds": 4}, {"window_seconds": 301}, {"budget": -1}, {"budget_span_seconds": 59}, {"volume": 101}, {"language": "fr"},
		{"quiet_hours": "25:00-06:00"}, {"quiet_hours": "late"}, {"voice": "../etc"}, {"windows": 5}, {"window_seconds": "20"},
	} {
		require.Equal(t, "validation", change(f.admin, bad).problem(t), "%v", bad)
	}
	require.Equal(t, http.StatusForbidden, change(f.read, map[string]any{}).status)
	settings := func() (got api.PromptSettings) {
		f.get("/api/v1/stations/here/prompt-settings", f.read).into(t, &got)
		return got
	}
	require.Equal(t, station.Prompts{}, settings().Own)
	require.Equal(t, 20, *settings().InForce.WindowSeconds)

	answer := change(f.admin, map[string]any{"window_seconds": 45, "language": "en", "volume": 30, "quiet_hours": ""})
	require.Equal(t, http.StatusOK, answer.status, "%s", answer.body)
	got := until[api.Screen](t, ch, "screen")
	require.Equal(t, "en", got.Language)
	require.Equal(t, 30, got.Volume)
	require.Equal(t, 45, *settings().InForce.WindowSeconds)
	require.Equal(t, 20, *settings().Service.WindowSeconds)
	f.stored("here", verdict.Tell, time.Now())
	p := until[api.ScreenPrompt](t, ch, "prompt")
	require.InDelta(t, 45, p.Prompt.Until.Sub(p.Prompt.OpenedAt).Seconds(), 0.1)

	name := f.send(http.MethodPatch, "/api/v1/stations/here", f.admin, map[string]any{"name": "here"})
	require.Equal(t, http.StatusOK, name.status)
	require.Equal(t, 45, *settings().Own.WindowSeconds, "what is not named stays")
	require.Equal(t, http.StatusOK, change(f.admin, map[string]any{}).status)
	require.Equal(t, station.Prompts{}, settings().Own, "and follows the service's again")
}

// told stores a misdeposit whose steps are known and waits for its prompt.
func (f *fixture) told(t *testing.T, ch <-chan event, steps *inspection.Steps) api.ScreenPrompt {
	t.Helper()
	i := record(uuid.Must(uuid.NewV7()).String(), "here", "bin-here", verdict.Tell, time.Now().UTC().Truncate(time.Microsecond))
	i.Steps = steps
	_, err := f.store.SaveInspection(t.Context(), i)
	require.NoError(t, err)
	f.hub.Publish(i)
	return until[api.ScreenPrompt](t, ch, "prompt")
}

func (f *fixture) report(t *testing.T, screen, id string) {
	t.Helper()
	require.Equal(t, http.StatusNoContent, f.send(http.MethodPost, "/api/v1/stations/here/screen/shown", screen, map[string]string{"inspection_id": id}).status)
}

// The way from the last frame that shows the item to the screen, step by step.
func TestLatency(t *testing.T) {
	f := start(t, options{prompts: correction.Config{Window: time.Minute}})
	screen := f.token(auth.ForScreen("here"))
	ch := f.streamOf(screen, "/api/v1/stations/here/screen/events", "")
	until[api.Screen](t, ch, "screen")
	begin := time.Now().UTC().Truncate(time.Microsecond)
	certain := begin.Add(-700 * time.Millisecond)
	p := f.told(t, ch, &inspection.Steps{CertainAt: certain, TakenAt: begin.Add(30 * time.Millisecond), InferredAt: begin.Add(50 * time.Millisecond)})
	require.Equal(t, certain, *p.TimeLine.CertainAt)
	require.Nil(t, p.TimeLine.ShownAt)
	latency := func() (got api.Latency) {
		f.get("/api/v1/stations/here/latency", f.read).into(t, &got)
		return got
	}
	require.Zero(t, latency().N, "no screen has shown it")
	f.report(t, screen, p.ID)
	f.report(t, screen, p.ID) // another screen's
	f.report(t, screen, f.told(t, ch, nil).ID)

	got := latency()
	require.Equal(t, 2, got.N)
	steps := map[string]api.StepLatency{}
	for _, s := range got.Steps {
		steps[s.Step] = s
	}
	require.Len(t, steps, len(inspection.StepNames))
	require.Equal(t, 1, steps["detect"].N)
	require.InDelta(t, 700, steps["detect"].P50, 200)
	require.InDelta(t, 20, steps["infer"].P99, 0.01)
	require.Equal(t, 2, steps["whole"].N)
	require.Greater(t, steps["whole"].P99, 700.)
	require.Less(t, steps["whole"].P50, steps["whole"].P99)
	figures := string(f.get("/metrics", f.admin).body)
	require.Contains(t, figures, `binside_prompt_seconds_count{step="whole"} 2`)
	require.Contains(t, figures, `binside_station_prompt_seconds{station="here",step="whole",quantile="0.99"} 0.7`)
	require.Contains(t, figures, `binside_station_prompt_seconds_count{station="here",step="detect"} 1`)
	require.Equal(t, http.StatusNotFound, f.get("/api/v1/stations/there/latency", f.token(auth.ForStation("here"))).status)
	require.Equal(t, http.StatusForbidden, f.get("/api/v1/stations/here/latency", screen).status)
}

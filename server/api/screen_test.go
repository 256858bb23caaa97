package api_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

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

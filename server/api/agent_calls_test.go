package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/server/agents"
	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/relay"
)

const agentAt = "/api/v1/stations/here/agent"

// handedOver is a fixture whose station "here" has an agent, and its token.
func handedOver(t *testing.T) (f *fixture, token string) {
	t.Helper()
	f = start(t, options{})
	token = f.token(auth.ForAgent("here"))
	require.Equal(t, 200, f.send(http.MethodPatch, "/api/v1/stations/here", f.admin, map[string]any{"agent": true}).status)
	return f, token
}

// called is what an agent's call brings.
func (f *fixture) called(token string) relay.Call {
	f.Helper()
	var c relay.Call
	r := f.get(agentAt+"/call?wait=20s", token)
	require.Equal(f, http.StatusOK, r.status, "%s", r.body)
	r.into(f, &c)
	return c
}

// A question reaches the agent that waits, and its reply whoever asked; nobody
// else can take the one or give the other.
func TestQuestionIsAnswered(t *testing.T) {
	f, token := handedOver(t)
	require.Equal(t, http.StatusNoContent, f.get(agentAt+"/call?wait=1ms", token).status)
	type answer struct {
		reply relay.Reply
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		r, err := f.agents.Ask(context.WithoutCancel(t.Context()), "here", relay.Question{Asked: relay.AskSnapshot, CameraID: "cam-here"})
		answers <- answer{r, err}
	}()
	q := f.called(token).Question
	require.Equal(t, relay.AskSnapshot, q.Asked)
	require.Equal(t, "cam-here", q.CameraID)
	require.Equal(t, http.StatusNoContent, f.get(agentAt+"/call?wait=1ms", token).status, "it is given once")

	reply := relay.Reply{QuestionID: q.ID, Body: json.RawMessage(`{"a":"` + strings.Repeat("x", 2<<20) + `"}`)}
	there := f.token(auth.ForAgent("there"))
	require.Equal(t, "not-found", f.send(http.MethodPost, agentAt+"/replies", there, reply).problem(t))
	require.Equal(t, "not-found", f.send(http.MethodPost, "/api/v1/stations/there/agent/replies", there, reply).problem(t))
	for _, scope := range []auth.Scope{auth.Read, auth.ForStation("here"), auth.ForScreen("here")} {
		other := f.token(scope)
		require.Equal(t, "forbidden", f.send(http.MethodPost, agentAt+"/replies", other, reply).problem(t), scope)
		require.Equal(t, "forbidden", f.get(agentAt+"/call", other).problem(t), scope)
	}
	require.Equal(t, "bad-request", f.do(http.MethodPost, agentAt+"/replies", token, strings.NewReader("{"), header{"Content-Type": "application/json"}).problem(t))
	require.Equal(t, http.StatusNoContent, f.send(http.MethodPost, agentAt+"/replies", token, reply).status)
	got := <-answers
	require.NoError(t, got.err)
	require.Equal(t, reply.Body, got.reply.Body)
	require.Equal(t, "not-found", f.send(http.MethodPost, agentAt+"/replies", token, reply).problem(t), "nobody waits any more")
	require.Equal(t, "not-found", f.send(http.MethodPost, agentAt+"/replies", token, relay.Reply{}).problem(t))
	require.Equal(t, "validation", f.get(agentAt+"/call?wait=1h", token).problem(t))
	require.Equal(t, "no-agent", f.get("/api/v1/stations/there/agent/call", there).problem(t))
	require.Contains(t, string(f.get("/metrics", f.read).body), `binside_agent_questions_total{outcome="answered"} 1`)
}

// An agent that does not call is away after some seconds; one that calls and
// says nothing, after some more; and what is asked in the meantime is bounded.
func TestAgentIsAway(t *testing.T) {
	f, token := handedOver(t)
	ask := func() error {
		_, err := f.agents.Ask(t.Context(), "here", relay.Question{Asked: relay.AskLook, CameraID: "cam-here"})
		return err
	}
	var asking sync.WaitGroup
	began, errs := time.Now(), make(chan error, 9)
	for range 9 {
		asking.Go(func() { errs <- ask() })
	}
	require.ErrorIs(t, <-errs, agents.ErrBusy)
	require.NotNil(t, f.called(token).Question)
	for range 7 {
		require.ErrorContains(t, <-errs, "it has not called")
	}
	require.Less(t, time.Since(began), 10*time.Second)
	require.ErrorContains(t, <-errs, "it has not replied")
	asking.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := f.agents.Ask(ctx, "here", relay.Question{})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, http.StatusNoContent, f.get(agentAt+"/call?wait=1ms", token).status, "nothing of it is left")
}

// The agent that waits is told of every change of its places and settings, and
// of nobody else's.
func TestAgentIsToldOfChanges(t *testing.T) {
	f, token := handedOver(t)
	require.Equal(t, http.StatusNoContent, f.get(agentAt+"/call?wait=1ms", token).status)
	var cam api.Camera
	f.get("/api/v1/cameras/cam-here", f.admin).into(t, &cam)
	var d api.DetectorThresholds
	f.get("/api/v1/cameras/cam-here/detector", f.admin).into(t, &d)
	for _, c := range []struct {
		method, path string
		body         any
		status       int
	}{
		{http.MethodPatch, "/api/v1/stations/here", map[string]any{"name": "East gate"}, 200},
		{http.MethodPost, "/api/v1/stations/here/bins", map[string]any{"id": "red", "name": "red", "accepts": []string{"hazardous"}}, 201},
		{http.MethodPatch, "/api/v1/bins/red", map[string]any{"name": "Red"}, 200},
		{http.MethodPatch, "/api/v1/cameras/cam-here", map[string]any{"regions": cam.Regions}, 200},
		{http.MethodPut, "/api/v1/cameras/cam-here/detector", d.Settings, 200},
		{http.MethodDelete, "/api/v1/cameras/cam-here/detector", nil, 200},
		{http.MethodDelete, "/api/v1/bins/red", nil, 204},
		{http.MethodPost, "/api/v1/stations/here/cameras", map[string]any{"id": "other", "name": "other", "kind": "push", "regions": []any{}}, 201},
		{http.MethodDelete, "/api/v1/cameras/other", nil, 204},
	} {
		calls := make(chan reply, 1)
		go func() { calls <- f.get(agentAt+"/call?wait=20s", token) }()
		require.Equal(t, c.status, f.send(c.method, c.path, f.admin, c.body).status, "%s %s", c.method, c.path)
		var got relay.Call
		(<-calls).into(t, &got)
		require.Equal(t, relay.Call{Renew: true}, got, "%s %s", c.method, c.path)
	}
	require.Equal(t, 200, f.send(http.MethodPatch, "/api/v1/stations/there", f.admin, map[string]any{"name": "West gate"}).status)
	require.Equal(t, http.StatusNoContent, f.get(agentAt+"/call?wait=1ms", token).status)
}

// Of two calls the later one is served, for the earlier may hang on a dead
// connection; and a token that is revoked meanwhile gets nothing.
func TestLatestCallIsServed(t *testing.T) {
	f, token := handedOver(t)
	first := make(chan reply, 1)
	go func() { first <- f.get(agentAt+"/call?wait=20s", token) }()
	second := make(chan reply, 1)
	require.Eventually(t, func() bool {
		go func() { second <- f.get(agentAt+"/call?wait=20s", token) }()
		select {
		case r := <-first:
			require.Equal(t, http.StatusNoContent, r.status)
			return true
		case r := <-second: // it came before the first
			require.Equal(t, http.StatusNoContent, r.status)
			return false
		}
	}, 20*time.Second, time.Millisecond)
	id := strings.Split(token, "_")[1]
	require.Equal(t, 204, f.send(http.MethodDelete, "/api/v1/tokens/"+id, f.admin, nil).status)
	require.Equal(t, 200, f.send(http.MethodPatch, "/api/v1/stations/here", f.admin, map[string]any{"name": "East gate"}).status)
	require.Equal(t, "unauthorised", (<-second).problem(t))
}

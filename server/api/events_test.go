package api_test

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/auth"
)

// event is one server-sent event; comment is set for a sign of life.
type event struct{ name, id, data, comment string }

// events opens a stream and reads it in its own goroutine until the test ends
// or the server closes it; the channel is closed then.
func (f *fixture) events(token, query, lastID string) <-chan event {
	f.Helper()
	return f.streamOf(token, "/api/v1/events"+query, lastID)
}

// streamOf is the same for any stream.
func (f *fixture) streamOf(token, path, lastID string) <-chan event {
	f.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url+path, nil)
	require.NoError(f, err)
	req.Header.Set("Authorization", "Bearer "+token)
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := (&http.Client{Transport: f.client.Transport}).Do(req)
	require.NoError(f, err)
	require.Equal(f, http.StatusOK, resp.StatusCode)
	require.Equal(f, "text/event-stream", resp.Header.Get("Content-Type"))
	out := make(chan event, 1000)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(out)
		defer resp.Body.Close()
		var e event
		sc := bufio.NewScanner(resp.Body)
		sc.Buffer(nil, 4*len(large))
		for sc.Scan() {
			field, value, _ := strings.Cut(sc.Text(), ": ")
			switch field {
			case "event":
				e.name = value
			case "id":
				e.id = value
			case "data":
				e.data = value
			case "":
				if sc.Text() != "" {
					out <- event{comment: value}
				} else if e.name != "" {
					out <- e
				}
				e = event{}
			}
		}
	}()
	f.Cleanup(func() { cancel(); <-done })
	return out
}

func next(t *testing.T, ch <-chan event) event {
	t.Helper()
	for {
		select {
		case e, ok := <-ch:
			require.True(t, ok, "the stream has ended")
			if e.comment == "" {
				return e
			}
		case <-time.After(20 * time.Second):
			require.FailNow(t, "no event")
		}
	}
}

func TestEventsArriveAtOnceAndResume(t *testing.T) {
	f := start(t, options{cfg: api.Config{MaxReplay: 20}})
	missed := f.stored("here", verdict.Tell, time.Now())
	ch := f.events(f.read, "", "")
	require.Eventually(t, func() bool { return f.hub.Subscribers() == 1 }, 20*time.Second, 5*time.Millisecond)
	live := f.stored("here", verdict.Pass, time.Now())
	e := next(t, ch)
	require.Equal(t, "inspection", e.name)
	require.Equal(t, strconv.FormatInt(live.Seq, 10), e.id)
	require.Contains(t, e.data, live.ID)
	require.NotContains(t, e.data, missed.ID)

	var got []string
	resumed := f.events(f.read, "", strconv.FormatInt(missed.Seq-1, 10))
	for range 2 {
		got = append(got, next(t, resumed).id)
	}
	require.Equal(t, []string{strconv.FormatInt(missed.Seq, 10), strconv.FormatInt(live.Seq, 10)}, got)
	after := f.stored("there", verdict.Tell, time.Now())
	require.Contains(t, next(t, resumed).data, after.ID, "replay goes over into the live stream")

	r := f.send(http.MethodPost, "/api/v1/inspections/"+live.ID+"/review", f.admin, map[string]any{"decision": "confirmed"})
	require.Equal(t, http.StatusOK, r.status)
	e = next(t, resumed)
	require.Equal(t, "review", e.name)
	require.Contains(t, e.data, `"decision":"confirmed"`)
	require.Empty(t, e.id)

	for range 21 {
		f.stored("here", verdict.Tell, time.Now())
	}
	e = next(t, f.events(f.read, "", "0"))
	require.Equal(t, "resync", e.name)
	require.JSONEq(t, `{"reason":"behind"}`, e.data)
	for _, bad := range []string{"x", "-1"} {
		r := f.do(http.MethodGet, "/api/v1/events", f.read, nil, header{"Last-Event-ID": bad})
		require.Equal(t, "validation", r.problem(t))
	}
}

func TestEventsOfOneStation(t *testing.T) {
	f := start(t, options{})
	ch := f.events(f.token(auth.ForStation("here")), "", "0")
	require.Eventually(t, func() bool { return f.hub.Subscribers() == 1 }, 20*time.Second, 5*time.Millisecond)
	f.stored("there", verdict.Tell, time.Now())
	here := f.stored("here", verdict.Tell, time.Now())
	require.Contains(t, next(t, ch).data, here.ID)
}

func TestHeartbeatsAndRevocationEndAStream(t *testing.T) {
	f := start(t, options{cfg: api.Config{Heartbeat: 20 * time.Millisecond}})
	tok, text, err := f.auth.IssueToken(t.Context(), "wall", []auth.Scope{auth.Read}, time.Time{}, "test")
	require.NoError(t, err)
	ch := f.events(text, "", "")
	for range 3 {
		select {
		case e := <-ch:
			require.Equal(t, "hb", e.comment)
		case <-time.After(20 * time.Second):
			require.FailNow(t, "no sign of life")
		}
	}
	require.NoError(t, f.auth.RevokeToken(t.Context(), tok.ID, "test"))
	require.Eventually(t, func() bool { return f.hub.Subscribers() == 0 }, 20*time.Second, 5*time.Millisecond)
}

// What this process revokes or ends is cut at once, not with the next heartbeat.
func TestRevocationCutsStreamsAtOnce(t *testing.T) {
	f := start(t, options{cfg: api.Config{Heartbeat: time.Hour}})
	open := func(path string, set func(*http.Request)) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url+path, nil)
		require.NoError(t, err)
		set(req)
		resp, err := f.client.Do(req)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, resp.StatusCode)
		t.Cleanup(func() { require.NoError(t, resp.Body.Close()) })
	}
	tok, text, err := f.auth.IssueToken(t.Context(), "wall", []auth.Scope{auth.Read, auth.ForScreen("here")}, time.Time{}, "test")
	require.NoError(t, err)
	code, err := f.auth.IssueLink(t.Context(), "operator", []auth.Scope{auth.Read})
	require.NoError(t, err)
	_, session, err := f.auth.Enter(t.Context(), code)
	require.NoError(t, err)
	for _, path := range []string{"/api/v1/events", "/api/v1/stations/here/screen/events"} {
		open(path, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+text) })
		open(path, func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "binside_session", Value: session}) })
		open(path, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+f.read) })
	}
	require.Equal(t, 6, f.hub.Subscribers())
	began := time.Now()
	require.NoError(t, f.auth.RevokeToken(t.Context(), tok.ID, "test"))
	require.Eventually(t, func() bool { return f.hub.Subscribers() == 4 }, time.Second, time.Millisecond)
	require.NoError(t, f.auth.Leave(t.Context(), session))
	require.Eventually(t, func() bool { return f.hub.Subscribers() == 2 }, time.Second, time.Millisecond)
	require.Less(t, time.Since(began), time.Second)
}

// What another process revokes is noticed within a few seconds.
func TestRevocationElsewhereCutsStreams(t *testing.T) {
	f := start(t, options{cfg: api.Config{Heartbeat: time.Hour}})
	tok, text, err := f.auth.IssueToken(t.Context(), "wall", []auth.Scope{auth.Read}, time.Time{}, "test")
	require.NoError(t, err)
	f.events(text, "", "")
	require.Eventually(t, func() bool { return f.hub.Subscribers() == 1 }, 20*time.Second, 5*time.Millisecond)
	require.NoError(t, f.store.RevokeToken(t.Context(), tok.ID, time.Now().UTC()))
	require.Eventually(t, func() bool { return f.hub.Subscribers() == 0 }, 20*time.Second, 5*time.Millisecond)
}

func TestDisconnectedReaderIsNoticed(t *testing.T) {
	f := start(t, options{cfg: api.Config{Heartbeat: 20 * time.Millisecond}})
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url+"/api/v1/events", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+f.read)
	resp, err := f.client.Do(req)
	require.NoError(t, err)
	require.Equal(t, 1, f.hub.Subscribers())
	cancel()
	require.NoError(t, resp.Body.Close())
	require.Eventually(t, func() bool { return f.hub.Subscribers() == 0 }, 20*time.Second, 5*time.Millisecond)
}

// large makes an event so large that few of them fill the kernel's buffers.
var large = strings.Repeat("x", 100_000)

// TestSlowReader opens a stream and takes no bytes: the hub drops for it, it
// is told so once it reads again, and nobody else waits.
func TestSlowReader(t *testing.T) {
	f := start(t, options{buffer: 4})
	slow := f.rawStream()
	quick := f.events(f.read, "", "")
	require.Eventually(t, func() bool { return f.hub.Subscribers() == 2 }, 20*time.Second, 5*time.Millisecond)

	missed := func() bool {
		return strings.Contains(string(f.get("/metrics", f.read).body), "binside_notify_resyncs_total 1")
	}
	deadline := time.Now().Add(60 * time.Second)
	for !missed() {
		require.True(t, time.Now().Before(deadline), "the reader was never too slow")
		for range 10 {
			i := f.storedWith("here", verdict.Tell, time.Now(), large)
			for next(t, quick).id != strconv.FormatInt(i.Seq, 10) {
				require.True(t, time.Now().Before(deadline))
			}
		}
	}
	// Through the small window the rest would take minutes.
	require.NoError(t, slow.SetReadBuffer(4<<20))
	require.NoError(t, slow.SetReadDeadline(time.Now().Add(30*time.Second)))
	sc := bufio.NewScanner(slow)
	sc.Buffer(nil, 4*len(large))
	for sc.Scan() {
		if sc.Text() == "event: resync" {
			require.True(t, sc.Scan())
			require.Equal(t, `data: {"reason":"slow"}`, sc.Text())
			return
		}
	}
	require.NoError(t, sc.Err())
	require.FailNow(t, "the slow reader was not told")
}

// TestDeadReaderIsDropped never reads again: the connection is given up.
func TestDeadReaderIsDropped(t *testing.T) {
	f := start(t, options{cfg: api.Config{StreamWriteTimeout: 200 * time.Millisecond, Heartbeat: 50 * time.Millisecond}, buffer: 4})
	f.rawStream()
	require.Eventually(t, func() bool { return f.hub.Subscribers() == 1 }, 20*time.Second, 5*time.Millisecond)
	deadline := time.Now().Add(60 * time.Second)
	for f.hub.Subscribers() > 0 {
		require.True(t, time.Now().Before(deadline), "the dead reader is still there")
		f.storedWith("here", verdict.Tell, time.Now(), large)
	}
}

// rawStream opens a stream whose reader has a small window and reads nothing.
func (f *fixture) rawStream() *net.TCPConn {
	f.Helper()
	conn, err := (&net.Dialer{}).DialContext(f.Context(), "tcp", strings.TrimPrefix(f.url, "http://"))
	require.NoError(f, err)
	f.Cleanup(func() { _ = conn.Close() })
	tcp, ok := conn.(*net.TCPConn)
	require.True(f, ok)
	require.NoError(f, tcp.SetReadBuffer(4096))
	_, err = conn.Write([]byte("GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + f.read + "\r\n\r\n"))
	require.NoError(f, err)
	return tcp
}

func TestShutdownEndsStreamsAndWaiting(t *testing.T) {
	f := start(t, options{})
	ch := f.events(f.read, "", "")
	require.Eventually(t, func() bool { return f.hub.Subscribers() == 1 }, 20*time.Second, 5*time.Millisecond)
	f.judge.hold.Store(true)
	answer := make(chan int, 1)
	image := photo(t, 64, 64, 1)
	go func() { answer <- f.push("/api/v1/bins/bin-here/deposits?wait=30s", f.admin, image).status }()
	require.Eventually(t, func() bool { return f.judge.n.Load() == 1 }, 20*time.Second, 5*time.Millisecond)

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(t, f.srv.Shutdown(ctx))
	require.Equal(t, http.StatusAccepted, <-answer, "the deposit is safe, its verdict comes later")
	for range ch { // until it ends
	}
	_, err := net.DialTimeout("tcp", strings.TrimPrefix(f.url, "http://"), time.Second)
	require.Error(t, err)
}

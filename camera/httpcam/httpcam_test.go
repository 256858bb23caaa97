package httpcam_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/icholy/digest"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/binside/binside/camera/httpcam"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// guarded is a camera that wants a digest, as most do. It notes what it was
// sent.
type guarded struct {
	mu    sync.Mutex
	nonce string
	sent  []string
}

func (g *guarded) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	header := r.Header.Get("Authorization")
	g.sent = append(g.sent, header)
	challenge := digest.Challenge{Realm: "camera", Nonce: g.nonce, QOP: []string{"auth"}, Algorithm: "MD5"}
	got, err := digest.ParseCredentials(header)
	if err == nil && got.Nonce == g.nonce {
		want, err := digest.Digest(&challenge, digest.Options{
			Method: r.Method, URI: r.URL.RequestURI(), Username: "admin", Password: "hunter2", Count: got.Nc, Cnonce: got.Cnonce,
		})
		if err == nil && want.Response == got.Response {
			_, _ = fmt.Fprint(w, "picture")
			return
		}
	}
	w.Header().Set("WWW-Authenticate", challenge.String())
	w.WriteHeader(http.StatusUnauthorized)
}

func get(t *testing.T, c *httpcam.Client) (string, error) {
	t.Helper()
	transport := c.Transport(true)
	defer transport.CloseIdleConnections()
	response, err := c.Get(t.Context(), transport)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return string(text), err
}

func client(t *testing.T, server *httptest.Server, login, path string) *httpcam.Client {
	t.Helper()
	c, err := httpcam.New("test", strings.Replace(server.URL, "http://", "http://"+login, 1)+path, time.Second, time.Second)
	require.NoError(t, err)
	return c
}

func TestDigest(t *testing.T) {
	g := &guarded{nonce: "one"}
	server := httptest.NewServer(g)
	defer server.Close()
	c := client(t, server, "admin:hunter2@", "/shot?channel=1")
	for n := range 3 {
		if n == 2 {
			g.mu.Lock()
			g.nonce = "two" // the camera was restarted
			g.mu.Unlock()
		}
		text, err := get(t, c)
		require.NoError(t, err)
		require.Equal(t, "picture", text)
	}
	require.Len(t, g.sent, 5, "one question more for each nonce, and no other")
	require.Empty(t, g.sent[0], "nothing is given to a camera that has not asked")
	for _, header := range g.sent {
		require.NotContains(t, header, "hunter2")
		require.NotContains(t, header, "Basic")
	}
	_, err := get(t, client(t, server, "admin:wrong@", "/"))
	require.ErrorContains(t, err, "401")
	_, err = get(t, client(t, server, "", "/"))
	require.ErrorContains(t, err, "401")
}

func TestSlowHeaderAndSlowBody(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			_, _ = io.WriteString(w, "a")
			_ = http.NewResponseController(w).Flush()
		}
		<-release
	}))
	defer server.Close()
	defer close(release)
	for _, path := range []string{"/", "/body"} {
		c, err := httpcam.New("test", server.URL+path, 100*time.Millisecond, 300*time.Millisecond)
		require.NoError(t, err)
		_, err = get(t, c)
		require.Error(t, err)
		require.ErrorContains(t, c.Reason(err), "time")
		require.NotErrorIs(t, err, context.Canceled)
	}
}

package uplink

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/relay"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store"
	"github.com/binside/binside/server/store/object"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// liar is a server that answers what a test says.
type liar struct {
	*httptest.Server
	t      *testing.T
	key    ed25519.PrivateKey
	public ed25519.PublicKey

	mu     sync.Mutex
	signed *relay.Signed
	files  map[string][]byte // by the digest that is asked for
	// breakAt ends a transfer after so many bytes, once.
	breakAt int
	ranges  []string
}

func newLiar(t *testing.T) *liar {
	t.Helper()
	public, key, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	l := &liar{t: t, key: key, public: public, files: make(map[string][]byte)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/stations/gate/agent/bundle", l.bundle)
	mux.HandleFunc("GET /api/v1/stations/gate/agent/model/{sha}", l.model)
	mux.HandleFunc("GET /api/v1/stations/gate/agent/voice/{sha}", l.model)
	mux.HandleFunc("POST /api/v1/stations/gate/agent/report", func(w http.ResponseWriter, _ *http.Request) {
		now := time.Now().UTC()
		_ = json.NewEncoder(w).Encode(relay.Answer{ReceivedAt: now, SentAt: now})
	})
	l.Server = httptest.NewServer(mux)
	t.Cleanup(l.Close)
	return l
}

func (l *liar) bundle(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer token" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	body, err := json.Marshal(l.signed)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(body)
}

func (l *liar) model(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	data := l.files[r.PathValue("sha")]
	header := r.Header.Get("Range")
	l.ranges = append(l.ranges, header)
	if from, ok := strings.CutPrefix(header, "bytes="); ok {
		n, err := strconv.Atoi(strings.TrimSuffix(from, "-"))
		if err != nil || n > len(data) {
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			return
		}
		data = data[n:]
		w.WriteHeader(http.StatusPartialContent)
	}
	if l.breakAt > 0 {
		n := l.breakAt
		l.breakAt = 0
		_, _ = w.Write(data[:n])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(data)
}

// offers makes the server offer a bundle, signed with a key.
func (l *liar) offers(key ed25519.PrivateKey, sequence int64, change ...func(*relay.Bundle)) {
	l.t.Helper()
	text, err := taxonomy.Default().Document()
	require.NoError(l.t, err)
	b := &relay.Bundle{
		Sequence: sequence, Station: station.Station{ID: "gate", Name: "gate", TimeZone: "UTC"}, Taxonomy: text,
		Bins:     []station.Bin{{ID: "bin", StationID: "gate", Accepts: []string{"kitchen"}}},
		Settings: relay.Settings{Thresholds: verdict.DefaultThresholds()},
	}
	for _, name := range []string{"model.onnx", "card.json"} {
		b.Model.Files = append(b.Model.Files, l.file(name, []byte(name+strings.Repeat(" of some length", 100))))
	}
	for _, c := range change {
		c(b)
	}
	signed, err := relay.Sign(key, b)
	require.NoError(l.t, err)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.signed = signed
}

func (l *liar) file(name string, data []byte) relay.File {
	sum := sha256.Sum256(data)
	digest := hex.EncodeToString(sum[:])
	l.mu.Lock()
	defer l.mu.Unlock()
	l.files[digest] = data
	return relay.File{Name: name, SHA256: digest, Bytes: int64(len(data))}
}

func (l *liar) config(t *testing.T) Config {
	t.Helper()
	return Config{
		Server: l.URL, StationID: "gate", Token: "token", Key: l.public, Dir: filepath.Join(t.TempDir(), "uplink"),
		Poll: 5 * time.Millisecond, Report: 5 * time.Millisecond, Tend: 5 * time.Millisecond, Idle: 5 * time.Millisecond,
		Timeout: 5 * time.Second, MaxPause: 5 * time.Millisecond,
	}
}

// records are a station's own, as an agent opens them.
func records(t *testing.T, mark func() store.ClockMark) (*store.Store, *object.Local) {
	t.Helper()
	st, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "t.db"), store.Options{Mark: mark})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	objects, err := object.NewLocal(t.TempDir(), 0)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, objects.Close()) })
	return st, objects
}

// What was not signed by the server's key, was changed, is older, is another
// station's or has another model than it says is refused, and what was in force
// stays; a good one is taken afterwards.
func TestBadBundlesAreRefused(t *testing.T) {
	l := newLiar(t)
	l.offers(l.key, 100)
	cfg := l.config(t)
	u, err := New(cfg)
	require.NoError(t, err)
	defer u.Close()
	_, model, err := u.First(t.Context())
	require.NoError(t, err)
	data, err := fs.ReadFile(model, "card.json")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(data), "card.json of some length"))
	st, objects := records(t, u.Mark)
	applied := make(chan int64, 100)
	fails := make(chan error, 1)
	require.NoError(t, u.Start(t.Context(), Deps{Store: st, Objects: objects, Deletions: deletions(t, st), Describe: func(*relay.Report) {}, Speak: func(string, string, fs.FS) {}, Apply: func(_ context.Context, b *relay.Bundle, _ fs.FS) error {
		select {
		case err := <-fails:
			return err
		default:
			applied <- b.Sequence
			return nil
		}
	}}))
	_, thief, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	refused := func(why string) {
		t.Helper()
		require.Eventually(t, func() bool { return strings.Contains(u.Status().Refused, why) }, 10*time.Second, time.Millisecond, "%s: %s", why, u.Status().Refused)
		require.EqualValues(t, 100, u.Status().Bundle)
		require.Empty(t, applied)
	}
	l.offers(thief, 200)
	refused(relay.ErrSignature.Error())
	l.offers(l.key, 99)
	refused("older bundle")
	l.offers(l.key, 201, func(b *relay.Bundle) { b.Station.ID, b.Bins = "yard", nil })
	refused("another station's")
	l.offers(l.key, 202)
	l.mu.Lock()
	l.signed.Payload = []byte(strings.Replace(string(l.signed.Payload), `"kitchen"`, `"other"`, 1))
	l.mu.Unlock()
	refused(relay.ErrSignature.Error())
	l.offers(l.key, 203, func(b *relay.Bundle) { b.Model.Files[0] = l.file("model.onnx", []byte("a newer one")) })
	l.mu.Lock()
	for digest, data := range l.files {
		if string(data) == "a newer one" {
			l.files[digest] = []byte("a worse one")
		}
	}
	l.mu.Unlock()
	refused("not the one that was signed")
	l.offers(l.key, 204, func(b *relay.Bundle) { b.Model.Files[0].Name = "../../etc/passwd" })
	refused("model file")
	l.offers(l.key, 205, func(b *relay.Bundle) { b.Taxonomy = "id: x" })
	refused("taxonomy")
	fails <- fs.ErrInvalid
	l.offers(l.key, 206)
	require.EqualValues(t, 206, <-applied, "what could not be put in force is tried again")
	require.Eventually(t, func() bool { return u.Status().Bundle == 206 }, 10*time.Second, time.Millisecond)
	u.Close()

	// Another run starts by it without asking anybody.
	l.Close()
	again, err := New(cfg)
	require.NoError(t, err)
	defer again.Close()
	b, _, err := again.First(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 206, b.Sequence)
}

// A transfer that breaks goes on where it broke, also in another run.
func TestModelTransferGoesOn(t *testing.T) {
	l := newLiar(t)
	l.offers(l.key, 1)
	l.breakAt = 700
	cfg := l.config(t)
	u, err := New(cfg)
	require.NoError(t, err)
	_, _, err = u.First(t.Context())
	require.Error(t, err)
	u.Close()
	u, err = New(cfg)
	require.NoError(t, err)
	defer u.Close()
	b, model, err := u.First(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, b.Sequence)
	data, err := fs.ReadFile(model, "model.onnx")
	require.NoError(t, err)
	require.Len(t, data, int(b.Model.Files[0].Bytes))
	require.Equal(t, []string{"", "bytes=700-", ""}, l.ranges)
}

// The token goes to the server alone, and not in the clear.
func TestTokenIsGuarded(t *testing.T) {
	var stolen []string
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { stolen = append(stolen, r.Header.Get("Authorization")) }))
	defer other.Close()
	l := newLiar(t)
	redirecting := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer redirecting.Close()
	cfg := l.config(t)
	cfg.Server = redirecting.URL
	u, err := New(cfg)
	require.NoError(t, err)
	_, _, err = u.First(t.Context())
	require.ErrorContains(t, err, "redirects")
	u.Close()
	require.Empty(t, stolen)

	for address, part := range map[string]string{
		"http://192.0.2.1:8080": "plain http", "ftp://server": "https://HOST", "server:8080": "https://HOST", "": "https://HOST",
		"https://user:pass@server": "https://HOST",
	} {
		cfg.Server = address
		_, err := New(cfg)
		require.ErrorContains(t, err, part, address)
	}
	cfg.Server, cfg.AllowHTTP = "http://192.0.2.1:8080", true
	u, err = New(cfg)
	require.NoError(t, err)
	u.Close()
}

// A server whose certificate is not of the system's authorities is known by a
// file of its own, and by nothing less.
func TestCertificateOfItsOwn(t *testing.T) {
	l := newLiar(t)
	l.offers(l.key, 1)
	secure := httptest.NewTLSServer(l.Config.Handler)
	defer secure.Close()
	cfg := l.config(t)
	cfg.Server = secure.URL
	u, err := New(cfg)
	require.NoError(t, err)
	_, _, err = u.First(t.Context())
	require.ErrorContains(t, err, "certificate")
	u.Close()

	cfg.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(cfg.CAFile, []byte("no certificate"), 0o600))
	_, err = New(cfg)
	require.ErrorContains(t, err, "no certificate in PEM")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	require.NoError(t, os.WriteFile(cfg.CAFile, block, 0o600))
	u, err = New(cfg)
	require.NoError(t, err)
	defer u.Close()
	b, _, err := u.First(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, b.Sequence)
}

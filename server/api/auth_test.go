package api_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/auth"
)

// operation is one route of the OpenAPI document.
type operation struct {
	method, path, action string
}

var parameter = regexp.MustCompile(`\{[^}]+\}`)

// document reads every operation from the document that the server serves.
func (f *fixture) document() []operation {
	f.Helper()
	var doc struct {
		OpenAPI string                                `json:"openapi"`
		Paths   map[string]map[string]json.RawMessage `json:"paths"`
	}
	r := f.get("/openapi.json", f.read)
	require.Equal(f, http.StatusOK, r.status)
	r.into(f, &doc)
	var out []operation
	for path, methods := range doc.Paths {
		for method, raw := range methods {
			var op struct {
				Action *string `json:"x-binside-action"`
			}
			require.NoError(f, json.Unmarshal(raw, &op))
			require.NotNil(f, op.Action, "%s %s names no action", method, path)
			out = append(out, operation{strings.ToUpper(method), path, *op.Action})
		}
	}
	require.Greater(f, len(out), 35)
	return out
}

func (o operation) at(id string) string { return parameter.ReplaceAllString(o.path, id) }

func TestWithoutCredentialsOnlyTheShellAnswers(t *testing.T) {
	f := start(t, options{})
	open := []string{"GET /healthz", "GET /readyz", "POST /api/v1/session", "GET /api/v1/receipts/{code}"}
	for _, op := range f.document() {
		for _, credential := range []header{
			nil, {"Authorization": "Bearer bin_aaaaaaaaaaaaaaaa_" + strings.Repeat("a", 43)}, {"Cookie": "binside_session=" + strings.Repeat("a", 43)},
			{"Authorization": "Basic YTpi"},
		} {
			r := f.do(op.method, op.at("here"), "", nil, credential)
			if slices.Contains(open, op.method+" "+op.path) {
				require.NotEqual(t, http.StatusUnauthorized, r.status, "%+v", op)
				continue
			}
			require.Contains(t, []int{http.StatusUnauthorized, http.StatusTooManyRequests}, r.status, "%+v answers %d: %s", op, r.status, r.body)
			r.problem(t)
		}
	}
	for path, want := range map[string]int{
		"/": 200, "/assets/app-1a2b.js": 200, "/favicon.svg": 200, "/assets/none.js": 404, "/assets/../index.html": 404,
		"/docs": 401, "/openapi.json": 401, "/openapi.yaml": 401, "/metrics": 401, "/swagger/swagger-ui-bundle.js": 401, "/swagger/start.js": 401,
		"/api/v1/nothing": 401, "/api": 401, "/nothing": 401, "/.env": 401, "/API/V1/stations": 401, "/api/v1/stations/": 401, "//api/v1/stations": 401,
		"/api/v1/evidence/x/0": 401, "/api/v1/evidence/x/0?expires=9999999999&signature=x": 403, "/api/v1/samples/x/image?expires=1&signature=x": 403,
	} {
		require.Equal(t, want, f.get(path, "").status, path)
	}
	require.Equal(t, http.StatusUnauthorized, f.do(http.MethodPost, "/", "", nil, nil).status)
	require.NotContains(t, f.log.String(), strings.Repeat("a", 43))
}

// writes are the actions that change something.
var writes = []string{"push-frame", "push-deposit", "review", "label", "manage", "grant", "correct", "attend"}

func TestReadTokenCannotWrite(t *testing.T) {
	f := start(t, options{})
	for _, op := range f.document() {
		if !slices.Contains(writes, op.action) {
			continue
		}
		r := f.do(op.method, op.at("here"), f.read, strings.NewReader("{}"), header{"Content-Type": "application/json"})
		require.Equal(t, http.StatusForbidden, r.status, "%+v: %s", op, r.body)
		require.Equal(t, "forbidden", r.problem(t))
	}
	for _, op := range f.document() {
		if op.method != http.MethodGet && op.action != "self" && op.action != "" {
			require.Contains(t, writes, op.action, "%+v changes something under a reading right", op)
		}
	}
}

func TestStationTokenSeesOnlyItsStation(t *testing.T) {
	f := start(t, options{})
	here := f.stored("here", verdict.Tell, time.Now())
	there := f.stored("there", verdict.Tell, time.Now())
	token := f.token(auth.ForStation("here"))

	for _, path := range []string{"/stations/", "/bins/bin-", "/cameras/cam-"} {
		require.Equal(t, http.StatusOK, f.get("/api/v1"+path+"here", token).status, path)
		require.Equal(t, http.StatusNotFound, f.get("/api/v1"+path+"there", token).status, path)
	}
	require.Equal(t, http.StatusOK, f.get("/api/v1/inspections/"+here.ID, token).status)
	require.Equal(t, http.StatusNotFound, f.get("/api/v1/inspections/"+there.ID, token).status)
	require.Equal(t, http.StatusNotFound, f.get("/api/v1/inspections/"+there.ID+"/evidence", token).status)

	for _, path := range []string{"/stations", "/bins", "/cameras", "/inspections", "/overview"} {
		body := string(f.get("/api/v1"+path, token).body)
		require.Contains(t, body, "here", path)
		require.NotContains(t, body, "there", path)
	}
	for _, path := range []string{"/inspections?station=there", "/bins?station=there", "/stations/there/bins", "/stations/there/cameras", "/events?station=there"} {
		require.Equal(t, http.StatusNotFound, f.get("/api/v1"+path, token).status, path)
	}
	image := photo(t, 64, 64, 1)
	require.Equal(t, http.StatusAccepted, f.push("/api/v1/bins/bin-here/deposits", token, image).status)
	require.Equal(t, http.StatusNotFound, f.push("/api/v1/bins/bin-there/deposits", token, image).status)
	require.Equal(t, http.StatusNotFound, f.push("/api/v1/cameras/cam-there/frames", token, image).status)
	require.Equal(t, http.StatusForbidden, f.send(http.MethodPatch, "/api/v1/stations/here", token, map[string]any{"name": "x"}).status)
	require.Equal(t, http.StatusForbidden, f.get("/api/v1/tokens", token).status)
	require.Equal(t, http.StatusForbidden, f.get("/api/v1/samples", token).status)
	require.Equal(t, http.StatusForbidden, f.get("/metrics", token).status)

	two := f.token(auth.ForStation("here"), auth.ForStation("there"))
	require.Equal(t, http.StatusUnprocessableEntity, f.get("/api/v1/inspections", two).status)
	require.Equal(t, http.StatusOK, f.get("/api/v1/inspections?station=there", two).status)
}

func TestCameraTokenOnlyPushesItsFrames(t *testing.T) {
	f := start(t, options{})
	token := f.token(auth.ForCamera("cam-here"))
	image := photo(t, 320, 240, 1)
	r := f.push("/api/v1/cameras/cam-here/frames?wait=20s", token, image)
	require.Equal(t, http.StatusOK, r.status, "%s", r.body)
	var pushed struct {
		Seq      uint64           `json:"seq"`
		Deposits []api.Inspection `json:"deposits"`
	}
	r.into(t, &pushed)
	require.Positive(t, pushed.Seq)
	require.NotNil(t, pushed.Deposits)
	require.Equal(t, http.StatusAccepted, f.push("/api/v1/cameras/cam-here/frames", token, image).status)
	require.Equal(t, http.StatusNotFound, f.push("/api/v1/cameras/cam-there/frames", token, image).status)

	for _, op := range f.document() {
		if op.action == "" || op.action == "self" || op.action == "push-frame" {
			continue
		}
		r := f.do(op.method, op.at("here"), token, strings.NewReader("{}"), header{"Content-Type": "application/json"})
		require.Equal(t, http.StatusForbidden, r.status, "%+v: %s", op, r.body)
	}
}

func TestSessionOfABrowser(t *testing.T) {
	f := start(t, options{})
	code, err := f.auth.IssueLink(t.Context(), "operator", []auth.Scope{auth.Admin})
	require.NoError(t, err)
	body := `{"code":"` + code + `"}`
	enter := func(h header) reply {
		h["Content-Type"] = "application/json"
		return f.do(http.MethodPost, "/api/v1/session", "", strings.NewReader(body), h)
	}
	require.Equal(t, "cross-site", enter(header{"Origin": "http://evil.example"}).problem(t))
	r := enter(header{"Origin": f.url})
	require.Equal(t, http.StatusNoContent, r.status, "%s", r.body)
	set := r.header.Get("Set-Cookie")
	for _, attribute := range []string{"binside_session=", "HttpOnly", "SameSite=Strict", "path=/"} {
		require.Contains(t, set, attribute)
	}
	require.NotContains(t, strings.ToLower(set), "secure")
	require.Equal(t, "link-refused", enter(header{}).problem(t), "a code works once")
	cookie, _, _ := strings.Cut(set, ";")

	var who api.Session
	r = f.do(http.MethodGet, "/api/v1/session", "", nil, header{"Cookie": cookie})
	r.into(t, &who)
	require.Equal(t, "operator", who.User)
	require.Equal(t, []string{"admin"}, who.Scopes)
	require.WithinDuration(t, time.Now().Add(12*time.Hour), *who.ExpiresAt, time.Minute)

	change := func(h header) reply {
		h["Cookie"], h["Content-Type"] = cookie, "application/json"
		return f.do(http.MethodPatch, "/api/v1/stations/here", "", strings.NewReader(`{"name":"new"}`), h)
	}
	require.Equal(t, "cross-site", change(header{}).problem(t))
	require.Equal(t, "cross-site", change(header{"Origin": "http://evil.example"}).problem(t))
	require.Equal(t, "cross-site", change(header{"Sec-Fetch-Site": "same-site", "Origin": f.url}).problem(t))
	require.Equal(t, http.StatusOK, change(header{"Origin": f.url}).status)
	require.Equal(t, http.StatusOK, change(header{"Sec-Fetch-Site": "same-origin"}).status)

	r = f.do(http.MethodDelete, "/api/v1/session", "", nil, header{"Cookie": cookie, "Origin": f.url})
	require.Equal(t, http.StatusNoContent, r.status)
	require.Equal(t, http.StatusUnauthorized, f.do(http.MethodGet, "/api/v1/session", "", nil, header{"Cookie": cookie}).status)
	require.Equal(t, http.StatusOK, f.do(http.MethodGet, "/", "", nil, header{"Cookie": cookie}).status, "an old cookie does not lock the page")
	require.NotContains(t, f.log.String(), code)
	require.NotContains(t, f.log.String(), strings.TrimPrefix(cookie, "binside_session="))
}

func TestTokensByTheAPI(t *testing.T) {
	f := start(t, options{})
	r := f.send(http.MethodPost, "/api/v1/tokens", f.admin, map[string]any{"name": "gate", "scopes": []string{"camera:cam-here"}})
	require.Equal(t, http.StatusCreated, r.status, "%s", r.body)
	var made api.IssuedToken
	r.into(t, &made)
	require.Regexp(t, `^bin_`+made.ID+`_`, made.Secret)
	require.Equal(t, http.StatusOK, f.get("/api/v1/session", made.Secret).status)

	r = f.get("/api/v1/tokens", f.admin)
	require.Contains(t, string(r.body), made.ID)
	require.NotContains(t, string(r.body), made.Secret)

	for _, bad := range []map[string]any{
		{"name": "x", "scopes": []string{}}, {"name": "x", "scopes": []string{"root"}}, {"name": "", "scopes": []string{"read"}},
		{"name": "x", "scopes": []string{"station:nowhere"}}, {"name": "x", "scopes": []string{"read"}, "expires_at": "2020-01-01T00:00:00Z"},
		{"name": "x", "scopes": []string{"read"}, "unknown": 1},
	} {
		r := f.send(http.MethodPost, "/api/v1/tokens", f.admin, bad)
		require.Equal(t, http.StatusUnprocessableEntity, r.status, "%v: %s", bad, r.body)
		require.Equal(t, "validation", r.problem(t))
	}
	require.Equal(t, http.StatusNoContent, f.do(http.MethodDelete, "/api/v1/tokens/"+made.ID, f.admin, nil, nil).status)
	require.Equal(t, http.StatusUnauthorized, f.get("/api/v1/session", made.Secret).status)
	require.Equal(t, http.StatusNotFound, f.do(http.MethodDelete, "/api/v1/tokens/unknown", f.admin, nil, nil).status)
}

func TestGuessingIsSlowedDown(t *testing.T) {
	f := start(t, options{})
	require.Equal(t, http.StatusOK, f.get("/api/v1/session", f.read).status)
	var last reply
	for range 40 {
		last = f.get("/api/v1/session", "bin_x_"+strings.Repeat("b", 43))
		if last.status == http.StatusTooManyRequests {
			break
		}
	}
	require.Equal(t, "too-many-attempts", last.problem(t))
	require.NotEmpty(t, last.header.Get("Retry-After"))
	require.Equal(t, http.StatusOK, f.get("/api/v1/session", f.read).status, "a good token behind the same address still works")
	require.Equal(t, http.StatusOK, f.get("/healthz", "").status)
	r := f.do(http.MethodPost, "/api/v1/session", "", bytes.NewReader([]byte(`{"code":"guess"}`)), header{"Content-Type": "application/json"})
	require.Equal(t, http.StatusTooManyRequests, r.status)
}

package api_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/binside/binside/camera/isolate"
	"github.com/binside/binside/datasets"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/queue"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store"
	"github.com/binside/binside/server/store/object"
)

type page[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor"`
}

func TestPlaces(t *testing.T) {
	f := start(t, options{})
	r := f.send(http.MethodPost, "/api/v1/stations", f.admin, map[string]any{"name": "宝石三区", "region_path": "/xihu/beishan/baoshi/3"})
	require.Equal(t, http.StatusCreated, r.status, "%s", r.body)
	var st station.Station
	r.into(t, &st)
	require.Len(t, st.ID, 36)
	require.Equal(t, "Asia/Shanghai", st.TimeZone)

	r = f.send(http.MethodPatch, "/api/v1/stations/"+st.ID, f.admin, map[string]any{"time_zone": "Asia/Urumqi"})
	r.into(t, &st)
	require.Equal(t, "Asia/Urumqi", st.TimeZone)
	require.Equal(t, "宝石三区", st.Name, "what is absent stays")

	r = f.send(http.MethodPost, "/api/v1/stations/"+st.ID+"/bins", f.admin, map[string]any{
		"id": "b1", "name": "red", "accepts": []string{"hazardous"}, "thresholds": verdict.Thresholds{Tell: 0.8, Pass: 0.5, MaxExposure: 1},
	})
	require.Equal(t, http.StatusCreated, r.status, "%s", r.body)
	var b station.Bin
	f.send(http.MethodPatch, "/api/v1/bins/b1", f.admin, map[string]any{"accepts": []string{"other", "hazardous"}}).into(t, &b)
	require.Equal(t, []string{"other", "hazardous"}, b.Accepts)
	require.InDelta(t, 0.8, b.Thresholds.Tell, 1e-9)
	b = station.Bin{}
	f.send(http.MethodPatch, "/api/v1/bins/b1", f.admin, map[string]any{"clear_thresholds": true}).into(t, &b)
	require.Nil(t, b.Thresholds)

	for _, c := range []struct {
		method, path string
		body         map[string]any
		status       int
		slug         string
	}{
		{"POST", "/stations", map[string]any{"id": "here", "name": "x"}, 409, "conflict"},
		{"POST", "/stations", map[string]any{"id": "Not a slug", "name": "x"}, 422, "validation"},
		{"POST", "/stations", map[string]any{"name": ""}, 422, "validation"},
		{"POST", "/stations", map[string]any{"name": "x", "time_zone": "Mars/Olympus"}, 422, "validation"},
		{"POST", "/stations", map[string]any{"name": "x", "extra": 1}, 422, "validation"},
		{"POST", "/stations/none/bins", map[string]any{"name": "x", "accepts": []string{"other"}}, 404, "not-found"},
		{"POST", "/stations/here/bins", map[string]any{"name": "x", "accepts": []string{"plastic"}}, 422, "validation"},
		{"POST", "/stations/here/bins", map[string]any{"name": "x", "accepts": []string{}}, 422, "validation"},
		{"POST", "/stations/here/bins", map[string]any{"name": "x", "accepts": []string{"other", "other"}}, 422, "validation"},
		{"PATCH", "/bins/none", map[string]any{"name": "x"}, 404, "not-found"},
		{"PUT", "/bins/b1", map[string]any{"name": "x"}, 405, "method-not-allowed"},
		{"POST", "/nothing", map[string]any{}, 404, "not-found"},
	} {
		r := f.send(c.method, "/api/v1"+c.path, f.admin, c.body)
		require.Equal(t, c.status, r.status, "%s %s %v: %s", c.method, c.path, c.body, r.body)
		require.Equal(t, c.slug, r.problem(t))
	}
	r = f.do(http.MethodPost, "/api/v1/stations", f.admin, strings.NewReader("{"), header{"Content-Type": "application/json"})
	require.Equal(t, http.StatusBadRequest, r.status, "%s", r.body)
	require.Equal(t, "bad-request", r.problem(t))
	require.Equal(t, http.StatusUnprocessableEntity, f.get("/api/v1/stations?limit=0", f.read).status)
	require.Equal(t, http.StatusUnprocessableEntity, f.get("/api/v1/stations?cursor=!", f.read).status)
	require.Equal(t, http.StatusUnprocessableEntity, f.get("/api/v1/stations?limti=5", f.read).status)
}

// Wherever a bin's settings are, the guarantee stands beside them, with its n,
// its level and its price; it follows the settings and cannot be written.
func TestBinsShowTheirBound(t *testing.T) {
	f := start(t, options{})
	get := func() (b api.Bin) {
		f.get("/api/v1/bins/bin-here", f.read).into(t, &b)
		return b
	}
	b := get()
	require.Equal(t, verdict.DefaultThresholds(), b.Settings)
	require.Equal(t, verdict.LevelBin, b.Bound.Level)
	require.Greater(t, b.Bound.N, 148)
	require.InDelta(t, 0.02, b.Bound.Alpha, 0)
	require.InDelta(t, 0.95, b.Bound.Confidence, 0)
	require.LessOrEqual(t, b.Bound.Upper, b.Bound.Alpha)
	require.GreaterOrEqual(t, b.Bound.TellAt, 1.0)
	require.Positive(t, b.Bound.Shares.Check)
	require.Positive(t, b.Bound.Shares.TellOfWrong)

	th := verdict.DefaultThresholds()
	th.Alpha = 0.005
	r := f.send(http.MethodPatch, "/api/v1/bins/bin-here", f.admin, map[string]any{"thresholds": th})
	require.Equal(t, http.StatusOK, r.status, "%s", r.body)
	strict := get()
	require.Equal(t, th, strict.Settings)
	require.InDelta(t, 0.005, strict.Bound.Alpha, 0)
	require.Greater(t, strict.Bound.TellAt, b.Bound.TellAt)
	require.Less(t, strict.Bound.Shares.TellOfWrong, b.Bound.Shares.TellOfWrong)

	var o api.Overview
	f.get("/api/v1/overview", f.read).into(t, &o)
	require.Equal(t, strict.Bound, o.Items[0].Bins[0].Bound)
	for _, body := range []map[string]any{
		{"bound": b.Bound}, {"thresholds": map[string]any{"alpha": 0.5, "tell": 0.5, "pass": 0, "min_sharpness": 0, "min_exposure": 0, "max_exposure": 1}},
	} {
		r = f.send(http.MethodPatch, "/api/v1/bins/bin-here", f.admin, body)
		require.Equal(t, http.StatusUnprocessableEntity, r.status, "%v: %s", body, r.body)
	}
}

func TestCameraURLsKeepTheirSecret(t *testing.T) {
	f := start(t, options{})
	secret := "rtsp://user:pa55@127.0.0.1:1/stream?token=t0ken"
	r := f.send(http.MethodPost, "/api/v1/stations/here/cameras", f.admin, map[string]any{
		"id": "rtsp1", "name": "gate", "kind": "rtsp", "url": secret, "enabled": false,
		"regions": []any{map[string]any{"bin_id": "bin-here", "polygon": []any{map[string]any{"x": 0, "y": 0}, map[string]any{"x": 1, "y": 0}, map[string]any{"x": 1, "y": 1}}}},
	})
	require.Equal(t, http.StatusCreated, r.status, "%s", r.body)
	var c api.Camera
	r.into(t, &c)
	require.Equal(t, "rtsp://***@127.0.0.1:1/stream?***", c.URLRedacted)
	require.Equal(t, "disabled", c.State.Status)
	stored, err := f.store.GetCamera(t.Context(), "rtsp1")
	require.NoError(t, err)
	require.Equal(t, secret, stored.URL)

	r = f.send(http.MethodPatch, "/api/v1/cameras/rtsp1", f.admin, map[string]any{"name": "gate 2"})
	require.Equal(t, http.StatusOK, r.status, "%s", r.body)
	stored, err = f.store.GetCamera(t.Context(), "rtsp1")
	require.NoError(t, err)
	require.Equal(t, secret, stored.URL, "what is absent stays")

	for _, body := range []map[string]any{
		{"url": c.URLRedacted}, {"url": "ftp://user:pa55@x/"}, {"url": ""}, {"kind": "push"}, {"kind": "mjpeg"}, {"kind": "file", "url": "/etc/passwd"},
		{"kind": "v4l2"}, {"regions": []any{map[string]any{"bin_id": "bin-here", "polygon": []any{}}}},
		{"regions": []any{map[string]any{"bin_id": "bin-there", "polygon": []any{map[string]any{"x": 0, "y": 0}, map[string]any{"x": 1, "y": 0}, map[string]any{"x": 1, "y": 1}}}}},
	} {
		r := f.send(http.MethodPatch, "/api/v1/cameras/rtsp1", f.admin, body)
		require.Equal(t, http.StatusUnprocessableEntity, r.status, "%v: %s", body, r.body)
		require.NotContains(t, string(r.body), "pa55")
	}
	for _, path := range []string{"/cameras", "/cameras/rtsp1", "/stations/here/cameras", "/overview"} {
		body := string(f.get("/api/v1"+path, f.admin).body)
		require.NotContains(t, body, "pa55")
		require.NotContains(t, body, "t0ken")
	}
	require.NotContains(t, f.log.String(), "pa55")
}

func TestDepositPush(t *testing.T) {
	f := start(t, options{})
	const path = "/api/v1/bins/bin-here/deposits"
	image := photo(t, 640, 480, 1)

	r := f.push(path, f.admin, image)
	require.Equal(t, http.StatusAccepted, r.status, "%s", r.body)
	var queued api.PushedDeposit
	r.into(t, &queued)
	require.Equal(t, "/api/v1/inspections/"+queued.DepositID, queued.InspectionURL)
	require.Equal(t, http.StatusOK, f.get(queued.InspectionURL, f.read).status)

	r = f.push(path+"?wait=10s", f.admin, image)
	require.Equal(t, http.StatusCreated, r.status, "%s", r.body)
	var i api.Inspection
	r.into(t, &i)
	require.Equal(t, verdict.Tell, i.Verdict)
	require.Len(t, i.Evidence, 1)
	r = f.get(i.Evidence[0].URL, "")
	require.Equal(t, http.StatusOK, r.status)
	require.Equal(t, "image/jpeg", r.header.Get("Content-Type"))
	require.Equal(t, "nosniff", r.header.Get("X-Content-Type-Options"))
	require.Contains(t, r.header.Get("Cache-Control"), "private, max-age=")
	require.Equal(t, i.Evidence[0].SHA256, datasets.ID(r.body))
	require.Equal(t, http.StatusNotModified, f.do(http.MethodGet, i.Evidence[0].URL, "", nil, header{"If-None-Match": r.header.Get("ETag")}).status)
	require.Equal(t, "link-invalid", f.get(strings.Replace(i.Evidence[0].URL, "/0?", "/1?", 1), "").problem(t))
	require.Equal(t, "link-expired", f.get(expired(t, i.Evidence[0].URL), "").problem(t))

	body, h := form(t, nil, file{"a.jpg", "image/jpeg", image}, file{"b.jpg", "", photo(t, 320, 240, 2)})
	r = f.do(http.MethodPost, path+"?wait=10s", f.admin, body, h)
	require.Equal(t, http.StatusCreated, r.status, "%s", r.body)
	i = api.Inspection{}
	r.into(t, &i)
	require.Len(t, i.Evidence, 2)

	key := header{"Content-Type": "image/jpeg", "Idempotency-Key": "k-1"}
	first := f.do(http.MethodPost, path+"?wait=10s", f.admin, bytes.NewReader(image), key)
	again := f.do(http.MethodPost, path+"?wait=10s", f.admin, bytes.NewReader(image), key)
	require.Equal(t, first.header.Get("Location"), again.header.Get("Location"))
	r = f.do(http.MethodPost, path, f.admin, bytes.NewReader(photo(t, 64, 64, 3)), key)
	require.Equal(t, http.StatusUnprocessableEntity, r.status)
	require.Equal(t, "idempotency-mismatch", r.problem(t))
	key["Idempotency-Key"] = strings.Repeat("k", 200)
	require.Equal(t, "validation", f.do(http.MethodPost, path, f.admin, bytes.NewReader(image), key).problem(t))

	for _, wait := range []string{"31s", "-1s", "5", "soon"} {
		require.Equal(t, "validation", f.push(path+"?wait="+wait, f.admin, image).problem(t), wait)
	}
	require.Equal(t, "not-found", f.push("/api/v1/bins/none/deposits", f.admin, image).problem(t))
	f.judge.hold.Store(true)
	require.Equal(t, http.StatusAccepted, f.push(path+"?wait=50ms", f.admin, image).status, "not judged in time")
}

// expired signs the link anew as if a year ago; only the key is right.
func expired(t *testing.T, link string) string {
	t.Helper()
	u, err := url.Parse(link)
	require.NoError(t, err)
	signer := oldSigner(t)
	return signer.Sign(u.Path, time.Minute)
}

func TestErrorsOfThePartsHaveOneTable(t *testing.T) {
	f := start(t, options{})
	const path = "/api/v1/bins/bin-here/deposits"
	image := photo(t, 64, 64, 1)
	for _, c := range []struct {
		err    error
		status int
		slug   string
		retry  bool
	}{
		{queue.ErrFull, 503, "queue-full", true},
		{queue.ErrUnavailable, 503, "queue-unavailable", true},
		{queue.ErrTooLarge, 413, "deposit-too-large", false},
		{queue.ErrClosed, 503, "stopping", true},
		{isolate.ErrBusy, 503, "decoders-busy", true},
		{models.ErrBusy, 503, "models-busy", true},
		{store.ErrUnavailable, 503, "store-unavailable", true},
		{object.ErrUnavailable, 503, "objects-unavailable", true},
		{errTest, 500, "internal", false},
	} {
		f.judge.fail(fmt.Errorf("wrapped, secret=hunter2: %w", c.err))
		r := f.push(path, f.admin, image)
		require.Equal(t, c.status, r.status, "%v", c.err)
		require.Equal(t, c.slug, r.problem(t))
		require.Equal(t, c.retry, r.header.Get("Retry-After") != "", "%v", c.err)
		if c.status == 500 {
			require.NotContains(t, string(r.body), "hunter2", "what went wrong inside is for the log")
			var p api.Problem
			r.into(t, &p)
			require.Contains(t, p.Instance, "urn:binside:request:")
			require.Contains(t, f.log.String(), strings.TrimPrefix(p.Instance, "urn:binside:request:"))
		}
	}
}

func TestInspectionSaysHowAgreedAndStrange(t *testing.T) {
	f := start(t, options{})
	i := record(uuid.Must(uuid.NewV7()).String(), "here", "bin-here", verdict.Tell, time.Now())
	agreement, strangeness := 0.75, 0.0
	i.Agreement, i.Strangeness = &agreement, &strangeness
	_, err := f.store.SaveInspection(t.Context(), i)
	require.NoError(t, err)
	var got map[string]any
	f.get("/api/v1/inspections/"+i.ID, f.read).into(t, &got)
	require.InDelta(t, 0.75, got["agreement"], 1e-12)
	require.Contains(t, got, "strangeness", "typical is not the same as not recorded")
	require.InDelta(t, 0, got["strangeness"], 1e-12)

	old := f.stored("here", verdict.Tell, time.Now()) // a record without
	got = nil
	f.get("/api/v1/inspections/"+old.ID, f.read).into(t, &got)
	require.NotContains(t, got, "agreement")
	require.NotContains(t, got, "strangeness")
}

func TestInspectionLists(t *testing.T) {
	f := start(t, options{})
	base := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	var ids []string
	for n := range 7 {
		v := verdict.Tell
		if n%2 == 1 {
			v = verdict.Pass
		}
		ids = append(ids, f.stored("here", v, base.Add(time.Duration(n)*time.Minute)).ID)
	}
	f.stored("there", verdict.Check, base)

	var got []string
	cursor := ""
	for pages := 1; ; pages++ {
		var p page[api.Inspection]
		f.get("/api/v1/inspections?station=here&limit=3&cursor="+cursor, f.read).into(t, &p)
		for _, i := range p.Items {
			got = append(got, i.ID)
		}
		if cursor = p.NextCursor; cursor == "" {
			require.Equal(t, 3, pages)
			break
		}
		require.NotContains(t, cursor, ":", "cursors are opaque")
	}
	for n := range ids {
		require.Equal(t, ids[len(ids)-1-n], got[n], "newest first")
	}
	count := func(query string) int {
		var p page[api.Inspection]
		f.get("/api/v1/inspections?"+query, f.read).into(t, &p)
		return len(p.Items)
	}
	require.Equal(t, 5, count("verdict=tell&verdict=check"))
	require.Equal(t, 3, count("verdict=pass"))
	require.Equal(t, 7, count("bin=bin-here"))
	at := func(n int) string {
		return url.QueryEscape(base.Add(time.Duration(n) * time.Minute).Format(time.RFC3339))
	}
	require.Equal(t, 2, count("station=here&from="+at(2)+"&to="+at(4)))
	require.Equal(t, http.StatusUnprocessableEntity, f.get("/api/v1/inspections?verdict=maybe", f.read).status)
	require.Equal(t, http.StatusUnprocessableEntity, f.get("/api/v1/inspections?from=yesterday", f.read).status)
	require.Equal(t, http.StatusNotFound, f.get("/api/v1/inspections/none", f.read).status)

	var o api.Overview
	f.get("/api/v1/overview", f.read).into(t, &o)
	require.Len(t, o.Items, 2)
	require.Len(t, o.Items[0].Today.Verdicts, 4)
	require.Len(t, o.Items[0].Bins, 1)
	require.Len(t, o.Items[0].Cameras, 1)
	require.False(t, o.Items[0].Today.Since.After(time.Now()))
}

func TestReviewMakesASample(t *testing.T) {
	f := start(t, options{})
	var i api.Inspection
	f.push("/api/v1/bins/bin-here/deposits?wait=10s", f.admin, photo(t, 320, 240, 1)).into(t, &i)
	review := "/api/v1/inspections/" + i.ID + "/review"
	for _, bad := range []map[string]any{
		{}, {"decision": "maybe"}, {"decision": "relabelled"}, {"decision": "relabelled", "category": "plastic"}, {"decision": "relabelled", "item_class": "ufo"},
		{"decision": "relabelled", "item_class": "battery", "category": "kitchen"}, {"decision": "confirmed", "category": "kitchen"},
	} {
		require.Equal(t, "validation", f.send(http.MethodPost, review, f.admin, bad).problem(t), "%v", bad)
	}
	r := f.send(http.MethodPost, review, f.admin, map[string]any{"decision": "relabelled", "item_class": "banana_peel"})
	require.Equal(t, http.StatusOK, r.status, "%s", r.body)
	var reviewed api.Inspection
	r.into(t, &reviewed)
	require.Equal(t, inspection.Relabelled, reviewed.Review.Decision)
	require.Equal(t, "kitchen", reviewed.Review.Category)
	require.Equal(t, "test", reviewed.Review.By)

	var samples page[api.Sample]
	f.get("/api/v1/samples?category=kitchen", f.read).into(t, &samples)
	require.Len(t, samples.Items, 1)
	s := samples.Items[0]
	require.Equal(t, i.Evidence[0].SHA256, s.ID)
	require.Equal(t, i.ID, s.DepositID)
	require.Equal(t, "banana_peel", s.ItemClass)
	require.NoError(t, f.objects.Delete(t.Context(), i.Evidence[0].Key))
	require.Equal(t, s.ID, datasets.ID(f.get(s.URL, "").body), "the sample outlives the evidence")
	require.Equal(t, "gone", f.get(i.Evidence[0].URL, "").problem(t))

	r = f.send(http.MethodPost, review, f.admin, map[string]any{"decision": "confirmed"})
	require.Equal(t, http.StatusOK, r.status, "a second decision without an image: %s", r.body)
	require.Contains(t, string(r.body), `"hazardous"`)
	require.Equal(t, http.StatusNotFound, f.send(http.MethodPost, "/api/v1/inspections/none/review", f.admin, map[string]any{"decision": "confirmed"}).status)
}

func TestSampleUpload(t *testing.T) {
	f := start(t, options{})
	good := withEXIF(photo(t, 200, 100, 1))
	body, h := form(t, map[string]string{"item_class": "battery"},
		file{"a.jpg", "image/jpeg", good}, file{"broken.jpg", "image/jpeg", good[:len(good)/2]}, file{"empty.png", "", nil},
		file{`C:\photos\note.txt`, "text/plain", []byte("no image")}, file{"b.jpeg", "", photo(t, 100, 100, 2)})
	r := f.do(http.MethodPost, "/api/v1/samples", f.admin, body, h)
	require.Equal(t, http.StatusOK, r.status, "%s", r.body)
	var got api.UploadedSamples
	r.into(t, &got)
	require.Len(t, got.Accepted, 2)
	require.Equal(t, "hazardous", got.Accepted[0].Category)
	require.Len(t, got.Refused, 3)
	slugs := map[string]string{}
	for _, x := range got.Refused {
		slugs[x.Filename] = strings.TrimPrefix(x.Problem.Type, "urn:binside:problem:")
	}
	require.Equal(t, map[string]string{"broken.jpg": "image-truncated", "empty.png": "image-empty", "note.txt": "image-unsupported-format"}, slugs)

	image := f.get(got.Accepted[0].URL, "").body
	require.Equal(t, got.Accepted[0].ID, datasets.ID(image))
	require.NotContains(t, string(image), "Exif")
	require.NotContains(t, string(image), "30.25N")

	for _, fields := range []map[string]string{{}, {"category": "plastic"}, {"item_class": "ufo"}, {"category": "kitchen", "item_class": "battery"}} {
		body, h := form(t, fields, file{"a.jpg", "", good})
		require.Equal(t, "validation", f.do(http.MethodPost, "/api/v1/samples", f.admin, body, h).problem(t), "%v", fields)
	}
	body, h = form(t, map[string]string{"category": "kitchen"})
	require.Equal(t, "validation", f.do(http.MethodPost, "/api/v1/samples", f.admin, body, h).problem(t))
	require.Equal(t, "unsupported-type", f.push("/api/v1/samples", f.admin, good).problem(t))
}

// withEXIF puts an APP1 segment with a position behind the start marker.
func withEXIF(data []byte) []byte {
	payload := "Exif\x00\x00 at 30.25N 120.15E"
	n := len(payload) + 2
	seg := append([]byte{0xff, 0xe1, byte(n >> 8), byte(n)}, payload...)
	return append(append(append([]byte{}, data[:2]...), seg...), data[2:]...)
}

func TestReadiness(t *testing.T) {
	f := start(t, options{})
	require.JSONEq(t, `{"status":"ok","version":"dev"}`, string(f.get("/healthz", "").body))
	r := f.get("/readyz", "")
	require.Equal(t, http.StatusOK, r.status)
	require.JSONEq(t, `{"status":"ready"}`, string(r.body), "strangers learn one word")
	f.setStatus(map[string]api.Readiness{"model": {Status: api.Ready}, "objects": {Status: api.Degraded, Detail: "3 images wait"}})
	r = f.get("/readyz", f.read)
	require.Equal(t, http.StatusOK, r.status)
	require.Contains(t, string(r.body), "3 images wait")
	require.Contains(t, string(r.body), `"status":"degraded"`)
	f.setStatus(map[string]api.Readiness{"model": {Status: api.NotReady}, "objects": {Status: api.Degraded}})
	r = f.get("/readyz", "")
	require.Equal(t, http.StatusServiceUnavailable, r.status)
	require.JSONEq(t, `{"status":"not-ready"}`, string(r.body))

	r = f.get("/metrics", f.read)
	require.Equal(t, http.StatusOK, r.status)
	require.Contains(t, string(r.body), `binside_http_requests_total{method="GET",route="/readyz",status="2xx"} 2`)
	require.Contains(t, string(r.body), "binside_notify_subscribers")
}

func TestReferenceData(t *testing.T) {
	f := start(t, options{})
	token := f.token("station:here")
	var tax api.Taxonomy
	f.get("/api/v1/taxonomy", token).into(t, &tax)
	require.Len(t, tax.Categories, 4)
	require.NotEmpty(t, tax.Classes)
	require.NotEmpty(t, tax.Categories[0].Colour.Hex)
	require.Equal(t, "urban-four@"+tax.Version, tax.Ref)
	require.Equal(t, "GB/T 19095-2019", tax.Standard)
	require.Len(t, tax.Steps, 1)
	require.Len(t, tax.Steps[0].Streams, 4)
	for _, c := range tax.Classes {
		require.NotEmpty(t, c.Advice.ZH, c.ID)
		require.NotEmpty(t, c.Advice.EN, c.ID)
	}
	var card models.Card
	f.get("/api/v1/model", token).into(t, &card)
	require.Equal(t, "test-1", card.Version)
	require.Equal(t, "not-found", f.get("/api/v1/demonstration", token).problem(t))
}

func TestRequestsThatAreNoGood(t *testing.T) {
	f := start(t, options{cfg: api.Config{MaxBody: 2 << 20}})
	r := f.do(http.MethodPost, "/api/v1/stations", f.admin, strings.NewReader("x"), header{"Content-Type": "application/json", "Content-Encoding": "gzip"})
	require.Equal(t, "unsupported-type", r.problem(t))
	r = f.push("/api/v1/bins/bin-here/deposits", f.admin, make([]byte, 3<<20))
	require.Equal(t, http.StatusRequestEntityTooLarge, r.status)
	require.Equal(t, "body-too-large", r.problem(t))
	r = f.push("/api/v1/bins/bin-here/deposits", "", make([]byte, 3<<19))
	require.Equal(t, http.StatusUnauthorized, r.status, "a stranger's large body is not even read")
	r.problem(t)
	r = f.do(http.MethodGet, "/api/v1/stations", f.read, nil, header{"X-Long": strings.Repeat("x", 64<<10)})
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, r.status)
	r.problem(t)
	require.Equal(t, http.StatusOK, f.get("/healthz", "").status)
}

// oldSigner is the server's signer a year ago.
func oldSigner(t *testing.T) *auth.Signer {
	t.Helper()
	s, err := auth.NewSigner(bytes.Repeat([]byte{1}, 32), func() time.Time { return time.Now().AddDate(-1, 0, 0) })
	require.NoError(t, err)
	return s
}

package api_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/station"
)

const cam = "/api/v1/cameras/cam-here"

func (f *fixture) sendIf(method, path, token, etag string, body string) reply {
	f.Helper()
	return f.do(method, path, token, strings.NewReader(body), header{"Content-Type": "application/json", "If-Match": etag})
}

func TestTwoPeopleDoNotOverwriteEachOther(t *testing.T) {
	f := start(t, options{})
	before := f.get(cam, f.admin).header.Get("ETag")
	require.NotEmpty(t, before)
	r := f.sendIf("PATCH", cam, f.admin, before, `{"name": "first"}`)
	require.Equal(t, http.StatusOK, r.status, "%s", r.body)
	after := r.header.Get("ETag")
	require.NotEqual(t, before, after)

	for _, c := range []struct{ method, path, body string }{
		{"PATCH", cam, `{"name": "second"}`}, {"DELETE", cam, ""}, {"DELETE", cam + "/detector", ""},
		{"PUT", cam + "/detector", `{"min_threshold":18,"min_item":0.02,"max_item":0.6,"still_share":0.1,"held_contact":0.3,"settle_ms":400,"held_ms":900,"large_ms":2500,"leave_after_ms":300,"rest_ms":1500,"absorb_ms":20000,"pile":true}`},
	} {
		r := f.sendIf(c.method, c.path, f.admin, before, c.body)
		require.Equal(t, http.StatusPreconditionFailed, r.status, "%s %s: %s", c.method, c.path, r.body)
		require.Equal(t, "changed-meanwhile", r.problem(t))
	}
	var c api.Camera
	f.get(cam, f.admin).into(t, &c)
	require.Equal(t, "first", c.Name)
	require.Equal(t, http.StatusOK, f.sendIf("PATCH", cam, f.admin, "*", `{"name": "third"}`).status)
	require.Equal(t, http.StatusOK, f.send("PATCH", cam, f.admin, map[string]any{"name": "fourth"}).status, "programs need no precondition")

	now := f.get(cam, f.admin).header.Get("ETag")
	r = f.sendIf("DELETE", cam, f.admin, now, "")
	require.Equal(t, http.StatusNoContent, r.status, "%s", r.body)
	require.Equal(t, "not-found", f.get(cam, f.admin).problem(t))
	require.NotContains(t, f.cameras.States(), "cam-here", "it stops at once")
	require.Equal(t, "not-found", f.sendIf("DELETE", cam, f.admin, now, "").problem(t))
}

func TestRegionsAreChecked(t *testing.T) {
	f := start(t, options{})
	for name, c := range map[string]struct{ regions, says string }{
		"two corners":   {`[{"bin_id":"bin-here","polygon":[{"x":0,"y":0},{"x":1,"y":1}]}]`, "3 corners"},
		"outside":       {`[{"bin_id":"bin-here","polygon":[{"x":0,"y":0},{"x":1.2,"y":1},{"x":0,"y":1}]}]`, ""},
		"no area":       {`[{"bin_id":"bin-here","polygon":[{"x":0,"y":0},{"x":0.001,"y":0},{"x":0,"y":0.001}]}]`, "covers"},
		"crosses":       {`[{"bin_id":"bin-here","polygon":[{"x":0,"y":0},{"x":1,"y":1},{"x":1,"y":0.3},{"x":0,"y":1}]}]`, "crosses"},
		"twice":         {`[{"bin_id":"bin-here","polygon":[{"x":0,"y":0},{"x":1,"y":0},{"x":1,"y":1}]},{"bin_id":"bin-here","polygon":[{"x":0,"y":0},{"x":1,"y":1},{"x":0,"y":1}]}]`, "two regions"},
		"other station": {`[{"bin_id":"bin-there","polygon":[{"x":0,"y":0},{"x":1,"y":0},{"x":1,"y":1}]}]`, "does not have"},
	} {
		t.Run(name, func(t *testing.T) {
			r := f.sendIf("PATCH", cam, f.admin, "", `{"regions":`+c.regions+`}`)
			require.Equal(t, http.StatusUnprocessableEntity, r.status, "%s", r.body)
			require.Equal(t, "validation", r.problem(t))
			require.Contains(t, string(r.body), c.says)
		})
	}
	var c api.Camera
	f.get(cam, f.admin).into(t, &c)
	require.Len(t, c.Regions, 1)
	require.Len(t, c.Regions[0].Polygon, 4, "nothing was changed")
}

func TestDetectorThresholds(t *testing.T) {
	f := start(t, options{})
	var d api.DetectorThresholds
	f.get(cam+"/detector", f.admin).into(t, &d)
	require.False(t, d.Own)
	require.Equal(t, d.Defaults, d.Settings)

	own := d.Defaults
	own.MinItem, own.SettleMS = 0.02, 700
	r := f.send("PUT", cam+"/detector", f.admin, own)
	require.Equal(t, http.StatusOK, r.status, "%s", r.body)
	require.Equal(t, r.header.Get("ETag"), f.get(cam, f.admin).header.Get("ETag"))
	f.get(cam+"/detector", f.admin).into(t, &d)
	require.True(t, d.Own)
	require.Equal(t, own, d.Settings)

	for name, change := range map[string]func(*station.Detector){
		"smallest above largest": func(d *station.Detector) { d.MinItem = 0.9 },
		"held before settle":     func(d *station.Detector) { d.HeldMS = 100 },
		"rest before settle":     func(d *station.Detector) { d.RestMS = 100 },
		"threshold":              func(d *station.Detector) { d.MinThreshold = 1 },
		"no time":                func(d *station.Detector) { d.SettleMS = 0 },
		"share":                  func(d *station.Detector) { d.StillShare = 1 },
		"endless":                func(d *station.Detector) { d.AbsorbMS = 1 << 40 },
	} {
		bad := own
		change(&bad)
		for _, path := range []string{"/detector", "/detector/trials"} {
			method := "PUT"
			if path == "/detector/trials" {
				method = "POST"
			}
			r := f.send(method, cam+path, f.admin, bad)
			require.Equal(t, http.StatusUnprocessableEntity, r.status, "%s %s: %s", name, path, r.body)
			require.Equal(t, "validation", r.problem(t))
		}
	}
	r = f.send("PUT", cam+"/detector", f.admin, map[string]any{"min_item": 0.1})
	require.Equal(t, "validation", r.problem(t), "all of them are needed")
	f.get(cam+"/detector", f.admin).into(t, &d)
	require.Equal(t, own, d.Settings, "nothing was changed")

	f.do("DELETE", cam+"/detector", f.admin, nil, nil).into(t, &d)
	require.False(t, d.Own)
	require.Equal(t, d.Defaults, d.Settings)
}

// Who may not manage a camera sees nothing of its view, and learns nothing of
// whether it is there.
func TestTuningNeedsTheRightToManage(t *testing.T) {
	f := start(t, options{})
	var d api.DetectorThresholds
	f.get(cam+"/detector", f.admin).into(t, &d)
	for _, c := range []struct {
		method, path string
		body         any
	}{
		{"GET", cam + "/snapshot", nil}, {"GET", cam + "/detector", nil}, {"GET", cam + "/detector/live", nil},
		{"GET", cam + "/detector/events", nil}, {"GET", cam + "/detector/events/1", nil},
		{"PUT", cam + "/detector", d.Defaults}, {"DELETE", cam + "/detector", nil}, {"POST", cam + "/detector/trials", d.Defaults},
		{"DELETE", cam, nil}, {"PATCH", cam, map[string]any{"name": "x"}},
	} {
		for _, scope := range []auth.Scope{auth.Read, auth.ForScreen("here"), auth.ForCamera("cam-here"), auth.ForStation("here")} {
			r := f.send(c.method, c.path, f.token(scope), c.body)
			require.Equal(t, http.StatusForbidden, r.status, "%s %s as %s: %s", c.method, c.path, scope, r.body)
			require.Equal(t, "forbidden", r.problem(t))
		}
		require.Equal(t, http.StatusUnauthorized, f.send(c.method, c.path, "", c.body).status)
		if !strings.HasSuffix(c.path, "/1") {
			r := f.send(c.method, strings.Replace(c.path, "cam-here", "none", 1), f.admin, c.body)
			require.Equal(t, http.StatusNotFound, r.status, "%s %s: %s", c.method, c.path, r.body)
		}
	}
}

func TestDetectorIsSeenLive(t *testing.T) {
	f := start(t, options{})
	require.Equal(t, "nothing-recorded", f.send("POST", cam+"/detector/trials", f.admin, f.cameras.DetectorDefaults()).problem(t))
	var live api.DetectorLive
	f.get(cam+"/detector/live", f.admin).into(t, &live)
	require.Zero(t, live.Seq)
	require.Empty(t, live.Regions)
	require.Contains(t, f.log.String(), "a camera's detector is looked into")

	picture := photo(t, 320, 180, 1)
	for range 2 {
		r := f.push(cam+"/frames?wait=5s", f.admin, picture)
		require.Equal(t, http.StatusOK, r.status, "%s", r.body)
	}
	f.get(cam+"/detector/live", f.admin).into(t, &live)
	require.Positive(t, live.Seq)
	require.Len(t, live.Regions, 1)
	region := live.Regions[0]
	require.Equal(t, "bin-here", region.BinID)
	require.EqualValues(t, "learning", region.State)
	require.Equal(t, []int{107, 60}, []int{region.Columns, region.Rows})
	require.InDelta(t, 1, region.Width, 0.01)
	mask, err := base64.StdEncoding.DecodeString(region.Foreground)
	require.NoError(t, err)
	require.Len(t, mask, (107*60+7)/8)

	var events page[api.Recording]
	f.get(cam+"/detector/events", f.admin).into(t, &events)
	require.Empty(t, events.Items)
	require.Equal(t, "recording-gone", f.get(cam+"/detector/events/7", f.admin).problem(t))
	var trial api.DetectorTrial
	r := f.send("POST", cam+"/detector/trials", f.admin, f.cameras.DetectorDefaults())
	require.Equal(t, http.StatusOK, r.status, "%s", r.body)
	r.into(t, &trial)
	require.Positive(t, trial.Frames)
	require.Empty(t, trial.Tried)

	require.Equal(t, http.StatusOK, f.send("PATCH", cam, f.admin, map[string]any{"enabled": false}).status)
	require.Equal(t, "camera-not-running", f.get(cam+"/detector/live", f.admin).problem(t))
	require.Equal(t, "camera-not-running", f.get(cam+"/snapshot", f.admin).problem(t))
}

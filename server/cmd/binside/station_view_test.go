package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/demonstration"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
)

// asked is an answer of the server's, whose problem may be looked at.
func (c *client) asked(method, path string, in any) (status int, problem string, body []byte, header http.Header) {
	c.t.Helper()
	var sent io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		require.NoError(c.t, err)
		sent = bytes.NewReader(data)
	}
	return c.answered(method, path, sent, "application/json")
}

func (c *client) answered(method, path string, sent io.Reader, contentType string) (status int, problem string, body []byte, header http.Header) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, sent)
	require.NoError(c.t, err)
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Content-Type", contentType)
	res, err := c.http.Do(req)
	require.NoError(c.t, err)
	defer res.Body.Close()
	body, err = io.ReadAll(res.Body)
	require.NoError(c.t, err)
	if res.StatusCode >= 400 {
		var p api.Problem
		require.NoError(c.t, json.Unmarshal(body, &p), "%s", body)
		problem = p.Type[strings.LastIndex(p.Type, ":")+1:]
	}
	return res.StatusCode, problem, body, res.Header
}

// Whoever may manage cameras looks through one that an agent runs, as if it ran
// at the server: faces are painted over before the picture leaves the station,
// the look is written down at the server, and nothing of it lies there.
func TestLookThroughAnAgentsCamera(t *testing.T) {
	picture, face := photograph(t)
	server := startService(t, testConfig(t))
	admin := server.client(t, auth.Admin)
	admin.makeStation("gate")
	require.Equal(t, 201, admin.json("POST", "/api/v1/stations/gate/cameras", map[string]any{
		"id": "gate-cam", "name": "cam", "kind": "push", "regions": []station.Region{{BinID: "gate-kitchen", Polygon: vision.Full()}},
	}, nil))
	w := newWire(t, server.listener.Addr().String())
	uc := server.enrolled(t, "gate", w.url())
	const at = "/api/v1/cameras/gate-cam/snapshot"
	_, problem, _, header := admin.asked("GET", at, nil)
	require.Equal(t, "agent-away", problem)
	require.NotEmpty(t, header.Get("Retry-After"))

	agent := startAgent(t, uc)
	require.Eventually(t, func() bool {
		_, problem, _, _ = admin.asked("GET", at, nil)
		return problem == "camera-not-ready"
	}, time.Minute, 20*time.Millisecond, "%s", problem)
	require.Equal(t, 200, agent.client(t, auth.ForCamera("gate-cam")).do("POST", "/api/v1/cameras/gate-cam/frames?wait=20s", bytes.NewReader(picture), "image/jpeg", nil))
	status, problem, shown, header := admin.asked("GET", at, nil)
	require.Equal(t, 200, status, problem)
	requirePainted(t, "the snapshot", shown, face)
	require.Equal(t, "image/jpeg", header.Get("Content-Type"))
	require.Equal(t, "no-store", header.Get("Cache-Control"))
	require.NotEqual(t, "0", header.Get("X-Painted"))
	var accesses struct {
		Items []api.CameraAccess `json:"items"`
	}
	require.Equal(t, 200, admin.json("GET", "/api/v1/accesses?camera=gate-cam", nil, &accesses))
	require.Len(t, accesses.Items, 1, "only who has seen something")
	require.True(t, strings.HasPrefix(admin.token, "bin_"+accesses.Items[0].By.ID))
	img, _, err := codec.Decode(shown, codec.Limits{}, codec.Options{})
	require.NoError(t, err)
	require.Equal(t, []int{640, 480}, []int{img.Width, img.Height})
	for _, dir := range []string{server.cfg.DataDir, agent.cfg.DataDir} {
		files(t, dir, func(path string, data []byte) {
			require.NotContains(t, string(data), string(shown[len(shown)/2:]), "%s keeps the view", path)
		})
	}
	for _, scope := range []auth.Scope{auth.Read, auth.ForStation("gate"), auth.ForCamera("gate-cam"), auth.ForAgent("gate")} {
		_, problem, _, _ = server.client(t, scope).asked("GET", at, nil)
		require.Equal(t, "forbidden", problem, scope)
	}

	// Frames go to the camera where it runs.
	require.Equal(t, 409, admin.do("POST", "/api/v1/cameras/gate-cam/frames", bytes.NewReader(picture), "image/jpeg", nil))
	require.Equal(t, 200, admin.json("PATCH", "/api/v1/cameras/gate-cam", map[string]any{"enabled": false}, nil))
	_, problem, _, _ = admin.asked("GET", at, nil)
	require.Equal(t, "camera-not-running", problem)
	require.Eventually(t, func() bool { return len(agent.cameras.States()) == 0 }, 10*time.Second, 10*time.Millisecond)
	require.Equal(t, 200, admin.json("PATCH", "/api/v1/cameras/gate-cam", map[string]any{"enabled": true}, nil))
	require.Eventually(t, func() bool { return len(agent.cameras.States()) == 1 }, 10*time.Second, 10*time.Millisecond)
	w.set(hanging)
	_, problem, _, _ = admin.asked("GET", at, nil)
	require.Equal(t, "agent-away", problem)
	w.set(whole)
	require.Eventually(t, func() bool {
		_, problem, _, _ = admin.asked("GET", at, nil)
		return problem == "camera-not-ready" // it was started anew
	}, time.Minute, 20*time.Millisecond)
}

// Regions that are drawn and thresholds that are set at the server are in force
// at the station within a second or two, though it looks for a newer bundle far
// less often.
func TestChangesReachTheStationAtOnce(t *testing.T) {
	server := startService(t, testConfig(t))
	admin := server.client(t, auth.Admin)
	admin.makeStation("gate")
	require.Equal(t, 201, admin.json("POST", "/api/v1/stations/gate/cameras", map[string]any{
		"id": "gate-cam", "name": "cam", "kind": "push", "regions": []station.Region{{BinID: "gate-kitchen", Polygon: vision.Full()}},
	}, nil))
	uc := server.enrolled(t, "gate", server.url())
	uc.Poll, uc.Timeout = time.Hour, 20*time.Second
	agent := startAgent(t, uc)
	camera := func() station.Camera {
		cam, err := agent.store.GetCamera(t.Context(), "gate-cam")
		require.NoError(t, err)
		return cam
	}
	// The agent has begun to wait for word when a question is answered.
	require.Eventually(t, func() bool {
		_, problem, _, _ := admin.asked("GET", "/api/v1/cameras/gate-cam/snapshot", nil)
		return problem == "camera-not-ready"
	}, time.Minute, 20*time.Millisecond)
	corner := vision.Polygon{{X: 0, Y: 0}, {X: 0.5, Y: 0}, {X: 0.5, Y: 0.5}}
	began := time.Now()
	require.Equal(t, 200, admin.json("PATCH", "/api/v1/cameras/gate-cam", map[string]any{"regions": []station.Region{{BinID: "gate-other", Polygon: corner}}}, nil))
	require.Eventually(t, func() bool { return camera().Regions[0].BinID == "gate-other" }, 10*time.Second, 10*time.Millisecond)
	t.Logf("regions are in force after %s", time.Since(began).Round(time.Millisecond))
	require.Equal(t, corner, camera().Regions[0].Polygon)

	var d api.DetectorThresholds
	require.Equal(t, 200, admin.json("GET", "/api/v1/cameras/gate-cam/detector", nil, &d))
	d.Settings.MinItem = 0.03
	began = time.Now()
	require.Equal(t, 200, admin.json("PUT", "/api/v1/cameras/gate-cam/detector", d.Settings, nil))
	require.Eventually(t, func() bool { return camera().Detector != nil }, 10*time.Second, 10*time.Millisecond)
	t.Logf("thresholds are in force after %s", time.Since(began).Round(time.Millisecond))
	require.Equal(t, &d.Settings, camera().Detector)
}

// What the tuning page shows of a camera is the same wherever it runs.
func TestTuneAnAgentsCamera(t *testing.T) {
	server := demonstrated(t)
	startAgent(t, server.enrolled(t, demonstration.StationID, server.url()))
	admin := server.client(t, auth.Admin)
	const at = "/api/v1/cameras/demo-camera/detector"
	var live api.DetectorLive
	require.Eventually(t, func() bool {
		status, _, body, _ := admin.asked("GET", at+"/live", nil)
		if status != 200 {
			return false
		}
		require.NoError(t, json.Unmarshal(body, &live))
		return live.Seq > 0 && live.TapedMS > 3000 && len(live.Regions) == 4
	}, time.Minute, 20*time.Millisecond)
	for _, r := range live.Regions {
		require.NotEmpty(t, r.JPEG)
		require.NotEmpty(t, r.Foreground)
		require.Positive(t, r.Width)
	}
	var d api.DetectorThresholds
	require.Equal(t, 200, admin.json("GET", at, nil, &d))
	var trial api.DetectorTrial
	require.Equal(t, 200, admin.json("POST", at+"/trials", d.Settings, &trial))
	require.Positive(t, trial.Frames)
	require.Equal(t, trial.Present, trial.Tried)

	var events struct{ Items []api.Recording }
	require.Eventually(t, func() bool {
		require.Equal(t, 200, admin.json("GET", at+"/events", nil, &events))
		return len(events.Items) > 0
	}, 2*time.Minute, 100*time.Millisecond)
	last := events.Items[len(events.Items)-1]
	var strip api.RecordingStrip
	require.Equal(t, 200, admin.json("GET", at+"/events/"+jsonOf(t, last.ID), nil, &strip))
	require.Equal(t, last, strip.Recording)
	require.NotEmpty(t, strip.Frames)
	require.NotEmpty(t, strip.Frames[0].JPEG)
	_, problem, _, _ := admin.asked("GET", at+"/events/123456", nil)
	require.Equal(t, "recording-gone", problem)
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return string(text)
}

// The pages for cameras in a real browser, with the demonstration's station run
// by an agent.
func TestAgentsCameraPagesInBrowser(t *testing.T) {
	server := demonstrated(t)
	startAgent(t, server.enrolled(t, demonstration.StationID, server.url()))
	walk(t, nil, "cameras.mjs", server.enter(t), server.enterAs(t, auth.Read))
}

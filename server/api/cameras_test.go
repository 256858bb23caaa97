package api_test

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store"
)

// TestCameraURLShowsNoCredential puts passwords where cameras take them: the URL's
// user, its query, and the path, as many Chinese makers have it.
func TestCameraURLShowsNoCredential(t *testing.T) {
	f := start(t, options{})
	for url, shown := range map[string]string{
		"rtsp://admin:hunter2@192.0.2.7:554/Streaming/Channels/101":                           "rtsp://***@192.0.2.7:554/Streaming/Channels/101",
		"rtsp://192.0.2.7/cam/realmonitor?channel=1&pwd=hunter2":                              "rtsp://192.0.2.7/cam/realmonitor?***",
		"rtsp://192.0.2.7:554/user=admin&password=hunter2&channel=1&stream=0.sdp?real_stream": "rtsp://192.0.2.7:554/***?***",
		"rtsp://192.0.2.7:554/user=admin_password=hunter2_channel=1_stream=0.sdp":             "rtsp://192.0.2.7:554/***",
		"rtsp://192.0.2.7/live/admin:hunter2/ch1":                                             "rtsp://192.0.2.7/live/***/ch1",
		"rtsp://admin:hunter2%23%3F@192.0.2.7/1":                                              "rtsp://***@192.0.2.7/1",
	} {
		r := f.send(http.MethodPost, "/api/v1/stations/here/cameras", f.admin, map[string]any{"name": "gate", "kind": "rtsp", "url": url, "enabled": false, "regions": []any{}})
		require.Equal(t, http.StatusCreated, r.status, "%s", r.body)
		require.Contains(t, string(r.body), `"url_redacted":"`+shown+`"`)
		require.NotContains(t, string(r.body), "hunter2")
	}
	for _, url := range []string{"rtsp://admin:12#hunter2@192.0.2.7/1", "rtsp://admin:12?hunter2@192.0.2.7/1", "rtsp://admin:12/hunter2@192.0.2.7/1"} {
		r := f.send(http.MethodPost, "/api/v1/stations/here/cameras", f.admin, map[string]any{"name": "gate", "kind": "rtsp", "url": url, "enabled": false, "regions": []any{}})
		require.Equal(t, http.StatusUnprocessableEntity, r.status, "a password's beginning would pass for the host: %s", r.body)
		require.NotContains(t, string(r.body), "hunter2")
	}
}

func TestPushedFrameNamesItsTime(t *testing.T) {
	f := start(t, options{})
	push := func(at string) reply {
		return f.do(http.MethodPost, "/api/v1/cameras/cam-here/frames", f.admin, bytes.NewReader(photo(t, 64, 48, 1)),
			header{"Content-Type": "image/jpeg", "X-Captured-At": at})
	}
	require.Equal(t, http.StatusAccepted, push("2026-03-01T08:00:00.25+08:00").status)
	r := push("yesterday")
	require.Equal(t, http.StatusUnprocessableEntity, r.status)
	require.Equal(t, "validation", r.problem(t))
}

// TestLearnCameraAnew forgets what is kept of a camera, for whoever may change
// it and where it runs.
func TestLearnCameraAnew(t *testing.T) {
	f := start(t, options{})
	remember := func(id string) {
		require.NoError(t, f.store.SaveCameraMemory(t.Context(), store.CameraMemory{CameraID: id, Device: "d", At: time.Now(), Memory: []byte{1}}))
	}
	remember("cam-here")
	for _, scope := range []auth.Scope{auth.Read, auth.ForStation("here"), auth.ForCamera("cam-here")} {
		require.Equal(t, http.StatusForbidden, f.send(http.MethodPost, "/api/v1/cameras/cam-here/learn", f.token(scope), nil).status, scope)
	}
	require.Equal(t, http.StatusNotFound, f.send(http.MethodPost, "/api/v1/cameras/none/learn", f.admin, nil).status)
	_, err := f.store.CameraMemory(t.Context(), "cam-here")
	require.NoError(t, err)
	r := f.send(http.MethodPost, "/api/v1/cameras/cam-here/learn", f.admin, nil)
	require.Equal(t, http.StatusNoContent, r.status, "%s", r.body)
	_, err = f.store.CameraMemory(t.Context(), "cam-here")
	require.ErrorIs(t, err, store.ErrNotFound)
	require.Contains(t, f.log.String(), "a camera learns anew what it usually shows")

	off := station.Camera{ID: "off", StationID: "here", Kind: station.Push}
	require.NoError(t, f.store.CreateCamera(t.Context(), &off))
	remember("off")
	r = f.send(http.MethodPost, "/api/v1/cameras/off/learn", f.admin, nil)
	require.Equal(t, http.StatusConflict, r.status)
	require.Equal(t, "camera-not-running", r.problem(t))
	_, err = f.store.CameraMemory(t.Context(), "off")
	require.NoError(t, err)
}

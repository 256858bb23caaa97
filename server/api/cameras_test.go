package api_test

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
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

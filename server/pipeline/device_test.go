package pipeline

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/server/station"
)

// One device keeps its digest, whoever may look through it and however.
func TestDeviceOf(t *testing.T) {
	rtsp := func(url string) string {
		return deviceOf(station.Camera{Kind: station.RTSP, URL: url, Transport: "udp", ID: url})
	}
	for _, same := range [][]string{
		{"rtsp://192.0.2.7/Streaming/Channels/101", "rtsp://admin:secret@192.0.2.7:554/Streaming/Channels/101", "rtsps://192.0.2.7:322/Streaming/Channels/101"},
		{"rtsp://cam/realmonitor?channel=1&pwd=a", "rtsp://Cam/realmonitor?channel=1&pwd=b%26"},
		{"rtsp://cam/user=admin&password=a&channel=1&stream=0.sdp", "rtsp://cam/user=root&password=b&channel=1&stream=0.sdp"},
		{"rtsp://cam/user=admin_password=a_channel=1_stream=0.sdp", "rtsp://cam/user=admin_password=b_channel=1_stream=0.sdp"},
		{"rtsp://cam/live/admin:a/ch1", "rtsp://cam/live/admin:b/ch1"},
	} {
		for _, other := range same[1:] {
			require.Equal(t, rtsp(same[0]), rtsp(other), other)
		}
	}
	seen := map[string]string{}
	for _, url := range []string{
		"rtsp://cam/1", "rtsp://cam/2", "rtsp://cam:555/1", "rtsp://cam2/1", "rtsp://cam/realmonitor?channel=1", "rtsp://cam/realmonitor?channel=2",
		"rtsp://cam/user=admin_password=a_channel=1_stream=0.sdp", "rtsp://cam/user=admin_password=a_channel=2_stream=0.sdp",
		"rtsp://cam/live/admin:a/ch1", "rtsp://cam/live/admin:a/ch2", "/dev/video0", "/dev/video1", "",
	} {
		require.NotContains(t, seen, rtsp(url), url)
		seen[rtsp(url)] = url
	}
	require.NotEqual(t, rtsp("rtsp://cam/1"), deviceOf(station.Camera{Kind: station.MJPEG, URL: "rtsp://cam/1"}))
}

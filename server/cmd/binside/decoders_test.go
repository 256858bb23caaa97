package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/camera/cameratest"
	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/auth"
)

// The process that decodes what is pushed is crashed again and again: no push is
// lost by it, and the service goes on.
func TestCrashOfAPictureDecoder(t *testing.T) {
	s := startService(t, testConfig(t))
	c := s.client(t, auth.Admin)
	c.makeStation("gate")
	picture := testPicture(t)
	for n := range 5 {
		var got api.Inspection
		require.Equal(t, 201, c.do("POST", "/api/v1/bins/gate-kitchen/deposits?wait=20s", bytes.NewReader(picture), "image/jpeg", &got), "push %d", n)
		pids := cameratest.Decoders(t, os.Getpid())
		require.Len(t, pids, 1)
		require.NoError(t, syscall.Kill(pids[0], syscall.SIGSEGV))
	}
	_, _, metrics, _ := c.asked("GET", "/metrics", nil)
	require.Contains(t, string(metrics), "binside_picture_decoder_failures_total{reason=\"died\"} 4\n")
}

// No picture of a stranger's is decoded by the service itself: with the decoders
// gone every door is closed, and what was asked for again is not shown.
func TestEveryDoorDecodesApart(t *testing.T) {
	cfg := testConfig(t)
	cfg.Evidence.PassShare = 1
	server := startService(t, cfg)
	c := server.client(t, auth.Admin)
	c.makeStation("gate")
	c.makeStation("away")
	require.Equal(t, 201, c.json("POST", "/api/v1/stations/gate/cameras", map[string]any{"id": "gate-cam", "name": "cam", "kind": "push", "regions": []any{}}, nil))
	agent := startAgent(t, server.enrolled(t, "away", server.url()))
	there := agent.client(t, auth.ForStation("away"))
	files := pictures(t, 3)
	push := func(path string, picture []byte) (status int, problem string) {
		var body io.Reader = bytes.NewReader(picture)
		contentType := "image/jpeg"
		if path == "/api/v1/samples" {
			body, contentType = sampleForm(t, picture)
		}
		status, problem, _, _ = c.answered("POST", path, body, contentType)
		return status, problem
	}
	doors := []string{"/api/v1/bins/gate-kitchen/deposits", "/api/v1/cameras/gate-cam/frames", "/api/v1/samples"}
	for _, path := range doors {
		status, problem := push(path, files[0])
		require.Less(t, status, 300, "%s: %s", path, problem)
	}
	var first api.Inspection
	require.Equal(t, 201, c.do("POST", "/api/v1/bins/gate-other/deposits?wait=20s", bytes.NewReader(files[2]), "image/jpeg", &first))
	there.pushed("away-kitchen", "one", files[0])
	require.Eventually(t, func() bool { return len(server.all(t, "away")) == 1 }, time.Minute, 20*time.Millisecond)

	require.NoError(t, server.decoders.Close())
	for _, path := range doors {
		status, problem := push(path, files[1])
		require.Equal(t, "503 stopping", fmt.Sprint(status, " ", problem), path)
	}
	status, problem, _, _ := c.asked("GET", "/api/v1/inspections/"+first.ID+"/explanation/heatmap", nil)
	require.Equal(t, "503 stopping", fmt.Sprint(status, " ", problem))
	there.pushed("away-kitchen", "two", files[1])
	require.Eventually(t, func() bool { return strings.Contains(agent.uplink.Status().Error, "503 stopping") }, time.Minute, time.Millisecond)
	require.EqualValues(t, 1, agent.backlog(t))
	require.Len(t, server.all(t, "away"), 1)
}

package main

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/camera/cameratest"
	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/station"
)

// A rendered pack is complete; a speaker replaces a file of it, and a station
// that has chosen the pack is spoken to with that.
func TestVoicePack(t *testing.T) {
	if _, err := exec.LookPath("espeak-ng"); err != nil {
		cameratest.Missing(t, "espeak-ng: %v", err)
	}
	cfg := testConfig(t)
	s := startService(t, cfg)
	pack := filepath.Join(cfg.DataDir, "voices", "hangzhou")
	out := command(t, "voices", "render", "--out", pack)
	require.Contains(t, out, " recordings made, 0 were there")
	out = command(t, "voices", "check", pack)
	require.True(t, strings.HasSuffix(out, "missing: \n"), "%s", out)
	recording := []byte("OggS a person's recording")
	require.NoError(t, os.Remove(filepath.Join(pack, "class-battery.wav")))
	require.NoError(t, os.WriteFile(filepath.Join(pack, "class-battery.ogg"), recording, 0o600))
	out = command(t, "voices", "render", "--out", pack)
	require.Contains(t, out, "0 recordings made", "what is there is left alone")

	require.NoError(t, s.store.CreateStation(t.Context(), &station.Station{ID: "gate", Name: "gate", RegionPath: "/a", TimeZone: "Asia/Shanghai"}))
	admin, screen := s.client(t, auth.Admin), s.client(t, auth.ForScreen("gate"))
	choose := func(voice string) int {
		return admin.json("PATCH", "/api/v1/stations/gate", map[string]any{"prompts": map[string]any{"voice": voice}}, nil)
	}
	require.Equal(t, http.StatusUnprocessableEntity, choose("none"))
	require.Equal(t, http.StatusOK, choose("hangzhou"))
	var said api.Speech
	require.Equal(t, http.StatusOK, screen.json("GET", "/api/v1/stations/gate/screen/speech", nil, &said))
	require.Equal(t, "hangzhou", said.Pack)
	require.True(t, said.Renders)
	hear := func(path string) (*http.Response, []byte) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url()+"/api/v1/stations/"+path, nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+screen.token)
		resp, err := screen.http.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp, body
	}
	resp, body := hear("gate/screen/speech/class-battery?version=" + said.Version)
	require.Equal(t, "audio/ogg", resp.Header.Get("Content-Type"))
	require.Equal(t, recording, body)
	require.Contains(t, resp.Header.Get("Cache-Control"), "immutable")
	resp, body = hear("gate/screen/speech/class-battery?language=en")
	require.Equal(t, "audio/wav", resp.Header.Get("Content-Type"))
	require.Equal(t, "RIFF", string(body[:4]))
	require.NotContains(t, resp.Header.Get("Cache-Control"), "immutable")
	for path, want := range map[string]int{
		"gate/screen/speech/hello": 404, "gate/screen/speech/class-battery?language=fr": 422, "gate/screen/speech/..%2Fpack": 404,
		"other/screen/speech/thanks": 404,
	} {
		resp, _ = hear(path)
		require.Equal(t, want, resp.StatusCode, path)
	}

	t.Setenv("PATH", t.TempDir())
	require.NoError(t, os.RemoveAll(filepath.Join(cfg.DataDir, "speech")))
	resp, body = hear("gate/screen/speech/thanks?language=en")
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	require.Contains(t, string(body), "urn:binside:problem:speech-unavailable")
}

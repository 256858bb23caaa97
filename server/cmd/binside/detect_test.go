package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/camera/cameratest"
	"github.com/binside/binside/vision/deposit"
)

func runDetect(t *testing.T, args ...string) (detected, error) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "events.json")
	root := newRoot(new(bytes.Buffer), new(bytes.Buffer))
	root.SetArgs(append([]string{"detect", "--json", out}, args...))
	if err := root.ExecuteContext(t.Context()); err != nil {
		require.NoFileExists(t, out)
		return detected{}, err
	}
	text, err := os.ReadFile(out)
	require.NoError(t, err)
	var found detected
	require.NoError(t, json.Unmarshal(text, &found))
	return found, nil
}

// TestDetectBottles compares the clip with what a person saw in it: every bottle
// that is put down or taken away is one event, and nothing else is.
func TestDetectBottles(t *testing.T) {
	clip := cameratest.Shared(t, filepath.Join("..", "..", "..", "..", "shared", "data", "video", "bottle-detection.mp4"))
	file, err := os.Open(filepath.Join("testdata", "bottle-detection.csv"))
	require.NoError(t, err)
	defer file.Close()
	table := csv.NewReader(file)
	table.Comment = '#'
	rows, err := table.ReadAll()
	require.NoError(t, err)
	found, err := runDetect(t, "--file", clip)
	require.NoError(t, err)
	require.Equal(t, []int{640, 360}, []int{found.Width, found.Height})
	left := found.Events
	for _, row := range rows[1:] {
		start, err := strconv.ParseFloat(row[0], 64)
		require.NoError(t, err)
		end, err := strconv.ParseFloat(row[1], 64)
		require.NoError(t, err)
		matched := false
		for i, e := range left {
			if matched = string(e.Kind) == row[2] && e.StartS > start-0.5 && e.StartS < end && e.EndS < end+3; matched {
				left = append(left[:i:i], left[i+1:]...)
				break
			}
		}
		if !matched {
			t.Errorf("%s at %s s: the %s was not found", row[2], row[0], row[3])
		}
	}
	require.Empty(t, left, "what did not happen")
}

func TestDetectInARegion(t *testing.T) {
	clip := cameratest.Shared(t, filepath.Join("..", "..", "..", "..", "shared", "data", "video", "bottle-detection.mp4"))
	for _, region := range []string{"0.65,0.2 1,0.2 1,0.95 0.65,0.95", "416,72;640,72;640,342;416,342", "[[0.65,0.2],[1,0.2],[1,0.95],[0.65,0.95]]"} {
		found, err := runDetect(t, "--file", clip, "--region", region)
		require.NoError(t, err)
		var kinds []deposit.Kind
		for _, e := range found.Events {
			kinds = append(kinds, e.Kind)
		}
		require.Equal(t, []deposit.Kind{deposit.Removed, deposit.Deposited}, kinds, "the right bottle's, by %s", region)
	}
}

func TestDetectSaysWhatIsWrong(t *testing.T) {
	video := cameratest.WriteVideo(t, 320, 240, 10, 20)
	text := filepath.Join(t.TempDir(), "a.mp4")
	require.NoError(t, os.WriteFile(text, []byte("no video"), 0o600))
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"no such file":    {[]string{"--file", "/nowhere.mp4"}, "no such file"},
		"no video":        {[]string{"--file", text}, "no video"},
		"a camera":        {[]string{"--file", "http://camera"}, "must be"},
		"odd numbers":     {[]string{"--file", video, "--region", "0,0 1,0 1"}, "two a corner"},
		"no number":       {[]string{"--file", video, "--region", "0,0 1,0 1,x"}, "no number"},
		"two corners":     {[]string{"--file", video, "--region", "0,0 1,1"}, "at least 3"},
		"beyond the edge": {[]string{"--file", video, "--region", "0,0 5000,0 5000,200"}, "outside"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := runDetect(t, c.args...)
			require.ErrorContains(t, err, c.says)
		})
	}
}

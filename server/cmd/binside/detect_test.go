package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/camera"
	"github.com/binside/binside/camera/cameratest"
	"github.com/binside/binside/camera/capture"
	"github.com/binside/binside/vision"
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

// action is one thing that a person saw done in a clip.
type action struct {
	start, end float64 // in seconds
	kind, what string
}

const bottlesClip = "../../../../shared/data/video/bottle-detection.mp4"

// bottles is what a person saw in the clip.
func bottles(t *testing.T) []action {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", "bottle-detection.csv"))
	require.NoError(t, err)
	defer file.Close()
	table := csv.NewReader(file)
	table.Comment = '#'
	rows, err := table.ReadAll()
	require.NoError(t, err)
	var seen []action
	for _, row := range rows[1:] {
		start, err := strconv.ParseFloat(row[0], 64)
		require.NoError(t, err)
		end, err := strconv.ParseFloat(row[1], 64)
		require.NoError(t, err)
		seen = append(seen, action{start, end, row[2], row[3]})
	}
	return seen
}

// requireActions demands an event for every action, and no other.
func requireActions(t *testing.T, seen []action, events []detectedEvent) {
	t.Helper()
	left := slices.Clone(events)
	for _, a := range seen {
		i := slices.IndexFunc(left, func(e detectedEvent) bool {
			return string(e.Kind) == a.kind && e.StartS > a.start-0.5 && e.StartS < a.end && e.EndS < a.end+3
		})
		if i < 0 {
			t.Errorf("%s at %g s: the %s was not found", a.kind, a.start, a.what)
			continue
		}
		left = slices.Delete(left, i, i+1)
	}
	require.Empty(t, left, "what did not happen")
}

// TestDetectBottles compares the clip with what a person saw in it: every bottle
// that is put down or taken away is one event, and nothing else is.
func TestDetectBottles(t *testing.T) {
	found, err := runDetect(t, "--file", cameratest.Shared(t, filepath.FromSlash(bottlesClip)))
	require.NoError(t, err)
	require.Equal(t, []int{640, 360}, []int{found.Width, found.Height})
	requireActions(t, bottles(t), found.Events)
}

// slower is a camera that gives fewer frames of what another one sees: those
// nearest to its own moments, of which the first comes after phase.
type slower struct {
	camera.Source
	every, phase time.Duration
}

func (s slower) Stream(ctx context.Context, sink func(camera.Frame)) error {
	const half = time.Second / 60 // of a step of the clip's
	var due time.Time
	return s.Source.Stream(ctx, func(f camera.Frame) {
		if due.IsZero() {
			due = f.Time.Add(s.phase)
		}
		if !f.Time.Before(due.Add(-half)) {
			due = due.Add(s.every)
			sink(f)
		}
	})
}

// TestDetectBottlesOfASlowerCamera shows the clip at other frame rates, begun at
// other moments. What happens in it must not depend on which of its frames the
// camera gave.
func TestDetectBottlesOfASlowerCamera(t *testing.T) {
	clip, seen := cameratest.Shared(t, filepath.FromSlash(bottlesClip)), bottles(t)
	for _, rate := range []float64{8, 10, 12, 15, 20, 25} {
		every := time.Duration(float64(time.Second) / rate)
		for _, phase := range []time.Duration{0, every / 2} {
			t.Run(fmt.Sprintf("%g a second from %s", rate, phase), func(t *testing.T) {
				source, err := capture.New(clip, capture.Options{Unpaced: true})
				require.NoError(t, err)
				found, err := watch(t.Context(), slower{source, every, phase}, vision.Full())
				require.NoError(t, err)
				require.InEpsilon(t, rate, float64(found.Frames)/found.DurationS, 0.05)
				requireActions(t, seen, found.Events)
			})
		}
	}
}

func TestDetectInARegion(t *testing.T) {
	clip := cameratest.Shared(t, filepath.FromSlash(bottlesClip))
	for _, region := range []string{
		"0.65,0.2 1,0.2 1,0.95 0.65,0.95", "416,72;640,72;640,342;416,342", "[[0.65,0.2],[1,0.2],[1,0.95],[0.65,0.95]]",
		`[{"x":0.65,"y":0.2},{"x":1,"y":0.2},{"x":1,"y":0.95},{"x":0.65,"y":0.95}]`,
	} {
		found, err := runDetect(t, "--file", clip, "--region", region)
		require.NoError(t, err)
		var kinds []deposit.Kind
		for _, e := range found.Events {
			kinds = append(kinds, e.Kind)
		}
		require.Equal(t, []deposit.Kind{deposit.Removed, deposit.Deposited}, kinds, "the right bottle's, by %s", region)
	}
}

// Of what happens beside a bottle its region sees the shadows.
func TestDetectInARegionOfASlowerCamera(t *testing.T) {
	clip := cameratest.Shared(t, filepath.FromSlash(bottlesClip))
	for name, region := range map[string]string{"middle": "0.4,0.2 0.6,0.2 0.6,0.95 0.4,0.95", "right": "0.65,0.2 1,0.2 1,0.95 0.65,0.95"} {
		corners, err := parseCorners(region)
		require.NoError(t, err)
		for _, phase := range []time.Duration{0, 50 * time.Millisecond} {
			source, err := capture.New(clip, capture.Options{Unpaced: true})
			require.NoError(t, err)
			found, err := watch(t.Context(), slower{source, 100 * time.Millisecond, phase}, corners)
			require.NoError(t, err)
			seen := slices.DeleteFunc(bottles(t), func(a action) bool { return a.what != name+" bottle" })
			requireActions(t, seen, found.Events)
		}
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

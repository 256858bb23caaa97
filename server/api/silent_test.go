package api_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/pipeline"
	"github.com/binside/binside/server/relay"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/condition"
)

// agentsCameras are those that agents run, as server/cmd/binside has them.
type agentsCameras struct {
	api.Cameras
	states func() map[string]pipeline.CameraState
}

func (c agentsCameras) States() map[string]pipeline.CameraState { return c.states() }

// One doubted camera silences what it alone sees, and the station only where
// that is everything: on the screen and in the supervisors' list, for a station
// that an agent runs as well.
func TestDoubtedCameraSilencesItsBinsAlone(t *testing.T) {
	f := start(t, options{})
	require.NoError(t, f.store.CreateBin(t.Context(), &station.Bin{ID: "red", StationID: "here", Name: "red", Accepts: []string{"hazardous"}}))
	require.NoError(t, f.store.CreateCamera(t.Context(), &station.Camera{
		ID: "cam-2", StationID: "here", Name: "second", Kind: station.Push, Enabled: true,
		Regions: []station.Region{{BinID: "red", Polygon: vision.Full()}},
	}))
	deps := f.deps
	deps.Cameras = agentsCameras{f.cameras, f.agents.CameraStates}
	f.serve(deps, api.Config{})
	require.Equal(t, 200, f.send(http.MethodPatch, "/api/v1/stations/here", f.admin, map[string]any{"agent": true}).status)
	agent := f.token(auth.ForAgent("here"))
	require.Equal(t, 200, f.get("/api/v1/stations/here/agent/bundle", agent).status)
	report := func(first, second condition.Kind) {
		r := relay.Report{Version: "1", Cameras: map[string]relay.CameraReport{
			"cam-here": {Status: "streaming", Condition: first}, "cam-2": {Status: "streaming", Condition: second},
		}}
		require.Equal(t, 200, f.send(http.MethodPost, "/api/v1/stations/here/agent/report", agent, r).status)
	}
	screen := f.token(auth.ForScreen("here"))
	look := func() (got api.Screen) {
		f.get("/api/v1/stations/here/screen", screen).into(t, &got)
		var overview api.Overview
		f.get("/api/v1/overview", f.read).into(t, &overview)
		require.Equal(t, got.Silent, overview.Items[0].Silent)
		require.Empty(t, overview.Items[1].Silent)
		return got
	}

	report("", "")
	ch := f.streamOf(screen, "/api/v1/stations/here/screen/events", "")
	require.Empty(t, until[api.Screen](t, ch, "screen").Silent)
	require.Empty(t, look().Silent)

	report(condition.Dirty, "")
	got := look()
	require.Equal(t, []pipeline.SilentBin{{BinID: "bin-here", Why: []condition.Kind{condition.Dirty}}}, got.Silent)
	require.Empty(t, got.Blind, "the other bin goes on")
	require.Equal(t, got.Silent, until[api.Screen](t, ch, "screen").Silent, "an open screen hears of it")

	report(condition.Dirty, condition.Night)
	got = look()
	require.Equal(t, []pipeline.SilentBin{
		{BinID: "bin-here", Why: []condition.Kind{condition.Dirty}}, {BinID: "red", Why: []condition.Kind{condition.Night}},
	}, got.Silent)
	require.Equal(t, []condition.Kind{condition.Dirty, condition.Night}, got.Blind)
	require.Equal(t, got.Blind, until[api.Screen](t, ch, "screen").Blind)
}

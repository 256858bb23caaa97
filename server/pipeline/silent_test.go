package pipeline_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/server/pipeline"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/vision/condition"
)

// A bin is silent when everything that sees it is doubted, and no sooner.
func TestSilentBins(t *testing.T) {
	camera := func(id string, bins ...string) station.Camera {
		c := station.Camera{ID: id}
		for _, b := range bins {
			c.Regions = append(c.Regions, station.Region{BinID: b})
		}
		return c
	}
	cameras := []station.Camera{camera("left", "a", "b"), camera("right", "b", "c"), camera("top", "a")}
	state := func(status pipeline.CameraStatus, kind condition.Kind) pipeline.CameraState {
		return pipeline.CameraState{Status: status, Condition: kind}
	}
	const on = pipeline.StatusStreaming
	for name, c := range map[string]struct {
		left, right, top pipeline.CameraState
		want             []pipeline.SilentBin
	}{
		"all are well":           {state(on, ""), state(on, ""), state(on, ""), []pipeline.SilentBin{}},
		"another still sees it":  {state(on, ""), state(on, condition.Dirty), state(on, condition.Night), []pipeline.SilentBin{{BinID: "c", Why: []condition.Kind{condition.Dirty}}}},
		"two reasons, each once": {state(on, condition.Night), state(on, ""), state(on, condition.Dirty), []pipeline.SilentBin{{BinID: "a", Why: []condition.Kind{condition.Dirty, condition.Night}}}},
		"the other one is gone": {state(on, condition.Moved), state(pipeline.StatusFailed, ""), state(on, condition.Moved), []pipeline.SilentBin{
			{BinID: "a", Why: []condition.Kind{condition.Moved}}, {BinID: "b", Why: []condition.Kind{condition.Moved}},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, pipeline.SilentBins(cameras, map[string]pipeline.CameraState{"left": c.left, "right": c.right, "top": c.top}))
		})
	}
	// One that was switched off sees nothing, and is not to blame.
	require.Equal(t, []pipeline.SilentBin{{BinID: "a", Why: []condition.Kind{condition.Black}}, {BinID: "b", Why: []condition.Kind{condition.Black}}},
		pipeline.SilentBins(cameras, map[string]pipeline.CameraState{"left": state(on, condition.Black)}))
}

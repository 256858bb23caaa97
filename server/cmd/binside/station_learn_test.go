package main

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/pipeline"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
	"github.com/binside/binside/vision/condition"
	"github.com/binside/binside/vision/condition/conditiontest"
)

// place is what a camera looks at: tiles, each as bright as chance has it, under
// a sensor's noise.
type place struct {
	tiles *vision.Image
	noise *rand.Rand
}

func newPlace() *place {
	rng := rand.New(rand.NewPCG(5, 3))
	p := &place{tiles: vision.NewImage(640, 360), noise: rng}
	var levels [9 * 16]byte
	for i := range levels {
		levels[i] = byte(50 + rng.IntN(150))
	}
	for i := range p.tiles.Pix {
		x, y := i/3%640, i/3/640
		p.tiles.Pix[i] = levels[y/40*16+x/40]
	}
	return p
}

// frame is the next picture of the place, through a lens that a fault may have.
func (p *place) frame(at time.Time, fault *conditiontest.Fault) condition.Frame {
	img := p.tiles.Clone()
	for i := range img.Pix {
		img.Pix[i] += byte(p.noise.IntN(5))
	}
	f := condition.Frame{Time: at, Arrived: at, Image: img}
	if fault != nil {
		f = fault.Break(f)
	}
	return f
}

// showSteadily shows the place to a station's camera five times a second, with
// the fault that is stored at the moment, until the function that it returns is
// called.
func (s *service) showSteadily(t *testing.T, cameraID string, fault *atomic.Pointer[conditiontest.Fault]) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for p := newPlace(); ; {
			select {
			case <-ctx.Done():
				return
			case now := <-tick.C:
				jpeg, err := codec.EncodeJPEG(p.frame(now, fault.Load()).Image, 90)
				if err == nil {
					// A frame that is not taken is followed by others.
					_, _ = s.cameras.PushFrame(ctx, cameraID, pipeline.Upload{Data: jpeg, Declared: "image/jpeg"})
				}
			}
		}
	})
	return func() { cancel(); running.Wait() }
}

// A camera that an agent runs is turned for good. While the agent is away nobody
// can let it learn anew, and what was asked for then is not done later; once it
// is there it learns what the camera shows, the server sees that the fault is
// over, and neither of them goes by the old view again.
func TestAgentsCameraLearnsAnew(t *testing.T) {
	t.Parallel()
	server := startService(t, testConfig(t))
	admin := server.client(t, auth.Admin)
	admin.makeStation("gate")
	require.Equal(t, 201, admin.json("POST", "/api/v1/stations/gate/cameras", map[string]any{"id": "gate-cam", "name": "cam", "kind": "push", "regions": []station.Region{}}, nil))
	// From when it ran at the server.
	require.NoError(t, server.store.SaveCameraMemory(t.Context(), store.CameraMemory{CameraID: "gate-cam", Device: "it", At: time.Now(), Memory: []byte("old")}))
	w := newWire(t, server.listener.Addr().String())
	uc := server.enrolled(t, "gate", w.url())
	uc.Report = 5 * time.Second
	agent := startAgent(t, uc)

	var fault atomic.Pointer[conditiontest.Fault]
	defer agent.showSteadily(t, "gate-cam", &fault)()
	// known is what the station keeps of the camera's usual view.
	var known store.CameraMemory
	learnt := func() bool {
		var err error
		known, err = agent.store.CameraMemory(t.Context(), "gate-cam")
		return err == nil
	}
	online := func() bool { return agent.uplink.Status().Online }
	require.Eventually(t, online, 10*time.Second, 20*time.Millisecond)
	w.set(cut)
	require.Eventually(t, learnt, time.Minute, 50*time.Millisecond, "it learns without a network")
	fault.Store(conditiontest.New(condition.Moved, 6))

	const at = "/api/v1/cameras/gate-cam"
	require.False(t, online())
	status, problem, _, header := admin.asked("POST", at+"/learn", nil)
	require.Equal(t, 503, status)
	require.Equal(t, "agent-away", problem)
	require.NotEmpty(t, header.Get("Retry-After"))
	_, err := server.store.CameraMemory(t.Context(), "gate-cam")
	require.NoError(t, err, "nothing has changed")
	w.set(whole)

	shown := func() condition.Kind {
		var cam api.Camera
		require.Equal(t, 200, admin.json("GET", at, nil, &cam))
		return cam.State.Condition
	}
	require.Eventually(t, func() bool { return shown() == condition.Moved }, time.Minute, 20*time.Millisecond)
	require.Equal(t, 204, admin.json("POST", at+"/learn", nil, nil))
	require.Eventually(t, func() bool { return shown() == condition.Good }, 3*time.Second, 20*time.Millisecond, "the next regular report is five seconds away")
	_, err = server.store.CameraMemory(t.Context(), "gate-cam")
	require.ErrorIs(t, err, store.ErrNotFound)

	before := known.At
	require.Eventually(t, func() bool { return learnt() && known.At.After(before) }, time.Minute, 50*time.Millisecond)
	require.Equal(t, condition.Good, shown())
	monitor, err := condition.New(condition.DefaultConfig())
	require.NoError(t, err)
	require.NoError(t, monitor.Restore(known.Memory))
	p, now := newPlace(), time.Now()
	state, _ := monitor.Observe(p.frame(now, fault.Load()))
	require.Equal(t, condition.Good, state.Latest, "this is what it usually shows")
	state, _ = monitor.Observe(p.frame(now.Add(time.Second), nil))
	require.NotEqual(t, condition.Good, state.Latest, "what it showed before is strange to it")
}

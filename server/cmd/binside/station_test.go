package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"

	"io/fs"
	"log/slog"
	"math/rand/v2"

	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/camera/cameratest"
	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models/base"
	"github.com/binside/binside/server/agents"
	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/auth"

	"github.com/binside/binside/server/demonstration"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/relay"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store"
	"github.com/binside/binside/server/uplink"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
)

// pictures are JPEGs of our own making, each another one.
func pictures(t *testing.T, n int) [][]byte {
	t.Helper()
	out := make([][]byte, n)
	for k := range out {
		img := vision.NewImage(320, 240)
		r := rand.New(rand.NewPCG(uint64(k), 7))
		for i := range img.Pix {
			img.Pix[i] = byte(80 + (i/3%320)/8 + r.IntN(70))
		}
		var err error
		out[k], err = codec.EncodeJPEG(img, 80)
		require.NoError(t, err)
	}
	return out
}

// enrolled marks a station as an agent's and returns what the agent needs.
func (s *service) enrolled(t *testing.T, id, server string) uplink.Config {
	t.Helper()
	c := s.client(t, auth.Admin)
	require.Equal(t, 200, c.json("PATCH", "/api/v1/stations/"+id, map[string]any{"agent": true}, nil))
	_, token, err := s.auth.IssueToken(t.Context(), "agent", []auth.Scope{auth.ForAgent(id)}, time.Time{}, "test")
	require.NoError(t, err)
	key, err := bundleKey(s.cfg.DataDir)
	require.NoError(t, err)
	public, _ := key.Public().(ed25519.PublicKey)
	return uplink.Config{
		Server: server, StationID: id, Token: token, Key: public, Builtin: base.Files(), Version: "test",
		Poll: 100 * time.Millisecond, Report: 100 * time.Millisecond, Tend: 100 * time.Millisecond, Idle: 20 * time.Millisecond,
		Timeout: time.Second, MaxPause: 200 * time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
}

func startAgent(t *testing.T, uc uplink.Config) *service {
	t.Helper()
	cfg := testConfig(t)
	cfg.Uplink.Station = uc.StationID
	if uc.Dir == "" {
		uc.Dir = filepath.Join(cfg.DataDir, "uplink")
	}
	s, err := startStationWith(t.Context(), cfg, uc, uc.Logger)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.stop(t.Context())) })
	return s
}

// pushed pushes a picture to a bin until it is acknowledged, and returns its
// deposit's id.
func (c *client) pushed(bin, key string, picture []byte) string {
	c.t.Helper()
	var id string
	require.Eventually(c.t, func() (ok bool) {
		id, ok = c.tryPush(bin, key, picture)
		return ok
	}, time.Minute, 20*time.Millisecond)
	return id
}

// all is every inspection of a station, by its id, each of which must be there
// once.
func (s *service) all(t *testing.T, stationID string) map[string]*inspection.Inspection {
	t.Helper()
	out := make(map[string]*inspection.Inspection)
	for after := int64(-1); ; {
		items, err := s.store.ListInspections(t.Context(), inspection.Filter{StationID: stationID, AfterSeq: after, Limit: 200})
		require.NoError(t, err)
		for _, i := range items {
			require.NotContains(t, out, i.ID)
			out[i.ID], after = i, i.Seq
		}
		if len(items) < 200 {
			return out
		}
	}
}

// sameAtServer holds that the server has every deposit, once, as it was
// decided at the station, with the same pictures.
func sameAtServer(t *testing.T, server *service, stationID string, here map[string]*inspection.Inspection) {
	t.Helper()
	there := server.all(t, stationID)
	require.Len(t, there, len(here))
	for id, want := range here {
		got := there[id]
		require.NotNil(t, got, id)
		require.NotNil(t, got.Relay)
		require.Equal(t, want.Verdict, got.Verdict)
		require.Equal(t, want.Categories, got.Categories)
		require.Equal(t, want.Reading, got.Reading)
		require.Equal(t, want.ModelVersion, got.ModelVersion)
		require.Len(t, got.Evidence, len(want.Evidence))
		for n, e := range got.Evidence {
			data, err := server.objects.Get(t.Context(), e.Key)
			require.NoError(t, err)
			require.Equal(t, want.Evidence[n].SHA256, sum(data))
		}
	}
}

func (s *service) backlog(t *testing.T) int64 {
	t.Helper()
	b, err := s.store.Backlog(t.Context())
	require.NoError(t, err)
	return b.Inspections
}

// Every fault that a network has, under load: the station goes on deciding, and
// in the end the server has exactly one inspection of every deposit.
func TestStationHandsInOnceWhateverTheNetworkDoes(t *testing.T) {
	server := startService(t, testConfig(t))
	server.client(t, auth.Admin).makeStation("gate")
	w := newWire(t, server.listener.Addr().String())
	agent := startAgent(t, server.enrolled(t, "gate", w.url()))
	c := agent.client(t, auth.ForStation("gate"))
	files := pictures(t, 20)

	var (
		n         atomic.Int64
		pushed    sync.WaitGroup
		ids       sync.Map
		stop      = make(chan struct{})
		decidedIn = func(more int64) {
			t.Helper()
			from := n.Load()
			require.Eventually(t, func() bool { return n.Load() >= from+more }, 2*time.Minute, 10*time.Millisecond, "the station has stopped deciding")
		}
	)
	for g := range 2 {
		pushed.Go(func() {
			for k := 0; ; k++ {
				select {
				case <-stop:
					return
				default:
				}
				ids.Store(c.pushed("gate-kitchen", fmt.Sprintf("%d-%d", g, k), files[k%len(files)]), true)
				n.Add(1)
			}
		})
	}
	decidedIn(20)
	for _, f := range []wireFault{cut, hanging, deaf, halfOpen, slow, cut} {
		w.set(f)
		switch f {
		case deaf:
			// What the server has stored comes again, for the station never heard of it.
			require.Eventually(t, func() bool { return w.lost() >= 5 }, time.Minute, 10*time.Millisecond)
		case slow:
			handed := len(server.all(t, "gate"))
			require.Eventually(t, func() bool { return len(server.all(t, "gate")) > handed }, time.Minute, 50*time.Millisecond)
		default:
			require.Eventually(t, func() bool { return !agent.uplink.Status().Online }, time.Minute, 10*time.Millisecond)
			decidedIn(150)
		}
	}
	require.Greater(t, agent.backlog(t), int64(150))
	w.set(whole)
	close(stop)
	pushed.Wait()
	waited, began := agent.backlog(t), time.Now()
	require.Eventually(t, func() bool { return int64(len(agent.all(t, "gate"))) == n.Load() && agent.backlog(t) == 0 }, 2*time.Minute, 50*time.Millisecond)
	t.Logf("%d deposits, of which %d waited and were handed in within %s; answers lost %d", n.Load(), waited, time.Since(began).Round(time.Millisecond), w.lost())
	here := agent.all(t, "gate")
	for id := range here {
		_, known := ids.Load(id)
		require.True(t, known)
	}
	sameAtServer(t, server, "gate", here)

	var status agents.AgentStatus
	admin := server.client(t, auth.Read)
	require.Eventually(t, func() bool {
		require.Equal(t, 200, admin.json("GET", "/api/v1/stations/gate/agent", nil, &status))
		return status.Online && status.Report.Backlog.Inspections == 0 && status.Report.SkewSeconds != nil
	}, 10*time.Second, 20*time.Millisecond)
	require.Equal(t, status.Bundle, status.Report.Bundle)
	require.InDelta(t, 0, *status.Report.SkewSeconds, 0.5, "both have the same clock")
}

// A misdeposit is told at the station alone, and how it ended is handed in.
func TestPromptIsTheStations(t *testing.T) {
	server := startService(t, testConfig(t))
	server.client(t, auth.Admin).makeStation("gate")
	w := newWire(t, server.listener.Addr().String())
	agent := startAgent(t, server.enrolled(t, "gate", w.url()))
	told := agent.toldDeposit(t)

	at := func() *inspection.Inspection {
		i, err := server.store.GetInspection(t.Context(), told)
		if err != nil {
			return &inspection.Inspection{}
		}
		return i
	}
	require.Eventually(t, func() bool { p := at().Prompt; return p != nil && p.State == inspection.PromptOpen }, 30*time.Second, 20*time.Millisecond)
	screen := server.client(t, auth.ForScreen("gate"))
	require.Equal(t, 409, screen.json("POST", "/api/v1/inspections/"+told+"/correction", map[string]any{"outcome": "corrected"}, nil),
		"the answer is taken at the station")

	w.set(cut)
	here := agent.client(t, auth.ForScreen("gate"))
	require.Equal(t, 200, here.json("POST", "/api/v1/inspections/"+told+"/correction", map[string]any{"outcome": "appealed"}, nil))
	w.set(whole)
	require.Eventually(t, func() bool { return at().Prompt.State == inspection.PromptAppealed }, 30*time.Second, 20*time.Millisecond)
	mine, err := agent.store.GetInspection(t.Context(), told)
	require.NoError(t, err)
	require.Equal(t, mine.Prompt.Receipt, at().Prompt.Receipt)
	require.Contains(t, server.all(t, "gate"), told) // and none of them twice
}

// toldDeposit pushes photographs until one is told.
func (s *service) toldDeposit(t *testing.T) string {
	t.Helper()
	c := s.client(t, auth.ForStation("gate"))
	for _, file := range sharedPhotographs(t, 40) {
		var got api.Inspection
		status := c.do("POST", "/api/v1/bins/gate-kitchen/deposits?wait=20s", bytes.NewReader(file), "image/jpeg", &got)
		require.Equal(t, 201, status)
		if got.Verdict == "tell" {
			return got.ID
		}
		require.NoError(t, s.store.Forget(t.Context(), got.ID))
	}
	t.Fatal("nothing was told")
	return ""
}

// The cameras of a station that is handed over run at the agent and no longer
// at the server, with their passwords, which the API shows nobody; taken back,
// they run at the server again.
func TestCamerasRunAtOnePlace(t *testing.T) {
	server := startService(t, testConfig(t))
	c := server.client(t, auth.Admin)
	c.makeStation("gate")
	require.Equal(t, 201, c.json("POST", "/api/v1/stations/gate/cameras", map[string]any{
		"id": "gate-cam", "name": "cam", "kind": "push", "regions": []station.Region{{BinID: "gate-kitchen", Polygon: vision.Full()}},
	}, nil))
	require.Contains(t, server.cameras.States(), "gate-cam")
	uc := server.enrolled(t, "gate", server.url())
	require.NotContains(t, server.cameras.States(), "gate-cam")
	agent := startAgent(t, uc)
	require.Contains(t, agent.cameras.States(), "gate-cam")
	var cam api.Camera
	require.Eventually(t, func() bool {
		require.Equal(t, 200, c.json("GET", "/api/v1/cameras/gate-cam", nil, &cam))
		return cam.State.Status == "connecting"
	}, 10*time.Second, 20*time.Millisecond, "the server shows the agent's state of it")

	require.Equal(t, 200, c.json("PATCH", "/api/v1/cameras/gate-cam", map[string]any{"kind": "mjpeg", "url": "http://u:secret@127.0.0.1:9/x"}, nil))
	require.Eventually(t, func() bool {
		cam, err := agent.store.GetCamera(t.Context(), "gate-cam")
		return err == nil && cam.URL == "http://u:secret@127.0.0.1:9/x"
	}, 10*time.Second, 20*time.Millisecond)
	info, err := os.Stat(filepath.Join(agent.cfg.DataDir, "uplink", "bundle.json"))
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())

	local := agent.client(t, auth.Admin)
	require.Equal(t, 403, local.json("PATCH", "/api/v1/stations/gate", map[string]any{"name": "mine"}, nil), "the server manages it")
	require.Equal(t, 200, c.json("PATCH", "/api/v1/stations/gate", map[string]any{"agent": false}, nil))
	require.Contains(t, server.cameras.States(), "gate-cam")
	require.Eventually(t, func() bool { return len(agent.cameras.States()) == 0 }, 10*time.Second, 20*time.Millisecond, "they are stopped at the agent")
	require.Equal(t, 200, c.json("PATCH", "/api/v1/stations/gate", map[string]any{"agent": true}, nil))
	require.NotContains(t, server.cameras.States(), "gate-cam")
	require.Eventually(t, func() bool { return len(agent.cameras.States()) == 1 }, 10*time.Second, 20*time.Millisecond)
}

// A bin that is removed at the server goes from the station's screen, and a
// camera from its list; what was thrown into the bin, on whichever side of the
// wire it is at the moment, is not lost.
func TestRemovedPlacesGoFromTheStation(t *testing.T) {
	server := startService(t, testConfig(t))
	admin := server.client(t, auth.Admin)
	admin.makeStation("gate")
	require.Equal(t, 201, admin.json("POST", "/api/v1/stations/gate/cameras", map[string]any{
		"id": "gate-cam", "name": "cam", "kind": "push", "regions": []station.Region{{BinID: "gate-kitchen", Polygon: vision.Full()}, {BinID: "gate-other", Polygon: vision.Full()}},
	}, nil))
	w := newWire(t, server.listener.Addr().String())
	agent := startAgent(t, server.enrolled(t, "gate", w.url()))
	c, screen := agent.client(t, auth.ForStation("gate")), agent.client(t, auth.ForScreen("gate"))
	bins := func() []string {
		var shown api.Screen
		require.Equal(t, 200, screen.json("GET", "/api/v1/stations/gate/screen", nil, &shown))
		ids := []string{}
		for _, b := range shown.Bins {
			ids = append(ids, b.ID)
		}
		return ids
	}
	require.Len(t, bins(), 4)
	file := pictures(t, 1)[0]
	first := c.pushed("gate-kitchen", "first", file)
	require.Eventually(t, func() bool { return server.all(t, "gate")[first] != nil }, time.Minute, 20*time.Millisecond)
	w.set(cut)
	second := c.pushed("gate-kitchen", "second", file)
	require.Eventually(t, func() bool { return agent.all(t, "gate")[second] != nil }, time.Minute, 20*time.Millisecond)
	require.Equal(t, 204, admin.json("DELETE", "/api/v1/bins/gate-kitchen", nil, nil))
	require.Equal(t, 404, admin.json("GET", "/api/v1/bins/gate-kitchen", nil, nil))
	w.set(whole)
	require.Eventually(t, func() bool { return len(bins()) == 3 }, 10*time.Second, 20*time.Millisecond)
	require.NotContains(t, bins(), "gate-kitchen")
	cam, err := agent.store.GetCamera(t.Context(), "gate-cam")
	require.NoError(t, err)
	require.Len(t, cam.Regions, 1)
	require.Equal(t, 404, c.do("POST", "/api/v1/bins/gate-kitchen/deposits", bytes.NewReader(file), "image/jpeg", nil))
	require.Eventually(t, func() bool { return server.all(t, "gate")[second] != nil }, time.Minute, 20*time.Millisecond, "the record outlives its bin")
	here := agent.all(t, "gate")
	require.Len(t, here, 2)
	sameAtServer(t, server, "gate", here)

	require.Equal(t, 204, admin.json("DELETE", "/api/v1/cameras/gate-cam", nil, nil))
	require.Eventually(t, func() bool {
		_, err := agent.store.GetCamera(t.Context(), "gate-cam")
		return errors.Is(err, store.ErrNotFound) && len(agent.cameras.States()) == 0
	}, 10*time.Second, 20*time.Millisecond)
}

// The demonstration's camera runs at an agent: the detector, the models and the
// verdicts are the station's, and what it decides comes to the server's wall.
func TestDemonstrationAtAnAgent(t *testing.T) {
	cfg := testConfig(t)
	cfg.Demo.Enabled, cfg.Demo.WrongShare = true, 0.8
	if _, err := simulation(cfg.Demo, taxonomy.Default(), nil); err != nil {
		cameratest.Missing(t, "the demonstration's photographs: %v", err)
	}
	server := startService(t, cfg)
	agent := startAgent(t, server.enrolled(t, demonstration.StationID, server.url()))
	require.Eventually(t, func() bool {
		for _, i := range server.all(t, demonstration.StationID) {
			if i.Relay != nil && i.Source == inspection.FromStream && i.Flagged() && len(i.Evidence) > 0 {
				return agent.all(t, demonstration.StationID)[i.ID] != nil
			}
		}
		return false
	}, 3*time.Minute, 200*time.Millisecond, "no misdeposit came from the station")
}

// An agent's token is for its own station and nothing else, and no other token
// fetches a bundle.
func TestAgentTokenOpensNothingElse(t *testing.T) {
	server := startService(t, testConfig(t))
	admin := server.client(t, auth.Admin)
	admin.makeStation("gate")
	admin.makeStation("yard")
	server.enrolled(t, "gate", server.url())
	server.enrolled(t, "yard", server.url())
	c := server.client(t, auth.ForAgent("gate"))
	require.Equal(t, 200, c.json("GET", "/api/v1/stations/gate/agent/bundle", nil, nil))
	for _, path := range []string{
		"/api/v1/stations/yard/agent/bundle", "/api/v1/stations/gate/agent", "/api/v1/stations/gate", "/api/v1/inspections",
		"/api/v1/cameras", "/api/v1/taxonomy", "/metrics", "/api/v1/stations/gate/screen", "/api/v1/tokens",
	} {
		require.Contains(t, []int{403, 404}, c.json("GET", path, nil, nil), path)
	}
	require.Equal(t, 404, c.json("POST", "/api/v1/stations/yard/agent/report", relay.Report{Cameras: map[string]relay.CameraReport{}}, nil))
	for _, scope := range []auth.Scope{auth.Read, auth.ForStation("gate"), auth.ForScreen("gate"), auth.ForCamera("x")} {
		require.Equal(t, 403, server.client(t, scope).json("GET", "/api/v1/stations/gate/agent/bundle", nil, nil), scope)
	}
	id := strings.Split(c.token, "_")[1]
	require.Equal(t, 204, admin.json("DELETE", "/api/v1/tokens/"+id, nil, nil))
	require.Equal(t, 401, c.json("GET", "/api/v1/stations/gate/agent/bundle", nil, nil), "a revoked one is cut off at once")
}

// Without a network a station starts by the bundle that it has; without one it
// says what is missing.
func TestStationStartsWithoutANetwork(t *testing.T) {
	server := startService(t, testConfig(t))
	server.client(t, auth.Admin).makeStation("gate")
	w := newWire(t, server.listener.Addr().String())
	uc := server.enrolled(t, "gate", w.url())
	cfg := testConfig(t)
	cfg.Uplink.Station = "gate"
	uc.Dir = filepath.Join(cfg.DataDir, "uplink")
	w.set(cut)
	_, err := startStationWith(t.Context(), cfg, uc, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "there is no bundle yet, and the server gives none")
	w.set(whole)
	stolen := uc
	stolen.Token = "bin_aaaaaaaaaaaaaaaa_" + strings.Repeat("a", 43)
	_, err = startStationWith(t.Context(), cfg, stolen, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "not revoked?")

	first, err := startStationWith(t.Context(), cfg, uc, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.NoError(t, first.stop(t.Context()))
	w.set(cut)
	again, err := startStationWith(t.Context(), cfg, uc, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer func() { require.NoError(t, again.stop(context.WithoutCancel(t.Context()))) }()
	c := again.client(t, auth.ForStation("gate"))
	id := c.pushed("gate-kitchen", "k", pictures(t, 1)[0])
	require.Eventually(t, func() bool { return again.all(t, "gate")[id] != nil }, time.Minute, 20*time.Millisecond)
	w.set(whole)
	require.Eventually(t, func() bool { return server.all(t, "gate")[id] != nil }, time.Minute, 20*time.Millisecond)
}

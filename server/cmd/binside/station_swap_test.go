package main

import (
	"encoding/json"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/camera/cameratest"
	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/base"
	"github.com/binside/binside/server/agents"
	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/relay"
)

// otherModel is the built-in model under another name: its files lie in a
// folder, and its network has other bytes.
func otherModel(t *testing.T, version string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range relay.ModelFiles {
		data, err := fs.ReadFile(base.Files(), name)
		require.NoError(t, err)
		if name == models.CardFile {
			var card map[string]any
			require.NoError(t, json.Unmarshal(data, &card))
			card["version"] = version
			data, err = json.Marshal(card)
			require.NoError(t, err)
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	return dir
}

// A server that comes back with another model and another taxonomy changes
// both at the station under load: each inspection is judged by one of the two
// pairs, and none is lost.
func TestModelAndTaxonomyAreSwappedUnderLoad(t *testing.T) {
	cfg := testConfig(t)
	server, err := start(t.Context(), cfg, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	server.client(t, auth.Admin).makeStation("gate")
	w := newWire(t, server.listener.Addr().String())
	uc := server.enrolled(t, "gate", w.url())
	uc.Builtin = nil // every file goes over the wire
	agent := startAgent(t, uc)
	shown := agent.client(t, auth.ForScreen("gate"))
	said := shown.said("gate", "category-kitchen")
	before := agent.pool.Card().Version
	c := agent.client(t, auth.ForStation("gate"))
	file := pictures(t, 1)[0]
	var n atomic.Int64
	stop := make(chan struct{})
	var pushed sync.WaitGroup
	pushed.Go(func() {
		for k := 0; ; k++ {
			select {
			case <-stop:
				return
			default:
			}
			c.pushed("gate-kitchen", strconv.Itoa(k), file)
			n.Add(1)
		}
	})
	decidedIn := func(more int64) {
		from := n.Load()
		require.Eventually(t, func() bool { return n.Load() >= from+more }, time.Minute, 10*time.Millisecond)
	}
	decidedIn(20)
	require.NoError(t, server.stop(t.Context()))
	cfg.Model.Dir, cfg.TaxonomyColours = otherModel(t, "other-1"), "other=black"
	cfg.Taxonomy = changedTaxonomy(t)
	server = startService(t, cfg)
	w.leadTo(server.listener.Addr().String())
	require.Eventually(t, func() bool {
		return agent.pool.Card().Version == "other-1" && agent.rules.Load().Taxonomy.Version == "changed"
	}, time.Minute, 10*time.Millisecond)
	decidedIn(20)
	close(stop)
	pushed.Wait()
	require.Eventually(t, func() bool { return int64(len(agent.all(t, "gate"))) == n.Load() && agent.backlog(t) == 0 }, time.Minute, 20*time.Millisecond)
	here := agent.all(t, "gate")
	pairs := map[string]int{}
	for _, i := range here {
		pairs[i.ModelVersion+" "+i.TaxonomyVersion]++
	}
	old, changed := before+" "+taxonomy.Default().Ref(), "other-1 urban-four@changed"
	require.Positive(t, pairs[old])
	require.Positive(t, pairs[changed])
	require.Len(t, pairs, 2, "%v: a prediction was judged by another model's rules", pairs)
	sameAtServer(t, server, "gate", here)
	var screen api.Screen
	require.Equal(t, 200, shown.json("GET", "/api/v1/stations/gate/screen", nil, &screen))
	require.Equal(t, "urban-four@changed", screen.Taxonomy, "the screen learns that names have changed")
	var table struct{ Categories []taxonomy.Category }
	require.Equal(t, 200, shown.json("GET", "/api/v1/taxonomy", nil, &table))
	require.True(t, slices.ContainsFunc(table.Categories, func(c taxonomy.Category) bool { return c.Name.ZH == "湿垃圾" }))
	require.NotEqual(t, said, shown.said("gate", "category-kitchen"), "and says them")
	entries, err := os.ReadDir(filepath.Join(agent.cfg.DataDir, "uplink", "models"))
	require.NoError(t, err)
	require.Len(t, entries, 3, "the old model's files have gone")
}

// A pack that is chosen for a station at the server is what its screen speaks
// with, after a change of the pack as well, and when the server is gone; a
// sentence that the pack lacks is rendered on the spot.
func TestVoicePackTravels(t *testing.T) {
	server := startService(t, testConfig(t))
	admin := server.client(t, auth.Admin)
	admin.makeStation("gate")
	admin.makeStation("yard")
	pack := filepath.Join(server.cfg.DataDir, "voices", "hangzhou")
	write := func(name, data string) {
		require.NoError(t, os.MkdirAll(pack, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(pack, name), []byte(data), 0o600))
	}
	write("pack.yaml", "name: {zh: 杭州话, en: Hangzhou dialect}\nlanguage: zh-CN\nlicence: CC-BY-4.0\n")
	write("class-battery.ogg", "OggS a person's recording")
	write("class-ufo.ogg", "OggS no sentence")
	w := newWire(t, server.listener.Addr().String())
	uc := server.enrolled(t, "gate", w.url())
	agent := startAgent(t, uc)
	screen := agent.client(t, auth.ForScreen("gate"))
	rendered := screen.said("gate", "class-battery")
	require.Equal(t, "RIFF", rendered[:4])
	hears := func(want string) {
		t.Helper()
		require.Eventually(t, func() bool { return screen.said("gate", "class-battery") == want }, 30*time.Second, 20*time.Millisecond)
	}
	version := func() string {
		var said api.Speech
		require.Equal(t, 200, screen.json("GET", "/api/v1/stations/gate/screen/speech", nil, &said))
		return said.Pack + " " + said.Version
	}
	none := version()

	require.Eventually(t, func() bool {
		return admin.json("PATCH", "/api/v1/stations/gate", map[string]any{"prompts": map[string]any{"voice": "hangzhou"}}, nil) == 200
	}, 10*time.Second, 100*time.Millisecond, "the server looks at the folder every few seconds")
	hears("OggS a person's recording")
	require.Equal(t, "RIFF", screen.said("gate", "thanks")[:4])
	first := version()
	require.True(t, strings.HasPrefix(first, "hangzhou "))
	require.NotEqual(t, none, first)
	write("class-battery.ogg", "OggS another of hers")
	hears("OggS another of hers")
	require.NotEqual(t, first, version(), "the screen fetches it anew")
	var status agents.AgentStatus
	require.Eventually(t, func() bool {
		require.Equal(t, 200, admin.json("GET", "/api/v1/stations/gate/agent", nil, &status))
		return status.Report != nil && status.Report.Voice == "hangzhou"
	}, 10*time.Second, 20*time.Millisecond)
	entries, err := os.ReadDir(filepath.Join(agent.cfg.DataDir, "uplink", "voices"))
	require.NoError(t, err)
	require.Len(t, entries, 2, "what no sentence needs does not travel")
	file := "/agent/voice/" + sum([]byte("OggS another of hers"))
	require.Equal(t, 200, server.client(t, auth.ForAgent("gate")).do("GET", "/api/v1/stations/gate"+file, nil, "", nil))
	server.enrolled(t, "yard", server.url())
	require.Equal(t, 404, server.client(t, auth.ForAgent("yard")).do("GET", "/api/v1/stations/gate"+file, nil, "", nil))
	require.Equal(t, 404, server.client(t, auth.ForAgent("yard")).do("GET", "/api/v1/stations/yard"+file, nil, "", nil), "it has not chosen the pack")

	w.set(cut)
	cfg := agent.cfg
	require.NoError(t, agent.stop(t.Context()))
	uc.Dir = filepath.Join(cfg.DataDir, "uplink")
	again, err := startStationWith(t.Context(), cfg, uc, uc.Logger)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, again.stop(t.Context())) })
	screen.base = again.url()
	hears("OggS another of hers")
	w.set(whole)
	require.Equal(t, 200, admin.json("PATCH", "/api/v1/stations/gate", map[string]any{"prompts": map[string]any{}}, nil))
	hears(rendered)
}

// said is the sound of one sentence at a station's screen.
func (c *client) said(station, key string) string {
	c.t.Helper()
	if _, err := exec.LookPath("espeak-ng"); err != nil {
		cameratest.Missing(c.t, "espeak-ng: %v", err)
	}
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, c.base+"/api/v1/stations/"+station+"/screen/speech/"+key, nil)
	require.NoError(c.t, err)
	req.Header.Set("Authorization", "Bearer "+c.token)
	res, err := c.http.Do(req)
	require.NoError(c.t, err)
	defer res.Body.Close()
	require.Equal(c.t, http.StatusOK, res.StatusCode)
	data, err := io.ReadAll(res.Body)
	require.NoError(c.t, err)
	return string(data)
}

// changedTaxonomy is the default table under another version, in which a
// category has another name.
func changedTaxonomy(t *testing.T) string {
	t.Helper()
	text, err := taxonomy.Default().Document()
	require.NoError(t, err)
	changed := strings.Replace(text, "version: "+taxonomy.Default().Version, "version: changed", 1)
	require.NotEqual(t, text, changed)
	named := strings.Replace(changed, "厨余垃圾", "湿垃圾", 1)
	require.NotEqual(t, changed, named)
	changed = named
	path := filepath.Join(t.TempDir(), "changed.yaml")
	require.NoError(t, os.WriteFile(path, []byte(changed), 0o600))
	return path
}

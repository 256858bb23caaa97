package main

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/store"
)

// freeAddress is one at which nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	return ln.Addr().String()
}

// tokenIn makes a token in the records of a folder, beside whoever runs there.
func tokenIn(t *testing.T, dataDir string, scope auth.Scope) string {
	t.Helper()
	st, err := store.Open(t.Context(), "sqlite:"+filepath.Join(dataDir, "binside.db"), store.Options{})
	require.NoError(t, err)
	defer st.Close()
	a, err := auth.New(st, slog.New(slog.DiscardHandler), time.Now)
	require.NoError(t, err)
	_, token, err := a.IssueToken(t.Context(), t.Name(), []auth.Scope{scope}, time.Time{}, "test")
	require.NoError(t, err)
	return token
}

// Station and server are killed in turn, again and again, while deposits come
// in and the network is cut between: every deposit that was acknowledged is
// decided at the station and stored at the server, once.
func TestKilledStationAndServerLoseNothing(t *testing.T) {
	serverCfg, stationCfg := testConfig(t), testConfig(t)
	serverCfg.HTTP.Listen = freeAddress(t)
	server, err := start(t.Context(), serverCfg, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	server.client(t, auth.Admin).makeStation("gate")
	uc := server.enrolled(t, "gate", "")
	require.NoError(t, server.stop(t.Context()))
	key, err := publicKeyText(serverCfg.DataDir)
	require.NoError(t, err)
	tokenFile := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(tokenFile, []byte(uc.Token+"\n"), 0o600))

	w := newWire(t, serverCfg.HTTP.Listen)
	serve := func() *process {
		return startProgram(t, "serve", "--data", serverCfg.DataDir, "--listen", serverCfg.HTTP.Listen)
	}
	attend := func() *process {
		return startProgram(t, "station", "--data", stationCfg.DataDir, "--listen", "127.0.0.1:0",
			"--server", w.url(), "--station", "gate", "--token-file", tokenFile, "--server-key", key)
	}
	there, here := serve(), attend()
	c := here.client(t, tokenIn(t, stationCfg.DataDir, auth.ForStation("gate")))
	files := pictures(t, 10)
	acknowledged := make(map[string]string) // key → deposit
	push := func(round string, n int) {
		t.Helper()
		for k := range n {
			name := fmt.Sprintf("%s-%d", round, k)
			if id, ok := c.tryPush("gate-kitchen", name, files[k%len(files)]); ok {
				acknowledged[name] = id
			}
		}
	}
	kill := func(p *process) {
		require.NoError(t, p.cmd.Process.Kill())
		p.wait()
	}

	push("whole", 20)
	kill(there)
	push("no-server", 20)
	var again sync.WaitGroup
	var pushedOn atomic.Bool
	again.Go(func() { // into the kill
		for k := 0; !pushedOn.Load(); k++ {
			_, _ = c.tryPush("gate-kitchen", fmt.Sprintf("into-%d", k), files[k%len(files)])
		}
	})
	kill(here)
	pushedOn.Store(true)
	again.Wait()
	there, here = serve(), attend()
	c.base = here.url
	push("both-back", 20)
	w.set(cut)
	push("cut", 20)
	kill(here)
	here = attend() // without a network
	c.base = here.url
	push("started-alone", 20)
	w.set(deaf)
	require.Eventually(t, func() bool { return w.lost() >= 3 }, time.Minute, 20*time.Millisecond)
	kill(there)
	w.set(whole)
	there = serve()
	push("whole-again", 10)
	// The last of a round, retried with its key, is the same deposit.
	id, ok := c.tryPush("gate-kitchen", "cut-19", files[9])
	require.True(t, ok)
	require.Equal(t, acknowledged["cut-19"], id)

	require.GreaterOrEqual(t, len(acknowledged), 110)
	kill(here)
	c.base = attend().url
	reader := there.client(t, tokenIn(t, serverCfg.DataDir, auth.Read))
	require.Eventually(t, func() bool {
		return len(reader.ids("gate")) >= len(acknowledged) && len(reader.ids("gate")) == len(c.ids("gate"))
	}, 2*time.Minute, 200*time.Millisecond)
	atServer := reader.ids("gate")
	for name, id := range acknowledged {
		require.Equal(t, 1, atServer[id], "%s, deposit %s", name, id)
	}
	require.Equal(t, c.ids("gate"), atServer, "station and server have the same")
}

// ids counts the inspections of a station by their ids.
func (c *client) ids(stationID string) map[string]int {
	c.t.Helper()
	seen := make(map[string]int)
	for _, i := range c.inspections(stationID) {
		seen[i.ID]++
	}
	return seen
}

// inspections are all of a station's.
func (c *client) inspections(stationID string) (items []api.Inspection) {
	c.t.Helper()
	for cursor := ""; ; {
		var all struct {
			page
			Next string `json:"next_cursor"`
		}
		require.Equal(c.t, 200, c.json("GET", "/api/v1/inspections?limit=200&station="+stationID+"&cursor="+cursor, nil, &all))
		items = append(items, all.Items...)
		if cursor = all.Next; cursor == "" {
			return items
		}
	}
}

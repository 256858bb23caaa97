package main

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/inspection"
)

// TestNetworkIsCutForFiveMinutes cuts a station off from its server for five
// minutes by the clock, while its camera shows deposits and two more are pushed
// every second. The station finds and tells every one, as if nothing were; and
// once the network is back, the server has each exactly once, as it was
// decided, with how its prompt ended. With the race detector half a minute must
// do (`make test` runs this test without it as well).
func TestNetworkIsCutForFiveMinutes(t *testing.T) {
	t.Parallel()
	outage, margin := 5*time.Minute, 20*time.Second
	if raceDetector {
		outage = 30 * time.Second
	}
	server := startService(t, testConfig(t))
	w := newWire(t, server.listener.Addr().String())
	admin := server.client(t, auth.Admin)
	st := newFaultyStation(t, admin, recordReel(t), "gate", outage+2*margin, true)
	agent := startAgent(t, server.enrolled(t, "gate", w.url()))
	load := agent.pushSteadily(t, "gate", "gate-"+st.play.Describe().Bins[0].ID, 500*time.Millisecond)

	began := time.Now()
	wait(t.Context(), began.Add(margin))
	handed := len(server.all(t, "gate"))
	require.Positive(t, handed, "before the cut, the server hears of deposits")
	w.set(cut)
	wait(t.Context(), time.Now().Add(outage))
	require.False(t, agent.uplink.Status().Online)
	waiting, missed := agent.backlog(t), len(agent.all(t, "gate"))-len(server.all(t, "gate"))
	require.GreaterOrEqual(t, missed, int(outage.Seconds()), "of two a second that are pushed alone")
	w.set(whole)
	back := time.Now()
	wait(t.Context(), back.Add(margin))

	pushed := load()
	st.camera.do(frozen)
	here := agent.client(t, auth.Read)
	st.judge(here)
	require.Eventually(t, func() bool { return agent.settled(t, "gate") && agent.backlog(t) == 0 }, 2*time.Minute, 100*time.Millisecond)
	all := agent.all(t, "gate")
	for _, id := range pushed {
		require.Contains(t, all, id)
	}
	told := 0
	for _, i := range all {
		if i.Verdict == verdict.Tell {
			told++
		}
	}
	t.Logf("%d deposits, %d of them pushed, %d told; %d waited at the end of %s without a network", len(all), len(pushed), told, waiting, outage)
	sameAtServer(t, server, "gate", all)
	for id, i := range server.all(t, "gate") {
		require.Equal(t, ended(all[id]), ended(i), id)
	}
}

// ended is how an inspection's prompt ended; empty where there was none.
func ended(i *inspection.Inspection) inspection.PromptState {
	if i.Prompt == nil {
		return ""
	}
	return i.Prompt.State
}

// pushSteadily pushes a picture every so often, until the function that it
// returns is called; that one returns the deposits' ids.
func (s *service) pushSteadily(t *testing.T, stationID, bin string, every time.Duration) (stop func() []string) {
	t.Helper()
	var (
		c       = s.client(t, auth.ForStation(stationID))
		files   = pictures(t, 20)
		done    = make(chan struct{})
		running sync.WaitGroup
		ids     []string
	)
	running.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				// What is not acknowledged comes again at the next tick.
				k := len(ids)
				if id, ok := c.tryPush(bin, fmt.Sprint("steady-", k), files[k%len(files)]); ok {
					ids = append(ids, id)
				}
			}
		}
	})
	end := sync.OnceFunc(func() { close(done); running.Wait() })
	t.Cleanup(end)
	return func() []string { end(); return ids }
}

// settled reports whether no prompt of a station is open any more.
func (s *service) settled(t *testing.T, stationID string) bool {
	t.Helper()
	for _, i := range s.all(t, stationID) {
		if i.Prompt != nil && i.Prompt.State == inspection.PromptOpen {
			return false
		}
	}
	return true
}

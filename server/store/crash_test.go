package store_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/store"
	"github.com/binside/binside/server/store/storetest"
)

// The test binary runs itself as the process that is to be killed.
const (
	crashURL   = "BINSIDE_STORE_CRASH_URL"
	crashReady = "BINSIDE_STORE_CRASH_READY"
)

// crashChild saves inspections from four goroutines, logs the deletion of one
// image of each, and prints each id after that was acknowledged, until it is
// killed.
func crashChild(url, name string) int {
	st, err := store.Open(context.Background(), url, store.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var out sync.Mutex
	var group sync.WaitGroup
	for g := range 4 {
		group.Go(func() {
			for n := 0; ; n++ {
				i := &inspection.Inspection{
					ID:       fmt.Sprintf("%s-%d-%d", name, g, n),
					Evidence: []inspection.Evidence{{Ordinal: 0, Key: "k"}, {Ordinal: 1, Key: "l"}},
				}
				if _, err := st.SaveInspection(context.Background(), i); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				if err := st.LogDeletions(context.Background(), newSigner(1), gone(i, 0, time.Now())); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				out.Lock()
				fmt.Fprintln(os.Stdout, i.ID)
				out.Unlock()
			}
		})
	}
	group.Wait()
	return 0
}

func TestKilledInTheMiddle(t *testing.T) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": sqliteURL, "postgres": storetest.PostgresURL} {
		t.Run(name, func(t *testing.T) {
			url := url(t)
			acknowledged := map[string]bool{}
			for round := range 3 {
				for _, id := range killAfter(t, url, fmt.Sprint("round", round), 30+20*round) {
					acknowledged[id] = true
				}
			}
			checkSurvivors(t, open(t, url), acknowledged)
		})
	}
}

// killAfter starts a writer, kills it after n acknowledged saves, and returns
// all that it had acknowledged.
func killAfter(t *testing.T, url, name string, n int) []string {
	t.Helper()
	cmd := exec.CommandContext(ctxOf(t), os.Args[0])
	cmd.Env = append(os.Environ(), crashURL+"="+url, crashReady+"="+name)
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	in := bufio.NewReader(pipe)
	var ids []string
	for {
		line, err := in.ReadString('\n')
		if err == io.EOF {
			break // a line without its end was not acknowledged for sure
		}
		require.NoError(t, err)
		if ids = append(ids, strings.TrimSuffix(line, "\n")); len(ids) == n {
			require.NoError(t, cmd.Process.Kill())
		}
	}
	require.Error(t, cmd.Wait())
	require.GreaterOrEqual(t, len(ids), n)
	return ids
}

// checkSurvivors: all that was acknowledged is there once, whole, and the
// numbers have no gaps.
func checkSurvivors(t *testing.T, st *store.Store, acknowledged map[string]bool) {
	t.Helper()
	seen := map[string]bool{}
	for after := int64(-1); ; {
		items, err := st.ListInspections(ctxOf(t), inspection.Filter{AfterSeq: after, Limit: 200})
		require.NoError(t, err)
		for _, i := range items {
			require.EqualValues(t, len(seen)+1, i.Seq)
			require.Len(t, i.Evidence, 2)
			seen[i.ID] = true
			after = i.Seq
		}
		if len(items) < 200 {
			break
		}
	}
	logged := map[string]bool{}
	for _, e := range verified(t, st) {
		logged[e.InspectionID] = true
	}
	for id := range acknowledged {
		require.True(t, seen[id], "%s was acknowledged and is lost", id)
		require.True(t, logged[id], "the deletion of %s was acknowledged and is lost", id)
	}
}

func BenchmarkSaveInspection(b *testing.B) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": sqliteURL, "postgres": storetest.PostgresURL} {
		b.Run(name, func(b *testing.B) {
			st := open(b, url(b))
			for b.Loop() {
				save(b, st, newInspection())
			}
		})
	}
}

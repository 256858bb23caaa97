package queue_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/queue"
)

// childDir names the queue's folder for the process that is to be killed.
const childDir = "BINSIDE_TEST_QUEUE_DIR"

// child publishes for ever and says the ID of every deposit that was
// acknowledged; beside that it works on deposits without ever finishing one.
func child(dir string) {
	q, err := queue.Open(context.Background(), queue.Config{Dir: dir, MaxBytes: 256 << 20, AckWait: 2 * time.Second, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go func() {
		_ = q.Consume(context.Background(), 2, func(ctx context.Context, _ inspection.Deposit, _ int) error {
			<-ctx.Done()
			return ctx.Err()
		})
	}()
	for {
		d := newDeposit(50_000)
		switch err := q.Publish(context.Background(), d); {
		case err == nil:
			fmt.Fprintln(os.Stdout, d.ID)
		case !errors.Is(err, queue.ErrUnavailable): // a machine under load may be slow
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// TestKill kills a process in the middle of publishing and handling, again and
// again on the same folder: whatever was acknowledged is handed out afterwards.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	acknowledged := map[string]bool{}
	for round := range 3 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), childDir+"="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		lines := bufio.NewScanner(out)
		for range 20 + 7*round {
			require.True(t, lines.Scan(), "the child ended by itself")
			acknowledged[lines.Text()] = true
		}
		require.NoError(t, cmd.Process.Kill())
		for lines.Scan() { // said before the signal came
			if len(lines.Text()) == 36 {
				acknowledged[lines.Text()] = true
			}
		}
		require.Error(t, cmd.Wait())
	}

	// What was in the dead process's hands comes when its time is over, or at
	// once after the restart of its server.
	q := open(t, func(c *queue.Config) { c.Dir, c.MaxBytes, c.AckWait = dir, 256<<20, 2*time.Second })
	handled := make(chan string, 1000)
	consume(t, q, func(_ context.Context, d inspection.Deposit, _ int) error { handled <- d.ID; return nil })
	deadline := time.After(patience)
	for missing := len(acknowledged); missing > 0; {
		select {
		case id := <-handled:
			if acknowledged[id] {
				acknowledged[id] = false
				missing--
			}
		case <-deadline:
			t.Fatalf("%d acknowledged deposits were not handed out", missing)
		}
	}
}

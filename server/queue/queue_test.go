package queue_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/queue"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		child(dir)
		return
	}
	goleak.VerifyTestMain(m,
		// A timer of the embedded server's that runs on for a second.
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server/pse.periodic"))
}

const patience = 30 * time.Second

// open opens a queue that answers quickly and is closed with the test.
func open(t *testing.T, change ...func(*queue.Config)) *queue.Queue {
	t.Helper()
	cfg := queue.Config{
		Dir: t.TempDir(), RedeliveryDelay: 10 * time.Millisecond, RetryDelay: time.Millisecond,
		DrainTimeout: time.Second, PublishTimeout: patience, MaxBytes: 64 << 20, DeadMaxBytes: 64 << 20,
		Logger: slog.New(slog.DiscardHandler),
	}
	for _, c := range change {
		c(&cfg)
	}
	q, err := queue.Open(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, q.Close()) })
	return q
}

func newDeposit(size int) inspection.Deposit {
	at := time.Date(2026, 3, 4, 5, 6, 7, 89_000, time.UTC)
	return inspection.Deposit{
		ID: uuid.Must(uuid.NewV7()).String(), StationID: "station", BinID: "bin", CameraID: "camera", Source: inspection.FromStream,
		CapturedAt: at, ReceivedAt: at.Add(time.Millisecond), CertainAt: at.Add(time.Microsecond),
		Images: []inspection.Image{{
			JPEG: []byte(strings.Repeat("x", size)), Width: 4, Height: 3,
			Item: &inspection.Box{MinX: 1, MinY: 1, MaxX: 2, MaxY: 2}, Sharpness: 12.5, Exposure: 0.5,
		}},
	}
}

// consume runs a consumer until stop is called or the test ends; stop waits.
func consume(t *testing.T, q *queue.Queue, handle func(ctx context.Context, d inspection.Deposit, attempt int) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- q.Consume(ctx, 4, handle) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			err := <-done
			require.True(t, errors.Is(err, context.Canceled) || errors.Is(err, queue.ErrClosed), "%v", err)
		})
	}
	t.Cleanup(stop)
	return stop
}

func eventually(t *testing.T, q *queue.Queue, what string, cond func(queue.Stats) bool) {
	t.Helper()
	var last queue.Stats
	require.Eventually(t, func() bool {
		s, err := q.Stats(t.Context())
		last = s
		return err == nil && cond(s)
	}, patience, 10*time.Millisecond, "%s, last seen: %+v", what, &last)
}

func TestDepositArrivesWhole(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	q := open(t, func(c *queue.Config) { c.Registerer = registry })
	require.NoError(t, q.Ping(t.Context()))
	require.Empty(t, q.Addr())
	sent := newDeposit(100_000)
	require.NoError(t, q.Publish(t.Context(), sent))
	require.NoError(t, q.Publish(t.Context(), sent), "the same deposit again")
	s, err := q.Stats(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, s.Depth)
	require.Greater(t, s.Bytes, uint64(100_000))
	require.Positive(t, s.OldestWait)

	got := make(chan inspection.Deposit, 2)
	consume(t, q, func(_ context.Context, d inspection.Deposit, attempt int) error {
		require.Equal(t, 1, attempt)
		got <- d
		return nil
	})
	require.Equal(t, sent, <-got)
	eventually(t, q, "taken off the queue", func(s queue.Stats) bool { return s.Depth == 0 && s.InFlight == 0 })
	require.Empty(t, got)

	families, err := registry.Gather()
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, f := range families {
		seen[f.GetName()] = true
	}
	for _, name := range []string{"depth", "oldest_seconds", "published_total", "wait_seconds", "dead", "in_flight"} {
		require.True(t, seen["binside_queue_"+name], name)
	}
}

func TestWhatFailsComesAgainAndIsSetAsideInTheEnd(t *testing.T) {
	t.Parallel()
	q := open(t, func(c *queue.Config) { c.MaxAttempts = 3 })
	sick, healed := newDeposit(10), newDeposit(10)
	require.NoError(t, q.Publish(t.Context(), sick))
	require.NoError(t, q.Publish(t.Context(), healed))
	var mu sync.Mutex
	attempts := map[string][]int{}
	consume(t, q, func(_ context.Context, d inspection.Deposit, attempt int) error {
		mu.Lock()
		defer mu.Unlock()
		attempts[d.ID] = append(attempts[d.ID], attempt)
		if d.ID == healed.ID && attempt == 2 {
			return nil
		}
		return errors.New("always\nsick")
	})
	eventually(t, q, "one dead letter", func(s queue.Stats) bool { return s.Dead == 1 && s.Depth == 0 })
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, []int{1, 2, 3}, attempts[sick.ID])
	require.Equal(t, []int{1, 2}, attempts[healed.ID])
	letters, err := q.DeadLetters(t.Context(), 0, 10)
	require.NoError(t, err)
	require.Len(t, letters, 1)
	require.Equal(t, sick.ID, letters[0].DepositID)
	require.Equal(t, "always sick", letters[0].Reason)
	require.Equal(t, 3, letters[0].Attempts)
}

func TestPermanentErrorAndPanic(t *testing.T) {
	t.Parallel()
	q := open(t, func(c *queue.Config) { c.MaxAttempts = 2 })
	lost, mad := newDeposit(10), newDeposit(10)
	require.NoError(t, q.Publish(t.Context(), lost))
	require.NoError(t, q.Publish(t.Context(), mad))
	var mu sync.Mutex
	calls := map[string]int{}
	stop := consume(t, q, func(_ context.Context, d inspection.Deposit, _ int) error {
		mu.Lock()
		calls[d.ID]++
		mu.Unlock()
		if d.ID == mad.ID {
			panic("mad")
		}
		return fmt.Errorf("outer: %w", queue.Permanent(errors.New("no such bin")))
	})
	eventually(t, q, "two dead letters", func(s queue.Stats) bool { return s.Dead == 2 && s.Depth == 0 })
	stop()
	require.Equal(t, map[string]int{lost.ID: 1, mad.ID: 2}, calls)

	letters, err := q.DeadLetters(t.Context(), 0, 1)
	require.NoError(t, err)
	require.Len(t, letters, 1)
	require.Equal(t, "outer: no such bin", letters[0].Reason)
	rest, err := q.DeadLetters(t.Context(), letters[0].Seq, 10)
	require.NoError(t, err)
	require.Len(t, rest, 1)
	require.Contains(t, rest[0].Reason, "panicked: mad")

	// Once the bin is there, the letter is worth another try.
	require.NoError(t, q.Revive(t.Context(), letters[0].Seq))
	require.ErrorIs(t, q.Revive(t.Context(), letters[0].Seq), queue.ErrNotFound)
	again := make(chan string, 1)
	consume(t, q, func(_ context.Context, d inspection.Deposit, _ int) error { again <- d.ID; return nil })
	require.Equal(t, lost.ID, <-again)
}

// longAckWait is one within which even a busy machine finds the time for a sign
// of life.
const longAckWait = 5 * time.Second

func TestRetryNeverMakesADeadLetter(t *testing.T) {
	t.Parallel()
	q := open(t, func(c *queue.Config) { c.MaxAttempts = 1; c.AckWait = longAckWait })
	require.NoError(t, q.Publish(t.Context(), newDeposit(10)))
	var mu sync.Mutex
	calls, back := 0, false
	started := time.Now()
	consume(t, q, func(_ context.Context, _ inspection.Deposit, attempt int) error {
		mu.Lock()
		defer mu.Unlock()
		require.Equal(t, 1, attempt, "it is kept in hand by signs of life")
		calls++
		// The store is away for longer than the acknowledgement time.
		if time.Since(started) < 2*longAckWait {
			return queue.Retry(errors.New("store is away"))
		}
		back = true
		return nil
	})
	eventually(t, q, "done", func(s queue.Stats) bool { return s.Depth == 0 })
	mu.Lock()
	defer mu.Unlock()
	require.True(t, back)
	require.Greater(t, calls, 3)
	s, err := q.Stats(t.Context())
	require.NoError(t, err)
	require.Zero(t, s.Dead)
}

func TestSlowHandlerKeepsItsDeposit(t *testing.T) {
	t.Parallel()
	q := open(t, func(c *queue.Config) { c.AckWait = longAckWait })
	require.NoError(t, q.Publish(t.Context(), newDeposit(10)))
	calls := make(chan int, 10)
	consume(t, q, func(ctx context.Context, _ inspection.Deposit, attempt int) error {
		calls <- attempt
		select {
		case <-time.After(2 * longAckWait):
		case <-ctx.Done():
		}
		return nil
	})
	eventually(t, q, "done", func(s queue.Stats) bool { return s.Depth == 0 })
	require.Len(t, calls, 1)
}

func TestStopGivesBackWhatIsUnfinished(t *testing.T) {
	t.Parallel()
	q := open(t, func(c *queue.Config) {
		c.AckWait = time.Minute
		c.DrainTimeout = 50 * time.Millisecond
		c.MaxAttempts = 1
	})
	require.NoError(t, q.Publish(t.Context(), newDeposit(10)))
	begun := make(chan struct{})
	stop := consume(t, q, func(ctx context.Context, _ inspection.Deposit, _ int) error {
		close(begun)
		<-ctx.Done() // never finishes by itself
		return ctx.Err()
	})
	<-begun
	stop()
	attempts := make(chan int, 1)
	consume(t, q, func(_ context.Context, _ inspection.Deposit, attempt int) error { attempts <- attempt; return nil })
	select {
	case n := <-attempts:
		// The 3rd where another stopping worker's request was still with the
		// server: it gives back what crosses its end.
		require.GreaterOrEqual(t, n, 2)
		require.LessOrEqual(t, n, 3)
	case <-time.After(patience):
		t.Fatal("not handed out again at once")
	}
}

func TestStopFinishesWhatIsBegun(t *testing.T) {
	t.Parallel()
	q := open(t, func(c *queue.Config) { c.DrainTimeout = patience })
	require.NoError(t, q.Publish(t.Context(), newDeposit(10)))
	begun, stopping, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		done <- q.Consume(ctx, 1, func(ctx context.Context, _ inspection.Deposit, _ int) error {
			close(begun)
			<-stopping
			return ctx.Err()
		})
	}()
	<-begun
	cancel()
	close(stopping)
	require.ErrorIs(t, <-done, context.Canceled)
	eventually(t, q, "acknowledged", func(s queue.Stats) bool { return s.Depth == 0 })
}

// leastBytes is the smallest queue there is.
const leastBytes = 8 << 20

// An operator who gives the queue less room does not throw away what was
// acknowledged, and the server starts.
func TestSmallerBoundLosesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := queue.Config{Dir: dir, MaxBytes: 256 << 20, Logger: slog.New(slog.DiscardHandler)}
	q, err := queue.Open(t.Context(), cfg)
	require.NoError(t, err)
	for range 12 {
		require.NoError(t, q.Publish(t.Context(), newDeposit(1<<20)))
	}
	require.NoError(t, q.Close())

	q = open(t, func(c *queue.Config) { c.Dir, c.MaxBytes = dir, leastBytes })
	eventually(t, q, "all kept", func(s queue.Stats) bool { return s.Depth == 12 })
	require.ErrorIs(t, q.Publish(t.Context(), newDeposit(1<<20)), queue.ErrFull)
}

func TestFullQueueRefuses(t *testing.T) {
	t.Parallel()
	q := open(t, func(c *queue.Config) { c.MaxBytes = leastBytes })
	var err error
	kept := 0
	for range 100 {
		if err = q.Publish(t.Context(), newDeposit(1<<20)); err != nil {
			break
		}
		kept++
	}
	require.ErrorIs(t, err, queue.ErrFull)
	require.Positive(t, kept)
	refused := newDeposit(1 << 20)
	require.ErrorIs(t, q.Publish(t.Context(), refused), queue.ErrFull)

	got := make(chan string, 200)
	consume(t, q, func(_ context.Context, d inspection.Deposit, _ int) error { got <- d.ID; return nil })
	eventually(t, q, "empty", func(s queue.Stats) bool { return s.Depth == 0 })
	require.Len(t, got, kept, "nothing that was acknowledged is lost")
	// What was refused counts as never sent: the same ID is taken now.
	require.NoError(t, q.Publish(t.Context(), refused))
	require.Eventually(t, func() bool { return len(got) == kept+1 }, patience, 5*time.Millisecond)
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	q := open(t)
	require.ErrorIs(t, q.Publish(t.Context(), newDeposit(queue.MaxPayload)), queue.ErrTooLarge)
	require.NoError(t, q.Publish(t.Context(), newDeposit(queue.MaxPayload-1000)), "an almost too large one")
}

func TestUnreadableMessageIsSetAside(t *testing.T) {
	t.Parallel()
	q := open(t, listening)
	conn, err := nats.Connect("nats://"+q.Addr(), nats.UserInfo("other", "a long password"), nats.Timeout(patience))
	require.NoError(t, err)
	defer conn.Close()
	js, err := conn.JetStream(nats.MaxWait(patience))
	require.NoError(t, err)
	_, err = js.Publish("binside.deposits", []byte("\x9f\xff\xffnonsense"))
	require.NoError(t, err)
	consume(t, q, func(context.Context, inspection.Deposit, int) error {
		t.Error("the handler must not see it")
		return nil
	})
	eventually(t, q, "one dead letter", func(s queue.Stats) bool { return s.Dead == 1 && s.Depth == 0 })
}

func TestClosed(t *testing.T) {
	t.Parallel()
	q := open(t)
	require.NoError(t, q.Close())
	require.ErrorIs(t, q.Publish(t.Context(), newDeposit(1)), queue.ErrClosed)
	require.ErrorIs(t, q.Consume(t.Context(), 1, nil), queue.ErrClosed)
	require.ErrorIs(t, q.Ping(t.Context()), queue.ErrUnavailable)
}

func TestFolderIsLocked(t *testing.T) {
	t.Parallel()
	var dir string
	open(t, func(c *queue.Config) { dir = c.Dir })
	_, err := queue.Open(t.Context(), queue.Config{Dir: dir})
	require.ErrorContains(t, err, "in use by another process")
}

func TestAddressThatIsTaken(t *testing.T) {
	t.Parallel()
	first := open(t, listening)
	started := time.Now()
	_, err := queue.Open(t.Context(), queue.Config{
		Dir: t.TempDir(), Listen: first.Addr(), ListenUser: "u", ListenPassword: "a long password",
		Logger: slog.New(slog.DiscardHandler),
	})
	require.ErrorContains(t, err, "address already in use")
	require.Less(t, time.Since(started), 20*time.Second, "it does not wait for what cannot come")
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]queue.Config{
		"neither a folder":  {},
		"when a URL is set": {URL: "nats://127.0.0.1:1", Listen: "127.0.0.1:0"},
		"one is enough":     {URL: "nats://127.0.0.1:1", CredentialsFile: "f", Token: "t"},
		"12 to 72":          {Dir: "d", Listen: "127.0.0.1:0", ListenUser: "u", ListenPassword: "short"},
		"max bytes":         {Dir: "d", MaxBytes: 1},
		"ack wait":          {Dir: "d", AckWait: 1},
		"should look like":  {URL: "::secret::"},
		"missing port in":   {Dir: "d", Listen: "nowhere", ListenUser: "u", ListenPassword: "a long password"},
	} {
		_, err := queue.Open(t.Context(), cfg)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "secret")
	}
}

func TestWhatCannotBeWorkedOnIsNotQueued(t *testing.T) {
	t.Parallel()
	q := open(t)
	for name, change := range map[string]func(*inspection.Deposit){
		"no id":     func(d *inspection.Deposit) { d.ID = "" },
		"no bin":    func(d *inspection.Deposit) { d.BinID = "" },
		"no images": func(d *inspection.Deposit) { d.Images = nil },
	} {
		d := newDeposit(10)
		change(&d)
		require.Error(t, q.Publish(t.Context(), d), name)
	}
}

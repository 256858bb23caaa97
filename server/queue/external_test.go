package queue_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/binside/binside/models"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/queue"
)

func listening(c *queue.Config) {
	c.Listen, c.ListenUser, c.ListenPassword = "127.0.0.1:0", "other", "a long password"
}

// external opens a client of q's listener, as another machine would.
func external(t *testing.T, q *queue.Queue, change ...func(*queue.Config)) *queue.Queue {
	t.Helper()
	return open(t, append([]func(*queue.Config){func(c *queue.Config) {
		c.Dir, c.URL = "", "nats://other:a%20long%20password@"+q.Addr()
	}}, change...)...)
}

func TestExternalServer(t *testing.T) {
	t.Parallel()
	server := open(t, listening)
	var log bytes.Buffer
	one := external(t, server, func(c *queue.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	two := external(t, server)
	sent := make(map[string]bool)
	for range 40 {
		d := newDeposit(1000)
		sent[d.ID] = true
		require.NoError(t, one.Publish(t.Context(), d))
	}
	// Two processes share the work; each deposit is worked on once.
	var mu sync.Mutex
	got := map[string]int{}
	handle := func(_ context.Context, d inspection.Deposit, _ int) error {
		mu.Lock()
		defer mu.Unlock()
		got[d.ID]++
		return nil
	}
	consume(t, one, handle)
	consume(t, two, handle)
	eventually(t, two, "empty", func(s queue.Stats) bool { return s.Depth == 0 })
	mu.Lock()
	require.Len(t, got, len(sent))
	for id, n := range got {
		require.True(t, sent[id])
		require.Equal(t, 1, n)
	}
	mu.Unlock()
	require.NoError(t, one.Close())
	require.NotContains(t, log.String(), "password")
}

func TestNobodyAnonymous(t *testing.T) {
	t.Parallel()
	q := open(t, listening)
	_, err := nats.Connect("nats://" + q.Addr())
	require.ErrorIs(t, err, nats.ErrAuthorization)
	_, err = queue.Open(t.Context(), queue.Config{URL: "nats://other:wrong-password@" + q.Addr(), Logger: slog.New(slog.DiscardHandler)})
	require.Error(t, err)
	require.NotContains(t, err.Error(), "wrong-password")
}

func TestServerThatIsAwayIsWaitedFor(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := queue.Open(ctx, queue.Config{URL: "nats://127.0.0.1:1", Logger: slog.New(slog.DiscardHandler)})
	require.ErrorIs(t, err, queue.ErrUnavailable)
}

// A server that takes the connection and says nothing may be starting: it is
// waited for like one that is away.
func TestServerThatDoesNotGreetIsWaitedFor(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err = queue.Open(ctx, queue.Config{URL: "nats://" + silent.Addr().String(), Logger: slog.New(slog.DiscardHandler)})
	require.ErrorIs(t, err, queue.ErrUnavailable)
}

func TestServerGoesAwayAndComesBack(t *testing.T) {
	t.Parallel()
	var cfg queue.Config
	server := open(t, listening, func(c *queue.Config) { cfg = *c })
	cfg.Listen = server.Addr()
	client := external(t, server, func(c *queue.Config) { c.PublishTimeout = time.Second })
	got := make(chan string, 4)
	consume(t, client, func(_ context.Context, d inspection.Deposit, _ int) error { got <- d.ID; return nil })
	before, during := newDeposit(10), newDeposit(10)
	require.NoError(t, client.Publish(t.Context(), before))
	require.Equal(t, before.ID, <-got)

	require.NoError(t, server.Close())
	require.ErrorIs(t, client.Publish(t.Context(), during), queue.ErrUnavailable)
	require.ErrorIs(t, client.Ping(t.Context()), queue.ErrUnavailable)

	open(t, func(c *queue.Config) { *c = cfg })
	require.Eventually(t, func() bool { return client.Publish(t.Context(), during) == nil }, patience, 20*time.Millisecond)
	select {
	case id := <-got:
		require.Equal(t, during.ID, id)
	case <-time.After(patience):
		t.Fatal("the consumer did not come back")
	}
}

func TestStoredIsToldToTheOthers(t *testing.T) {
	t.Parallel()
	server := open(t, listening)
	one, two := external(t, server), external(t, server)
	heard, own := make(chan *inspection.Inspection, 4), make(chan *inspection.Inspection, 4)
	stop, err := two.SubscribeStored(func(i *inspection.Inspection) { heard <- i })
	require.NoError(t, err)
	stopOwn, err := one.SubscribeStored(func(i *inspection.Inspection) { own <- i })
	require.NoError(t, err)
	defer stopOwn()
	require.NoError(t, two.Ping(t.Context())) // the subscription is known after this round trip

	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	agreement, strangeness := 0.75, 0.25
	sent := &inspection.Inspection{
		Agreement: &agreement, Strangeness: &strangeness,
		ID: "id", Seq: 7, StationID: "s", BinID: "b", Source: inspection.FromPush, CapturedAt: at, ReceivedAt: at, DecidedAt: at,
		Verdict: verdict.Tell, Reason: "r", Category: "hazardous", ItemClass: "battery", Confidence: 0.9,
		Categories: map[string]float64{"hazardous": 0.9, "residual": 0.1},
		Classes:    []models.ClassProbability{{Class: "battery", Probability: 0.9}},
		Accepts:    []string{"residual"}, ModelVersion: "m", TaxonomyVersion: "t", RuleVersion: "r",
		Evidence: []inspection.Evidence{{Key: "k", SHA256: "s", Bytes: 1, Width: 2, Height: 3, Item: &inspection.Box{MaxX: 1}, ExpiresAt: at}},
	}
	require.NoError(t, one.PublishStored(sent))
	select {
	case i := <-heard:
		require.Equal(t, sent, i)
	case <-time.After(patience):
		t.Fatal("not told")
	}
	stop()
	stop()
	require.Empty(t, own, "whoever stored it has announced it already")
	require.NoError(t, open(t).PublishStored(sent), "alone there is nobody to tell")
}

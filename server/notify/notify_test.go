package notify_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/notify"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func inspected(id string) *inspection.Inspection {
	return &inspection.Inspection{ID: id, Verdict: verdict.Tell}
}

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestSubscribersGetWhatTheyKeepInOrder(t *testing.T) {
	h := notify.New(notify.Options{Registerer: prometheus.NewRegistry()})
	defer h.Close()
	all, err := h.Subscribe(t.Context(), nil)
	require.NoError(t, err)
	some, err := h.Subscribe(t.Context(), func(i *inspection.Inspection) bool { return i.ID == "b" })
	require.NoError(t, err)
	for _, id := range []string{"a", "b", "c"} {
		h.Publish(inspected(id))
	}
	for _, id := range []string{"a", "b", "c"} {
		require.Equal(t, id, (<-all.Events()).Inspection.ID)
	}
	require.Equal(t, "b", (<-some.Events()).Inspection.ID)
	require.Empty(t, some.Events())

	all.Close()
	all.Close()
	_, open := <-all.Events()
	require.False(t, open)
	require.Equal(t, 1, h.Subscribers())
}

func TestSlowReaderIsToldToResynchroniseOnce(t *testing.T) {
	h := notify.New(notify.Options{Buffer: 3})
	defer h.Close()
	s, err := h.Subscribe(t.Context(), nil)
	require.NoError(t, err)
	for n := range 10 {
		h.Publish(inspected(strconv.Itoa(n)))
	}
	require.Equal(t, uint64(7), s.Missed())
	for n := range 3 {
		require.Equal(t, strconv.Itoa(n), (<-s.Events()).Inspection.ID)
	}
	// The word is still unread: what comes now is covered by it.
	h.Publish(inspected("10"))
	e := <-s.Events()
	require.True(t, e.Resync)
	require.Nil(t, e.Inspection)
	require.Equal(t, uint64(8), s.Missed())

	h.Publish(inspected("11"))
	require.Equal(t, "11", (<-s.Events()).Inspection.ID)
	require.Equal(t, uint64(8), s.Missed())
}

func TestSubscriptionEndsWithItsContextAndTheHub(t *testing.T) {
	h := notify.New(notify.Options{MaxSubscribers: 2})
	ctx, cancel := context.WithCancel(t.Context())
	s, err := h.Subscribe(ctx, nil)
	require.NoError(t, err)
	other, err := h.Subscribe(t.Context(), nil)
	require.NoError(t, err)
	_, err = h.Subscribe(t.Context(), nil)
	require.ErrorIs(t, err, notify.ErrTooMany)
	cancel()
	_, open := <-s.Events()
	require.False(t, open)

	w := h.Wait("never")
	h.Close()
	h.Close()
	_, open = <-other.Events()
	require.False(t, open)
	other.Close()
	_, err = w.Await(soon(t))
	require.ErrorIs(t, err, notify.ErrClosed)
	w.Cancel()
	_, err = h.Subscribe(t.Context(), nil)
	require.ErrorIs(t, err, notify.ErrClosed)
	_, err = h.Wait("late").Await(soon(t))
	require.ErrorIs(t, err, notify.ErrClosed)
	h.Publish(inspected("late"))
}

func TestWait(t *testing.T) {
	h := notify.New(notify.Options{})
	defer h.Close()
	one, two, gone := h.Wait("a"), h.Wait("a"), h.Wait("a")
	gone.Cancel()
	gone.Cancel()
	h.Publish(inspected("b"))
	require.Empty(t, one.Done())
	h.Publish(inspected("a"))
	h.Publish(inspected("a")) // announced again after a redelivery
	for _, w := range []*notify.Waiter{one, two} {
		i, err := w.Await(soon(t))
		require.NoError(t, err)
		require.Equal(t, "a", i.ID)
		w.Cancel()
	}
	require.Empty(t, gone.Done())

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	late := h.Wait("c")
	defer late.Cancel()
	_, err := late.Await(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

// TestCrowd is for the race detector: readers come and go while much is
// published.
func TestCrowd(t *testing.T) {
	h := notify.New(notify.Options{Buffer: 4})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				ctx, cancel := context.WithCancel(context.Background())
				s, err := h.Subscribe(ctx, nil)
				if err != nil {
					cancel()
					return
				}
				w := h.Wait("id")
				<-w.Done()
				<-s.Events()
				w.Cancel()
				cancel()
			}
		})
	}
	finished := make(chan struct{})
	go func() { all.Wait(); close(finished) }()
	for {
		select {
		case <-finished:
			h.Close()
			require.Zero(t, h.Subscribers())
			return
		default:
			h.Publish(inspected("id"))
		}
	}
}

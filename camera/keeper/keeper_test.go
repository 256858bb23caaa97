package keeper_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/binside/binside/camera"
	"github.com/binside/binside/camera/keeper"
	"github.com/binside/binside/camera/push"
	"github.com/binside/binside/vision"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// streamFunc is a source of a few lines.
type streamFunc func(ctx context.Context, sink func(camera.Frame)) error

func (f streamFunc) Stream(ctx context.Context, sink func(camera.Frame)) error { return f(ctx, sink) }

func frame(seq uint64, shade byte) camera.Frame {
	img := vision.NewImage(8, 8)
	for i := range img.Pix {
		img.Pix[i] = shade
	}
	return camera.Frame{Seq: seq, Time: time.Now(), Image: img}
}

func keep(t *testing.T, opts keeper.Options, f keeper.Factory) *keeper.Keeper {
	t.Helper()
	k := keeper.New(f, opts)
	t.Cleanup(func() { require.NoError(t, k.Close()) })
	return k
}

func one(s camera.Source) keeper.Factory { return func() (camera.Source, error) { return s, nil } }

func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, 20*time.Second, 2*time.Millisecond)
}

func TestFramesInOrderUntilTheEnd(t *testing.T) {
	k := keep(t, keeper.Options{Block: true}, one(streamFunc(func(_ context.Context, sink func(camera.Frame)) error {
		for i := range 50 {
			sink(frame(uint64(i+1), byte(i)))
		}
		return io.EOF
	})))
	for want := uint64(1); want <= 50; want++ {
		f, err := k.Next(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, f.Seq)
	}
	for range 2 {
		_, err := k.Next(t.Context())
		require.ErrorIs(t, err, io.EOF)
	}
	st := k.State()
	require.Equal(t, keeper.Ended, st.Status)
	require.EqualValues(t, 50, st.Frames)
	require.Zero(t, st.Dropped)
	require.False(t, st.LastFrame.IsZero())
}

func TestSlowReaderGetsTheLatest(t *testing.T) {
	sent := make(chan struct{})
	k := keep(t, keeper.Options{Buffer: 2}, one(streamFunc(func(ctx context.Context, sink func(camera.Frame)) error {
		for i := range 10 {
			sink(frame(uint64(i+1), byte(i)))
		}
		close(sent)
		<-ctx.Done()
		return ctx.Err()
	})))
	<-sent
	f, err := k.Next(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 9, f.Seq)
	st := k.State()
	require.Equal(t, keeper.Streaming, st.Status)
	require.EqualValues(t, 10, st.Frames)
	require.EqualValues(t, 8, st.Dropped)
}

func TestFailedSourceIsRebuilt(t *testing.T) {
	var built atomic.Int32
	var log safeBuffer
	k := keep(t, keeper.Options{Backoff: time.Millisecond, Logger: slog.New(slog.NewTextHandler(&log, nil))}, func() (camera.Source, error) {
		switch built.Add(1) {
		case 1:
			return nil, errors.New("no route")
		case 2:
			return streamFunc(func(context.Context, func(camera.Frame)) error { panic("broken decoder") }), nil
		case 3:
			return streamFunc(func(context.Context, func(camera.Frame)) error { return nil }), nil
		}
		return streamFunc(func(ctx context.Context, sink func(camera.Frame)) error {
			sink(frame(1, 0))
			<-ctx.Done()
			return ctx.Err()
		}), nil
	})
	_, err := k.Next(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 4, built.Load())
	st := k.State()
	require.Equal(t, keeper.Streaming, st.Status)
	require.Empty(t, st.Error)
	require.EqualValues(t, 1, st.Connections)
	for _, want := range []string{"no route", "broken decoder", "without a reason"} {
		require.Contains(t, log.String(), want)
	}
}

func TestBackoffGrowsAndSaysWhy(t *testing.T) {
	var built atomic.Int32
	k := keep(t, keeper.Options{Backoff: time.Millisecond, MaxBackoff: time.Hour}, func() (camera.Source, error) {
		built.Add(1)
		return nil, errors.New("no route")
	})
	eventually(t, func() bool { return built.Load() >= 5 })
	eventually(t, func() bool { return k.State().Status == keeper.Failed })
	require.Equal(t, "no route", k.State().Error)
}

func TestSilentStreamIsRebuilt(t *testing.T) {
	var built atomic.Int32
	k := keep(t, keeper.Options{Silence: 50 * time.Millisecond, Backoff: time.Millisecond}, func() (camera.Source, error) {
		built.Add(1)
		return streamFunc(func(ctx context.Context, sink func(camera.Frame)) error {
			sink(frame(1, 0))
			<-ctx.Done()
			return ctx.Err()
		}), nil
	})
	eventually(t, func() bool { return built.Load() >= 3 })
	require.GreaterOrEqual(t, k.State().Connections, uint64(2))
}

func TestFrozenStreamIsRebuilt(t *testing.T) {
	for name, c := range map[string]struct {
		shade   func(i int) byte
		rebuilt bool
	}{
		"frozen": {func(int) byte { return 7 }, true},
		"moving": {func(i int) byte { return byte(i) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			var built atomic.Int32
			k := keep(t, keeper.Options{Silence: time.Minute, Frozen: 200 * time.Millisecond, Backoff: time.Millisecond}, func() (camera.Source, error) {
				built.Add(1)
				return streamFunc(func(ctx context.Context, sink func(camera.Frame)) error {
					tick := time.NewTicker(2 * time.Millisecond)
					defer tick.Stop()
					for i := 0; ; i++ {
						sink(frame(uint64(i), c.shade(i)))
						select {
						case <-ctx.Done():
							return ctx.Err()
						case <-tick.C:
						}
					}
				}), nil
			})
			if c.rebuilt {
				eventually(t, func() bool { return built.Load() >= 2 })
				return
			}
			eventually(t, func() bool { return k.State().Frames >= 200 })
			require.EqualValues(t, 1, built.Load())
		})
	}
}

func TestReaderThatPausesIsNotTheSourcesSilence(t *testing.T) {
	var built atomic.Int32
	k := keep(t, keeper.Options{Block: true, Buffer: 1, Silence: time.Second, Backoff: time.Millisecond}, func() (camera.Source, error) {
		built.Add(1)
		return streamFunc(func(ctx context.Context, sink func(camera.Frame)) error {
			for i := 0; ctx.Err() == nil; i++ {
				sink(frame(uint64(i+1), byte(i)))
			}
			return ctx.Err()
		}), nil
	})
	eventually(t, func() bool { return k.State().Frames == 2 }) // one waits in the buffer, one for room
	begin := time.Now()
	eventually(t, func() bool { return time.Since(begin) > 2500*time.Millisecond })
	for want := uint64(1); want <= 5; want++ {
		f, err := k.Next(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, f.Seq)
	}
	require.EqualValues(t, 1, built.Load())
}

func TestCloseDoesNotWaitForAStuckSource(t *testing.T) {
	release, started, returned := make(chan struct{}), make(chan struct{}), make(chan struct{})
	k := keeper.New(one(streamFunc(func(_ context.Context, sink func(camera.Frame)) error {
		defer close(returned)
		close(started)
		<-release // deaf, as in foreign code
		sink(frame(1, 0))
		return nil
	})), keeper.Options{Grace: 20 * time.Millisecond})
	<-started
	require.Error(t, k.Close())
	close(release)
	<-returned
	eventually(t, func() bool { return k.Close() == nil })
	require.Zero(t, k.State().Frames, "a source that was given up is not listened to")
}

func TestNextEndsWithItsContextAndWithClose(t *testing.T) {
	k := keeper.New(one(push.New(1)), keeper.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := k.Next(ctx)
	require.ErrorIs(t, err, context.Canceled)
	ended := make(chan error, 1)
	go func() {
		_, err := k.Next(t.Context())
		ended <- err
	}()
	require.NoError(t, k.Close())
	require.NoError(t, k.Close())
	require.ErrorIs(t, <-ended, keeper.ErrClosed)
	require.Equal(t, keeper.Ended, k.State().Status)
}

func TestPushThroughAKeeperLosesNothing(t *testing.T) {
	source := push.New(4)
	k := keep(t, keeper.Options{Block: true, Silence: -1, Frozen: -1}, one(source))
	reader := make(chan struct{})
	go func() {
		defer close(reader)
		for {
			f, err := k.Next(t.Context())
			if err != nil {
				return
			}
			source.Report(f.Seq, nil)
		}
	}()
	for pushed := 0; pushed < 200; {
		ticket, err := source.Push(vision.NewImage(4, 4), time.Now(), time.Time{})
		if errors.Is(err, push.ErrFull) {
			continue
		}
		require.NoError(t, err)
		pushed++
		if pushed%10 == 0 {
			require.True(t, (<-ticket.Done).Seen)
		}
	}
	source.Close()
	<-reader
	require.EqualValues(t, 200, k.State().Frames)
	require.Zero(t, k.State().Dropped)
	require.Zero(t, source.Waiting())
}

// safeBuffer is a bytes.Buffer for several goroutines.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

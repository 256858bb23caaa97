package object_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/binside/binside/server/store/object"
	"github.com/binside/binside/server/store/object/objecttest"
)

const patience = time.Minute

// gate is a store whose Puts and Stats fail while it is shut, and whose Puts
// wait while it is held.
type gate struct {
	object.Store
	shut    atomic.Bool
	refuse  atomic.Value // of string: a key that is refused for ever
	puts    atomic.Int64
	hold    chan struct{}
	waiting chan string
}

func (g *gate) Put(ctx context.Context, key string, data []byte, contentType string) error {
	g.puts.Add(1)
	if g.hold != nil {
		g.waiting <- key
		select {
		case <-g.hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if g.shut.Load() {
		return fmt.Errorf("%w: shut", object.ErrUnavailable)
	}
	if key == g.refuse.Load() {
		return errors.New("this one never")
	}
	return g.Store.Put(ctx, key, data, contentType)
}

func (g *gate) Stat(ctx context.Context, key string) (object.Info, error) {
	if g.shut.Load() {
		return object.Info{}, fmt.Errorf("%w: shut", object.ErrUnavailable)
	}
	return g.Store.Stat(ctx, key)
}

// shared keeps the store below open when a spool over it is closed.
type shared struct{ object.Store }

func (shared) Close() error { return nil }

func options(dir string) object.SpoolOptions {
	return object.SpoolOptions{Dir: dir, MinBackoff: time.Millisecond, MaxBackoff: 20 * time.Millisecond, ProbeEvery: 10 * time.Millisecond}
}

func drained(t *testing.T, s *object.Spool) {
	t.Helper()
	require.Eventually(t, func() bool { return s.Pending() == object.Usage{} }, patience, time.Millisecond)
}

func TestSpoolCatchesUp(t *testing.T) {
	local := newLocal(t)
	g := &gate{Store: local}
	g.shut.Store(true)
	reg := prometheus.NewRegistry()
	opts := options(t.TempDir())
	opts.Registerer = reg
	s, err := object.NewSpool(g, opts)
	require.NoError(t, err)
	ctx := ctxOf(t)
	for n := range 50 {
		require.NoError(t, s.Put(ctx, fmt.Sprintf("k/%02d", n), []byte{byte(n)}, "image/jpeg"))
	}
	require.Equal(t, object.Usage{Objects: 50, Bytes: 50}, s.Pending())
	require.Eventually(t, s.Degraded, patience, time.Millisecond)
	require.ErrorIs(t, s.LastError(), object.ErrUnavailable)
	got, err := s.Get(ctx, "k/07")
	require.NoError(t, err)
	require.Equal(t, []byte{7}, got)

	g.shut.Store(false)
	drained(t, s)
	require.Eventually(t, func() bool { return !s.Degraded() }, patience, time.Millisecond)
	for n := range 50 {
		got, err := local.Get(ctx, fmt.Sprintf("k/%02d", n))
		require.NoError(t, err)
		require.Equal(t, []byte{byte(n)}, got)
	}
	families, err := reg.Gather()
	require.NoError(t, err)
	require.Len(t, families, 5)
	require.NoError(t, s.Close())
	families, err = reg.Gather()
	require.NoError(t, err)
	require.Empty(t, families)
	require.ErrorIs(t, s.Put(ctx, "k", nil, ""), object.ErrUnavailable)
}

func TestSpoolIsDegradedBeforeThereIsWork(t *testing.T) {
	g := &gate{Store: newLocal(t)}
	g.shut.Store(true)
	s, err := object.NewSpool(g, options(t.TempDir()))
	require.NoError(t, err)
	defer s.Close()
	require.Eventually(t, s.Degraded, patience, time.Millisecond)
	g.shut.Store(false)
	require.Eventually(t, func() bool { return !s.Degraded() }, patience, time.Millisecond)
}

func TestSpoolIsBounded(t *testing.T) {
	g := &gate{Store: newLocal(t)}
	g.shut.Store(true)
	opts := options(t.TempDir())
	opts.MaxCount, opts.MaxBytes = 3, 100
	s, err := object.NewSpool(g, opts)
	require.NoError(t, err)
	defer s.Close()
	ctx := ctxOf(t)
	require.NoError(t, s.Put(ctx, "a", make([]byte, 60), ""))
	err = s.Put(ctx, "b", make([]byte, 60), "")
	require.ErrorIs(t, err, object.ErrSpoolFull)
	require.ErrorIs(t, err, object.ErrUnavailable)
	require.NoError(t, s.Put(ctx, "b", make([]byte, 10), ""))
	require.NoError(t, s.Put(ctx, "c", make([]byte, 10), ""))
	require.ErrorIs(t, s.Put(ctx, "d", nil, ""), object.ErrSpoolFull)
	require.Equal(t, object.Usage{Objects: 3, Bytes: 80}, s.Pending())
	g.shut.Store(false)
	drained(t, s)
	require.NoError(t, s.Put(ctx, "d", make([]byte, 100), ""))
	drained(t, s)
}

func TestSpoolSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	local := newLocal(t)
	defer local.Close()
	g := &gate{Store: shared{local}}
	g.shut.Store(true)
	s, err := object.NewSpool(g, options(dir))
	require.NoError(t, err)
	ctx := ctxOf(t)
	for n := range 5 {
		require.NoError(t, s.Put(ctx, fmt.Sprintf("k%d", n), []byte{byte(n)}, ""))
	}
	require.NoError(t, s.Put(ctx, "k0", []byte("newer"), ""))
	_, err = object.NewSpool(shared{local}, options(dir))
	require.ErrorContains(t, err, "in use")
	require.NoError(t, s.Close())
	// What a crash leaves: a half-written file, and one that lost its end.
	require.NoError(t, os.WriteFile(filepath.Join(dir, "x.tmp"), []byte("half"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "y.spool"), []byte(`{"key":"y","size":9}`), 0o600))

	s, err = object.NewSpool(g, options(dir))
	require.NoError(t, err)
	require.Equal(t, object.Usage{Objects: 5, Bytes: 9}, s.Pending())
	g.shut.Store(false)
	drained(t, s)
	require.NoError(t, s.Close())
	got, err := local.Get(ctx, "k0")
	require.NoError(t, err)
	require.Equal(t, "newer", string(got))
	require.NoFileExists(t, filepath.Join(dir, "x.tmp"))
	require.FileExists(t, filepath.Join(dir, "y.spool.bad"))
}

func TestSpoolSetsDamageAside(t *testing.T) {
	dir := t.TempDir()
	g := &gate{Store: newLocal(t)}
	g.shut.Store(true)
	s, err := object.NewSpool(g, options(dir))
	require.NoError(t, err)
	defer s.Close()
	ctx := ctxOf(t)
	require.NoError(t, s.Put(ctx, "k", []byte("right"), ""))
	files, err := filepath.Glob(filepath.Join(dir, "*.spool"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	content, err := os.ReadFile(files[0])
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(files[0], bytes.Replace(content, []byte("right"), []byte("wrong"), 1), 0o600))
	require.NoError(t, s.Put(ctx, "other", []byte("fine"), ""))
	g.shut.Store(false)
	drained(t, s)
	_, err = s.Get(ctx, "k")
	require.ErrorIs(t, err, object.ErrNotFound)
	got, err := s.Get(ctx, "other")
	require.NoError(t, err)
	require.Equal(t, "fine", string(got))
	require.FileExists(t, files[0]+".bad")
}

func TestSpoolPassesABadObject(t *testing.T) {
	g := &gate{Store: newLocal(t)}
	g.refuse.Store("bad")
	s, err := object.NewSpool(g, options(t.TempDir()))
	require.NoError(t, err)
	defer s.Close()
	ctx := ctxOf(t)
	require.NoError(t, s.Put(ctx, "bad", []byte("x"), ""))
	for n := range 20 {
		require.NoError(t, s.Put(ctx, fmt.Sprint("good", n), []byte("x"), ""))
	}
	require.Eventually(t, func() bool { return s.Pending().Objects == 1 }, patience, time.Millisecond)
	g.refuse.Store("")
	drained(t, s)
}

// TestSpoolWhileUploading changes objects at the moment of their upload.
func TestSpoolWhileUploading(t *testing.T) {
	local := newLocal(t)
	g := &gate{Store: local, hold: make(chan struct{}), waiting: make(chan string, 16)}
	s, err := object.NewSpool(g, options(t.TempDir()))
	require.NoError(t, err)
	defer s.Close()
	ctx := ctxOf(t)
	require.NoError(t, s.Put(ctx, "replaced", []byte("old"), ""))
	require.NoError(t, s.Put(ctx, "deleted", []byte("old"), ""))
	for range 2 {
		<-g.waiting
	}
	require.NoError(t, s.Put(ctx, "replaced", []byte("new"), ""))
	short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
	err = s.Delete(short, "deleted")
	cancel()
	require.ErrorIs(t, err, object.ErrUnavailable, "it must not say deleted while the upload may bring it back")
	_, err = s.Get(ctx, "deleted")
	require.ErrorIs(t, err, object.ErrNotFound)
	done := make(chan error, 1)
	go func() { done <- s.Delete(ctx, "deleted") }()
	close(g.hold)
	require.NoError(t, <-done)
	drained(t, s)
	got, err := local.Get(ctx, "replaced")
	require.NoError(t, err)
	require.Equal(t, "new", string(got))
	_, err = local.Get(ctx, "deleted")
	require.ErrorIs(t, err, object.ErrNotFound)
}

func TestSpoolCloseDoesNotWaitForTheNetwork(t *testing.T) {
	g := &gate{Store: newLocal(t), hold: make(chan struct{}), waiting: make(chan string, 16)}
	s, err := object.NewSpool(g, options(t.TempDir()))
	require.NoError(t, err)
	require.NoError(t, s.Put(ctxOf(t), "k", []byte("x"), ""))
	<-g.waiting
	require.NoError(t, s.Close())
	require.Equal(t, object.Usage{Objects: 1, Bytes: 1}, s.Pending())
	require.NoError(t, s.Close())
}

// TestSpoolOverKilledMinIO puts objects from several goroutines while the
// server is killed and started again: in the end all of them are there.
func TestSpoolOverKilledMinIO(t *testing.T) {
	m := objecttest.NewMinIO(t)
	cfg := s3Config(m, "")
	s3, err := object.NewS3(cfg)
	require.NoError(t, err)
	s, err := object.NewSpool(s3, object.SpoolOptions{Dir: t.TempDir(), MinBackoff: 10 * time.Millisecond, MaxBackoff: 200 * time.Millisecond, ProbeEvery: time.Hour})
	require.NoError(t, err)
	defer s.Close()
	ctx := ctxOf(t)
	require.NoError(t, s.Put(ctx, "before", []byte("x"), ""))
	drained(t, s)

	const writers, each = 4, 25
	var group sync.WaitGroup
	failures := make(chan error, writers*each)
	half := make(chan struct{})
	for w := range writers {
		group.Go(func() {
			for n := range each {
				if w == 0 && n == each/2 {
					close(half)
				}
				failures <- s.Put(ctx, fmt.Sprintf("k/%d/%02d", w, n), bytes.Repeat([]byte{byte(n)}, 2000), "image/jpeg")
			}
		})
	}
	<-half
	require.NoError(t, m.Kill())
	group.Wait()
	require.NoError(t, s.Put(ctx, "while-down", []byte("y"), "image/jpeg"))
	require.Eventually(t, s.Degraded, patience, time.Millisecond)
	require.NoError(t, m.Start())
	drained(t, s)
	require.False(t, s.Degraded())
	close(failures)
	for err := range failures {
		require.NoError(t, err)
	}
	direct, err := object.NewS3(cfg)
	require.NoError(t, err)
	defer direct.Close()
	for w := range writers {
		for n := range each {
			got, err := direct.Get(ctx, fmt.Sprintf("k/%d/%02d", w, n))
			require.NoError(t, err)
			require.Equal(t, bytes.Repeat([]byte{byte(n)}, 2000), got)
		}
	}
	for _, key := range []string{"before", "while-down"} {
		_, err := direct.Get(ctx, key)
		require.NoError(t, err)
	}
}

func BenchmarkPut50KB(b *testing.B) {
	data := make([]byte, 50_000)
	run := func(name string, open func(b *testing.B) object.Store) {
		b.Run(name, func(b *testing.B) {
			st := open(b)
			defer st.Close()
			for n := 0; b.Loop(); n++ {
				require.NoError(b, st.Put(ctxOf(b), fmt.Sprint("evidence/", n/100, "/", n), data, "image/jpeg"))
			}
		})
	}
	run("local", func(b *testing.B) object.Store { b.Helper(); return newLocal(b) })
	run("spool", func(b *testing.B) object.Store {
		b.Helper()
		g := &gate{Store: newLocal(b)}
		g.shut.Store(true)
		s, err := object.NewSpool(g, options(b.TempDir()))
		require.NoError(b, err)
		return s
	})
	run("s3", func(b *testing.B) object.Store { b.Helper(); return newS3(b, objecttest.NewMinIO(b), "") })
}

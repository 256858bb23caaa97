package object_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/binside/binside/server/store/object"
	"github.com/binside/binside/server/store/object/objecttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newLocal(tb testing.TB) *object.Local {
	tb.Helper()
	l, err := object.NewLocal(filepath.Join(tb.TempDir(), "objects"), objecttest.Limit)
	require.NoError(tb, err)
	return l
}

// newS3 opens a bucket of its own that does not exist yet.
func newS3(tb testing.TB, m *objecttest.MinIO, prefix string) *object.S3 {
	tb.Helper()
	s, err := object.NewS3(s3Config(m, prefix))
	require.NoError(tb, err)
	return s
}

// buckets counts the buckets that were named.
var buckets atomic.Int64

func s3Config(m *objecttest.MinIO, prefix string) object.S3Config {
	bucket := fmt.Sprintf("bucket-%d", buckets.Add(1))
	return object.S3Config{
		URL: m.URL(bucket) + prefix, AccessKey: objecttest.AccessKey, SecretKey: objecttest.SecretKey, MaxBytes: objecttest.Limit, Timeout: 20 * time.Second,
	}
}

func newSpool(tb testing.TB, next object.Store) *object.Spool {
	tb.Helper()
	s, err := object.NewSpool(next, object.SpoolOptions{
		Dir: filepath.Join(tb.TempDir(), "spool"), MaxObjectBytes: objecttest.Limit, MinBackoff: 5 * time.Millisecond, MaxBackoff: 100 * time.Millisecond,
	})
	require.NoError(tb, err)
	return s
}

func TestContract(t *testing.T) {
	t.Run("local", func(t *testing.T) {
		objecttest.Run(t, func(t *testing.T) object.Store { t.Helper(); return newLocal(t) })
	})
	t.Run("spool over local", func(t *testing.T) {
		objecttest.Run(t, func(t *testing.T) object.Store { t.Helper(); return newSpool(t, newLocal(t)) })
	})
	t.Run("spool that cannot upload", func(t *testing.T) {
		objecttest.Run(t, func(t *testing.T) object.Store {
			t.Helper()
			return newSpool(t, &flaky{Store: newLocal(t), down: true})
		})
	})
	t.Run("s3", func(t *testing.T) {
		m := objecttest.NewMinIO(t)
		objecttest.Run(t, func(t *testing.T) object.Store { t.Helper(); return newS3(t, m, "") })
	})
	t.Run("s3 with a prefix", func(t *testing.T) {
		m := objecttest.NewMinIO(t)
		objecttest.Run(t, func(t *testing.T) object.Store { t.Helper(); return newS3(t, m, "/site/one") })
	})
	t.Run("spool over s3", func(t *testing.T) {
		m := objecttest.NewMinIO(t)
		objecttest.Run(t, func(t *testing.T) object.Store { t.Helper(); return newSpool(t, newS3(t, m, "")) })
	})
}

func ctxOf(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	tb.Cleanup(cancel)
	return ctx
}

func TestLocalLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	temp := filepath.Join(dir, ".tmp")
	require.NoError(t, os.MkdirAll(temp, 0o750))
	for name, age := range map[string]time.Duration{"old": 2 * time.Hour, "young": time.Minute} {
		path := filepath.Join(temp, name)
		require.NoError(t, os.WriteFile(path, []byte("half"), 0o600))
		require.NoError(t, os.Chtimes(path, time.Now().Add(-age), time.Now().Add(-age)))
	}
	l, err := object.NewLocal(dir, 0)
	require.NoError(t, err)
	defer l.Close()
	require.NoError(t, l.Put(ctxOf(t), "a/b/c", []byte("x"), ""))
	require.NoError(t, l.Delete(ctxOf(t), "a/b/c"))
	var left []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, path)
		left = append(left, rel)
		return err
	}))
	require.Equal(t, []string{".", ".tmp", ".tmp/young"}, left)
}

func TestLocalStaysInItsFolder(t *testing.T) {
	outside := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("s"), 0o600))
	dir := t.TempDir()
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "link")))
	l, err := object.NewLocal(dir, 0)
	require.NoError(t, err)
	defer l.Close()
	_, err = l.Get(ctxOf(t), "link/secret")
	require.Error(t, err)
	require.Error(t, l.Put(ctxOf(t), "link/new", []byte("x"), ""))
	require.NoFileExists(t, filepath.Join(outside, "new"))
}

func TestLocalSaysWhatIsWrong(t *testing.T) {
	l := newLocal(t)
	require.NoError(t, l.Put(ctxOf(t), "a/b", []byte("x"), ""))
	require.ErrorIs(t, l.Put(ctxOf(t), "a", []byte("x"), ""), object.ErrInvalidKey)
	require.ErrorIs(t, l.Put(ctxOf(t), "a/b/c", []byte("x"), ""), object.ErrInvalidKey)
	_, err := l.Get(ctxOf(t), "a/b/c")
	require.ErrorIs(t, err, object.ErrNotFound)
	require.NoError(t, l.Close())
	require.ErrorIs(t, l.Put(ctxOf(t), "c", nil, ""), object.ErrUnavailable)
	_, err = object.NewLocal("/dev/null/x", 0)
	require.ErrorIs(t, err, object.ErrUnavailable)
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	for _, url := range []string{dir, "file:" + dir, "file://" + dir} {
		st, err := object.Open(object.Config{URL: url})
		require.NoError(t, err)
		require.IsType(t, &object.Local{}, st)
		require.NoError(t, st.Close())
	}
	st, err := object.Open(object.Config{URL: "https://127.0.0.1:1/bucket/prefix"})
	require.NoError(t, err)
	require.IsType(t, &object.S3{}, st)
	require.NoError(t, st.Close())
	st, err = object.Open(object.Config{URL: "http://127.0.0.1:1/bucket", SpoolDir: dir})
	require.NoError(t, err, "a server that is down is no error")
	spool, ok := st.(*object.Spool)
	require.True(t, ok)
	require.Eventually(t, spool.Degraded, 30*time.Second, 5*time.Millisecond)
	require.NoError(t, st.Close())
	for _, url := range []string{"", "ftp://x/y", "http://x", "http://", "http://user:very-secret@x/y", "http://x/y/../z", "http://x\x7f:very-secret/"} {
		_, err := object.Open(object.Config{URL: url})
		require.Error(t, err, url)
		require.NotContains(t, err.Error(), "very-secret")
	}
}

func TestS3ErrorsHideCredentials(t *testing.T) {
	m := objecttest.NewMinIO(t)
	cfg := s3Config(m, "")
	cfg.SecretKey = "not-the-secret"
	s, err := object.NewS3(cfg)
	require.NoError(t, err)
	defer s.Close()
	err = s.Put(ctxOf(t), "k", []byte("x"), "")
	require.ErrorIs(t, err, object.ErrUnavailable)
	require.NotContains(t, err.Error(), cfg.SecretKey)
}

// flaky is a store that can be told to fail or to hang.
type flaky struct {
	object.Store
	down bool
}

func (f *flaky) Put(ctx context.Context, key string, data []byte, contentType string) error {
	if f.down {
		return errors.Join(object.ErrUnavailable, errors.New("it is down"))
	}
	return f.Store.Put(ctx, key, data, contentType)
}

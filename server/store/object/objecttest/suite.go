// Package objecttest is the contract that every object.Store keeps, as a test
// suite, and the real MinIO server that tests run against. It is never part of
// the service.
package objecttest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/server/store/object"
)

// Limit is the largest object that a store under test must take; one byte
// more it must refuse.
const Limit = 1 << 20

// Run holds a store to the contract. open returns an empty store whose limit
// is Limit; it is closed by Run.
func Run(t *testing.T, open func(t *testing.T) object.Store) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(*testing.T, object.Store)
	}{
		{"round trip", testRoundTrip},
		{"replace", testReplace},
		{"missing", testMissing},
		{"keys", testKeys},
		{"limits", testLimits},
		{"list", testList},
		{"cancelled", testCancelled},
		{"concurrent", testConcurrent},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := open(t)
			defer func() { require.NoError(t, st.Close()) }()
			c.test(t, st)
		})
	}
}

func background(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func random(t *testing.T, n int) []byte {
	t.Helper()
	data := make([]byte, n)
	_, err := rand.Read(data)
	require.NoError(t, err)
	return data
}

func testRoundTrip(t *testing.T, st object.Store) {
	ctx := background(t)
	for key, size := range map[string]int{"evidence/a/0.jpg": 50_000, "empty": 0, "one": 1} {
		data := random(t, size)
		before := bytes.Clone(data)
		require.NoError(t, st.Put(ctx, key, data, "image/jpeg"))
		clear(data) // Put must not have kept it
		got, err := st.Get(ctx, key)
		require.NoError(t, err)
		require.True(t, bytes.Equal(before, got), "%s: %d bytes came back", key, len(got))
		info, err := st.Stat(ctx, key)
		require.NoError(t, err)
		require.Equal(t, key, info.Key)
		require.EqualValues(t, size, info.Size)
		require.WithinDuration(t, time.Now(), info.Modified, 5*time.Minute)
		require.Equal(t, time.UTC, info.Modified.Location())
	}
}

func testReplace(t *testing.T, st object.Store) {
	ctx := background(t)
	for n := range 5 {
		require.NoError(t, st.Put(ctx, "k", bytes.Repeat([]byte{byte(n)}, 10*n), "image/jpeg"))
		got, err := st.Get(ctx, "k")
		require.NoError(t, err)
		require.Equal(t, bytes.Repeat([]byte{byte(n)}, 10*n), append([]byte{}, got...))
	}
	require.NoError(t, st.Delete(ctx, "k"))
	_, err := st.Get(ctx, "k")
	require.ErrorIs(t, err, object.ErrNotFound)
	require.NoError(t, st.Put(ctx, "k", []byte("again"), "image/jpeg"))
	got, err := st.Get(ctx, "k")
	require.NoError(t, err)
	require.Equal(t, "again", string(got))
}

func testMissing(t *testing.T, st object.Store) {
	ctx := background(t)
	require.NoError(t, st.Put(ctx, "folder/file", []byte("x"), "text/plain"))
	for _, key := range []string{"nothing", "no/such/folder", "folder", "folder/file2"} {
		_, err := st.Get(ctx, key)
		require.ErrorIs(t, err, object.ErrNotFound, key)
		_, err = st.Stat(ctx, key)
		require.ErrorIs(t, err, object.ErrNotFound, key)
		require.NoError(t, st.Delete(ctx, key), key)
	}
	_, err := st.Get(ctx, "folder/file")
	require.NoError(t, err, "deleting a folder's name must not touch what is in it")
}

func testKeys(t *testing.T, st object.Store) {
	ctx := background(t)
	long := string(bytes.Repeat([]byte("k"), object.MaxKey+1))
	for _, key := range []string{
		"", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", ".hidden", "a/.hidden", `a\b`, "a b", "a\x00b", "a\nb", "塑料瓶", "a?b", "a%2fb", long,
	} {
		require.ErrorIs(t, st.Put(ctx, key, nil, ""), object.ErrInvalidKey, "%q", key)
		_, err := st.Get(ctx, key)
		require.ErrorIs(t, err, object.ErrInvalidKey, "%q", key)
		_, err = st.Stat(ctx, key)
		require.ErrorIs(t, err, object.ErrInvalidKey, "%q", key)
		require.ErrorIs(t, st.Delete(ctx, key), object.ErrInvalidKey, "%q", key)
	}
	require.ErrorIs(t, st.List(ctx, "../", func(object.Info) error { return nil }), object.ErrInvalidKey)
	for _, key := range []string{"a", "A-1_2=3.jpg", "x/y/z..w", "-"} {
		require.NoError(t, st.Put(ctx, key, []byte(key), ""), key)
		got, err := st.Get(ctx, key)
		require.NoError(t, err)
		require.Equal(t, key, string(got))
	}
}

func testLimits(t *testing.T, st object.Store) {
	ctx := background(t)
	require.NoError(t, st.Put(ctx, "big", random(t, Limit), ""))
	got, err := st.Get(ctx, "big")
	require.NoError(t, err)
	require.Len(t, got, Limit)
	require.ErrorIs(t, st.Put(ctx, "bigger", random(t, Limit+1), ""), object.ErrTooLarge)
	_, err = st.Stat(ctx, "bigger")
	require.ErrorIs(t, err, object.ErrNotFound)
}

func testList(t *testing.T, st object.Store) {
	ctx := background(t)
	list := func(prefix string) []string {
		keys := []string{}
		require.NoError(t, st.List(ctx, prefix, func(i object.Info) error {
			require.EqualValues(t, len(i.Key), i.Size)
			keys = append(keys, i.Key)
			return nil
		}))
		return keys
	}
	require.Empty(t, list(""))
	// "-" and "." sort before "/": a folder must not be listed as its name.
	keys := []string{"a-b/1", "a.b", "a/1", "a/10", "a/2", "a/b/c", "ab", "b/1", "b/2"}
	for _, n := range []int{4, 1, 7, 0, 8, 2, 6, 3, 5} {
		require.NoError(t, st.Put(ctx, keys[n], []byte(keys[n]), ""))
	}
	require.True(t, slices.IsSorted(keys))
	require.Equal(t, keys, list(""))
	require.Equal(t, []string{"a/1", "a/10", "a/2", "a/b/c"}, list("a/"))
	require.Equal(t, []string{"a/1", "a/10"}, list("a/1"))
	require.Equal(t, []string{"a/b/c"}, list("a/b"))
	require.Empty(t, list("c"))
	require.NoError(t, st.Delete(ctx, "a/b/c"))
	require.Equal(t, []string{"a/1", "a/10", "a/2"}, list("a/"))
	stop := errors.New("enough")
	n := 0
	err := st.List(ctx, "", func(object.Info) error { n++; return stop })
	require.Equal(t, stop, err)
	require.Equal(t, 1, n)
}

func testCancelled(t *testing.T, st object.Store) {
	require.NoError(t, st.Put(background(t), "k", []byte("v"), ""))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, st.Put(ctx, "k", []byte("w"), ""), context.Canceled)
	_, err := st.Get(ctx, "k")
	require.ErrorIs(t, err, context.Canceled)
	_, err = st.Stat(ctx, "k")
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, st.Delete(ctx, "k"), context.Canceled)
	require.ErrorIs(t, st.List(ctx, "", func(object.Info) error { return nil }), context.Canceled)
	got, err := st.Get(background(t), "k")
	require.NoError(t, err)
	require.Equal(t, "v", string(got))
}

// testConcurrent: whoever reads a key while it is being replaced reads one of
// the values that were put, never a mixture or a part.
func testConcurrent(t *testing.T, st object.Store) {
	ctx := background(t)
	value := func(n int) []byte { return bytes.Repeat([]byte{byte('a' + n)}, 1000*(n+1)) }
	require.NoError(t, st.Put(ctx, "shared/k", value(0), ""))
	var group sync.WaitGroup
	failures := make(chan error, 64)
	for n := range 8 {
		group.Go(func() {
			for range 5 {
				if err := st.Put(ctx, "shared/k", value(n), ""); err != nil {
					failures <- err
				}
				got, err := st.Get(ctx, "shared/k")
				if err != nil {
					failures <- err
				} else if len(got) == 0 || !bytes.Equal(got, value(int(got[0]-'a'))) {
					failures <- fmt.Errorf("%d bytes that nobody has put", len(got))
				}
				own := fmt.Sprintf("own/%d/k", n)
				if err := errors.Join(st.Put(ctx, own, value(n), ""), st.Delete(ctx, own)); err != nil {
					failures <- err
				}
			}
		})
	}
	group.Wait()
	close(failures)
	for err := range failures {
		require.NoError(t, err)
	}
	require.NoError(t, st.List(ctx, "own/", func(i object.Info) error { return errors.New(i.Key + " was deleted") }))
}

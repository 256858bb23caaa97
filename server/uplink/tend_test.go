package uplink

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/deletion"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/store"
	"github.com/binside/binside/server/store/object"
)

// keeper is a station whose uplink is not started: the test tends by hand.
type keeper struct {
	t       *testing.T
	u       *Uplink
	store   *store.Store
	objects *object.Local
	n       int
}

const pictureBytes = 20_000

func newKeeper(t *testing.T, maxBytes int64) *keeper {
	t.Helper()
	l := newLiar(t)
	cfg := l.config(t)
	cfg.MaxBytes = maxBytes
	u, err := New(cfg)
	require.NoError(t, err)
	t.Cleanup(u.Close)
	k := &keeper{t: t, u: u}
	k.store, k.objects = records(t, u.Mark)
	u.deps = Deps{Store: k.store, Objects: k.objects, Deletions: deletions(t, k.store)}
	return k
}

// decides stores an inspection with one picture.
func (k *keeper) decides(v verdict.Verdict, handed bool) string {
	k.t.Helper()
	k.n++
	id := uuid.Must(uuid.NewV7()).String()
	data := bytes.Repeat([]byte{byte(k.n)}, pictureBytes)
	sum := sha256.Sum256(data)
	key := fmt.Sprintf("evidence/%s-0.jpg", id)
	require.NoError(k.t, k.objects.Put(k.t.Context(), key, data, "image/jpeg"))
	now := time.Now().UTC()
	i := &inspection.Inspection{
		ID: id, StationID: "gate", BinID: "bin", CapturedAt: now, ReceivedAt: now, DecidedAt: now, Verdict: v,
		Evidence: []inspection.Evidence{{Key: key, SHA256: hex.EncodeToString(sum[:]), Bytes: len(data), Width: 1, Height: 1}},
	}
	_, err := k.store.SaveInspection(k.t.Context(), i)
	require.NoError(k.t, err)
	if handed {
		require.NoError(k.t, k.store.Acknowledge(k.t.Context(), id, 1, now))
	}
	return id
}

// has reports whether the record and its picture are there.
func (k *keeper) has(id string) (record, picture bool) {
	k.t.Helper()
	i, err := k.store.GetInspection(k.t.Context(), id)
	if err != nil {
		require.ErrorIs(k.t, err, store.ErrNotFound)
		return false, false
	}
	_, err = k.objects.Stat(k.t.Context(), i.Evidence[0].Key)
	require.Equal(k.t, i.Evidence[0].DeletedAt == nil, err == nil, "record and disk agree")
	return true, err == nil
}

// With less and less room what the server has goes first, then passes, and a
// flag that the server lacks never does.
func TestWhatGoesFirst(t *testing.T) {
	const one = pictureBytes + store.RecordBytes
	type left struct{ record, picture bool }
	all, bare, gone := left{true, true}, left{true, false}, left{false, false}
	for name, c := range map[string]struct {
		room                                                  int64
		handedPass, handedFlag, waitingPass, unreadable, flag left
	}{
		"room for all":           {5 * one, all, all, all, all, all},
		"one picture less":       {5*one - 1, bare, all, all, all, all},
		"one pass less":          {4 * one, gone, all, all, all, all},
		"one more picture":       {4*one - 1, gone, bare, all, all, all},
		"all that was handed in": {3 * one, gone, gone, all, all, all},
		"a waiting picture":      {3*one - 1, gone, gone, bare, all, all},
		"what nobody could read": {3*one - pictureBytes - 1, gone, gone, bare, bare, all},
		"a whole pass":           {one + 2*store.RecordBytes - 1, gone, gone, gone, bare, all},
		"no room for what stays": {1, gone, gone, gone, bare, all},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKeeper(t, c.room)
			ids := []string{
				k.decides(verdict.Pass, true), k.decides(verdict.Check, true), k.decides(verdict.Pass, false),
				k.decides(verdict.Unreadable, false), k.decides(verdict.Tell, false),
			}
			require.NoError(t, k.u.tend(t.Context()))
			unlogged, err := k.store.UnloggedDeletions(t.Context())
			require.NoError(t, err)
			require.Zero(t, unlogged)
			for n, want := range []left{c.handedPass, c.handedFlag, c.waitingPass, c.unreadable, c.flag} {
				record, picture := k.has(ids[n])
				require.Equal(t, want, left{record, picture}, "number %d", n)
			}
			s := k.u.Status()
			require.Equal(t, c.room == 1, s.Disk.Full)
			require.Equal(t, c.waitingPass == gone, s.Disk.DroppedPasses == 1)
			require.Equal(t, c.waitingPass != all, s.Disk.DroppedPictures > 0)
			require.EqualValues(t, 1, s.Backlog.Flagged)
		})
	}
}

// With nothing but flags left, new passes are not kept, the oldest flags stay,
// and that is said; when the server takes them there is room again.
func TestFullStationKeepsFlags(t *testing.T) {
	k := newKeeper(t, 10*(pictureBytes+store.RecordBytes))
	var flags []string
	for range 30 {
		flags = append(flags, k.decides(verdict.Tell, false))
		k.decides(verdict.Pass, false)
		require.NoError(t, k.u.tend(t.Context()))
	}
	for _, id := range flags {
		record, picture := k.has(id)
		require.True(t, record && picture)
	}
	s := k.u.Status()
	require.True(t, s.Disk.Full)
	require.EqualValues(t, 30, s.Disk.DroppedPasses)
	require.EqualValues(t, 30, s.Backlog.Inspections)
	for _, id := range flags {
		require.NoError(t, k.store.Acknowledge(t.Context(), id, 1, time.Now()))
	}
	require.NoError(t, k.u.tend(t.Context()))
	s = k.u.Status()
	require.False(t, s.Disk.Full)
	require.LessOrEqual(t, s.Disk.Bytes, s.Disk.MaxBytes)
}

// What the server has had for long enough goes, and nothing of what it lacks.
func TestHandedInGoesAfterAWhile(t *testing.T) {
	k := newKeeper(t, 1<<30)
	handed, waiting := k.decides(verdict.Tell, true), k.decides(verdict.Pass, false)
	require.NoError(t, k.u.tend(t.Context()))
	record, _ := k.has(handed)
	require.True(t, record)
	wall := time.Now().Add(25 * time.Hour)
	k.u.cfg.Clock.Wall = func() time.Time { return wall }
	require.NoError(t, k.u.tend(t.Context()))
	record, _ = k.has(handed)
	require.False(t, record)
	record, picture := k.has(waiting)
	require.True(t, record && picture)
	require.NoError(t, k.objects.List(context.Background(), "", func(i object.Info) error {
		require.Contains(t, i.Key, waiting)
		return nil
	}))
}

func TestBackoffIsSpread(t *testing.T) {
	for n := range 40 {
		d := backoff(n, 30*time.Second)
		require.LessOrEqual(t, d, 30*time.Second)
		require.GreaterOrEqual(t, d, 125*time.Millisecond)
	}
	require.GreaterOrEqual(t, backoff(39, 30*time.Second), 15*time.Second)
}

// deletions is a signed log in the records.
func deletions(t *testing.T, st *store.Store) *deletion.Log {
	t.Helper()
	signer, err := deletion.NewSigner(make([]byte, 32))
	require.NoError(t, err)
	return deletion.NewLog(st, signer)
}

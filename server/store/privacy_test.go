package store_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/server/deletion"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/store"
	"github.com/binside/binside/server/store/storetest"
)

func newSigner(seed byte) *deletion.Signer {
	s, err := deletion.NewSigner(bytes.Repeat([]byte{seed}, 32))
	if err != nil {
		panic(err)
	}
	return s
}

// gone is the log's entry for a deleted image.
func gone(i *inspection.Inspection, ordinal int, at time.Time) deletion.Entry {
	e := i.Evidence[ordinal]
	return deletion.Entry{
		At: at, Reason: deletion.Retention(string(i.Verdict)), Key: e.Key, SHA256: e.SHA256, InspectionID: i.ID, Ordinal: ordinal,
	}
}

// verified checks a store's whole log and returns its entries.
func verified(t *testing.T, st *store.Store, keys ...deletion.PublicKey) []deletion.Entry {
	t.Helper()
	ctx := ctxOf(t)
	head, known, err := st.DeletionState(ctx)
	require.NoError(t, err)
	if keys == nil {
		keys = known
	}
	v, err := deletion.NewVerifier(keys, nil)
	require.NoError(t, err)
	var all []deletion.Entry
	require.NoError(t, st.EachDeletion(ctx, head.Seq, func(e deletion.Entry) error {
		all = append(all, e)
		return v.Add(e)
	}))
	last, err := v.End()
	require.NoError(t, err)
	require.Equal(t, head, last)
	n, err := st.UnloggedDeletions(ctx)
	require.NoError(t, err)
	require.Zero(t, n)
	return all
}

func TestDeletionLog(t *testing.T) { onBoth(t, testDeletionLog) }

func testDeletionLog(t *testing.T, st *store.Store) {
	ctx := ctxOf(t)
	require.Empty(t, verified(t, st))
	a, b := newInspection(), newInspection()
	save(t, st, a)
	save(t, st, b)
	now := epoch.Add(48*time.Hour + 123*time.Microsecond)
	signer := newSigner(1)
	require.NoError(t, st.LogDeletions(ctx, signer))
	require.NoError(t, st.LogDeletions(ctx, signer))
	require.Len(t, verified(t, st), 1, "it begins once")
	require.NoError(t, st.LogDeletions(ctx, signer, gone(a, 0, now), gone(a, 1, now)))
	// A second process, whose round brought the same image.
	require.NoError(t, st.LogDeletions(ctx, newSigner(2), gone(a, 1, now.Add(time.Hour)), gone(b, 0, now)))
	orphan := deletion.Entry{At: now, Reason: deletion.Orphan, Key: "evidence/x.jpg", SHA256: "cc", InspectionID: "x", Ordinal: deletion.NoOrdinal}
	require.NoError(t, st.LogDeletions(ctx, signer, orphan))

	log := verified(t, st, signer.Public(), newSigner(2).Public())
	require.Len(t, log, 5)
	require.Equal(t, deletion.Begun, log[0].Reason)
	require.Equal(t, "retention:tell", log[1].Reason)
	require.Equal(t, []any{a.ID, 1, a.Evidence[1].Key, "bb", now}, []any{log[2].InspectionID, log[2].Ordinal, log[2].Key, log[2].SHA256, log[2].At})
	require.Equal(t, newSigner(2).Public().ID, log[3].KeyID)
	require.Equal(t, b.ID, log[3].InspectionID)
	require.Equal(t, deletion.Orphan, log[4].Reason)
	got, err := st.GetInspection(ctx, a.ID)
	require.NoError(t, err)
	require.Equal(t, &now, got.Evidence[1].DeletedAt, "who came second changes nothing")

	page, next, err := st.ListDeletions(ctx, "", 3)
	require.NoError(t, err)
	require.Equal(t, []deletion.Entry{log[4], log[3], log[2]}, page)
	rest, next, err := st.ListDeletions(ctx, next, 3)
	require.NoError(t, err)
	require.Equal(t, []deletion.Entry{log[1], log[0]}, rest)
	require.Empty(t, next)
	_, _, err = st.ListDeletions(ctx, "x", 3)
	require.ErrorIs(t, err, store.ErrInvalid)

	// Evidence that somebody marked as deleted past the log.
	c := newInspection()
	past := now.Add(time.Hour)
	c.Evidence[0].DeletedAt = &past
	save(t, st, c)
	n, err := st.UnloggedDeletions(ctx)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
}

// Processes that delete at once make one chain.
func TestDeletionsOfManyProcessesAreOneChain(t *testing.T) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": sqliteURL, "postgres": storetest.PostgresURL} {
		t.Run(name, func(t *testing.T) {
			url := url(t)
			first := open(t, url)
			var deposits []*inspection.Inspection
			for range 12 {
				i := newInspection()
				save(t, first, i)
				deposits = append(deposits, i)
			}
			now := epoch.Add(48 * time.Hour)
			var group sync.WaitGroup
			errs := make(chan error, 3*2*len(deposits))
			for p := range 3 {
				st, signer := open(t, url), newSigner(byte(p))
				for _, i := range deposits { // all processes try all of them
					group.Go(func() {
						for ordinal := range 2 {
							errs <- st.LogDeletions(context.Background(), signer, gone(i, ordinal, now))
						}
					})
				}
			}
			group.Wait()
			close(errs)
			for err := range errs {
				require.NoError(t, err)
			}
			require.Len(t, verified(t, first), 1+2*len(deposits), "every image once")
		})
	}
}

func TestAccesses(t *testing.T) { onBoth(t, testAccesses) }

func testAccesses(t *testing.T, st *store.Store) {
	ctx := ctxOf(t)
	for n := range 7 {
		a := store.CameraAccess{CameraID: fmt.Sprint("cam", n%2), StationID: "north", PrincipalID: "p", PrincipalName: "李", PrincipalKind: "session"}
		require.NoError(t, st.LogAccess(ctx, &a))
		require.EqualValues(t, n+1, a.Seq)
		require.False(t, a.At.IsZero())
	}
	page, next, err := st.ListAccesses(ctx, "", "", 5)
	require.NoError(t, err)
	require.Len(t, page, 5)
	require.EqualValues(t, 7, page[0].Seq)
	require.Equal(t, []string{"cam0", "north", "p", "李", "session"},
		[]string{page[0].CameraID, page[0].StationID, page[0].PrincipalID, page[0].PrincipalName, page[0].PrincipalKind})
	page, next, err = st.ListAccesses(ctx, "", next, 5)
	require.NoError(t, err)
	require.Len(t, page, 2)
	require.Empty(t, next)
	page, _, err = st.ListAccesses(ctx, "cam1", "", 50)
	require.NoError(t, err)
	require.Len(t, page, 3)
	_, _, err = st.ListAccesses(ctx, "", strings.Repeat("9", 30), 5)
	require.ErrorIs(t, err, store.ErrInvalid)
}

package store_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store"
	"github.com/binside/binside/server/store/storetest"
)

func TestTokens(t *testing.T) { onBoth(t, testTokens) }

func testTokens(t *testing.T, st *store.Store) {
	ctx := ctxOf(t)
	expires := epoch.Add(time.Hour)
	token := store.Token{Name: "gate", Scopes: []string{"station:north", "read"}, ExpiresAt: &expires}
	require.NoError(t, st.CreateToken(ctx, &token, "hash-1"))
	require.NotEmpty(t, token.ID)
	require.ErrorIs(t, st.CreateToken(ctx, &store.Token{Name: "twin"}, "hash-1"), store.ErrConflict)

	got, err := st.TokenByHash(ctx, "hash-1", epoch)
	require.NoError(t, err)
	require.Equal(t, token, got)
	_, err = st.TokenByHash(ctx, "hash-1", expires)
	require.ErrorIs(t, err, store.ErrNotFound, "expired")
	_, err = st.TokenByHash(ctx, "hash-2", epoch)
	require.ErrorIs(t, err, store.ErrNotFound)

	require.NoError(t, st.TouchToken(ctx, token.ID, epoch.Add(time.Minute)))
	require.NoError(t, st.TouchToken(ctx, token.ID, epoch))
	got, err = st.GetToken(ctx, token.ID)
	require.NoError(t, err)
	require.Equal(t, epoch.Add(time.Minute), *got.LastUsedAt)

	require.NoError(t, st.RevokeToken(ctx, token.ID, epoch.Add(2*time.Minute)))
	require.NoError(t, st.RevokeToken(ctx, token.ID, epoch.Add(3*time.Minute)))
	require.ErrorIs(t, st.RevokeToken(ctx, "none", epoch), store.ErrNotFound)
	_, err = st.TokenByHash(ctx, "hash-1", epoch)
	require.ErrorIs(t, err, store.ErrNotFound, "revoked")
	list, next, err := st.ListTokens(ctx, "", 10)
	require.NoError(t, err)
	require.Empty(t, next)
	require.Len(t, list, 1)
	require.Equal(t, epoch.Add(2*time.Minute), *list[0].RevokedAt)
}

func TestSessionsAndLinks(t *testing.T) { onBoth(t, testSessionsAndLinks) }

func testSessionsAndLinks(t *testing.T, st *store.Store) {
	ctx := ctxOf(t)
	session := store.Session{User: "admin", Scopes: []string{"admin"}, CreatedAt: epoch, ExpiresAt: epoch.Add(time.Hour)}
	require.NoError(t, st.CreateSession(ctx, "s", session))
	got, err := st.SessionByHash(ctx, "s", epoch)
	require.NoError(t, err)
	require.Equal(t, session, got)
	_, err = st.SessionByHash(ctx, "s", session.ExpiresAt)
	require.ErrorIs(t, err, store.ErrNotFound)
	require.NoError(t, st.DeleteSession(ctx, "s"))
	require.NoError(t, st.DeleteSession(ctx, "s"))
	_, err = st.SessionByHash(ctx, "s", epoch)
	require.ErrorIs(t, err, store.ErrNotFound)

	link := store.Link(session)
	require.NoError(t, st.CreateLink(ctx, "l", link))
	_, err = st.ConsumeLink(ctx, "l", link.ExpiresAt)
	require.ErrorIs(t, err, store.ErrNotFound, "expired")
	var wins atomic.Int64
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			if used, err := st.ConsumeLink(ctx, "l", epoch); err == nil && used.User == "admin" {
				wins.Add(1)
			}
		})
	}
	group.Wait()
	require.EqualValues(t, 1, wins.Load())

	require.NoError(t, st.CreateSession(ctx, "old", session))
	require.NoError(t, st.PurgeAccess(ctx, session.ExpiresAt))
	require.NoError(t, st.CreateSession(ctx, "old", session), "the expired one was purged")
	require.NoError(t, st.CreateLink(ctx, "l", link), "the used one was purged")

	value, created, err := st.Setting(ctx, "key", "one")
	require.NoError(t, err)
	require.True(t, created)
	require.Equal(t, "one", value)
	value, created, err = st.Setting(ctx, "key", "two")
	require.NoError(t, err)
	require.False(t, created)
	require.Equal(t, "one", value)
}

func TestIdempotency(t *testing.T) { onBoth(t, testIdempotency) }

func testIdempotency(t *testing.T, st *store.Store) {
	ctx := ctxOf(t)
	var (
		group sync.WaitGroup
		ids   sync.Map
	)
	for n := range 16 {
		group.Go(func() {
			id, same, err := st.ClaimIdempotency(ctx, "blue", "k", "hash", fmt.Sprint("deposit-", n))
			if err != nil || !same {
				id = fmt.Sprint(id, same, err)
			}
			ids.Store(id, true)
		})
	}
	group.Wait()
	var winners []string
	ids.Range(func(id, _ any) bool { winners = append(winners, id.(string)); return true })
	require.Len(t, winners, 1, "all claims get one deposit")
	id, same, err := st.ClaimIdempotency(ctx, "blue", "k", "other", "new")
	require.NoError(t, err)
	require.False(t, same)
	require.Equal(t, winners[0], id)
	id, same, err = st.ClaimIdempotency(ctx, "green", "k", "hash", "of-green")
	require.NoError(t, err)
	require.True(t, same)
	require.Equal(t, "of-green", id)
	n, err := st.PurgeIdempotency(ctx, epoch.Add(time.Hour))
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
}

func TestIdempotencyExpires(t *testing.T) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": sqliteURL, "postgres": storetest.PostgresURL} {
		t.Run(name, func(t *testing.T) {
			now := epoch
			st, err := store.Open(ctxOf(t), url(t), store.Options{Now: func() time.Time { return now }})
			require.NoError(t, err)
			defer st.Close()
			claim := func(id string) string {
				got, same, err := st.ClaimIdempotency(ctxOf(t), "blue", "k", "hash", id)
				require.NoError(t, err)
				require.True(t, same)
				return got
			}
			require.Equal(t, "one", claim("one"))
			now = now.Add(store.IdempotencyLife)
			require.Equal(t, "one", claim("two"))
			now = now.Add(time.Microsecond)
			require.Equal(t, "three", claim("three"))
		})
	}
}

func TestSameInspectionAtOnce(t *testing.T) { onBoth(t, testSameInspectionAtOnce) }

func testSameInspectionAtOnce(t *testing.T, st *store.Store) {
	ctx := ctxOf(t)
	const writers, rounds = 16, 8
	for range rounds {
		first := newInspection()
		var (
			group sync.WaitGroup
			made  atomic.Int64
			seqs  sync.Map
		)
		for range writers {
			group.Go(func() {
				i := *first
				created, err := st.SaveInspection(ctx, &i)
				if err != nil {
					seqs.Store(err.Error(), true)
				}
				if created {
					made.Add(1)
				}
				seqs.Store(i.Seq, true)
			})
		}
		group.Wait()
		var distinct []any
		seqs.Range(func(k, _ any) bool { distinct = append(distinct, k); return true })
		require.EqualValues(t, 1, made.Load())
		require.Len(t, distinct, 1, "%v", distinct)
	}
	last, err := st.LastSeq(ctx)
	require.NoError(t, err)
	require.EqualValues(t, rounds, last)
}

func TestSeqFollowsCommits(t *testing.T) { onBoth(t, testSeqFollowsCommits) }

// testSeqFollowsCommits reads while 8 writers save: a reader that resumes
// after the last number it has seen must miss nothing.
func testSeqFollowsCommits(t *testing.T, st *store.Store) {
	ctx := ctxOf(t)
	const writers, each = 8, 25
	var group sync.WaitGroup
	failed := make(chan error, writers*each)
	for range writers {
		group.Go(func() {
			for range each {
				if _, err := st.SaveInspection(ctx, &inspection.Inspection{ID: uuid.NewString()}); err != nil {
					failed <- err
				}
			}
		})
	}
	var last int64 = -1
	next := int64(1)
	for next <= writers*each && ctx.Err() == nil && len(failed) == 0 {
		items, err := st.ListInspections(ctx, inspection.Filter{AfterSeq: last, Limit: 200})
		require.NoError(t, err)
		for _, i := range items {
			require.Equal(t, next, i.Seq, "a gap that was filled later")
			next++
			last = i.Seq
		}
	}
	group.Wait()
	close(failed)
	for err := range failed {
		require.NoError(t, err)
	}
	require.EqualValues(t, writers*each+1, next)
}

func TestOpen(t *testing.T) {
	for _, url := range []string{"", "mysql://x", "sqlite:", "sqlite::memory:", "postgres://%zz"} {
		_, err := store.Open(ctxOf(t), url, store.Options{})
		require.ErrorIs(t, err, store.ErrInvalid, url)
	}
	_, err := store.Open(ctxOf(t), "postgres://u:very-secret@127.0.0.1:1/db?connect_timeout=2", store.Options{})
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.NotContains(t, err.Error(), "very-secret")
	_, err = store.Open(ctxOf(t), "sqlite:/dev/null/x.db", store.Options{})
	require.ErrorIs(t, err, store.ErrUnavailable)
}

func TestOpenTogether(t *testing.T) {
	for name, url := range map[string]string{"sqlite": sqliteURL(t), "postgres": ""} {
		t.Run(name, func(t *testing.T) {
			if url == "" {
				url = storetest.PostgresURL(t)
			}
			errs := make(chan error, 4)
			for range cap(errs) {
				go func() {
					st, err := store.Open(context.Background(), url, store.Options{})
					if err == nil {
						err = st.Close()
					}
					errs <- err
				}()
			}
			for range cap(errs) {
				require.NoError(t, <-errs)
			}
		})
	}
}

func TestClosed(t *testing.T) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": sqliteURL, "postgres": storetest.PostgresURL} {
		t.Run(name, func(t *testing.T) {
			st, err := store.Open(ctxOf(t), url(t), store.Options{})
			require.NoError(t, err)
			require.NoError(t, st.Close())
			_, err = st.SaveInspection(ctxOf(t), newInspection())
			require.ErrorIs(t, err, store.ErrUnavailable)
			_, err = st.GetStation(ctxOf(t), "x")
			require.ErrorIs(t, err, store.ErrUnavailable)
		})
	}
}

func TestCancelled(t *testing.T) {
	onBoth(t, func(t *testing.T, st *store.Store) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		err := st.CreateStation(ctx, &station.Station{ID: "x"})
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, store.ErrUnavailable)
		_, err = st.GetStation(ctxOf(t), "x")
		require.ErrorIs(t, err, store.ErrNotFound)
	})
}

func TestPostgresGoesAway(t *testing.T) {
	server := storetest.NewPostgres(t)
	st := open(t, server.URL("postgres"))
	save(t, st, newInspection())
	require.NoError(t, server.Stop())
	i := newInspection()
	_, err := st.SaveInspection(ctxOf(t), i)
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.ErrorIs(t, st.Ping(ctxOf(t)), store.ErrUnavailable)
	require.NoError(t, server.Start())
	require.Eventually(t, func() bool {
		_, err := st.SaveInspection(ctxOf(t), i)
		return err == nil
	}, time.Minute, 50*time.Millisecond)
	require.EqualValues(t, 2, i.Seq)
}

func TestTokensNaming(t *testing.T) { onBoth(t, testTokensNaming) }

func testTokensNaming(t *testing.T, st *store.Store) {
	ctx := ctxOf(t)
	for n, scopes := range [][]string{{"screen:gate"}, {"read", "camera:cam"}, {"listen:gate-2"}, {"listen:agate"}, {"admin"}, {"agent:gate"}, {"station:gate"}} {
		ended := epoch.Add(time.Duration(n) * time.Hour)
		tok := &store.Token{ID: string(rune('a' + n)), Scopes: scopes, CreatedAt: epoch}
		switch n {
		case 5:
			tok.RevokedAt = &ended
		case 6:
			tok.ExpiresAt = &ended
		}
		require.NoError(t, st.CreateToken(ctx, tok, tok.ID))
	}
	ids := func(since time.Time, names ...string) (out []string) {
		tokens, err := st.TokensNaming(ctx, names, since)
		require.NoError(t, err)
		for _, tok := range tokens {
			out = append(out, tok.ID)
		}
		return out
	}
	require.Equal(t, []string{"a", "b", "f", "g"}, ids(epoch, "gate", "cam"))
	require.Equal(t, []string{"a", "g"}, ids(epoch.Add(5*time.Hour+time.Minute), "gate"))
	require.Equal(t, []string{"c"}, ids(epoch, "gate-2"))
	require.Empty(t, ids(epoch, "nowhere"))
}

package auth

import (
	"bytes"
	"log/slog"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/server/store"
)

// clock is a clock that tests move.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC).UnixNano())
	return c
}
func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

func newService(t *testing.T) (*Service, *clock, *bytes.Buffer, *store.Store) {
	t.Helper()
	c := newClock()
	st, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "t.db"), store.Options{Now: c.now})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	var log bytes.Buffer
	s, err := New(st, slog.New(slog.NewTextHandler(&log, nil)), c.now)
	require.NoError(t, err)
	return s, c, &log, st
}

func TestTokenLife(t *testing.T) {
	s, c, log, st := newService(t)
	ctx := t.Context()
	tok, text, err := s.IssueToken(ctx, "door", []Scope{ForCamera("cam")}, c.now().Add(time.Hour), "root")
	require.NoError(t, err)
	require.Regexp(t, `^bin_[a-z2-7]{16}_[A-Za-z0-9_-]{43}$`, text)

	p, err := s.CheckToken(ctx, text)
	require.NoError(t, err)
	require.Equal(t, &Principal{ID: tok.ID, Name: "door", Kind: ByToken, Scopes: []Scope{"camera:cam"}}, p)
	require.True(t, s.Known(text))

	id, secret, _ := strings.Cut(strings.TrimPrefix(text, "bin_"), "_")
	for _, bad := range []string{
		"", "bin_", text + "x", text[:len(text)-1], "bin_other_" + secret, "bin_" + id + "_" + strings.Repeat("a", 43), "x" + text, secret,
	} {
		_, err := s.CheckToken(ctx, bad)
		require.ErrorIs(t, err, ErrRefused, "%q", bad)
	}
	require.NotContains(t, log.String(), secret)
	got, err := st.GetToken(ctx, tok.ID)
	require.NoError(t, err)
	require.NotNil(t, got.LastUsedAt)

	c.advance(time.Hour)
	_, err = s.CheckToken(ctx, text)
	require.ErrorIs(t, err, ErrRefused, "expired, though the cache knew it")

	_, _, err = s.IssueToken(ctx, "late", []Scope{Read}, c.now().Add(-time.Second), "root")
	require.ErrorIs(t, err, ErrExpiry)
}

func TestRevocationIsAtOnce(t *testing.T) {
	s, c, _, st := newService(t)
	ctx := t.Context()
	tok, text, err := s.IssueToken(ctx, "a", []Scope{Read}, time.Time{}, "root")
	require.NoError(t, err)
	_, err = s.CheckToken(ctx, text)
	require.NoError(t, err)
	var ended []string
	s.OnEnd(func(id string) { ended = append(ended, id) })
	require.NoError(t, s.Stands(ctx, tok.ID))
	require.NoError(t, s.RevokeToken(ctx, tok.ID, "root"))
	require.Equal(t, []string{tok.ID}, ended)
	require.ErrorIs(t, s.Stands(ctx, tok.ID), ErrRefused)
	_, err = s.CheckToken(ctx, text)
	require.ErrorIs(t, err, ErrRefused)
	require.ErrorIs(t, s.RevokeToken(ctx, "unknown", "root"), store.ErrNotFound)

	// By another process: within the cache's two seconds.
	tok, text, err = s.IssueToken(ctx, "b", []Scope{Read}, time.Time{}, "root")
	require.NoError(t, err)
	_, err = s.CheckToken(ctx, text)
	require.NoError(t, err)
	require.NoError(t, st.RevokeToken(ctx, tok.ID, c.now()))
	c.advance(cacheLife + time.Millisecond)
	_, err = s.CheckToken(ctx, text)
	require.ErrorIs(t, err, ErrRefused)
	require.False(t, s.Known(text))
	require.ErrorIs(t, s.Stands(ctx, tok.ID), ErrRefused)
	require.ErrorIs(t, s.Stands(ctx, "unknown"), ErrRefused)

	tok, _, err = s.IssueToken(ctx, "c", []Scope{Read}, c.now().Add(time.Minute), "root")
	require.NoError(t, err)
	require.NoError(t, s.Stands(ctx, tok.ID))
	c.advance(time.Minute)
	require.ErrorIs(t, s.Stands(ctx, tok.ID), ErrRefused, "expired")
}

func TestStoreAwayIsNoRefusal(t *testing.T) {
	s, _, _, st := newService(t)
	_, text, err := s.IssueToken(t.Context(), "a", []Scope{Read}, time.Time{}, "root")
	require.NoError(t, err)
	require.NoError(t, st.Close())
	_, err = s.CheckToken(t.Context(), text)
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.NotErrorIs(t, err, ErrRefused)
}

func TestLinkWorksOnce(t *testing.T) {
	s, c, log, _ := newService(t)
	ctx := t.Context()
	code, err := s.IssueLink(ctx, "operator", []Scope{Admin})
	require.NoError(t, err)

	var entered atomic.Int32
	var secret atomic.Value
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if _, sec, err := s.Enter(ctx, code); err == nil {
				entered.Add(1)
				secret.Store(sec)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 1, entered.Load())

	sec, _ := secret.Load().(string)
	p, until, err := s.CheckSession(ctx, sec)
	require.NoError(t, err)
	require.Equal(t, "operator", p.Name)
	require.Equal(t, BySession, p.Kind)
	require.True(t, p.Can(Manage, Resource{}))
	require.Equal(t, c.now().Add(SessionLife), until)
	require.NotContains(t, log.String(), sec)
	require.NotContains(t, log.String(), code)

	c.advance(SessionLife)
	_, _, err = s.CheckSession(ctx, sec)
	require.ErrorIs(t, err, ErrRefused)
}

func TestLinkExpiresAndSessionEnds(t *testing.T) {
	s, c, _, _ := newService(t)
	ctx := t.Context()
	code, err := s.IssueLink(ctx, "operator", []Scope{Read})
	require.NoError(t, err)
	c.advance(LinkLife)
	_, _, err = s.Enter(ctx, code)
	require.ErrorIs(t, err, ErrRefused)

	code, err = s.IssueLink(ctx, "operator", []Scope{Read})
	require.NoError(t, err)
	_, sec, err := s.Enter(ctx, code)
	require.NoError(t, err)
	_, _, err = s.CheckSession(ctx, sec)
	require.NoError(t, err)
	var ended []string
	s.OnEnd(func(id string) { ended = append(ended, id) })
	p, _, err := s.CheckSession(ctx, sec)
	require.NoError(t, err)
	require.NoError(t, s.Leave(ctx, sec))
	require.Equal(t, []string{p.ID}, ended)
	_, _, err = s.CheckSession(ctx, sec)
	require.ErrorIs(t, err, ErrRefused)
	require.NoError(t, s.Leave(ctx, sec))
	for _, bad := range []string{"", "short", strings.Repeat("x", 1000)} {
		_, _, err = s.CheckSession(ctx, bad)
		require.ErrorIs(t, err, ErrRefused)
		_, _, err = s.Enter(ctx, bad)
		require.ErrorIs(t, err, ErrRefused)
	}
}

func TestSigner(t *testing.T) {
	c := newClock()
	_, err := NewSigner(make([]byte, 16), c.now)
	require.Error(t, err)
	key := bytes.Repeat([]byte{7}, 32)
	s, err := NewSigner(key, c.now)
	require.NoError(t, err)
	link := s.Sign("/a/b", 5*time.Minute)
	require.Equal(t, link, s.Sign("/a/b", 5*time.Minute), "the same within a minute")
	path, query, _ := strings.Cut(link, "?")
	values := strings.Split(query, "&")
	expires, signature := strings.TrimPrefix(values[0], "expires="), strings.TrimPrefix(values[1], "signature=")

	until, err := s.Check(path, expires, signature)
	require.NoError(t, err)
	require.False(t, until.Before(c.now().Add(5*time.Minute)))
	for _, bad := range [][3]string{
		{"/a/c", expires, signature}, {path, expires + "0", signature}, {path, expires, signature + "A"}, {path, "x", signature}, {path, expires, ""},
	} {
		_, err := s.Check(bad[0], bad[1], bad[2])
		require.ErrorIs(t, err, ErrBadSignature, "%q", bad)
	}
	other, err := NewSigner(bytes.Repeat([]byte{8}, 32), c.now)
	require.NoError(t, err)
	_, err = other.Check(path, expires, signature)
	require.ErrorIs(t, err, ErrBadSignature)
	c.advance(7 * time.Minute)
	_, err = s.Check(path, expires, signature)
	require.ErrorIs(t, err, ErrLinkExpired)
}

func TestLimiter(t *testing.T) {
	c := newClock()
	l, err := NewLimiter(c.now)
	require.NoError(t, err)
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	for range failureBurst {
		_, exhausted := l.Exhausted(a)
		require.False(t, exhausted)
		l.Failed(a)
	}
	wait, exhausted := l.Exhausted(a)
	require.True(t, exhausted)
	require.Positive(t, wait)
	require.LessOrEqual(t, wait, failureInterval)
	_, exhausted = l.Exhausted(b)
	require.False(t, exhausted, "another address has its own budget")
	_, exhausted = l.Exhausted(netip.MustParseAddr("::ffff:192.0.2.1"))
	require.True(t, exhausted, "the same address in its other form")
	c.advance(failureInterval + time.Millisecond)
	_, exhausted = l.Exhausted(a)
	require.False(t, exhausted)

	for i := range failureBurst {
		l.Failed(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: byte(i)}))
	}
	_, exhausted = l.Exhausted(netip.MustParseAddr("2001:db8::ffff"))
	require.True(t, exhausted, "one IPv6 subscriber is one address")
	l.Failed(netip.Addr{})
}

func TestSameOrigin(t *testing.T) {
	for _, c := range []struct {
		site, origin, host string
		want               bool
	}{
		{"same-origin", "", "h:1", true},
		{"same-origin", "http://evil", "h:1", true}, // the browser's word is the stronger one
		{"same-site", "http://h:1", "h:1", false},
		{"cross-site", "http://h:1", "h:1", false},
		{"none", "", "h:1", false},
		{"", "http://h:1", "h:1", true},
		{"", "https://H:1", "h:1", true},
		{"", "http://h:2", "h:1", false},
		{"", "http://h.evil:1", "h:1", false},
		{"", "null", "h:1", false},
		{"", "", "h:1", false},
		{"", "://", "", false},
	} {
		require.Equal(t, c.want, SameOrigin(c.site, c.origin, c.host), "%+v", c)
	}
}

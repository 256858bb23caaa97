package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/binside/binside/server/store"
)

// Store keeps tokens, sessions and links under the SHA-256 of their secrets;
// see server/store for the meaning of each call. What is not there, has
// expired or is used up is store.ErrNotFound.
type Store interface {
	CreateToken(ctx context.Context, t *store.Token, hash string) error
	TokenByHash(ctx context.Context, hash string, now time.Time) (store.Token, error)
	ListTokens(ctx context.Context, after string, limit int) (items []store.Token, next string, err error)
	RevokeToken(ctx context.Context, id string, now time.Time) error
	TouchToken(ctx context.Context, id string, now time.Time) error
	GetToken(ctx context.Context, id string) (store.Token, error)

	CreateSession(ctx context.Context, hash string, v store.Session) error
	SessionByHash(ctx context.Context, hash string, now time.Time) (store.Session, error)
	DeleteSession(ctx context.Context, hash string) error

	CreateLink(ctx context.Context, hash string, v store.Link) error
	ConsumeLink(ctx context.Context, hash string, now time.Time) (store.Link, error)
}

// ErrRefused says that the credential is unknown, expired, revoked or used up.
// It never says which, so that nothing can be learnt by trying.
var ErrRefused = errors.New("auth: credential refused")

// ErrExpiry says that a token's expiry lies in the past.
var ErrExpiry = errors.New("auth: the expiry has passed already")

// Times that the design fixes.
const (
	SessionLife = 12 * time.Hour
	LinkLife    = 15 * time.Minute
	// cacheLife is how long another process's revocation may stay unseen;
	// this process's own are seen at once.
	cacheLife = 2 * time.Second
	cacheSize = 4096
	// touchAfter is how exactly a token's last use is noted.
	touchAfter = time.Minute
)

// Service checks and issues credentials. It is safe for concurrent use and
// holds no goroutine.
type Service struct {
	store Store
	log   *slog.Logger
	now   func() time.Time
	cache *lru.Cache[Digest, cached]

	mu    sync.Mutex
	ended []func(principalID string)
}

type cached struct {
	principal *Principal
	// expires is the credential's own end, zero for none; fresh is until when
	// the entry may be used without asking the store.
	expires, fresh time.Time
}

// New returns a service over a store. now is the clock, nil for the real one.
func New(st Store, log *slog.Logger, now func() time.Time) (*Service, error) {
	if now == nil {
		now = time.Now
	}
	c, err := lru.New[Digest, cached](cacheSize)
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	return &Service{store: st, log: log, now: now, cache: c}, nil
}

// IssueToken makes a token and returns it with the text "bin_<id>_<secret>",
// which is shown once and kept nowhere. A zero expiry means until revoked.
func (s *Service) IssueToken(ctx context.Context, name string, scopes []Scope, expires time.Time, by string) (store.Token, string, error) {
	now := s.now().UTC()
	t := store.Token{ID: newID(), Name: name, CreatedAt: now}
	for _, sc := range scopes {
		t.Scopes = append(t.Scopes, string(sc))
	}
	if !expires.IsZero() {
		if !expires.After(now) {
			return store.Token{}, "", ErrExpiry
		}
		utc := expires.UTC()
		t.ExpiresAt = &utc
	}
	text := tokenPrefix + t.ID + "_" + newSecret()
	if err := s.store.CreateToken(ctx, &t, DigestOf(text).String()); err != nil {
		return store.Token{}, "", fmt.Errorf("auth: saving token %s: %w", t.ID, err)
	}
	s.log.InfoContext(ctx, "token issued", "token", t.ID, "name", name, "scopes", t.Scopes, "by", by)
	return t, text, nil
}

// Tokens lists tokens, revoked and expired ones included, from a cursor on.
func (s *Service) Tokens(ctx context.Context, after string, limit int) ([]store.Token, string, error) {
	return s.store.ListTokens(ctx, after, limit)
}

// RevokeToken ends a token at once.
func (s *Service) RevokeToken(ctx context.Context, id, by string) error {
	if err := s.store.RevokeToken(ctx, id, s.now().UTC()); err != nil {
		return fmt.Errorf("auth: revoking token %s: %w", id, err)
	}
	for _, d := range s.cache.Keys() {
		if c, ok := s.cache.Peek(d); ok && c.principal.Kind == ByToken && c.principal.ID == id {
			s.cache.Remove(d)
		}
	}
	s.end(id)
	s.log.InfoContext(ctx, "token revoked", "token", id, "by", by)
	return nil
}

// OnEnd makes f be called with the ID of every principal whose token is revoked,
// or whose session is ended, by this process: what is open in its name is to be
// closed at once. f must be quick. Of what other processes revoke, and of what
// expires, Stands tells.
func (s *Service) OnEnd(f func(principalID string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = append(s.ended, f)
}

func (s *Service) end(principalID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.ended {
		f(principalID)
	}
}

// Stands returns ErrRefused for a token that is unknown, revoked or expired,
// whoever revoked it, and nil for one that holds. Other errors: the store could
// not say.
func (s *Service) Stands(ctx context.Context, tokenID string) error {
	t, err := s.store.GetToken(ctx, tokenID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return ErrRefused
	case err != nil:
		return fmt.Errorf("auth: looking up token %s: %w", tokenID, err)
	case t.RevokedAt != nil, t.ExpiresAt != nil && !s.now().Before(*t.ExpiresAt):
		return ErrRefused
	}
	return nil
}

// Known reports whether the credential was good a short while ago: such ones
// are looked up again even where an address has used up its failures, so that
// one broken device does not lock out the others behind the same address.
func (s *Service) Known(credential string) bool { return s.cache.Contains(DigestOf(credential)) }

// CheckToken says whose token it is, or ErrRefused, or that the store could
// not say. The token is looked up by its digest: no secret is ever compared
// byte by byte.
func (s *Service) CheckToken(ctx context.Context, token string) (*Principal, error) {
	id, ok := splitToken(token)
	if !ok {
		return nil, ErrRefused
	}
	key := DigestOf(token)
	if c, ok := s.fromCache(key); ok {
		return c.principal, nil
	}
	now := s.now().UTC()
	t, err := s.store.TokenByHash(ctx, key.String(), now)
	if err != nil {
		return nil, s.refused(key, "token", err)
	}
	if !sameText(t.ID, id) {
		return nil, ErrRefused
	}
	if t.LastUsedAt == nil || now.Sub(*t.LastUsedAt) > touchAfter {
		if err := s.store.TouchToken(ctx, t.ID, now); err != nil {
			s.log.DebugContext(ctx, "a token's last use was not noted", "token", t.ID, "err", err)
		}
	}
	c := cached{
		principal: &Principal{ID: t.ID, Name: t.Name, Kind: ByToken, Scopes: scopesOf(t.Scopes)},
		fresh:     now.Add(cacheLife),
	}
	if t.ExpiresAt != nil {
		c.expires = *t.ExpiresAt
	}
	s.cache.Add(key, c)
	return c.principal, nil
}

func (s *Service) fromCache(key Digest) (cached, bool) {
	c, ok := s.cache.Get(key)
	now := s.now()
	if !ok || now.After(c.fresh) || !c.expires.IsZero() && !now.Before(c.expires) {
		return cached{}, false
	}
	return c, true
}

// refused forgets a credential that the store does not know (any more).
func (s *Service) refused(key Digest, what string, err error) error {
	if !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("auth: looking up a %s: %w", what, err)
	}
	s.cache.Remove(key)
	return ErrRefused
}

// scopesOf reads stored scopes; an unknown word among them allows nothing.
func scopesOf(words []string) []Scope {
	out := make([]Scope, len(words))
	for i, w := range words {
		out[i] = Scope(w)
	}
	return out
}

// IssueLink makes a one-time code that opens a session for the user within 15
// minutes.
func (s *Service) IssueLink(ctx context.Context, user string, scopes []Scope) (code string, err error) {
	now := s.now().UTC()
	code = newSecret()
	l := store.Link{User: user, CreatedAt: now, ExpiresAt: now.Add(LinkLife)}
	for _, sc := range scopes {
		l.Scopes = append(l.Scopes, string(sc))
	}
	if err := s.store.CreateLink(ctx, DigestOf(code).String(), l); err != nil {
		return "", fmt.Errorf("auth: saving a one-time link: %w", err)
	}
	return code, nil
}

// Enter exchanges a one-time code for a session and returns it with the
// cookie's value. A code works once, even when it comes twice at a time.
func (s *Service) Enter(ctx context.Context, code string) (store.Session, string, error) {
	if len(code) < 32 || len(code) > 128 {
		return store.Session{}, "", ErrRefused
	}
	now := s.now().UTC()
	l, err := s.store.ConsumeLink(ctx, DigestOf(code).String(), now)
	if errors.Is(err, store.ErrNotFound) {
		return store.Session{}, "", ErrRefused
	}
	if err != nil {
		return store.Session{}, "", fmt.Errorf("auth: using a one-time link: %w", err)
	}
	secret := newSecret()
	ses := store.Session{User: l.User, Scopes: l.Scopes, CreatedAt: now, ExpiresAt: now.Add(SessionLife)}
	if err := s.store.CreateSession(ctx, DigestOf(secret).String(), ses); err != nil {
		return store.Session{}, "", fmt.Errorf("auth: saving a session: %w", err)
	}
	s.log.InfoContext(ctx, "session opened", "user", ses.User, "expires", ses.ExpiresAt)
	return ses, secret, nil
}

// CheckSession says whose session a cookie's value is, and until when, or
// ErrRefused.
func (s *Service) CheckSession(ctx context.Context, secret string) (*Principal, time.Time, error) {
	if len(secret) < 32 || len(secret) > 128 {
		return nil, time.Time{}, ErrRefused
	}
	key := DigestOf(secret)
	if c, ok := s.fromCache(key); ok {
		return c.principal, c.expires, nil
	}
	now := s.now().UTC()
	ses, err := s.store.SessionByHash(ctx, key.String(), now)
	if err != nil {
		return nil, time.Time{}, s.refused(key, "session", err)
	}
	c := cached{
		principal: &Principal{ID: sessionID(key), Name: ses.User, Kind: BySession, Scopes: scopesOf(ses.Scopes)},
		expires:   ses.ExpiresAt, fresh: now.Add(cacheLife),
	}
	s.cache.Add(key, c)
	return c.principal, c.expires, nil
}

func sessionID(key Digest) string { return fmt.Sprintf("session-%x", key[:6]) }

// Leave ends a session at once.
func (s *Service) Leave(ctx context.Context, secret string) error {
	key := DigestOf(secret)
	err := s.store.DeleteSession(ctx, key.String())
	s.cache.Remove(key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("auth: ending a session: %w", err)
	}
	s.end(sessionID(key))
	return nil
}

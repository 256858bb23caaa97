package store

import (
	"context"
	"strings"
	"time"
)

// Token is a machine's or a person's lasting access. The secret itself is
// never stored: only its hash, which the caller makes and hands over as text.
type Token struct {
	ID     string
	Name   string
	Scopes []string
	// ExpiresAt is nil for a token that does not expire.
	CreatedAt  time.Time
	ExpiresAt  *time.Time
	RevokedAt  *time.Time
	LastUsedAt *time.Time
}

// Session is a browser's access after a login link was used. It is stored
// under the hash of its secret.
type Session struct {
	User      string
	Scopes    []string
	CreatedAt time.Time
	ExpiresAt time.Time
}

// Link is a login link, which works once. It is stored under the hash of its
// secret.
type Link struct {
	User      string
	Scopes    []string
	CreatedAt time.Time
	ExpiresAt time.Time
}

// CreateToken stores a token under its secret's hash. An empty ID becomes a
// UUIDv7, a zero CreatedAt now. ErrConflict: id or hash are taken.
func (s *Store) CreateToken(ctx context.Context, t *Token, hash string) error {
	updated := t.CreatedAt
	s.fresh(&t.ID, &t.CreatedAt, &updated)
	return s.write(ctx, "create token", func(ctx context.Context, tx *txn) error {
		scopes, err := toJSON(t.Scopes)
		if err != nil {
			return err
		}
		return tx.exec(ctx, `INSERT INTO tokens (id, name, scopes, hash, created_at, expires_at, revoked_at, last_used_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			t.ID, t.Name, scopes, hash, micros(t.CreatedAt), optMicros(t.ExpiresAt), optMicros(t.RevokedAt), optMicros(t.LastUsedAt))
	})
}

const selectTokens = `SELECT id, name, scopes, created_at, expires_at, revoked_at, last_used_at FROM tokens` //nolint:gosec // a query, no credential

func scanToken(row scanner) (Token, error) {
	var (
		t                      Token
		expires, revoked, used time.Time
	)
	err := row.Scan(&t.ID, &t.Name, fromJSON(&t.Scopes), at(&t.CreatedAt), at(&expires), at(&revoked), at(&used))
	t.ExpiresAt, t.RevokedAt, t.LastUsedAt = optional(expires), optional(revoked), optional(used)
	return t, err
}

// TokenByHash returns the token whose secret has that hash, if it is neither
// revoked nor expired at the given time; otherwise ErrNotFound.
func (s *Store) TokenByHash(ctx context.Context, hash string, now time.Time) (Token, error) {
	return readOne(ctx, s, "token by hash", scanToken,
		selectTokens+` WHERE hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)`, hash, micros(now))
}

// GetToken returns a token by its id, revoked and expired ones too, or
// ErrNotFound.
func (s *Store) GetToken(ctx context.Context, id string) (Token, error) {
	return readOne(ctx, s, "get token", scanToken, selectTokens+` WHERE id = $1`, id)
}

// ListTokens returns tokens by id, revoked and expired ones too, and the
// cursor of the next page, empty on the last one.
func (s *Store) ListTokens(ctx context.Context, after string, limit int) (items []Token, next string, err error) {
	return listPlaces(ctx, s, "list tokens", selectTokens, where{}, PlaceFilter{After: after, Limit: limit}, scanToken, func(t Token) string { return t.ID })
}

// TokensNaming returns the tokens with a scope for one of the stations or cameras,
// by their ids, but for those that ended, by revocation or expiry, before a time.
func (s *Store) TokensNaming(ctx context.Context, ids []string, endedSince time.Time) ([]Token, error) {
	var w where
	w.add("(revoked_at IS NULL OR revoked_at >= $)", micros(endedSince))
	w.add("(expires_at IS NULL OR expires_at >= $)", micros(endedSince))
	// Scopes are stored as JSON; an id holds nothing that LIKE or JSON know.
	named, args := make([]string, len(ids)), make([]any, len(ids))
	for n, id := range ids {
		named[n], args[n] = "scopes LIKE $", `%:`+id+`"%`
	}
	w.add("("+strings.Join(named, " OR ")+")", args...)
	return readAll(ctx, s, "tokens naming", scanToken, selectTokens+w.String()+` ORDER BY created_at, id`, w.args...)
}

// RevokeToken ends a token for ever; one that is revoked already keeps its
// time. ErrNotFound: no such token.
func (s *Store) RevokeToken(ctx context.Context, id string, now time.Time) error {
	return s.write(ctx, "revoke token", func(ctx context.Context, tx *txn) error {
		n, err := tx.execN(ctx, `UPDATE tokens SET revoked_at = COALESCE(revoked_at, $1) WHERE id = $2`, micros(now), id)
		if err == nil && n == 0 {
			err = ErrNotFound
		}
		return err
	})
}

// TouchToken notes that a token was used. It costs a write: call it only
// where the LastUsedAt that TokenByHash returned is older than, say, a minute.
// An unknown id is no error.
func (s *Store) TouchToken(ctx context.Context, id string, now time.Time) error {
	return s.write(ctx, "touch token", func(ctx context.Context, tx *txn) error {
		return tx.exec(ctx, `UPDATE tokens SET last_used_at = $1 WHERE id = $2 AND (last_used_at IS NULL OR last_used_at < $1)`, micros(now), id)
	})
}

// CreateSession stores a session under its secret's hash.
func (s *Store) CreateSession(ctx context.Context, hash string, v Session) error {
	return s.saveAccess(ctx, "create session", `INSERT INTO sessions (hash, user_name, scopes, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)`, hash, v)
}

// SessionByHash returns a session that has not expired at the given time, or
// ErrNotFound.
func (s *Store) SessionByHash(ctx context.Context, hash string, now time.Time) (Session, error) {
	return readOne(ctx, s, "session by hash", scanSession,
		`SELECT user_name, scopes, created_at, expires_at FROM sessions WHERE hash = $1 AND expires_at > $2`, hash, micros(now))
}

// DeleteSession ends a session; an unknown one is no error.
func (s *Store) DeleteSession(ctx context.Context, hash string) error {
	return s.write(ctx, "delete session", func(ctx context.Context, tx *txn) error {
		return tx.exec(ctx, `DELETE FROM sessions WHERE hash = $1`, hash)
	})
}

// CreateLink stores a one-time login link under its code's hash.
func (s *Store) CreateLink(ctx context.Context, hash string, v Link) error {
	return s.saveAccess(ctx, "create link", `INSERT INTO links (hash, user_name, scopes, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)`, hash, Session(v))
}

// ConsumeLink uses a link up and returns it. Of any number of calls exactly
// one succeeds; all others, and those after its expiry, get ErrNotFound.
func (s *Store) ConsumeLink(ctx context.Context, hash string, now time.Time) (Link, error) {
	var v Session
	err := s.write(ctx, "consume link", func(ctx context.Context, tx *txn) (err error) {
		v, err = scanSession(tx.queryRow(ctx, `UPDATE links SET used_at = $1 WHERE hash = $2 AND used_at IS NULL AND expires_at > $1
RETURNING user_name, scopes, created_at, expires_at`, micros(now), hash))
		return err
	})
	return Link(v), err
}

// PurgeAccess deletes sessions that have expired and links that have expired
// or were used, as of the given time.
func (s *Store) PurgeAccess(ctx context.Context, now time.Time) error {
	return s.write(ctx, "purge access", func(ctx context.Context, tx *txn) error {
		if err := tx.exec(ctx, `DELETE FROM sessions WHERE expires_at <= $1`, micros(now)); err != nil {
			return err
		}
		return tx.exec(ctx, `DELETE FROM links WHERE expires_at <= $1 OR used_at IS NOT NULL`, micros(now))
	})
}

// Setting returns the value stored under a name; where there is none, initial
// is stored and returned, and created is true. Of any number of calls at once
// exactly one creates. It is for what one installation decides once, such as
// the key that signs links; settings are not part of a backup.
func (s *Store) Setting(ctx context.Context, name, initial string) (value string, created bool, err error) {
	err = s.write(ctx, "setting", func(ctx context.Context, tx *txn) error {
		n, err := tx.execN(ctx, `INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, name, initial)
		if err != nil {
			return err
		}
		created = n == 1
		return tx.queryRow(ctx, `SELECT value FROM settings WHERE name = $1`, name).Scan(&value)
	})
	return value, created && err == nil, err
}

func scanSession(row scanner) (Session, error) {
	var v Session
	err := row.Scan(&v.User, fromJSON(&v.Scopes), at(&v.CreatedAt), at(&v.ExpiresAt))
	return v, err
}

func (s *Store) saveAccess(ctx context.Context, op, query, hash string, v Session) error {
	if v.CreatedAt.IsZero() {
		v.CreatedAt = s.now()
	}
	return s.write(ctx, op, func(ctx context.Context, tx *txn) error {
		scopes, err := toJSON(v.Scopes)
		if err != nil {
			return err
		}
		return tx.exec(ctx, query, hash, v.User, scopes, micros(v.CreatedAt), micros(v.ExpiresAt))
	})
}

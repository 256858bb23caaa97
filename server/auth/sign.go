package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"
)

// Signer makes and checks links that carry their own permission: <img> sends
// no Authorization header.
type Signer struct {
	key []byte
	now func() time.Time
}

var (
	// ErrBadSignature says that the link was not made here, or was changed.
	ErrBadSignature = errors.New("auth: the link's signature does not fit")
	// ErrLinkExpired says that the link was good once.
	ErrLinkExpired = errors.New("auth: the link has expired")
)

// minKey is the least length of a signing key in bytes.
const minKey = 32

// NewSigner takes a key of at least 32 random bytes; now is the clock, nil for
// the real one.
func NewSigner(key []byte, now func() time.Time) (*Signer, error) {
	if len(key) < minKey {
		return nil, fmt.Errorf("auth: a signing key needs at least %d bytes, this one has %d", minKey, len(key))
	}
	if now == nil {
		now = time.Now
	}
	return &Signer{key: append([]byte(nil), key...), now: now}, nil
}

// Sign returns path?expires=…&signature=…, good for at least the given time.
// The expiry is rounded up to the next minute, so that the same image has the
// same link for a while and a browser need not fetch it again.
func (s *Signer) Sign(path string, life time.Duration) string {
	expires := s.now().Add(life).Truncate(time.Minute).Add(time.Minute).Unix()
	q := url.Values{"expires": {strconv.FormatInt(expires, 10)}, "signature": {s.mac(path, expires)}}
	return path + "?" + q.Encode()
}

// Check says until when a signed path may be used, or why not.
func (s *Signer) Check(path, expires, signature string) (time.Time, error) {
	unix, err := strconv.ParseInt(expires, 10, 64)
	if err != nil || !hmac.Equal([]byte(signature), []byte(s.mac(path, unix))) {
		return time.Time{}, ErrBadSignature
	}
	until := time.Unix(unix, 0)
	if !s.now().Before(until) {
		return time.Time{}, ErrLinkExpired
	}
	return until, nil
}

// mac is HMAC-SHA256 over the path, a byte that no path holds, and the expiry.
func (s *Signer) mac(path string, expires int64) string {
	h := hmac.New(sha256.New, s.key)
	h.Write([]byte(path))
	h.Write([]byte{0})
	h.Write(strconv.AppendInt(nil, expires, 10))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

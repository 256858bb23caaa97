package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// Digest is the SHA-256 of a secret: all that is ever stored of one.
type Digest [sha256.Size]byte

// DigestOf hashes a secret as it travels.
func DigestOf(secret string) Digest { return sha256.Sum256([]byte(secret)) }

// String is the digest in hex, as it is stored.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// sameText compares in constant time.
func sameText(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// newSecret is 256 random bits in base64url. crypto/rand.Read never fails
// since Go 1.24: it ends the process instead.
func newSecret() string {
	var b [32]byte
	_, _ = rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

const tokenPrefix = "bin_"

// newID is a token's public name: 80 random bits in lower-case base32.
func newID() string {
	return strings.ToLower(rand.Text()[:16])
}

// splitToken reads the id of "bin_<id>_<secret>". The secret may itself hold
// underscores; the id never does.
func splitToken(s string) (id string, ok bool) {
	rest, ok := strings.CutPrefix(s, tokenPrefix)
	if !ok {
		return "", false
	}
	id, secret, ok := strings.Cut(rest, "_")
	return id, ok && id != "" && len(id) <= 64 && len(secret) >= 32 && len(secret) <= 128
}

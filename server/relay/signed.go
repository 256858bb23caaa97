package relay

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
)

// ErrSignature says that a bundle was not signed by the server's key, or was
// changed afterwards.
var ErrSignature = errors.New("relay: the bundle's signature does not fit the server's key")

// context begins what is signed, so that a signature made for something else
// never fits.
const context = "binside bundle 1\n"

// Signed is a bundle as it travels and lies on the agent's disk: the very
// bytes that were signed, and an Ed25519 signature (RFC 8032).
type Signed struct {
	Payload   []byte `json:"payload" doc:"The bundle as JSON, in base64"`
	Signature []byte `json:"signature" doc:"Ed25519 over \"binside bundle 1\\n\" and the payload"`
}

// Sign makes a signed bundle.
func Sign(key ed25519.PrivateKey, b *Bundle) (*Signed, error) {
	payload, err := json.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("relay: bundle: %w", err)
	}
	return &Signed{Payload: payload, Signature: ed25519.Sign(key, append([]byte(context), payload...))}, nil
}

// Open checks the signature, then reads the bundle and validates it. Keys that
// a bundle does not have are ignored: a newer server may send more.
func (s *Signed) Open(key ed25519.PublicKey) (*Bundle, error) {
	if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, append([]byte(context), s.Payload...), s.Signature) {
		return nil, ErrSignature
	}
	b := new(Bundle)
	if err := json.NewDecoder(bytes.NewReader(s.Payload)).Decode(b); err != nil {
		return nil, fmt.Errorf("relay: bundle: %w", err)
	}
	if err := b.Validate(); err != nil {
		return nil, err
	}
	return b, nil
}

// KeyText is a public key as people hand it on: base64 (RFC 4648, URL
// alphabet, no padding).
func KeyText(key ed25519.PublicKey) string { return base64.RawURLEncoding.EncodeToString(key) }

// ParseKey reads what KeyText wrote.
func ParseKey(text string) (ed25519.PublicKey, error) {
	key, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, errors.New("relay: a server's key is 43 characters of base64, as `binside agent key` prints it")
	}
	return key, nil
}

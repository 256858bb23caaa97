// Package deletion is the proof of what was deleted: a log in which every entry
// names the one before it by its hash and is signed with Ed25519 (RFC 8032).
//
// Whoever has the public key can find out without the service whether an entry
// was changed, left out, moved or made by somebody else. That the last entries
// are missing only shows to whoever has noted a later head: note it now and
// then, elsewhere.
//
// The package neither deletes nor stores anything.
package deletion

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// The reasons of an entry.
const (
	// Begun is the first entry's: what was deleted before it was not logged.
	Begun = "begun"
	// Orphan: an image that no record names.
	Orphan = "orphan"
	// Handed: the server has had it from a station's agent for long enough.
	Handed = "handed-in"
	// Room: a station's agent had no more room for it.
	Room = "room"
	// Lost: it was not there any more, or damaged.
	Lost = "lost"
	// Withdrawn: a person deleted a labelled sample.
	Withdrawn = "sample-withdrawn"
	// retention begins the reason of what was kept for its time; the verdict
	// whose time that was follows.
	retention = "retention:"
)

// Retention is the reason for deleting evidence whose time is over.
func Retention(verdict string) string { return retention + verdict }

// NoOrdinal is the ordinal of an entry that is about no image of a record.
const NoOrdinal = -1

// Entry is one deletion.
type Entry struct {
	// Seq counts from 1 without a gap.
	Seq int64     `json:"seq"`
	At  time.Time `json:"at" doc:"In microseconds"`
	// Reason is one of those above, or "retention:" and a verdict.
	Reason string `json:"reason" example:"retention:tell"`
	// Key names the object, SHA256 (hex) what it held.
	Key          string `json:"object_key"`
	SHA256       string `json:"sha256"`
	InspectionID string `json:"inspection_id"`
	Ordinal      int    `json:"ordinal" doc:"Of the image in its inspection; -1 for none"`
	// Previous is the Hash of the entry before, 64 zeros for the first.
	Previous string `json:"previous"`
	// KeyID names the key that signed, see KeyID.
	KeyID string `json:"key_id"`
	// Hash is the SHA-256 (hex) of all that stands above, Signature that key's
	// (base64) of the same.
	Hash      string `json:"hash"`
	Signature string `json:"signature"`
}

// Head is a log's last entry: whoever knows it can tell that none before it is
// missing.
type Head struct {
	Seq  int64  `json:"seq"`
	Hash string `json:"hash"`
}

// ParseHead reads "SEQ:HASH".
func ParseHead(text string) (h Head, err error) {
	if _, err := fmt.Sscanf(strings.Replace(text, ":", " ", 1), "%d %s", &h.Seq, &h.Hash); err != nil || h.Seq < 1 || len(h.Hash) != 2*sha256.Size {
		return Head{}, fmt.Errorf("deletion: %q is no head: SEQ:HASH is expected", text)
	}
	return h, nil
}

func (h Head) String() string { return fmt.Sprintf("%d:%s", h.Seq, h.Hash) }

// Start is what the first entry follows.
var Start = Head{Hash: strings.Repeat("0", 2*sha256.Size)}

// content is what is hashed and signed: a line that says what it is, and the
// entry's fields as JSON in this order.
func (e *Entry) content() ([]byte, error) {
	data, err := json.Marshal([]any{
		e.Seq, e.At.UTC().Format("2006-01-02T15:04:05.000000Z"), e.Reason, e.Key, e.SHA256, e.InspectionID, e.Ordinal, e.Previous, e.KeyID,
	})
	return append([]byte("binside deletion log 1\n"), data...), err
}

// PublicKey is a key that has signed entries.
type PublicKey struct {
	ID  string `json:"id" doc:"SHA-256 of the key, in hex"`
	Key string `json:"public_key" doc:"Ed25519, in base64"`
}

// ParseKey reads a public key's base64.
func ParseKey(text string) (PublicKey, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(raw) != ed25519.PublicKeySize {
		return PublicKey{}, errors.New("deletion: an Ed25519 public key of 32 bytes in base64 is expected")
	}
	return public(raw), nil
}

func public(key ed25519.PublicKey) PublicKey {
	sum := sha256.Sum256(key)
	return PublicKey{ID: hex.EncodeToString(sum[:]), Key: base64.StdEncoding.EncodeToString(key)}
}

// Signer seals entries. It may be used from any goroutine.
type Signer struct {
	key    ed25519.PrivateKey
	public PublicKey
}

// NewSigner takes the 32 random bytes that an Ed25519 key is made from.
func NewSigner(seed []byte) (*Signer, error) {
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("deletion: a key of %d bytes, want %d", len(seed), ed25519.SeedSize)
	}
	key := ed25519.NewKeyFromSeed(seed)
	pub, _ := key.Public().(ed25519.PublicKey)
	return &Signer{key: key, public: public(pub)}, nil
}

// Public is the key that proves the signer's entries.
func (s *Signer) Public() PublicKey { return s.public }

// Seal makes an entry the one after a head: it sets Seq, Previous, KeyID, Hash
// and Signature, and rounds At down to what is kept.
func (s *Signer) Seal(e *Entry, after Head) error {
	e.Seq, e.Previous, e.KeyID = after.Seq+1, after.Hash, s.public.ID
	e.At = e.At.UTC().Truncate(time.Microsecond)
	content, err := e.content()
	if err != nil {
		return fmt.Errorf("deletion: %w", err)
	}
	sum := sha256.Sum256(content)
	e.Hash = hex.EncodeToString(sum[:])
	e.Signature = base64.StdEncoding.EncodeToString(ed25519.Sign(s.key, content))
	return nil
}

// Head is the entry as one that others follow.
func (e *Entry) Head() Head { return Head{Seq: e.Seq, Hash: e.Hash} }

package deletion

import (
	"bufio"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// ErrBroken is wrapped by every error that says that a log is not what was
// signed.
var ErrBroken = errors.New("the deletion log is broken")

func broken(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrBroken}, args...)...)
}

// Verifier checks a log, entry after entry from the first.
type Verifier struct {
	keys map[string]ed25519.PublicKey
	head Head
	// noted is a head that the log must contain.
	noted *Head
	found bool
}

// NewVerifier returns a verifier that trusts the keys; noted, where it is not
// nil, is a head that was written down before.
func NewVerifier(keys []PublicKey, noted *Head) (*Verifier, error) {
	v := &Verifier{keys: make(map[string]ed25519.PublicKey), head: Start, noted: noted}
	for _, k := range keys {
		parsed, err := ParseKey(k.Key)
		if err != nil {
			return nil, err
		}
		raw, err := base64.StdEncoding.DecodeString(parsed.Key)
		if err != nil {
			return nil, fmt.Errorf("deletion: %w", err)
		}
		v.keys[parsed.ID] = raw
	}
	return v, nil
}

// Add checks the next entry.
func (v *Verifier) Add(e Entry) error {
	switch {
	case e.Seq != v.head.Seq+1:
		return broken("entry %d stands where %d belongs: entries are missing or in another order", e.Seq, v.head.Seq+1)
	case e.Previous != v.head.Hash:
		return broken("entry %d does not follow the one before it", e.Seq)
	}
	content, err := e.content()
	if err != nil {
		return fmt.Errorf("deletion: %w", err)
	}
	if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != e.Hash {
		return broken("entry %d was changed", e.Seq)
	}
	key, ok := v.keys[e.KeyID]
	if !ok {
		return broken("entry %d is signed by key %s, which is not trusted", e.Seq, e.KeyID)
	}
	signature, err := base64.StdEncoding.DecodeString(e.Signature)
	if err != nil || !ed25519.Verify(key, content, signature) {
		return broken("entry %d has a signature that is not key %s's", e.Seq, e.KeyID)
	}
	v.head = e.Head()
	if v.noted != nil && v.noted.Seq == e.Seq {
		if v.noted.Hash != e.Hash {
			return broken("entry %d is not the one that was noted", e.Seq)
		}
		v.found = true
	}
	return nil
}

// End says, after the last entry, whether the noted head was among them, and
// returns the log's own.
func (v *Verifier) End() (Head, error) {
	if v.noted != nil && !v.found {
		return v.head, broken("it ends with entry %d, but entry %d was noted: its end is missing", v.head.Seq, v.noted.Seq)
	}
	return v.head, nil
}

// Header is the first line of an exported log. The keys that it brings prove
// nothing to whoever does not know them from elsewhere.
type Header struct {
	Format     string      `json:"format"`
	ExportedAt time.Time   `json:"exported_at"`
	Keys       []PublicKey `json:"keys"`
	Head       Head        `json:"head"`
}

// Format is that of an exported log: JSON lines, a Header and then the entries
// from the first.
const Format = "binside-deletions/1"

// maxLine bounds one line of an exported log, in bytes.
const maxLine = 1 << 20

// VerifyExport checks an exported log by the trusted keys, or by those that it
// brings itself where none are given.
func VerifyExport(r io.Reader, trusted []PublicKey, noted *Head) (Header, Head, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 1<<16), maxLine)
	var header Header
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &header) != nil || header.Format != Format {
		return header, Head{}, broken("the file does not begin with a line of format %s", Format)
	}
	keys := trusted
	if len(keys) == 0 {
		keys = header.Keys
	}
	v, err := NewVerifier(keys, noted)
	if err != nil {
		return header, Head{}, err
	}
	for lines.Scan() {
		var e Entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return header, v.head, broken("after entry %d: %w", v.head.Seq, err)
		}
		if err := v.Add(e); err != nil {
			return header, v.head, err
		}
	}
	if err := lines.Err(); err != nil {
		return header, v.head, fmt.Errorf("deletion: %w", err)
	}
	head, err := v.End()
	if err == nil && head != header.Head {
		err = broken("it ends with entry %d, its first line promises %d", head.Seq, header.Head.Seq)
	}
	return header, head, err
}

// Export writes a log's header line and returns what writes an entry.
func Export(w io.Writer, h Header) (func(Entry) error, error) {
	enc := json.NewEncoder(w)
	h.Format = Format
	return func(e Entry) error { return enc.Encode(e) }, enc.Encode(h)
}

// Package object keeps images: evidence of inspections and labelled samples,
// each under a key, in a local folder or in any S3 store, behind one
// interface with one contract (server/store/object/objecttest holds every
// implementation to it).
//
// The package never looks at what it stores, never logs a credential, and
// never decides how long something is kept.
package object

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Errors that callers tell apart with errors.Is.
var (
	// ErrNotFound: nothing is stored under the key.
	ErrNotFound = errors.New("object not found")
	// ErrInvalidKey: the key breaks the rules of ValidateKey.
	ErrInvalidKey = errors.New("invalid object key")
	// ErrTooLarge: the object is larger than the store's limit.
	ErrTooLarge = errors.New("object too large")
	// ErrCorrupt: what was stored is not what is there now.
	ErrCorrupt = errors.New("object corrupt")
	// ErrUnavailable: the store cannot be reached, is full or closed. The same
	// call may succeed later.
	ErrUnavailable = errors.New("object store unavailable")
	// ErrSpoolFull: the spool has no room left; it is an ErrUnavailable too.
	ErrSpoolFull = fmt.Errorf("spool full: %w", ErrUnavailable)
)

// Info describes a stored object.
type Info struct {
	Key      string
	Size     int64
	Modified time.Time
}

// Store keeps objects by key. All methods are safe for concurrent use, refuse
// keys that ValidateKey refuses, and end with the context.
//
// Put replaces what was under the key, as a whole: nobody ever reads a part.
// When it returns nil the object survives a crash of this machine (or is the
// S3 server's to keep). It does not keep data. Get's slice belongs to the
// caller. Delete of what is not there is no error. List calls fn for every
// object whose key begins with prefix, in the byte order of the keys, and ends
// with fn's first error, returned as it is.
type Store interface {
	Put(ctx context.Context, key string, data []byte, contentType string) error
	Get(ctx context.Context, key string) ([]byte, error)
	Stat(ctx context.Context, key string) (Info, error)
	Delete(ctx context.Context, key string) error
	List(ctx context.Context, prefix string, fn func(Info) error) error
	Close() error
}

// DefaultMaxBytes is the largest object that a store takes or gives out
// unless configured otherwise.
const DefaultMaxBytes = 32 << 20

// MaxKey is the greatest length of a key in bytes.
const MaxKey = 512

var segment = regexp.MustCompile(`^[A-Za-z0-9_=-][A-Za-z0-9._=-]{0,127}$`)

// ValidateKey says what is wrong with a key. A key is one or more segments
// joined by "/", at most MaxKey bytes; a segment is 1 to 128 of the letters,
// digits and ". _ = -" of ASCII and does not begin with a dot, so that it is a
// harmless file name too.
func ValidateKey(key string) error {
	if key == "" || len(key) > MaxKey {
		return fmt.Errorf("%w: %d bytes, must be 1 to %d", ErrInvalidKey, len(key), MaxKey)
	}
	for part := range strings.SplitSeq(key, "/") {
		if !segment.MatchString(part) {
			return fmt.Errorf("%w: %q", ErrInvalidKey, key)
		}
	}
	return nil
}

// validatePrefix accepts the beginnings of valid keys, the empty one too.
func validatePrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	if strings.HasSuffix(prefix, "/") {
		return ValidateKey(strings.TrimSuffix(prefix, "/"))
	}
	return ValidateKey(prefix)
}

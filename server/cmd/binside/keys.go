package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// The keys of an installation: what signs image links, and what signs the log
// of deletions.
const (
	signingKey  = "signing.key"
	deletionKey = "deletions.key"
)

const keyBytes = 32

// keptKey is a key of 32 random bytes. It is made at the first start and kept
// beside the data, readable by the service's user alone.
func keptKey(dataDir, name string) ([]byte, error) {
	path := filepath.Join(dataDir, name)
	key, err := os.ReadFile(path)
	if err == nil && len(key) == keyBytes {
		return key, nil
	}
	if err == nil {
		return nil, fmt.Errorf("%s holds %d bytes, want %d: remove it to have a new one made", path, len(key), keyBytes)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	key = make([]byte, keyBytes)
	_, _ = rand.Read(key) // never fails, see crypto/rand
	// Another process may be starting on the same folder: whoever links the
	// finished file first wins.
	tmp, err := os.CreateTemp(dataDir, "."+name+".*")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, werr := tmp.Write(key)
	if err := errors.Join(werr, tmp.Sync(), tmp.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return os.ReadFile(path)
}

package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const signingKeyBytes = 32

// signingKey is the key that signs image links. It is made at the first start
// and kept beside the data, readable by the service's user alone.
func signingKey(dataDir string) ([]byte, error) {
	path := filepath.Join(dataDir, "signing.key")
	key, err := os.ReadFile(path)
	if err == nil && len(key) == signingKeyBytes {
		return key, nil
	}
	if err == nil {
		return nil, fmt.Errorf("%s holds %d bytes, want %d: remove it to have a new one made", path, len(key), signingKeyBytes)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	key = make([]byte, signingKeyBytes)
	_, _ = rand.Read(key) // never fails, see crypto/rand
	// Another process may be starting on the same folder: whoever links the
	// finished file first wins.
	tmp, err := os.CreateTemp(dataDir, "signing.*")
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

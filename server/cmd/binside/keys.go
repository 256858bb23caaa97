package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/binside/binside/server/relay"
)

// The keys of an installation: what signs image links, the log of deletions, and
// what stations' agents work by.
const (
	signingKey  = "signing.key"
	deletionKey = "deletions.key"
	agentsKey   = "agents.key"
)

const keyBytes = 32

// bundleKey is the key that signs what stations' agents work by.
func bundleKey(dataDir string) (ed25519.PrivateKey, error) {
	seed, err := keptKey(dataDir, agentsKey)
	if err != nil {
		return nil, err
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// publicKeyText is the public half of bundleKey as people hand it on.
func publicKeyText(dataDir string) (string, error) {
	key, err := bundleKey(dataDir)
	if err != nil {
		return "", err
	}
	public, _ := key.Public().(ed25519.PublicKey) // that of an Ed25519 key always is
	return relay.KeyText(public), nil
}

// keptKey is a key of 32 random bytes. It is made when it is first asked for and
// kept beside the data, readable by the service's user alone.
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

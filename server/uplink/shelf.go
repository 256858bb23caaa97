package uplink

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/binside/binside/server/relay"
)

// shelf is where the agent keeps the bundle in force, its model and its voice
// pack, so that it starts without a network.
type shelf struct {
	root           *os.Root // the folder
	models, voices *cabinet
}

const bundleFile = "bundle.json"

func newShelf(dir string, builtin fs.FS) (*shelf, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("uplink: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("uplink: %w", err)
	}
	s := &shelf{root: root}
	s.models, err = newCabinet(root, "models", "/model/", builtin, relay.ModelFiles...)
	if err == nil {
		s.voices, err = newCabinet(root, "voices", "/voice/", nil)
	}
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return s, nil
}

func (s *shelf) close() error { return s.root.Close() }

// load reads the bundle that was kept last; fs.ErrNotExist where there is none.
func (s *shelf) load() (*relay.Signed, error) {
	data, err := s.root.ReadFile(bundleFile)
	if err != nil {
		return nil, fmt.Errorf("uplink: kept bundle: %w", err)
	}
	b := new(relay.Signed)
	if err := json.Unmarshal(data, b); err != nil {
		return nil, fmt.Errorf("uplink: kept bundle: %w", err)
	}
	return b, nil
}

// keep writes the bundle in the place of the one before, as a whole, and lets
// go of model files that it does not name. It may hold passwords: only its
// owner reads it.
func (s *shelf) keep(signed *relay.Signed, b *relay.Bundle) error {
	data, err := json.Marshal(signed)
	if err != nil {
		return fmt.Errorf("uplink: keeping the bundle: %w", err)
	}
	if err := s.writeWhole(bundleFile, data); err != nil {
		return fmt.Errorf("uplink: keeping the bundle: %w", err)
	}
	return s.models.prune(b.Model.Files)
}

func (s *shelf) writeWhole(name string, data []byte) error {
	const tmp = "bundle.tmp" // one goroutine keeps bundles
	f, err := s.root.OpenFile(tmp, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := s.root.Rename(tmp, name); err != nil {
		return err
	}
	dir, err := s.root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

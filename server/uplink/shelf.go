package uplink

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/binside/binside/server/relay"
)

// shelf is where the agent keeps the bundle in force and its model, so that it
// starts without a network.
type shelf struct {
	dir string
	// builtin holds files that need not be fetched, by digest.
	builtin map[string]builtinFile
}

type builtinFile struct {
	fsys fs.FS
	name string
}

const bundleFile = "bundle.json"

func newShelf(dir string, builtin fs.FS) (*shelf, error) {
	s := &shelf{dir: dir, builtin: make(map[string]builtinFile)}
	if err := os.MkdirAll(s.models(), 0o700); err != nil {
		return nil, fmt.Errorf("uplink: %w", err)
	}
	if builtin == nil {
		return s, nil
	}
	for _, name := range relay.ModelFiles {
		f, err := builtin.Open(name)
		if err != nil {
			continue // fetched where it is needed
		}
		h := sha256.New()
		_, err = io.Copy(h, f)
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("uplink: built-in model: %w", err)
		}
		s.builtin[hex.EncodeToString(h.Sum(nil))] = builtinFile{builtin, name}
	}
	return s, nil
}

func (s *shelf) models() string            { return filepath.Join(s.dir, "models") }
func (s *shelf) path(digest string) string { return filepath.Join(s.models(), digest) }

// load reads the bundle that was kept last; fs.ErrNotExist where there is none.
func (s *shelf) load() (*relay.Signed, error) {
	data, err := os.ReadFile(filepath.Join(s.dir, bundleFile))
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
	if err := writeWhole(s.dir, bundleFile, data); err != nil {
		return fmt.Errorf("uplink: keeping the bundle: %w", err)
	}
	return s.prune(b)
}

func writeWhole(dir, name string, data []byte) error {
	tmp, err := os.CreateTemp(dir, name+".*") // for its owner alone
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // renamed where all went well
	_, err = tmp.Write(data)
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), filepath.Join(dir, name)); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (s *shelf) prune(b *relay.Bundle) error {
	named := make(map[string]bool)
	for _, f := range b.Model.Files {
		named[f.SHA256] = true
	}
	entries, err := os.ReadDir(s.models())
	if err != nil {
		return fmt.Errorf("uplink: %w", err)
	}
	for _, e := range entries {
		if !named[e.Name()] {
			err = errors.Join(err, os.Remove(s.path(e.Name())))
		}
	}
	return err
}

// fetch makes every file of the model be there, whole and verified. What was
// fetched of a file before goes on where it broke.
func (s *shelf) fetch(ctx context.Context, c *client, m *relay.Model) error {
	for _, f := range m.Files {
		if _, ok := s.builtin[f.SHA256]; ok {
			continue
		}
		if info, err := os.Stat(s.path(f.SHA256)); err == nil && info.Size() == f.Bytes {
			continue // verified before it got that name
		}
		if err := s.fetchFile(ctx, c, f); err != nil {
			return err
		}
	}
	return nil
}

const partial = ".part"

func (s *shelf) fetchFile(ctx context.Context, c *client, f relay.File) error {
	part := s.path(f.SHA256) + partial
	out, err := os.OpenFile(part, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("uplink: model: %w", err)
	}
	info, err := out.Stat()
	if err == nil && info.Size() < f.Bytes {
		err = c.modelFile(ctx, f.SHA256, info.Size(), &capped{out, f.Bytes - info.Size()})
	}
	if err := errors.Join(err, out.Sync(), out.Close()); err != nil {
		return err
	}
	if err := verify(part, f); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	if err := os.Rename(part, s.path(f.SHA256)); err != nil {
		return fmt.Errorf("uplink: model: %w", err)
	}
	return nil
}

// capped refuses more bytes than a file has.
type capped struct {
	w    io.Writer
	left int64
}

func (c *capped) Write(p []byte) (int, error) {
	if int64(len(p)) > c.left {
		return 0, errors.New("the server sends more than the file has")
	}
	c.left -= int64(len(p))
	return c.w.Write(p)
}

// ErrDigest says that a file of the model is not the one that the bundle names.
var ErrDigest = errors.New("uplink: a file of the model is not the one that was signed")

func verify(path string, f relay.File) error {
	in, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("uplink: model: %w", err)
	}
	defer func() { _ = in.Close() }() // only read from
	h := sha256.New()
	n, err := io.Copy(h, in)
	if err != nil {
		return fmt.Errorf("uplink: model: %w", err)
	}
	if n != f.Bytes || hex.EncodeToString(h.Sum(nil)) != f.SHA256 {
		return fmt.Errorf("%w: %s of %d bytes", ErrDigest, f.Name, n)
	}
	return nil
}

// folder is a model's files under their names.
func (s *shelf) folder(m *relay.Model) fs.FS {
	return &modelFS{shelf: s, files: m.Files}
}

type modelFS struct {
	shelf *shelf
	files []relay.File
}

// Open implements fs.FS.
func (m *modelFS) Open(name string) (fs.File, error) {
	for _, f := range m.files {
		if f.Name != name {
			continue
		}
		if b, ok := m.shelf.builtin[f.SHA256]; ok {
			return b.fsys.Open(b.name)
		}
		if err := verify(m.shelf.path(f.SHA256), f); err != nil {
			return nil, &fs.PathError{Op: "open", Path: name, Err: err}
		}
		return os.Open(m.shelf.path(f.SHA256))
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

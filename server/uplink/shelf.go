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
	root *os.Root // the folder; the model's files are in modelsDir, by digest
	// builtin holds files that need not be fetched, by digest.
	builtin map[string]builtinFile
}

type builtinFile struct {
	fsys fs.FS
	name string
}

const (
	bundleFile = "bundle.json"
	modelsDir  = "models"
)

func newShelf(dir string, builtin fs.FS) (*shelf, error) {
	if err := os.MkdirAll(filepath.Join(dir, modelsDir), 0o700); err != nil {
		return nil, fmt.Errorf("uplink: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("uplink: %w", err)
	}
	s := &shelf{root: root, builtin: make(map[string]builtinFile)}
	if err := s.know(builtin); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return s, nil
}

func (s *shelf) close() error { return s.root.Close() }

// know learns the digests of the built-in files.
func (s *shelf) know(builtin fs.FS) error {
	if builtin == nil {
		return nil
	}
	for _, name := range relay.ModelFiles {
		f, err := builtin.Open(name)
		if err != nil {
			continue // fetched where it is needed
		}
		h := sha256.New()
		_, err = io.Copy(h, f)
		if err := errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("uplink: built-in model: %w", err)
		}
		s.builtin[hex.EncodeToString(h.Sum(nil))] = builtinFile{builtin, name}
	}
	return nil
}

func modelPath(digest string) string { return filepath.Join(modelsDir, digest) }

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
	return s.prune(b)
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

func (s *shelf) prune(b *relay.Bundle) error {
	named := make(map[string]bool)
	for _, f := range b.Model.Files {
		named[f.SHA256] = true
	}
	entries, err := fs.ReadDir(s.root.FS(), modelsDir)
	if err != nil {
		return fmt.Errorf("uplink: %w", err)
	}
	for _, e := range entries {
		if !named[e.Name()] {
			err = errors.Join(err, s.root.Remove(modelPath(e.Name())))
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
		if info, err := s.root.Stat(modelPath(f.SHA256)); err == nil && info.Size() == f.Bytes {
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
	part := modelPath(f.SHA256) + partial
	out, err := s.root.OpenFile(part, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
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
	if err := s.verify(part, f); err != nil {
		return errors.Join(err, s.root.Remove(part))
	}
	if err := s.root.Rename(part, modelPath(f.SHA256)); err != nil {
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

func (s *shelf) verify(path string, f relay.File) error {
	in, err := s.root.Open(path)
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
		if err := m.shelf.verify(modelPath(f.SHA256), f); err != nil {
			return nil, &fs.PathError{Op: "open", Path: name, Err: err}
		}
		return m.shelf.root.Open(modelPath(f.SHA256))
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

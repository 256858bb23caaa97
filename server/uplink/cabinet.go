package uplink

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/binside/binside/server/relay"
)

// cabinet keeps files that are fetched from the server, each verified and under
// its digest.
type cabinet struct {
	root *os.Root
	dir  string // of root
	// at is where the server has them, by their digests.
	at string
	// builtin holds files that need not be fetched, by digest.
	builtin map[string]builtinFile
}

type builtinFile struct {
	fsys fs.FS
	name string
}

// newCabinet makes the folder where it is not there. builtin may be nil; of it
// the files with the names are known.
func newCabinet(root *os.Root, dir, at string, builtin fs.FS, names ...string) (*cabinet, error) {
	c := &cabinet{root: root, dir: dir, at: at, builtin: make(map[string]builtinFile)}
	if err := root.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("uplink: %w", err)
	}
	if builtin == nil {
		return c, nil
	}
	for _, name := range names {
		f, err := builtin.Open(name)
		if err != nil {
			continue // fetched where it is needed
		}
		h := sha256.New()
		_, err = io.Copy(h, f)
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("uplink: built-in files: %w", err)
		}
		c.builtin[hex.EncodeToString(h.Sum(nil))] = builtinFile{builtin, name}
	}
	return c, nil
}

func (c *cabinet) path(digest string) string { return filepath.Join(c.dir, digest) }

// prune lets go of all but these files.
func (c *cabinet) prune(keep []relay.File) error {
	entries, err := fs.ReadDir(c.root.FS(), c.dir)
	if err != nil {
		return fmt.Errorf("uplink: %w", err)
	}
	for _, e := range entries {
		if !slices.ContainsFunc(keep, func(f relay.File) bool { return f.SHA256 == e.Name() }) {
			err = errors.Join(err, c.root.Remove(c.path(e.Name())))
		}
	}
	return err
}

// fetch makes every file be there, whole and verified. What was fetched of a
// file before goes on where it broke.
func (c *cabinet) fetch(ctx context.Context, from *client, files []relay.File) error {
	for _, f := range files {
		if _, ok := c.builtin[f.SHA256]; ok {
			continue
		}
		if info, err := c.root.Stat(c.path(f.SHA256)); err == nil && info.Size() == f.Bytes {
			continue // verified before it got that name
		}
		if err := c.fetchFile(ctx, from, f); err != nil {
			return err
		}
	}
	return nil
}

const partial = ".part"

func (c *cabinet) fetchFile(ctx context.Context, from *client, f relay.File) error {
	part := c.path(f.SHA256) + partial
	out, err := c.root.OpenFile(part, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("uplink: %s: %w", f.Name, err)
	}
	info, err := out.Stat()
	if err == nil && info.Size() < f.Bytes {
		err = from.file(ctx, c.at+f.SHA256, info.Size(), &capped{out, f.Bytes - info.Size()})
	}
	if err := errors.Join(err, out.Sync(), out.Close()); err != nil {
		return err
	}
	if err := c.verify(part, f); err != nil {
		return errors.Join(err, c.root.Remove(part))
	}
	if err := c.root.Rename(part, c.path(f.SHA256)); err != nil {
		return fmt.Errorf("uplink: %s: %w", f.Name, err)
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

// ErrDigest says that a file is not the one that the bundle names.
var ErrDigest = errors.New("uplink: a file is not the one that was signed")

func (c *cabinet) verify(path string, f relay.File) error {
	in, err := c.root.Open(path)
	if err != nil {
		return fmt.Errorf("uplink: %s: %w", f.Name, err)
	}
	defer func() { _ = in.Close() }() // only read from
	h := sha256.New()
	n, err := io.Copy(h, in)
	if err != nil {
		return fmt.Errorf("uplink: %s: %w", f.Name, err)
	}
	if n != f.Bytes || hex.EncodeToString(h.Sum(nil)) != f.SHA256 {
		return fmt.Errorf("%w: %s of %d bytes", ErrDigest, f.Name, n)
	}
	return nil
}

// folder is files under their names, each verified again whenever it is opened.
func (c *cabinet) folder(files []relay.File) fs.FS { return &folder{c, files} }

type folder struct {
	cabinet *cabinet
	files   []relay.File
}

// Open implements fs.FS.
func (d *folder) Open(name string) (fs.File, error) {
	n := slices.IndexFunc(d.files, func(f relay.File) bool { return f.Name == name })
	if n < 0 {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	c, f := d.cabinet, d.files[n]
	if b, ok := c.builtin[f.SHA256]; ok {
		return b.fsys.Open(b.name)
	}
	if err := c.verify(c.path(f.SHA256), f); err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return c.root.Open(c.path(f.SHA256))
}

// ReadDir implements fs.ReadDirFS.
func (d *folder) ReadDir(name string) ([]fs.DirEntry, error) {
	if name != "." {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
	}
	entries := make([]fs.DirEntry, len(d.files))
	for n, f := range d.files {
		entries[n] = fs.FileInfoToDirEntry(fileInfo{f})
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

// fileInfo is what is known of a file without opening it.
type fileInfo struct{ file relay.File }

func (i fileInfo) Name() string     { return path.Base(i.file.Name) }
func (i fileInfo) Size() int64      { return i.file.Bytes }
func (fileInfo) Mode() fs.FileMode  { return 0o400 }
func (fileInfo) ModTime() time.Time { return time.Time{} }
func (fileInfo) IsDir() bool        { return false }
func (fileInfo) Sys() any           { return nil }

package object

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// tempDir holds files that are being written; no key begins with a dot.
const tempDir = ".tmp"

// Local keeps objects as files below a folder. A key's folders must not be
// keys themselves.
type Local struct {
	root  *os.Root
	limit int64
	seq   atomic.Uint64
	// folders is held for writing while empty folders are taken away, so that
	// none goes between its making and the first file in it.
	folders sync.RWMutex
}

// NewLocal opens a folder, and makes it where it is missing. maxBytes 0 means
// DefaultMaxBytes.
func NewLocal(dir string, maxBytes int64) (*Local, error) {
	if maxBytes <= 0 {
		maxBytes = DefaultMaxBytes
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("object: %w: %w", ErrUnavailable, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("object: %w: %w", ErrUnavailable, err)
	}
	l := &Local{root: root, limit: maxBytes}
	if err := l.sweep(); err != nil {
		return nil, errors.Join(fmt.Errorf("object: %w: %w", ErrUnavailable, err), root.Close())
	}
	return l, nil
}

// sweep removes what a crash has left half-written. Another process may be
// writing there: young files stay.
func (l *Local) sweep() error {
	if err := l.root.MkdirAll(tempDir, 0o750); err != nil {
		return err
	}
	entries, err := readDir(l.root, tempDir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || time.Since(info.ModTime()) < time.Hour {
			continue
		}
		if err := l.root.Remove(path.Join(tempDir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Put implements Store: the file is complete and on disk before it gets its
// name, and the name is on disk before Put returns.
func (l *Local) Put(ctx context.Context, key string, data []byte, _ string) error {
	if err := errors.Join(ValidateKey(key), ctx.Err()); err != nil {
		return err
	}
	if int64(len(data)) > l.limit {
		return fmt.Errorf("%w: %d bytes, the limit is %d", ErrTooLarge, len(data), l.limit)
	}
	temp := path.Join(tempDir, strconv.Itoa(os.Getpid())+"-"+strconv.FormatUint(l.seq.Add(1), 10))
	err := writeSynced(l.root, temp, data)
	if err == nil {
		err = l.place(temp, key)
	}
	if err != nil {
		// The first error tells more than a failure to tidy up.
		_ = l.root.Remove(temp)
		return localError(key, err)
	}
	return nil
}

// place gives a written file its name. Another process may take an empty
// folder away between the two steps, so it tries again.
func (l *Local) place(temp, key string) error {
	l.folders.RLock()
	defer l.folders.RUnlock()
	for attempt := 1; ; attempt++ {
		err := l.root.Rename(temp, key)
		if err == nil {
			return syncDir(l.root, path.Dir(key))
		}
		if !errors.Is(err, fs.ErrNotExist) || attempt == 5 {
			return err
		}
		if err := l.makeDirs(path.Dir(key)); err != nil {
			return err
		}
	}
}

// makeDirs makes a folder and those above it, each one's name on disk.
func (l *Local) makeDirs(dir string) error {
	if dir == "." {
		return nil
	}
	err := l.root.Mkdir(dir, 0o750)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case errors.Is(err, fs.ErrNotExist):
		if err := l.makeDirs(path.Dir(dir)); err != nil {
			return err
		}
		if err := l.root.Mkdir(dir, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	case err != nil:
		return err
	}
	return syncDir(l.root, path.Dir(dir))
}

// Get implements Store.
func (l *Local) Get(ctx context.Context, key string) ([]byte, error) {
	if err := errors.Join(ValidateKey(key), ctx.Err()); err != nil {
		return nil, err
	}
	f, err := l.root.Open(key)
	if err != nil {
		return nil, readError(key, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, localError(key, err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, key)
	}
	return readBounded(f, key, info.Size(), l.limit)
}

// readBounded reads exactly size bytes, which must not exceed limit.
func readBounded(r io.Reader, key string, size, limit int64) ([]byte, error) {
	if size < 0 || size > limit {
		return nil, fmt.Errorf("%w: %s has %d bytes, the limit is %d", ErrTooLarge, key, size, limit)
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrUnavailable, key, err)
	}
	return data, nil
}

// Stat implements Store.
func (l *Local) Stat(ctx context.Context, key string) (Info, error) {
	if err := errors.Join(ValidateKey(key), ctx.Err()); err != nil {
		return Info{}, err
	}
	info, err := l.root.Stat(key)
	if err != nil {
		return Info{}, readError(key, err)
	}
	if !info.Mode().IsRegular() {
		return Info{}, fmt.Errorf("%w: %s", ErrNotFound, key)
	}
	return Info{Key: key, Size: info.Size(), Modified: info.ModTime().UTC()}, nil
}

// Delete implements Store and removes folders that are empty thereafter.
func (l *Local) Delete(ctx context.Context, key string) error {
	if err := errors.Join(ValidateKey(key), ctx.Err()); err != nil {
		return err
	}
	// Remove would take an empty folder of that name, too.
	if _, err := l.Stat(ctx, key); err != nil {
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		return err
	}
	if err := l.root.Remove(key); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return localError(key, err)
	}
	if err := syncDir(l.root, l.prune(path.Dir(key))); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return localError(key, err)
	}
	return nil
}

// prune removes a folder and those above it as far as they are empty, and
// returns the first that is not.
func (l *Local) prune(dir string) string {
	l.folders.Lock()
	defer l.folders.Unlock()
	for dir != "." && l.root.Remove(dir) == nil {
		dir = path.Dir(dir)
	}
	return dir
}

// List implements Store.
func (l *Local) List(ctx context.Context, prefix string, fn func(Info) error) error {
	if err := validatePrefix(prefix); err != nil {
		return err
	}
	return l.walk(ctx, ".", prefix, fn)
}

func (l *Local) walk(ctx context.Context, dir, prefix string, fn func(Info) error) error {
	entries, err := readDir(l.root, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // deleted meanwhile
	}
	if err != nil {
		return localError(dir, err)
	}
	// A folder sorts as its keys do, with the slash.
	name := func(e fs.DirEntry) string {
		if e.IsDir() {
			return e.Name() + "/"
		}
		return e.Name()
	}
	sort.Slice(entries, func(a, b int) bool { return name(entries[a]) < name(entries[b]) })
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		key := path.Join(dir, name(e))
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if e.IsDir() {
			if below := key + "/"; strings.HasPrefix(below, prefix) || strings.HasPrefix(prefix, below) {
				if err := l.walk(ctx, key, prefix, fn); err != nil {
					return err
				}
			}
			continue
		}
		if err := visit(e, key, prefix, fn); err != nil {
			return err
		}
	}
	return nil
}

func visit(e fs.DirEntry, key, prefix string, fn func(Info) error) error {
	if !strings.HasPrefix(key, prefix) || !e.Type().IsRegular() {
		return nil
	}
	info, err := e.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return localError(key, err)
	}
	return fn(Info{Key: key, Size: info.Size(), Modified: info.ModTime().UTC()})
}

// Close implements Store.
func (l *Local) Close() error { return l.root.Close() }

// readError is localError for a reader, to whom a key below another key is
// simply not there.
func readError(key string, err error) error {
	if errors.Is(err, syscall.ENOTDIR) {
		return fmt.Errorf("%w: %s", ErrNotFound, key)
	}
	return localError(key, err)
}

// localError maps what the file system says.
func localError(key string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %s", ErrNotFound, key)
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR), errors.Is(err, fs.ErrExist), errors.Is(err, syscall.ENOTEMPTY):
		return fmt.Errorf("%w: %s is a folder of other keys, or the other way round", ErrInvalidKey, key)
	}
	return fmt.Errorf("%w: %s: %w", ErrUnavailable, key, err)
}

// writeSynced writes a new file and waits until it is on disk.
func writeSynced(root *os.Root, name string, chunks ...[]byte) (err error) {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for _, c := range chunks {
		if _, err := f.Write(c); err != nil {
			return err
		}
	}
	return f.Sync()
}

// syncDir waits until the names in a folder are on disk.
func syncDir(root *os.Root, dir string) error {
	f, err := root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func readDir(root *os.Root, dir string) ([]fs.DirEntry, error) {
	f, err := root.Open(dir)
	if err != nil {
		return nil, err
	}
	entries, err := f.ReadDir(-1)
	return entries, errors.Join(err, f.Close())
}

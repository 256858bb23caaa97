package speech

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// maxCache bounds the rendered sentences on disk, in bytes: two languages of a
// taxonomy are 20 MB.
const maxCache = 128 << 20

// cache keeps rendered sentences as files named by their content's hash.
type cache struct {
	dir   string
	limit int64
}

func (c cache) path(name string) string { return filepath.Join(c.dir, name+".wav") }

func (c cache) get(name string) ([]byte, bool) {
	data, err := os.ReadFile(c.path(name))
	return data, err == nil && sounds(data, ".wav") // a power cut may have left it empty
}

// put stores a file whole or not at all, and deletes the oldest ones beyond the
// limit.
func (c cache) put(name string, data []byte) error {
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return fmt.Errorf("speech: cache: %w", err)
	}
	part, err := os.CreateTemp(c.dir, "part-*")
	if err != nil {
		return fmt.Errorf("speech: cache: %w", err)
	}
	_, err = part.Write(data)
	if err = errors.Join(err, part.Sync(), part.Close()); err == nil {
		err = os.Rename(part.Name(), c.path(name))
	}
	if err != nil {
		return fmt.Errorf("speech: cache: %w", errors.Join(err, os.Remove(part.Name())))
	}
	return c.trim()
}

func (c cache) trim() error {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return fmt.Errorf("speech: cache: %w", err)
	}
	var files []fs.FileInfo
	var total int64
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			files = append(files, info)
			total += info.Size()
		}
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for _, f := range files {
		if total <= c.limit {
			return nil
		}
		if err := os.Remove(filepath.Join(c.dir, f.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("speech: cache: %w", err)
		}
		total -= f.Size()
	}
	return nil
}

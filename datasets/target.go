package datasets

import (
	"archive/tar"
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Target is where an export is written to.
type Target interface {
	// Put writes a whole file; name is relative, with slashes, and new.
	Put(name string, data []byte) error
	// Close ends the target; without it an archive is not complete.
	Close() error
}

// ErrNotEmpty says that the folder of an export holds something: an export is
// not mixed with what is there already.
var ErrNotEmpty = errors.New("datasets: the folder is not empty")

type folder struct{ root *os.Root }

// Folder writes into dir, which is made if it is missing and must be empty.
func Folder(dir string) (Target, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // others may read a data set
		return nil, fmt.Errorf("datasets: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("datasets: %w", err)
	}
	if len(entries) > 0 {
		return nil, fmt.Errorf("%w: %s", ErrNotEmpty, dir)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("datasets: %w", err)
	}
	return folder{root}, nil
}

func (f folder) Put(name string, data []byte) error {
	name = filepath.FromSlash(name)
	if err := f.root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	file, err := f.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Close())
}

func (f folder) Close() error { return f.root.Close() }

// archiveTime is every archived file's: the same samples give the same bytes.
var archiveTime = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

type zipTarget struct{ w *zip.Writer }

// Zip writes a zip archive to w, which stays the caller's to close. Images are
// stored as they are, for they do not get smaller.
func Zip(w io.Writer) Target { return zipTarget{zip.NewWriter(w)} }

func (z zipTarget) Put(name string, data []byte) error {
	if !fs.ValidPath(name) {
		return &fs.PathError{Op: "put", Path: name, Err: fs.ErrInvalid}
	}
	head := &zip.FileHeader{Name: name, Method: zip.Store, Modified: archiveTime}
	if name == ManifestFile {
		head.Method = zip.Deflate
	}
	head.SetMode(0o644)
	file, err := z.w.CreateHeader(head)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return err
}

func (z zipTarget) Close() error { return z.w.Close() }

type tarTarget struct{ w *tar.Writer }

// Tar writes a tar archive to w, which stays the caller's to close.
func Tar(w io.Writer) Target { return tarTarget{tar.NewWriter(w)} }

func (t tarTarget) Put(name string, data []byte) error {
	if !fs.ValidPath(name) {
		return &fs.PathError{Op: "put", Path: name, Err: fs.ErrInvalid}
	}
	err := t.w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data)), ModTime: archiveTime, Format: tar.FormatPAX})
	if err != nil {
		return err
	}
	_, err = t.w.Write(data)
	return err
}

func (t tarTarget) Close() error { return t.w.Close() }

package snapshot

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
)

// picture reads one file of the folder.
func (f *Folder) picture(name string) (*vision.Image, error) {
	file, err := os.OpenInRoot(f.dir, filepath.Base(name))
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // only read from
	data, err := io.ReadAll(io.LimitReader(file, int64(f.opts.Limits.MaxBytes)+1))
	if err != nil {
		return nil, err
	}
	if len(data) > f.opts.Limits.MaxBytes {
		return nil, errors.New("snapshot: the file is too large")
	}
	img, info, err := codec.Decode(data, f.opts.Limits, codec.Options{})
	if err != nil {
		return nil, err
	}
	return codec.Orient(img, info.Orientation), nil
}

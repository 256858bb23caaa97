package main

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/binside/binside/models/evaluation"
)

// outputs are the two files, either of which may be missing.
type outputs struct{ json, html *output }

func openOutputs(json, html string) (outputs, error) {
	var o outputs
	var err error
	if json != "" {
		if o.json, err = openOutput(json); err != nil {
			return o, err
		}
	}
	if html != "" {
		if o.html, err = openOutput(html); err != nil {
			return o, errors.Join(err, o.discard())
		}
	}
	return o, nil
}

// write writes the reports and puts them in place. The thumbnails are made
// only where there is a page.
func (o outputs) write(r *evaluation.Report, thumbnails func() map[string][]byte) error {
	if o.json != nil {
		if err := errors.Join(r.WriteJSON(o.json.file), o.json.keep()); err != nil {
			return err
		}
	}
	if o.html != nil {
		page := evaluation.PageOptions{Thumbnails: thumbnails()}
		return errors.Join(r.WriteHTML(o.html.file, page), o.html.keep())
	}
	return nil
}

// discard removes what has not been kept.
func (o outputs) discard() error { return errors.Join(o.json.discard(), o.html.discard()) }

// output is a file in the making: it replaces the one of its name only when it
// is whole. What is no regular file, such as /dev/stdout, is written directly.
type output struct {
	path string
	file *os.File
	temp bool
}

func openOutput(path string) (*output, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		file, err := os.OpenFile(path, os.O_WRONLY, 0) //nolint:gosec // the operator names it
		return &output{path: path, file: file}, err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".binside-eval-*")
	return &output{path: path, file: file, temp: true}, err
}

func (o *output) keep() error {
	var mode error
	if o.temp {
		mode = o.file.Chmod(0o644) // a report is to be read, CreateTemp keeps it to oneself
	}
	err := errors.Join(mode, o.file.Close())
	if err == nil && o.temp {
		err = os.Rename(o.file.Name(), o.path)
	}
	if err == nil {
		o.file = nil
	}
	return err
}

func (o *output) discard() error {
	if o == nil || o.file == nil {
		return nil
	}
	_ = o.file.Close() // closed already where keep failed
	if o.temp {
		return os.Remove(o.file.Name())
	}
	return nil
}

package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"slices"
	"strconv"

	"github.com/binside/binside/bench/download"
	"github.com/binside/binside/camera"
	"github.com/binside/binside/camera/capture"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
)

//go:embed people.csv
var list []byte

// The kinds of entries.
const (
	face   = "face"
	person = "person"
)

// entry is one face or person of the list.
type entry struct {
	kind string
	download.File
	frame int // of a video, from 0; -1 for photographs
	box   image.Rectangle
	shows string
}

func readList(data []byte) ([]entry, error) {
	records, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("people.csv: %w", err)
	}
	if want := []string{"kind", "package", "version", "path", "sha256", "frame", "x", "y", "width", "height", "shows"}; len(records) < 2 || !slices.Equal(records[0], want) {
		return nil, fmt.Errorf("people.csv: want a line of the columns %q and entries below it", want)
	}
	entries := make([]entry, 0, len(records)-1)
	for i, r := range records[1:] {
		e := entry{kind: r[0], File: download.File{Package: r[1], Version: r[2], Path: r[3], SHA256: r[4]}, frame: -1, shows: r[10]}
		var n [4]int
		for j, text := range r[6:10] {
			if n[j], err = strconv.Atoi(text); err != nil {
				return nil, fmt.Errorf("people.csv: line %d: %w", i+2, err)
			}
		}
		if r[5] != "" {
			if e.frame, err = strconv.Atoi(r[5]); err != nil {
				return nil, fmt.Errorf("people.csv: line %d: %w", i+2, err)
			}
		}
		e.box = image.Rect(n[0], n[1], n[0]+n[2], n[1]+n[3])
		if e.kind != face && e.kind != person || e.box.Empty() {
			return nil, fmt.Errorf("people.csv: line %d: %s at %v, allowed is a face or person of some extent", i+2, e.kind, e.box)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// view is one picture and what of one kind is in it.
type view struct {
	kind  string
	img   *vision.Image
	boxes []image.Rectangle
}

// load reads the list's pictures, each once.
func load(ctx context.Context, cache string, entries []entry) ([]view, error) {
	var views []view
	for len(entries) > 0 {
		first := entries[0]
		v := view{kind: first.kind}
		entries = slices.DeleteFunc(slices.Clone(entries), func(e entry) bool {
			same := e.kind == first.kind && e.SHA256 == first.SHA256 && e.frame == first.frame
			if same {
				v.boxes = append(v.boxes, e.box)
			}
			return same
		})
		var err error
		if v.img, err = first.picture(ctx, cache); err != nil {
			return nil, fmt.Errorf("%s: %w", first.Path, err)
		}
		views = append(views, v)
	}
	return views, nil
}

func (e entry) picture(ctx context.Context, cache string) (*vision.Image, error) {
	if e.frame >= 0 {
		return frame(ctx, e.In(cache), e.frame)
	}
	data, err := os.ReadFile(e.In(cache))
	if err != nil {
		return nil, err
	}
	img, info, err := codec.Decode(data, codec.DefaultLimits(), codec.Options{})
	if err != nil {
		return nil, err
	}
	return codec.Orient(img, info.Orientation), nil
}

// frame plays a video up to a frame.
func frame(ctx context.Context, path string, number int) (*vision.Image, error) {
	source, err := capture.New(path, capture.Options{Unpaced: true})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var found *vision.Image
	n := 0
	err = source.Stream(ctx, func(f camera.Frame) {
		if n == number {
			found = f.Image.Clone()
			cancel()
		}
		n++
	})
	if found == nil {
		return nil, errors.Join(fmt.Errorf("no frame %d", number), err)
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, context.Canceled) {
		return nil, err
	}
	return found, nil
}

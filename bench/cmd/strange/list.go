package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/binside/binside/bench/download"
)

//go:embed nowaste.csv
var list []byte

// The kinds of pictures without waste. A cut-out is a photograph of one animal
// without its background: the hardest, for it looks like an item on a plain
// ground.
const (
	photograph = "photograph"
	videoFrame = "frame"
	cutout     = "cutout"
)

var kinds = []string{photograph, videoFrame, cutout}

// entry is one picture of the list. Every one was looked at: drawings are left
// out, and so is what shows things that could be waste.
type entry struct {
	kind string
	// pack and version are the Debian package, path the file's place in it.
	pack, version, path string
	sha256              string
	// frame numbers a video's from 0; -1 for photographs.
	frame int
	shows string
}

// source is where the entry's picture or video comes from.
func (e entry) source() download.File {
	return download.File{Package: e.pack, Version: e.version, Path: e.path, SHA256: e.sha256}
}

// file is where the cache keeps it.
func (e entry) file(cache string) string { return e.source().In(cache) }

// fetch brings every file of the list into the cache.
func fetch(ctx context.Context, cache string, entries []entry, say func(string, ...any)) error {
	files := make([]download.File, len(entries))
	for i, e := range entries {
		files[i] = e.source()
	}
	return download.All(ctx, cache, files, say)
}

func readList(data []byte) ([]entry, error) {
	records, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("nowaste.csv: %w", err)
	}
	if want := []string{"kind", "package", "version", "path", "sha256", "frame", "shows"}; len(records) < 2 || !slices.Equal(records[0], want) {
		return nil, fmt.Errorf("nowaste.csv: want a line of the columns %q and pictures below it", want)
	}
	entries := make([]entry, 0, len(records)-1)
	seen := make(map[string]bool)
	for i, r := range records[1:] {
		e := entry{kind: r[0], pack: r[1], version: r[2], path: r[3], sha256: r[4], frame: -1, shows: r[6]}
		if r[5] != "" {
			if e.frame, err = strconv.Atoi(r[5]); err != nil || e.frame < 0 {
				return nil, fmt.Errorf("nowaste.csv: line %d: frame is %q, allowed is a number from 0 or nothing", i+2, r[5])
			}
		}
		if err := e.check(); err != nil {
			return nil, fmt.Errorf("nowaste.csv: line %d: %w", i+2, err)
		}
		id := e.sha256 + r[5]
		if seen[id] {
			return nil, fmt.Errorf("nowaste.csv: line %d: %s is named twice", i+2, e.path)
		}
		seen[id] = true
		entries = append(entries, e)
	}
	return entries, nil
}

func (e entry) check() error {
	switch digest, err := hex.DecodeString(e.sha256); {
	case !slices.Contains(kinds, e.kind):
		return fmt.Errorf("kind is %q, allowed is one of %q", e.kind, kinds)
	case (e.kind == videoFrame) != (e.frame >= 0):
		return fmt.Errorf("frame is %d of a %s: frames have a number, the others none", e.frame, e.kind)
	case err != nil || len(digest) != 32:
		return fmt.Errorf("sha256 is %q, allowed is 64 hex digits", e.sha256)
	case !filepath.IsLocal(e.path):
		return fmt.Errorf("path is %q, allowed is one inside the package", e.path)
	case e.pack == "" || e.version == "" || e.shows == "":
		return fmt.Errorf("package %q, version %q, shows %q: none may be empty", e.pack, e.version, e.shows)
	}
	return nil
}

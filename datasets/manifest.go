package datasets

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// ManifestFile is the manifest's name in an image folder.
const ManifestFile = "manifest.csv"

// The splits. Test is never written by Export: what a model is judged by is
// chosen by people.
const (
	Train = "train"
	Val   = "val"
	Test  = "test"
)

// columns are the manifest's, in the order in which they are written.
var columns = []string{"path", "category", "source", "item_class", "group", "split", "width", "height"}

// Row is one line of a manifest.
type Row struct {
	// Path is the image's, relative to the manifest's folder, with slashes.
	Path     string
	Category string
	Source   string
	// ItemClass is empty where only the category is known.
	ItemClass string
	// Group joins near-duplicates; every split keeps groups whole.
	Group string
	// Split is Train, Val or Test.
	Split string
	// Width and Height are in pixels.
	Width, Height int
}

// ReadManifest reads and checks the manifest at path; an error names the line
// and the column.
func ReadManifest(path string) ([]Row, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("datasets: %w", err)
	}
	defer func() { _ = f.Close() }() // only read from
	rows, err := ParseManifest(f)
	if err != nil {
		return nil, fmt.Errorf("datasets: %s: %w", path, err)
	}
	return rows, nil
}

// ParseManifest reads a manifest. The columns may be in any order and there
// may be others. Besides each value it checks that no path is named twice and
// that no group is in two splits: a picture whose near-duplicate was trained
// on would be judged too well.
func ParseManifest(r io.Reader) ([]Row, error) {
	reader := csv.NewReader(r)
	head, err := reader.Read()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("the file is empty")
		}
		return nil, err
	}
	at := make(map[string]int, len(columns))
	for _, name := range columns {
		i := slices.Index(head, name)
		if i < 0 {
			return nil, fmt.Errorf("the column %q is missing", name)
		}
		at[name] = i
	}
	var rows []Row
	seen, splits := map[string]bool{}, map[string]string{}
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		line, _ := reader.FieldPos(0)
		row, err := parseRow(record, at)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		if seen[row.Path] {
			return nil, fmt.Errorf("line %d: path %q is named twice", line, row.Path)
		}
		seen[row.Path] = true
		if split, ok := splits[row.Group]; ok && split != row.Split {
			return nil, fmt.Errorf("line %d: group %q is in the splits %q and %q", line, row.Group, split, row.Split)
		}
		splits[row.Group] = row.Split
		rows = append(rows, row)
	}
}

func parseRow(record []string, at map[string]int) (Row, error) {
	row := Row{
		Path: record[at["path"]], Category: record[at["category"]], Source: record[at["source"]],
		ItemClass: record[at["item_class"]], Group: record[at["group"]], Split: record[at["split"]],
	}
	// Only what lies below the manifest may be read through it.
	if !filepath.IsLocal(filepath.FromSlash(row.Path)) {
		return row, fmt.Errorf("path is %q, allowed is one below the manifest's folder", row.Path)
	}
	for _, name := range []string{"category", "source", "group"} {
		if record[at[name]] == "" {
			return row, fmt.Errorf("%s is empty", name)
		}
	}
	if !slices.Contains([]string{Train, Val, Test}, row.Split) {
		return row, fmt.Errorf("split is %q, allowed is %q, %q or %q", row.Split, Train, Val, Test)
	}
	var err error
	if row.Width, err = side("width", record[at["width"]]); err != nil {
		return row, err
	}
	row.Height, err = side("height", record[at["height"]])
	return row, err
}

func side(name, value string) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%s is %q, allowed is a number above 0", name, value)
	}
	return n, nil
}

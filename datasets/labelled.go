package datasets

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// Labelled is a photograph with its truth, as manifests of any making have
// it. Unlike Row it allows any name for a split and needs no size.
type Labelled struct {
	// Path is the image's, relative to the manifest's folder, with slashes.
	Path      string
	Category  string
	Source    string
	ItemClass string
	Group     string
	Split     string
	// Class is the model's own item class, empty where the manifest has no
	// such column.
	Class string
}

// ReadLabelled reads the manifest at path with the columns path, category,
// source, item_class, group, split and, where there is one, class; others are
// not looked at. An error names the line and the column.
func ReadLabelled(path string) ([]Labelled, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("datasets: %w", err)
	}
	defer func() { _ = f.Close() }() // only read from
	rows, err := parseLabelled(f)
	if err != nil {
		return nil, fmt.Errorf("datasets: %s: %w", path, err)
	}
	return rows, nil
}

func parseLabelled(r io.Reader) ([]Labelled, error) {
	reader := csv.NewReader(r)
	head, err := reader.Read()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("the file is empty")
		}
		return nil, err
	}
	for _, name := range columns[:6] {
		if !slices.Contains(head, name) {
			return nil, fmt.Errorf("the column %q is missing", name)
		}
	}
	var rows []Labelled
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		value := func(name string) string {
			if i := slices.Index(head, name); i >= 0 {
				return record[i]
			}
			return ""
		}
		row := Labelled{
			Path: value("path"), Category: value("category"), Source: value("source"), ItemClass: value("item_class"),
			Group: value("group"), Split: value("split"), Class: value("class"),
		}
		line, _ := reader.FieldPos(0)
		// Only what lies below the manifest may be read through it.
		if !filepath.IsLocal(filepath.FromSlash(row.Path)) {
			return nil, fmt.Errorf("line %d: path is %q, allowed is one below the manifest's folder", line, row.Path)
		}
		for _, name := range []string{"category", "group", "split"} {
			if value(name) == "" {
				return nil, fmt.Errorf("line %d: %s is empty", line, name)
			}
		}
		rows = append(rows, row)
	}
}

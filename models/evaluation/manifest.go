package evaluation

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/binside/binside/datasets"
)

// AllSources is the source of pictures whose manifest has no such column.
const AllSources = "all"

// The manifest's columns, found by name; others are ignored.
const (
	columnPath     = "path"
	columnCategory = "category"
	columnSource   = "source"
	columnClass    = "item_class"
	columnOurs     = "class"
	columnGroup    = "group"
	columnSplit    = "split"
)

// Image is one line of a manifest.
type Image struct {
	// Line is its line in the manifest, from 1.
	Line int
	// Path is as the manifest has it: relative to its folder, or absolute.
	Path string
	// Category is the truth.
	Category string
	Source   string
	// ItemClass, Group and Split are empty where the manifest does not say.
	// ItemClass is the column class where there is one: the model's own name of
	// what the source calls item_class.
	ItemClass, Group, Split string
}

// Manifest is a list of labelled pictures.
type Manifest struct {
	// Name is the file's, without its folder.
	Name string
	// Dir is the folder that paths are relative to.
	Dir string
	// SHA256 is the hex digest of the file.
	SHA256 string
	Images []Image
}

// ReadManifest reads a CSV file with a header, or the manifest.csv of a
// folder. The columns path and category are required; source, item_class,
// group and split may be missing. It is more lenient than
// datasets.ReadManifest, whose rules are those of what binside itself wrote:
// groups, sizes and the names of splits are not asked for, and paths may lead
// out of the folder.
func ReadManifest(path string) (*Manifest, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, datasets.ManifestFile)
	}
	data, err := os.ReadFile(path) //nolint:gosec // the operator names it
	if err != nil {
		return nil, fmt.Errorf("evaluation: the manifest: %w", err)
	}
	sum := sha256.Sum256(data)
	m := &Manifest{Name: filepath.Base(path), Dir: filepath.Dir(path), SHA256: hex.EncodeToString(sum[:])}
	if m.Images, err = parseManifest(data); err != nil {
		return nil, fmt.Errorf("evaluation: %s: %w", path, err)
	}
	return m, nil
}

func parseManifest(data []byte) ([]Image, error) {
	// Spreadsheets put a byte order mark before the first column's name.
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	head, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty, wanted is a header with the columns path and category")
	}
	if err != nil {
		return nil, err
	}
	at, err := findColumns(head)
	if err != nil {
		return nil, err
	}
	var images []Image
	lines := make(map[string]int)
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		line, _ := r.FieldPos(0)
		img, err := parseImage(record, at)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		// Counted twice, a picture would make every interval too narrow.
		clean := filepath.Clean(filepath.FromSlash(img.Path))
		if before, ok := lines[clean]; ok {
			return nil, fmt.Errorf("line %d: path %q is named before, in line %d; allowed is once", line, img.Path, before)
		}
		lines[clean], img.Line = line, line
		images = append(images, img)
	}
	if len(images) == 0 {
		return nil, errors.New("there are no pictures below the header")
	}
	return images, nil
}

func findColumns(head []string) (map[string]int, error) {
	at := make(map[string]int, len(head))
	for i, name := range head {
		name = strings.TrimSpace(name)
		if j, ok := at[name]; ok && name != "" {
			return nil, fmt.Errorf("the header has the column %q twice, as number %d and %d", name, j+1, i+1)
		}
		at[name] = i
	}
	for _, name := range []string{columnPath, columnCategory} {
		if _, ok := at[name]; !ok {
			return nil, fmt.Errorf("the column %q is missing, the header has %q", name, head)
		}
	}
	return at, nil
}

func parseImage(record []string, at map[string]int) (Image, error) {
	field := func(name string) string {
		if i, ok := at[name]; ok {
			return record[i]
		}
		return ""
	}
	img := Image{
		Path: field(columnPath), Category: field(columnCategory), Source: AllSources,
		ItemClass: field(columnClass), Group: field(columnGroup), Split: field(columnSplit),
	}
	if ours := field(columnOurs); ours != "" {
		img.ItemClass = ours
	}
	required := []string{columnPath, columnCategory}
	if _, ok := at[columnSource]; ok {
		img.Source = field(columnSource)
		required = append(required, columnSource)
	}
	for _, name := range required {
		if strings.TrimSpace(field(name)) == "" {
			return img, fmt.Errorf("%s is empty, allowed is a text", name)
		}
	}
	for _, name := range []string{columnCategory, columnSource, columnClass, columnOurs} {
		if v := field(name); !utf8.ValidString(v) {
			return img, fmt.Errorf("%s is %q, allowed is a text in UTF-8", name, v)
		}
	}
	return img, nil
}

// Select returns the pictures of one split, all of them where split is empty,
// and checks that their categories are among those allowed.
func (m *Manifest) Select(split string, categories []string) ([]Image, error) {
	images := m.Images
	if split != "" {
		images = nil
		counts := make(map[string]int)
		for _, img := range m.Images {
			counts[img.Split]++
			if img.Split == split {
				images = append(images, img)
			}
		}
		if len(images) == 0 {
			return nil, fmt.Errorf("evaluation: split is %q, allowed is one that %s has: %s", split, m.Name, listCounts(counts))
		}
	}
	var bad []string
	n := 0
	for _, img := range images {
		if slices.Contains(categories, img.Category) {
			continue
		}
		if n++; n <= 5 {
			bad = append(bad, fmt.Sprintf("line %d %q", img.Line, img.Category))
		}
	}
	if n > 0 {
		return nil, fmt.Errorf("evaluation: %s: %d of %d pictures have a category that the taxonomy does not have (%s), allowed is one of %q",
			m.Name, n, len(images), strings.Join(bad, ", "), categories)
	}
	return images, nil
}

func listCounts(counts map[string]int) string {
	var parts []string
	for _, split := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%q (%d pictures)", split, counts[split]))
	}
	return strings.Join(parts, ", ")
}

// Leaking counts those of the pictures whose group is in another split of the
// manifest, too: near-duplicates of what may have been trained on are judged
// too well. Pictures without a group or a split are not counted.
func (m *Manifest) Leaking(images []Image) int {
	splits := make(map[string]string)
	mixed := make(map[string]bool)
	for _, img := range m.Images {
		if img.Group == "" || img.Split == "" {
			continue
		}
		if before, ok := splits[img.Group]; ok && before != img.Split {
			mixed[img.Group] = true
		}
		splits[img.Group] = img.Split
	}
	n := 0
	for _, img := range images {
		if mixed[img.Group] {
			n++
		}
	}
	return n
}

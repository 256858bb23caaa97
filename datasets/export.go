package datasets

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"path"
	"regexp"
	"strconv"
)

// ValShare is the share of groups that an export puts into the validation
// split.
const ValShare = 0.1

// maxImage bounds one sample's file, in bytes.
const maxImage = 64 << 20

// Item is a sample to be exported and the way to its image file.
type Item struct {
	Sample Sample
	// Open returns the image file; the export closes it.
	Open func(ctx context.Context) (io.ReadCloser, error)
}

// Refusal is a sample that was left out, and why.
type Refusal struct {
	ID     string
	Reason error
}

// Report says what an export wrote.
type Report struct {
	// Written were written, Train and Val of them into each split.
	Written, Train, Val int
	// Duplicates were met a second time, by content, and left out: in two
	// places they could end up in two splits.
	Duplicates int
	// Refused could not be read, are no image, or are not what their ID says.
	Refused []Refusal
}

// Export writes samples as an image folder of the shape that the trainer
// reads:
//
//	images/<source>/<item class, or category>/<id>.jpg
//	manifest.csv   see Row
//
// The samples come in any order; the same ones give the same files whatever
// the order was, but for the order of the manifest's rows. A sample that
// cannot be read is left out and reported; samples, target and context end
// the export with an error. The manifest is written last: a folder without it
// is not complete. The caller closes the target.
func Export(ctx context.Context, target Target, items iter.Seq2[Item, error]) (Report, error) {
	e := exporter{target: target, seen: map[string]bool{}}
	e.csv = csv.NewWriter(&e.manifest)
	if err := e.csv.Write(columns); err != nil {
		return e.report, fmt.Errorf("datasets: %w", err)
	}
	for item, err := range items {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = e.add(ctx, item)
		}
		if err != nil {
			return e.report, fmt.Errorf("datasets: export: %w", err)
		}
	}
	e.csv.Flush()
	if err := errors.Join(e.csv.Error(), target.Put(ManifestFile, e.manifest.Bytes())); err != nil {
		return e.report, fmt.Errorf("datasets: export: %w", err)
	}
	return e.report, nil
}

type exporter struct {
	target   Target
	seen     map[string]bool
	manifest bytes.Buffer
	csv      *csv.Writer
	report   Report
}

func (e *exporter) add(ctx context.Context, item Item) error {
	s := item.Sample
	if e.seen[s.ID] {
		e.report.Duplicates++
		return nil
	}
	e.seen[s.ID] = true
	row, err := rowOf(s)
	if err != nil {
		return e.refuse(s.ID, err)
	}
	data, err := read(ctx, item)
	if ctx.Err() != nil {
		return ctx.Err() // not the sample's fault
	}
	if err != nil {
		return e.refuse(s.ID, err)
	}
	if row.Path, err = pathOf(s, data); err != nil {
		return e.refuse(s.ID, err)
	}
	if err := e.target.Put(row.Path, data); err != nil {
		return err
	}
	e.report.Written++
	if row.Split == Val {
		e.report.Val++
	} else {
		e.report.Train++
	}
	return e.csv.Write(row.record())
}

func (e *exporter) refuse(id string, reason error) error {
	e.report.Refused = append(e.report.Refused, Refusal{ID: id, Reason: reason})
	return nil
}

// read returns the sample's file, if it is what its ID says.
func read(ctx context.Context, item Item) (data []byte, err error) {
	r, err := item.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if data, err = io.ReadAll(io.LimitReader(r, maxImage+1)); err != nil {
		return nil, err
	}
	if len(data) > maxImage {
		return nil, fmt.Errorf("the image is longer than %d bytes", maxImage)
	}
	if got := ID(data); got != item.Sample.ID {
		return nil, fmt.Errorf("the image's digest is %s: it was changed since it was labelled", got)
	}
	return data, nil
}

// nameRule keeps labels from leaving their folder.
var (
	nameRule = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$`)
	idRule   = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

func rowOf(s Sample) (Row, error) {
	switch {
	case !idRule.MatchString(s.ID):
		return Row{}, fmt.Errorf("id is %q, allowed is a hex SHA-256", s.ID)
	case !nameRule.MatchString(s.Category):
		return Row{}, fmt.Errorf("category is %q, allowed are letters, digits, _ and -", s.Category)
	case s.ItemClass != "" && !nameRule.MatchString(s.ItemClass):
		return Row{}, fmt.Errorf("item_class is %q, allowed are letters, digits, _ and -", s.ItemClass)
	case !nameRule.MatchString(s.Source):
		return Row{}, fmt.Errorf("source is %q, allowed are letters, digits, _ and -", s.Source)
	case s.Width <= 0 || s.Height <= 0:
		return Row{}, fmt.Errorf("the size is %d×%d, allowed are sides above 0", s.Width, s.Height)
	}
	group := Group(s)
	return Row{
		Category: s.Category, Source: s.Source, ItemClass: s.ItemClass,
		Group: group, Split: SplitOf(group), Width: s.Width, Height: s.Height,
	}, nil
}

func pathOf(s Sample, data []byte) (string, error) {
	var ext string
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xd8\xff")):
		ext = ".jpg"
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")):
		ext = ".png"
	default:
		return "", errors.New("the file is neither a JPEG nor a PNG")
	}
	folder := s.ItemClass
	if folder == "" {
		folder = s.Category
	}
	return path.Join("images", s.Source, folder, s.ID+ext), nil
}

// Group names what must stay in one split together: the pictures of one
// deposit, or one uploaded picture.
func Group(s Sample) string {
	if s.DepositID != "" {
		return s.DepositID
	}
	return s.ID
}

// SplitOf returns the split of a group: Val for about ValShare of all groups,
// by the SHA-256 of the name, so that a group stays where it is however much
// is added later.
func SplitOf(group string) string {
	sum := sha256.Sum256([]byte(group))
	if float64(binary.BigEndian.Uint64(sum[:8]))/(1<<64) < ValShare {
		return Val
	}
	return Train
}

func (r Row) record() []string {
	return []string{r.Path, r.Category, r.Source, r.ItemClass, r.Group, r.Split, strconv.Itoa(r.Width), strconv.Itoa(r.Height)}
}

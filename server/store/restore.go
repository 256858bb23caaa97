package store

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// maxLine bounds one row of a backup in bytes, batch the rows of one INSERT.
const (
	maxLine = 16 << 20
	batch   = 50
)

// Restore reads a backup into the database that url names, which is created
// and migrated as Open does and must not hold any record yet (ErrConflict).
// Everything is checked against the backup's header (digests and row counts)
// before anything is committed: the database gets all of it or nothing. A
// backup that is damaged, or made by a newer version of the program, is
// ErrInvalid.
func Restore(ctx context.Context, r io.Reader, url string, opts Options) (info BackupInfo, err error) {
	s, err := Open(ctx, url, opts)
	if err != nil {
		return info, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	err = runTx(ctx, s.w, nil, nil, func(ctx context.Context, tx *txn) error {
		if err := s.emptyAndLocked(ctx, tx); err != nil {
			return err
		}
		info, err = s.unpack(ctx, tx, r)
		return err
	})
	return info, wrap("restore", err)
}

// emptyAndLocked keeps others from writing until the transaction ends (SQLite's
// writer lock does that by itself) and refuses a database with records.
func (s *Store) emptyAndLocked(ctx context.Context, tx *txn) error {
	if err := s.unhurried(ctx, tx); err != nil {
		return err
	}
	for _, t := range tables {
		if s.engine == Postgres {
			if err := tx.exec(ctx, `LOCK TABLE `+t.name+` IN EXCLUSIVE MODE`); err != nil {
				return err
			}
		}
		if t.seeded {
			continue
		}
		var n int64
		if err := tx.queryRow(ctx, `SELECT COUNT(*) FROM `+t.name).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return fmt.Errorf("%w: the database is not empty: table %s has %d rows; restore into a new one", ErrConflict, t.name, n)
		}
	}
	return nil
}

// unpack reads header and tables in their order and then to the very end, so
// that gzip's own check is made too.
func (s *Store) unpack(ctx context.Context, tx *txn, r io.Reader) (info BackupInfo, err error) {
	zip, err := gzip.NewReader(r)
	if err != nil {
		return info, damaged(err)
	}
	in := tar.NewReader(zip)
	if info, err = s.readHeader(in); err != nil {
		return info, err
	}
	for n, t := range tablesOf(info.Schema) {
		if err := loadTable(ctx, tx, in, t, info.Tables[n]); err != nil {
			return info, fmt.Errorf("table %s: %w", t.name, err)
		}
	}
	switch _, err := in.Next(); {
	case err == nil:
		return info, fmt.Errorf("%w: the backup holds a file that its header does not name", ErrInvalid)
	case !errors.Is(err, io.EOF):
		return info, damaged(err)
	}
	if _, err := io.Copy(io.Discard, zip); err != nil { //nolint:gosec // nothing is kept of it
		return info, damaged(err)
	}
	return info, damaged(zip.Close())
}

func damaged(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: not a backup, or a damaged one: %w", ErrInvalid, err)
}

func (s *Store) readHeader(in *tar.Reader) (info BackupInfo, err error) {
	entry, err := in.Next()
	if err != nil {
		return info, damaged(err)
	}
	if entry.Name != headerFile {
		return info, damaged(fmt.Errorf("it begins with %q", entry.Name))
	}
	if err := json.NewDecoder(io.LimitReader(in, 1<<20)).Decode(&info); err != nil {
		return info, damaged(err)
	}
	if info.Format != backupFormat {
		return info, damaged(fmt.Errorf("format %q", info.Format))
	}
	if info.FormatVersion > backupVersion || info.Schema > s.schema {
		return info, fmt.Errorf("%w: the backup was made by a newer version of the program (format %d, schema %d; this one knows %d and %d)",
			ErrInvalid, info.FormatVersion, info.Schema, backupVersion, s.schema)
	}
	known := tablesOf(info.Schema)
	if len(info.Tables) != len(known) {
		return info, damaged(fmt.Errorf("%d tables instead of %d", len(info.Tables), len(known)))
	}
	for n, t := range known {
		if info.Tables[n].Name != t.name || info.Tables[n].File != t.name+".jsonl" {
			return info, damaged(fmt.Errorf("table %q where %q belongs", info.Tables[n].Name, t.name))
		}
	}
	return info, nil
}

// tablesOf are the tables that a schema has.
func tablesOf(schema int64) []table {
	return slices.DeleteFunc(slices.Clone(tables), func(t table) bool { return t.since > schema })
}

// loadTable inserts one file's rows and compares what it has read, and what
// the table holds then, with the header.
func loadTable(ctx context.Context, tx *txn, in *tar.Reader, t table, want BackupTable) error {
	entry, err := in.Next()
	if err != nil {
		return damaged(err)
	}
	if entry.Name != want.File || entry.Size != want.Bytes {
		return damaged(fmt.Errorf("file %q of %d bytes where %q of %d belongs", entry.Name, entry.Size, want.File, want.Bytes))
	}
	cols, err := t.pick(want.Columns)
	if err != nil {
		return err
	}
	if t.seeded {
		if err := tx.exec(ctx, `DELETE FROM `+t.name); err != nil {
			return err
		}
	}
	sum := sha256.New()
	if err := insertLines(ctx, tx, t.name, cols, io.TeeReader(in, sum)); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want.SHA256 {
		return damaged(fmt.Errorf("SHA-256 %s, the header says %s", got, want.SHA256))
	}
	var n int64
	if err := tx.queryRow(ctx, `SELECT COUNT(*) FROM `+t.name).Scan(&n); err != nil {
		return err
	}
	if n != want.Rows {
		return damaged(fmt.Errorf("%d rows, the header says %d", n, want.Rows))
	}
	return nil
}

// pick returns the columns that a backup names. An older backup may lack some
// of today's, which then get their defaults.
func (t table) pick(list []string) ([]column, error) {
	known := make(map[string]column, len(t.columns))
	for _, c := range t.columns {
		known[c.name] = c
	}
	cols := make([]column, 0, len(list))
	for _, name := range list {
		c, ok := known[name]
		if !ok {
			return nil, damaged(fmt.Errorf("unknown or repeated column %q", name))
		}
		delete(known, name)
		cols = append(cols, c)
	}
	if len(cols) == 0 {
		return nil, damaged(errors.New("no columns"))
	}
	return cols, nil
}

func insertLines(ctx context.Context, tx *txn, name string, cols []column, in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 1<<16), maxLine)
	var args []any
	for lines.Scan() {
		values, err := decodeLine(lines.Bytes(), cols)
		if err != nil {
			return err
		}
		if args = append(args, values...); len(args) >= batch*len(cols) {
			if err := insertRows(ctx, tx, name, cols, args); err != nil {
				return err
			}
			args = args[:0]
		}
	}
	if err := lines.Err(); err != nil {
		return damaged(err)
	}
	if len(args) == 0 {
		return nil
	}
	return insertRows(ctx, tx, name, cols, args)
}

func decodeLine(line []byte, cols []column) ([]any, error) {
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber()
	var object map[string]any
	if err := dec.Decode(&object); err != nil {
		return nil, damaged(err)
	}
	if len(object) != len(cols) {
		return nil, damaged(fmt.Errorf("a row of %d values instead of %d", len(object), len(cols)))
	}
	values := make([]any, len(cols))
	for n, c := range cols {
		v, ok := object[c.name]
		if !ok {
			return nil, damaged(fmt.Errorf("a row without %q", c.name))
		}
		var err error
		if values[n], err = c.value(v); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// insertRows inserts len(args)/len(cols) rows with one statement.
func insertRows(ctx context.Context, tx *txn, name string, cols []column, args []any) error {
	var w where
	group := "(" + marks(len(cols)) + ")"
	w.add(strings.TrimSuffix(strings.Repeat(group+", ", len(args)/len(cols)), ", "), args...)
	return tx.exec(ctx, `INSERT INTO `+name+` (`+strings.Join(names(cols), ", ")+`) VALUES `+w.terms[0], args...)
}

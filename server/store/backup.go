package store

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	backupFormat  = "binside-backup"
	backupVersion = 1
	headerFile    = "header.json"
)

// BackupInfo is the first file of a backup.
type BackupInfo struct {
	Format        string        `json:"format"`
	FormatVersion int           `json:"format_version"`
	Schema        int64         `json:"schema"`
	Engine        string        `json:"engine"`
	CreatedAt     time.Time     `json:"created_at"`
	Tables        []BackupTable `json:"tables"`
}

// BackupTable describes one table's file: JSON objects, one a line.
type BackupTable struct {
	Name    string   `json:"name"`
	File    string   `json:"file"`
	Columns []string `json:"columns"`
	Rows    int64    `json:"rows"`
	Bytes   int64    `json:"bytes"`
	SHA256  string   `json:"sha256"`
}

// Rows is the number of rows of all tables.
func (b BackupInfo) Rows() (n int64) {
	for _, t := range b.Tables {
		n += t.Rows
	}
	return n
}

// Backup writes one consistent state of all records and of the evidence index
// to w, as a gzipped tar of header.json and one JSON-lines file a table that
// Restore reads into either engine. The service goes on meanwhile.
//
// The backup holds cameras' URLs, credentials included, and the hashes of
// tokens; sessions, login links and settings are left out, and so are the
// images themselves. The tables lie unpacked in the system's folder for
// temporary files while they are written.
func (s *Store) Backup(ctx context.Context, w io.Writer) (info BackupInfo, err error) {
	defer s.metrics.observe("backup", time.Now(), &err)
	dir, err := os.MkdirTemp("", "binside-backup-")
	if err != nil {
		return info, wrap("backup", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	info = BackupInfo{Format: backupFormat, FormatVersion: backupVersion, Schema: s.schema, Engine: s.engine, CreatedAt: s.now().UTC()}
	opts := &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	err = runTx(ctx, s.r, opts, nil, func(ctx context.Context, tx *txn) error {
		if err := s.unhurried(ctx, tx); err != nil {
			return err
		}
		for _, t := range tables {
			dumped, err := dumpTable(ctx, tx, t, dir)
			if err != nil {
				return fmt.Errorf("table %s: %w", t.name, err)
			}
			info.Tables = append(info.Tables, dumped)
		}
		return nil
	})
	if err == nil {
		err = pack(w, dir, info)
	}
	return info, wrap("backup", err)
}

// unhurried lifts PostgreSQL's time-outs for the current transaction.
func (s *Store) unhurried(ctx context.Context, tx *txn) error {
	if s.engine != Postgres {
		return nil
	}
	for _, name := range []string{"statement_timeout", "idle_in_transaction_session_timeout"} {
		if err := tx.exec(ctx, `SET LOCAL `+name+` = 0`); err != nil {
			return err
		}
	}
	return nil
}

func names(cols []column) []string {
	out := make([]string, len(cols))
	for n, c := range cols {
		out[n] = c.name
	}
	return out
}

func dumpTable(ctx context.Context, tx *txn, t table, dir string) (out BackupTable, err error) {
	out = BackupTable{Name: t.name, File: t.name + ".jsonl", Columns: names(t.columns)}
	f, err := os.OpenFile(filepath.Join(dir, out.File), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sum := sha256.New()
	buf := bufio.NewWriterSize(io.MultiWriter(f, sum), 1<<16)
	rows, err := tx.QueryContext(ctx, `SELECT `+strings.Join(out.Columns, ", ")+` FROM `+t.name+` ORDER BY `+t.key)
	if err != nil {
		return out, err
	}
	defer rows.Close()
	r := newRow(t.columns)
	for rows.Next() {
		if err := rows.Scan(r.dest...); err != nil {
			return out, err
		}
		line, err := r.json()
		if err != nil {
			return out, err
		}
		if _, err := buf.Write(append(line, '\n')); err != nil {
			return out, err
		}
		out.Rows++
		out.Bytes += int64(len(line)) + 1
	}
	if err := errors.Join(rows.Err(), buf.Flush()); err != nil {
		return out, err
	}
	out.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return out, nil
}

// pack writes the header and the tables' files.
func pack(w io.Writer, dir string, info BackupInfo) error {
	zip := gzip.NewWriter(w)
	out := tar.NewWriter(zip)
	header, err := json.MarshalIndent(info, "", "  ")
	if err != nil {
		return err
	}
	entry := func(name string, size int64) error {
		return out.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: size, ModTime: info.CreatedAt.Truncate(time.Second)})
	}
	if err := entry(headerFile, int64(len(header))); err != nil {
		return err
	}
	if _, err := out.Write(header); err != nil {
		return err
	}
	for _, t := range info.Tables {
		if err := entry(t.File, t.Bytes); err != nil {
			return err
		}
		if err := copyFile(out, filepath.Join(dir, t.File)); err != nil {
			return err
		}
	}
	return errors.Join(out.Close(), zip.Close())
}

func copyFile(w io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}

package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/mattn/go-sqlite3"
)

// connector opens SQLite connections of one kind without registering a driver
// under a global name.
type connector struct {
	drv *sqlite3.SQLiteDriver
	dsn string
}

func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return c.drv.Open(c.dsn)
}

func (c *connector) Driver() driver.Driver { return c.drv }

// newConnector builds the connection string of a file. Path characters that
// mean something in a URI are escaped.
func newConnector(path string, params url.Values, pragmas ...string) *connector {
	escaped := strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
	return &connector{
		dsn: "file:" + escaped + "?" + params.Encode(),
		drv: &sqlite3.SQLiteDriver{ConnectHook: func(c *sqlite3.SQLiteConn) error {
			for _, p := range pragmas {
				if _, err := c.Exec("PRAGMA "+p, nil); err != nil {
					return fmt.Errorf("PRAGMA %s: %w", p, err)
				}
			}
			return nil
		}},
	}
}

// openSQLite opens one writer and a pool of readers on a file.
//
// synchronous=FULL makes every commit wait for the disk: what was acknowledged
// survives a power cut, for about 0.2 ms a save. The writer takes its lock at
// BEGIN, so that it never fails half-way; other processes wait for it by
// busy_timeout.
func (s *Store) openSQLite(ctx context.Context, path string, opts Options) error {
	path = strings.TrimPrefix(path, "//")
	if path == "" || strings.HasPrefix(path, ":") {
		return fmt.Errorf("%w: sqlite: needs the path of a file", ErrInvalid)
	}
	if err := touch(path); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	writer := url.Values{
		"_busy_timeout": {"10000"}, "_journal_mode": {"WAL"}, "_synchronous": {"FULL"},
		"_foreign_keys": {"on"}, "_txlock": {"immediate"},
	}
	s.w = sql.OpenDB(newConnector(path, writer, "journal_size_limit = 67108864",
		// 16 MiB of log: the pages at the indexes' ends, which every save
		// changes, are copied to the file a quarter as often as by default.
		"wal_autocheckpoint = 4000"))
	s.w.SetMaxOpenConns(1)
	if err := s.migrate(ctx, opts.Logger); err != nil {
		return err
	}
	reader := url.Values{"_busy_timeout": {"10000"}, "_query_only": {"on"}, "_txlock": {"deferred"}}
	s.r = sql.OpenDB(newConnector(path, reader))
	n := opts.MaxConns
	if n <= 0 {
		n = 4
	}
	s.r.SetMaxOpenConns(n)
	s.r.SetMaxIdleConns(n)
	s.hot = make(map[string]*sql.Stmt)
	for _, query := range []string{nextSeq, insertInspection, insertEvidence} {
		st, err := s.w.PrepareContext(ctx, query) //nolint:sqlclosecheck // is closed with s.w
		if err != nil {
			return err
		}
		s.hot[query] = st
	}
	return s.r.PingContext(ctx)
}

// touch makes the file and its folder, for their owner only: cameras' URLs may
// hold credentials.
func touch(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

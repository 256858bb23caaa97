package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Options are what Open needs beside the URL; zero values mean the defaults.
type Options struct {
	// Logger reports migrations; nil means none.
	Logger *slog.Logger
	// Registerer gets the store's metrics; nil means none.
	Registerer prometheus.Registerer
	// MaxConns bounds the connections to PostgreSQL (default 16) or SQLite's
	// readers (default 4; there is always exactly one writer).
	MaxConns int
	// Timeout bounds every call that has no sooner deadline, default 15 s.
	// Backup and Restore are bound by their context alone.
	Timeout time.Duration
	// Now is the clock, time.Now by default.
	Now func() time.Time
	// Mark makes the store an agent's: every inspection and every change of its
	// prompt is put into the outbox with the clock's mark, in the same
	// transaction.
	Mark func() ClockMark
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Timeout <= 0 {
		o.Timeout = 15 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// The engines, as Engine names them.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
)

// Store is an open database. All methods are safe for concurrent use.
type Store struct {
	engine string
	w, r   *sql.DB // the same pool for PostgreSQL
	// hot holds what a prompt waits for, prepared on SQLite's writer once;
	// pgx caches statements by itself.
	hot     map[string]*sql.Stmt
	schema  int64
	timeout time.Duration
	now     func() time.Time
	mark    func() ClockMark
	metrics *metrics
}

// Open opens the database that url names, creates it where it is an SQLite
// file that does not exist, and brings its schema up to date:
//
//	sqlite:PATH                             a file on a local disk
//	postgres://USER:PASSWORD@HOST/DATABASE  see pgx for the parameters
//
// No error holds the URL's password. A database made by a newer version of
// the program is refused.
func Open(ctx context.Context, url string, opts Options) (*Store, error) {
	opts = opts.withDefaults()
	s := &Store{timeout: opts.Timeout, now: opts.Now, mark: opts.Mark}
	var err error
	if s.metrics, err = newMetrics(opts.Registerer); err != nil {
		return nil, err
	}
	switch scheme, rest, _ := strings.Cut(url, ":"); scheme {
	case SQLite:
		s.engine = SQLite
		err = s.openSQLite(ctx, rest, opts)
	case Postgres, "postgresql":
		s.engine = Postgres
		err = s.openPostgres(ctx, url, opts)
	default:
		return nil, fmt.Errorf("store: open: %w: the URL must begin with sqlite: or postgres://", ErrInvalid)
	}
	if err != nil {
		return nil, wrap("open", errors.Join(err, s.Close()))
	}
	return s, nil
}

// Engine is SQLite or Postgres.
func (s *Store) Engine() string { return s.engine }

// SchemaVersion is the number of the last migration.
func (s *Store) SchemaVersion() int64 { return s.schema }

// Ping reports whether the database answers, for readiness.
func (s *Store) Ping(ctx context.Context) error {
	_, err := readOne(ctx, s, "ping", scanInt, `SELECT COUNT(*) FROM counters`)
	return err
}

// Close waits for running calls and closes the database. Later calls return
// ErrUnavailable.
func (s *Store) Close() error {
	var first error
	for _, st := range s.hot {
		if err := st.Close(); err != nil && first == nil {
			first = err
		}
	}
	for _, db := range []*sql.DB{s.r, s.w} {
		if db == nil {
			continue
		}
		if err := db.Close(); err != nil && first == nil {
			first = err
		}
		if s.r == s.w {
			break
		}
	}
	return wrap("close", first)
}

// txn is a transaction with the statements that were prepared for it.
type txn struct {
	*sql.Tx
	hot map[string]*sql.Stmt
}

func (t *txn) execN(ctx context.Context, query string, args ...any) (int64, error) {
	var (
		res sql.Result
		err error
	)
	if st := t.hot[query]; st != nil {
		res, err = t.StmtContext(ctx, st).ExecContext(ctx, args...) //nolint:sqlclosecheck // is closed with the transaction
	} else {
		res, err = t.ExecContext(ctx, query, args...)
	}
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (t *txn) exec(ctx context.Context, query string, args ...any) error {
	_, err := t.execN(ctx, query, args...)
	return err
}

func (t *txn) queryRow(ctx context.Context, query string, args ...any) *sql.Row {
	if st := t.hot[query]; st != nil {
		return t.StmtContext(ctx, st).QueryRowContext(ctx, args...) //nolint:sqlclosecheck // is closed with the transaction
	}
	return t.QueryRowContext(ctx, query, args...)
}

// change runs an update that must meet one row of a table, guarded by its
// updated_at, and says why where it did not.
func (t *txn) change(ctx context.Context, table, id, query string, args ...any) error {
	n, err := t.execN(ctx, query, args...)
	if err != nil || n == 1 {
		return err
	}
	var found int64
	if err := t.queryRow(ctx, `SELECT COUNT(*) FROM `+table+` WHERE id = $1`, id).Scan(&found); err != nil {
		return err
	}
	if found == 0 {
		return fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	return fmt.Errorf("%w: %s was changed since it was read", ErrConflict, id)
}

// write runs fn in a transaction of the writer and commits it.
func (s *Store) write(ctx context.Context, op string, fn func(context.Context, *txn) error) error {
	return s.transact(ctx, op, s.w, nil, s.hot, fn)
}

// snapshot runs fn in a transaction that reads one state of the database.
func (s *Store) snapshot(ctx context.Context, op string, fn func(context.Context, *txn) error) error {
	return s.transact(ctx, op, s.r, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}, nil, fn)
}

func (s *Store) transact(ctx context.Context, op string, db *sql.DB, opts *sql.TxOptions, hot map[string]*sql.Stmt,
	fn func(context.Context, *txn) error,
) (err error) {
	defer s.metrics.observe(op, time.Now(), &err)
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return wrap(op, runTx(ctx, db, opts, hot, fn))
}

// runTx begins, runs fn, and commits where fn returned no error.
func runTx(ctx context.Context, db *sql.DB, opts *sql.TxOptions, hot map[string]*sql.Stmt, fn func(context.Context, *txn) error) error {
	tx, err := db.BeginTx(ctx, opts)
	if err != nil {
		return err
	}
	if err := fn(ctx, &txn{Tx: tx, hot: hot}); err != nil {
		// The first error is the one to tell; a failed rollback closes the
		// connection, which rolls back too.
		_ = tx.Rollback()
		return err
	}
	return tx.Commit()
}

// readOne reads one row from the readers' pool.
func readOne[T any](ctx context.Context, s *Store, op string, scan func(scanner) (T, error), query string, args ...any) (v T, err error) {
	defer s.metrics.observe(op, time.Now(), &err)
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	v, err = scan(s.r.QueryRowContext(ctx, query, args...))
	return v, wrap(op, err)
}

// readAll reads all rows from the readers' pool; no rows are an empty slice.
func readAll[T any](ctx context.Context, s *Store, op string, scan func(scanner) (T, error), query string, args ...any) (items []T, err error) {
	defer s.metrics.observe(op, time.Now(), &err)
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	items, err = rowsOf(ctx, s.r, scan, query, args...)
	return items, wrap(op, err)
}

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func rowsOf[T any](ctx context.Context, q querier, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	items := []T{}
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		items = append(items, v)
	}
	return items, rows.Err()
}

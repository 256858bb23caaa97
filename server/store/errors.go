package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/mattn/go-sqlite3"
)

// The kinds of errors that callers tell apart with errors.Is. Every error of
// this package that is none of them is a mistake in the program.
var (
	// ErrNotFound: the record, or the one that it must belong to, is not there.
	ErrNotFound = errors.New("not found")
	// ErrConflict: the id is taken, or the record was changed since it was read.
	ErrConflict = errors.New("conflict")
	// ErrInvalid: the record contradicts what the schema or its relations allow.
	ErrInvalid = errors.New("invalid")
	// ErrUnavailable: the database cannot be reached, is full, locked or
	// closed. The same call may succeed later.
	ErrUnavailable = errors.New("store unavailable")
)

// wrap names the operation and maps a driver's error to one of the kinds.
func wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	if kind := kindOf(err); kind != nil && !errors.Is(err, kind) {
		return fmt.Errorf("store: %s: %w: %w", op, kind, err)
	}
	return fmt.Errorf("store: %s: %w", op, err)
}

// kindOf returns the kind that err belongs to, nil for a cancelled call and
// for what is not known.
func kindOf(err error) error {
	for _, kind := range []error{ErrNotFound, ErrConflict, ErrInvalid, ErrUnavailable} {
		if errors.Is(err, kind) {
			return kind
		}
	}
	switch {
	case errors.Is(err, context.Canceled):
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return ErrUnavailable
	case errors.Is(err, sql.ErrNoRows):
		return ErrNotFound
	}
	var lite sqlite3.Error
	if errors.As(err, &lite) {
		return sqliteKind(lite)
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return postgresKind(pg.Code)
	}
	return connectionKind(err)
}

func sqliteKind(err sqlite3.Error) error {
	switch err.ExtendedCode {
	case sqlite3.ErrConstraintUnique, sqlite3.ErrConstraintPrimaryKey:
		return ErrConflict
	case sqlite3.ErrConstraintForeignKey:
		return ErrNotFound
	}
	switch err.Code {
	case sqlite3.ErrConstraint, sqlite3.ErrTooBig, sqlite3.ErrMismatch:
		return ErrInvalid
	case sqlite3.ErrBusy, sqlite3.ErrLocked, sqlite3.ErrFull, sqlite3.ErrIoErr, sqlite3.ErrCantOpen,
		sqlite3.ErrReadonly, sqlite3.ErrCorrupt, sqlite3.ErrNotADB, sqlite3.ErrNomem, sqlite3.ErrPerm,
		sqlite3.ErrProtocol, sqlite3.ErrInterrupt:
		return ErrUnavailable
	}
	return nil
}

// postgresKind reads a SQLSTATE, see appendix A of PostgreSQL's manual.
func postgresKind(code string) error {
	switch code {
	case "23505": // unique_violation
		return ErrConflict
	case "23503": // foreign_key_violation
		return ErrNotFound
	case "55P03", "25006": // lock_not_available; read_only_sql_transaction (a failover)
		return ErrUnavailable
	}
	if len(code) < 2 {
		return nil
	}
	switch code[:2] {
	case "22", "23": // data exception, integrity constraint
		return ErrInvalid
	case "08", "28", "3D", "40", "53", "57", "58": // connection, authorisation, no such database, rollback, resources, intervention, system
		return ErrUnavailable
	}
	return nil
}

func connectionKind(err error) error {
	var (
		connect *pgconn.ConnectError
		network net.Error
		number  syscall.Errno
	)
	switch {
	case errors.As(err, &connect), errors.As(err, &network), errors.As(err, &number),
		errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone), errors.Is(err, net.ErrClosed),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		// database/sql and pgx have no exported values for these two.
		strings.HasSuffix(err.Error(), "sql: database is closed"), strings.HasSuffix(err.Error(), "conn closed"):
		return ErrUnavailable
	}
	return nil
}

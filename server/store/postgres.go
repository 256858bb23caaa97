package store

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// openPostgres opens a pool of connections. Time-outs that the URL does not
// set are set here, on the server's side too, so that a statement ends even
// where the client has gone.
func (s *Store) openPostgres(ctx context.Context, url string, opts Options) error {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err) // pgx leaves the password out
	}
	if cfg.ConnectTimeout <= 0 {
		cfg.ConnectTimeout = 5 * time.Second
	}
	ms := strconv.FormatInt(opts.Timeout.Milliseconds(), 10)
	for name, value := range map[string]string{
		"application_name":                    "binside",
		"statement_timeout":                   ms,
		"lock_timeout":                        ms,
		"idle_in_transaction_session_timeout": "60000",
	} {
		if _, ok := cfg.RuntimeParams[name]; !ok {
			cfg.RuntimeParams[name] = value
		}
	}
	n := opts.MaxConns
	if n <= 0 {
		n = 16
	}
	db := sql.OpenDB(stdlib.GetConnector(*cfg))
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(max(n/2, 1))
	db.SetConnMaxIdleTime(5 * time.Minute)
	db.SetConnMaxLifetime(30 * time.Minute)
	s.w, s.r = db, db
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := db.PingContext(ctx); err != nil {
		return err
	}
	return s.migrate(ctx, opts.Logger)
}

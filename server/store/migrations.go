package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// A migration that was released is never changed: a new one follows it, in
// both folders, under the same number.
//
//go:embed migrations
var migrations embed.FS

// migrate brings the schema up to date. Several processes may try at once:
// one does it and the others find it done, by an advisory lock on PostgreSQL
// and by trying again on SQLite, whose migrations are transactions of the one
// writer.
func (s *Store) migrate(ctx context.Context, log *slog.Logger) error {
	provider, err := s.provider()
	if err != nil {
		return err
	}
	var results []*goose.MigrationResult
	for attempt := 1; ; attempt++ {
		current, target, err := provider.GetVersions(ctx)
		if err == nil && current > target {
			return fmt.Errorf("%w: the database has schema %d, this program knows %d at most: it was made by a newer version", ErrInvalid, current, target)
		}
		s.schema = target
		if err == nil {
			results, err = provider.Up(ctx)
		}
		if err == nil {
			break
		}
		if attempt == 3 || ctx.Err() != nil || s.engine != SQLite {
			return fmt.Errorf("migrating: %w", err)
		}
	}
	for _, r := range results {
		log.InfoContext(ctx, "database migrated", "engine", s.engine, "version", r.Source.Version, "took", r.Duration)
	}
	return nil
}

func (s *Store) provider() (*goose.Provider, error) {
	dir, err := fs.Sub(migrations, "migrations/"+s.engine)
	if err != nil {
		return nil, err
	}
	if s.engine == SQLite {
		return goose.NewProvider(goose.DialectSQLite3, s.w, dir)
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 60), lock.WithUnlockTimeout(1, 10))
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectPostgres, s.w, dir, goose.WithSessionLocker(locker))
}

package store

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// CameraAccess is one look through a camera: who was given a picture of it.
type CameraAccess struct {
	Seq       int64
	At        time.Time
	CameraID  string
	StationID string
	// PrincipalID and PrincipalName are whoever asked, PrincipalKind how they
	// proved it; see auth.Principal.
	PrincipalID, PrincipalName, PrincipalKind string
}

// LogAccess adds a look to the log and sets a.Seq; a zero At becomes now. When
// it returns without an error the row is on disk.
func (s *Store) LogAccess(ctx context.Context, a *CameraAccess) error {
	if a.At.IsZero() {
		a.At = s.now().UTC().Truncate(time.Microsecond)
	}
	return s.write(ctx, "log access", func(ctx context.Context, tx *txn) error {
		if err := s.lockTable(ctx, tx, "accesses"); err != nil {
			return err
		}
		if err := tx.queryRow(ctx, `SELECT COALESCE(MAX(seq), 0) + 1 FROM accesses`).Scan(&a.Seq); err != nil {
			return err
		}
		return tx.exec(ctx, `INSERT INTO accesses (seq, at, camera_id, station_id, principal_id, principal_name, principal_kind) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			a.Seq, micros(a.At), a.CameraID, a.StationID, a.PrincipalID, a.PrincipalName, a.PrincipalKind)
	})
}

// ListAccesses returns the looks through a camera ("" for all), newest first,
// and the cursor of the next page, empty on the last one. ErrInvalid: after is
// no cursor of ours.
func (s *Store) ListAccesses(ctx context.Context, cameraID, after string, limit int) (items []CameraAccess, next string, err error) {
	var w where
	if cameraID != "" {
		w.add(`camera_id = $`, cameraID)
	}
	if after != "" {
		seq, err := strconv.ParseInt(after, 10, 64)
		if err != nil {
			return nil, "", wrap("list accesses", fmt.Errorf("%w: cursor %q", ErrInvalid, after))
		}
		w.add(`seq < $`, seq)
	}
	n := page(limit)
	items, err = readAll(ctx, s, "list accesses", scanAccess, fmt.Sprintf(
		`SELECT seq, at, camera_id, station_id, principal_id, principal_name, principal_kind FROM accesses%s ORDER BY seq DESC LIMIT %d`, w.String(), n+1), w.args...)
	if err != nil || len(items) <= n {
		return items, "", err
	}
	return items[:n], strconv.FormatInt(items[n-1].Seq, 10), nil
}

func scanAccess(row scanner) (a CameraAccess, err error) {
	err = row.Scan(&a.Seq, at(&a.At), &a.CameraID, &a.StationID, &a.PrincipalID, &a.PrincipalName, &a.PrincipalKind)
	return a, err
}

// lockTable lets no other process write to the table until the transaction
// ends; SQLite has one writer anyway.
func (s *Store) lockTable(ctx context.Context, tx *txn, table string) error {
	if s.engine != Postgres {
		return nil
	}
	return tx.exec(ctx, `LOCK TABLE `+table+` IN EXCLUSIVE MODE`)
}

package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/binside/binside/server/inspection"
)

// ClockMark says what a station's clock showed when something was stored, so
// that its times can be corrected later, even where the clock has been set
// meanwhile.
type ClockMark struct {
	// Boot names the machine's run, and Base is the wall clock less the time
	// since that run began, in microseconds.
	Boot string
	Base int64
	// Skew is the server's clock less the wall clock as it was last measured,
	// in microseconds; nil where it was not.
	Skew *int64
}

// Posting is an inspection that the server lacks, or lacks the latest
// revision of.
type Posting struct {
	InspectionID string
	Revision     int64
	// Acknowledged is the revision that the server has, 0 for none.
	Acknowledged int64
	Mark         ClockMark
}

// post puts a stored inspection into an agent's outbox.
func (s *Store) post(ctx context.Context, tx *txn, i *inspection.Inspection, seq int64) error {
	if s.mark == nil {
		return nil
	}
	m := s.mark()
	return tx.exec(ctx, `INSERT INTO outbox (inspection_id, seq, flagged, revision, boot, base, skew) VALUES ($1, $2, $3, 1, $4, $5, $6)`,
		i.ID, seq, i.Flagged(), m.Boot, m.Base, m.Skew)
}

// repost makes the server be told of a change.
func (s *Store) repost(ctx context.Context, tx *txn, id string) error {
	if s.mark == nil {
		return nil
	}
	return tx.exec(ctx, `UPDATE outbox SET revision = revision + 1, refused = '', retry_at = 0 WHERE inspection_id = $1`, id)
}

// waiting keeps what the server lacks.
const waiting = `revision > acknowledged`

// Postings returns at most limit inspections that may be handed in now: the
// flagged ones first, each kind in the order of storing.
func (s *Store) Postings(ctx context.Context, now time.Time, limit int) ([]Posting, error) {
	return readAll(ctx, s, "postings", func(row scanner) (Posting, error) {
		var (
			p    Posting
			skew sql.NullInt64
		)
		err := row.Scan(&p.InspectionID, &p.Revision, &p.Acknowledged, &p.Mark.Boot, &p.Mark.Base, &skew)
		if skew.Valid {
			p.Mark.Skew = &skew.Int64
		}
		return p, err
	}, fmt.Sprintf(`SELECT inspection_id, revision, acknowledged, boot, base, skew FROM outbox
WHERE %s AND retry_at <= $1 ORDER BY flagged DESC, seq LIMIT %d`, waiting, max(limit, 0)), micros(now))
}

// Acknowledge notes that the server has a revision; 0: that it has none.
func (s *Store) Acknowledge(ctx context.Context, id string, revision int64, now time.Time) error {
	return s.write(ctx, "acknowledge", func(ctx context.Context, tx *txn) error {
		return tx.exec(ctx, `UPDATE outbox SET acknowledged = $1, acknowledged_at = $2, refused = '', retry_at = 0 WHERE inspection_id = $3`,
			revision, micros(now), id)
	})
}

// Refuse notes why the server would not take an inspection, and when to try
// again.
func (s *Store) Refuse(ctx context.Context, id, reason string, retryAt time.Time) error {
	return s.write(ctx, "refuse", func(ctx context.Context, tx *txn) error {
		return tx.exec(ctx, `UPDATE outbox SET refused = $1, retry_at = $2 WHERE inspection_id = $3`, reason, micros(retryAt), id)
	})
}

// Backlog counts what waits for the server.
type Backlog struct {
	Inspections, Flagged, Refused int64
	// Bytes are those of the pictures that the server lacks.
	Bytes int64
	// Oldest is when the first of them was captured; zero where nothing waits.
	Oldest time.Time
}

// Backlog returns what waits.
func (s *Store) Backlog(ctx context.Context) (Backlog, error) {
	return readOne(ctx, s, "backlog", func(row scanner) (Backlog, error) {
		var b Backlog
		err := row.Scan(&b.Inspections, &b.Flagged, &b.Refused, &b.Bytes, at(&b.Oldest))
		return b, err
	}, `SELECT COUNT(*), COALESCE(SUM(CASE WHEN o.flagged THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN o.refused <> '' THEN 1 ELSE 0 END), 0),
 CAST(COALESCE(SUM(CASE WHEN o.acknowledged = 0 THEN (SELECT COALESCE(SUM(e.bytes), 0) FROM evidence e
 WHERE e.inspection_id = o.inspection_id AND e.deleted_at IS NULL) ELSE 0 END), 0) AS BIGINT), MIN(i.captured_at)
FROM outbox o JOIN inspections i ON i.id = o.inspection_id WHERE `+waiting)
}

package store

import (
	"context"
	"fmt"
	"time"
)

// RecordBytes is about what a record takes in the database beside its
// pictures, indexes included.
const RecordBytes = 4096

// Kept is how many bytes an agent's inspections take: those of the pictures
// that are not deleted, and about 4 KiB for every record.
func (s *Store) Kept(ctx context.Context) (int64, error) {
	return readOne(ctx, s, "kept", scanInt, fmt.Sprintf(
		`SELECT CAST((SELECT COALESCE(SUM(bytes), 0) FROM evidence WHERE deleted_at IS NULL) + %d * (SELECT COUNT(*) FROM outbox) AS BIGINT)`, RecordBytes))
}

// Room is what may go to make room.
type Room string

// What may go: Right are passes. None of them names a flag that the server lacks, nor one whose
// prompt is open.
const (
	HandedRight Room = `i.verdict = 'pass' AND o.revision <= o.acknowledged`
	// Handed is all that the server has.
	Handed Room = `o.revision <= o.acknowledged
 AND NOT EXISTS (SELECT 1 FROM prompts p WHERE p.inspection_id = i.id AND p.state = 'open')`
	WaitingRight      Room = `i.verdict = 'pass' AND o.revision > o.acknowledged`
	WaitingUnreadable Room = `i.verdict = 'unreadable' AND o.revision > o.acknowledged`
)

// Sized is a picture with its size.
type Sized struct {
	EvidenceRef
	Bytes int64
}

// Pictures returns at most limit pictures of a kind, the oldest first.
func (s *Store) Pictures(ctx context.Context, kind Room, limit int) ([]Sized, error) {
	return readAll(ctx, s, "pictures", func(row scanner) (Sized, error) {
		var p Sized
		err := row.Scan(&p.InspectionID, &p.Ordinal, &p.Key, &p.SHA256, &p.Verdict, &p.Bytes)
		return p, err
	}, fmt.Sprintf(`SELECT e.inspection_id, e.ordinal, e.object_key, e.sha256, i.verdict, e.bytes
FROM evidence e JOIN inspections i ON i.id = e.inspection_id JOIN outbox o ON o.inspection_id = i.id
WHERE e.deleted_at IS NULL AND %s ORDER BY i.seq, e.ordinal LIMIT %d`, kind, max(limit, 0)))
}

// Records returns at most limit inspections of a kind whose pictures are all
// gone, the oldest first.
func (s *Store) Records(ctx context.Context, kind Room, limit int) ([]string, error) {
	return readAll(ctx, s, "records", scanText, fmt.Sprintf(`SELECT i.id FROM inspections i JOIN outbox o ON o.inspection_id = i.id
WHERE %s AND NOT EXISTS (SELECT 1 FROM evidence e WHERE e.inspection_id = i.id AND e.deleted_at IS NULL) ORDER BY i.seq LIMIT %d`,
		kind, max(limit, 0)))
}

// HandedBefore returns at most limit inspections that the server has had since
// before a time, with nothing open, the oldest first.
func (s *Store) HandedBefore(ctx context.Context, before time.Time, limit int) ([]string, error) {
	return readAll(ctx, s, "handed before", scanText, fmt.Sprintf(`SELECT o.inspection_id FROM outbox o
WHERE o.revision <= o.acknowledged AND o.acknowledged_at < $1
AND NOT EXISTS (SELECT 1 FROM prompts p WHERE p.inspection_id = o.inspection_id AND p.state = 'open')
ORDER BY o.acknowledged_at LIMIT %d`, max(limit, 0)), micros(before))
}

// Forget deletes an inspection and all that belongs to it from an agent's
// records. Its pictures must have been deleted before.
func (s *Store) Forget(ctx context.Context, ids ...string) error {
	return s.write(ctx, "forget", func(ctx context.Context, tx *txn) error {
		for _, id := range ids {
			for _, table := range []string{"outbox", "relayed", "prompts", "reviews", "evidence"} {
				if err := tx.exec(ctx, `DELETE FROM `+table+` WHERE inspection_id = $1`, id); err != nil {
					return err
				}
			}
			if err := tx.exec(ctx, `DELETE FROM inspections WHERE id = $1`, id); err != nil {
				return err
			}
		}
		return nil
	})
}

func scanText(row scanner) (text string, err error) {
	err = row.Scan(&text)
	return text, err
}

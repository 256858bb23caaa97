package store

import (
	"context"
	"fmt"
	"strconv"

	"github.com/binside/binside/server/deletion"
)

const selectDeletions = `SELECT seq, at, reason, object_key, sha256, inspection_id, ordinal, previous, key_id, hash, signature FROM deletions`

func scanDeletion(row scanner) (e deletion.Entry, err error) {
	err = row.Scan(&e.Seq, at(&e.At), &e.Reason, &e.Key, &e.SHA256, &e.InspectionID, &e.Ordinal, &e.Previous, &e.KeyID, &e.Hash, &e.Signature)
	return e, err
}

// LogDeletions seals entries and adds them to the deletion log, and marks the
// evidence that they name as deleted, all in one transaction: there is no other
// way to mark it. Call it after the objects are gone. Evidence that is marked
// already, be it by another process, gets no second entry. An entry whose reason
// is deletion.Withdrawn takes the sample's record away likewise.
//
// Processes that write at once wait for each other, so that the log is one
// chain. The first call begins the log with an entry of its own.
func (s *Store) LogDeletions(ctx context.Context, signer *deletion.Signer, entries ...deletion.Entry) error {
	return s.write(ctx, "log deletions", func(ctx context.Context, tx *txn) error {
		if err := s.lockTable(ctx, tx, "deletions"); err != nil {
			return err
		}
		head, err := deletionHead(ctx, tx)
		if err != nil {
			return err
		}
		if head == deletion.Start {
			begun := deletion.Entry{At: s.now(), Reason: deletion.Begun, Ordinal: deletion.NoOrdinal}
			if head, err = addDeletion(ctx, tx, signer, begun, head); err != nil {
				return err
			}
		}
		for _, e := range entries {
			if e.Reason == deletion.Withdrawn {
				n, err := tx.execN(ctx, `DELETE FROM samples WHERE id = $1`, e.SHA256)
				if err != nil {
					return err
				}
				if n == 0 {
					continue
				}
			}
			if e.Ordinal != deletion.NoOrdinal {
				n, err := tx.execN(ctx, `UPDATE evidence SET deleted_at = $1 WHERE inspection_id = $2 AND ordinal = $3 AND deleted_at IS NULL`,
					micros(e.At), e.InspectionID, e.Ordinal)
				if err != nil {
					return err
				}
				if n == 0 {
					continue
				}
			}
			if head, err = addDeletion(ctx, tx, signer, e, head); err != nil {
				return err
			}
		}
		return nil
	})
}

// deletionHead is the log's last entry, or deletion.Start.
func deletionHead(ctx context.Context, q querier) (deletion.Head, error) {
	last, err := rowsOf(ctx, q, scanDeletion, selectDeletions+` ORDER BY seq DESC LIMIT 1`)
	if err != nil || len(last) == 0 {
		return deletion.Start, err
	}
	return last[0].Head(), nil
}

func addDeletion(ctx context.Context, tx *txn, signer *deletion.Signer, e deletion.Entry, head deletion.Head) (deletion.Head, error) {
	if err := signer.Seal(&e, head); err != nil {
		return head, err
	}
	key := signer.Public()
	if err := tx.exec(ctx, `INSERT INTO deletion_keys (id, public_key) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING`, key.ID, key.Key); err != nil {
		return head, err
	}
	err := tx.exec(ctx, `INSERT INTO deletions (seq, at, reason, object_key, sha256, inspection_id, ordinal, previous, key_id, hash, signature)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		e.Seq, micros(e.At), e.Reason, e.Key, e.SHA256, e.InspectionID, e.Ordinal, e.Previous, e.KeyID, e.Hash, e.Signature)
	return e.Head(), err
}

// DeletionState is the log's last entry (deletion.Start for an empty one) and
// the keys that have signed, by one snapshot.
func (s *Store) DeletionState(ctx context.Context) (head deletion.Head, keys []deletion.PublicKey, err error) {
	err = s.snapshot(ctx, "deletion state", func(ctx context.Context, tx *txn) error {
		if head, err = deletionHead(ctx, tx); err != nil {
			return err
		}
		keys, err = rowsOf(ctx, tx, func(row scanner) (k deletion.PublicKey, err error) {
			err = row.Scan(&k.ID, &k.Key)
			return k, err
		}, `SELECT id, public_key FROM deletion_keys ORDER BY id`)
		return err
	})
	return head, keys, err
}

// ListDeletions returns entries newest first, and the cursor of the next page,
// empty on the last one. ErrInvalid: after is no cursor of ours.
func (s *Store) ListDeletions(ctx context.Context, after string, limit int) (items []deletion.Entry, next string, err error) {
	var w where
	if after != "" {
		seq, err := strconv.ParseInt(after, 10, 64)
		if err != nil {
			return nil, "", wrap("list deletions", fmt.Errorf("%w: cursor %q", ErrInvalid, after))
		}
		w.add(`seq < $`, seq)
	}
	n := page(limit)
	items, err = readAll(ctx, s, "list deletions", scanDeletion, fmt.Sprintf(`%s%s ORDER BY seq DESC LIMIT %d`, selectDeletions, w.String(), n+1), w.args...)
	if err != nil || len(items) <= n {
		return items, "", err
	}
	return items[:n], strconv.FormatInt(items[n-1].Seq, 10), nil
}

// EachDeletion calls fn for every entry up to a sequence number, the first
// entry first. It ends with fn's first error, returned as it is.
func (s *Store) EachDeletion(ctx context.Context, upTo int64, fn func(deletion.Entry) error) error {
	for last := int64(0); ; {
		items, err := readAll(ctx, s, "each deletion", scanDeletion,
			fmt.Sprintf(`%s WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT %d`, selectDeletions, MaxPage), last, upTo)
		if err != nil {
			return err
		}
		for _, e := range items {
			if err := fn(e); err != nil {
				return err
			}
			last = e.Seq
		}
		if len(items) < MaxPage {
			return nil
		}
	}
}

// UnloggedDeletions counts the evidence that was marked as deleted since the
// log began and is in no entry of it: there must be none. What a station's agent
// had deleted before it handed the record in is in that station's log.
func (s *Store) UnloggedDeletions(ctx context.Context) (int64, error) {
	return readOne(ctx, s, "unlogged deletions", scanInt, `SELECT COUNT(*) FROM evidence e
WHERE e.deleted_at >= (SELECT MIN(at) FROM deletions)
 AND NOT EXISTS (SELECT 1 FROM deletions d WHERE d.inspection_id = e.inspection_id AND d.ordinal = e.ordinal)
 AND NOT EXISTS (SELECT 1 FROM relayed h WHERE h.inspection_id = e.inspection_id AND e.deleted_at <= h.handed_at)`)
}

package store

import (
	"context"
	"fmt"
	"time"

	"github.com/binside/binside/datasets"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/inspection"
)

// SaveReview appends a supervisor's decision to an inspection and stores the
// labelled samples that follow from it (none where no evidence was kept), all
// in one transaction, and returns the inspection with that review. Earlier
// reviews are kept; the latest counts. The samples' images must lie under
// keys of their own, so that retention of evidence never takes them away.
// ErrNotFound: no such inspection.
func (s *Store) SaveReview(ctx context.Context, id string, r inspection.Review, samples ...datasets.Sample) (*inspection.Inspection, error) {
	if r.At.IsZero() {
		r.At = s.now()
	}
	err := s.write(ctx, "save review", func(ctx context.Context, tx *txn) error {
		var ordinal int64
		// The update locks the inspection's row: two reviews at once get
		// different ordinals.
		err := tx.queryRow(ctx, `UPDATE inspections SET reviews = reviews + 1 WHERE id = $1 RETURNING reviews`, id).Scan(&ordinal)
		if err != nil {
			return err
		}
		err = tx.exec(ctx, `INSERT INTO reviews (inspection_id, ordinal, decision, category, item_class, decided_by, decided_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			id, ordinal, string(r.Decision), r.Category, r.ItemClass, r.By, micros(r.At))
		if err != nil {
			return err
		}
		for n := range samples {
			if err := upsertSample(ctx, tx, &samples[n]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s.GetInspection(ctx, id)
}

// ListReviews returns all reviews of an inspection, oldest first; none for an
// unknown id.
func (s *Store) ListReviews(ctx context.Context, inspectionID string) ([]inspection.Review, error) {
	return readAll(ctx, s, "list reviews", func(row scanner) (inspection.Review, error) {
		var r inspection.Review
		err := row.Scan(&r.Decision, &r.Category, &r.ItemClass, &r.By, at(&r.At))
		return r, err
	}, `SELECT decision, category, item_class, decided_by, decided_at FROM reviews WHERE inspection_id = $1 ORDER BY ordinal`, inspectionID)
}

// CountFilter selects inspections to count, by CapturedAt: From inclusive, To
// exclusive; zero values select all.
type CountFilter struct {
	StationID string
	From, To  time.Time
}

// Count is how many inspections of one bin have one verdict.
type Count struct {
	StationID, BinID string
	Verdict          string
	N, Unreviewed    int64
}

// CountInspections counts by station, bin and verdict, in that order;
// combinations that do not occur are left out.
func (s *Store) CountInspections(ctx context.Context, f CountFilter) ([]Count, error) {
	w := filterInspections(inspection.Filter{StationID: f.StationID, From: f.From, To: f.To})
	return readAll(ctx, s, "count inspections", func(row scanner) (Count, error) {
		var c Count
		err := row.Scan(&c.StationID, &c.BinID, &c.Verdict, &c.N, &c.Unreviewed)
		return c, err
	}, fmt.Sprintf(`SELECT i.station_id, i.bin_id, i.verdict, COUNT(*), SUM(CASE WHEN %s THEN 1 ELSE 0 END)
FROM inspections i%s GROUP BY i.station_id, i.bin_id, i.verdict ORDER BY i.station_id, i.bin_id, i.verdict`, undecided, w.String()), w.args...)
}

// EvidenceRef names one stored evidence image.
type EvidenceRef struct {
	InspectionID string
	Ordinal      int
	Key          string
	SHA256       string
	// Verdict is that of the inspection, by which it was kept.
	Verdict verdict.Verdict
}

// EvidenceDue returns at most limit evidence images whose retention ended at
// or before now and that are not yet marked deleted, the longest due first. What
// a resident objected to after heldFrom waits until somebody has decided.
func (s *Store) EvidenceDue(ctx context.Context, now, heldFrom time.Time, limit int) ([]EvidenceRef, error) {
	return readAll(ctx, s, "evidence due", func(row scanner) (EvidenceRef, error) {
		var e EvidenceRef
		err := row.Scan(&e.InspectionID, &e.Ordinal, &e.Key, &e.SHA256, &e.Verdict)
		return e, err
	}, fmt.Sprintf(`SELECT e.inspection_id, e.ordinal, e.object_key, e.sha256, i.verdict FROM evidence e JOIN inspections i ON i.id = e.inspection_id
WHERE e.deleted_at IS NULL AND e.expires_at <= $1 AND NOT EXISTS (SELECT 1 FROM prompts c
 WHERE c.inspection_id = e.inspection_id AND c.state = 'appealed' AND c.ended_at > $2
 AND NOT EXISTS (SELECT 1 FROM reviews d WHERE d.inspection_id = c.inspection_id AND d.decided_at >= c.ended_at))
ORDER BY e.expires_at, e.inspection_id, e.ordinal LIMIT %d`, max(limit, 0)), micros(now), micros(heldFrom))
}

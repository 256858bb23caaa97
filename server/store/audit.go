package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/binside/binside/models/verdict"
)

// AuditFilter selects inspections of one station that were all decided in the
// same way, by CapturedAt: From inclusive, To exclusive.
type AuditFilter struct {
	StationID                             string
	Model, Taxonomy, HarmVersion, Version string
	From, To                              time.Time
}

// Audit is what people could see of a station's deposits.
type Audit struct {
	// Passes is how many deposits passed, seen or not.
	Passes int
	// Shown are those that are shown to people: flagged (tell, check), and
	// passes that were kept by chance.
	Shown []Audited
}

// Audited is one deposit that is shown to people; see inspection.Inspection.
type Audited struct {
	Verdict    verdict.Verdict
	Reason     string
	Category   string
	Confidence float64
	Categories map[string]float64
	Accepts    []string
	Score      float64
	// Truth is the category by the latest review, empty where there is none.
	Truth string
}

// AuditStation reads what a station's reviews say, all from one snapshot.
func (s *Store) AuditStation(ctx context.Context, f AuditFilter) (a Audit, err error) {
	var w where
	for _, c := range []struct{ column, value string }{
		{"station_id", f.StationID}, {"model_version", f.Model}, {"taxonomy_version", f.Taxonomy},
		{"harm_version", f.HarmVersion}, {"rule_version", f.Version},
	} {
		w.add(`i.`+c.column+` = $`, c.value)
	}
	w.add(`i.captured_at >= $ AND i.captured_at < $`, micros(f.From), micros(f.To))
	err = s.snapshot(ctx, "audit station", func(ctx context.Context, tx *txn) error {
		row := tx.queryRow(ctx, `SELECT COUNT(*) FROM inspections i`+w.String()+` AND i.verdict = 'pass'`, w.args...)
		if err := row.Scan(&a.Passes); err != nil {
			return err
		}
		a.Shown, err = rowsOf(ctx, tx, scanAudited, `SELECT i.verdict, i.reason, i.category, i.confidence, i.categories, i.accepts, i.score, r.category
FROM inspections i LEFT JOIN reviews r ON r.inspection_id = i.id AND r.ordinal = i.reviews`+w.String()+`
 AND (i.verdict IN ('tell', 'check') OR i.verdict = 'pass' AND i.sampled) ORDER BY i.seq`, w.args...)
		return err
	})
	return a, err
}

func scanAudited(row scanner) (a Audited, err error) {
	var truth sql.NullString
	err = row.Scan(&a.Verdict, &a.Reason, &a.Category, &a.Confidence, fromJSON(&a.Categories), fromJSON(&a.Accepts), &a.Score, &truth)
	a.Truth = truth.String
	return a, err
}

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/binside/binside/server/inspection"
)

// errKnown ends a transaction that found its inspection already stored.
var errKnown = errors.New("already stored")

const (
	nextSeq = `UPDATE counters SET value = value + 1 WHERE name = 'inspection' RETURNING value`

	insertInspection = `INSERT INTO inspections (seq, id, station_id, bin_id, camera_id, source, captured_at, received_at, decided_at,
 verdict, reason, category, item_class, confidence, categories, classes, accepts, model_version, taxonomy_version, rule_version, sampled,
 score, tell_at, miss, pass_at, bound_level, harm_version, agreement, strangeness, reading)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
 $22, $23, $24, $25, $26, $27, $28, $29, $30) ON CONFLICT (id) DO NOTHING`

	insertEvidence = `INSERT INTO evidence (inspection_id, ordinal, object_key, sha256, bytes, width, height, item, expires_at, deleted_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`

	selectSeq = `SELECT seq FROM inspections WHERE id = $1`
)

// SaveInspection stores an inspection with its evidence index in one
// transaction and sets i.Seq. A second save of the same ID, from whichever
// process, changes nothing, returns created false and sets i.Seq to the stored
// one; ErrConflict is never returned. When it returns without error the record
// is on disk.
//
// Seq grows by one in the order of committing: whoever has seen n will never
// see a smaller number appear afterwards. i.Review and i.Prompt are
// not looked at. Evidence
// with a zero ExpiresAt is kept for ever.
func (s *Store) SaveInspection(ctx context.Context, i *inspection.Inspection) (created bool, err error) {
	row, err := inspectionRow(i)
	if err != nil {
		return false, wrap("save inspection", err)
	}
	var seq int64
	err = s.write(ctx, "save inspection", func(ctx context.Context, tx *txn) error {
		if seq, err = insert(ctx, tx, i, row); err != nil {
			return err
		}
		return s.post(ctx, tx, i, seq)
	})
	if errors.Is(err, errKnown) {
		seq, err = readOne(ctx, s, "save inspection", scanInt, selectSeq, i.ID)
		if err == nil {
			i.Seq = seq
		}
		return false, err
	}
	if err != nil {
		return false, err
	}
	i.Seq = seq
	return true, nil
}

// insert stores the inspection and its evidence index; errKnown: it is there.
func insert(ctx context.Context, tx *txn, i *inspection.Inspection, row []any) (seq int64, err error) {
	// The counter's row is locked until the transaction ends, in both
	// engines, so that numbers become visible in their order.
	if err := tx.queryRow(ctx, nextSeq).Scan(&seq); err != nil {
		return 0, err
	}
	n, err := tx.execN(ctx, insertInspection, append([]any{seq}, row...)...)
	if err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, errKnown
	}
	return seq, saveEvidence(ctx, tx, i)
}

func inspectionRow(i *inspection.Inspection) ([]any, error) {
	if i.ID == "" {
		return nil, fmt.Errorf("%w: an inspection without id", ErrInvalid)
	}
	for _, f := range []struct {
		name  string
		value float64
	}{{"confidence", i.Confidence}, {"score", i.Score}, {"tell_at", i.TellAt}, {"miss", i.Miss}, {"pass_at", i.PassAt}} {
		if math.IsNaN(f.value) || math.IsInf(f.value, 0) {
			return nil, fmt.Errorf("%w: %s %v", ErrInvalid, f.name, f.value)
		}
	}
	for name, v := range map[string]*float64{"agreement": i.Agreement, "strangeness": i.Strangeness} {
		if v != nil && (math.IsNaN(*v) || math.IsInf(*v, 0)) {
			return nil, fmt.Errorf("%w: %s is %v, allowed is a finite number", ErrInvalid, name, *v)
		}
	}
	var texts [3]string
	for n, v := range []any{i.Categories, i.Classes, i.Accepts} {
		var err error
		if texts[n], err = toJSON(v); err != nil {
			return nil, err
		}
	}
	reading, err := readingRow(i.Reading)
	if err != nil {
		return nil, err
	}
	return []any{i.ID, i.StationID, i.BinID, i.CameraID, string(i.Source), micros(i.CapturedAt), micros(i.ReceivedAt), micros(i.DecidedAt),
		string(i.Verdict), i.Reason, i.Category, i.ItemClass, i.Confidence, texts[0], texts[1], texts[2],
		i.ModelVersion, i.TaxonomyVersion, i.RuleVersion, i.Sampled,
		i.Score, i.TellAt, i.Miss, i.PassAt, string(i.BoundLevel), i.HarmVersion, i.Agreement, i.Strangeness, reading}, nil
}

func saveEvidence(ctx context.Context, tx *txn, i *inspection.Inspection) error {
	for _, e := range i.Evidence {
		var item sql.NullString
		if e.Item != nil {
			text, err := toJSON(e.Item)
			if err != nil {
				return err
			}
			item = sql.NullString{String: text, Valid: true}
		}
		var deleted time.Time
		if e.DeletedAt != nil {
			deleted = *e.DeletedAt
		}
		err := tx.exec(ctx, insertEvidence, i.ID, e.Ordinal, e.Key, e.SHA256, e.Bytes, e.Width, e.Height, item,
			nullMicros(e.ExpiresAt), nullMicros(deleted))
		if err != nil {
			return err
		}
	}
	return nil
}

const selectInspections = `SELECT i.seq, i.id, i.station_id, i.bin_id, i.camera_id, i.source, i.captured_at, i.received_at, i.decided_at,
 i.verdict, i.reason, i.category, i.item_class, i.confidence, i.categories, i.classes, i.accepts, i.model_version, i.taxonomy_version,
 i.rule_version, i.sampled, i.score, i.tell_at, i.miss, i.pass_at, i.bound_level, i.harm_version, i.agreement, i.strangeness, i.reading,
 r.decision, r.category, r.item_class, r.decided_by, r.decided_at, ` + selectPrompt + `,
 h.handed_at, h.clock_offset
FROM inspections i LEFT JOIN reviews r ON r.inspection_id = i.id AND r.ordinal = i.reviews LEFT JOIN prompts p ON p.inspection_id = i.id
 LEFT JOIN relayed h ON h.inspection_id = i.id`

// undecided keeps what nobody has decided: neither a supervisor nor the
// resident, who has put it right, nor the camera, which has seen that nothing
// was thrown in. An appeal that came after the review waits for another.
const undecided = `NOT EXISTS (SELECT 1 FROM prompts c WHERE c.inspection_id = i.id AND c.state IN ('corrected', 'withdrawn'))
 AND (i.reviews = 0 OR EXISTS (SELECT 1 FROM prompts c JOIN reviews d ON d.inspection_id = c.inspection_id
 WHERE c.inspection_id = i.id AND c.state = 'appealed' AND d.ordinal = i.reviews AND d.decided_at < c.ended_at))`

// appealed keeps what a resident has objected to.
const appealed = `EXISTS (SELECT 1 FROM prompts c WHERE c.inspection_id = i.id AND c.state = 'appealed')`

func scanInspection(row scanner) (*inspection.Inspection, error) {
	var (
		i                            inspection.Inspection
		decision, category, item, by sql.NullString
		reviewed                     time.Time
		prompt                       promptRow
		handed                       time.Time
		offset                       sql.NullInt64
	)
	err := row.Scan(append([]any{&i.Seq, &i.ID, &i.StationID, &i.BinID, &i.CameraID, &i.Source, at(&i.CapturedAt), at(&i.ReceivedAt), at(&i.DecidedAt),
		&i.Verdict, &i.Reason, &i.Category, &i.ItemClass, &i.Confidence, fromJSON(&i.Categories), fromJSON(&i.Classes), fromJSON(&i.Accepts),
		&i.ModelVersion, &i.TaxonomyVersion, &i.RuleVersion, &i.Sampled,
		&i.Score, &i.TellAt, &i.Miss, &i.PassAt, &i.BoundLevel, &i.HarmVersion, &i.Agreement, &i.Strangeness, readingScanner{&i.Reading}, &decision, &category, &item, &by, at(&reviewed)},
		append(prompt.dest(), at(&handed), &offset)...)...)
	if err != nil {
		return nil, err
	}
	if decision.Valid {
		i.Review = &inspection.Review{
			Decision: inspection.Decision(decision.String), Category: category.String, ItemClass: item.String, By: by.String, At: reviewed,
		}
	}
	i.Prompt = prompt.prompt()
	if offset.Valid {
		i.Relay = &inspection.Relay{HandedAt: handed, ClockOffset: offset.Int64}
	}
	return &i, nil
}

// GetInspection returns one inspection with its evidence and its latest
// review, or ErrNotFound.
func (s *Store) GetInspection(ctx context.Context, id string) (*inspection.Inspection, error) {
	items, err := s.inspections(ctx, "get inspection", selectInspections+` WHERE i.id = $1`, id)
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return nil, wrap("get inspection", fmt.Errorf("%w: %s", ErrNotFound, id))
	}
	return items[0], nil
}

// ListInspections returns the inspections that f selects, each with evidence
// and latest review: newest first, or oldest first where f.AfterSeq is set (-1
// begins at the very oldest). The next page's BeforeSeq (or AfterSeq) is the
// last one's Seq.
func (s *Store) ListInspections(ctx context.Context, f inspection.Filter) ([]*inspection.Inspection, error) {
	w := filterInspections(f)
	order := `DESC`
	if f.AfterSeq != 0 {
		order = `ASC`
	}
	query := fmt.Sprintf(`%s%s ORDER BY i.seq %s LIMIT %d`, selectInspections, w.String(), order, page(f.Limit))
	return s.inspections(ctx, "list inspections", query, w.args...)
}

func filterInspections(f inspection.Filter) where {
	var w where
	if f.StationID != "" {
		w.add(`i.station_id = $`, f.StationID)
	}
	if f.BinID != "" {
		w.add(`i.bin_id = $`, f.BinID)
	}
	if len(f.Verdicts) > 0 {
		values := make([]any, len(f.Verdicts))
		for n, v := range f.Verdicts {
			values[n] = string(v)
		}
		w.add(`i.verdict IN (`+marks(len(values))+`)`, values...)
	}
	if !f.From.IsZero() {
		w.add(`i.captured_at >= $`, micros(f.From))
	}
	if !f.To.IsZero() {
		w.add(`i.captured_at < $`, micros(f.To))
	}
	if f.Unreviewed {
		w.add(undecided)
	}
	if f.Appealed {
		w.add(appealed)
	}
	if f.BeforeSeq > 0 {
		w.add(`i.seq < $`, f.BeforeSeq)
	}
	if f.AfterSeq != 0 {
		w.add(`i.seq > $`, f.AfterSeq)
	}
	return w
}

// LastSeq returns the Seq of the inspection stored last, 0 where there is
// none.
func (s *Store) LastSeq(ctx context.Context) (int64, error) {
	return readOne(ctx, s, "last seq", scanInt, `SELECT value FROM counters WHERE name = 'inspection'`)
}

// inspections reads rows of selectInspections and their evidence, both from
// one snapshot.
func (s *Store) inspections(ctx context.Context, op, query string, args ...any) (items []*inspection.Inspection, err error) {
	err = s.snapshot(ctx, op, func(ctx context.Context, tx *txn) error {
		if items, err = rowsOf(ctx, tx, scanInspection, query, args...); err != nil {
			return err
		}
		return loadEvidence(ctx, tx, items)
	})
	return items, err
}

const selectEvidence = `SELECT inspection_id, ordinal, object_key, sha256, bytes, width, height, item, expires_at, deleted_at FROM evidence`

type evidenceRow struct {
	id string
	inspection.Evidence
}

func scanEvidence(row scanner) (evidenceRow, error) {
	var (
		e       evidenceRow
		deleted time.Time
	)
	err := row.Scan(&e.id, &e.Ordinal, &e.Key, &e.SHA256, &e.Bytes, &e.Width, &e.Height, fromJSON(&e.Item), at(&e.ExpiresAt), at(&deleted))
	if !deleted.IsZero() {
		e.DeletedAt = &deleted
	}
	return e, err
}

func loadEvidence(ctx context.Context, tx *txn, items []*inspection.Inspection) error {
	if len(items) == 0 {
		return nil
	}
	byID := make(map[string]*inspection.Inspection, len(items))
	ids := make([]any, len(items))
	for n, i := range items {
		byID[i.ID], ids[n] = i, i.ID
		i.Evidence = []inspection.Evidence{}
	}
	var w where
	w.add(`inspection_id IN (`+marks(len(ids))+`)`, ids...)
	rows, err := rowsOf(ctx, tx, scanEvidence, selectEvidence+w.String()+` ORDER BY inspection_id, ordinal`, w.args...)
	for _, e := range rows {
		i := byID[e.id]
		i.Evidence = append(i.Evidence, e.Evidence)
	}
	return err
}

// marks is n comma-separated placeholders for where.add.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat(`$, `, n), `, `) }

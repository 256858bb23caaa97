package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/binside/binside/server/inspection"
)

// OpenPrompt stores the prompt of an inspection, open or withheld. Of a second
// one for the same inspection nothing is stored, and opened is false.
// ErrNotFound: no such inspection.
func (s *Store) OpenPrompt(ctx context.Context, i *inspection.Inspection, p inspection.Prompt) (opened bool, err error) {
	steps, err := stepsJSON(&p)
	if err != nil {
		return false, wrap("open prompt", err)
	}
	err = s.write(ctx, "open prompt", func(ctx context.Context, tx *txn) error {
		n, err := tx.execN(ctx, `INSERT INTO prompts (inspection_id, station_id, state, means, receipt, opened_at, until_at, ended_at, steps)
VALUES ($1, $2, $3, $4, '', $5, $6, $7, $8) ON CONFLICT (inspection_id) DO NOTHING`,
			i.ID, i.StationID, string(p.State), p.Means, micros(p.OpenedAt), micros(p.Until), optMicros(p.EndedAt), steps)
		opened = n > 0
		if err != nil || !opened {
			return err
		}
		return s.repost(ctx, tx, i.ID)
	})
	return opened, err
}

func stepsJSON(p *inspection.Prompt) (text sql.NullString, err error) {
	if p.Steps == nil {
		return text, nil
	}
	text.Valid = true
	text.String, err = toJSON(p.Steps)
	return text, err
}

// EndPrompt ends an open prompt and returns its inspection. ErrNotFound: the
// inspection has no prompt. ErrConflict: it has ended before.
func (s *Store) EndPrompt(ctx context.Context, id string, state inspection.PromptState, means, receipt string, at time.Time) (*inspection.Inspection, error) {
	return s.changePrompt(ctx, "end prompt", id,
		`UPDATE prompts SET state = $1, means = $2, receipt = $3, ended_at = $4 WHERE inspection_id = $5 AND state = 'open'`,
		string(state), means, receipt, micros(at), id)
}

// RemovePrompt notes that the item of an open prompt has left the wrong bin,
// and until when it may be put right now; it returns the inspection.
// ErrNotFound: the inspection has no prompt. ErrConflict: it has ended, or this
// was noted before.
func (s *Store) RemovePrompt(ctx context.Context, id string, at, until time.Time) (*inspection.Inspection, error) {
	return s.changePrompt(ctx, "note removal", id,
		`UPDATE prompts SET removed_at = $1, until_at = $2 WHERE inspection_id = $3 AND state = 'open' AND removed_at IS NULL`,
		micros(at), micros(until), id)
}

// ShowPrompt notes that a screen shows a prompt and returns its inspection.
// ErrNotFound: the inspection has no prompt. ErrConflict: one has shown it
// before.
func (s *Store) ShowPrompt(ctx context.Context, id string, at time.Time) (*inspection.Inspection, error) {
	return s.changePrompt(ctx, "note showing", id,
		`UPDATE prompts SET shown_at = $1 WHERE inspection_id = $2 AND shown_at IS NULL`, micros(at), id)
}

// LookAtAppeal notes that a supervisor has opened an appealed prompt and
// returns its inspection. ErrNotFound: the inspection has no prompt.
// ErrConflict: it is not appealed, or one has opened it before.
func (s *Store) LookAtAppeal(ctx context.Context, id string, at time.Time) (*inspection.Inspection, error) {
	return s.changePrompt(ctx, "note look", id,
		`UPDATE prompts SET looked_at = $1 WHERE inspection_id = $2 AND state = 'appealed' AND looked_at IS NULL`, micros(at), id)
}

// changePrompt runs an update of one prompt.
func (s *Store) changePrompt(ctx context.Context, op, id, query string, args ...any) (*inspection.Inspection, error) {
	err := s.write(ctx, op, func(ctx context.Context, tx *txn) error {
		n, err := tx.execN(ctx, query, args...)
		if err != nil {
			return err
		}
		if n > 0 {
			return s.repost(ctx, tx, id)
		}
		known, err := scanInt(tx.queryRow(ctx, `SELECT COUNT(*) FROM prompts WHERE inspection_id = $1`, id))
		if err != nil {
			return err
		}
		if known == 0 {
			return fmt.Errorf("%w: no prompt of %s", ErrNotFound, id)
		}
		return fmt.Errorf("%w: the prompt of %s is past that", ErrConflict, id)
	})
	if err != nil {
		return nil, err
	}
	return s.GetInspection(ctx, id)
}

// OpenPrompts returns the inspections whose prompts are open at a station (""
// for all), the oldest first, at most MaxPage.
func (s *Store) OpenPrompts(ctx context.Context, stationID string) ([]*inspection.Inspection, error) {
	var w where
	w.add(`p.state = 'open'`)
	if stationID != "" {
		w.add(`p.station_id = $`, stationID)
	}
	return s.inspections(ctx, "open prompts", fmt.Sprintf(`%s%s ORDER BY p.until_at, i.seq LIMIT %d`, selectInspections, w.String(), MaxPage), w.args...)
}

// CountPrompts is how many prompts were shown at a station since a time.
func (s *Store) CountPrompts(ctx context.Context, stationID string, since time.Time) (int64, error) {
	return readOne(ctx, s, "count prompts", scanInt,
		`SELECT COUNT(*) FROM prompts WHERE station_id = $1 AND opened_at >= $2 AND state <> 'withheld'`, stationID, micros(since))
}

// AppealByReceipt returns the appealed inspection that a receipt stands for, or
// ErrNotFound.
func (s *Store) AppealByReceipt(ctx context.Context, receipt string) (*inspection.Inspection, error) {
	if receipt == "" {
		return nil, wrap("appeal", ErrNotFound)
	}
	items, err := s.inspections(ctx, "appeal", selectInspections+` WHERE p.receipt = $1`, receipt)
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return nil, wrap("appeal", ErrNotFound)
	}
	return items[0], nil
}

// MaxTimeLines is how many time lines one call returns at most.
const MaxTimeLines = 5000

// TimeLines returns those of the prompts that a station's screen has shown
// since a time, the latest first, at most MaxTimeLines.
func (s *Store) TimeLines(ctx context.Context, stationID string, since time.Time) ([]inspection.TimeLine, error) {
	return readAll(ctx, s, "time lines", func(row scanner) (inspection.TimeLine, error) {
		i := inspection.Inspection{Prompt: &inspection.Prompt{}}
		var shown time.Time
		err := row.Scan(at(&i.CapturedAt), at(&i.ReceivedAt), at(&i.DecidedAt), at(&i.Prompt.OpenedAt), at(&shown), fromJSON(&i.Prompt.Steps))
		i.Prompt.ShownAt = &shown
		return i.TimeLine(), err
	}, fmt.Sprintf(`SELECT i.captured_at, i.received_at, i.decided_at, p.opened_at, p.shown_at, p.steps
FROM prompts p JOIN inspections i ON i.id = p.inspection_id
WHERE p.station_id = $1 AND p.opened_at >= $2 AND p.shown_at IS NOT NULL ORDER BY p.opened_at DESC LIMIT %d`, MaxTimeLines), stationID, micros(since))
}

// selectPrompt are the columns of promptRow.
const selectPrompt = `p.state, p.means, p.receipt, p.opened_at, p.until_at, p.ended_at, p.removed_at, p.shown_at, p.looked_at, p.steps`

// promptRow scans a prompt that may not be there.
type promptRow struct {
	state, means, receipt  sql.NullString
	opened, until, ended   time.Time
	removed, shown, looked time.Time
	steps                  *inspection.Steps
}

func (r *promptRow) dest() []any {
	return []any{&r.state, &r.means, &r.receipt, at(&r.opened), at(&r.until), at(&r.ended), at(&r.removed), at(&r.shown), at(&r.looked), fromJSON(&r.steps)}
}

func (r *promptRow) prompt() *inspection.Prompt {
	if !r.state.Valid {
		return nil
	}
	return &inspection.Prompt{
		State: inspection.PromptState(r.state.String), Means: r.means.String, Receipt: r.receipt.String,
		OpenedAt: r.opened, Until: r.until, EndedAt: optional(r.ended),
		RemovedAt: optional(r.removed), ShownAt: optional(r.shown), LookedAt: optional(r.looked), Steps: r.steps,
	}
}

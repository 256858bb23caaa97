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
	err = s.write(ctx, "open prompt", func(ctx context.Context, tx *txn) error {
		n, err := tx.execN(ctx, `INSERT INTO prompts (inspection_id, station_id, state, means, receipt, opened_at, until_at, ended_at)
VALUES ($1, $2, $3, $4, '', $5, $6, $7) ON CONFLICT (inspection_id) DO NOTHING`,
			i.ID, i.StationID, string(p.State), p.Means, micros(p.OpenedAt), micros(p.Until), optMicros(p.EndedAt))
		opened = n > 0
		if err != nil || !opened {
			return err
		}
		return s.repost(ctx, tx, i.ID)
	})
	return opened, err
}

// EndPrompt ends an open prompt and returns its inspection. ErrNotFound: the
// inspection has no prompt. ErrConflict: it has ended before.
func (s *Store) EndPrompt(ctx context.Context, id string, state inspection.PromptState, means, receipt string, at time.Time) (*inspection.Inspection, error) {
	err := s.write(ctx, "end prompt", func(ctx context.Context, tx *txn) error {
		n, err := tx.execN(ctx, `UPDATE prompts SET state = $1, means = $2, receipt = $3, ended_at = $4 WHERE inspection_id = $5 AND state = 'open'`,
			string(state), means, receipt, micros(at), id)
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
		return fmt.Errorf("%w: the prompt of %s has ended", ErrConflict, id)
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

// promptRow scans a prompt that may not be there.
type promptRow struct {
	state, means, receipt sql.NullString
	opened, until, ended  time.Time
}

func (r *promptRow) dest() []any {
	return []any{&r.state, &r.means, &r.receipt, at(&r.opened), at(&r.until), at(&r.ended)}
}

func (r *promptRow) prompt() *inspection.Prompt {
	if !r.state.Valid {
		return nil
	}
	return &inspection.Prompt{
		State: inspection.PromptState(r.state.String), Means: r.means.String, Receipt: r.receipt.String,
		OpenedAt: r.opened, Until: r.until, EndedAt: optional(r.ended),
	}
}

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/station"
)

// Agent is what a server knows of a station's agent.
type Agent struct {
	StationID string
	// Sequence is that of the newest bundle, made at MadeAt.
	Sequence int64
	MadeAt   time.Time
	// SeenAt is when the last report came, zero where none did; Report is that
	// report as JSON.
	SeenAt time.Time
	Report string
}

// NumberBundle returns the sequence of the bundle whose content has a digest,
// and when that was first asked for. Other content than the last time gets the
// next number; so does the same one where an agent has a higher number than is
// known here, after a restore. Numbers begin at the time in microseconds.
func (s *Store) NumberBundle(ctx context.Context, stationID, digest string, have int64) (a Agent, err error) {
	now := s.now().UTC().Truncate(time.Microsecond)
	a.StationID = stationID
	err = s.write(ctx, "number bundle", func(ctx context.Context, tx *txn) error {
		var known sql.NullString
		row := tx.queryRow(ctx, `SELECT sequence, digest, made_at FROM agents WHERE station_id = $1`+s.forUpdate(), stationID)
		err := row.Scan(&a.Sequence, &known, at(&a.MadeAt))
		switch {
		case err != nil && !errors.Is(err, sql.ErrNoRows):
			return err
		case err == nil && known.String == digest && a.Sequence >= have:
			return nil
		}
		a.MadeAt = now
		a.Sequence = max(a.Sequence+1, have+1, micros(now))
		return tx.exec(ctx, `INSERT INTO agents (station_id, sequence, digest, made_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (station_id) DO UPDATE SET sequence = excluded.sequence, digest = excluded.digest, made_at = excluded.made_at`,
			stationID, a.Sequence, digest, micros(now))
	})
	return a, err
}

// forUpdate locks the rows of a SELECT where a transaction does not lock all.
func (s *Store) forUpdate() string {
	if s.engine == Postgres {
		return ` FOR UPDATE`
	}
	return ``
}

const selectAgents = `SELECT station_id, sequence, made_at, seen_at, COALESCE(report, '') FROM agents`

func scanAgent(row scanner) (a Agent, err error) {
	err = row.Scan(&a.StationID, &a.Sequence, at(&a.MadeAt), at(&a.SeenAt), &a.Report)
	return a, err
}

// Agent returns what is known of a station's agent; ErrNotFound where none has
// ever asked for a bundle.
func (s *Store) Agent(ctx context.Context, stationID string) (Agent, error) {
	return readOne(ctx, s, "agent", scanAgent, selectAgents+` WHERE station_id = $1`, stationID)
}

// Agents returns all of them, by station.
func (s *Store) Agents(ctx context.Context) ([]Agent, error) {
	return readAll(ctx, s, "agents", scanAgent, selectAgents+` ORDER BY station_id`)
}

// SaveReport keeps an agent's report in the place of the one before.
// ErrNotFound: the agent has never asked for a bundle.
func (s *Store) SaveReport(ctx context.Context, stationID, report string, at time.Time) error {
	return s.write(ctx, "save report", func(ctx context.Context, tx *txn) error {
		n, err := tx.execN(ctx, `UPDATE agents SET seen_at = $1, report = $2 WHERE station_id = $3`, micros(at), report, stationID)
		if err == nil && n == 0 {
			err = fmt.Errorf("%w: agent of %s", ErrNotFound, stationID)
		}
		return err
	})
}

// Relayed says what is stored of an inspection that an agent handed in.
type Relayed struct {
	StationID, Digest string
	Revision          int64
	// Shown says that a screen at the station had shown its prompt.
	Shown bool
}

// GetRelayed returns it; ErrNotFound where no inspection has that id. Of one
// that no agent handed in, Digest is empty.
func (s *Store) GetRelayed(ctx context.Context, id string) (Relayed, error) {
	return readOne(ctx, s, "get relayed", scanRelayed, selectRelayed, id)
}

const selectRelayed = `SELECT i.station_id, COALESCE(h.digest, ''), COALESCE(h.revision, 0),
 EXISTS (SELECT 1 FROM prompts p WHERE p.inspection_id = i.id AND p.shown_at IS NOT NULL)
FROM inspections i LEFT JOIN relayed h ON h.inspection_id = i.id WHERE i.id = $1`

func scanRelayed(row scanner) (r Relayed, err error) {
	err = row.Scan(&r.StationID, &r.Digest, &r.Revision, &r.Shown)
	return r, err
}

// SaveRelayed stores an inspection that an agent handed in, its evidence index
// and its prompt, in one transaction, and sets i.Seq and i.Relay. Of one that
// is stored already, with the same digest, only a later revision's prompt is
// taken; changed is then whether it was. ErrConflict: the id is stored with
// another content.
func (s *Store) SaveRelayed(ctx context.Context, i *inspection.Inspection, digest string, revision int64) (created, changed bool, err error) {
	row, err := inspectionRow(i)
	if err != nil {
		return false, false, wrap("save relayed", err)
	}
	err = s.write(ctx, "save relayed", func(ctx context.Context, tx *txn) error {
		known, err := scanRelayed(tx.queryRow(ctx, selectRelayed, i.ID))
		switch {
		case errors.Is(err, sql.ErrNoRows):
			created = true
			if i.Seq, err = insert(ctx, tx, i, row); errors.Is(err, errKnown) {
				return fmt.Errorf("%w: %s is being stored by another", ErrUnavailable, i.ID)
			} else if err != nil {
				return err
			}
			err = tx.exec(ctx, `INSERT INTO relayed (inspection_id, digest, revision, clock_offset, handed_at) VALUES ($1, $2, $3, $4, $5)`,
				i.ID, digest, revision, i.Relay.ClockOffset, micros(i.Relay.HandedAt))
		case err != nil:
			return err
		case known.Digest != digest || known.StationID != i.StationID:
			return fmt.Errorf("%w: %s is stored with another content", ErrConflict, i.ID)
		case known.Revision >= revision:
			return nil
		default:
			changed = true
			err = tx.exec(ctx, `UPDATE relayed SET revision = $1 WHERE inspection_id = $2 AND revision < $1`, revision, i.ID)
		}
		if err != nil || i.Prompt == nil {
			return err
		}
		return savePrompt(ctx, tx, i)
	})
	return created && err == nil, changed && err == nil, err
}

// savePrompt stores a prompt as it stands at the station.
func savePrompt(ctx context.Context, tx *txn, i *inspection.Inspection) error {
	p := i.Prompt
	steps, err := stepsJSON(p)
	if err != nil {
		return err
	}
	// When a supervisor looked at an appeal is the server's own.
	return tx.exec(ctx, `INSERT INTO prompts (inspection_id, station_id, state, means, receipt, opened_at, until_at, ended_at, removed_at, shown_at, steps)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (inspection_id) DO UPDATE SET
state = excluded.state, means = excluded.means, receipt = excluded.receipt, until_at = excluded.until_at, ended_at = excluded.ended_at,
removed_at = excluded.removed_at, shown_at = excluded.shown_at`,
		i.ID, i.StationID, string(p.State), p.Means, p.Receipt, micros(p.OpenedAt), micros(p.Until), optMicros(p.EndedAt),
		optMicros(p.RemovedAt), optMicros(p.ShownAt), steps)
}

// PutPlaces makes an agent's records hold a station, its bins and its cameras
// as they are given, and no others. Inspections at places that go stay, and what
// is remembered of the cameras that do not.
func (s *Store) PutPlaces(ctx context.Context, st *station.Station, bins []station.Bin, cameras []station.Camera) error {
	return s.write(ctx, "put places", func(ctx context.Context, tx *txn) error {
		prompts, err := promptsJSON(st)
		if err != nil {
			return err
		}
		err = tx.exec(ctx, `INSERT INTO stations (id, name, region_path, time_zone, agent, prompts, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, region_path = excluded.region_path, time_zone = excluded.time_zone,
prompts = excluded.prompts, updated_at = excluded.updated_at`,
			st.ID, st.Name, st.RegionPath, st.TimeZone, false, prompts, micros(st.CreatedAt), micros(st.UpdatedAt))
		if err != nil {
			return err
		}
		if err := tx.exec(ctx, `DELETE FROM bins`); err != nil {
			return err
		}
		if err := dropCameras(ctx, tx, cameras); err != nil {
			return err
		}
		for n := range bins {
			if err := insertBin(ctx, tx, &bins[n]); err != nil {
				return err
			}
		}
		for n := range cameras {
			if err := putCamera(ctx, tx, replaceCameras, &cameras[n]); err != nil {
				return err
			}
		}
		return tx.exec(ctx, `DELETE FROM stations WHERE id <> $1`, st.ID)
	})
}

// dropCameras removes all but those that are given.
func dropCameras(ctx context.Context, tx *txn, keep []station.Camera) error {
	var gone where
	if len(keep) > 0 {
		ids := make([]any, len(keep))
		for n, c := range keep {
			ids[n] = c.ID
		}
		gone.add(`id NOT IN (`+marks(len(ids))+`)`, ids...)
	}
	return tx.exec(ctx, `DELETE FROM cameras`+gone.String(), gone.args...)
}

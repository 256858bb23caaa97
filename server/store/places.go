package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/binside/binside/server/station"
)

// MaxPage and DefaultPage bound what one call lists: a limit of 0 means
// DefaultPage, a greater one than MaxPage is cut to MaxPage.
const (
	MaxPage     = 200
	DefaultPage = 50
)

// PlaceFilter selects stations, bins or cameras; zero values select all.
type PlaceFilter struct {
	// StationID keeps the bins or cameras of one station.
	StationID string
	// RegionPath keeps the stations at or below a node of the region tree.
	RegionPath string
	// Here leaves out the cameras that agents on the spot run.
	Here bool
	// After is the cursor that the page before returned.
	After string
	Limit int
}

// CreateStation stores a new station. An empty ID becomes a UUIDv7, zero
// times become now; s is filled in. ErrConflict: the id is taken.
func (s *Store) CreateStation(ctx context.Context, st *station.Station) error {
	s.fresh(&st.ID, &st.CreatedAt, &st.UpdatedAt)
	return s.write(ctx, "create station", func(ctx context.Context, tx *txn) error {
		prompts, err := promptsJSON(st)
		if err != nil {
			return err
		}
		return tx.exec(ctx, `INSERT INTO stations (id, name, region_path, time_zone, agent, prompts, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			st.ID, st.Name, st.RegionPath, st.TimeZone, st.Agent, prompts, micros(st.CreatedAt), micros(st.UpdatedAt))
	})
}

// UpdateStation replaces name, region path, time zone, agent and prompts of the station
// that has st's ID and whose UpdatedAt is still the one in st, and sets UpdatedAt.
// ErrNotFound: no such station. ErrConflict: it was changed since st was read.
func (s *Store) UpdateStation(ctx context.Context, st *station.Station) error {
	updated := s.after(st.UpdatedAt)
	err := s.write(ctx, "update station", func(ctx context.Context, tx *txn) error {
		prompts, err := promptsJSON(st)
		if err != nil {
			return err
		}
		return tx.change(ctx, "stations", st.ID,
			`UPDATE stations SET name = $1, region_path = $2, time_zone = $3, agent = $4, prompts = $5, updated_at = $6 WHERE id = $7 AND updated_at = $8`,
			st.Name, st.RegionPath, st.TimeZone, st.Agent, prompts, micros(updated), st.ID, micros(st.UpdatedAt))
	})
	if err == nil {
		st.UpdatedAt = updated
	}
	return err
}

func promptsJSON(st *station.Station) (text sql.NullString, err error) {
	if st.Prompts == nil {
		return text, nil
	}
	if err := st.Prompts.Validate(); err != nil {
		return text, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	text.Valid = true
	text.String, err = toJSON(st.Prompts)
	return text, err
}

const selectStations = `SELECT id, name, region_path, time_zone, agent, prompts, created_at, updated_at FROM stations`

func scanStation(row scanner) (station.Station, error) {
	var st station.Station
	err := row.Scan(&st.ID, &st.Name, &st.RegionPath, &st.TimeZone, &st.Agent, fromJSON(&st.Prompts), at(&st.CreatedAt), at(&st.UpdatedAt))
	return st, err
}

// GetStation returns one station or ErrNotFound.
func (s *Store) GetStation(ctx context.Context, id string) (station.Station, error) {
	return readOne(ctx, s, "get station", scanStation, selectStations+` WHERE id = $1`, id)
}

// ListStations returns stations by id, and the cursor of the next page, empty
// on the last one.
func (s *Store) ListStations(ctx context.Context, f PlaceFilter) (items []station.Station, next string, err error) {
	var w where
	if f.RegionPath != "" {
		// '0' is the byte after '/': the range holds exactly what lies below.
		w.add(`(region_path = $ OR (region_path >= $ AND region_path < $))`, f.RegionPath, f.RegionPath+"/", f.RegionPath+"0")
	}
	return listPlaces(ctx, s, "list stations", selectStations, w, f, scanStation, func(st station.Station) string { return st.ID })
}

// CreateBin stores a new bin as CreateStation does. ErrNotFound: no such
// station.
func (s *Store) CreateBin(ctx context.Context, b *station.Bin) error {
	s.fresh(&b.ID, &b.CreatedAt, &b.UpdatedAt)
	return s.write(ctx, "create bin", func(ctx context.Context, tx *txn) error { return insertBin(ctx, tx, b) })
}

func insertBin(ctx context.Context, tx *txn, b *station.Bin) error {
	accepts, thresholds, err := binJSON(b)
	if err != nil {
		return err
	}
	return tx.exec(ctx, `INSERT INTO bins (id, station_id, name, accepts, thresholds, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		b.ID, b.StationID, b.Name, accepts, thresholds, micros(b.CreatedAt), micros(b.UpdatedAt))
}

// UpdateBin replaces name, accepts and thresholds as UpdateStation does. The
// station of a bin never changes.
func (s *Store) UpdateBin(ctx context.Context, b *station.Bin) error {
	updated := s.after(b.UpdatedAt)
	err := s.write(ctx, "update bin", func(ctx context.Context, tx *txn) error {
		accepts, thresholds, err := binJSON(b)
		if err != nil {
			return err
		}
		return tx.change(ctx, "bins", b.ID,
			`UPDATE bins SET name = $1, accepts = $2, thresholds = $3, updated_at = $4 WHERE id = $5 AND updated_at = $6`,
			b.Name, accepts, thresholds, micros(updated), b.ID, micros(b.UpdatedAt))
	})
	if err == nil {
		b.UpdatedAt = updated
	}
	return err
}

// DeleteBin removes the bin that has b's ID and whose UpdatedAt is still the one
// in b, and its regions from the station's cameras. What was thrown into it
// stays. ErrNotFound: no such bin. ErrConflict: it was changed since b was read.
func (s *Store) DeleteBin(ctx context.Context, b station.Bin) error {
	return s.write(ctx, "delete bin", func(ctx context.Context, tx *txn) error {
		cameras, err := rowsOf(ctx, tx, scanCamera, selectCameras+` WHERE station_id = $1`+s.forUpdate(), b.StationID)
		if err != nil {
			return err
		}
		for _, c := range cameras {
			kept := slices.DeleteFunc(slices.Clone(c.Regions), func(r station.Region) bool { return r.BinID == b.ID })
			if len(kept) == len(c.Regions) {
				continue
			}
			regions, err := toJSON(kept)
			if err != nil {
				return err
			}
			if err := tx.exec(ctx, `UPDATE cameras SET regions = $1, updated_at = $2 WHERE id = $3`, regions, micros(s.after(c.UpdatedAt)), c.ID); err != nil {
				return err
			}
		}
		return tx.change(ctx, "bins", b.ID, `DELETE FROM bins WHERE id = $1 AND updated_at = $2`, b.ID, micros(b.UpdatedAt))
	})
}

func binJSON(b *station.Bin) (accepts string, thresholds sql.NullString, err error) {
	if accepts, err = toJSON(b.Accepts); err != nil {
		return "", thresholds, err
	}
	if b.Thresholds != nil {
		thresholds.Valid = true
		thresholds.String, err = toJSON(b.Thresholds)
	}
	return accepts, thresholds, err
}

const selectBins = `SELECT id, station_id, name, accepts, thresholds, created_at, updated_at FROM bins`

func scanBin(row scanner) (station.Bin, error) {
	var b station.Bin
	err := row.Scan(&b.ID, &b.StationID, &b.Name, fromJSON(&b.Accepts), fromJSON(&b.Thresholds), at(&b.CreatedAt), at(&b.UpdatedAt))
	return b, err
}

// GetBin returns one bin or ErrNotFound.
func (s *Store) GetBin(ctx context.Context, id string) (station.Bin, error) {
	return readOne(ctx, s, "get bin", scanBin, selectBins+` WHERE id = $1`, id)
}

// ListBins returns bins by id, and the cursor of the next page, empty on the
// last one.
func (s *Store) ListBins(ctx context.Context, f PlaceFilter) (items []station.Bin, next string, err error) {
	var w where
	if f.StationID != "" {
		w.add(`station_id = $`, f.StationID)
	}
	return listPlaces(ctx, s, "list bins", selectBins, w, f, scanBin, func(b station.Bin) string { return b.ID })
}

// CreateCamera stores a new camera as CreateStation does. ErrNotFound: no such
// station. ErrInvalid: a region names a bin that the station does not have.
func (s *Store) CreateCamera(ctx context.Context, c *station.Camera) error {
	s.fresh(&c.ID, &c.CreatedAt, &c.UpdatedAt)
	return s.write(ctx, "create camera", func(ctx context.Context, tx *txn) error { return putCamera(ctx, tx, insertCameras, c) })
}

const insertCameras = `INSERT INTO cameras (id, station_id, name, kind, url, transport, enabled, regions, detector, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`

// replaceCameras is insertCameras that takes the place of a camera with the same id.
const replaceCameras = insertCameras + ` ON CONFLICT (id) DO UPDATE SET station_id = excluded.station_id, name = excluded.name, kind = excluded.kind,
url = excluded.url, transport = excluded.transport, enabled = excluded.enabled, regions = excluded.regions, detector = excluded.detector,
created_at = excluded.created_at, updated_at = excluded.updated_at`

func putCamera(ctx context.Context, tx *txn, query string, c *station.Camera) error {
	regions, detector, err := cameraJSON(ctx, tx, c)
	if err != nil {
		return err
	}
	return tx.exec(ctx, query,
		c.ID, c.StationID, c.Name, string(c.Kind), c.URL, c.Transport, c.Enabled, regions, detector, micros(c.CreatedAt), micros(c.UpdatedAt))
}

// UpdateCamera replaces name, kind, URL, transport, enabled, regions and
// detector as UpdateStation does. The station of a camera never changes.
func (s *Store) UpdateCamera(ctx context.Context, c *station.Camera) error {
	updated := s.after(c.UpdatedAt)
	err := s.write(ctx, "update camera", func(ctx context.Context, tx *txn) error {
		regions, detector, err := cameraJSON(ctx, tx, c)
		if err != nil {
			return err
		}
		return tx.change(ctx, "cameras", c.ID,
			`UPDATE cameras SET name = $1, kind = $2, url = $3, transport = $4, enabled = $5, regions = $6, detector = $7, updated_at = $8 WHERE id = $9 AND updated_at = $10`,
			c.Name, string(c.Kind), c.URL, c.Transport, c.Enabled, regions, detector, micros(updated), c.ID, micros(c.UpdatedAt))
	})
	if err == nil {
		c.UpdatedAt = updated
	}
	return err
}

// DeleteCamera removes the camera that has c's ID and whose UpdatedAt is still
// the one in c, and what is remembered of it. What it saw stays. ErrNotFound: no such camera. ErrConflict: it
// was changed since c was read.
func (s *Store) DeleteCamera(ctx context.Context, c station.Camera) error {
	return s.write(ctx, "delete camera", func(ctx context.Context, tx *txn) error {
		return tx.change(ctx, "cameras", c.ID, `DELETE FROM cameras WHERE id = $1 AND updated_at = $2`, c.ID, micros(c.UpdatedAt))
	})
}

// cameraJSON writes the camera's regions, after checking that their bins stand
// at the camera's station, and its detector's thresholds. An unknown station is
// left to the foreign key.
func cameraJSON(ctx context.Context, tx *txn, c *station.Camera) (regions string, detector sql.NullString, err error) {
	for _, r := range c.Regions {
		var at string
		err := tx.queryRow(ctx, `SELECT station_id FROM bins WHERE id = $1`, r.BinID).Scan(&at)
		if err != nil && !errors.Is(kindOf(err), ErrNotFound) {
			return "", detector, err
		}
		if err != nil || at != c.StationID {
			return "", detector, fmt.Errorf("%w: a region names bin %q, which station %q does not have", ErrInvalid, r.BinID, c.StationID)
		}
	}
	if c.Detector != nil {
		detector.Valid = true
		if detector.String, err = toJSON(c.Detector); err != nil {
			return "", detector, err
		}
	}
	regions, err = toJSON(c.Regions)
	return regions, detector, err
}

const selectCameras = `SELECT id, station_id, name, kind, url, transport, enabled, regions, detector, created_at, updated_at FROM cameras`

func scanCamera(row scanner) (station.Camera, error) {
	var c station.Camera
	err := row.Scan(&c.ID, &c.StationID, &c.Name, &c.Kind, &c.URL, &c.Transport, &c.Enabled, fromJSON(&c.Regions), fromJSON(&c.Detector), at(&c.CreatedAt), at(&c.UpdatedAt))
	return c, err
}

// GetCamera returns one camera or ErrNotFound. Its URL may hold a credential.
func (s *Store) GetCamera(ctx context.Context, id string) (station.Camera, error) {
	return readOne(ctx, s, "get camera", scanCamera, selectCameras+` WHERE id = $1`, id)
}

// ListCameras returns cameras by id, and the cursor of the next page, empty on
// the last one.
func (s *Store) ListCameras(ctx context.Context, f PlaceFilter) (items []station.Camera, next string, err error) {
	var w where
	if f.StationID != "" {
		w.add(`station_id = $`, f.StationID)
	}
	if f.Here {
		w.add(`station_id NOT IN (SELECT id FROM stations WHERE agent)`)
	}
	return listPlaces(ctx, s, "list cameras", selectCameras, w, f, scanCamera, func(c station.Camera) string { return c.ID })
}

// listPlaces reads one page by id and one row more, to know whether there is
// another page.
func listPlaces[T any](ctx context.Context, s *Store, op, query string, w where, f PlaceFilter,
	scan func(scanner) (T, error), id func(T) string,
) ([]T, string, error) {
	if f.After != "" {
		w.add(`id > $`, f.After)
	}
	limit := page(f.Limit)
	items, err := readAll(ctx, s, op, scan, query+w.String()+fmt.Sprintf(` ORDER BY id LIMIT %d`, limit+1), w.args...)
	if err != nil || len(items) <= limit {
		return items, "", err
	}
	return items[:limit], id(items[limit-1]), nil
}

// fresh gives a new record its id and times where they are missing.
func (s *Store) fresh(id *string, created, updated *time.Time) {
	if *id == "" {
		*id = uuid.Must(uuid.NewV7()).String()
	}
	if created.IsZero() {
		*created = s.now()
	}
	*created = created.UTC().Truncate(time.Microsecond)
	if updated.IsZero() {
		*updated = *created
	}
	*updated = updated.UTC().Truncate(time.Microsecond)
}

// after is now, and later than t in any case, so that every change gives a
// record another UpdatedAt.
func (s *Store) after(t time.Time) time.Time {
	now := s.now().UTC().Truncate(time.Microsecond)
	if !now.After(t) {
		now = t.UTC().Truncate(time.Microsecond).Add(time.Microsecond)
	}
	return now
}

func toJSON(v any) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return string(text), nil
}

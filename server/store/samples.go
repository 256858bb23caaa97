package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/binside/binside/datasets"
)

// SampleFilter selects samples; zero values select all.
type SampleFilter struct {
	Category, ItemClass, Source, StationID string
	// After is the cursor that the page before returned.
	After string
	Limit int
}

// SaveSample stores a labelled image's record. The image of a sample that is
// known already gets the new label: the latest labeller is right. created is
// false then.
func (s *Store) SaveSample(ctx context.Context, sample *datasets.Sample) (created bool, err error) {
	err = s.write(ctx, "save sample", func(ctx context.Context, tx *txn) error {
		var n int64
		if err := tx.queryRow(ctx, `SELECT COUNT(*) FROM samples WHERE id = $1`, sample.ID).Scan(&n); err != nil {
			return err
		}
		created = n == 0
		return upsertSample(ctx, tx, sample)
	})
	return created && err == nil, err
}

const saveSample = `INSERT INTO samples (id, category, item_class, source, deposit_id, station_id, captured_at, labelled_by, labelled_at, width, height, object_key)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (id) DO UPDATE SET category = excluded.category, item_class = excluded.item_class, source = excluded.source,
 deposit_id = excluded.deposit_id, station_id = excluded.station_id, captured_at = excluded.captured_at,
 labelled_by = excluded.labelled_by, labelled_at = excluded.labelled_at, object_key = excluded.object_key`

func upsertSample(ctx context.Context, tx *txn, v *datasets.Sample) error {
	if v.ID == "" || v.Category == "" || v.Key == "" {
		return fmt.Errorf("%w: a sample needs id, category and object key", ErrInvalid)
	}
	return tx.exec(ctx, saveSample, v.ID, v.Category, v.ItemClass, v.Source, v.DepositID, v.StationID, micros(v.CapturedAt),
		v.LabelledBy, micros(v.LabelledAt), v.Width, v.Height, v.Key)
}

const selectSamples = `SELECT id, category, item_class, source, deposit_id, station_id, captured_at, labelled_by, labelled_at, width, height, object_key FROM samples`

func scanSample(row scanner) (datasets.Sample, error) {
	var v datasets.Sample
	err := row.Scan(&v.ID, &v.Category, &v.ItemClass, &v.Source, &v.DepositID, &v.StationID, at(&v.CapturedAt),
		&v.LabelledBy, at(&v.LabelledAt), &v.Width, &v.Height, &v.Key)
	return v, err
}

// GetSample returns one sample or ErrNotFound.
func (s *Store) GetSample(ctx context.Context, id string) (datasets.Sample, error) {
	return readOne(ctx, s, "get sample", scanSample, selectSamples+` WHERE id = $1`, id)
}

func filterSamples(f SampleFilter) where {
	var w where
	for _, c := range []struct{ column, value string }{
		{`category`, f.Category}, {`item_class`, f.ItemClass}, {`source`, f.Source}, {`station_id`, f.StationID},
	} {
		if c.value != "" {
			w.add(c.column+` = $`, c.value)
		}
	}
	return w
}

// ListSamples returns samples, the one labelled last first, and the cursor of
// the next page, empty on the last one. ErrInvalid: f.After is no cursor of
// ours.
func (s *Store) ListSamples(ctx context.Context, f SampleFilter) (items []datasets.Sample, next string, err error) {
	w := filterSamples(f)
	if f.After != "" {
		micro, id, ok := strings.Cut(f.After, "-")
		labelled, err := strconv.ParseInt(micro, 10, 64)
		if !ok || err != nil {
			return nil, "", wrap("list samples", fmt.Errorf("%w: cursor %q", ErrInvalid, f.After))
		}
		w.add(`(labelled_at < $ OR (labelled_at = $ AND id < $))`, labelled, labelled, id)
	}
	limit := page(f.Limit)
	items, err = readAll(ctx, s, "list samples", scanSample,
		fmt.Sprintf(`%s%s ORDER BY labelled_at DESC, id DESC LIMIT %d`, selectSamples, w.String(), limit+1), w.args...)
	if err != nil || len(items) <= limit {
		return items, "", err
	}
	last := items[limit-1]
	return items[:limit], strconv.FormatInt(last.LabelledAt.UnixMicro(), 10) + "-" + last.ID, nil
}

// EachSample calls fn for every sample that f selects (After and Limit are
// not looked at), by id: a sample that is relabelled meanwhile is neither
// missed nor seen twice. It ends with fn's first error, returned as it is.
func (s *Store) EachSample(ctx context.Context, f SampleFilter, fn func(datasets.Sample) error) error {
	for after := ""; ; {
		w := filterSamples(f)
		w.add(`id > $`, after)
		items, err := readAll(ctx, s, "each sample", scanSample, fmt.Sprintf(`%s%s ORDER BY id LIMIT %d`, selectSamples, w.String(), MaxPage), w.args...)
		if err != nil {
			return err
		}
		for _, v := range items {
			if err := fn(v); err != nil {
				return err
			}
			after = v.ID
		}
		if len(items) < MaxPage {
			return nil
		}
	}
}

// IdempotencyLife is how long an idempotency key is remembered.
const IdempotencyLife = 48 * time.Hour

// ClaimIdempotency binds a client's idempotency key at one bin to a deposit's
// id, durably. The first claim of a key gets newDepositID; every later one,
// within IdempotencyLife, gets the first one's id. sameRequest says whether
// the first claim had the same requestHash (true for the first itself); where
// it is false the key was used for something else and the request must be
// refused. Of any number of claims at once exactly one is the first.
func (s *Store) ClaimIdempotency(ctx context.Context, binID, key, requestHash, newDepositID string) (depositID string, sameRequest bool, err error) {
	now := s.now()
	err = s.write(ctx, "claim idempotency key", func(ctx context.Context, tx *txn) error {
		var stored string
		// An expired key is taken over; a live one is left as it is, by an
		// update that changes nothing, so that its row is returned and locked.
		err := tx.queryRow(ctx, `INSERT INTO idempotency (bin_id, client_key, request_hash, deposit_id, created_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (bin_id, client_key) DO UPDATE SET
 request_hash = CASE WHEN idempotency.created_at < $6 THEN excluded.request_hash ELSE idempotency.request_hash END,
 deposit_id = CASE WHEN idempotency.created_at < $6 THEN excluded.deposit_id ELSE idempotency.deposit_id END,
 created_at = CASE WHEN idempotency.created_at < $6 THEN excluded.created_at ELSE idempotency.created_at END
RETURNING deposit_id, request_hash`,
			binID, key, requestHash, newDepositID, micros(now), micros(now.Add(-IdempotencyLife))).Scan(&depositID, &stored)
		sameRequest = stored == requestHash
		return err
	})
	if err != nil {
		return "", false, err
	}
	return depositID, sameRequest, nil
}

// PurgeIdempotency deletes the keys that were claimed before the given time
// and returns how many.
func (s *Store) PurgeIdempotency(ctx context.Context, before time.Time) (n int64, err error) {
	err = s.write(ctx, "purge idempotency keys", func(ctx context.Context, tx *txn) error {
		n, err = tx.execN(ctx, `DELETE FROM idempotency WHERE created_at < $1`, micros(before))
		return err
	})
	return n, err
}

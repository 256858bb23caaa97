package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/deletion"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/store/object"
)

// EvidenceKey names an image of a deposit in object storage, by the day it was
// captured (UTC) and the deposit's ID, so that every redelivery writes the same
// object.
func EvidenceKey(d *inspection.Deposit, ordinal int) string {
	return fmt.Sprintf("evidence/%s/%s-%d.jpg", d.CapturedAt.UTC().Format("2006/01/02"), d.ID, ordinal)
}

// sampled decides whether a pass is kept as a sample: by the deposit's ID, so
// that every delivery decides alike. The ID is hashed because its first half
// is the time.
func sampled(depositID string, share float64) bool {
	sum := sha256.Sum256([]byte(depositID))
	return float64(binary.BigEndian.Uint64(sum[:8]))/math.MaxUint64 < share
}

// keep stores the deposit's images and returns what the record says of them.
// An image that the object store refuses is left out: the resident's answer
// must not wait for it.
func (w *Worker) keep(ctx context.Context, d *inspection.Deposit, v verdict.Verdict, decided time.Time) []inspection.Evidence {
	evidence := make([]inspection.Evidence, 0, len(d.Images))
	for n := range d.Images {
		img := &d.Images[n]
		key := EvidenceKey(d, n)
		if err := w.put(ctx, key, img.JPEG); err != nil {
			w.metrics.evidenceLost.Inc()
			w.metrics.workerErrors.WithLabelValues("evidence").Inc()
			w.log.Error("evidence was not stored; the inspection is", "deposit", d.ID, "key", key, "error", err)
			continue
		}
		sum := sha256.Sum256(img.JPEG)
		w.metrics.evidenceStored.Inc()
		w.metrics.evidenceBytes.Add(float64(len(img.JPEG)))
		evidence = append(evidence, inspection.Evidence{
			Ordinal: n, Key: key, SHA256: hex.EncodeToString(sum[:]), Bytes: len(img.JPEG),
			Width: img.Width, Height: img.Height, Item: img.Item, ExpiresAt: decided.Add(w.rules.Load().now.Retention[v]),
		})
	}
	return evidence
}

// discard deletes the images that keep stores, so that none stays without a
// record, where retention would never find it.
func (w *Worker) discard(ctx context.Context, d *inspection.Deposit) {
	ctx, cancel := context.WithTimeout(ctx, w.cfg.EvidenceTimeout)
	defer cancel()
	for n := range d.Images {
		key := EvidenceKey(d, n)
		if err := w.discardOne(ctx, d.ID, key); err != nil {
			w.log.Error("evidence without a record was not deleted", "deposit", d.ID, "key", key, "error", err)
		}
	}
}

// discardOne logs first: no record would bring the image back to whoever
// crashed between the two, while the queue hands out the deposit again, which
// deletes, and logs, once more.
func (w *Worker) discardOne(ctx context.Context, depositID, key string) error {
	image, err := w.objects.Get(ctx, key)
	switch {
	case errors.Is(err, object.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	sum := sha256.Sum256(image)
	entry := deletion.Entry{
		At: now(), Reason: deletion.Orphan, Key: key, SHA256: hex.EncodeToString(sum[:]), InspectionID: depositID, Ordinal: deletion.NoOrdinal,
	}
	if err := w.deletions.Add(ctx, entry); err != nil {
		return fmt.Errorf("pipeline: log the deletion: %w", err)
	}
	return w.objects.Delete(ctx, key)
}

// put tries a few times within the step's time.
func (w *Worker) put(ctx context.Context, key string, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, w.cfg.EvidenceTimeout)
	defer cancel()
	for pause := 50 * time.Millisecond; ; pause *= 4 {
		err := w.objects.Put(ctx, key, data, "image/jpeg")
		if err == nil || pause > time.Second || !sleep(ctx, pause) {
			return err
		}
	}
}

// sleep waits; it returns false as soon as ctx ends.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

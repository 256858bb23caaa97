package relay

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/binside/binside/models"
	"github.com/binside/binside/server/inspection"
)

// Record is one inspection as an agent hands it in. All its times are the
// station's own; the server adds ClockOffset.
type Record struct {
	Inspection inspection.Inspection `json:"inspection"`
	Reading    *Reading              `json:"reading,omitempty"`
	// Steps are the prompt's.
	Steps *inspection.Steps `json:"steps,omitempty"`
	// Revision grows with every change of the prompt; of two deliveries the
	// higher one holds.
	Revision int64 `json:"revision" minimum:"1"`
	// ClockOffset is the server's clock less the station's when the deposit
	// was decided, in microseconds.
	ClockOffset int64 `json:"clock_offset_us"`
}

// Reading is inspection.Reading.
type Reading struct {
	Rest      []models.ClassProbability `json:"rest"`
	Sharpness float64                   `json:"sharpness"`
	Exposure  float64                   `json:"exposure"`
}

// NewRecord makes the record of a stored inspection.
func NewRecord(i *inspection.Inspection, revision int64, offset time.Duration) *Record {
	r := &Record{Inspection: *i, Revision: revision, ClockOffset: offset.Microseconds()}
	if i.Reading != nil {
		r.Reading = &Reading{Rest: i.Reading.Rest, Sharpness: i.Reading.Sharpness, Exposure: i.Reading.Exposure}
	}
	if i.Prompt != nil {
		r.Steps = i.Prompt.Steps
	}
	return r
}

// Digest names what never changes of a record, whenever and however often it
// is handed in: all but the prompt, the clock's offset, and which pictures are
// still there.
func (r *Record) Digest() (string, error) {
	i := r.Inspection
	i.Seq, i.Review, i.Prompt, i.Relay = 0, nil, nil, nil
	i.Evidence = make([]inspection.Evidence, len(r.Inspection.Evidence))
	for n, e := range r.Inspection.Evidence {
		e.Key, e.DeletedAt = "", nil
		i.Evidence[n] = e
	}
	data, err := json.Marshal(struct {
		Inspection inspection.Inspection
		Reading    *Reading
	}{i, r.Reading})
	if err != nil {
		return "", fmt.Errorf("relay: record %s: %w", r.Inspection.ID, err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}

// Corrected is the inspection with its times by the server's clock.
func (r *Record) Corrected() *inspection.Inspection {
	i := r.Inspection
	offset := time.Duration(r.ClockOffset) * time.Microsecond
	shift := func(t time.Time) time.Time {
		if t.IsZero() {
			return t
		}
		return t.Add(offset).UTC().Truncate(time.Microsecond)
	}
	later := func(t *time.Time) *time.Time {
		if t == nil {
			return nil
		}
		moved := shift(*t)
		return &moved
	}
	i.CapturedAt, i.ReceivedAt, i.DecidedAt = shift(i.CapturedAt), shift(i.ReceivedAt), shift(i.DecidedAt)
	i.Evidence = make([]inspection.Evidence, len(r.Inspection.Evidence))
	for n, e := range r.Inspection.Evidence {
		e.ExpiresAt, e.DeletedAt = shift(e.ExpiresAt), later(e.DeletedAt)
		i.Evidence[n] = e
	}
	if p := r.Inspection.Prompt; p != nil {
		moved := *p
		moved.OpenedAt, moved.Until, moved.EndedAt = shift(p.OpenedAt), shift(p.Until), later(p.EndedAt)
		moved.RemovedAt, moved.ShownAt, moved.LookedAt = later(p.RemovedAt), later(p.ShownAt), nil
		if r.Steps != nil {
			moved.Steps = r.Steps.Shifted(offset)
		}
		i.Prompt = &moved
	}
	if r.Reading != nil {
		i.Reading = &inspection.Reading{Rest: r.Reading.Rest, Sharpness: r.Reading.Sharpness, Exposure: r.Reading.Exposure}
	}
	i.Seq, i.Review, i.Relay = 0, nil, nil
	return &i
}

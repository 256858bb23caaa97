package store

import (
	"database/sql"
	"fmt"

	"github.com/binside/binside/models"
	"github.com/binside/binside/server/inspection"
)

// storedReading is a reading's JSON: short keys, and classes beside their
// probabilities, because every record has one (some 200 bytes).
type storedReading struct {
	Classes       []string  `json:"c,omitempty"`
	Probabilities []float64 `json:"p,omitempty"`
	Sharpness     float64   `json:"q"`
	Exposure      float64   `json:"e"`
}

// readingRow is a reading as the column holds it; NULL for none.
func readingRow(r *inspection.Reading) (sql.NullString, error) {
	if r == nil {
		return sql.NullString{}, nil
	}
	out := storedReading{Sharpness: r.Sharpness, Exposure: r.Exposure}
	for _, c := range r.Rest {
		out.Classes = append(out.Classes, c.Class)
		out.Probabilities = append(out.Probabilities, c.Probability)
	}
	text, err := toJSON(out)
	return sql.NullString{String: text, Valid: true}, err
}

// readingScanner scans the column.
type readingScanner struct{ dst **inspection.Reading }

func (s readingScanner) Scan(v any) error {
	*s.dst = nil
	var in *storedReading
	if err := fromJSON(&in).Scan(v); err != nil || in == nil {
		return err
	}
	if len(in.Classes) != len(in.Probabilities) {
		return fmt.Errorf("a reading of %d classes and %d probabilities", len(in.Classes), len(in.Probabilities))
	}
	r := &inspection.Reading{Sharpness: in.Sharpness, Exposure: in.Exposure}
	for n, class := range in.Classes {
		r.Rest = append(r.Rest, models.ClassProbability{Class: class, Probability: in.Probabilities[n]})
	}
	*s.dst = r
	return nil
}

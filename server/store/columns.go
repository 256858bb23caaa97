package store

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// scanner is a *sql.Row or *sql.Rows.
type scanner interface{ Scan(dest ...any) error }

func scanInt(row scanner) (n int64, err error) {
	err = row.Scan(&n)
	return n, err
}

// page is how many records one call lists.
func page(limit int) int {
	if limit <= 0 {
		return DefaultPage
	}
	return min(limit, MaxPage)
}

// where collects conditions. A bare "$" in a condition becomes the next
// numbered placeholder: numbers follow the order of first appearance, which
// is what makes them mean the same to SQLite and PostgreSQL.
type where struct {
	terms []string
	args  []any
}

func (w *where) add(condition string, args ...any) {
	var b strings.Builder
	n := len(w.args)
	for _, c := range condition {
		b.WriteRune(c)
		if c == '$' {
			n++
			b.WriteString(strconv.Itoa(n))
		}
	}
	w.terms = append(w.terms, b.String())
	w.args = append(w.args, args...)
}

func (w *where) String() string {
	if len(w.terms) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.terms, " AND ")
}

// micros is how a time is stored.
func micros(t time.Time) int64 { return t.UnixMicro() }

// nullMicros stores a zero time as NULL.
func nullMicros(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixMicro(), Valid: !t.IsZero()}
}

func optMicros(t *time.Time) sql.NullInt64 {
	if t == nil {
		return sql.NullInt64{}
	}
	return sql.NullInt64{Int64: t.UnixMicro(), Valid: true}
}

func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// at scans microseconds into a time in UTC, NULL into the zero time.
func at(t *time.Time) sql.Scanner { return timeScanner{t} }

type timeScanner struct{ t *time.Time }

func (s timeScanner) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*s.t = time.Time{}
	case int64:
		*s.t = time.UnixMicro(v).UTC()
	default:
		return fmt.Errorf("a time of type %T", v)
	}
	return nil
}

// fromJSON scans JSON text into what dst points to; NULL leaves it alone.
func fromJSON(dst any) sql.Scanner { return jsonScanner{dst} }

type jsonScanner struct{ dst any }

func (s jsonScanner) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		return nil
	case string:
		return json.Unmarshal([]byte(v), s.dst)
	case []byte:
		return json.Unmarshal(v, s.dst)
	}
	return fmt.Errorf("JSON of type %T", v)
}

package store

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
)

// kind is how a column's values travel through a backup.
type kind int

const (
	text kind = iota
	integer
	float
	boolean
)

// column is one column of a table.
type column struct {
	name string
	kind kind
}

// table is one table of a backup. Tables stand in an order in which foreign
// keys hold, and rows are read by key so that two backups of the same records
// are the same.
type table struct {
	name    string
	key     string
	columns []column
	// since is the schema that brought the table: an older backup lacks it.
	since int64
	// seeded rows are made by the migrations and replaced by a restore.
	seeded bool
}

// tables is all that a backup holds. Sessions, login links and settings are
// left out: they belong to one installation.
var tables = []table{
	{name: "stations", key: "id", columns: columns(text, "id", "name", "region_path", "time_zone", boolean, "agent", text, "prompts", integer, "created_at", "updated_at")},
	{name: "bins", key: "id", columns: columns(text, "id", "station_id", "name", "accepts", "thresholds", integer, "created_at", "updated_at")},
	{name: "cameras", key: "id", columns: columns(text, "id", "station_id", "name", "kind", "url", "transport", boolean, "enabled", text, "regions", "detector",
		integer, "created_at", "updated_at")},
	{name: "camera_memories", key: "camera_id", since: 14, columns: columns(text, "camera_id", "device", integer, "saved_at", text, "memory")},
	{name: "counters", key: "name", columns: columns(text, "name", integer, "value"), seeded: true},
	{name: "inspections", key: "seq", columns: columns(integer, "seq", text, "id", "station_id", "bin_id", "camera_id", "source",
		integer, "captured_at", "received_at", "decided_at", text, "verdict", "reason", "category", "item_class", float, "confidence",
		text, "categories", "classes", "accepts", "model_version", "taxonomy_version", "rule_version", boolean, "sampled", integer, "reviews",
		float, "score", "tell_at", "miss", "pass_at", text, "bound_level", "harm_version", float, "agreement", "strangeness", text, "reading")},
	{name: "evidence", key: "inspection_id, ordinal", columns: columns(text, "inspection_id", integer, "ordinal", text, "object_key", "sha256",
		integer, "bytes", "width", "height", text, "item", integer, "expires_at", "deleted_at")},
	{name: "reviews", key: "inspection_id, ordinal", columns: columns(text, "inspection_id", integer, "ordinal",
		text, "decision", "category", "item_class", "decided_by", integer, "decided_at")},
	{name: "prompts", key: "inspection_id", since: 5, columns: columns(text, "inspection_id", "station_id", "state", "means", "receipt",
		integer, "opened_at", "until_at", "ended_at", "removed_at", "shown_at", "looked_at", text, "steps")},
	{name: "agents", key: "station_id", since: 10, columns: columns(text, "station_id", integer, "sequence", text, "digest",
		integer, "made_at", "seen_at", text, "report")},
	{name: "relayed", key: "inspection_id", since: 10, columns: columns(text, "inspection_id", "digest",
		integer, "revision", "clock_offset", "handed_at")},
	{name: "outbox", key: "inspection_id", since: 10, columns: columns(text, "inspection_id", integer, "seq", boolean, "flagged",
		integer, "revision", "acknowledged", "acknowledged_at", text, "boot", integer, "base", "skew", text, "refused", integer, "retry_at")},
	{name: "samples", key: "id", columns: columns(text, "id", "category", "item_class", "source", "deposit_id", "station_id",
		integer, "captured_at", text, "labelled_by", integer, "labelled_at", "width", "height", text, "object_key")},
	{name: "idempotency", key: "bin_id, client_key", columns: columns(text, "bin_id", "client_key", "request_hash", "deposit_id", integer, "created_at")},
	{name: "tokens", key: "id", columns: columns(text, "id", "name", "scopes", "hash", integer, "created_at", "expires_at", "revoked_at", "last_used_at")},
	{name: "accesses", key: "seq", since: 8, columns: columns(integer, "seq", "at", text, "camera_id", "station_id",
		"principal_id", "principal_name", "principal_kind")},
	{name: "deletions", key: "seq", since: 8, columns: columns(integer, "seq", "at", text, "reason", "object_key", "sha256", "inspection_id",
		integer, "ordinal", text, "previous", "key_id", "hash", "signature")},
	{name: "deletion_keys", key: "id", since: 8, columns: columns(text, "id", "public_key")},
}

// columns reads a list of kinds and names; a kind holds until the next one.
func columns(list ...any) []column {
	var (
		out []column
		k   kind
	)
	for _, v := range list {
		switch v := v.(type) {
		case kind:
			k = v
		case string:
			out = append(out, column{name: v, kind: k})
		}
	}
	return out
}

// row holds one row's values, each of its column's type, for Scan.
type row struct {
	columns []column
	dest    []any
}

func newRow(cols []column) *row {
	r := &row{columns: cols, dest: make([]any, len(cols))}
	for n, c := range cols {
		switch c.kind {
		case text:
			r.dest[n] = new(sql.NullString)
		case integer:
			r.dest[n] = new(sql.NullInt64)
		case float:
			r.dest[n] = new(sql.NullFloat64)
		case boolean:
			r.dest[n] = new(sql.NullBool)
		}
	}
	return r
}

// json writes the row as one JSON object, keys in the order of the alphabet.
func (r *row) json() ([]byte, error) {
	object := make(map[string]any, len(r.columns))
	for n, c := range r.columns {
		switch v := r.dest[n].(type) {
		case *sql.NullString:
			object[c.name] = orNil(v.String, v.Valid)
		case *sql.NullInt64:
			object[c.name] = orNil(v.Int64, v.Valid)
		case *sql.NullFloat64:
			object[c.name] = orNil(v.Float64, v.Valid)
		case *sql.NullBool:
			object[c.name] = orNil(v.Bool, v.Valid)
		}
	}
	return json.Marshal(object)
}

func orNil(v any, valid bool) any {
	if !valid {
		return nil
	}
	return v
}

// value turns a decoded JSON value (numbers as json.Number) into an argument
// of the column's type.
func (c column) value(v any) (any, error) {
	var (
		out any
		err error
		ok  = true
	)
	number, isNumber := v.(json.Number)
	switch {
	case v == nil:
	case c.kind == text:
		out, ok = v.(string)
	case c.kind == boolean:
		out, ok = v.(bool)
	case !isNumber:
		ok = false
	case c.kind == integer:
		out, err = strconv.ParseInt(number.String(), 10, 64)
	default:
		out, err = number.Float64()
	}
	if err != nil || !ok {
		return nil, fmt.Errorf("%w: column %s holds %v (%T)", ErrInvalid, c.name, v, v)
	}
	return out, nil
}

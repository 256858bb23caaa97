// Package store keeps the service's records: stations, bins and cameras,
// inspections with their evidence index and reviews, labelled samples, access
// tokens and sessions, idempotency keys.
//
// One set of queries serves two engines: SQLite in WAL mode, one writer and a
// pool of readers, for one site; PostgreSQL for a city. What a method has
// returned without error survives a crash of the process and of the machine.
//
// The package holds records only: it never sees an image's pixels (those lie
// in server/store/object), never keeps a secret in the clear other than a
// camera's URL, and never decides who may see what.
//
// Times are stored as microseconds since 1970 in UTC; anything finer is cut
// off, and times come back in UTC.
package store

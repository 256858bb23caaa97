package deletion

import "context"

// Store keeps a log; see server/store.
type Store interface {
	LogDeletions(ctx context.Context, signer *Signer, entries ...Entry) error
}

// Log adds to a store's log what this process deletes. It may be used from any
// goroutine.
type Log struct {
	store  Store
	signer *Signer
}

// NewLog returns a log whose entries the signer seals.
func NewLog(store Store, signer *Signer) *Log { return &Log{store: store, signer: signer} }

// Add adds entries, of which At, Reason, Key, SHA256, InspectionID and Ordinal
// are looked at, and begins the log where that has not been done. When it
// returns without an error they are on disk.
func (l *Log) Add(ctx context.Context, entries ...Entry) error {
	return l.store.LogDeletions(ctx, l.signer, entries...)
}

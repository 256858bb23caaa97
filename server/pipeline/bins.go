package pipeline

import (
	"context"
	"sync"
	"time"

	"github.com/binside/binside/server/station"
)

// bins remembers bins briefly, so that a deposit costs no question to the
// store, and a change is in force everywhere within its time, at once where
// forget is called.
type bins struct {
	store WorkerStore
	ttl   time.Duration
	max   int
	now   func() time.Time

	mu      sync.Mutex
	known   map[string]knownBin
	changes uint64
}

type knownBin struct {
	bin   station.Bin
	until time.Time
}

func newBins(store WorkerStore, ttl time.Duration) *bins {
	return &bins{store: store, ttl: ttl, max: 4096, now: time.Now, known: make(map[string]knownBin)}
}

// get returns a bin, whose slices must not be changed.
func (b *bins) get(ctx context.Context, id string) (station.Bin, error) {
	b.mu.Lock()
	k, ok := b.known[id]
	changes := b.changes
	b.mu.Unlock()
	if ok && b.now().Before(k.until) {
		return k.bin, nil
	}
	bin, err := b.store.GetBin(ctx, id)
	if err != nil {
		return station.Bin{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	// What was read while somebody said that a bin changed may be old.
	if changes == b.changes {
		if len(b.known) >= b.max {
			clear(b.known)
		}
		b.known[id] = knownBin{bin: bin, until: b.now().Add(b.ttl)}
	}
	return bin, nil
}

func (b *bins) forget(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changes++
	delete(b.known, id)
}

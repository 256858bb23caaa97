package api

import (
	"sync"

	"github.com/binside/binside/server/inspection"
)

// fanout tells the live streams of this process that an inspection was
// reviewed. It never blocks: a reader that is behind misses the word and
// shows the old state until it reloads.
type fanout struct {
	mu      sync.Mutex
	readers map[chan *inspection.Inspection]struct{}
}

func newFanout() *fanout {
	return &fanout{readers: make(map[chan *inspection.Inspection]struct{})}
}

func (f *fanout) publish(i *inspection.Inspection) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for ch := range f.readers {
		select {
		case ch <- i:
		default:
		}
	}
}

func (f *fanout) subscribe() (ch chan *inspection.Inspection, leave func()) {
	ch = make(chan *inspection.Inspection, 16)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.readers[ch] = struct{}{}
	return ch, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.readers, ch)
	}
}

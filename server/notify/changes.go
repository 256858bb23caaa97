package notify

import (
	"sync"

	"github.com/binside/binside/server/inspection"
)

// Changes tells the live streams of this process that a stored inspection has
// changed: it was reviewed, or its prompt has been opened or has ended. It never
// blocks: a reader that is behind misses the word and shows the old state until
// it reads the store again. The inspections are shared and must not be changed.
type Changes struct {
	mu      sync.Mutex
	readers map[chan *inspection.Inspection]struct{}
}

// NewChanges makes one without readers.
func NewChanges() *Changes {
	return &Changes{readers: make(map[chan *inspection.Inspection]struct{})}
}

// Publish tells every reader.
func (c *Changes) Publish(i *inspection.Inspection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for ch := range c.readers {
		select {
		case ch <- i:
		default:
		}
	}
}

// Subscribe returns a channel of changes; call leave at the end.
func (c *Changes) Subscribe() (changes <-chan *inspection.Inspection, leave func()) {
	ch := make(chan *inspection.Inspection, 64)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.readers[ch] = struct{}{}
	return ch, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.readers, ch)
	}
}

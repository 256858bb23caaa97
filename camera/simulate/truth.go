package simulate

import (
	"slices"
	"sync"
	"time"
)

// Event is the truth about one deposit that was shown. Times are frame times.
type Event struct {
	// N counts the published events from 1; ID is unique within a run.
	N  uint64 `json:"n"`
	ID string `json:"id"`
	// Bin is the bin's id and Slot its place from the left, from 0.
	Bin  string `json:"bin"`
	Slot int    `json:"slot"`
	// File is the photograph shown.
	File      string `json:"file"`
	ItemClass string `json:"item_class"`
	Name      Name   `json:"name"`
	// Category is the right one of the item, by the caller's table.
	Category string `json:"category"`
	// Judged says whether the model knows the item class.
	Judged bool `json:"judged"`
	// Correct says whether the bin accepts the category.
	Correct bool `json:"correct"`
	// Start is when the item enters the region, Settled when it lies still,
	// End when the region is free again.
	Start   time.Time `json:"start"`
	Settled time.Time `json:"settled"`
	End     time.Time `json:"end"`
	// Interrupted events were not shown to their end, because nobody watched
	// any longer: they count neither as missed nor, if found, as false.
	Interrupted bool `json:"interrupted,omitempty"`
}

// Truth is what is known up to a moment of the video.
type Truth struct {
	Events []Event `json:"events"`
	// Now is the time of the newest frame; CompleteUntil the time before which
	// every deposit that had started is in the list of all events.
	Now           time.Time `json:"now"`
	CompleteUntil time.Time `json:"complete_until"`
	// Dropped counts events that were too old to be kept.
	Dropped uint64 `json:"dropped"`
}

// keptEvents bounds the memory of the truth: at the usual pace some forty
// minutes.
const keptEvents = 1024

// ledger keeps the latest events. It is safe for concurrent use.
type ledger struct {
	mu       sync.Mutex
	events   []Event
	last     uint64
	now      time.Time
	complete time.Time
}

func (l *ledger) add(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	e.N = l.last
	if len(l.events) == keptEvents {
		l.events = slices.Delete(l.events, 0, 1)
	}
	l.events = append(l.events, e)
}

func (l *ledger) seen(now, complete time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now, l.complete = now, complete
}

// since returns the events with N above n.
func (l *ledger) since(n uint64) Truth {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := l.last - uint64(len(l.events)) // N of the newest forgotten event
	from := 0
	if n > first {
		from = int(min(n-first, uint64(len(l.events))))
	}
	return Truth{Events: append([]Event{}, l.events[from:]...), Now: l.now, CompleteUntil: l.complete, Dropped: first}
}

// Package handover keeps what one part of a process has in memory until another
// part of it asks: what goes through the queue's disk in between need not be
// read and decoded again.
//
// It is a convenience only. What it does not have its users get in the long
// way, so it never holds anything that is nowhere else.
package handover

import (
	"container/list"
	"sync"
	"time"
)

// age is after how long a value counts as fetched by another process.
const age = 30 * time.Second

// Shelf holds values by id, bounded in bytes. When it is full the newest is
// not kept, for the queue hands out the oldest first; what nobody takes goes
// after half a minute. It is safe for concurrent use.
type Shelf[T any] struct {
	maxBytes int
	now      func() time.Time

	mu    sync.Mutex
	bytes int
	byID  map[string]*list.Element
	order *list.List // of entry[T], oldest first
}

type entry[T any] struct {
	id    string
	value T
	bytes int
	at    time.Time
}

// NewShelf makes a shelf for values of at most maxBytes in all (0: 64 MiB).
func NewShelf[T any](maxBytes int) *Shelf[T] {
	if maxBytes <= 0 {
		maxBytes = 64 << 20
	}
	return &Shelf[T]{maxBytes: maxBytes, now: time.Now, byID: make(map[string]*list.Element), order: list.New()}
}

// Put keeps a value of the given size, in the place of an earlier one of its
// id, if there is room. It must not be changed afterwards.
func (s *Shelf[T]) Put(id string, value T, bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(s.byID[id])
	now := s.now()
	for e := s.order.Front(); e != nil && now.Sub(valueOf[T](e).at) > age; e = s.order.Front() {
		s.remove(e)
	}
	// None may take most of the room: a few huge pictures would keep every
	// ordinary one out.
	if bytes > s.maxBytes/4 || s.bytes+bytes > s.maxBytes {
		return
	}
	s.byID[id] = s.order.PushBack(entry[T]{id: id, value: value, bytes: bytes, at: now})
	s.bytes += bytes
}

// Take returns a value and forgets it; false where there is none.
func (s *Shelf[T]) Take(id string) (value T, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.byID[id]
	if e == nil {
		return value, false
	}
	s.remove(e)
	return valueOf[T](e).value, true
}

func (s *Shelf[T]) remove(e *list.Element) {
	if e == nil {
		return
	}
	gone := valueOf[T](e)
	s.order.Remove(e)
	delete(s.byID, gone.id)
	s.bytes -= gone.bytes
}

func valueOf[T any](e *list.Element) entry[T] {
	v, _ := e.Value.(entry[T]) // Put alone fills the list
	return v
}

package queue

import (
	"container/list"
	"sync"
	"time"

	"github.com/binside/binside/server/inspection"
)

const (
	// recentBytes bounds the pictures that recent holds.
	recentBytes = 64 << 20
	// recentAge is after how long a deposit counts as worked on by another
	// process.
	recentAge = 30 * time.Second
)

// recent keeps what this process has published until it is handed out, so that
// the embedded server need not send every picture back through copy after
// copy. It is a convenience only: what is not in it is read from the stream.
//
// When it is full the newest deposit is not kept, for the queue hands out the
// oldest first.
type recent struct {
	mu    sync.Mutex
	bytes int
	byID  map[string]*list.Element
	order *list.List // of recentDeposit, oldest first
}

type recentDeposit struct {
	deposit inspection.Deposit
	bytes   int
	at      time.Time
}

func newRecent() *recent {
	return &recent{byID: make(map[string]*list.Element), order: list.New()}
}

func (r *recent) put(d inspection.Deposit) {
	entry := recentDeposit{deposit: d, at: time.Now()}
	for _, m := range d.Images {
		entry.bytes += len(m.JPEG)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.remove(d.ID)
	for e := r.order.Front(); e != nil; e = r.order.Front() {
		oldest, _ := e.Value.(recentDeposit)
		if entry.at.Sub(oldest.at) < recentAge {
			break
		}
		r.remove(oldest.deposit.ID)
	}
	if r.bytes+entry.bytes <= recentBytes {
		r.byID[d.ID] = r.order.PushBack(entry)
		r.bytes += entry.bytes
	}
}

// take returns a deposit and forgets it.
func (r *recent) take(id string) (inspection.Deposit, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.remove(id)
}

func (r *recent) remove(id string) (inspection.Deposit, bool) {
	e, ok := r.byID[id]
	if !ok {
		return inspection.Deposit{}, false
	}
	delete(r.byID, id)
	entry, _ := r.order.Remove(e).(recentDeposit)
	r.bytes -= entry.bytes
	return entry.deposit, true
}

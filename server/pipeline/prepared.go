package pipeline

import (
	"container/list"
	"sync"
	"time"

	"github.com/binside/binside/vision"
)

// Prepared keeps decoded images of deposits on their way through the queue,
// so that the worker of the same process need not decode them again. It is a
// convenience only: what is not in it is decoded from the deposit's JPEGs.
//
// It is bounded in bytes. When it is full the newest deposit is not kept, for
// the queue hands out the oldest first; what another process has worked on
// goes after a while.
type Prepared struct {
	maxBytes int
	maxAge   time.Duration
	now      func() time.Time

	mu    sync.Mutex
	bytes int
	byID  map[string]*list.Element
	order *list.List // of *preparedDeposit, oldest first
}

type preparedDeposit struct {
	id     string
	images []*vision.Image
	bytes  int
	at     time.Time
}

// NewPrepared makes a store of at most maxBytes of pixels (0: 64 MiB).
func NewPrepared(maxBytes int) *Prepared {
	if maxBytes <= 0 {
		maxBytes = 64 << 20
	}
	return &Prepared{
		maxBytes: maxBytes, maxAge: 30 * time.Second, now: time.Now,
		byID: make(map[string]*list.Element), order: list.New(),
	}
}

// Put keeps a deposit's images, in the order of Deposit.Images, if there is
// room. They must not be changed afterwards.
func (p *Prepared) Put(id string, images []*vision.Image) {
	if len(images) == 0 {
		return
	}
	d := &preparedDeposit{id: id, images: images, at: p.now()}
	for _, m := range images {
		d.bytes += len(m.Pix)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if e := p.byID[id]; e != nil {
		p.remove(e)
	}
	for e := p.order.Front(); e != nil && d.at.Sub(heldBy(e).at) > p.maxAge; e = p.order.Front() {
		p.remove(e)
	}
	// No single deposit may take most of the room: a few huge PNGs would keep
	// every ordinary one out.
	if d.bytes > p.maxBytes/4 || p.bytes+d.bytes > p.maxBytes {
		return
	}
	p.byID[id] = p.order.PushBack(d)
	p.bytes += d.bytes
}

// Take returns a deposit's images and forgets them; nil where there are none.
func (p *Prepared) Take(id string) []*vision.Image {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.byID[id]
	if e == nil {
		return nil
	}
	p.remove(e)
	return heldBy(e).images
}

func (p *Prepared) remove(e *list.Element) {
	d := heldBy(e)
	p.order.Remove(e)
	delete(p.byID, d.id)
	p.bytes -= d.bytes
}

// heldBy is the deposit in an element of the order.
func heldBy(e *list.Element) *preparedDeposit {
	return e.Value.(*preparedDeposit) //nolint:errcheck // Put, which fills the order, puts in nothing else
}

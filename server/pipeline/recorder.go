package pipeline

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/binside/binside/camera"
	"github.com/binside/binside/vision/deposit"
)

const (
	// stripEvery is the time between two pictures of a strip, stripBefore and
	// stripAfter how many of them show what led to it and what followed.
	stripEvery              = 200 * time.Millisecond
	stripBefore, stripAfter = 10, 5
	// keptEvents and keptMisses bound the strips that a camera keeps: passers-by
	// must not push out the deposits.
	keptEvents, keptMisses = 16, 16
	// maxOpen bounds the strips that wait for what follows.
	maxOpen = 8
	// stripQuality is the JPEG quality of a region's reduced pictures.
	stripQuality = 80
)

// Recorded is what a detector made, or did not make, of something that it saw
// lately. It is kept in memory alone.
type Recorded struct {
	// ID counts what the camera recorded since it was started.
	ID    uint64
	BinID string
	// Kind is an event's; empty for a miss, whose Reason says why it was no
	// event.
	Kind   deposit.Kind
	Reason deposit.Reason
	// DepositID is that of a deposit; Denied says that a later removal has
	// shown that it was but a hand.
	DepositID  string
	Denied     bool
	Start, End time.Time
	// Area is the largest share of the region that it covered, Still the
	// longest that it held still, Needed how long it had to; of an event the
	// last two are zero.
	Area          float64
	Still, Needed time.Duration
	// Strip shows the region, with nothing from outside its polygon.
	Strip []StripFrame
}

// StripFrame is one reduced picture of a region.
type StripFrame struct {
	deposit.Look
	At   time.Time
	JPEG []byte // Width × Height pixels, made when the strip is asked for
}

// recorder keeps the strips of a camera's last events and misses. observed
// belongs to the camera's goroutine, the rest to any.
type recorder struct {
	sampled time.Time
	history map[string][]StripFrame // per bin, the latest last, not encoded
	open    []*Recorded             // strips that wait for what follows

	mu             sync.Mutex
	next           uint64
	events, misses []Recorded
}

// observed keeps a sample of the regions now and then, and opens a strip for
// everything that came of the frame.
func (r *recorder) observed(f camera.Frame, d *deposit.Detector, events []deposit.Event) {
	misses := d.Misses()
	age := f.Time.Sub(r.sampled)
	if len(events) == 0 && len(misses) == 0 && age >= 0 && age < stripEvery {
		return
	}
	r.sampled = f.Time
	if r.history == nil {
		r.history = make(map[string][]StripFrame)
	}
	for _, l := range d.Looks(true) {
		r.sample(StripFrame{Look: l, At: f.Time})
	}
	for _, e := range events {
		if e.Denies != "" {
			r.deny(e.Denies)
		}
		rec := Recorded{BinID: e.BinID, Kind: e.Kind, Start: e.Start, End: e.Decided}
		if e.Kind == deposit.Deposited {
			rec.DepositID = e.ID
		}
		r.begin(rec)
	}
	for _, m := range misses {
		r.begin(Recorded{BinID: m.BinID, Reason: m.Reason, Start: m.Start, End: m.End, Area: m.Area, Still: m.Still, Needed: m.Needed})
	}
}

func (r *recorder) sample(f StripFrame) {
	h := r.history[f.BinID]
	if len(h) == stripBefore {
		h = slices.Delete(h, 0, 1)
	}
	r.history[f.BinID] = append(h, f)
	for _, o := range slices.Clone(r.open) {
		if o.BinID != f.BinID {
			continue
		}
		if o.Strip = append(o.Strip, f); len(o.Strip) >= stripBefore+stripAfter || f.At.Sub(o.End) >= stripAfter*stripEvery {
			r.finish(o)
		}
	}
}

func (r *recorder) begin(rec Recorded) {
	r.mu.Lock()
	r.next++
	rec.ID = r.next
	r.mu.Unlock()
	rec.Strip = slices.Clone(r.history[rec.BinID])
	for _, f := range rec.Strip {
		rec.Area = max(rec.Area, f.Area)
	}
	r.open = append(r.open, &rec)
	if len(r.open) > maxOpen {
		r.finish(r.open[0])
	}
}

// finish puts a strip where it is asked for.
func (r *recorder) finish(rec *Recorded) {
	r.open = slices.DeleteFunc(r.open, func(o *Recorded) bool { return o == rec })
	r.mu.Lock()
	defer r.mu.Unlock()
	list, most := &r.misses, keptMisses
	if rec.Kind != "" {
		list, most = &r.events, keptEvents
	}
	*list = append(*list, *rec)
	if over := len(*list) - most; over > 0 {
		*list = slices.Delete(*list, 0, over)
	}
}

func (r *recorder) deny(depositID string) {
	for _, o := range r.open {
		o.Denied = o.Denied || o.DepositID == depositID
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.events {
		if r.events[i].DepositID == depositID {
			r.events[i].Denied = true
		}
	}
}

// forget drops what belongs to regions that are no more.
func (r *recorder) forget() {
	r.history, r.open = nil, nil
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events, r.misses = nil, nil
}

// list returns what is kept, the latest first, without the strips.
func (r *recorder) list() []Recorded {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := slices.Concat(r.events, r.misses)
	for i := range out {
		out[i].Strip = nil
	}
	slices.SortFunc(out, func(a, b Recorded) int { return int(b.ID) - int(a.ID) })
	return out
}

func (r *recorder) get(id uint64) (Recorded, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, list := range [][]Recorded{r.events, r.misses} {
		if i := slices.IndexFunc(list, func(rec Recorded) bool { return rec.ID == id }); i >= 0 {
			return list[i], true
		}
	}
	return Recorded{}, false
}

// Recordings are the last events and misses of a camera's detector, the latest
// first, without their strips. ErrUnknownCamera.
func (c *Cameras) Recordings(_ context.Context, cameraID string) ([]Recorded, error) {
	run, err := c.tuned(cameraID)
	if err != nil {
		return nil, err
	}
	return run.tuner.recorder.list(), nil
}

// Recording is one of them with its strip. ErrUnknownCamera, ErrNotRecorded,
// ErrRedaction.
func (c *Cameras) Recording(ctx context.Context, cameraID string, id uint64) (Recorded, error) {
	run, err := c.tuned(cameraID)
	if err != nil {
		return Recorded{}, err
	}
	rec, ok := run.tuner.recorder.get(id)
	if !ok {
		return Recorded{}, ErrNotRecorded
	}
	rec.Strip = slices.Clone(rec.Strip)
	for i := range rec.Strip {
		if rec.Strip[i].JPEG, err = c.encodeRegion(ctx, &rec.Strip[i].Look); err != nil {
			return Recorded{}, err
		}
	}
	return rec, nil
}

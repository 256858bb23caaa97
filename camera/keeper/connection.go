package keeper

import (
	"context"
	"hash/maphash"
	"sync"
	"time"

	"github.com/binside/binside/camera"
	"github.com/binside/binside/vision"
)

// connection is one life of a stream: it hands the source's frames on until it
// is cut, and knows when the last one came and when the picture last changed.
type connection struct {
	keeper *Keeper
	stop   context.CancelFunc

	mu          sync.Mutex
	gone        bool
	first, last time.Time
	changed     time.Time
	mark        uint64
}

var printSeed = maphash.MakeSeed()

// fingerprint is a hash of the whole picture: of a part of it, a small motion
// elsewhere would look like none.
func fingerprint(img *vision.Image) uint64 { return maphash.Bytes(printSeed, img.Pix) }

// start sets the watchdog's clock when the source is started.
func (c *connection) start(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last.IsZero() {
		c.last, c.changed = now, now
	}
}

// cut ends the connection; no frame goes through it any more.
func (c *connection) cut() {
	c.stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = true
}

func (c *connection) span() (first, last time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.first, c.last
}

// frame is the source's sink.
func (c *connection) frame(ctx context.Context, f camera.Frame) {
	now := time.Now()
	var mark uint64
	if c.keeper.opts.Frozen > 0 && f.Image != nil {
		mark = fingerprint(f.Image)
	}
	c.mu.Lock()
	if c.gone {
		c.mu.Unlock()
		return
	}
	if c.first.IsZero() {
		c.first = now
	}
	if mark != c.mark || c.keeper.opts.Frozen <= 0 {
		c.changed, c.mark = now, mark
	}
	c.last = now
	c.mu.Unlock()

	c.keeper.arrived(now)
	if dropped := c.keeper.buffer.put(ctx, f); dropped > 0 {
		c.keeper.dropped(dropped)
	}
}

// check says whether the stream has been silent or frozen for too long.
func (c *connection) check(now time.Time, silence, frozen time.Duration) error {
	waiting := c.keeper.buffer.blocked()
	c.mu.Lock()
	defer c.mu.Unlock()
	if waiting { // for the reader, which is not the source's silence
		c.last, c.changed = now, now
		return nil
	}
	if silence > 0 && now.Sub(c.last) > silence {
		return errSilent
	}
	if frozen > 0 && !c.first.IsZero() && now.Sub(c.changed) > frozen && c.last.Sub(c.changed) > frozen/2 {
		return errFrozen
	}
	return nil
}

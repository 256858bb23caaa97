package object

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// SpoolOptions bound a spool; zero values mean the defaults.
type SpoolOptions struct {
	// Dir is the spool's own folder on a local disk.
	Dir string
	// MaxBytes and MaxCount bound what waits, default 2 GiB and 100,000
	// objects.
	MaxBytes int64
	MaxCount int
	// MaxObjectBytes bounds one object, default DefaultMaxBytes.
	MaxObjectBytes int64
	// Workers upload at once, default 4, each call bound by UploadTimeout,
	// default 30 s.
	Workers       int
	UploadTimeout time.Duration
	// MinBackoff doubles with every failure up to MaxBackoff, default 0.5 s
	// and 1 min; the actual pause is a random 50 to 100% of it.
	MinBackoff, MaxBackoff time.Duration
	// ProbeEvery is how often an idle spool asks whether the store answers,
	// default 30 s.
	ProbeEvery time.Duration

	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

func (o SpoolOptions) withDefaults() SpoolOptions {
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	set(&o.UploadTimeout, 30*time.Second)
	set(&o.MinBackoff, 500*time.Millisecond)
	set(&o.MaxBackoff, time.Minute)
	set(&o.ProbeEvery, 30*time.Second)
	if o.MaxBytes <= 0 {
		o.MaxBytes = 2 << 30
	}
	if o.MaxCount <= 0 {
		o.MaxCount = 100_000
	}
	if o.MaxObjectBytes <= 0 {
		o.MaxObjectBytes = DefaultMaxBytes
	}
	if o.Workers <= 0 {
		o.Workers = 4
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// entry is one object that waits. It stays in the index while it is being
// uploaded, so that no second upload of its key can overtake the first.
type entry struct {
	key      string
	size     int64
	modified time.Time
	// gen counts the Puts of the key; an upload of an older one is repeated.
	gen uint64
	// removed: deleted while being uploaded.
	removed bool
	// busy is closed when the upload that is going on ends; nil without one.
	busy     chan struct{}
	attempts int
	notUntil time.Time
	elem     *list.Element
}

// Spool puts objects on the local disk first and uploads them in the
// background, so that a Put neither waits for the network nor fails with it.
// Get, Stat and List see what waits as if it were uploaded. Objects survive a
// restart; the spool is bounded, and a full one refuses with ErrSpoolFull.
//
// A Spool owns its folder (a second one on it is refused) and the store below
// it.
type Spool struct {
	next Store
	opts SpoolOptions
	root *os.Root
	lock *os.File

	mu      sync.Mutex
	entries map[string]*entry
	order   *list.List // of *entry, the longest waiting first
	bytes   int64
	count   int // of entries and of Puts that are being written
	closed  bool
	// changed is closed and replaced when there may be something to do.
	changed chan struct{}
	health  health

	metrics spoolMetrics
	cancel  context.CancelFunc
	workers sync.WaitGroup
}

// health says how the uploads go.
type health struct {
	failures int
	until    time.Time // no upload before
	probeBad bool
	last     error
}

// NewSpool opens a spool over a store and starts uploading what an earlier one
// has left in the folder.
func NewSpool(next Store, opts SpoolOptions) (*Spool, error) {
	opts = opts.withDefaults()
	if opts.Dir == "" {
		return nil, errors.New("no folder")
	}
	if err := os.MkdirAll(opts.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	root, err := os.OpenRoot(opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	s := &Spool{
		next: next, opts: opts, root: root,
		entries: make(map[string]*entry), order: list.New(), changed: make(chan struct{}),
	}
	if err := s.start(); err != nil {
		return nil, errors.Join(err, s.release())
	}
	return s, nil
}

func (s *Spool) start() error {
	var err error
	if s.lock, err = s.root.OpenFile("lock", os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return err
	}
	if err := syscall.Flock(int(s.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("the folder is in use by another process: %w", err)
	}
	if err := s.scan(); err != nil {
		return err
	}
	if s.metrics, err = newSpoolMetrics(s.opts.Registerer, s); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	for range s.opts.Workers {
		s.workers.Go(func() { s.upload(ctx) })
	}
	s.workers.Go(func() { s.probe(ctx) })
	return nil
}

// release closes files; the lock goes with its file.
func (s *Spool) release() error {
	var err error
	if s.lock != nil {
		err = s.lock.Close()
	}
	return errors.Join(err, s.root.Close())
}

// Close stops the uploads, waits for them, and closes the store below. What
// still waits stays on disk for the next time.
func (s *Spool) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.workers.Wait()
	s.metrics.unregister(s.opts.Registerer)
	return errors.Join(s.release(), s.next.Close())
}

// Usage is what waits in a spool.
type Usage struct {
	Objects int
	Bytes   int64
}

// Pending returns what has not been uploaded yet.
func (s *Spool) Pending() Usage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Usage{Objects: len(s.entries), Bytes: s.bytes}
}

// Degraded reports whether the store below does not take what it is given, or
// did not answer when it was last asked.
func (s *Spool) Degraded() bool { return s.LastError() != nil }

// LastError says why the spool is degraded; nil where it is not.
func (s *Spool) LastError() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.health.failures == 0 && !s.health.probeBad {
		return nil
	}
	return s.health.last
}

// Put implements Store: it returns when the object is on the local disk.
func (s *Spool) Put(ctx context.Context, key string, data []byte, contentType string) error {
	if err := errors.Join(ValidateKey(key), ctx.Err()); err != nil {
		return err
	}
	if int64(len(data)) > s.opts.MaxObjectBytes {
		return fmt.Errorf("%w: %d bytes, the limit is %d", ErrTooLarge, len(data), s.opts.MaxObjectBytes)
	}
	size := int64(len(data))
	if err := s.reserve(size); err != nil {
		return err
	}
	temp, err := s.write(key, data, contentType)
	if err == nil {
		if err = s.commit(temp, key, size); err != nil {
			// The first error tells more than a failure to tidy up.
			_ = s.root.Remove(temp)
		}
	}
	if err != nil {
		s.unreserve(size)
	} else {
		err = syncDir(s.root, ".")
	}
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrUnavailable, key, err)
	}
	return nil
}

// reserve takes room for one object before it is written.
func (s *Spool) reserve(size int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("%w: the spool is closed", ErrUnavailable)
	}
	if s.bytes+size > s.opts.MaxBytes || s.count+1 > s.opts.MaxCount {
		s.metrics.refused.Inc()
		return fmt.Errorf("%w: %d objects of %d bytes wait", ErrSpoolFull, s.count, s.bytes)
	}
	s.bytes += size
	s.count++
	return nil
}

func (s *Spool) unreserve(size int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes -= size
	s.count--
}

// commit gives a written object its name and puts it in the index.
func (s *Spool) commit(temp, key string, size int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.New("the spool is closed")
	}
	if err := s.root.Rename(temp, fileName(key)); err != nil {
		return err
	}
	e := s.entries[key]
	if e == nil {
		e = &entry{key: key}
		e.elem = s.order.PushBack(e)
		s.entries[key] = e
	} else if !e.removed {
		s.bytes -= e.size // the object before it
		s.count--
	}
	e.size, e.modified, e.removed, e.notUntil = size, time.Now().UTC(), false, time.Time{}
	e.gen++
	s.wake()
	return nil
}

// wake lets the workers look again; s.mu is held.
func (s *Spool) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// find returns the size and time of a waiting object.
func (s *Spool) find(key string) (Info, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[key]
	if e == nil || e.removed {
		return Info{}, false
	}
	return Info{Key: key, Size: e.size, Modified: e.modified}, true
}

// Get implements Store.
func (s *Spool) Get(ctx context.Context, key string) ([]byte, error) {
	if err := errors.Join(ValidateKey(key), ctx.Err()); err != nil {
		return nil, err
	}
	if _, ok := s.find(key); ok {
		head, data, err := s.read(fileName(key))
		// It may have been uploaded, and so removed, since the look.
		if err == nil && head.Key == key {
			return data, nil
		}
	}
	return s.next.Get(ctx, key)
}

// Stat implements Store.
func (s *Spool) Stat(ctx context.Context, key string) (Info, error) {
	if err := errors.Join(ValidateKey(key), ctx.Err()); err != nil {
		return Info{}, err
	}
	if info, ok := s.find(key); ok {
		return info, nil
	}
	return s.next.Stat(ctx, key)
}

// Delete implements Store. It needs the store below, where an older object may
// lie under the key; where that does not answer, the waiting object is gone
// nevertheless and Delete is to be called again.
func (s *Spool) Delete(ctx context.Context, key string) error {
	if err := errors.Join(ValidateKey(key), ctx.Err()); err != nil {
		return err
	}
	busy, found, err := s.remove(key)
	if err == nil && found {
		err = syncDir(s.root, ".")
	}
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrUnavailable, key, err)
	}
	if busy != nil {
		select { // or the upload would bring the object back
		case <-busy:
		case <-ctx.Done():
			return fmt.Errorf("%w: %s is being uploaded: %w", ErrUnavailable, key, ctx.Err())
		}
	}
	return s.next.Delete(ctx, key)
}

// remove takes an object out of the spool and returns the channel to wait on
// where it is being uploaded.
func (s *Spool) remove(key string) (busy <-chan struct{}, found bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, false, errors.New("the spool is closed")
	}
	e := s.entries[key]
	if e == nil {
		return nil, false, nil
	}
	if e.removed {
		return e.busy, true, nil
	}
	if err := s.root.Remove(fileName(key)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, true, err
	}
	s.bytes -= e.size
	s.count--
	e.removed = true
	e.gen++
	if e.busy == nil {
		s.forget(e)
	}
	return e.busy, true, nil
}

// forget drops an entry from the index; s.mu is held.
func (s *Spool) forget(e *entry) {
	s.order.Remove(e.elem)
	delete(s.entries, e.key)
}

// List implements Store: what waits and what lies below, each key once.
func (s *Spool) List(ctx context.Context, prefix string, fn func(Info) error) error {
	if err := errors.Join(validatePrefix(prefix), ctx.Err()); err != nil {
		return err
	}
	waiting := s.waiting(prefix)
	err := s.next.List(ctx, prefix, func(info Info) error {
		for len(waiting) > 0 && waiting[0].Key <= info.Key {
			first := waiting[0]
			waiting = waiting[1:]
			if first.Key == info.Key {
				info = first
				break
			}
			if err := fn(first); err != nil {
				return err
			}
		}
		return fn(info)
	})
	for err == nil && len(waiting) > 0 {
		err = fn(waiting[0])
		waiting = waiting[1:]
	}
	return err
}

func (s *Spool) waiting(prefix string) []Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Info
	for key, e := range s.entries {
		if !e.removed && strings.HasPrefix(key, prefix) {
			out = append(out, Info{Key: key, Size: e.size, Modified: e.modified})
		}
	}
	sort.Slice(out, func(a, b int) bool { return out[a].Key < out[b].Key })
	return out
}

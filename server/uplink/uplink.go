package uplink

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/binside/binside/server/deletion"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/relay"
	"github.com/binside/binside/server/store"
)

// Config says which server and how; zero values take the defaults, where one
// is named.
type Config struct {
	// Server is its address, https://HOST[:PORT]; plain http:// only to this
	// machine, or with AllowHTTP. CAFile holds the certificates, in PEM, that
	// the server's is checked by; empty: the system's.
	Server, CAFile string
	AllowHTTP      bool
	StationID      string
	Token          string
	// Key is the one that the server signs bundles with.
	Key ed25519.PublicKey
	// Dir is where the bundle and the model are kept.
	Dir string
	// Builtin is a model whose files need not be fetched; nil: none.
	Builtin fs.FS
	// Version is this program's.
	Version string

	// MaxBytes bounds what is kept of inspections (default 4 GiB), and Keep is
	// for how long what the server has is kept here too (default 24 hours).
	MaxBytes int64
	Keep     time.Duration
	// Poll is the pause between two questions for a newer bundle (default
	// 30 s), Report between two reports (15 s), Tend between two looks at the
	// disk (5 s), Idle between two looks into an empty outbox (500 ms).
	Poll, Report, Tend, Idle time.Duration
	// Timeout bounds a connection's making, an answer's beginning, and the
	// pause within a long one (default 20 s). MaxPause bounds the pause after
	// failures (default 30 s).
	Timeout, MaxPause time.Duration
	// Clock is SystemClock where it is nil.
	Clock *Clock

	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&c.Keep, 24*time.Hour)
	def(&c.Poll, 30*time.Second)
	def(&c.Report, 15*time.Second)
	def(&c.Tend, 5*time.Second)
	def(&c.Idle, 500*time.Millisecond)
	def(&c.Timeout, 20*time.Second)
	def(&c.MaxPause, 30*time.Second)
	if c.MaxBytes <= 0 {
		c.MaxBytes = 4 << 30
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Store is the station's records; see server/store.
type Store interface {
	GetInspection(ctx context.Context, id string) (*inspection.Inspection, error)

	Postings(ctx context.Context, now time.Time, limit int) ([]store.Posting, error)
	Acknowledge(ctx context.Context, id string, revision int64, now time.Time) error
	Refuse(ctx context.Context, id, reason string, retryAt time.Time) error
	Backlog(ctx context.Context) (store.Backlog, error)

	Kept(ctx context.Context) (int64, error)
	Pictures(ctx context.Context, kind store.Room, limit int) ([]store.Sized, error)
	Records(ctx context.Context, kind store.Room, limit int) ([]string, error)
	HandedBefore(ctx context.Context, before time.Time, limit int) ([]string, error)
	Forget(ctx context.Context, ids ...string) error
}

// Objects is where the station's evidence lies; see server/store/object.
type Objects interface {
	Get(ctx context.Context, key string) ([]byte, error)
	Delete(ctx context.Context, key string) error
}

// Deletions is the signed log without which no picture goes; see
// server/deletion.
type Deletions interface {
	Add(ctx context.Context, entries ...deletion.Entry) error
}

// Deps are the station's parts; all are needed but Registerer.
type Deps struct {
	Store     Store
	Objects   Objects
	Deletions Deletions
	// Apply puts a newer bundle in force, with the model that lies in the
	// folder; after an error the one before is still in force.
	Apply func(ctx context.Context, b *relay.Bundle, model fs.FS) error
	// Release stops the station's cameras: the server runs them itself again.
	// What was decided is handed in still, and a newer bundle takes it back.
	Release func(ctx context.Context) error
	// Describe fills in the parts of a report that only the station knows:
	// model, taxonomy, cameras.
	Describe func(*relay.Report)
	// Speak puts a voice pack in use: its id, a word for its content, and its
	// files under their names. Without files there is none.
	Speak func(id, version string, files fs.FS)
	// Answer replies to a question about one of the station's cameras.
	Answer func(ctx context.Context, q relay.Question) relay.Reply
	// Registerer gets the uplink's metrics; nil: none.
	Registerer prometheus.Registerer
}

// Uplink is the agent's side of its server. New, then First for the bundle to
// start by, then Start when the station runs, and Close.
type Uplink struct {
	cfg     Config
	client  *client
	shelf   *shelf
	clock   *skewClock
	deps    Deps
	metrics *metrics

	cancel context.CancelFunc
	done   sync.WaitGroup

	mu      sync.Mutex
	current *relay.Bundle // in force
	unkept  *relay.Signed // in force and not on disk yet
	refused string        // why a newer one is not
	disk    relay.Disk
	backlog relay.Backlog
	contact contact
	voice   string // the pack in use
	// renewed holds a word for whoever waits for another bundle to be in force.
	renewed chan struct{}
	// hurry holds a word for pullOn, that there may be another bundle.
	hurry chan struct{}
	// news holds a word for reportOn, that there is something to report.
	news chan struct{}
}

// New wires an uplink that does nothing yet.
func New(cfg Config) (*Uplink, error) {
	cfg = cfg.withDefaults()
	if cfg.StationID == "" || cfg.Token == "" || len(cfg.Key) != ed25519.PublicKeySize {
		return nil, errors.New("uplink: the station, a token and the server's key are needed (binside agent enrol prints them)")
	}
	if cfg.Clock == nil {
		c, err := SystemClock()
		if err != nil {
			return nil, err
		}
		cfg.Clock = &c
	}
	u := &Uplink{cfg: cfg, clock: &skewClock{Clock: *cfg.Clock}, renewed: make(chan struct{}, 1), hurry: make(chan struct{}, 1), news: make(chan struct{}, 1), disk: relay.Disk{MaxBytes: cfg.MaxBytes}}
	var err error
	if u.client, err = newClient(cfg, u.reached); err != nil {
		return nil, err
	}
	if u.shelf, err = newShelf(cfg.Dir, cfg.Builtin); err != nil {
		return nil, err
	}
	u.metrics = newMetrics(u)
	return u, nil
}

// Mark is what the clock shows, for the outbox.
func (u *Uplink) Mark() store.ClockMark { return u.clock.mark() }

// Start begins to pull, hand in, report and tend; all go on until Close.
func (u *Uplink) Start(ctx context.Context, deps Deps) error {
	u.deps = deps
	u.mu.Lock()
	unkept, current := u.unkept, u.current
	u.unkept = nil
	u.mu.Unlock()
	if current == nil {
		return errors.New("uplink: started without a bundle")
	}
	if unkept != nil {
		if err := u.shelf.keep(unkept, current); err != nil {
			return err
		}
	}
	u.metrics.register(deps.Registerer)
	ctx, u.cancel = context.WithCancel(context.WithoutCancel(ctx))
	for _, loop := range []func(context.Context){u.pullOn, u.voiceOn, u.answerOn, u.handOn, u.reportOn, u.tendOn} {
		u.done.Go(func() { loop(ctx) })
	}
	return nil
}

// Close stops, waits, and closes the connections to the server. What is in the
// outbox stays there. It may be called without Start.
func (u *Uplink) Close() {
	if u.cancel != nil {
		u.cancel()
		u.done.Wait()
	}
	u.client.close()
	u.metrics.unregister()
	if err := u.shelf.close(); err != nil {
		u.cfg.Logger.Warn("the bundle's folder was not closed", "error", err)
	}
}

// contact is when the server was last reached.
type contact struct {
	online bool
	since  time.Time // when that began, by this machine's clock
	err    string    // why it is not
}

// reached notes whether the server could be reached; a refusal is an answer.
func (u *Uplink) reached(err error) {
	if errors.Is(err, context.Canceled) {
		return // given up here
	}
	var refusal *RefusalError
	online := err == nil || errors.As(err, &refusal) && refusal.Status < 500
	u.mu.Lock()
	was := u.contact
	if was.online != online || was.since.IsZero() {
		u.contact = contact{online: online, since: u.cfg.Clock.Wall()}
	}
	if err != nil {
		u.contact.err = err.Error()
	} else {
		u.contact.err = ""
	}
	changed := was.online != online || was.since.IsZero()
	u.mu.Unlock()
	switch {
	case !changed:
	case online:
		u.cfg.Logger.Info("the server is reached", "server", u.cfg.Server)
	default:
		u.cfg.Logger.Warn("the server is not reached: the station goes on by itself, and hands in later", "server", u.cfg.Server, "error", err)
	}
}

// Status is how the uplink does.
type Status struct {
	Online bool
	Since  time.Time // by this machine's clock
	Error  string
	// Bundle is the sequence in force, Refused why a newer one is not.
	Bundle  int64
	Refused string
	Backlog relay.Backlog
	Disk    relay.Disk
	Skew    time.Duration
	// SkewKnown is false before the first measurement.
	SkewKnown bool
	// Voice is the pack in use, empty for none.
	Voice string
}

// Status returns it; backlog and disk are as of the last look.
func (u *Uplink) Status() Status {
	skew, known := u.clock.skew()
	u.mu.Lock()
	defer u.mu.Unlock()
	s := Status{
		Online: u.contact.online, Since: u.contact.since, Error: u.contact.err, Refused: u.refused,
		Backlog: u.backlog, Disk: u.disk, Skew: skew, SkewKnown: known, Voice: u.voice,
	}
	if u.current != nil {
		s.Bundle = u.current.Sequence
	}
	return s
}

// pause waits; it returns false as soon as ctx ends.
func pause(ctx context.Context, d time.Duration) bool { return pauseUnless(ctx, d, nil) }

// pauseUnless is a pause that a word in hurry ends early.
func pauseUnless(ctx context.Context, d time.Duration, hurry <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-hurry:
		return true
	case <-ctx.Done():
		return false
	}
}

// backoff is the pause after the nth failure in a row: doubling from a quarter
// of a second to most, of which a random half is taken off, so that a city's
// agents do not come all at once when their server is back.
func backoff(n int, most time.Duration) time.Duration {
	d := min(250*time.Millisecond<<min(n, 20), most)
	return d/2 + rand.N(d/2+1) //nolint:gosec // no secret
}

// wrapRefusal says more of refusals that a person must mend.
func wrapRefusal(err error) error {
	var r *RefusalError
	if errors.As(err, &r) && (r.Status == 401 || r.Status == 403 || r.Status == 404) {
		return fmt.Errorf("%w: is the token this station's, and not revoked? (binside agent enrol)", err)
	}
	return err
}

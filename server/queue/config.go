package queue

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// MaxPayload is the largest encoded deposit, in bytes: 8 MiB, which NATS
// advises not to exceed, less some room for headers.
const MaxPayload = maxMessage - 16<<10

const maxMessage = 8 << 20

// Config says which queue and how. The zero value of every field but Dir
// takes the default named with it.
type Config struct {
	// Dir is where the embedded server keeps its files. It is locked: two
	// processes cannot share it. Unused with URL.
	Dir string
	// URL is an external server or cluster, e.g. "nats://10.0.0.5:4222" (or
	// "tls://…"; several separated by commas); empty embeds a server.
	URL string
	// CredentialsFile is a NATS .creds file; Token the alternative to it.
	CredentialsFile string
	Token           string
	// Listen is host:port of a listener of the embedded server, e.g. for
	// another machine's `binside`; empty (the default) listens nowhere. It
	// needs ListenUser and ListenPassword (12 to 72 bytes): no anonymous
	// client. The listener speaks plain text; give it a loopback or
	// private address.
	Listen, ListenUser, ListenPassword string
	// NoSync turns off the sync of every deposit to the disk before it is
	// acknowledged (embedded server only). A crash of the process still
	// loses nothing; a power cut may lose the last seconds.
	NoSync bool
	// MaxBytes bounds what waits (default 2 GiB); Publish refuses beyond it.
	MaxBytes int64
	// MaxAge bounds how long a deposit waits (default 7 days, negative: for
	// ever).
	MaxAge time.Duration
	// DeadMaxBytes and DeadMaxAge bound the dead letters (default 256 MiB and
	// 30 days); the oldest go first.
	DeadMaxBytes int64
	DeadMaxAge   time.Duration
	// MaxAttempts is how often a deposit is tried before it becomes a dead
	// letter (default 5).
	MaxAttempts int
	// AckWait is how long the server waits for a sign of life before it hands
	// the deposit to somebody else (default 30 s). While a handler runs, the
	// signs are sent for it.
	AckWait time.Duration
	// RedeliveryDelay is the pause after a first failed attempt (default
	// 1 s); it doubles with every further one up to a minute. RetryDelay is
	// the same for Retry, in place (default 20 ms, up to 5 s).
	RedeliveryDelay, RetryDelay time.Duration
	// PublishTimeout bounds one Publish (default 5 s), ConnectTimeout the
	// first connection and the embedded server's start (default 30 s).
	PublishTimeout, ConnectTimeout time.Duration
	// DrainTimeout is how long a handler that runs when Consume is told to
	// stop may go on (default 10 s).
	DrainTimeout time.Duration
	// Replicas is the number of copies on an external cluster (default 1).
	Replicas int

	Logger     *slog.Logger          // default: slog.Default()
	Registerer prometheus.Registerer // default: none
}

func (c Config) withDefaults() Config {
	setIf(&c.MaxBytes, 2<<30)
	setIf(&c.MaxAge, 7*24*time.Hour)
	setIf(&c.DeadMaxBytes, 256<<20)
	setIf(&c.DeadMaxAge, 30*24*time.Hour)
	setIf(&c.MaxAttempts, 5)
	setIf(&c.AckWait, 30*time.Second)
	setIf(&c.RedeliveryDelay, time.Second)
	setIf(&c.RetryDelay, 20*time.Millisecond)
	setIf(&c.PublishTimeout, 5*time.Second)
	setIf(&c.ConnectTimeout, 30*time.Second)
	setIf(&c.DrainTimeout, 10*time.Second)
	setIf(&c.Replicas, 1)
	if c.MaxAge < 0 {
		c.MaxAge = 0 // JetStream's word for "no limit"
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Registerer == nil {
		c.Registerer = prometheus.NewRegistry()
	}
	return c
}

func setIf[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (c Config) validate() error {
	switch {
	case c.URL == "" && c.Dir == "":
		return errors.New("queue: neither a folder for the embedded server nor the URL of an external one")
	case c.URL != "" && c.Listen != "":
		return errors.New("queue: a listener is the embedded server's, and there is none when a URL is set")
	case c.CredentialsFile != "" && c.Token != "":
		return errors.New("queue: both a file of credentials and a token are set; one is enough")
	case c.Listen != "" && (c.ListenUser == "" || len(c.ListenPassword) < 12 || len(c.ListenPassword) > 72):
		return errors.New("queue: a listener needs a user and a password of 12 to 72 bytes")
	case c.MaxBytes < maxMessage:
		return fmt.Errorf("queue: max bytes is %d, at least %d are needed for one deposit", c.MaxBytes, maxMessage)
	case c.AckWait < 100*time.Millisecond:
		return fmt.Errorf("queue: ack wait is %v, at least 100ms are needed", c.AckWait)
	}
	if c.Listen != "" {
		if _, _, err := net.SplitHostPort(c.Listen); err != nil {
			return fmt.Errorf("queue: listen address: %w", err)
		}
	}
	return nil
}

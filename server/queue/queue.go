package queue

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/binside/binside/server/handover"
	"github.com/binside/binside/server/inspection"
)

// Names on the NATS side; an external cluster sees them.
const (
	StreamDeposits = "DEPOSITS"
	StreamDead     = "DEPOSITS_DEAD"

	subjectDeposits = "binside.deposits"
	subjectDead     = "binside.dead"
	subjectStored   = "binside.stored"
	consumerName    = "worker"

	// duplicateWindow is how long JetStream remembers deposit IDs: enough for
	// the retries of one request.
	duplicateWindow = 5 * time.Minute
	// maxAckPending bounds what all servers together have in hand.
	maxAckPending = 1024
	// apiTimeout bounds questions to the server about its state.
	apiTimeout = 5 * time.Second
)

var ctxBackground = context.Background()

// Queue is the client of the deposits' stream, and the owner of the embedded
// server where there is one. Its methods may be called from any goroutine.
type Queue struct {
	cfg      Config
	embedded *embedded // nil with an external server
	conn     *nats.Conn
	js       jetstream.JetStream
	stream   jetstream.Stream
	dead     jetstream.Stream
	consumer jetstream.Consumer
	// recent is what this process has published, until it is handed out: the
	// embedded server need not send every picture back through copy after
	// copy. What is not there is read from the stream.
	recent  *handover.Shelf[inspection.Deposit]
	metrics *metrics

	closing   chan struct{} // closed by Close; ends Consume
	closeOnce sync.Once
	consumers sync.WaitGroup
	connDone  chan struct{} // closed when the connection is
}

// Open starts the embedded server or connects to the external one, and makes
// the streams if they are not there. It gives up when ctx ends or after
// Config.ConnectTimeout.
func Open(ctx context.Context, cfg Config) (*Queue, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	q := &Queue{cfg: cfg, closing: make(chan struct{}), connDone: make(chan struct{}), metrics: newMetrics(),
		recent: handover.NewShelf[inspection.Deposit](0)}
	if cfg.URL == "" {
		e, err := startEmbedded(cfg)
		if err != nil {
			return nil, err
		}
		q.embedded = e
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.ConnectTimeout)
	defer cancel()
	if err := q.open(ctx); err != nil {
		return nil, errors.Join(err, q.Close())
	}
	if err := q.metrics.register(cfg.Registerer, q); err != nil {
		return nil, errors.Join(err, q.Close())
	}
	return q, nil
}

func (q *Queue) open(ctx context.Context) error {
	var err error
	if q.conn, err = q.connect(ctx); err != nil {
		return err
	}
	if q.js, err = jetstream.New(q.conn, jetstream.WithDefaultTimeout(apiTimeout)); err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	maxBytes, err := q.roomForWaiting(ctx)
	if err != nil {
		return err
	}
	if q.stream, err = q.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: StreamDeposits, Subjects: []string{subjectDeposits},
		Description: "binside: deposits that wait for the models",
		Retention:   jetstream.WorkQueuePolicy, Discard: jetstream.DiscardNew, Storage: jetstream.FileStorage,
		MaxBytes: maxBytes, MaxAge: q.cfg.MaxAge, Duplicates: q.duplicates(), Replicas: q.cfg.Replicas,
		AllowDirect: true,
	}); err != nil {
		return fmt.Errorf("queue: stream %s: %w", StreamDeposits, err)
	}
	if q.dead, err = q.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: StreamDead, Subjects: []string{subjectDead},
		Description: "binside: deposits that could not be worked on",
		Retention:   jetstream.LimitsPolicy, Discard: jetstream.DiscardOld, Storage: jetstream.FileStorage,
		MaxBytes: q.cfg.DeadMaxBytes, MaxAge: q.cfg.DeadMaxAge, Replicas: q.cfg.Replicas,
	}); err != nil {
		return fmt.Errorf("queue: stream %s: %w", StreamDead, err)
	}
	if q.consumer, err = q.stream.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{
		Durable: consumerName, Description: "binside: the workers of all servers",
		AckPolicy: jetstream.AckExplicitPolicy, AckWait: q.cfg.AckWait,
		// Giving up is ours: JetStream would drop silently.
		MaxDeliver: -1, MaxAckPending: maxAckPending,
		// What this process has published it still has, see recent. An
		// external server's deposits are mostly other processes'.
		HeadersOnly: q.embedded != nil,
	}); err != nil {
		return fmt.Errorf("queue: consumer: %w", err)
	}
	return nil
}

// roomForWaiting is the bound of the deposits' stream: the configured one, or
// what waits already, where that is more. JetStream would make a stream fit a
// smaller bound by deleting the oldest messages, which were acknowledged.
func (q *Queue) roomForWaiting(ctx context.Context) (int64, error) {
	stream, err := q.js.Stream(ctx, StreamDeposits)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return q.cfg.MaxBytes, nil
	}
	if err != nil {
		return 0, fmt.Errorf("queue: stream %s: %w", StreamDeposits, err)
	}
	waiting := int64(stream.CachedInfo().State.Bytes)
	if waiting > q.cfg.MaxBytes {
		q.cfg.Logger.Warn("queue: more waits than max bytes allows; it stays full until the next start finds less",
			"waiting", waiting, "max_bytes", q.cfg.MaxBytes)
	}
	return max(q.cfg.MaxBytes, waiting), nil
}

// duplicates is the window, which must not be longer than the messages live.
func (q *Queue) duplicates() time.Duration {
	if q.cfg.MaxAge > 0 {
		return min(duplicateWindow, q.cfg.MaxAge)
	}
	return duplicateWindow
}

// connect makes the connection, trying again until ctx ends where the server
// is another machine's and may start later than we do.
func (q *Queue) connect(ctx context.Context) (*nats.Conn, error) {
	opts := []nats.Option{
		nats.Name("binside"),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
		// A publish during an outage fails at once and is repeated by whoever
		// owns the deposit, instead of waiting in memory as if it were safe.
		nats.ReconnectBufSize(-1),
		// What this process stored it has announced itself.
		nats.NoEcho(),
		nats.ClosedHandler(func(*nats.Conn) { close(q.connDone) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				q.cfg.Logger.Warn("queue: connection lost", "error", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { q.cfg.Logger.Info("queue: connection is back") }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			q.cfg.Logger.Warn("queue: connection", "error", err)
		}),
	}
	if q.embedded != nil {
		opts = append(opts, nats.InProcessServer(q.embedded.server), nats.Nkey(q.embedded.public, q.embedded.key.Sign))
		conn, err := nats.Connect("", opts...)
		if err != nil {
			return nil, fmt.Errorf("queue: embedded server: %w", err)
		}
		return conn, nil
	}
	if q.cfg.CredentialsFile != "" {
		opts = append(opts, nats.UserCredentials(q.cfg.CredentialsFile))
	}
	if q.cfg.Token != "" {
		opts = append(opts, nats.Token(q.cfg.Token))
	}
	return q.connectExternal(ctx, opts)
}

func (q *Queue) connectExternal(ctx context.Context, opts []nats.Option) (*nats.Conn, error) {
	where, err := redact(q.cfg.URL)
	if err != nil {
		return nil, err
	}
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		conn, err := nats.Connect(q.cfg.URL, opts...)
		if err == nil {
			return conn, nil
		}
		if !startingUp(err) {
			return nil, fmt.Errorf("queue: connect to %s: %w", where, err)
		}
		q.cfg.Logger.Warn("queue: server is not there yet", "server", where)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: connect to %s: %w", ErrUnavailable, where, ctx.Err())
		}
	}
}

// startingUp reports whether a failed connection may succeed later: nobody
// listens yet, or somebody does who is too busy to greet.
func startingUp(err error) bool {
	var network net.Error
	return errors.Is(err, nats.ErrNoServers) || errors.Is(err, nats.ErrTimeout) || errors.Is(err, io.EOF) ||
		errors.As(err, &network) && network.Timeout()
}

// redact is the addresses alone, without users, passwords and tokens.
func redact(urls string) (string, error) {
	var hosts []string
	for one := range strings.SplitSeq(urls, ",") {
		u, err := url.Parse(strings.TrimSpace(one))
		if err != nil || u.Host == "" {
			// The error of url.Parse repeats the whole URL: keep it out.
			return "", errors.New("queue: the server's URL cannot be read; it should look like nats://host:4222")
		}
		hosts = append(hosts, u.Scheme+"://"+u.Host)
	}
	return strings.Join(hosts, ","), nil
}

// Publish puts a deposit on the queue. When it returns nil the deposit is
// stored, on the disk with the embedded server (see Config.NoSync); a deposit
// whose ID is there already is stored once. The pictures' bytes may be handed to
// Consume's handler as they are: they must not be changed. Errors: ErrFull, ErrTooLarge,
// ErrUnavailable, ErrClosed, and ctx's.
func (q *Queue) Publish(ctx context.Context, d inspection.Deposit) error {
	start := time.Now()
	err := q.publish(ctx, d)
	if err != nil {
		q.metrics.publishErrors.WithLabelValues(Reason(err)).Inc()
		return err
	}
	q.metrics.published.Inc()
	q.metrics.publishSeconds.Observe(time.Since(start).Seconds())
	return nil
}

func (q *Queue) publish(ctx context.Context, d inspection.Deposit) error {
	select {
	case <-q.closing:
		return ErrClosed
	default:
	}
	data, err := Encode(d)
	if err != nil {
		return err
	}
	if len(data) > MaxPayload {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(data), MaxPayload)
	}
	wait, cancel := context.WithTimeout(ctx, q.cfg.PublishTimeout)
	defer cancel()
	if q.embedded != nil {
		q.recent.Put(d.ID, d, len(data)) // before: it may be handed out before we hear of it
	}
	_, err = q.js.PublishMsg(wait, &nats.Msg{Subject: subjectDeposits, Data: data},
		jetstream.WithMsgID(d.ID), jetstream.WithExpectStream(StreamDeposits))
	if err != nil {
		q.recent.Take(d.ID)
	}
	return publishError(ctx, err)
}

// storeFailed is JetStream's code for a message that the stream did not take,
// for whatever reason; the text tells the limits from the rest.
const (
	storeFailed          jetstream.ErrorCode = 10077
	insufficientStorage  jetstream.ErrorCode = 10047
	insufficientResource jetstream.ErrorCode = 10023
)

func publishError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	var api *jetstream.APIError
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("queue: publish: %w", ctx.Err())
	case errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	case errors.As(err, &api):
		switch api.ErrorCode {
		case storeFailed:
			if strings.Contains(api.Description, "maximum") {
				return fmt.Errorf("%w: %s", ErrFull, api.Description)
			}
		case insufficientStorage, insufficientResource:
			return fmt.Errorf("%w: %s", ErrFull, api.Description)
		case jetstream.JSErrCodeStreamMessageExceedsMaximum:
			return fmt.Errorf("%w: %s", ErrTooLarge, api.Description)
		default: // says no more than that it did not work
		}
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// Ping asks the stream for its state; an error means that deposits can be
// neither queued nor worked on.
func (q *Queue) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	if _, err := q.stream.Info(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
}

// Addr is the embedded server's listener as host:port, empty where it listens
// nowhere.
func (q *Queue) Addr() string {
	if q.embedded == nil || q.cfg.Listen == "" {
		return ""
	}
	return q.embedded.server.Addr().String()
}

// Close ends Consume (which waits for the running handlers, at most
// Config.DrainTimeout), sends what is buffered, closes the connection and
// stops the embedded server. No goroutine is left when it returns. It may be
// called again.
func (q *Queue) Close() error {
	q.closeOnce.Do(func() {
		close(q.closing)
		q.consumers.Wait()
		if q.conn != nil {
			_ = q.conn.FlushTimeout(apiTimeout) // acknowledgements; a lost one is delivered again
			q.conn.Close()
			<-q.connDone
		}
		q.metrics.unregister(q.cfg.Registerer)
		if q.embedded != nil {
			q.embedded.stop()
		}
	})
	return nil
}

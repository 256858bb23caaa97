package mqtt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"time"

	nats "github.com/nats-io/nats-server/v2/server"
	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/binside/binside/server/queue"
)

// broker is the embedded server.
type broker struct {
	cfg    Config
	server *nats.Server
	gate   *gate
	lock   *os.File
	// inside looks after the streams; no device's message passes through it.
	inside                       *client.Conn
	retained, messages, sessions jetstream.Stream
	closed                       chan struct{} // closed when inside is
}

// startTimeout bounds the server's start, and apiTimeout a question to it.
const (
	startTimeout = 30 * time.Second
	apiTimeout   = 5 * time.Second
)

// room is what a message may have beside its picture: topic and headers.
const room = 64 << 10

func startBroker(ctx context.Context, cfg Config, g *gate, log *slog.Logger) (*broker, error) {
	b := &broker{cfg: cfg, gate: g, closed: make(chan struct{})}
	opts := b.options()
	err := os.MkdirAll(cfg.Dir, 0o700)
	if err != nil {
		return nil, fmt.Errorf("mqtt: %w", err)
	}
	if b.lock, err = queue.LockDir(cfg.Dir); err != nil {
		return nil, err
	}
	if b.server, err = nats.NewServer(opts); err != nil {
		return nil, errors.Join(fmt.Errorf("mqtt: server: %w", err), b.lock.Close())
	}
	say := newServerLog(log)
	b.server.SetLoggerV2(say, false, false, false)
	b.server.Start()
	// A server that cannot listen says so as a "fatal" line only.
	if say.failed() || !b.server.ReadyForConnections(startTimeout) || !b.server.JetStreamEnabled() {
		b.stop()
		return nil, fmt.Errorf("mqtt: the server did not start: %s", say.lastFatal())
	}
	if err := b.open(ctx); err != nil {
		b.stop()
		return nil, err
	}
	return b, nil
}

func (b *broker) options() *nats.Options {
	opts := &nats.Options{
		ServerName: "binside-devices",
		// Devices come through the door and speak MQTT; only this process speaks NATS.
		DontListen:                 true,
		CustomClientAuthentication: b.gate,
		AuthTimeout:                5,
		NoSystemAccount:            true,
		JetStream:                  true,
		StoreDir:                   b.cfg.Dir,
		SyncAlways:                 !b.cfg.NoSync,
		JetStreamMaxStore:          maxStore,
		JetStreamMaxMemory:         16 << 20,
		DisableJetStreamBanner:     true,
		MaxPayload:                 int32(b.cfg.MaxPicture + room),
		MaxConn:                    b.cfg.MaxClients + insideConnections,
		MaxSubs:                    maxSubs,
		// As many messages of the largest size as are on their way to us at once.
		MaxPending: int64(2*maxUnanswered) * int64(b.cfg.MaxPicture+room),
		NoLog:      true,
		NoSigs:     true,
	}
	opts.MQTT = nats.MQTTOpts{Host: "127.0.0.1", Port: nats.RANDOM_PORT, MaxAckPending: maxUnanswered, AckWait: b.cfg.AckWait}
	return opts
}

const (
	// maxUnanswered is how many messages of quality of service 1 may be on their
	// way to one reader.
	maxUnanswered = 8
	// insideConnections are this process's own, and those that are ending.
	insideConnections = 64
	// maxSubs bounds the filters of one connection, which are kept with its session.
	maxSubs = 64
	// messageLife is how long a message waits for a device that is away.
	messageLife = 24 * time.Hour
	// maxRetained bounds one retained message. No picture should fit, see
	// forgetPictures.
	maxRetained = 32 << 10
)

// maxStore bounds all that devices can make this process store, in bytes.
const maxStore = messagesBytes + retainedBytes + heldBytes + 2*sessionsBytes

const (
	messagesBytes = 512 << 20
	retainedBytes = 64 << 20
	heldBytes     = 128 << 20
	sessionsBytes = 32 << 20
)

// Names of the MQTT part of NATS. It takes streams that are there as they are,
// and would make them without bounds.
const (
	retainedStream  = "$MQTT_rmsgs"
	retainedSubject = "$MQTT.rmsgs."
	messagesStream  = "$MQTT_msgs"
	messagesSubject = "$MQTT.msgs."
	sessionsStream  = "$MQTT_sess"
	sessionsSubject = "$MQTT.sess.>"
)

func streams() []jetstream.StreamConfig {
	base := jetstream.StreamConfig{Storage: jetstream.FileStorage, Replicas: 1, Discard: jetstream.DiscardNew}
	messages, retained, sessions, held, out := base, base, base, base, base
	messages.Name, messages.Subjects, messages.Retention = messagesStream, []string{messagesSubject + ">"}, jetstream.InterestPolicy
	messages.MaxBytes, messages.MaxAge, messages.MaxConsumers = messagesBytes, messageLife, 8192
	retained.Name, retained.Subjects, retained.MaxMsgsPerSubject = retainedStream, []string{retainedSubject + ">"}, 1
	retained.MaxBytes, retained.MaxMsgSize = retainedBytes, maxRetained
	sessions.Name, sessions.Subjects, sessions.MaxMsgsPerSubject = sessionsStream, []string{sessionsSubject}, 1
	sessions.MaxBytes, sessions.Discard = sessionsBytes, jetstream.DiscardOld
	held.Name, held.Subjects, held.MaxMsgsPerSubject = "$MQTT_qos2in", []string{"$MQTT.qos2.in.>"}, 1
	held.MaxBytes, held.MaxAge, held.DiscardNewPerSubject = heldBytes, heldLife, true
	out.Name, out.Subjects, out.Retention = "$MQTT_out", []string{"$MQTT.out.>"}, jetstream.InterestPolicy
	out.MaxBytes, out.MaxAge = sessionsBytes, messageLife
	return []jetstream.StreamConfig{messages, retained, sessions, held, out}
}

// open makes the streams, before the first device comes.
func (b *broker) open(ctx context.Context) (err error) {
	b.inside, err = client.Connect("", client.InProcessServer(b.server), client.UserInfo(insideUser, b.gate.secret),
		client.MaxReconnects(-1), client.ClosedHandler(func(*client.Conn) { close(b.closed) }))
	if err != nil {
		return fmt.Errorf("mqtt: own server: %w", err)
	}
	js, err := jetstream.New(b.inside, jetstream.WithDefaultTimeout(apiTimeout))
	if err != nil {
		return fmt.Errorf("mqtt: %w", err)
	}
	for _, c := range streams() {
		made, err := js.CreateOrUpdateStream(ctx, c)
		if err != nil {
			return fmt.Errorf("mqtt: stream %s: %w", c.Name, err)
		}
		switch c.Name {
		case retainedStream:
			b.retained = made
		case messagesStream:
			b.messages = made
		case sessionsStream:
			b.sessions = made
		}
	}
	return nil
}

// forgetPictures deletes what was pushed as a retained message: MQTT lets a
// device ask for that, and no picture may be kept that way.
func (b *broker) forgetPictures(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	return b.retained.Purge(ctx, jetstream.WithPurgeSubject(retainedSubject+"binside.v1.push.>"))
}

// farewell is how long devices have to take their stations' last state.
const farewell = 2 * time.Second

// awaitDelivery waits until every device has acknowledged its station's state, or
// has had the time for it: that it was published says only that the server has it.
// A message is kept for as long as one that wants it has not; a device that is
// away can make the wait as long as it may be.
func (b *broker) awaitDelivery(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		info, err := b.messages.Info(ctx, jetstream.WithSubjectFilter(messagesSubject+"binside.v1.stations.*.state"))
		if err != nil || len(info.State.Subjects) == 0 {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// dial connects to the embedded server, as a device.
func (b *broker) dial(ctx context.Context) (net.Conn, error) {
	v, err := b.server.Varz(nil)
	if err != nil {
		return nil, fmt.Errorf("mqtt: own server: %w", err)
	}
	return dialOwn(ctx, net.JoinHostPort(v.MQTT.Host, strconv.Itoa(v.MQTT.Port)))
}

// stop shuts the server down and waits for its goroutines and files.
func (b *broker) stop() {
	if b.inside != nil {
		b.inside.Close()
		<-b.closed
	}
	b.server.Shutdown()
	b.server.WaitForShutdown()
	_ = b.lock.Close()
}

package mqtt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"github.com/binside/binside/server/notify"
	"github.com/binside/binside/server/store"
)

// Service is the MQTT listener and this process's own client of it. Start brings
// it up, Close takes it down.
type Service struct {
	cfg     Config
	deps    Deps
	gate    *gate
	door    *door
	broker  *broker
	metrics *metrics
	own     paho.Client

	// frames, deposits and words are what devices have pushed and nobody has
	// worked on yet.
	frames   *frames
	deposits chan paho.Message
	words    chan paho.Message
	held     held
	// answered bounds the answers to wrong messages, by topic.
	answered *lru.Cache[string, *rate.Limiter]

	stations stations // run's alone, and Close's after its end
	book     book     // watch's alone, and Close's after its end
	sub      *notify.Subscription
	cancel   context.CancelFunc
	done     sync.WaitGroup
}

// The bounds of what waits. Deposits have room for twice what may be unanswered on
// the two filters, so that none that was acknowledged is turned away.
const (
	depositRoom = 4 * maxUnanswered
	wordRoom    = 256
	topicRoom   = 1024
)

// New makes a service that does nothing until Start.
func New(cfg Config, deps Deps) (*Service, error) {
	s := &Service{
		cfg: cfg.withDefaults(), deps: deps, frames: newFrames(),
		deposits: make(chan paho.Message, depositRoom), words: make(chan paho.Message, wordRoom),
	}
	if _, _, err := net.SplitHostPort(cfg.Listen); err != nil {
		return nil, fmt.Errorf("mqtt: listen address: %w", err)
	}
	var err error
	s.book = book{devices: make(map[string]store.MQTTDevice), away: make(map[string]time.Time)}
	if s.gate, err = newGate(deps.Auth, deps.Logger); err != nil {
		return nil, err
	}
	if s.answered, err = lru.New[string, *rate.Limiter](topicRoom); err != nil {
		return nil, fmt.Errorf("mqtt: %w", err)
	}
	return s, nil
}

// Start listens, and works until Close.
func (s *Service) Start(ctx context.Context) (err error) {
	s.metrics = newMetrics(s.deps.Registerer, s.gate.count)
	s.door = &door{
		gate: s.gate, metrics: s.metrics, log: s.deps.Logger, maxClients: s.cfg.MaxClients, maxPicture: s.cfg.MaxPicture,
		inner:  func(ctx context.Context) (net.Conn, error) { return s.broker.dial(ctx) },
		redact: s.redact, pictures: newPictureRoom(),
	}
	if s.door.tls, err = s.cfg.certificate(); err != nil {
		return err
	}
	if s.broker, err = startBroker(ctx, s.cfg, s.gate, s.deps.Logger); err != nil {
		return err
	}
	if err = s.open(ctx); err != nil {
		s.broker.stop()
		return err
	}
	ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	changes, leave := s.deps.Changes.Subscribe()
	s.done.Go(func() {
		defer leave()
		s.run(ctx, changes)
	})
	s.done.Go(func() { s.watch(ctx) })
	for range 2 {
		s.done.Go(func() { s.lookAtFrames(ctx) })
		s.done.Go(func() { s.takeDeposits(ctx) })
	}
	s.done.Go(func() { s.takeWords(ctx) })
	s.deps.Auth.OnEnd(s.gate.cut)
	s.door.serve() //nolint:contextcheck // devices come long after Start
	return nil
}

// open takes the address, makes the own client, which must listen before the
// first device pushes, and subscribes to what happens.
func (s *Service) open(ctx context.Context) (err error) {
	if err := s.restoreSessions(ctx); err != nil {
		return err
	}
	if err := s.door.listen(ctx, s.cfg.Listen); err != nil {
		return err
	}
	if err = s.connect(); err != nil { //nolint:contextcheck // it connects again long after Start
		s.door.shut()
		return err
	}
	if s.sub, err = s.deps.Hub.Subscribe(context.WithoutCancel(ctx), nil); err != nil {
		s.door.shut()
		s.own.Disconnect(0)
		return fmt.Errorf("mqtt: %w", err)
	}
	return nil
}

// Addr is the listener's host:port.
func (s *Service) Addr() string { return s.door.listener.Addr().String() }

// Close lets nobody else in, leaves every station's state as offline, finishes
// what is in hand and stops the listener. Deposits that were acknowledged and not
// taken stay on the disk for the next start. Call it once, after Start.
func (s *Service) Close(ctx context.Context) {
	s.door.shut()
	s.cancel()
	s.done.Wait()
	s.sub.Close()
	s.sayGoodbye(ctx)
	s.broker.awaitDelivery(ctx)
	s.own.Disconnect(quiesce)
	s.gate.stop()
	s.broker.stop()
	s.door.close()
	s.note(ctx, time.Now())
}

// Check says why devices cannot connect or are not served; nil: they can and are.
func (s *Service) Check(ctx context.Context) error {
	if err := s.door.check(ctx); err != nil {
		return err
	}
	if !s.own.IsConnectionOpen() {
		return errors.New("the own connection is lost")
	}
	return nil
}

// quiesce is how long the own client may finish what it sends, in milliseconds.
const quiesce = 250

// connect makes the own client, which listens to what devices push.
func (s *Service) connect() error {
	opts := paho.NewClientOptions().
		AddBroker("tcp://own").
		SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (net.Conn, error) { return s.broker.dial(context.Background()) }).
		SetClientID(insideUser).SetUsername(insideUser).SetPassword(s.gate.secret).
		SetProtocolVersion(4).SetCleanSession(false).
		SetAutoReconnect(true).SetMaxReconnectInterval(time.Second).
		SetKeepAlive(30 * time.Second).SetWriteTimeout(apiTimeout).SetConnectTimeout(apiTimeout).
		SetAutoAckDisabled(true).
		SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) { s.receive(m) }).
		SetConnectionLostHandler(func(_ paho.Client, err error) {
			s.held.clear()
			s.deps.Logger.Warn("MQTT: own connection lost", "error", err)
		}).
		SetOnConnectHandler(func(c paho.Client) {
			if err := wait(c.SubscribeMultiple(subscriptions, nil)); err != nil {
				s.deps.Logger.Error("MQTT: what devices push is not heard", "error", err)
			}
		})
	s.own = paho.NewClient(opts)
	if err := wait(s.own.Connect()); err != nil {
		return fmt.Errorf("mqtt: own client: %w", err)
	}
	// The handler above does the same after every reconnection; here it must have
	// happened before a device may connect.
	if err := wait(s.own.SubscribeMultiple(subscriptions, nil)); err != nil {
		s.own.Disconnect(0)
		return fmt.Errorf("mqtt: own subscriptions: %w", err)
	}
	return nil
}

var errNoAnswer = errors.New("mqtt: the server did not answer in time")

func wait(t paho.Token) error {
	if !t.WaitTimeout(apiTimeout) {
		return errNoAnswer
	}
	return t.Error()
}

// watch looks after tokens, sessions, what waits for devices that are away, and
// pictures that nobody may keep.
func (s *Service) watch(ctx context.Context) {
	ticker := time.NewTicker(s.cfg.Look)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := time.Now()
		s.dropSessions(ctx, s.gate.sweep(ctx, now.Add(-s.cfg.SessionLife)))
		if err := s.broker.forgetPictures(ctx); err != nil && ctx.Err() == nil {
			s.deps.Logger.Warn("MQTT: retained pictures were not deleted", "error", err)
		}
		dropped, err := s.broker.trim(ctx)
		s.metrics.droppedMessages.Add(float64(dropped))
		if err != nil && ctx.Err() == nil {
			s.deps.Logger.Warn("MQTT: what waits for devices that are away was not trimmed", "error", err)
		}
		s.note(ctx, now)
	}
}

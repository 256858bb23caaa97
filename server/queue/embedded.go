package queue

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
	"golang.org/x/crypto/bcrypt"
)

// embedded is a NATS server inside this process.
type embedded struct {
	server *server.Server
	lock   *os.File
	// key is this process's credential: made at every start, never written.
	key    nkeys.KeyPair
	public string
}

// startEmbedded starts a server on the files in cfg.Dir and waits until it
// takes connections.
func startEmbedded(cfg Config) (*embedded, error) {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	lock, err := LockDir(cfg.Dir)
	if err != nil {
		return nil, err
	}
	e := &embedded{lock: lock}
	opts, err := e.options(cfg)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	e.server, err = server.NewServer(opts)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("queue: embedded server: %w", err), lock.Close())
	}
	bridge := &natsLogger{log: cfg.Logger}
	e.server.SetLoggerV2(bridge, false, false, false)
	e.server.Start()
	// A server that cannot listen or cannot use its files says so as a "fatal"
	// line only, and is not ready.
	listens := cfg.Listen == "" || e.server.Addr() != nil
	if !listens || !e.server.ReadyForConnections(cfg.ConnectTimeout) || !e.server.JetStreamEnabled() {
		e.stop()
		return nil, fmt.Errorf("queue: embedded server did not start: %s", bridge.lastFatal())
	}
	return e, nil
}

// maxStore is more than any disk holds.
const maxStore = 1 << 50

func (e *embedded) options(cfg Config) (*server.Options, error) {
	var err error
	if e.key, err = nkeys.CreateUser(); err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	if e.public, err = e.key.PublicKey(); err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	opts := &server.Options{
		ServerName: "binside",
		DontListen: cfg.Listen == "",
		// Nobody is let in without a credential, this process included.
		Nkeys:           []*server.NkeyUser{{Nkey: e.public}},
		NoSystemAccount: true,
		JetStream:       true,
		StoreDir:        cfg.Dir,
		SyncAlways:      !cfg.NoSync,
		// The streams have bounds of their own. A tighter one here would keep
		// a server from starting on files that were made under larger bounds.
		JetStreamMaxStore:      maxStore,
		JetStreamMaxMemory:     64 << 20,
		DisableJetStreamBanner: true,
		MaxPayload:             maxMessage,
		NoLog:                  true,
		NoSigs:                 true,
	}
	if cfg.Listen == "" {
		return opts, nil
	}
	host, port, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("queue: listen address: %w", err)
	}
	n, err := strconv.Atoi(port)
	if err != nil || n < 0 || n > 65535 {
		return nil, fmt.Errorf("queue: listen address: port %q is no number from 0 to 65535", port)
	}
	if n == 0 {
		n = server.RANDOM_PORT
	}
	opts.Host, opts.Port = host, n
	hash, err := bcrypt.GenerateFromPassword([]byte(cfg.ListenPassword), bcrypt.DefaultCost)
	if err != nil {
		return nil, fmt.Errorf("queue: listener's password: %w", err)
	}
	opts.Users = []*server.User{{Username: cfg.ListenUser, Password: string(hash)}}
	return opts, nil
}

// stop shuts the server down and waits for its goroutines and files.
func (e *embedded) stop() {
	e.server.Shutdown()
	e.server.WaitForShutdown()
	_ = e.lock.Close()
}

// LockDir takes a folder for this process until the file is closed, for JetStream
// itself does not: two servers on one folder destroy each other's files.
func LockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("queue: folder %s is in use by another process: %w", dir, err)
	}
	return f, nil
}

// natsLogger passes the server's warnings and errors on; its notices are
// noise at the level of this service.
type natsLogger struct {
	log *slog.Logger

	mu    sync.Mutex
	fatal string
}

func (l *natsLogger) Noticef(format string, v ...any) { l.say(slog.LevelDebug, format, v...) }
func (l *natsLogger) Warnf(format string, v ...any)   { l.say(slog.LevelWarn, format, v...) }
func (l *natsLogger) Errorf(format string, v ...any)  { l.say(slog.LevelError, format, v...) }
func (l *natsLogger) Debugf(string, ...any)           {}
func (l *natsLogger) Tracef(string, ...any)           {}

// Fatalf remembers the reason; ending the process is for main to decide.
func (l *natsLogger) Fatalf(format string, v ...any) {
	l.mu.Lock()
	l.fatal = fmt.Sprintf(format, v...)
	l.mu.Unlock()
	l.say(slog.LevelError, format, v...)
}

func (l *natsLogger) lastFatal() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fatal == "" {
		return "it was not ready in time"
	}
	return l.fatal
}

func (l *natsLogger) say(level slog.Level, format string, v ...any) {
	l.log.Log(ctxBackground, level, "embedded queue server: "+strings.TrimSpace(fmt.Sprintf(format, v...)))
}

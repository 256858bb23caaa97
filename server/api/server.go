package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"
	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/binside/binside/server/auth"
)

// Server answers HTTP. New wires it, Listen runs it, Shutdown drains it.
type Server struct {
	Deps
	cfg     Config
	app     *fiber.App
	api     huma.API
	limiter *auth.Limiter
	// receipts limits how often an address may ask with a receipt's code.
	receipts *auth.Limiter
	signer   *auth.Signer
	metrics  *metrics
	routes   routes
	page     page

	// withDeadline makes the context of one request's work; it ends at the
	// latest when Shutdown gives up.
	withDeadline func(time.Duration) (context.Context, context.CancelFunc)
	// untilStop makes a context that ends when Shutdown begins: of live
	// streams and of waiting for verdicts.
	untilStop func() (context.Context, context.CancelFunc)
	// beginStop and giveUp end the two.
	beginStop, giveUp context.CancelFunc
	streams           sync.WaitGroup
	live              liveStreams
	presence          *presence

	mu       sync.Mutex
	listener net.Listener // while Listen runs
	stopped  bool
}

// New wires a server over its parts. It starts no goroutine.
func New(deps Deps, cfg Config) (*Server, error) {
	cfg = cfg.withDefaults()
	limiter, err := auth.NewLimiter(cfg.Now)
	if err != nil {
		return nil, err
	}
	receipts, err := auth.NewLimiter(cfg.Now)
	if err != nil {
		return nil, err
	}
	signer, err := auth.NewSigner(deps.SigningKey, cfg.Now)
	if err != nil {
		return nil, err
	}
	if deps.Components == nil || deps.Changes == nil || deps.Rules == nil || deps.Log == nil || deps.Auth == nil {
		return nil, errors.New("api: Components, Changes, Rules, Auth and Log are needed")
	}
	s := &Server{Deps: deps, cfg: cfg, limiter: limiter, receipts: receipts, signer: signer, metrics: newMetrics(deps.Registerer)}
	if s.presence, err = newPresence(); err != nil {
		return nil, err
	}
	if s.page, err = openPage(deps.Page); err != nil {
		return nil, err
	}
	base, giveUp := context.WithCancel(context.Background())
	stopping, beginStop := context.WithCancel(base)
	s.giveUp, s.beginStop = giveUp, beginStop
	s.withDeadline = func(d time.Duration) (context.Context, context.CancelFunc) { return context.WithTimeout(base, d) }
	s.untilStop = func() (context.Context, context.CancelFunc) { return context.WithCancel(stopping) }
	deps.Auth.OnEnd(s.live.cut)
	s.app = fiber.New(s.fiberConfig())
	s.app.Server().HeaderReceived = s.limitsOf
	s.app.Server().CloseOnShutdown = true
	s.app.Server().Logger = fasthttpLog{s.Log}
	s.app.Server().Handler = s.knownMethods(s.app.Server().Handler)
	s.app.Use(s.outermost, s.authenticate)
	s.api = humafiber.New(s.app, s.openAPI())
	s.register()
	s.app.Use(s.servePage)
	return s, nil
}

func (s *Server) fiberConfig() fiber.Config {
	return fiber.Config{
		AppName: "binside", DisableStartupMessage: true,
		Immutable: true, StrictRouting: true, CaseSensitive: true,
		BodyLimit: smallBody, ReadTimeout: s.cfg.ReadTimeout, WriteTimeout: s.cfg.WriteTimeout, IdleTimeout: s.cfg.IdleTimeout,
		ReadBufferSize: 16 << 10,
		// Fiber's own parsing of forms puts large files into the system's
		// temporary folder; pictures of strangers have no business there.
		DisablePreParseMultipartForm: true,
		ErrorHandler:                 s.answerError,
	}
}

const smallBody = 1 << 20

// limitsOf bounds a request's body by its route, from the header alone: only
// the routes that take pictures may be sent many bytes, and only by somebody
// who shows a credential at all.
func (s *Server) limitsOf(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	shown := len(h.Peek(fiber.HeaderAuthorization)) > 0 || len(h.Cookie(sessionCookie)) > 0
	if !shown || !h.IsPost() || !s.routes.takesPictures(h.RequestURI()) {
		return fasthttp.RequestConfig{}
	}
	return fasthttp.RequestConfig{MaxRequestBodySize: s.cfg.MaxBody}
}

// Listen serves on a listener until Shutdown; it closes the listener. With
// certificate files set it speaks TLS.
func (s *Server) Listen(ln net.Listener) error {
	if !s.opened(ln) {
		return ln.Close()
	}
	ln = lingerListener{ln}
	if s.cfg.TLSCert != "" {
		cert, err := tls.LoadX509KeyPair(s.cfg.TLSCert, s.cfg.TLSKey)
		if err != nil {
			return errors.Join(fmt.Errorf("api: certificate: %w", err), ln.Close())
		}
		ln = tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
	}
	if err := s.app.Listener(ln); err != nil {
		return fmt.Errorf("api: serving: %w", err)
	}
	return nil
}

// opened notes the listener, so that a Shutdown that comes before the server
// has begun to accept is not lost. It is false where one came already.
func (s *Server) opened(ln net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listener = ln
	return !s.stopped
}

// closeListener stops accepting.
func (s *Server) closeListener() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	if s.listener != nil {
		// The server closes it too; whichever comes second finds it closed.
		_ = s.listener.Close()
	}
}

// Shutdown stops accepting, ends live streams and waits for verdicts, and
// lets the other requests finish; when ctx ends it gives up on those. The
// server cannot be used again.
func (s *Server) Shutdown(ctx context.Context) error {
	s.beginStop()
	defer s.giveUp()
	s.closeListener()
	err := s.app.ShutdownWithContext(ctx)
	if err != nil && !errors.Is(err, net.ErrClosed) {
		s.giveUp()
		err = fmt.Errorf("api: requests were still at work: %w", err)
	} else {
		err = nil
	}
	done := make(chan struct{})
	go func() { s.streams.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(s.cfg.StreamWriteTimeout):
		err = errors.Join(err, errors.New("api: a live stream did not end"))
	}
	return err
}

// OpenAPI is the API's document, OpenAPI 3.1, as JSON.
func (s *Server) OpenAPI() ([]byte, error) { return s.api.OpenAPI().MarshalJSON() }

package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/config"
)

// gcPercent lets the heap grow to five times what lives before it is collected
// (Go's default is twice). Little lives, some tens of megabytes, but every
// pushed picture passes through as several copies of a hundred kilobytes:
// `make bench` gains 3 to 4% of the processor time of a push by it. GOGC in the
// environment goes before.
const gcPercent = 400

// operator is the user name of whoever opens a one-time link.
const operator = "operator"

func newServe() *cobra.Command {
	var set settings
	var demo bool
	var listen, model string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the service",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			extra := make(map[string]string)
			if demo {
				extra["demo.enabled"] = "true"
			}
			if listen != "" {
				extra["http.listen"] = listen
			}
			if model != "" {
				extra["model.dir"] = model
			}
			cfg, err := set.load(extra)
			if err != nil {
				return err
			}
			return serveUntilDone(cmd, cfg, start, (*service).greet)
		},
	}
	set.register(cmd)
	set.registerTaxonomy(cmd)
	f := cmd.Flags()
	f.BoolVar(&demo, "demo", false, "add a demonstration station with a simulated camera (demo.enabled)")
	f.StringVar(&listen, "listen", "", "host:port of the API and the page (http.listen)")
	f.StringVar(&model, "model", "", "folder with model.onnx and card.json (model.dir)")
	return cmd
}

// serveUntilDone starts a service, greets whoever started it, and serves until
// the command is told to end.
func serveUntilDone(cmd *cobra.Command, cfg config.Config, start func(context.Context, config.Config, *slog.Logger) (*service, error),
	greet func(*service, context.Context, io.Writer) error,
) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	log := newLogger(cmd.ErrOrStderr(), cfg.Log)
	s, err := start(cmd.Context(), cfg, log)
	if err != nil {
		return err
	}
	if err := greet(s, cmd.Context(), cmd.OutOrStdout()); err != nil {
		log.Error("nobody was greeted with a link", "error", err)
	}
	return s.wait(cmd.Context())
}

// wait serves until ctx is done or the API fails, then stops in order.
func (s *service) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		s.log.Info("stopping: finishing what is in hand", "at_most", s.cfg.DrainTimeout)
	case err := <-s.served:
		s.log.Error("the listener failed", "error", err)
		s.served <- err // stop reports it
	}
	if err := s.stop(ctx); err != nil {
		return err
	}
	s.log.Info("stopped; everything acknowledged is on disk")
	return nil
}

// greet prints where the page is. The one-time link is a secret: it goes to
// the terminal, never to the log, and only at the first start or for a
// demonstration.
func (s *service) greet(ctx context.Context, w io.Writer) error {
	_, first, err := s.store.Setting(ctx, "first_start", time.Now().UTC().Format(time.RFC3339))
	if err != nil {
		return err
	}
	s.log.Info("serving", "url", s.url())
	if !first && !s.cfg.Demo.Enabled {
		_, err = fmt.Fprintf(w, "\n  binside is running at %s\n  (a new one-time link: binside token link)\n\n", s.url())
		return err
	}
	code, err := s.auth.IssueLink(ctx, operator, []auth.Scope{auth.Admin})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "\n  binside 桶边督导 is running. Open this link, it works once and for 15 minutes:\n\n    %s/#/enter/%s\n\n", s.url(), code)
	return err
}

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/binside/binside/camera/simulate"
	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/base"
	"github.com/binside/binside/server/config"
)

func newSimulate() *cobra.Command {
	var set settings
	cfg := config.Default().Demo
	cfg.Listen = "127.0.0.1:8090"
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Serve the video of a simulated station, like a camera",
		Long: `Serve the video of a simulated station, a bin for every stream of the taxonomy,
as motion JPEG over HTTP, like a network camera, and its truth beside it:

  /stream.mjpg        the video
  /station.json       the bins' regions, and what can be shown
  /truth.json         what was thrown where

binside serve --demo runs the same inside the service.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			whole, err := set.load(nil)
			if err != nil {
				return err
			}
			folder, err := base.Load()
			if whole.Model.Dir != "" {
				folder, err = models.LoadDir(whole.Model.Dir)
			}
			if err != nil {
				return err
			}
			tax, err := taxonomy.Open(whole.Taxonomy, whole.TaxonomyColours)
			if err != nil {
				return err
			}
			opts, err := simulation(cfg, tax, folder.Card.Classes)
			if err != nil {
				return err
			}
			sim, err := simulate.NewServer(opts, newLogger(cmd.ErrOrStderr(), whole.Log), nil)
			if err != nil {
				return err
			}
			return errors.Join(serveSimulation(cmd, cfg.Listen, sim), sim.Close())
		},
	}
	set.register(cmd)
	set.registerTaxonomy(cmd)
	f := cmd.Flags()
	f.StringVar(&cfg.Listen, "listen", cfg.Listen, "host:port of the stream")
	f.StringVar(&cfg.Samples, "samples", "", "folder with one folder of pictures per item class, instead of the built-in table")
	f.Int64Var(&cfg.Seed, "seed", cfg.Seed, "decides everything that is random")
	f.Float64Var(&cfg.WrongShare, "wrong-share", cfg.WrongShare, "share of items that go to a wrong bin on purpose")
	return cmd
}

func serveSimulation(cmd *cobra.Command, listen string, sim *simulate.Server) error {
	var lc net.ListenConfig
	ln, err := lc.Listen(cmd.Context(), "tcp", listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: sim.Handler(), ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(ln) }()
	if _, err := fmt.Fprintf(cmd.OutOrStdout(), "http://%s/\n", ln.Addr()); err != nil {
		return errors.Join(err, server.Close())
	}
	select {
	case err := <-failed:
		return err
	case <-cmd.Context().Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), 5*time.Second)
	defer cancel()
	err = server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close() // a viewer that does not let go
	}
	if e := <-failed; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return err
}

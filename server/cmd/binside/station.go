package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/binside/binside/models/base"
	"github.com/binside/binside/models/ort"
	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/config"
	"github.com/binside/binside/server/relay"
	"github.com/binside/binside/server/store"
	"github.com/binside/binside/server/uplink"
)

// stationListen is where an agent's API listens if nothing else is said:
// beside a server on the same machine.
const stationListen = "127.0.0.1:8090"

func newStation() *cobra.Command {
	set := settings{defaults: config.Default()}
	flags := map[string]*string{}
	cmd := &cobra.Command{
		Use:   "station",
		Short: "Run a station's agent: cameras, models and the bins' screen on the spot",
		Long: `Run a station's agent: cameras, models and the bins' screen on the spot.

It works by what its server gives it (places, taxonomy, settings, model), decides
without the server, and hands in every inspection when the network is there. It
starts without a network once it has been given its first bundle.
"binside agent enrol STATION", on the server, prints what it needs.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			extra := map[string]string{}
			for key, value := range flags {
				if *value != "" {
					extra[key] = *value
				}
			}
			set.defaults.HTTP.Listen = stationListen
			cfg, err := set.load(extra)
			if err != nil {
				return err
			}
			return serveUntilDone(cmd, cfg, startStation, (*service).greetStation)
		},
	}
	set.register(cmd)
	for name, f := range map[string]struct{ key, about string }{
		"server":     {"uplink.server", "the server's address, https://HOST[:PORT]"},
		"station":    {"uplink.station", "this station's id at the server"},
		"token-file": {"uplink.token_file", "file with the agent's token"},
		"server-key": {"uplink.server_key", "the key by which the server is known"},
		"listen":     {"http.listen", "host:port of the screen and the local API (default " + stationListen + ")"},
	} {
		value := new(string)
		flags[f.key] = value
		cmd.Flags().StringVar(value, name, "", f.about+" ("+f.key+")")
	}
	return cmd
}

// given is what a station's agent was given by its server at its start.
type given struct {
	uplink *uplink.Uplink
	bundle *relay.Bundle
	model  fs.FS
}

func (g *given) putPlaces(ctx context.Context, st *store.Store) error {
	return st.PutPlaces(ctx, &g.bundle.Station, g.bundle.Bins, g.bundle.Cameras)
}

// uplinkConfig reads what the configuration names.
func uplinkConfig(cfg config.Config, log *slog.Logger) (uplink.Config, error) {
	c := cfg.Uplink
	if c.Server == "" || c.Station == "" || c.TokenFile == "" || c.ServerKey == "" {
		return uplink.Config{}, errors.New("a station needs --server, --station, --token-file and --server-key (binside agent enrol, on the server, prints them)")
	}
	token, err := os.ReadFile(c.TokenFile)
	if err != nil {
		return uplink.Config{}, err
	}
	key, err := relay.ParseKey(c.ServerKey)
	if err != nil {
		return uplink.Config{}, err
	}
	return uplink.Config{
		Server: c.Server, CAFile: c.CAFile, AllowHTTP: c.AllowHTTP, StationID: c.Station, Token: strings.TrimSpace(string(token)), Key: key,
		Dir: filepath.Join(cfg.DataDir, "uplink"), Builtin: base.Files(), Version: version,
		MaxBytes: int64(c.MaxBytes), Keep: c.Keep, Logger: log,
	}, nil
}

// startStation brings an agent up: the service of `serve` by what the server
// has given, with the uplink between its cameras and its API.
func startStation(ctx context.Context, cfg config.Config, log *slog.Logger) (*service, error) {
	uc, err := uplinkConfig(cfg, log)
	if err != nil {
		return nil, err
	}
	return startStationWith(ctx, cfg, uc, log)
}

func startStationWith(ctx context.Context, cfg config.Config, uc uplink.Config, log *slog.Logger) (_ *service, err error) {
	cfg.Demo.Enabled = false
	// The outbox needs records and pictures of its own.
	cfg.Store.URL, cfg.Objects.URL, cfg.Queue.URL = "", "", ""
	up, err := uplink.New(uc)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			up.Close()
		}
	}()
	g := &given{uplink: up}
	if g.bundle, g.model, err = up.First(ctx); err != nil {
		return nil, err
	}
	log.Info("working by the server's bundle", "bundle", g.bundle.Sequence, "made_at", g.bundle.MadeAt, "station", g.bundle.Station.ID,
		"bins", len(g.bundle.Bins), "cameras", len(g.bundle.Cameras), "model", g.bundle.Model.Version)
	return startWith(ctx, cfg, log, g)
}

// startUplink begins to speak to the server.
func (s *service) startUplink(ctx context.Context) error {
	if s.given == nil {
		return nil
	}
	s.uplink = s.given.uplink
	s.onClose("uplink", func(context.Context) error { s.uplink.Close(); return nil })
	return s.uplink.Start(ctx, uplink.Deps{
		Store: s.store, Objects: s.objects, Deletions: s.deletions, Apply: s.apply, Release: s.release, Describe: s.describe, Speak: s.speaker.Packs.Give, Answer: s.answer, Registerer: s.registry,
	})
}

// apply puts a newer bundle in force while deposits come in. All that can fail
// comes first; a prediction is judged by the rules of the model that made it.
func (s *service) apply(ctx context.Context, b *relay.Bundle, model fs.FS) error {
	tax, err := b.Table()
	if err != nil {
		return err
	}
	sentences, err := sentencesOf(tax)
	if err != nil {
		return err
	}
	prompts, err := promptRules(b.Settings.Prompts)
	if err != nil {
		return err
	}
	folder, sample, err := loadModelFrom(model, "the server's model")
	if err != nil {
		return err
	}
	rules, err := makeRules(tax, folder.Card, sample, b.Settings)
	if err != nil {
		return err
	}
	if err := rules.Policy.SetStation(b.Station.ID, b.Settings.Record); err != nil {
		return err
	}
	var network *ort.Network
	if !reflect.DeepEqual(b.Model, s.given.bundle.Model) {
		if network, err = ort.Open(folder, ort.Options{Library: s.cfg.Model.Runtime}); err != nil {
			return err
		}
	}
	if err := s.store.PutPlaces(ctx, &b.Station, b.Bins, b.Cameras); err != nil {
		if network != nil {
			err = errors.Join(err, network.Close())
		}
		return err
	}
	s.worker.Adopt(workerRules(rules, b.Settings))
	if network != nil {
		if err := s.pool.Swap(ctx, network); err != nil { // closes the network
			s.worker.Adopt(workerRules(s.rules.Load(), s.given.bundle.Settings))
			return err
		}
	}
	before := s.given.bundle.Bins
	s.given.bundle = b
	s.rules.Store(rules)
	s.speaker.Follow(sentences)
	s.prompts.Configure(prompts)
	for _, bin := range slices.Concat(before, b.Bins) {
		s.worker.InvalidateBin(bin.ID)
	}
	s.log.Info("taxonomy in force", "taxonomy", tax.Ref(), "standard", tax.Standard)
	return s.cameras.Reload(ctx)
}

// release stops the cameras, which the server runs again.
func (s *service) release(ctx context.Context) error {
	if len(s.cameras.States()) == 0 {
		return nil
	}
	s.log.Warn("the server runs this station's cameras itself again: they are stopped here")
	if err := s.store.PutPlaces(ctx, &s.given.bundle.Station, s.given.bundle.Bins, nil); err != nil {
		return err
	}
	return s.cameras.Reload(ctx)
}

// describe fills in a report what the station knows of itself.
func (s *service) describe(r *relay.Report) {
	rules := s.rules.Load()
	r.Model, r.Taxonomy = s.pool.Card().Version, rules.Taxonomy.Ref()
	for id, c := range s.cameras.States() {
		r.Cameras[id] = relay.CameraReport{
			Status: string(c.Status), Since: c.Since, LastFrameAt: optionalTime(c.LastFrameAt), Frames: c.Frames, Dropped: c.Dropped,
			Reason: c.Reason, Error: c.Error, Condition: c.Condition, ConditionSince: optionalTime(c.ConditionSince),
		}
	}
}

func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// uplinkReadiness is the uplink's line in /readyz: without a server the
// station works on.
func uplinkReadiness(s uplink.Status) api.Readiness {
	var wrong []string
	if !s.Online {
		wrong = append(wrong, fmt.Sprintf("no server since %s, %d inspections wait", s.Since.UTC().Format(time.RFC3339), s.Backlog.Inspections))
	}
	if s.Refused != "" {
		wrong = append(wrong, "the newest bundle was not taken: "+s.Refused)
	}
	if s.Disk.Full {
		wrong = append(wrong, "the disk's bound is reached")
	}
	if len(wrong) == 0 {
		return api.Readiness{Status: api.Ready}
	}
	return api.Readiness{Status: api.Degraded, Detail: strings.Join(wrong, "; ")}
}

// greetStation prints where the screen at the bins is. Its token is a secret:
// it goes to the terminal, never to the log, and only at the first start.
func (s *service) greetStation(ctx context.Context, w io.Writer) error {
	_, first, err := s.store.Setting(ctx, "first_start", time.Now().UTC().Format(time.RFC3339))
	if err != nil {
		return err
	}
	s.log.Info("serving", "url", s.url())
	id := s.cfg.Uplink.Station
	if !first {
		_, err = fmt.Fprintf(w, "\n  The screen at the bins: %s/#/screen/%s\n  (a new token for it: binside token create screen --scope screen:%s)\n\n", s.url(), id, id)
		return err
	}
	_, token, err := s.auth.IssueToken(ctx, "screen", []auth.Scope{auth.ForScreen(id)}, time.Time{}, "first start")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "\n  Open this once at the screen at the bins; it holds the screen's token:\n\n    %s/#/screen/%s/%s\n\n", s.url(), id, token)
	return err
}

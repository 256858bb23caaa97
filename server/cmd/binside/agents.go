package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/binside/binside/server/agents"
	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/config"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/store"
)

// startAgents serves the stations that decide on the spot; a station's own
// agent serves none.
func (s *service) startAgents(ctx context.Context) error {
	if s.given != nil {
		return nil
	}
	key, err := bundleKey(s.cfg.DataDir)
	if err != nil {
		return err
	}
	files, _ := modelFiles(s.cfg.Model)
	s.agents, err = agents.New(ctx, agents.Config{
		Key: key, Taxonomy: s.taxonomy, Settings: s.settings(), Screen: s.cfg.Prompts.Station(s.cfg.Screen), Model: files, ModelVersion: s.pool.Card().Version, Reader: s.reader(),
	}, agents.Deps{
		Store: s.store, Objects: s.objects, Record: s.policy.Station, Voices: s.speaker.Packs, Registerer: s.registry, Logger: s.log,
		Stored: func(i *inspection.Inspection) {
			s.hub.Publish(i)
			if err := s.queue.PublishStored(i); err != nil {
				s.log.Warn("other servers were not told of an inspection", "deposit", i.ID, "error", err)
			}
		},
		Changed: s.promptChanged,
		Shown:   func(i *inspection.Inspection) { s.api.CountShown(i) },
	})
	return err
}

// allCameras are those that run here and those that agents run.
func (s *service) allCameras() api.Cameras {
	if s.agents == nil {
		return s.cameras
	}
	return camerasEverywhere{s.cameras, s.agents, s.store}
}

func newAgent() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "Let stations decide on the spot",
		Long: `Let stations decide on the spot, with an agent (binside station) on a box there.

The commands work on the server's records and keys directly (--data or --config
says which); the service may be running.`,
	}
	cmd.AddCommand(newAgentEnrol(), newAgentKey())
	return cmd
}

func newAgentEnrol() *cobra.Command {
	var set settings
	var life time.Duration
	cmd := &cobra.Command{
		Use:   "enrol STATION",
		Short: "Hand a station over to an agent, and print what the agent needs",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id := args[0]
			return withStore(cmd, &set, func(ctx context.Context, cfg config.Config, st *store.Store) error {
				key, err := publicKeyText(cfg.DataDir)
				if err != nil {
					return err
				}
				token, err := enrol(ctx, cmd, cfg, st, id, life)
				if err != nil {
					return err
				}
				at := cfg.HTTP.PublicURL
				if at == "" {
					at = "https://THIS-SERVER"
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), `
  On the box at the station, once:

    install -m 600 /dev/stdin token <<< %s

  and then, at every start:

    binside station --server %s --station %s --token-file token \
      --server-key %s

  The token is shown once; "binside token revoke" ends it.

`, token, at, id, key)
				return err
			})
		},
	}
	set.register(cmd)
	cmd.Flags().DurationVar(&life, "expires", 0, "how long the agent's token works, e.g. 8760h; 0 means until revoked")
	return cmd
}

// enrol marks the station and makes its agent's token. A running server stops
// its cameras when the agent first asks for its bundle.
func enrol(ctx context.Context, cmd *cobra.Command, cfg config.Config, st *store.Store, id string, life time.Duration) (token string, err error) {
	place, err := st.GetStation(ctx, id)
	if err != nil {
		return "", err
	}
	if !place.Agent {
		place.Agent = true
		if err := st.UpdateStation(ctx, &place); err != nil {
			return "", err
		}
	}
	a, err := auth.New(st, newLogger(cmd.ErrOrStderr(), cfg.Log), time.Now)
	if err != nil {
		return "", err
	}
	var expires time.Time
	if life > 0 {
		expires = time.Now().Add(life)
	}
	_, token, err = a.IssueToken(ctx, "agent of "+id, []auth.Scope{auth.ForAgent(id)}, expires, "command line")
	return token, err
}

func newAgentKey() *cobra.Command {
	var set settings
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Print the key by which agents know this server",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := set.load(nil)
			if err != nil {
				return err
			}
			text, err := publicKeyText(cfg.DataDir)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), text)
			return err
		},
	}
	set.register(cmd)
	return cmd
}

package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/config"
	"github.com/binside/binside/server/store"
)

// withStore opens the records for one command.
func withStore(cmd *cobra.Command, set *settings, do func(ctx context.Context, cfg config.Config, st *store.Store) error) error {
	cfg, err := set.load(nil)
	if err != nil {
		return err
	}
	log := newLogger(cmd.ErrOrStderr(), cfg.Log)
	st, err := store.Open(cmd.Context(), cfg.StoreURL(), store.Options{Logger: log})
	if err != nil {
		return err
	}
	defer func() {
		if err := st.Close(); err != nil {
			log.Error("closing the records", "error", err)
		}
	}()
	return do(cmd.Context(), cfg, st)
}

func withAuth(cmd *cobra.Command, set *settings, do func(ctx context.Context, a *auth.Service) error) error {
	return withStore(cmd, set, func(ctx context.Context, cfg config.Config, st *store.Store) error {
		a, err := auth.New(st, newLogger(cmd.ErrOrStderr(), cfg.Log), time.Now)
		if err != nil {
			return err
		}
		return do(ctx, a)
	})
}

func newToken() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Make, list and revoke access tokens and one-time links",
		Long: `Make, list and revoke access tokens and one-time links.

The commands work on the records directly (--data or --config says which), so
whoever may read and write those may use them; the service may be running.`,
	}
	cmd.AddCommand(newTokenCreate(), newTokenList(), newTokenRevoke(), newTokenLink())
	return cmd
}

func newTokenCreate() *cobra.Command {
	var set settings
	var scopes []string
	var life time.Duration
	cmd := &cobra.Command{
		Use:     "create NAME --scope SCOPE",
		Short:   "Make a token and print it; it is shown once",
		Example: "  binside token create gate-camera --scope camera:gate-1 --expires 8760h",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			parsed, err := auth.ParseScopes(scopes)
			if err != nil {
				return err
			}
			var expires time.Time
			if life > 0 {
				expires = time.Now().Add(life)
			}
			return withAuth(cmd, &set, func(ctx context.Context, a *auth.Service) error {
				_, secret, err := a.IssueToken(ctx, args[0], parsed, expires, "command line")
				if err != nil {
					return err
				}
				_, err = fmt.Fprintln(cmd.OutOrStdout(), secret)
				return err
			})
		},
	}
	set.register(cmd)
	cmd.Flags().StringSliceVar(&scopes, "scope", nil, "admin, read, station:ID, camera:ID, screen:ID, listen:ID or agent:ID; may be repeated")
	cmd.Flags().DurationVar(&life, "expires", 0, "how long it works, e.g. 720h; 0 means until revoked")
	_ = cmd.MarkFlagRequired("scope") // only fails for a flag that does not exist
	return cmd
}

func newTokenList() *cobra.Command {
	var set settings
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List tokens, revoked and expired ones included",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withAuth(cmd, &set, func(ctx context.Context, a *auth.Service) error {
				w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
				_, _ = fmt.Fprintln(w, "ID\tNAME\tSCOPES\tCREATED\tEXPIRES\tREVOKED") // Flush reports
				for after := ""; ; {
					items, next, err := a.Tokens(ctx, after, 100)
					if err != nil {
						return err
					}
					for _, t := range items {
						_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", t.ID, t.Name, strings.Join(t.Scopes, ","),
							t.CreatedAt.Format(time.RFC3339), timeOrDash(t.ExpiresAt), timeOrDash(t.RevokedAt))
					}
					if next == "" {
						return w.Flush()
					}
					after = next
				}
			})
		},
	}
	set.register(cmd)
	return cmd
}

func timeOrDash(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.Format(time.RFC3339)
}

func newTokenRevoke() *cobra.Command {
	var set settings
	cmd := &cobra.Command{
		Use:   "revoke ID",
		Short: "End a token at once",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withAuth(cmd, &set, func(ctx context.Context, a *auth.Service) error {
				return a.RevokeToken(ctx, args[0], "command line")
			})
		},
	}
	set.register(cmd)
	return cmd
}

func newTokenLink() *cobra.Command {
	var set settings
	var base string
	cmd := &cobra.Command{
		Use:   "link",
		Short: "Print a link that opens a session in the browser, once and within 15 minutes",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := set.load(nil)
			if err != nil {
				return err
			}
			if base == "" {
				base = cfg.HTTP.PublicURL
			}
			if base == "" {
				base = "http://" + cfg.HTTP.Listen
			}
			return withAuth(cmd, &set, func(ctx context.Context, a *auth.Service) error {
				code, err := a.IssueLink(ctx, operator, []auth.Scope{auth.Admin})
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s/#/enter/%s\n", strings.TrimRight(base, "/"), code)
				return err
			})
		},
	}
	set.register(cmd)
	cmd.Flags().StringVar(&base, "url", "", "the service's address (default: http.public_url or http.listen)")
	return cmd
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/config"
	"github.com/binside/binside/server/rejudge"
	"github.com/binside/binside/server/store"
)

// rejudgeFlags are the command's own.
type rejudgeFlags struct {
	taxonomy, station, from, to, out string
	accepts                          []string
}

func newRejudge() *cobra.Command {
	var set settings
	var flags rejudgeFlags
	cmd := &cobra.Command{
		Use:   "rejudge --taxonomy FILE|ID",
		Short: "Say which stored inspections another taxonomy would judge otherwise",
		Long: `Judge stored inspections again under another taxonomy and count which would get
another category or verdict, from which to which; --json also lists their ids.
No record is changed, and the service may be running.

What the bins accepted is taken as recorded. Where the other taxonomy has other
categories, --accepts says which stand for the old ones; without that, whatever
was thrown into such a bin becomes a check.

Inspections that keep too few item classes to say (those recorded before all
were kept) are counted by themselves.`,
		Example: "  binside rejudge --taxonomy rural-two-step --from 2026-11-01 --json report.json \\\n" +
			"    --accepts kitchen=perishable --accepts recyclable=sellable+unsellable --accepts other=sellable+unsellable",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withStore(cmd, &set, func(ctx context.Context, cfg config.Config, st *store.Store) error {
				o, err := flags.options(cfg)
				if err != nil {
					return err
				}
				report, err := rejudge.Run(ctx, st, o)
				if err != nil {
					return err
				}
				return writeReport(cmd.OutOrStdout(), flags.out, report)
			})
		},
	}
	set.register(cmd)
	f := cmd.Flags()
	f.StringVar(&flags.taxonomy, "taxonomy", "", "the other table: "+strings.Join(taxonomy.IDs(), ", ")+" or a file")
	f.StringVar(&flags.station, "station", "", "only this station's")
	f.StringVar(&flags.from, "from", "", "captured from then on: a day (2026-11-01, here) or a time (RFC 3339)")
	f.StringVar(&flags.to, "to", "", "captured before then")
	f.StringVar(&flags.out, "json", "", "file for the whole report; - for standard output instead of the summary")
	f.StringArrayVar(&flags.accepts, "accepts", nil, "OLD=NEW[+NEW…]: categories that stand for one that bins accepted; may be repeated")
	_ = cmd.MarkFlagRequired("taxonomy") // only fails for a flag that does not exist
	return cmd
}

func (f rejudgeFlags) options(cfg config.Config) (o rejudge.Options, err error) {
	o = rejudge.Options{Thresholds: cfg.Verdict.Thresholds(), StationID: f.station, Accepts: make(map[string][]string)}
	if o.Policy, err = f.policy(cfg); err != nil {
		return o, err
	}
	if o.From, err = moment("--from", f.from); err != nil {
		return o, err
	}
	if o.To, err = moment("--to", f.to); err != nil {
		return o, err
	}
	for _, entry := range f.accepts {
		old, now, ok := strings.Cut(entry, "=")
		if !ok || old == "" || now == "" {
			return o, fmt.Errorf("--accepts is %q, allowed is OLD=NEW or OLD=NEW+NEW", entry)
		}
		o.Accepts[old] = strings.Split(now, "+")
	}
	return o, nil
}

// moment reads a day, as it begins where the command runs, or a time; empty is
// the zero time.
func moment(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, text, time.Local); err == nil {
		return t.UTC(), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, fmt.Errorf("%s is %q, allowed is a day such as 2026-11-01 or a time such as 2026-11-01T08:00:00+08:00", flag, text)
	}
	return t.UTC(), nil
}

// policy is that of the other table, under the bound of the model in force.
func (f rejudgeFlags) policy(cfg config.Config) (*verdict.Policy, error) {
	tax, err := taxonomy.Open(f.taxonomy, "")
	if err != nil {
		return nil, err
	}
	_, sample, err := loadModel(cfg.Model)
	if err != nil {
		return nil, err
	}
	return verdict.NewPolicy(tax, sample, verdict.DefaultConfidence)
}

// writeReport writes the summary, and the whole to the file that out names.
func writeReport(w io.Writer, out string, r *rejudge.Report) error {
	whole, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	whole = append(whole, '\n')
	if out == "-" {
		_, err = w.Write(whole)
		return err
	}
	if out != "" {
		if err := os.WriteFile(out, whole, 0o600); err != nil {
			return err
		}
	}
	return summariseRejudged(w, r)
}

func summariseRejudged(w io.Writer, r *rejudge.Report) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: of %d inspections %d stay, %d change (%d their verdict), %d keep too little to say\n",
		r.Taxonomy, r.Inspections, r.Same, r.Changed, r.OtherVerdict, r.TooLittle)
	if r.OutsideBins > 0 {
		fmt.Fprintf(&b, "%d were thrown into bins that accept categories which this table lacks (see --accepts)\n", r.OutsideBins)
	}
	if r.RecordedRules[r.RuleVersion] < r.Inspections {
		fmt.Fprintf(&b, "judged again by %s, recorded by%s: a verdict may have changed by the rules\n", r.RuleVersion, rejudge.Recorded(r.RecordedRules))
	}
	if len(r.Changes) > 0 {
		table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "N\tFROM\t\tTO\t")
		for _, c := range r.Changes {
			fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\n", c.N, c.Old.Category, c.Old.Verdict, c.New.Category, c.New.Verdict)
		}
		if err := table.Flush(); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

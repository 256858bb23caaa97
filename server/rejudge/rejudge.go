// Package rejudge says what stored inspections would have become under
// another taxonomy. It reads records and changes none.
package rejudge

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store"
)

// enough is the least probability that the kept classes which the table names
// must have together: what is missing may belong to any category, and the
// strictest thresholds are 0.99.
const enough = 0.999

// Store is what is read; see server/store.
type Store interface {
	ListInspections(ctx context.Context, f inspection.Filter) ([]*inspection.Inspection, error)
	GetBin(ctx context.Context, id string) (station.Bin, error)
}

// Options say which inspections are judged again, and how.
type Options struct {
	Policy *verdict.Policy
	// Thresholds are for bins that have none of their own, and for bins that
	// are no more. A bin's are today's: inspections do not record them.
	Thresholds verdict.Thresholds
	// StationID, From and To select; see inspection.Filter.
	StationID string
	From, To  time.Time
	// Accepts says which categories of the table stand for one that the bins
	// accepted. A category that it does not name stays as it is.
	Accepts map[string][]string
}

// Outcome is what an inspection says.
type Outcome struct {
	Category string          `json:"category"`
	Verdict  verdict.Verdict `json:"verdict"`
}

// Change counts the inspections that go from one outcome to another.
type Change struct {
	Old Outcome  `json:"old"`
	New Outcome  `json:"new"`
	N   int      `json:"n"`
	IDs []string `json:"ids"`
}

// Report is the whole answer.
type Report struct {
	At       time.Time `json:"at"`
	Taxonomy string    `json:"taxonomy"`
	// RuleVersion is that of the rules which judged again; where RecordedRules
	// has others, a verdict may have changed by the rules and not by the table.
	RuleVersion string     `json:"rule_version"`
	StationID   string     `json:"station_id,omitempty"`
	From        *time.Time `json:"from,omitempty"`
	To          *time.Time `json:"to,omitempty"`
	// Inspections are all that were read: Same, Changed and TooLittle.
	Inspections int `json:"inspections"`
	Same        int `json:"same"`
	Changed     int `json:"changed"`
	// OtherVerdict counts those of Changed whose verdict differs.
	OtherVerdict int `json:"other_verdict"`
	// TooLittle keep too few item classes, or such as the table does not name.
	TooLittle int `json:"too_little"`
	// OutsideBins counts those that were judged (check) at bins which accepted
	// a category that the table lacks.
	OutsideBins        int            `json:"outside_bins"`
	RecordedTaxonomies map[string]int `json:"recorded_taxonomies"`
	RecordedRules      map[string]int `json:"recorded_rules"`
	// Changes are sorted from the most frequent down; ids from the oldest.
	Changes      []Change `json:"changes"`
	TooLittleIDs []string `json:"too_little_ids"`
}

// Run judges again and reports. It fails where the store does, or where
// Accepts names a category that the table lacks.
func Run(ctx context.Context, st Store, o Options) (*Report, error) {
	for old, categories := range o.Accepts {
		if lacks := o.Policy.Taxonomy().Lacks(categories); len(lacks) > 0 {
			return nil, fmt.Errorf("rejudge: %s stands for %q, allowed are categories of %s: %q", old, lacks, o.Policy.Taxonomy().Ref(), o.Policy.Taxonomy().CategoryIDs())
		}
	}
	r := &run{Options: o, store: st, thresholds: make(map[string]verdict.Thresholds), changes: make(map[[2]Outcome]*Change), report: Report{
		At: time.Now().UTC(), Taxonomy: o.Policy.Taxonomy().Ref(), RuleVersion: verdict.RuleVersion, StationID: o.StationID,
		From: optional(o.From), To: optional(o.To),
		RecordedTaxonomies: make(map[string]int), RecordedRules: make(map[string]int), Changes: []Change{}, TooLittleIDs: []string{},
	}}
	f := inspection.Filter{StationID: o.StationID, From: o.From, To: o.To, AfterSeq: -1, Limit: store.MaxPage}
	for {
		page, err := st.ListInspections(ctx, f)
		if err != nil {
			return nil, err
		}
		for _, i := range page {
			if err := r.add(ctx, i); err != nil {
				return nil, err
			}
		}
		if len(page) < f.Limit {
			return r.done(), nil
		}
		f.AfterSeq = page[len(page)-1].Seq
	}
}

func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

type run struct {
	Options
	store      Store
	report     Report
	thresholds map[string]verdict.Thresholds // by bin
	changes    map[[2]Outcome]*Change
}

func (r *run) add(ctx context.Context, i *inspection.Inspection) error {
	r.report.Inspections++
	r.report.RecordedTaxonomies[i.TaxonomyVersion]++
	r.report.RecordedRules[i.RuleVersion]++
	if known(i, r.Policy.Taxonomy()) < enough {
		r.report.TooLittle++
		r.report.TooLittleIDs = append(r.report.TooLittleIDs, i.ID)
		return nil
	}
	th, err := r.of(ctx, i.BinID)
	if err != nil {
		return err
	}
	accepts := r.accepts(i.Accepts)
	if len(r.Policy.Taxonomy().Lacks(accepts)) > 0 {
		r.report.OutsideBins++
		accepts = nil // as in the pipeline
	}
	d := judge(i, r.Policy, accepts, th)
	pair := [2]Outcome{{i.Category, i.Verdict}, {d.Category, d.Verdict}}
	if pair[0] == pair[1] {
		r.report.Same++
		return nil
	}
	r.report.Changed++
	if i.Verdict != d.Verdict {
		r.report.OtherVerdict++
	}
	c := r.changes[pair]
	if c == nil {
		c = &Change{Old: pair[0], New: pair[1]}
		r.changes[pair] = c
	}
	c.N++
	c.IDs = append(c.IDs, i.ID)
	return nil
}

// known is how probable those kept classes are together that the table names.
func known(i *inspection.Inspection, tax *taxonomy.Taxonomy) (sum float64) {
	for _, c := range i.AllClasses() {
		if _, ok := tax.CategoryOf(c.Class); ok {
			sum += c.Probability
		}
	}
	return sum
}

// of returns a bin's thresholds.
func (r *run) of(ctx context.Context, binID string) (verdict.Thresholds, error) {
	th, ok := r.thresholds[binID]
	if ok {
		return th, nil
	}
	th = r.Thresholds
	switch bin, err := r.store.GetBin(ctx, binID); {
	case err == nil && bin.Thresholds != nil:
		th = *bin.Thresholds
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return th, err
	}
	r.thresholds[binID] = th
	return th, nil
}

func (r *run) accepts(recorded []string) []string {
	var out []string
	for _, c := range recorded {
		if now, ok := r.Accepts[c]; ok {
			out = append(out, now...)
		} else {
			out = append(out, c)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// judge decides again from what was kept. Of records without a reading it is
// only known whether the picture could be read, which no table changes.
func judge(i *inspection.Inspection, policy *verdict.Policy, accepts []string, th verdict.Thresholds) verdict.Decision {
	p := models.Prediction{ModelVersion: i.ModelVersion, Classes: i.AllClasses(), Agreement: 1}
	if i.Strangeness != nil {
		p.Strangeness = *i.Strangeness
	}
	q := verdict.Quality{Sharpness: th.MinSharpness, Exposure: (th.MinExposure + th.MaxExposure) / 2}
	if r := i.Reading; r != nil {
		q = verdict.Quality{Sharpness: r.Sharpness, Exposure: r.Exposure}
	}
	d := policy.Decide(p, accepts, th, q)
	if _, blind := inspection.OfCamera(i.Reason); blind || i.Reason == inspection.ReasonHidden || i.Reading == nil && i.Verdict == verdict.Unreadable {
		d.Verdict, d.Reason = i.Verdict, i.Reason
	}
	return d
}

func (r *run) done() *Report {
	for _, c := range r.changes {
		r.report.Changes = append(r.report.Changes, *c)
	}
	slices.SortFunc(r.report.Changes, func(a, b Change) int {
		if a.N != b.N {
			return b.N - a.N
		}
		return compare(a, b)
	})
	return &r.report
}

func compare(a, b Change) int {
	key := func(c Change) []string {
		return []string{c.Old.Category, string(c.Old.Verdict), c.New.Category, string(c.New.Verdict)}
	}
	return slices.Compare(key(a), key(b))
}

// Recorded lists a count of the report by name, for people.
func Recorded(counts map[string]int) string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(&text, " %s (%d)", name, counts[name])
	}
	return text.String()
}

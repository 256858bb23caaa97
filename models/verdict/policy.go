package verdict

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
)

// DefaultConfidence is with which bounds hold where nothing else is said.
const DefaultConfidence = 0.95

const (
	// leastRight keeps a Score finite; the risk sample's probabilities are no
	// finer.
	leastRight = 1e-6
	// mostCategories is how many categories a bin's set of them can name.
	mostCategories = 64
	// mostCells bounds the memory for bounds: one for every combination of
	// accepted categories and alpha at every station in use.
	mostCells = 4096
)

// Policy decides what predictions mean for bins, by expected harm and under a
// bound on false accusations. It is safe for concurrent use; a bound is worked
// out once for every combination of accepted categories and alpha.
type Policy struct {
	tax        *taxonomy.Taxonomy
	confidence float64
	classes    map[string]int // item class → index of its category
	examples   []example

	mu       sync.RWMutex
	stations map[string]*Record
	cells    map[cellKey]*cell
	shares   map[sharesKey]Shares
}

// sharesKey is all that a bin's shares depend on: pages list many bins that
// are alike.
type sharesKey struct {
	cell       *cell
	tell, pass float64
}

// cellKey is all that a bound depends on.
type cellKey struct {
	station string // empty where no record of it is known
	accepts uint64 // bit i: category i
	alpha   float64
}

// cell is a bin's part of the policy.
type cell struct {
	bin   *bin
	bound Bound // without shares
}

// NewPolicy makes the policy of one taxonomy and one model. The sample says
// how the model does on photographs that its training never saw; without one
// (nil) nobody is ever told. Its truth is the sample's category where tax is
// the built-in table, and otherwise what tax says of the sample's class; a
// class that tax does not name is left out. confidence is above 0.5 and below
// 1. Policy keeps tax and reads it only.
func NewPolicy(tax *taxonomy.Taxonomy, sample *models.RiskSample, confidence float64) (*Policy, error) {
	if !(confidence > 0.5 && confidence < 1) {
		return nil, fmt.Errorf("verdict: confidence is %g, allowed is above 0.5 and below 1", confidence)
	}
	if n := len(tax.Categories); n > mostCategories {
		return nil, fmt.Errorf("verdict: the taxonomy has %d categories, allowed are %d", n, mostCategories)
	}
	p := &Policy{
		tax: tax, confidence: confidence, classes: make(map[string]int, len(tax.Classes)),
		stations: make(map[string]*Record), cells: make(map[cellKey]*cell),
		shares: make(map[sharesKey]Shares),
	}
	ids := tax.CategoryIDs()
	for _, c := range tax.Classes {
		p.classes[c.ID] = slices.Index(ids, c.Category)
	}
	if sample == nil {
		return p, nil
	}
	if err := p.addExamples(sample); err != nil {
		return nil, fmt.Errorf("verdict: risk sample: %w", err)
	}
	return p, nil
}

// Taxonomy returns the table that the policy decides by.
func (p *Policy) Taxonomy() *taxonomy.Taxonomy { return p.tax }

// Site is the policy at one station.
type Site struct {
	policy  *Policy
	station string
}

// At returns the policy at a station: the bound of the station's own reviewed
// deposits holds there where they are enough (see SetStation).
func (p *Policy) At(station string) Site { return Site{p, station} }

// Decide is Site.Decide away from any station.
func (p *Policy) Decide(pred models.Prediction, accepts []string, th Thresholds, q Quality) Decision {
	return Site{policy: p}.Decide(pred, accepts, th, q)
}

// Bound is Site.Bound away from any station.
func (p *Policy) Bound(accepts []string, th Thresholds) Bound {
	return Site{policy: p}.Bound(accepts, th)
}

// Bound returns the guarantee that verdicts of a bin with these categories and
// settings stand under, and what it costs.
func (s Site) Bound(accepts []string, th Thresholds) Bound {
	c := s.cell(accepts, th.alpha())
	b := c.bound
	b.Shares = s.policy.sharesOf(c, th)
	return b
}

// Decide applies the rules to a deposit thrown into a bin that accepts the
// given categories, the first that fits:
//
//  1. unreadable, where the picture is too dark, too bright or too blurred;
//  2. check, where the picture is unlike anything that the model knows;
//  3. tell, where the most probable category is not accepted and more probable
//     than all accepted ones together, and Score reaches TellAt;
//  4. pass, where Score does not ask for telling and Miss is at most PassAt:
//     the expected harm of silence is less than a person's time;
//  5. check.
//
// th.Tell and th.Pass can only make tell and pass rarer. What the taxonomy
// does not name counts for no category and, in Miss, for the worst. A bin that
// accepts no category of the taxonomy is wrongly set up: its deposits are
// never told, only checked. Categories of equal probability rank in the
// taxonomy's order. Decide keeps no reference to its arguments.
func (s Site) Decide(pred models.Prediction, accepts []string, th Thresholds, q Quality) Decision {
	d, r := s.policy.read(pred)
	d.Classes = slices.Clone(pred.Classes[:min(len(pred.Classes), TopClasses)])
	c := s.cell(accepts, th.alpha())
	w := c.bin.weigh(&r)
	d.Right, d.Miss, d.Score = w.right, w.miss, w.score
	d.PassAt, d.TellAt, d.Level = s.policy.tax.Harm.Check, c.bound.TellAt, c.bound.Level
	if reason := unreadable(th, q); reason != "" {
		d.Verdict, d.Reason = Unreadable, reason
		return d
	}
	d.Verdict, d.Reason = c.bin.rule(&r, w, c.bound.TellAt, d.PassAt, th)
	return d
}

// cell returns the bin's part of the policy, worked out at its first use.
func (s Site) cell(accepts []string, alpha float64) *cell {
	p := s.policy
	key := cellKey{alpha: alpha}
	for i := range p.tax.Categories {
		if slices.Contains(accepts, p.tax.Categories[i].ID) {
			key.accepts |= 1 << i
		}
	}
	p.mu.RLock()
	record := p.stations[s.station]
	if record != nil {
		key.station = s.station
	}
	c := p.cells[key]
	p.mu.RUnlock()
	if c != nil {
		return c
	}
	c = p.newCell(key, record)
	p.mu.Lock()
	defer p.mu.Unlock()
	// The record may have changed meanwhile: then the next one keeps it.
	if p.stations[s.station] == record {
		if len(p.cells) >= mostCells {
			clear(p.cells)
			clear(p.shares)
		}
		p.cells[key] = c
	}
	return c
}

// Station is the record that SetStation was given, nil for none. It must not be
// changed.
func (p *Policy) Station(station string) *Record {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.stations[station]
}

// SetStation makes the bounds of a station follow what its reviewed deposits
// say; nil goes back to the risk sample alone.
func (p *Policy) SetStation(station string, r *Record) error {
	if station == "" {
		return errors.New("verdict: a record without a station")
	}
	if r != nil {
		if err := r.validate(); err != nil {
			return fmt.Errorf("verdict: record of station %q: %w", station, err)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if r == nil {
		delete(p.stations, station)
	} else {
		p.stations[station] = r
	}
	for key := range p.cells {
		if key.station == station {
			delete(p.cells, key)
		}
	}
	clear(p.shares) // they would keep the cells alive
	return nil
}

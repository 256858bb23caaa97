package pipeline

import (
	"fmt"
	"maps"
	"time"

	"github.com/binside/binside/models"
	"github.com/binside/binside/models/verdict"
)

// Rules are how deposits are judged and what is kept of them; zero values take
// the defaults, but for Policy, which is needed.
type Rules struct {
	// Model is the version of the model that Policy's bounds are of; empty: of
	// whichever runs.
	Model string
	// Policy decides, by the taxonomy that it was made with.
	Policy *verdict.Policy
	// Thresholds are for bins without their own (default
	// verdict.DefaultThresholds).
	Thresholds verdict.Thresholds
	// PassShare is the share of passes whose evidence is kept.
	PassShare float64
	// Retention is how long evidence is kept, by verdict (default 30 days).
	Retention map[verdict.Verdict]time.Duration
	// MinSource is the model's.
	MinSource MinSource
}

func (r Rules) withDefaults() *Rules {
	if r.Thresholds == (verdict.Thresholds{}) {
		r.Thresholds = verdict.DefaultThresholds()
	}
	if r.MinSource == nil {
		r.MinSource = atLeast224
	}
	r.Retention = maps.Clone(r.Retention)
	if r.Retention == nil {
		r.Retention = make(map[verdict.Verdict]time.Duration)
	}
	for _, v := range verdict.All {
		if r.Retention[v] <= 0 {
			r.Retention[v] = 30 * 24 * time.Hour
		}
	}
	return &r
}

// inForce are the rules of now and, while the models change, those of before.
type inForce struct{ now, before *Rules }

// Adopt puts other rules in force for every deposit that is judged from now
// on. Where they are another model's, adopt them before the models are
// swapped: each prediction is judged by the rules of the model that made it,
// whichever side of the swap it falls on.
func (w *Worker) Adopt(r Rules) {
	next := &inForce{now: r.withDefaults()}
	if old := w.rules.Load(); old != nil {
		next.before = old.now
		if old.now.Model == next.now.Model {
			next.before = old.before
		}
	}
	w.rules.Store(next)
}

// rulesFor are those by which a prediction is judged.
func (w *Worker) rulesFor(p models.Prediction) (*Rules, error) {
	in := w.rules.Load()
	for _, r := range []*Rules{in.now, in.before} {
		if r != nil && (r.Model == "" || r.Model == p.ModelVersion) {
			return r, nil
		}
	}
	return nil, fmt.Errorf("pipeline: no rules for model %q", p.ModelVersion)
}

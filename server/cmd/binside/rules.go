package main

import (
	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/ort"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/correction"
	"github.com/binside/binside/server/pipeline"
	"github.com/binside/binside/server/relay"
	"github.com/binside/binside/server/station"
)

// settings are what verdicts, evidence and prompts follow: the configuration's,
// or what the station's server says.
func (s *service) settings() relay.Settings {
	if s.given != nil {
		return s.given.bundle.Settings
	}
	c := s.cfg
	return relay.Settings{
		Thresholds: c.Verdict.Thresholds(), PassShare: c.Evidence.PassShare, Retention: c.Evidence.Retention.ByVerdict(),
		Prompts: relay.Prompts(c.Prompts),
	}
}

// makeRules joins a taxonomy, a model and settings, where they fit together.
func makeRules(tax *taxonomy.Taxonomy, card *models.Card, sample *models.RiskSample, set relay.Settings) (*api.Rules, error) {
	if err := card.CheckClasses(tax.CategoryOf); err != nil {
		return nil, err
	}
	policy, err := verdict.NewPolicy(tax, sample, verdict.DefaultConfidence)
	if err != nil {
		return nil, err
	}
	return &api.Rules{Taxonomy: tax, Policy: policy, Thresholds: set.Thresholds, Card: card}, nil
}

// workerRules are the same as the worker takes them.
func workerRules(r *api.Rules, set relay.Settings) pipeline.Rules {
	return pipeline.Rules{
		Model: r.Card.Version, Policy: r.Policy, Thresholds: r.Thresholds, PassShare: set.PassShare, Retention: set.Retention,
		MinSource: ort.Spec(r.Card.Input).MinSource,
	}
}

// promptRules are the settings as the bin side's prompts take them.
func promptRules(p relay.Prompts) (correction.Config, error) {
	quiet, err := station.ParseHours(p.QuietHours)
	if p.Budget == 0 {
		p.Budget = -1
	}
	return correction.Config{Window: p.Window, Stale: p.Stale, Budget: p.Budget, BudgetSpan: p.BudgetSpan, Quiet: quiet}, err
}

package main

import (
	"context"
	"fmt"

	"github.com/binside/binside/camera/simulate"
	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/server/config"
	"github.com/binside/binside/server/demonstration"
)

// simulation says what the simulated station shows: one bin a stream of the
// taxonomy's first step, and items of which the taxonomy says where they belong. known are
// the model's item classes.
func simulation(c config.Demo, tax *taxonomy.Taxonomy, known []string) (simulate.Options, error) {
	opts := simulate.DefaultOptions()
	opts.Seed, opts.WrongShare = uint64(c.Seed), c.WrongShare
	var err error
	if c.Samples == "" {
		opts.Items, err = simulate.LoadStamps("")
	} else {
		opts.Items, _, err = simulate.LoadSamples(c.Samples)
	}
	if err != nil {
		return opts, err
	}
	opts.Classes = make(map[string]string)
	for _, class := range tax.Classes {
		opts.Classes[class.ID] = class.Category
	}
	for _, stream := range tax.Streams() {
		opts.Bins = append(opts.Bins, simulate.Bin{
			ID: demonstration.StationID + "-" + stream.ID, Name: simulate.Name{ZH: stream.Name.ZH, EN: stream.Name.EN},
			Accepts: stream.Accepts, Colour: stream.Colour.Hex,
		})
	}
	opts.Known = known
	return opts, nil
}

func (s *service) startDemonstration(ctx context.Context) error {
	if !s.cfg.Demo.Enabled {
		return nil
	}
	opts, err := simulation(s.cfg.Demo, s.taxonomy, s.pool.Card().Classes)
	if err != nil {
		return fmt.Errorf("demonstration: %w", err)
	}
	s.demo, err = demonstration.Start(ctx, s.cfg.Demo.Listen, opts, s.store, s.hub, s.log, s.registry)
	if err != nil {
		return fmt.Errorf("demonstration: with the taxonomy %s: %w", s.taxonomy.Ref(), err)
	}
	s.onClose("demonstration", s.demo.Close)
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/binside/binside/bench/station"
	"github.com/binside/binside/camera"
	"github.com/binside/binside/camera/simulate"
	"github.com/binside/binside/models"
	"github.com/binside/binside/vision/deposit"
)

// deposits plays the demonstration's video and returns the deposits that the
// detector finds in it, of item classes that the model knows, with its shots.
func deposits(ctx context.Context, s settings, network models.Network) ([]event, error) {
	opts, err := station.Options(s.seed, network.Card().Classes)
	if err != nil {
		return nil, err
	}
	source, err := simulate.NewSource(opts, time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC), s.deposits)
	if err != nil {
		return nil, err
	}
	found, err := detect(ctx, source)
	if err != nil {
		return nil, err
	}
	var seen []simulate.Detection
	for _, e := range found {
		seen = append(seen, simulate.Detection{ID: e.ID, Bin: e.BinID, At: e.Decided})
	}
	truth := source.Truth(0).Events
	runner, err := network.NewRunner(1)
	if err != nil {
		return nil, err
	}
	var events []event
	for _, p := range simulate.Match(truth, seen, 300*time.Millisecond).Pairs {
		t := truth[p.Event]
		if !t.Judged || t.Interrupted {
			continue
		}
		e := event{truth: t.Category, cluster: t.File}
		for _, shot := range found[p.Detection].Shots {
			f, err := see(runner, models.View{Image: shot.Image, Crop: shot.Item}, shot.Sharpness)
			if err != nil {
				return nil, errors.Join(fmt.Errorf("%s: %w", t.File, err), runner.Close())
			}
			e.frames = append(e.frames, f)
		}
		events = append(events, e)
	}
	return events, runner.Close()
}

func detect(ctx context.Context, source *simulate.Source) ([]deposit.Event, error) {
	d, err := deposit.New(deposit.DefaultConfig(), station.Regions(source.Station()))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	var found []deposit.Event
	err = source.Stream(ctx, func(f camera.Frame) {
		found = append(found, d.Observe(deposit.Frame{Seq: f.Seq, Time: f.Time, Image: f.Image})...)
	})
	if !errors.Is(err, io.EOF) {
		return nil, err
	}
	found = append(found, d.Flush()...)
	return slices.DeleteFunc(found, func(e deposit.Event) bool { return e.Kind != deposit.Deposited }), nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/binside/binside/models/evaluation"
	"github.com/binside/binside/vision/condition"
	"github.com/binside/binside/vision/condition/conditiontest"
)

const (
	// mostAlarms is how many false alarms a camera may have in 24 hours.
	mostAlarms = 1
	// leastFound is the share of the faults of each kind that must be found.
	leastFound = 0.95
)

// day is what came of one camera's day.
type day struct {
	Footage string `json:"footage"`
	Seed    uint64 `json:"seed"`
	*conditiontest.Tally
}

// report is what goes into bench/out/condition.json.
type report struct {
	Made       string  `json:"made"`
	StepMS     int64   `json:"step_ms"`
	Days       []day   `json:"days"`
	Faults     []found `json:"faults"`
	Alarms     int     `json:"false_alarms"`
	Hours      float64 `json:"hours"`
	PerDay     float64 `json:"false_alarms_per_camera_and_day"`
	WorstDay   int     `json:"false_alarms_of_the_worst_day"`
	MostAlarms int     `json:"most_alarms"`
	LeastFound float64 `json:"least_found"`
}

// found are the faults of one kind, of all cameras and days.
type found struct {
	conditiontest.Found
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

func measure(ctx context.Context, s settings, clips []footage, say func(string, ...any)) (*report, error) {
	step := condition.DefaultConfig().Every
	step = step.Round(100 * time.Millisecond)
	r := &report{
		Made: "days made from minutes of footage, not recorded", StepMS: step.Milliseconds(), MostAlarms: mostAlarms, LeastFound: leastFound,
	}
	type job struct {
		clip   footage
		seed   uint64
		hours  float64
		faults int
	}
	var jobs []job
	for _, c := range clips {
		if s.only != "" && s.only != c.name {
			continue
		}
		for i := range s.days {
			if i == 0 {
				jobs = append(jobs, job{c, s.seed, s.hours, 0})
			} else {
				jobs = append(jobs, job{c, s.seed + uint64(i), s.faultHours, s.faults})
			}
		}
	}
	r.Days = make([]day, len(jobs))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(s.par)
	for i, j := range jobs {
		group.Go(func() error {
			hours := func(h float64) time.Duration { return time.Duration(h * float64(time.Hour)) }
			made, err := conditiontest.NewDay(j.clip.frames, conditiontest.Options{
				Seed: 100*j.seed + uint64(len(j.clip.name)), From: hours(s.from), Length: hours(j.hours), Step: step,
			})
			if err != nil {
				return err
			}
			m, err := condition.New(condition.DefaultConfig())
			if err != nil {
				return err
			}
			kinds := slices.DeleteFunc(condition.Kinds(), func(k condition.Kind) bool { return j.clip.plain && k == condition.Dirty })
			if j.faults == 0 {
				kinds = nil
			}
			t, err := conditiontest.Watch(ctx, made, m, kinds, j.faults)
			if err != nil {
				return err
			}
			r.Days[i] = day{j.clip.name, j.seed, t}
			say("%s", r.Days[i])
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	r.sum()
	return r, nil
}

func (r *report) sum() {
	for _, d := range r.Days {
		r.Alarms += conditiontest.Sum(d.FalseAlarms)
		r.Hours += d.Hours
		r.WorstDay = max(r.WorstDay, conditiontest.Sum(d.FalseAlarms))
		for _, f := range d.Faults {
			i := slices.IndexFunc(r.Faults, func(g found) bool { return g.Kind == f.Kind })
			if i < 0 {
				i = len(r.Faults)
				r.Faults = append(r.Faults, found{Found: conditiontest.Found{Kind: f.Kind}})
			}
			r.Faults[i].Add(f)
		}
	}
	for i := range r.Faults {
		f := &r.Faults[i]
		f.Low, f.High = evaluation.Wilson(f.Found.Found, f.N)
	}
	r.PerDay = float64(r.Alarms) / max(r.Hours, 1e-9) * 24
}

func (d day) String() string {
	return fmt.Sprintf("%-14s seed %d: %6d frames, %5.2f h looked at, %2d false alarms %v for %.0f s, %v frames doubted, not believed %.0f s, night %.0f s (believed %.0f s, said %d times)",
		d.Footage, d.Seed, d.Frames, d.Hours, conditiontest.Sum(d.FalseAlarms), d.FalseAlarms, d.FalseSeconds, d.Doubted, d.NotBelieved, d.Night, d.NightBelieved, d.NightAlarms)
}

func (r *report) String() string {
	var b strings.Builder
	for _, d := range r.Days {
		fmt.Fprintln(&b, d)
	}
	for _, f := range r.Faults {
		fmt.Fprintf(&b, "%-12s found %3d of %3d within %s (%.3f to %.3f), by the lamp %d of %d, doubted within 3 s %d, mended %d\n",
			f.Kind, f.Found.Found, f.N, conditiontest.Within, f.Low, f.High, f.FoundByLamp, f.ByLamp, f.Doubted, f.Mended)
	}
	fmt.Fprintf(&b, "%d false alarms in %.1f hours: %.2f a camera and day, %d on the worst\n", r.Alarms, r.Hours, r.PerDay, r.WorstDay)
	return b.String()
}

// check compares with what is asked for.
func (r *report) check() error {
	var errs []error
	for _, d := range r.Days {
		if n := conditiontest.Sum(d.FalseAlarms); n > mostAlarms {
			errs = append(errs, fmt.Errorf("%s, seed %d: %d false alarms, at most %d a day", d.Footage, d.Seed, n, mostAlarms))
		}
	}
	for _, f := range r.Faults {
		if float64(f.Found.Found) < leastFound*float64(f.N) {
			errs = append(errs, fmt.Errorf("%s: %d of %d found, at least %.0f%%", f.Kind, f.Found.Found, f.N, 100*leastFound))
		}
	}
	return errors.Join(errs...)
}

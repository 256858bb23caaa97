// Command condition measures how often a camera that is well is called broken
// in a day, and whether faults of that day are found.
//
//	go run ./bench/cmd/condition [-days 2] [-faults 20] [-hours 24]
//
// No recording of a day is at hand: conditiontest makes days from the footage of
// four fixed cameras, two videos of Debian's opencv-doc, which the command
// fetches, the clip with the bottles, and the demonstration's painted station.
// Each camera has one day without a fault, and further ones into which faults
// are put. The figures go to bench/out/condition.json. It fails where a camera
// has more than one false alarm in 24 hours, or less than 95% of the faults of a
// kind are found. `make bench-condition` runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/binside/binside/bench/command"
)

type settings struct {
	cache, bottles, out, only   string
	days, faults, deposits, par int
	hours, faultHours, from     float64
	seed                        uint64
}

func main() {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	var s settings
	flag.StringVar(&s.cache, "cache", filepath.Join(cache, "binside", "condition"), "where the videos are kept")
	flag.StringVar(&s.bottles, "bottles", "../shared/data/video/bottle-detection.mp4", "the clip with the bottles")
	flag.StringVar(&s.out, "out", "bench/out/condition.json", "where the figures go")
	flag.StringVar(&s.only, "only", "", "the only footage to show; all where it is empty")
	flag.IntVar(&s.days, "days", 2, "days of each camera: the first without faults, the others with them")
	flag.IntVar(&s.faults, "faults", 20, "faults of each kind and day")
	flag.IntVar(&s.deposits, "deposits", 60, "deposits of the demonstration that are painted")
	flag.IntVar(&s.par, "parallel", 2, "days that are shown at the same time")
	flag.Float64Var(&s.hours, "hours", 24, "how long a day is")
	flag.Float64Var(&s.faultHours, "fault-hours", 24, "how long a day with faults is")
	flag.Float64Var(&s.from, "from", 15.5, "the hour at which it begins")
	flag.Uint64Var(&s.seed, "seed", 1, "decides everything that is random")
	command.Run(func(ctx context.Context, w io.Writer) error { return run(ctx, s, w) })
}

func run(ctx context.Context, s settings, w io.Writer) error {
	if s.days < 1 || s.faults < 0 || s.hours <= 0 || s.faultHours <= 0 || s.par < 1 {
		return errors.New("days, hours, fault-hours and parallel must be positive, faults not negative")
	}
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
	clips, err := load(ctx, s, say)
	if err != nil {
		return err
	}
	begin := time.Now()
	r, err := measure(ctx, s, clips, say)
	if err != nil {
		return err
	}
	say("%s", r)
	if err := command.Write(s.out, r); err != nil {
		return err
	}
	say("figures in %s, after %s", s.out, time.Since(begin).Round(time.Second))
	return r.check()
}

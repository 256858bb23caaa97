// Command detector measures what the deposit detector costs beyond decoding, on
// a camera of 720p at ten frames a second: at most 8% of one core.
//
//	go run ./bench/cmd/detector [-deposits 40] [-seed 1]
//
// The figures go to bench/out/detector.json. It fails where the limit is
// exceeded. `make bench-detector` runs it.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"runtime"

	"github.com/binside/binside/bench/command"
	"github.com/binside/binside/bench/detector"
	"github.com/binside/binside/bench/station"
)

// limit is the share of one core that the detector may cost.
const limit = 0.08

type report struct {
	*detector.Figures
	Limit float64 `json:"limit"`
	FPS   int     `json:"fps"`
	Cores int     `json:"cores"`
	Seed  uint64  `json:"seed"`
}

func main() {
	deposits := flag.Int("deposits", 40, "how many deposits of the demonstration are played")
	seed := flag.Uint64("seed", 1, "decides everything that is random")
	out := flag.String("out", "bench/out/detector.json", "where the figures go")
	command.Run(func(ctx context.Context, w io.Writer) error { return run(ctx, *deposits, *seed, *out, w) })
}

func run(ctx context.Context, deposits int, seed uint64, out string, w io.Writer) error {
	if deposits < 1 {
		return fmt.Errorf("deposits is %d, at least 1 is needed", deposits)
	}
	opt, err := station.Options(seed, nil)
	if err != nil {
		return err
	}
	f, err := detector.Measure(ctx, opt, deposits)
	if err != nil {
		return err
	}
	if err := command.Write(out, report{Figures: f, Limit: limit, FPS: detector.FPS, Cores: runtime.GOMAXPROCS(0), Seed: seed}); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(w, "%d frames of %d×%d with %d regions, %d deposits found\n", f.N, f.Width, f.Height, f.Regions, f.Events)
	_, _ = fmt.Fprintf(w, "detector %.2f%% of one core at %d fps (p50 %.2f ms, p99 %.2f ms, max %.2f ms), decoding %.2f%%; limit %.0f%%\n",
		100*f.CoreShare, detector.FPS, f.P50MS, f.P99MS, f.MaxMS, 100*f.DecodeShare, 100*limit)
	if f.CoreShare > limit {
		return fmt.Errorf("%.2f%% of one core is more than %.0f%%", 100*f.CoreShare, 100*limit)
	}
	_, _ = fmt.Fprintf(w, "figures in %s\n", out)
	return nil
}

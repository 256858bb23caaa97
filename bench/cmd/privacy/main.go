// Command privacy measures how much of the faces and people in photographs the
// product paints over, how often it paints over waste, and what that costs.
//
//	go run ./bench/cmd/privacy [-waste MANIFEST]
//
// people.csv lists faces and people with boxes that were drawn, or accepted, by
// eye. The photographs come from Debian and npm packages, which the command
// downloads and unpacks into a cache folder; every file is checked by its
// digest. The figures go to bench/out/privacy.json. `make bench-privacy` runs
// it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/binside/binside/bench/command"
	"github.com/binside/binside/bench/download"
	"github.com/binside/binside/models/faces"
	"github.com/binside/binside/vision/privacy"
	"github.com/binside/binside/vision/privacy/people"
)

type settings struct {
	waste, split, cache, out string
	limit, deposits          int
	seed                     uint64
}

func main() {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	var s settings
	flag.StringVar(&s.waste, "waste", "../shared/data/manifest.csv", "the manifest of the waste photographs; paths are relative to it")
	flag.StringVar(&s.split, "split", "val", "the manifest's split to take")
	flag.StringVar(&s.cache, "cache", filepath.Join(cache, "binside", "people"), "where the photographs of people are kept")
	flag.StringVar(&s.out, "out", "bench/out/privacy.json", "where the figures go")
	flag.IntVar(&s.limit, "limit", 0, "how many waste photographs at most; 0: all")
	flag.IntVar(&s.deposits, "deposits", 300, "how many simulated deposits are shown over which people lean")
	flag.Uint64Var(&s.seed, "seed", 1, "decides which waste is taken under a limit, and what is simulated")
	command.Run(func(ctx context.Context, w io.Writer) error { return run(ctx, s, w) })
}

func run(ctx context.Context, s settings, w io.Writer) (err error) {
	found, err := faces.Open(faces.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	entries, err := readList(list)
	if err != nil {
		return err
	}
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
	sources := make([]download.File, len(entries))
	for i, e := range entries {
		sources[i] = e.File
	}
	if err := download.All(ctx, s.cache, sources, say); err != nil {
		return err
	}
	views, err := load(ctx, s.cache, entries)
	if err != nil {
		return err
	}
	m := measurer{
		// As server/cmd/binside sets them up.
		deposit:  &privacy.Redactor{Faces: found.FindTurnedSurely, People: people.FindLarge},
		overview: &privacy.Redactor{Faces: found.FindTurned, SmallestFace: 24, People: people.Find},
	}
	out, err := m.measure(ctx, s, views)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprint(w, out); err != nil {
		return err
	}
	if err := command.Write(s.out, out); err != nil {
		return err
	}
	say("figures in %s", s.out)
	return nil
}

// Command strange measures how well the model tells what it knows from what it
// does not: waste that training did not see against photographs and video
// frames that show no waste.
//
//	go run ./bench/cmd/strange [-known MANIFEST] [-split NAME] [-model DIR]
//
// nowaste.csv lists the pictures without waste. They come from Debian packages
// that the command downloads and unpacks into a cache folder itself, without
// installing them, or from those that are installed; every file is checked by
// its digest. Blank trays, covered lenses and nights are made by formulas and
// reported by themselves. The figures go to bench/out/strange.json.
// `make bench-strange` runs it.
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
	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models/ort"
)

type settings struct {
	known, split, model, cache, out string
	limit, made                     int
	seed                            uint64
}

func main() {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	var s settings
	flag.StringVar(&s.known, "known", "../shared/data/manifest.csv", "the manifest of the waste photographs; paths are relative to it")
	flag.StringVar(&s.split, "split", "val", "the manifest's split to take, one that training did not see")
	flag.StringVar(&s.model, "model", "", "the model's folder; the built-in one by default")
	flag.StringVar(&s.cache, "cache", filepath.Join(cache, "binside", "nowaste"), "where the pictures without waste are kept")
	flag.StringVar(&s.out, "out", "bench/out/strange.json", "where the figures go")
	flag.IntVar(&s.limit, "limit", 0, "how many waste photographs at most; 0: all")
	flag.IntVar(&s.made, "made", 60, "how many blank trays, covered lenses and nights each")
	flag.Uint64Var(&s.seed, "seed", 1, "decides what is made by formulas, and which waste is taken under a limit")
	command.Run(func(ctx context.Context, w io.Writer) error { return run(ctx, s, w) })
}

func run(ctx context.Context, s settings, w io.Writer) (err error) {
	if s.limit < 0 || s.made < 0 {
		return fmt.Errorf("limit is %d and made %d, allowed is 0 or more", s.limit, s.made)
	}
	folder, err := command.Model(s.model)
	if err != nil {
		return err
	}
	network, err := ort.Open(folder, ort.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, network.Close()) }()
	o, err := newObserver(network, taxonomy.Default())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.close()) }()
	groups, err := observe(ctx, s, o, w)
	if err != nil {
		return err
	}
	out := newReport(folder.Card, s, groups)
	if _, err := fmt.Fprint(w, out); err != nil {
		return err
	}
	if err := command.Write(s.out, out); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "figures in %s\n", s.out)
	return err
}

// observe shows everything to the model, group by group, the waste first.
func observe(ctx context.Context, s settings, o *observer, w io.Writer) ([]group, error) {
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
	entries, err := readList(list)
	if err != nil {
		return nil, err
	}
	say("fetching what is missing of %d pictures without waste", len(entries))
	if err := fetch(ctx, s.cache, entries, say); err != nil {
		return nil, err
	}
	known, err := o.waste(ctx, s)
	if err != nil {
		return nil, err
	}
	say("%d waste photographs seen", len(known.seen))
	groups := []group{known}
	for _, kind := range kinds {
		g, err := o.noWaste(ctx, s.cache, kind, entries)
		if err != nil {
			return nil, err
		}
		groups = append(groups, g)
	}
	made, err := o.made(ctx, s, entries)
	return append(groups, made...), err
}

// Command votes measures whether the frames of one deposit should vote: the
// best single frame against several ways of combining all of them, on the same
// deposits.
//
//	go run ./bench/cmd/votes [-manifest FILE] [-split NAME] [-model DIR] [-deposits 300]
//
// There are two kinds of deposits: photographs that training did not see, each
// made into 3 to 5 frames as a shaking camera would see it; and those that the
// detector finds in the demonstration's video. The figures go to
// bench/out/votes.json. `make bench-votes` runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"runtime"

	"github.com/binside/binside/bench/command"
	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models/ort"
)

type settings struct {
	manifest, split, model, out string
	photographs, deposits       int
	seed                        uint64
}

func main() {
	var s settings
	flag.StringVar(&s.manifest, "manifest", "../shared/data/manifest.csv", "photographs with their categories; paths are relative to it")
	flag.StringVar(&s.split, "split", "val", "the manifest's split to take, one that training did not see")
	flag.StringVar(&s.model, "model", "", "the model's folder; the built-in one by default")
	flag.StringVar(&s.out, "out", "bench/out/votes.json", "where the figures go")
	flag.IntVar(&s.photographs, "photographs", 0, "how many photographs at most; 0: all")
	flag.IntVar(&s.deposits, "deposits", 300, "how many deposits of the demonstration; 0: none")
	flag.Uint64Var(&s.seed, "seed", 11, "decides everything that is random")
	command.Run(func(ctx context.Context, w io.Writer) error { return run(ctx, s, w) })
}

func run(ctx context.Context, s settings, w io.Writer) (err error) {
	if s.photographs < 0 || s.deposits < 0 {
		return fmt.Errorf("photographs is %d and deposits %d, allowed is 0 or more", s.photographs, s.deposits)
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
	c, err := newCombiner(folder.Card, taxonomy.Default())
	if err != nil {
		return err
	}
	out := report{Model: folder.Card.Version, Seed: s.seed, Manifest: filepath.ToSlash(s.manifest), Split: s.split, Cores: runtime.GOMAXPROCS(0)}
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
	found, err := photographs(ctx, s, network)
	if err != nil {
		return err
	}
	add := func(name string, events []event) {
		out.Sets = append(out.Sets, c.set(name, events, s.seed))
		say("%s", out.Sets[len(out.Sets)-1])
	}
	add("photographs, jittered", found)
	if s.deposits > 0 {
		if found, err = deposits(ctx, s, network); err != nil {
			return err
		}
		add("the demonstration's deposits", found)
	}
	if err := command.Write(s.out, out); err != nil {
		return err
	}
	say("figures in %s", s.out)
	return nil
}

// Command pipeline measures, in one run on one machine, the limit, our
// pipeline in process, the push path of a running service, and a Node server
// that does the same work, in turn, and prints the ratios with their spread.
//
//	go run ./bench/cmd/pipeline [-runs 21] [-span 1500ms] [-clients 8]
//
// bin/binside must be built and bench/peers/node installed: `make bench` does
// both. The figures go to bench/out/pipeline.json.
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
	"github.com/binside/binside/models/base"
)

type settings struct {
	runs, images, clients int
	span                  time.Duration
	binary, peer, out     string
}

func main() {
	var s settings
	flag.IntVar(&s.runs, "runs", 21, "rounds; every round measures everything once")
	flag.DurationVar(&s.span, "span", 1500*time.Millisecond, "how long each measurement takes")
	flag.IntVar(&s.images, "images", 48, "different 720p JPEGs")
	flag.IntVar(&s.clients, "clients", 8, "concurrent clients of a server")
	flag.StringVar(&s.binary, "binside", "bin/binside", "the program")
	flag.StringVar(&s.peer, "peer", "bench/peers/node/server.js", "the Node server")
	flag.StringVar(&s.out, "out", "bench/out/pipeline.json", "where the figures go")
	command.Run(func(ctx context.Context, w io.Writer) error { return run(ctx, s, w) })
}

func run(ctx context.Context, s settings, w io.Writer) (err error) {
	if s.runs < 1 || s.images < 1 || s.clients < 1 || s.span < 100*time.Millisecond {
		return errors.New("need at least one run, image and client, and 100 ms a measurement")
	}
	scratch, err := os.MkdirTemp("", "binside-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	folder, err := base.Load()
	if err != nil {
		return err
	}
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
	say("rendering %d JPEGs of 1280×720", s.images)
	jpegs, err := scenes(ctx, s.images)
	if err != nil {
		return err
	}
	c, err := open(ctx, s, folder, jpegs, scratch)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	say("%d rounds of %v each: limit, pipeline, pipeline with batches, push, Node (%d thread(s) are its better)", s.runs, s.span, c.peerThreads)
	var rounds []round
	for range s.runs {
		r, err := c.round(ctx, s.span)
		if err != nil {
			return err
		}
		rounds = append(rounds, r)
		say("%s", r)
	}
	f := figuresOf(rounds)
	f.NodeThreads, f.Clients = c.peerThreads, c.clients
	if err := os.MkdirAll(filepath.Dir(s.out), 0o755); err != nil {
		return err
	}
	return f.report(w, s.out)
}

// Command live measures a running service with four cameras at 1280×720 and 10
// frames a second, two as motion JPEG and two as H.264 over RTSP, each with a
// screen at its bins: how long it takes from the frame with which a deposit was
// certain until its answer is at the screen, and whether any deposit was lost,
// doubled or made up.
//
//	go run ./bench/cmd/live [-deposits 60]
//
// bin/binside must be built and GStreamer's RTSP server installed: `make
// bench-live` does both. What the cameras show is painted beforehand; while it
// is shown, cameras, service and screens share the machine's cores. The figures
// go to bench/out/live.json.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/binside/binside/bench/command"
	"github.com/binside/binside/bench/service"
)

type settings struct {
	deposits    int
	seed        uint64
	binary, out string
}

func main() {
	var s settings
	flag.IntVar(&s.deposits, "deposits", 60, "deposits that each camera shows; 60 take five to six minutes")
	flag.Uint64Var(&s.seed, "seed", 21, "of the first camera's play; the others follow")
	flag.StringVar(&s.binary, "binside", "bin/binside", "the program")
	flag.StringVar(&s.out, "out", "bench/out/live.json", "where the figures go")
	command.Run(func(ctx context.Context, w io.Writer) error { return run(ctx, s, w) })
}

func run(ctx context.Context, s settings, w io.Writer) (err error) {
	if s.deposits < 1 {
		return errors.New("need at least one deposit")
	}
	scratch, err := os.MkdirTemp("", "binside-live-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))

	say("painting %d deposits for each of %d cameras", s.deposits, len(cameras))
	sites, err := paint(ctx, s, scratch)
	defer func() { err = errors.Join(err, sites.close()) }()
	if err != nil {
		return err
	}
	server, err := service.Start(ctx, s.binary, filepath.Join(scratch, "data"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	if err := sites.open(ctx, server, log); err != nil {
		return err
	}
	say("showing them for %s", sites.length().Round(time.Second))
	m := meter{server: server}
	if err := m.begin(ctx); err != nil {
		return err
	}
	if err := sites.watch(ctx, say); err != nil {
		return err
	}
	f, err := m.end(ctx, sites)
	if err != nil {
		return err
	}
	f.print(say)
	return command.Write(s.out, f)
}

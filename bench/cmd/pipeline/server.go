package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strconv"

	"github.com/binside/binside/bench/service"
	"github.com/binside/binside/datasets/taxonomy"
)

// server is a process that takes pushed pictures.
type server struct {
	*service.Server
	paths []string // one a client, in turn
}

// startService runs the service with one bin a category.
func startService(ctx context.Context, binary, data string) (*server, error) {
	run, err := service.Start(ctx, binary, data)
	if err != nil {
		return nil, err
	}
	s := &server{Server: run}
	if err := s.Create(ctx, "/api/v1/stations", map[string]any{"id": "bench", "name": "bench"}); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	for _, c := range taxonomy.Default().Categories {
		bin := map[string]any{"id": "bench-" + c.ID, "name": c.ID, "accepts": []string{c.ID}}
		if err := s.Create(ctx, "/api/v1/stations/bench/bins", bin); err != nil {
			return nil, errors.Join(err, s.Stop())
		}
		// With wait, the answer comes when the inspection is stored.
		s.paths = append(s.paths, "/api/v1/bins/bench-"+c.ID+"/deposits?wait=30s")
	}
	return s, nil
}

func startPeer(ctx context.Context, script, data string, threads int) (*server, error) {
	if err := os.MkdirAll(data, 0o755); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "node", script, "models/base", data, strconv.Itoa(threads))
	cmd.Stderr = os.Stderr
	run, err := service.Launch(ctx, cmd, cmd.StdoutPipe, regexp.MustCompile(`^(http://\S+)`))
	if err != nil {
		return nil, err
	}
	return &server{Server: run, paths: []string{"/bins/bench/deposits"}}, nil
}

// post wants 201: a picture was classified and recorded.
func (s *server) post(ctx context.Context, client int, jpeg []byte) error {
	return s.Post(ctx, s.paths[client%len(s.paths)], "image/jpeg", jpeg)
}

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/procfs"

	"github.com/binside/binside/datasets/taxonomy"
)

// server is a process that takes pushed pictures.
type server struct {
	cmd     *exec.Cmd
	stdin   io.Closer
	drained chan struct{} // closed when its output has ended
	base    string
	token   string
	paths   []string // one a client, in turn
	http    *http.Client
}

// startWithin bounds how long a server may take to say its address.
const startWithin = time.Minute

// launch starts a process and waits until a line of its output holds the
// address.
func launch(ctx context.Context, cmd *exec.Cmd, output func() (io.ReadCloser, error), address *regexp.Regexp) (*server, error) {
	out, err := output()
	if err != nil {
		return nil, err
	}
	s := &server{cmd: cmd, drained: make(chan struct{}), http: &http.Client{
		Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
	}}
	if s.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	found := make(chan string, 1)
	var tail bytes.Buffer // read after drained only
	go func() {
		defer close(s.drained)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if m := address.FindStringSubmatch(lines.Text()); m != nil && len(found) == 0 {
				found <- m[1]
			}
			if tail.Len() < 1<<16 {
				tail.WriteString(lines.Text() + "\n")
			}
		}
	}()
	patience, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	select {
	case s.base = <-found:
		return s, nil
	case <-s.drained:
		return nil, fmt.Errorf("%s ended: %w\n%s", cmd.Path, cmd.Wait(), tail.String())
	case <-patience.Done():
		return nil, errors.Join(fmt.Errorf("%s did not say its address: %w", cmd.Path, patience.Err()), s.stop())
	}
}

// startService runs `binside serve` as anybody would, with one bin a category.
func startService(ctx context.Context, binary, data string) (*server, error) {
	token, err := exec.CommandContext(ctx, binary, "token", "create", "bench", "--scope", "admin", "--data", data, "--log-level", "error").Output()
	if err != nil {
		return nil, fmt.Errorf("make a token: %w", err)
	}
	cmd := exec.CommandContext(ctx, binary, "serve", "--data", data, "--listen", "127.0.0.1:0")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	s, err := launch(ctx, cmd, cmd.StderrPipe, regexp.MustCompile(`msg=serving url=(\S+)`))
	if err != nil {
		return nil, err
	}
	s.token = strings.TrimSpace(string(token))
	if err := s.create(ctx, "/api/v1/stations", map[string]any{"id": "bench", "name": "bench"}); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	for _, c := range taxonomy.Default().Categories {
		bin := map[string]any{"id": "bench-" + c.ID, "name": c.ID, "accepts": []string{c.ID}}
		if err := s.create(ctx, "/api/v1/stations/bench/bins", bin); err != nil {
			return nil, errors.Join(err, s.stop())
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
	s, err := launch(ctx, cmd, cmd.StdoutPipe, regexp.MustCompile(`^(http://\S+)`))
	if err != nil {
		return nil, err
	}
	s.paths = []string{"/bins/bench/deposits"}
	return s, nil
}

func (s *server) create(ctx context.Context, path string, what any) error {
	body, err := json.Marshal(what)
	if err != nil {
		return err
	}
	return s.send(ctx, path, "application/json", body)
}

func (s *server) post(ctx context.Context, client int, jpeg []byte) error {
	return s.send(ctx, s.paths[client%len(s.paths)], "image/jpeg", jpeg)
}

// send posts and wants 201: a picture was classified and recorded.
func (s *server) send(ctx context.Context, path, contentType string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", contentType)
	if s.token != "" {
		req.Header.Set("Authorization", "Bearer "+s.token)
	}
	res, err := s.http.Do(req)
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return err
	}
	if res.StatusCode != http.StatusCreated {
		return fmt.Errorf("POST %s: %s: %s", path, res.Status, answer)
	}
	return nil
}

// cpu is the processor time that the process has used.
func (s *server) cpu() (time.Duration, error) {
	proc, err := procfs.NewProc(s.cmd.Process.Pid)
	if err != nil {
		return 0, err
	}
	stat, err := proc.Stat()
	return time.Duration(stat.CPUTime() * float64(time.Second)), err
}

// stop ends the process and waits for it.
func (s *server) stop() error {
	s.http.CloseIdleConnections()
	_ = s.stdin.Close()                       // the peer ends with its input
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // fails where it has ended
	gone := time.AfterFunc(30*time.Second, func() { _ = s.cmd.Process.Kill() })
	defer gone.Stop()
	<-s.drained
	_ = s.cmd.Wait() // a signal's exit status says nothing
	return nil
}

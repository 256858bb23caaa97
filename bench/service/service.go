// Package service starts servers for the measuring commands, as processes of
// their own: what is measured is what a user runs.
package service

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/procfs"
)

// Server is a running server.
type Server struct {
	// Base is its address, without a slash at the end.
	Base string
	// Token is the bearer token that requests carry; empty for none.
	Token string
	HTTP  *http.Client

	cmd     *exec.Cmd
	stdin   io.Closer
	drained chan struct{} // closed when its output has ended
}

// startWithin bounds how long a server may take to say its address.
const startWithin = time.Minute

// Launch starts a process and waits until a line of its output holds the
// address.
func Launch(ctx context.Context, cmd *exec.Cmd, output func() (io.ReadCloser, error), address *regexp.Regexp) (*Server, error) {
	out, err := output()
	if err != nil {
		return nil, err
	}
	s := &Server{cmd: cmd, drained: make(chan struct{}), HTTP: &http.Client{
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
	case s.Base = <-found:
		return s, nil
	case <-s.drained:
		return nil, fmt.Errorf("%s ended: %w\n%s", cmd.Path, cmd.Wait(), tail.String())
	case <-patience.Done():
		return nil, errors.Join(fmt.Errorf("%s did not say its address: %w", cmd.Path, patience.Err()), s.Stop())
	}
}

// Start runs `binside serve` as anybody would, on an empty data folder, with a
// token that may do everything.
func Start(ctx context.Context, binary, data string) (*Server, error) {
	token, err := exec.CommandContext(ctx, binary, "token", "create", "bench", "--scope", "admin", "--data", data, "--log-level", "error").Output()
	if err != nil {
		return nil, fmt.Errorf("make a token: %w", err)
	}
	cmd := exec.CommandContext(ctx, binary, "serve", "--data", data, "--listen", "127.0.0.1:0")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	s, err := Launch(ctx, cmd, cmd.StderrPipe, regexp.MustCompile(`msg=serving url=(\S+)`))
	if err != nil {
		return nil, err
	}
	s.Token = strings.TrimSpace(string(token))
	return s, nil
}

// Create posts JSON and wants 201.
func (s *Server) Create(ctx context.Context, path string, what any) error {
	body, err := json.Marshal(what)
	if err != nil {
		return err
	}
	return s.Post(ctx, path, "application/json", body)
}

// Post sends a body and wants 201: it was stored.
func (s *Server) Post(ctx context.Context, path, contentType string, body []byte) error {
	res, err := s.Do(ctx, http.MethodPost, path, contentType, body)
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

// Do sends a request with the token; the caller closes the answer's body.
func (s *Server) Do(ctx context.Context, method, path, contentType string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.Base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if s.Token != "" {
		req.Header.Set("Authorization", "Bearer "+s.Token)
	}
	return s.HTTP.Do(req)
}

// CPU is the processor time that the process and its living children have
// used.
func (s *Server) CPU() (time.Duration, error) {
	all, err := procfs.AllProcs()
	if err != nil {
		return 0, err
	}
	var sum float64
	for _, p := range all {
		stat, err := p.Stat()
		if err == nil && (p.PID == s.cmd.Process.Pid || stat.PPID == s.cmd.Process.Pid) {
			sum += stat.CPUTime()
		}
	}
	return time.Duration(sum * float64(time.Second)), nil
}

// Stop ends the process and waits for it.
func (s *Server) Stop() error {
	s.HTTP.CloseIdleConnections()
	_ = s.stdin.Close()                       // a peer ends with its input
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // fails where it has ended
	gone := time.AfterFunc(30*time.Second, func() { _ = s.cmd.Process.Kill() })
	defer gone.Stop()
	<-s.drained
	_ = s.cmd.Wait() // a signal's exit status says nothing
	return nil
}

package objecttest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// The root account of the test servers.
const (
	AccessKey = "binside-test"
	SecretKey = "binside-test-secret"
)

// MinIO is a real server on a temporary folder and a free port of the
// loopback.
type MinIO struct {
	binary, dir, addr string
	cmd               *exec.Cmd
	exited            chan struct{}
}

// findMinIO looks for the server: BINSIDE_TEST_MINIO, PATH, the user's cache.
func findMinIO() (string, error) {
	if path := os.Getenv("BINSIDE_TEST_MINIO"); path != "" {
		return path, nil
	}
	if path, err := exec.LookPath("minio"); err == nil {
		return path, nil
	}
	if cache, err := os.UserCacheDir(); err == nil { // $XDG_CACHE_HOME or ~/.cache
		path := filepath.Join(cache, "binside", "bin", "minio")
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", errors.New("MinIO is not installed (build it with `go install github.com/minio/minio@…` into binside/bin below the user's cache folder, or set BINSIDE_TEST_MINIO)")
}

// NewMinIO starts a server; it is gone when the test ends. Without the program
// the test is skipped, or fails where CI is set.
func NewMinIO(tb testing.TB) *MinIO {
	tb.Helper()
	binary, err := findMinIO()
	if err != nil {
		if os.Getenv("CI") == "" {
			tb.Skip(err)
		}
		tb.Fatal(err)
	}
	addr, err := freeAddr()
	if err != nil {
		tb.Fatal(err)
	}
	m := &MinIO{binary: binary, dir: tb.TempDir(), addr: addr}
	tb.Cleanup(func() {
		if err := m.Kill(); err != nil {
			tb.Error(err)
		}
	})
	if err := m.Start(); err != nil {
		tb.Fatal(err)
	}
	return m
}

// freeAddr finds a port that is free now. MinIO cannot be given port 0 where
// it must come back on the same one.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// URL names a bucket, which need not exist.
func (m *MinIO) URL(bucket string) string { return "http://" + m.addr + "/" + bucket }

// Start starts the server, on the objects it had when it was killed, and waits
// until it is ready.
func (m *MinIO) Start() error {
	log, err := os.OpenFile(m.dir+".log", os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	// Not tied to a test's context: Kill ends it.
	m.cmd = exec.CommandContext(context.Background(), m.binary, "server", "--quiet", "--address", m.addr, m.dir)
	m.cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + m.dir, "MINIO_ROOT_USER=" + AccessKey, "MINIO_ROOT_PASSWORD=" + SecretKey,
		"MINIO_BROWSER=off", "MINIO_UPDATE=off", "MINIO_CI_CD=1",
	}
	m.cmd.Stdout, m.cmd.Stderr = log, log
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := m.cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	m.exited = exited
	go func(cmd *exec.Cmd) { // ends with the process, which Kill waits for
		_ = cmd.Wait() // a killed process says that it was killed
		close(exited)
	}(m.cmd)
	if err := m.ready(); err != nil {
		text, _ := os.ReadFile(m.dir + ".log")
		return errors.Join(fmt.Errorf("%w\n%s", err, text), m.Kill())
	}
	return nil
}

func (m *MinIO) ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+m.addr+"/minio/health/ready", nil)
		if err != nil {
			return err
		}
		if resp, err := client.Do(req); err == nil {
			if err := resp.Body.Close(); err != nil {
				return err
			}
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-m.exited:
			return errors.New("MinIO has ended")
		case <-ctx.Done():
			return errors.New("MinIO does not become ready")
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Kill ends the server at once; its objects stay.
func (m *MinIO) Kill() error {
	if m.cmd == nil {
		return nil
	}
	if err := m.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-m.exited
	m.cmd = nil
	return nil
}

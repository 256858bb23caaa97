// Package storetest starts real database servers for tests. It is never part
// of the service.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

var errMissing = errors.New("PostgreSQL is not installed (Debian: postgresql; or set BINSIDE_TEST_PGBIN to the folder of initdb and postgres)")

// server is the one PostgreSQL of a test binary.
var server struct {
	sync.Mutex
	running *Postgres
	err     error
}

// Main runs a test binary's tests and stops what they have started; use it as
// TestMain's body:
//
//	func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }
func Main(m *testing.M) int {
	code := m.Run()
	server.Lock()
	defer server.Unlock()
	if server.running != nil {
		if err := server.running.remove(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
		server.running = nil
	}
	return code
}

// PostgresURL returns the URL of a new, empty database on the test binary's
// PostgreSQL, which is started at the first call; TestMain must call Main.
// Where PostgreSQL is not installed the test is skipped, or fails where CI is
// set.
func PostgresURL(tb testing.TB) string {
	tb.Helper()
	server.Lock()
	defer server.Unlock()
	if server.running == nil && server.err == nil {
		server.running, server.err = start()
	}
	if errors.Is(server.err, errMissing) && os.Getenv("CI") == "" {
		tb.Skip(server.err)
	}
	if server.err != nil {
		tb.Fatal(server.err)
	}
	url, err := server.running.newDatabase()
	if err != nil {
		tb.Fatal(err)
	}
	return url
}

// NewPostgres starts a PostgreSQL of the test's own, to be stopped and started
// at will; it is gone when the test ends.
func NewPostgres(tb testing.TB) *Postgres {
	tb.Helper()
	p, err := start()
	if errors.Is(err, errMissing) && os.Getenv("CI") == "" {
		tb.Skip(err)
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := p.remove(); err != nil {
			tb.Error(err)
		}
	})
	return p
}

// Postgres is a server on a temporary folder that listens on a Unix socket
// only.
type Postgres struct {
	bin, dir string
	cred     *syscall.Credential
	cmd      *exec.Cmd
}

// URL names a database of the server.
func (p *Postgres) URL(database string) string {
	return "postgres://postgres@/" + database + "?connect_timeout=60&host=" + p.dir
}

func (p *Postgres) newDatabase() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, p.URL("postgres"))
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	name := "t" + strings.ReplaceAll(uuid.NewString(), "-", "")
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		return "", err
	}
	return p.URL(name), nil
}

// find looks for the server's programs: BINSIDE_TEST_PGBIN, PATH, Debian's
// folders, the newest version first.
func find() (string, error) {
	dirs := []string{os.Getenv("BINSIDE_TEST_PGBIN")}
	if path, err := exec.LookPath("initdb"); err == nil {
		dirs = append(dirs, filepath.Dir(path))
	}
	debian, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	sort.Sort(sort.Reverse(sort.StringSlice(debian)))
	for _, dir := range append(dirs, debian...) {
		if dir == "" {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, "postgres")); err == nil {
			return dir, nil
		}
	}
	return "", errMissing
}

func start() (*Postgres, error) {
	bin, err := find()
	if err != nil {
		return nil, err
	}
	// A socket's path may have 107 bytes: not below a test's long folder.
	dir, err := os.MkdirTemp("", "binside-pg-")
	if err != nil {
		return nil, err
	}
	p := &Postgres{bin: bin, dir: dir}
	if err := p.prepare(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := p.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return p, nil
}

// prepare picks whom the server runs as (it refuses root) and makes its files.
func (p *Postgres) prepare() error {
	if os.Geteuid() == 0 {
		p.cred = &syscall.Credential{Uid: 65534, Gid: 65534}
		if u, err := user.Lookup("postgres"); err == nil {
			uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
			gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
			if err := errors.Join(err1, err2); err != nil {
				return err
			}
			p.cred = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		}
		if err := os.Chown(p.dir, int(p.cred.Uid), int(p.cred.Gid)); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	cmd := p.command(ctx, "initdb", "-D", filepath.Join(p.dir, "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

func (p *Postgres) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(p.bin, name), args...)
	cmd.Dir = p.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "HOME=" + p.dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.cred, Setpgid: true}
	return cmd
}

// Start starts the server, on the records it had when it was stopped, and
// waits until it answers.
func (p *Postgres) Start() error {
	log, err := os.OpenFile(filepath.Join(p.dir, "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	p.cmd = p.command(context.Background(), "postgres", "-D", filepath.Join(p.dir, "data"), "-k", p.dir,
		"-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=200")
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, p.URL("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ctx.Done():
			text, _ := os.ReadFile(filepath.Join(p.dir, "log"))
			return errors.Join(fmt.Errorf("postgres does not answer: %w\n%s", err, text), p.Stop())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Stop ends the server at once, as a crash of its own would; its files stay.
func (p *Postgres) Stop() error {
	if p.cmd == nil {
		return nil
	}
	// SIGQUIT is PostgreSQL's immediate shutdown: it takes its children along.
	if err := p.cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		return err
	}
	_ = p.cmd.Wait() // it says that it was told to quit
	p.cmd = nil
	return nil
}

func (p *Postgres) remove() error { return errors.Join(p.Stop(), os.RemoveAll(p.dir)) }

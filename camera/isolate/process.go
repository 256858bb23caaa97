package isolate

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// process is a child of this program's.
type process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// launch starts program as the child that argument names.
func launch(program, argument string, env []string) (*process, error) {
	cmd := exec.Command(program, argument) //nolint:gosec,noctx // this program itself; who launches it ends it
	cmd.Env = env
	// A process group of its own: a Ctrl-C on the terminal is for the parent,
	// which ends its children in its own order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("isolate: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("isolate: %w", err)
	}
	widen(in)
	widen(out)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("isolate: the decoder's process: %w", err)
	}
	return &process{cmd: cmd, in: in, out: bufio.NewReaderSize(out, 1<<16)}, nil
}

// widen lets a pipe hold a megabyte, where it may: a picture of 720p went through
// the usual 64 KiB in forty turns, which took six times as long as decoding it.
func widen(pipe any) {
	if f, ok := pipe.(syscall.Conn); ok {
		if c, err := f.SyscallConn(); err == nil {
			_ = c.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, 1<<20) }) // it works without
		}
	}
}

// kill makes every read and write of the process's fail. It may be called from
// any goroutine, and after end.
func (p *process) kill() { _ = p.cmd.Process.Kill() } // it may have ended

// end kills the process where it still runs, waits for it, and says how it ended.
func (p *process) end() *os.ProcessState {
	_ = p.in.Close()
	p.kill()
	_ = p.cmd.Wait() // how it ended stands in ProcessState
	return p.cmd.ProcessState
}

// environment keeps the service's settings, which may hold passwords, from a
// process that reads what strangers send.
func environment() []string {
	var env []string
	for _, name := range []string{"PATH", "LD_LIBRARY_PATH", "TMPDIR", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

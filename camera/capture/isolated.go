package capture

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/binside/binside/camera"
)

// Transport is how an RTSP camera's packets travel.
type Transport string

// The transports. TCP is the default: UDP loses packets and smears pictures,
// but some cameras and networks know nothing else, and it waits for nothing.
const (
	TCP Transport = "tcp"
	UDP Transport = "udp"
)

// options is what OpenCV reads from its environment.
func (t Transport) options() string {
	if t == "" {
		t = TCP
	}
	return "rtsp_transport;" + string(t) + "|analyzeduration;0|probesize;32768"
}

var errDied = errors.New("capture: the decoder died")

// Isolated is a camera.Source like Source whose decoder runs in a process of
// its own: one that crashes, hangs or eats memory takes nobody along, and the
// transport is the camera's own. That process is this program again with
// ChildArgument, so that its main must call RunChild then.
type Isolated struct {
	request request
	// Program is what is started; the running program by default.
	Program string
}

// NewIsolated returns a source for what New takes.
func NewIsolated(address string, transport Transport, opts Options) (*Isolated, error) {
	if transport != "" && transport != TCP && transport != UDP {
		return nil, fmt.Errorf("capture: transport %q, must be tcp or udp", transport)
	}
	s, err := New(address, opts)
	if err != nil {
		return nil, err
	}
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	return &Isolated{request: request{Address: address, Transport: transport, Options: s.opts}, Program: program}, nil
}

// Stream implements camera.Source; see Source.Stream. It returns at once when
// ctx is done, whatever the decoder does.
func (s *Isolated) Stream(ctx context.Context, sink func(camera.Frame)) error {
	line, err := json.Marshal(s.request)
	if err != nil {
		return fmt.Errorf("capture: %w", err)
	}
	cmd := exec.CommandContext(ctx, s.Program, ChildArgument) //nolint:gosec // this program itself
	cmd.WaitDelay = time.Second
	cmd.Env = childEnvironment()
	// A process group of its own: a Ctrl-C on the terminal is for the parent,
	// which ends its children in its own order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("capture: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("capture: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("capture: the decoder's process: %w", err)
	}
	_, err = stdin.Write(append(line, '\n'))
	if err == nil {
		err = readMessages(bufio.NewReaderSize(stdout, 1<<16), s.request.Options.MaxPixels, sink)
	}
	_ = stdin.Close()
	_ = cmd.Process.Kill() // it has said what it had to say
	_ = cmd.Wait()         // how it ended stands in ProcessState
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, errDied) {
		return fmt.Errorf("%w: %s", errDied, cmd.ProcessState)
	}
	return err
}

// childEnvironment keeps the service's settings, which may hold passwords, from
// a process that reads a stranger's stream.
func childEnvironment() []string {
	env := []string{"OPENCV_FFMPEG_LOGLEVEL=-8"}
	for _, name := range []string{"PATH", "LD_LIBRARY_PATH", "TMPDIR", "LANG"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

package simulate

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed rtsp_server.py
var rtspScript string

// python is Debian's, because its GStreamer bindings are installed for that
// one.
const python = "/usr/bin/python3"

// rtspPath is the stream's path.
const rtspPath = "/station"

// ErrNoGStreamer says that RTSP cannot be served on this machine; the text
// around it says what is missing.
var ErrNoGStreamer = errors.New("GStreamer's RTSP server for Python is not installed (Debian: python3-gi, gir1.2-gst-rtsp-server-1.0, gstreamer1.0-plugins-good, gstreamer1.0-plugins-ugly)")

// RTSP serves the station as H.264 through a child process. The child asks
// for frames only while a client plays.
type RTSP struct {
	url    string
	cancel context.CancelFunc
	wg     sync.WaitGroup
	done   chan struct{}
	err    error // set before done is closed
}

// startWithin is how long the child may take until it listens.
const startWithin = 20 * time.Second

// StartRTSP serves the station's frames at rtsp://ADDRESS/station until ctx is
// done or Close is called; port 0 picks a free one. Where GStreamer is missing
// it returns an error that wraps ErrNoGStreamer.
func StartRTSP(ctx context.Context, s *Server, address string, log *slog.Logger) (*RTSP, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("simulate: RTSP address: %w", err)
	}
	if err := gstreamer(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	r := &RTSP{cancel: cancel, done: make(chan struct{})}
	cmd := exec.CommandContext(ctx, python, "-c", rtspScript, host, port, rtspPath, strconv.Itoa(FPS)) //nolint:gosec // a fixed program; host and port are but its arguments
	cmd.WaitDelay = 3 * time.Second
	var stderr tailBuffer
	cmd.Stderr = &stderr
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, ctx.Err()); err != nil {
		cancel()
		return nil, fmt.Errorf("simulate: RTSP: %w", err)
	}
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, fmt.Errorf("simulate: RTSP: %w", err)
	}
	listening := make(chan int, 1)
	play := make(chan bool, 1)
	r.wg.Go(func() { feed(ctx, s, in, play) })
	r.wg.Go(func() {
		readChild(out, listening, play)
		r.err = cmd.Wait()
		if ctx.Err() == nil {
			log.Error("RTSP server of the demonstration station ended", "error", r.err, "output", stderr.String())
		}
		close(r.done)
		cancel() // ends the feeder
	})
	select {
	case p := <-listening:
		r.url = "rtsp://" + net.JoinHostPort(host, strconv.Itoa(p)) + rtspPath
		return r, nil
	case <-r.done:
		r.wg.Wait()
		return nil, fmt.Errorf("simulate: RTSP server: %w: %s", errOr(r.err), stderr.String())
	case <-time.After(startWithin):
		_ = r.Close()
		return nil, fmt.Errorf("simulate: RTSP server did not listen within %s: %s", startWithin, stderr.String())
	}
}

func errOr(err error) error {
	if err == nil {
		return io.ErrUnexpectedEOF
	}
	return err
}

// gstreamer checks that the child's imports would succeed.
func gstreamer(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	check := "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
	if out, err := exec.CommandContext(ctx, python, "-c", check).CombinedOutput(); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("simulate: RTSP: %w", ctx.Err())
		}
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		return fmt.Errorf("simulate: %w: %s", ErrNoGStreamer, lines[len(lines)-1])
	}
	return nil
}

// URL is where the stream is.
func (r *RTSP) URL() string { return r.url }

// Done is closed when the child has ended.
func (r *RTSP) Done() <-chan struct{} { return r.done }

// Close ends the child and waits for it.
func (r *RTSP) Close() error {
	r.cancel()
	r.wg.Wait()
	return nil
}

// readChild reads what the child says until it ends.
func readChild(out io.Reader, listening chan<- int, play chan bool) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		switch line := lines.Text(); {
		case line == "play", line == "idle":
			select { // only the newest wish counts
			case <-play:
			default:
			}
			play <- line == "play"
		case strings.HasPrefix(line, "port "):
			if p, err := strconv.Atoi(line[len("port "):]); err == nil {
				select {
				case listening <- p:
				default:
				}
			}
		}
	}
}

// feed hands frames to the child while it wants them. A child that reads too
// slowly misses frames, like every viewer.
func feed(ctx context.Context, s *Server, in io.WriteCloser, play <-chan bool) {
	defer in.Close()
	for {
		select {
		case <-ctx.Done():
			return
		case on := <-play:
			if on && !feedWhilePlaying(ctx, s, in, play) {
				return
			}
		}
	}
}

// feedWhilePlaying returns whether the child may want more later.
func feedWhilePlaying(ctx context.Context, s *Server, in io.Writer, play <-chan bool) bool {
	v := s.frames.join()
	defer v.leave()
	for {
		p, err := v.frame(ctx)
		if err != nil {
			return false
		}
		head := binary.BigEndian.AppendUint32(nil, uint32(len(p.jpeg)))
		if _, err := in.Write(head); err != nil {
			return false
		}
		if _, err := in.Write(p.jpeg); err != nil {
			return false
		}
		select {
		case on := <-play:
			if !on {
				return true
			}
		default:
		}
	}
}

// tailBuffer keeps the last bytes of a child's error output. Safe for
// concurrent use.
type tailBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

const tailBytes = 4096

func (b *tailBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buf.Write(p)
	if over := b.buf.Len() - tailBytes; over > 0 {
		b.buf.Next(over)
	}
	return len(p), nil
}

func (b *tailBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.TrimSpace(b.buf.String())
}

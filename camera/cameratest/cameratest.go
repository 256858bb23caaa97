// Package cameratest starts real cameras for tests: an RTSP server by
// GStreamer and a motion JPEG server by ffmpeg, each as a child process on the
// loopback interface.
//
// Where a part is missing the test is skipped, or fails where the environment
// says CI: a build that claims to be whole must not leave out its cameras. It
// is for tests only and never imported by the product.
package cameratest

import (
	"bufio"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// startTimeout is how long a server may take to listen, on a busy machine.
const startTimeout = 60 * time.Second

// python is Debian's own, for which the GStreamer bindings are packaged.
const python = "/usr/bin/python3"

//go:embed rtsp_server.py
var rtspServer string

// RTSP says what an RTSP camera shows.
type RTSP struct {
	Width, Height, FPS int    // 640, 360, 10
	Codec              string // "h264" or "h265"; h264
	User, Password     string // none
	File               string // a test pattern
	Port               int    // any
}

// Camera is a running server.
type Camera struct {
	// URL is the address, without credentials.
	URL  string
	Port int

	t      testing.TB
	cmd    *exec.Cmd
	stdin  io.Closer
	once   sync.Once
	exited chan struct{}
}

// Missing ends a test because of a part that is not there: it skips it, or
// fails it in CI.
func Missing(tb testing.TB, format string, args ...any) {
	tb.Helper()
	if os.Getenv("CI") != "" {
		tb.Fatalf("missing in CI: "+format, args...)
	}
	tb.Skipf(format, args...)
}

// Shared is the path of a file below the shared data of the one who works on
// the project; a test that needs it is skipped where it is not, or fails where
// CI_SHARED says that it must be there.
func Shared(tb testing.TB, path string) string {
	tb.Helper()
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI_SHARED") == "1" {
			tb.Fatalf("CI_SHARED is set: %v", err)
		}
		tb.Skipf("needs the shared data: %v", err)
	}
	return path
}

// StartRTSP starts an RTSP camera; it stops with the test.
func StartRTSP(tb testing.TB, o RTSP) *Camera {
	tb.Helper()
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&o.Width, 640)
	def(&o.Height, 360)
	def(&o.FPS, 10)
	if o.Codec == "" {
		o.Codec = "h264"
	}
	if out, err := exec.Command(python, "-c",
		"import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer").CombinedOutput(); err != nil {
		Missing(tb, "needs Debian's gir1.2-gst-rtsp-server-1.0 and python3-gi: %v: %s", err, out)
	}
	script := filepath.Join(tb.TempDir(), "rtsp_server.py")
	if err := os.WriteFile(script, []byte(rtspServer), 0o600); err != nil {
		tb.Fatal(err)
	}
	c := start(tb, exec.Command(python, script, strconv.Itoa(o.Port), strconv.Itoa(o.Width), strconv.Itoa(o.Height),
		strconv.Itoa(o.FPS), o.Codec, o.User, o.Password, o.File))
	c.URL = fmt.Sprintf("rtsp://127.0.0.1:%d/camera", c.Port)
	return c
}

// start runs a server that prints its port.
func start(tb testing.TB, cmd *exec.Cmd) *Camera {
	tb.Helper()
	c := &Camera{t: tb, cmd: cmd, exited: make(chan struct{})}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	c.stdin = stdin
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Stop)
	port := make(chan int, 1)
	go func() {
		line, _ := bufio.NewReader(stdout).ReadString('\n')
		n, _ := strconv.Atoi(strings.TrimSpace(line))
		port <- n
		_ = cmd.Wait()
		close(c.exited)
	}()
	select {
	case c.Port = <-port:
	case <-time.After(startTimeout):
	}
	if c.Port == 0 {
		c.Stop()
		tb.Fatalf("the camera did not start: %s", stderr.String())
	}
	return c
}

// Stop ends the server and waits for it. It may be called more than once.
func (c *Camera) Stop() {
	c.once.Do(func() {
		_ = c.stdin.Close()
		_ = c.cmd.Process.Kill()
		<-c.exited
	})
}

// Freeze stops the server's process without closing its connections; Thaw lets
// it go on.
func (c *Camera) Freeze() { c.signal(syscall.SIGSTOP) }

// Thaw ends Freeze.
func (c *Camera) Thaw() { c.signal(syscall.SIGCONT) }

func (c *Camera) signal(s syscall.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		c.t.Fatal(err)
	}
}

// FFmpeg returns the path of ffmpeg.
func FFmpeg(tb testing.TB) string {
	tb.Helper()
	path, err := exec.LookPath("ffmpeg")
	if err != nil {
		Missing(tb, "needs ffmpeg: %v", err)
	}
	return path
}

// StartMJPEG starts ffmpeg as a motion JPEG camera for one client, with a
// moving pattern of the given size at 10 frames a second.
func StartMJPEG(tb testing.TB, width, height int) *Camera {
	tb.Helper()
	ffmpeg := FFmpeg(tb)
	for range 3 { // another process may take the port in between
		port := freePort(tb)
		address := fmt.Sprintf("http://127.0.0.1:%d/camera.mjpg", port)
		cmd := exec.Command(ffmpeg, "-hide_banner", "-loglevel", "error", "-re", "-f", "lavfi",
			"-i", fmt.Sprintf("testsrc2=size=%dx%d:rate=10", width, height), "-q:v", "4", "-f", "mpjpeg",
			"-content_type", "multipart/x-mixed-replace;boundary=ffmpeg", "-listen", "1", address)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		stdin, err := cmd.StdinPipe()
		if err != nil {
			tb.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			tb.Fatal(err)
		}
		c := &Camera{URL: address, Port: port, t: tb, cmd: cmd, stdin: stdin, exited: make(chan struct{})}
		go func() {
			_ = cmd.Wait()
			close(c.exited)
		}()
		tb.Cleanup(c.Stop)
		if c.awaitListening() {
			return c
		}
		c.Stop()
		tb.Logf("ffmpeg did not listen: %s", stderr.String())
	}
	tb.Fatal("ffmpeg does not serve motion JPEG")
	return nil
}

// awaitListening looks the port up in the kernel's table: a probing connection
// would be taken for the one client.
func (c *Camera) awaitListening() bool {
	want := fmt.Sprintf("0100007F:%04X 00000000:0000 0A", c.Port)
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); {
		table, err := os.ReadFile("/proc/net/tcp")
		if err == nil && strings.Contains(string(table), want) {
			return true
		}
		select {
		case <-c.exited:
			return false
		case <-time.After(10 * time.Millisecond):
		}
	}
	return false
}

// WriteVideo makes an MPEG-4 video file of a moving pattern.
func WriteVideo(tb testing.TB, width, height, fps, frames int) string {
	tb.Helper()
	return WritePatternVideo(tb, fmt.Sprintf("testsrc2=size=%dx%d:rate=%d", width, height, fps), frames)
}

// WritePatternVideo makes an MPEG-4 video file of one of ffmpeg's own sources.
func WritePatternVideo(tb testing.TB, pattern string, frames int) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "video.mp4")
	out, err := exec.Command(FFmpeg(tb), "-hide_banner", "-loglevel", "error", "-f", "lavfi",
		"-i", pattern, "-frames:v", strconv.Itoa(frames),
		"-pix_fmt", "yuv420p", "-c:v", "mpeg4", "-q:v", "3", path).CombinedOutput()
	if err != nil {
		tb.Fatalf("ffmpeg: %v: %s", err, out)
	}
	return path
}

func freePort(tb testing.TB) int {
	tb.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		tb.Fatal(errors.New("no TCP address"))
	}
	return addr.Port
}

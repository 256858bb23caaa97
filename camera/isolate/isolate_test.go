package isolate_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/binside/binside/camera"
	"github.com/binside/binside/camera/cameratest"
	"github.com/binside/binside/camera/capture"
	"github.com/binside/binside/camera/isolate"
	"github.com/binside/binside/camera/keeper"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
)

func children(t *testing.T) []int {
	t.Helper()
	return cameratest.Decoders(t, os.Getpid())
}

func TestMain(m *testing.M) {
	isolate.BecomeChild()
	goleak.VerifyTestMain(m)
}

func video(t *testing.T, address string, transport capture.Transport, o capture.Options) *isolate.Source {
	t.Helper()
	s, err := isolate.New(isolate.Spec{Protocol: isolate.Video, Address: address, Transport: transport, Video: o})
	require.NoError(t, err)
	return s
}

func TestFileToItsEnd(t *testing.T) {
	path := cameratest.WriteVideo(t, 320, 240, 10, 25)
	start := time.Date(2025, 3, 1, 8, 0, 0, 0, time.UTC)
	var apart []camera.Frame
	err := video(t, path, "", capture.Options{Unpaced: true, Start: start}).Stream(t.Context(), func(f camera.Frame) { apart = append(apart, f) })
	require.ErrorIs(t, err, io.EOF)
	direct, err := capture.New(path, capture.Options{Unpaced: true, Start: start})
	require.NoError(t, err)
	var within []camera.Frame
	require.ErrorIs(t, direct.Stream(t.Context(), func(f camera.Frame) { within = append(within, f) }), io.EOF)
	require.Len(t, apart, len(within))
	for i := range apart {
		require.Equal(t, within[i].Seq, apart[i].Seq)
		require.True(t, within[i].Time.Equal(apart[i].Time))
		require.Equal(t, within[i].Image, apart[i].Image)
	}
	require.Empty(t, children(t))
}

// TestPicturesAreDecodedApart streams from each camera that sends JPEG files, and
// crashes the process that decodes them.
func TestPicturesAreDecodedApart(t *testing.T) {
	img := vision.NewImage(64, 48)
	file, err := codec.EncodeJPEG(img, 90)
	require.NoError(t, err)
	dir := t.TempDir()
	for _, name := range []string{"1.jpg", "2.jpg"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), file, 0o600))
	}
	slow := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	cam := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/snapshot" {
			w.Header().Set("Date", slow.Format(http.TimeFormat))
			_, _ = w.Write(file)
			return
		}
		w.Header().Set("Content-Type", "multipart/x-mixed-replace; boundary=b")
		for r.Context().Err() == nil {
			_, err := fmt.Fprintf(w, "--b\r\nContent-Type: image/jpeg\r\nX-Timestamp: %d\r\nContent-Length: %d\r\n\r\n%s\r\n", slow.Unix(), len(file), file)
			if err != nil || http.NewResponseController(w).Flush() != nil {
				return
			}
		}
	}))
	t.Cleanup(func() { cam.CloseClientConnections(); cam.Close() })
	for _, spec := range []isolate.Spec{
		{Protocol: isolate.MJPEG, Address: cam.URL + "/stream"},
		{Protocol: isolate.Snapshot, Address: cam.URL + "/snapshot"},
		{Protocol: isolate.Folder, Address: dir},
	} {
		s, err := isolate.New(spec)
		require.NoError(t, err)
		n := 0
		err = s.Stream(t.Context(), func(f camera.Frame) {
			if n++; n > 2 {
				return
			}
			require.EqualValues(t, n, f.Seq, "%s", spec.Protocol)
			require.Equal(t, 64, f.Image.Width)
			require.WithinDuration(t, time.Now(), f.Time, time.Minute)
			require.Equal(t, spec.Protocol != isolate.Folder, f.Clock.Equal(slow), "%s: %s", spec.Protocol, f.Clock)
			pids := children(t)
			require.Len(t, pids, 1)
			if n == 2 {
				require.NoError(t, syscall.Kill(pids[0], syscall.SIGSEGV))
			}
		})
		require.ErrorContains(t, err, "the decoder died", "%s", spec.Protocol)
		require.Empty(t, children(t))
	}
	_, err = isolate.New(isolate.Spec{Protocol: "semaphore"})
	require.ErrorContains(t, err, "semaphore")
	_, err = isolate.New(isolate.Spec{Protocol: isolate.MJPEG, Address: "rtsp://admin:hunter2@camera/"})
	require.ErrorContains(t, err, "http")
	require.NotContains(t, err.Error(), "hunter2")
}

func TestSaysWhy(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none.mp4")
	err := video(t, missing, "", capture.Options{}).Stream(t.Context(), func(camera.Frame) {})
	require.ErrorContains(t, err, "no such file")
	err = video(t, "rtsp://admin:hunter2@127.0.0.1:1/", "", capture.Options{}).Stream(t.Context(), func(camera.Frame) {})
	require.ErrorContains(t, err, "cannot be opened")
	require.NotContains(t, err.Error(), "hunter2")
	_, err = isolate.New(isolate.Spec{Protocol: isolate.Video, Address: "rtsp://127.0.0.1/", Transport: "carrier-pigeon"})
	require.ErrorContains(t, err, "tcp or udp")
	answers := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, _ := strconv.Atoi(r.URL.Path[1:])
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "no picture")
	})
	plain, secure := httptest.NewServer(answers), httptest.NewUnstartedServer(answers)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // the refused handshake
	secure.StartTLS()
	defer func() { plain.Close(); secure.Close() }()
	for _, c := range []struct {
		protocol isolate.Protocol
		address  string
		want     camera.Reason
	}{
		{isolate.Video, missing, camera.NotFound},
		{isolate.Video, "rtsp://127.0.0.1:1/", camera.Unreachable},
		{isolate.Video, "rtsp" + strings.TrimPrefix(plain.URL, "http"), camera.Refused},
		{isolate.Folder, t.TempDir(), camera.NoPicture},
		{isolate.MJPEG, "http://127.0.0.1:1/", camera.Unreachable},
		{isolate.MJPEG, plain.URL + "/200", camera.NoPicture},
		{isolate.MJPEG, plain.URL + "/401", camera.Denied},
		{isolate.Snapshot, plain.URL + "/404", camera.NotFound},
		{isolate.Snapshot, plain.URL + "/503", camera.Refused},
		{isolate.Snapshot, secure.URL + "/200", camera.Certificate},
	} {
		source, err := isolate.New(isolate.Spec{Protocol: c.protocol, Address: c.address})
		require.NoError(t, err)
		err = source.Stream(t.Context(), func(camera.Frame) {})
		require.Equal(t, c.want, camera.ReasonOf(err), "%s: %v", c.address, err)
	}
	s := video(t, missing, "", capture.Options{})
	s.Program = "/bin/true"
	require.Error(t, s.Stream(t.Context(), func(camera.Frame) {}))
}

func TestTransportIsTheCamerasOwn(t *testing.T) {
	c := cameratest.StartRTSP(t, cameratest.RTSP{})
	for _, transport := range []capture.Transport{capture.UDP, capture.TCP} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		n := 0
		err := video(t, c.URL, transport, capture.Options{OpenTimeout: 30 * time.Second, ReadTimeout: 20 * time.Second}).Stream(ctx, func(camera.Frame) {
			if n++; n == 5 {
				require.Equal(t, transport == capture.UDP, receivesUDP(t), "%s", transport)
				cancel()
			}
		})
		cancel()
		require.ErrorIs(t, err, context.Canceled, "%s", transport)
	}
}

// receivesUDP reports whether a decoder holds a UDP socket.
func receivesUDP(t *testing.T) bool {
	t.Helper()
	table, err := os.ReadFile("/proc/net/udp")
	require.NoError(t, err)
	for _, pid := range children(t) {
		links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		require.NoError(t, err)
		for _, link := range links {
			target, err := os.Readlink(link)
			inode, socket := strings.CutPrefix(strings.TrimSuffix(target, "]"), "socket:[")
			if err == nil && socket && strings.Contains(string(table), " "+inode+" ") {
				return true
			}
		}
	}
	return false
}

// TestCrashAndHangOfADecoder does both to one of two cameras: it comes back,
// and the other misses nothing.
func TestCrashAndHangOfADecoder(t *testing.T) {
	start := func() (*keeper.Keeper, *atomic.Uint64) {
		c := cameratest.StartRTSP(t, cameratest.RTSP{Width: 320, Height: 240})
		k := keeper.New(func() (camera.Source, error) {
			return isolate.New(isolate.Spec{Protocol: isolate.Video, Address: c.URL, Video: capture.Options{OpenTimeout: 30 * time.Second}})
		}, keeper.Options{Backoff: 50 * time.Millisecond, Silence: 4 * time.Second, Grace: 10 * time.Second})
		t.Cleanup(func() { require.NoError(t, k.Close()) })
		var read atomic.Uint64
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				if _, err := k.Next(context.Background()); err != nil {
					return
				}
				read.Add(1)
			}
		}()
		t.Cleanup(func() { require.NoError(t, k.Close()); <-done })
		return k, &read
	}
	streams := func(k *keeper.Keeper, connections uint64) {
		t.Helper()
		require.Eventually(t, func() bool {
			s := k.State()
			return s.Connections >= connections && s.Status == keeper.Streaming
		}, 2*time.Minute, 20*time.Millisecond, "%+v", k.State())
	}
	victim, _ := start()
	streams(victim, 1)
	pids := children(t)
	require.Len(t, pids, 1)
	first, err := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", pids[0]))
	require.NoError(t, err)
	require.Equal(t, "1000\n", string(first), "where memory ends, the decoder ends first")
	other, read := start()
	streams(other, 1)

	require.NoError(t, syscall.Kill(pids[0], syscall.SIGSEGV))
	require.Eventually(t, func() bool { return strings.Contains(victim.State().Error, "the decoder died") }, time.Minute, time.Millisecond)
	streams(victim, 2)
	for _, pid := range children(t) {
		if pid != pids[0] {
			pids = append(pids, pid)
		}
	}
	require.Len(t, pids, 3, "the other one's, and the new one")
	before := read.Load()
	require.NoError(t, syscall.Kill(max(pids[1], pids[2]), syscall.SIGSTOP)) // the latest
	require.Eventually(t, func() bool { return victim.State().Status == keeper.Failed }, time.Minute, time.Millisecond)
	streams(victim, 3)
	s := other.State()
	require.EqualValues(t, 1, s.Connections, "the other camera was not disturbed")
	require.Greater(t, read.Load(), before+10, "and went on meanwhile")
	require.Len(t, children(t), 2, "nothing is left behind")
}

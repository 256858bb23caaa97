package capture_test

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/binside/binside/camera"
	"github.com/binside/binside/camera/cameratest"
	"github.com/binside/binside/camera/capture"
	"github.com/binside/binside/camera/keeper"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// collect streams until the stream fails or n frames have come.
func collect(t *testing.T, address string, o capture.Options, n int) (frames []camera.Frame, err error) {
	t.Helper()
	err = stream(t, address, o, func(f camera.Frame) bool {
		frames = append(frames, f)
		return len(frames) == n
	})
	return frames, err
}

// stream streams until the stream fails or it has been enough.
func stream(t *testing.T, address string, o capture.Options, enough func(camera.Frame) bool) error {
	t.Helper()
	s, err := capture.New(address, o)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	return s.Stream(ctx, func(f camera.Frame) {
		if enough(f) {
			cancel()
		}
	})
}

func TestFileToItsEnd(t *testing.T) {
	path := cameratest.WriteVideo(t, 320, 240, 10, 25)
	start := time.Date(2025, 3, 1, 8, 0, 0, 0, time.UTC)
	for _, address := range []string{path, "file://" + path} {
		frames, err := collect(t, address, capture.Options{Unpaced: true, Start: start}, 0)
		require.ErrorIs(t, err, io.EOF)
		require.Len(t, frames, 25)
		for i, f := range frames {
			require.EqualValues(t, i+1, f.Seq)
			require.Equal(t, 320, f.Image.Width)
			require.Equal(t, 240, f.Image.Height)
			require.WithinDuration(t, start.Add(time.Duration(i)*100*time.Millisecond), f.Time, 2*time.Millisecond)
		}
		require.NotEqual(t, frames[0].Image.Pix, frames[10].Image.Pix, "frames share no memory")
	}
}

func TestColoursAreRedGreenBlue(t *testing.T) {
	frames, err := collect(t, cameratest.WritePatternVideo(t, "color=c=red:size=320x240:rate=10", 3), capture.Options{Unpaced: true}, 0)
	require.ErrorIs(t, err, io.EOF)
	c := frames[0].Image.At(40, 40)
	require.Greater(t, c.R, uint8(200))
	require.Less(t, c.B, uint8(60))
}

func TestFileIsPacedAndLoops(t *testing.T) {
	path := cameratest.WriteVideo(t, 320, 240, 20, 5)
	begin := time.Now()
	frames, err := collect(t, path, capture.Options{Loop: true}, 12)
	require.ErrorIs(t, err, context.Canceled)
	require.GreaterOrEqual(t, time.Since(begin), 550*time.Millisecond)
	require.Len(t, frames, 12)
	for i := 1; i < len(frames); i++ {
		require.InDelta(t, 50, frames[i].Time.Sub(frames[i-1].Time).Milliseconds(), 2, "frame %d", i)
		require.EqualValues(t, i+1, frames[i].Seq)
	}
}

func TestRefusals(t *testing.T) {
	for _, bad := range []string{"", "http://admin:hunter2@host/x", "concat:/hunter2|b", "rtsp://", "rtsp://admin:hunter2@\x00/"} {
		s, err := capture.New(bad, capture.Options{})
		if err == nil { // a path that does not exist
			err = s.Stream(t.Context(), func(camera.Frame) {})
		}
		require.Error(t, err, bad)
		if !strings.HasPrefix(bad, "concat") {
			require.NotContains(t, err.Error(), "hunter2")
		}
	}
	junk := filepath.Join(t.TempDir(), "junk.mp4")
	require.NoError(t, os.WriteFile(junk, []byte(strings.Repeat("no video", 1000)), 0o600))
	_, err := collect(t, junk, capture.Options{}, 0)
	require.Error(t, err)
	require.NotErrorIs(t, err, io.EOF)
	_, err = collect(t, t.TempDir(), capture.Options{}, 0)
	require.ErrorContains(t, err, "regular file")
	_, err = collect(t, cameratest.WriteVideo(t, 320, 240, 10, 2), capture.Options{MaxPixels: 1000}, 0)
	require.ErrorContains(t, err, "320×240")
}

// No device is here to be tried; that there is none is said.
func TestDeviceThatIsNotThere(t *testing.T) {
	require.True(t, capture.IsDevice("/dev/video0"))
	for _, path := range []string{"/dev/video", "/dev/video0/../sda", "/dev/sda", "video0", "/dev/video0 "} {
		require.False(t, capture.IsDevice(path), path)
	}
	_, err := collect(t, "/dev/video999", capture.Options{}, 1)
	require.ErrorContains(t, err, "the device cannot be opened")
}

func TestCameraThatIsNotThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	_, err = collect(t, "rtsp://admin:hunter2@"+address+"/camera", capture.Options{OpenTimeout: 2 * time.Second}, 0)
	require.ErrorContains(t, err, "cannot be opened")
	require.NotContains(t, err.Error(), "hunter2")
}

func TestCameraThatNeverAnswers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts and says nothing
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	begin := time.Now()
	_, err = collect(t, "rtsp://"+l.Addr().String()+"/camera", capture.Options{OpenTimeout: 500 * time.Millisecond}, 0)
	require.ErrorContains(t, err, "cannot be opened")
	require.Less(t, time.Since(begin), 30*time.Second)
}

func TestRTSP(t *testing.T) {
	for _, codec := range []string{"h264", "h265"} {
		t.Run(codec, func(t *testing.T) {
			c := cameratest.StartRTSP(t, cameratest.RTSP{Width: 640, Height: 360, Codec: codec})
			frames, err := collect(t, c.URL, capture.Options{OpenTimeout: 30 * time.Second, ReadTimeout: 20 * time.Second}, 8)
			require.ErrorIs(t, err, context.Canceled)
			require.GreaterOrEqual(t, len(frames), 8)
			require.Equal(t, 640, frames[0].Image.Width)
			require.Equal(t, 360, frames[0].Image.Height)
			for i, f := range frames {
				require.EqualValues(t, i+1, f.Seq)
			}
		})
	}
}

func TestRTSPWithPassword(t *testing.T) {
	c := cameratest.StartRTSP(t, cameratest.RTSP{User: "admin", Password: "hunter2"})
	o := capture.Options{OpenTimeout: 30 * time.Second, ReadTimeout: 20 * time.Second}
	frames, err := collect(t, strings.Replace(c.URL, "rtsp://", "rtsp://admin:hunter2@", 1), o, 2)
	require.ErrorIs(t, err, context.Canceled)
	require.NotEmpty(t, frames)
	_, err = collect(t, strings.Replace(c.URL, "rtsp://", "rtsp://admin:wrong@", 1), o, 2)
	require.ErrorContains(t, err, "cannot be opened")
	require.NotContains(t, err.Error(), "wrong")
}

// TestReconnect restarts and freezes a real camera under a keeper.
func TestReconnect(t *testing.T) {
	c := cameratest.StartRTSP(t, cameratest.RTSP{})
	source, err := capture.New(c.URL, capture.Options{OpenTimeout: 30 * time.Second, ReadTimeout: 3 * time.Second})
	require.NoError(t, err)
	k := keeper.New(func() (camera.Source, error) { return source, nil },
		keeper.Options{Backoff: 50 * time.Millisecond, MaxBackoff: 500 * time.Millisecond, Grace: time.Minute})
	defer func() { require.NoError(t, k.Close()) }()
	streams := func(connections uint64) {
		t.Helper()
		require.Eventually(t, func() bool {
			st := k.State()
			return st.Connections >= connections && st.Status == keeper.Streaming
		}, 2*time.Minute, 10*time.Millisecond, "%+v", k.State())
	}
	fails := func() {
		t.Helper()
		require.Eventually(t, func() bool { return k.State().Status == keeper.Failed }, 2*time.Minute, time.Millisecond)
	}
	streams(1)

	c.Stop()
	fails()
	c = cameratest.StartRTSP(t, cameratest.RTSP{Port: c.Port})
	streams(2)

	c.Freeze()
	fails()
	require.NotEmpty(t, k.State().Error)
	c.Thaw()
	streams(3)
}

func TestCloseWhileStreaming(t *testing.T) {
	c := cameratest.StartRTSP(t, cameratest.RTSP{})
	source, err := capture.New(c.URL, capture.Options{OpenTimeout: 30 * time.Second})
	require.NoError(t, err)
	k := keeper.New(func() (camera.Source, error) { return source, nil }, keeper.Options{Grace: 30 * time.Second})
	_, err = k.Next(t.Context())
	require.NoError(t, err)
	require.NoError(t, k.Close())
}

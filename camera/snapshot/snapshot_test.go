package snapshot_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/binside/binside/camera"
	"github.com/binside/binside/camera/snapshot"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func picture(t *testing.T, shade byte) []byte {
	t.Helper()
	img := vision.NewImage(32, 24)
	for i := range img.Pix {
		img.Pix[i] = shade
	}
	data, err := codec.EncodeJPEG(img, 90)
	require.NoError(t, err)
	return data
}

// stream collects frames until there are n.
func stream(t *testing.T, s camera.Source, n int) ([]camera.Frame, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var frames []camera.Frame
	err := s.Stream(ctx, func(f camera.Frame) {
		if frames = append(frames, f); len(frames) == n {
			cancel()
		}
	})
	return frames, err
}

func poller(t *testing.T, h http.HandlerFunc, o snapshot.Options) *snapshot.Poller {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	s, err := snapshot.NewPoller(server.URL+"/shot.jpg?pwd=hunter2", o)
	require.NoError(t, err)
	return s
}

func TestPollerAsksAgainAndAgain(t *testing.T) {
	var asked atomic.Int32
	begin := time.Now()
	frames, err := stream(t, poller(t, func(w http.ResponseWriter, _ *http.Request) {
		n := asked.Add(1)
		if n == 2 {
			_, _ = w.Write([]byte("no picture"))
			return
		}
		_, _ = w.Write(picture(t, byte(40*n)))
	}, snapshot.Options{Every: 50 * time.Millisecond}), 4)
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, frames, 4)
	require.Equal(t, []uint64{1, 3, 4, 5}, []uint64{frames[0].Seq, frames[1].Seq, frames[2].Seq, frames[3].Seq}, "a gap shows what was skipped")
	require.InDelta(t, 40, frames[0].Image.Pix[0], 3)
	require.InDelta(t, 160, frames[2].Image.Pix[0], 3)
	require.GreaterOrEqual(t, time.Since(begin), 200*time.Millisecond)
}

func TestPollerReadsTheCamerasClock(t *testing.T) {
	var asked atomic.Int32
	frames, err := stream(t, poller(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Date"] = []string{"Thu, 01 Jan 1970 00:03:00 GMT"}
		if asked.Add(1) > 1 {
			w.Header()["Date"] = nil // keeps the server from adding its own
		}
		_, _ = w.Write(picture(t, 40))
	}, snapshot.Options{Every: time.Millisecond}), 2)
	require.ErrorIs(t, err, context.Canceled)
	require.True(t, frames[0].Clock.Equal(time.Unix(180, 0)), "%s", frames[0].Clock)
	require.WithinDuration(t, time.Now(), frames[0].Time, time.Minute, "it is ordered by our own")
	require.Zero(t, frames[1].Clock, "a camera that does not say")
}

func TestPollerSaysWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		says    string
	}{
		"refused":    {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, "403"},
		"no picture": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }, "no pictures"},
		"endless": {func(w http.ResponseWriter, _ *http.Request) {
			for range 100 {
				_, _ = w.Write(make([]byte, 1<<20))
			}
		}, "no pictures"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := stream(t, poller(t, c.handler, snapshot.Options{Every: time.Millisecond}), 1)
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
	_, err := snapshot.NewPoller("ftp://admin:hunter2@camera/", snapshot.Options{})
	require.Error(t, err)
	require.NotContains(t, err.Error(), "hunter2")
}

func TestFolderInTheOrderOfNames(t *testing.T) {
	dir := t.TempDir()
	for name, shade := range map[string]byte{"b.JPG": 120, "a.jpg": 60, "c.jpeg": 180} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), picture(t, shade), 0o600))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "broken.png"), []byte("x"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("x"), 0o600))
	require.NoError(t, os.Symlink("/etc/hostname", filepath.Join(dir, "link.jpg")))
	s, err := snapshot.NewFolder(dir, snapshot.Options{Every: time.Millisecond})
	require.NoError(t, err)
	frames, err := stream(t, s, 0)
	require.ErrorIs(t, err, io.EOF)
	require.Len(t, frames, 3)
	for i, shade := range []float64{60, 120, 180} {
		require.InDelta(t, shade, frames[i].Image.Pix[0], 3)
	}
	s, err = snapshot.NewFolder(dir, snapshot.Options{Every: time.Millisecond, Loop: true})
	require.NoError(t, err)
	frames, err = stream(t, s, 8)
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, frames, 8)

	empty, err := snapshot.NewFolder(t.TempDir(), snapshot.Options{})
	require.NoError(t, err)
	_, err = stream(t, empty, 1)
	require.ErrorContains(t, err, "no picture")
	gone, err := snapshot.NewFolder(filepath.Join(dir, "gone"), snapshot.Options{})
	require.NoError(t, err)
	_, err = stream(t, gone, 1)
	require.ErrorContains(t, err, "no such file")
}

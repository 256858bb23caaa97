package capture_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/camera"
	"github.com/binside/binside/camera/cameratest"
	"github.com/binside/binside/camera/capture"
)

// The clock of a real RTSP server is this machine's; behind a relay that puts
// another Date into its answers it is two hours slow, and behind one that takes
// the Date out it is not known.
func TestClockOfAnRTSPCamera(t *testing.T) {
	date := regexp.MustCompile(`\r\nDate: [^\r]*`)
	slow := func([]byte) []byte {
		return []byte("\r\nDate: " + time.Now().Add(-2*time.Hour).UTC().Format(http.TimeFormat))
	}
	cam := cameratest.StartRTSP(t, cameratest.RTSP{Width: 320, Height: 240, User: "admin", Password: "hunter2"})
	for name, c := range map[string]struct {
		answer  func([]byte) []byte
		known   bool
		seconds float64
	}{
		"right":   {nil, true, 0},
		"slow":    {slow, true, -7200},
		"unknown": {func([]byte) []byte { return nil }, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			u, err := url.Parse(cam.URL)
			require.NoError(t, err)
			u.User = url.UserPassword("admin", "hunter2")
			asked := make(chan struct{})
			u.Host = relayRTSP(t, u.Host, asked, func(b []byte) []byte {
				if c.answer == nil {
					return b
				}
				return date.ReplaceAllFunc(b, c.answer)
			})
			var first, last camera.Frame
			err = stream(t, u.String(), capture.Options{}, func(f camera.Frame) bool {
				if first.Image == nil {
					first = f
				}
				last = f
				select {
				case <-asked:
					return !c.known || !f.Clock.IsZero()
				default:
					return false
				}
			})
			require.ErrorIs(t, err, context.Canceled)
			require.True(t, first.Clock.IsZero(), "the first picture waits for nothing")
			require.Equal(t, c.known, !last.Clock.IsZero())
			if c.known {
				require.InDelta(t, c.seconds, last.Clock.Sub(last.Time).Seconds(), 2)
			}
		})
	}
}

// relayRTSP passes a camera's connections on and changes what it says; asked is
// closed when the second one has ended, which asked for the clock. It returns its
// address.
func relayRTSP(t *testing.T, camera string, asked chan struct{}, answer func([]byte) []byte) string {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	var running sync.WaitGroup
	t.Cleanup(func() { _ = listener.Close(); running.Wait() })
	running.Go(func() {
		for n := 1; ; n++ {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				upstream, err := net.Dial("tcp4", camera)
				if err != nil {
					_ = client.Close()
					return
				}
				running.Go(func() {
					_, _ = io.Copy(upstream, client)
					_ = upstream.Close()
				})
				buf := make([]byte, 1<<16)
				for {
					read, err := upstream.Read(buf)
					if err != nil {
						break
					}
					said := buf[:read]
					if bytes.HasPrefix(said, []byte("RTSP/1.0")) {
						said = answer(said)
					}
					if _, err := client.Write(said); err != nil {
						break
					}
				}
				_, _ = client.Close(), upstream.Close()
				if n == 2 {
					close(asked)
				}
			})
		}
	})
	return listener.Addr().String()
}

package mjpeg_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/binside/binside/camera"
	"github.com/binside/binside/camera/cameratest"
	"github.com/binside/binside/camera/keeper"
	"github.com/binside/binside/camera/mjpeg"
	"github.com/binside/binside/vision/codec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// picture is a JPEG of one grey.
func picture(tb testing.TB, w, h int, grey byte) []byte {
	tb.Helper()
	img := image.NewGray(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		img.Pix[i] = grey
	}
	img.Set(0, 0, color.White)
	var b bytes.Buffer
	require.NoError(tb, jpeg.Encode(&b, img, nil))
	return b.Bytes()
}

// serve answers every request with f and returns the server's address.
func serve(tb testing.TB, f http.HandlerFunc) string {
	tb.Helper()
	s := httptest.NewServer(f)
	tb.Cleanup(s.Close)
	return s.URL
}

// body answers with a stream of parts.
func body(contentType string, parts ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		for _, p := range parts {
			_, _ = io.WriteString(w, p)
		}
	}
}

const mixed = "multipart/x-mixed-replace; boundary=frame"

func part(data []byte) string {
	return fmt.Sprintf("--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n", len(data), data)
}

// collect streams until the stream fails or n frames have come.
func collect(tb testing.TB, address string, o mjpeg.Options, n int) (frames []camera.Frame, c mjpeg.Counts, err error) {
	tb.Helper()
	s, err := mjpeg.New(address, o)
	require.NoError(tb, err)
	ctx, cancel := context.WithTimeout(tb.Context(), time.Minute)
	defer cancel()
	err = s.Stream(ctx, func(f camera.Frame) {
		if frames = append(frames, f); len(frames) == n {
			cancel()
		}
	})
	return frames, s.Counts(), err
}

func TestEnvelopes(t *testing.T) {
	a, b := picture(t, 64, 48, 40), picture(t, 64, 48, 200)
	noLength := func(p []byte) string { return "--frame\r\nContent-Type: image/jpeg\r\n\r\n" + string(p) + "\r\n" }
	for name, h := range map[string]http.HandlerFunc{
		"with length":          body(mixed, part(a), part(b)),
		"without length":       body(mixed, noLength(a), noLength(b), "--frame--\r\n"),
		"dashes in the header": body("multipart/x-mixed-replace;boundary=--frame", part(a), part(b)),
		"quoted":               body(`multipart/x-mixed-replace; boundary="frame"`, part(a), part(b)),
		"loose":                body("multipart/x-mixed-replace; boundary=fra:me", strings.ReplaceAll(part(a)+part(b), "--frame", "--fra:me")),
		"preamble":             body(mixed, "hello\r\n\r\n", part(a), "\r\n", part(b)),
		"bare line feeds":      body(mixed, strings.ReplaceAll("--frame\nContent-Length: LEN\n\n", "LEN", strconv.Itoa(len(a)))+string(a)+"\n", part(b)),
	} {
		t.Run(name, func(t *testing.T) {
			frames, counts, err := collect(t, serve(t, h), mjpeg.Options{}, 0)
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			require.Len(t, frames, 2)
			require.EqualValues(t, 1, frames[0].Seq)
			require.EqualValues(t, 2, frames[1].Seq)
			require.InDelta(t, 40, frames[0].Image.At(30, 30).R, 3)
			require.InDelta(t, 200, frames[1].Image.At(30, 30).R, 3)
			require.WithinDuration(t, time.Now(), frames[1].Time, time.Minute)
			require.Zero(t, counts.Bad)
		})
	}
}

func TestBadPartsAreSkipped(t *testing.T) {
	good := picture(t, 64, 48, 90)
	large := picture(t, 2000, 1500, 90)
	address := serve(t, body(mixed, part([]byte("no picture")), part(good[:len(good)/2]), part(nil), part(large),
		part(bytes.Repeat([]byte{'x'}, 300_000)), "--frame\r\nContent-Length: many\r\n\r\n", part(good)))
	frames, counts, err := collect(t, address, mjpeg.Options{Limits: codec.Limits{MaxBytes: 200_000, MaxPixels: 1_000_000}}, 0)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Len(t, frames, 1)
	require.EqualValues(t, 6, counts.Bad)
	require.EqualValues(t, 1, counts.Frames)
}

func TestPartWithoutLengthIsBounded(t *testing.T) {
	good := picture(t, 64, 48, 90)
	address := serve(t, body(mixed, "--frame\r\n\r\n"+strings.Repeat("x", 500_000)+"\r\n", part(good)))
	frames, counts, _ := collect(t, address, mjpeg.Options{Limits: codec.Limits{MaxBytes: 100_000}}, 0)
	require.Len(t, frames, 1)
	require.EqualValues(t, 1, counts.Bad)
}

func TestNothingButBadPartsEndsTheStream(t *testing.T) {
	address := serve(t, body(mixed, strings.Repeat(part([]byte("no picture")), 200)))
	_, _, err := collect(t, address, mjpeg.Options{}, 0)
	require.ErrorContains(t, err, "100 parts in a row")
}

func TestDecodedAtReducedScale(t *testing.T) {
	frames, _, _ := collect(t, serve(t, body(mixed, part(picture(t, 640, 480, 9)))), mjpeg.Options{Decode: codec.Options{MinWidth: 320, MinHeight: 240}}, 0)
	require.Len(t, frames, 1)
	require.Equal(t, 320, frames[0].Image.Width)
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"not found":      {http.NotFound, "404"},
		"one picture":    {body("image/jpeg", "x"), "not with a stream"},
		"no boundary":    {body("multipart/x-mixed-replace", "x"), "boundary"},
		"never boundary": {body(mixed, strings.Repeat("x", 9<<20)), "no boundary"},
		"huge claim":     {body(mixed, "--frame\r\nContent-Length: 99999999999\r\n\r\n"), "claims"},
		"long header":    {body(mixed, "--frame\r\n"+strings.Repeat("A: b\r\n", 5000)), "header"},
		"elsewhere": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://elsewhere.invalid/", http.StatusFound)
		}, "another host"},
	} {
		t.Run(name, func(t *testing.T) {
			address := strings.Replace(serve(t, c.handler), "http://", "http://admin:hunter2@", 1)
			_, _, err := collect(t, address+"/video?pwd=hunter2", mjpeg.Options{}, 0)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "hunter2")
			require.NotContains(t, err.Error(), "admin")
		})
	}
}

// TestClockIsTheCameras takes it from a part's header where that is a clock, and
// not where it counts from when the camera was switched on.
func TestClockIsTheCameras(t *testing.T) {
	p := picture(t, 16, 16, 3)
	stamped := func(stamp string) string {
		return fmt.Sprintf("--frame\r\nX-Timestamp: %s\r\nContent-Length: %d\r\n\r\n%s\r\n", stamp, len(p), p)
	}
	frames, _, err := collect(t, serve(t, body(mixed, stamped("1772323200.250000"), part(p), stamped("61.5"), stamped("NaN"), stamped("1e300"))), mjpeg.Options{}, 0)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Len(t, frames, 5)
	require.True(t, frames[0].Clock.Equal(time.Date(2026, 3, 1, 0, 0, 0, 250e6, time.UTC)), "%s", frames[0].Clock)
	for _, f := range frames {
		require.WithinDuration(t, time.Now(), f.Time, time.Minute, "it is ordered by our own")
	}
	for _, f := range frames[1:] {
		require.Zero(t, f.Clock)
	}
}

func TestErrorsHoldNoSecret(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	_, _, err = collect(t, "http://admin:hunter2@"+address+"/?pwd=hunter2", mjpeg.Options{}, 0)
	require.ErrorContains(t, err, address)
	require.NotContains(t, err.Error(), "hunter2")

	for _, bad := range []string{"http://admin:hunter2@\x00", "ftp://admin:hunter2@host/", "http:///hunter2", "hunter2"} {
		_, err := mjpeg.New(bad, mjpeg.Options{})
		require.Error(t, err)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

func TestBasicAuthentication(t *testing.T) {
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if user, pass, _ := r.BasicAuth(); user != "admin" || pass != "hun ter" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		body(mixed, part(picture(t, 16, 16, 3)))(w, r)
	})
	frames, _, _ := collect(t, strings.Replace(address, "http://", "http://admin:hun%20ter@", 1), mjpeg.Options{}, 0)
	require.Len(t, frames, 1)
	_, _, err := collect(t, address, mjpeg.Options{}, 0)
	require.ErrorContains(t, err, "401")
}

func TestTimeouts(t *testing.T) {
	release := make(chan struct{})
	silent := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", mixed)
		_, _ = io.WriteString(w, part(picture(t, 16, 16, 3)))
		_ = http.NewResponseController(w).Flush()
		<-release
	})
	deaf := serve(t, func(http.ResponseWriter, *http.Request) { <-release })
	t.Cleanup(func() { close(release) }) // before the servers are closed
	frames, _, err := collect(t, silent, mjpeg.Options{ReadTimeout: 2 * time.Second}, 0)
	require.ErrorContains(t, err, "nothing in time")
	require.Len(t, frames, 1, "a part of known length is not held back")
	_, _, err = collect(t, deaf, mjpeg.Options{ConnectTimeout: 100 * time.Millisecond}, 0)
	require.ErrorContains(t, err, "time")
	require.NotErrorIs(t, err, context.Canceled)
}

func TestContextEndsTheStream(t *testing.T) {
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", mixed)
		_, _ = io.WriteString(w, part(picture(t, 16, 16, 3)))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	_, _, err := collect(t, address, mjpeg.Options{}, 1)
	require.ErrorIs(t, err, context.Canceled)
}

func TestForeignCamera(t *testing.T) {
	c := cameratest.StartMJPEG(t, 640, 360)
	frames, counts, err := collect(t, c.URL, mjpeg.Options{}, 5)
	require.ErrorIs(t, err, context.Canceled)
	require.GreaterOrEqual(t, len(frames), 5)
	require.Equal(t, 640, frames[0].Image.Width)
	require.Equal(t, 360, frames[0].Image.Height)
	require.NotEqual(t, frames[0].Image.Pix, frames[4].Image.Pix)
	require.Zero(t, counts.Bad)
}

func TestReconnectsToACameraThatComesBack(t *testing.T) {
	handler := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", mixed)
		for i := 0; r.Context().Err() == nil; i++ {
			_, _ = io.WriteString(w, part(picture(t, 16, 16, byte(i))))
			_ = http.NewResponseController(w).Flush()
			select {
			case <-r.Context().Done():
			case <-time.After(5 * time.Millisecond):
			}
		}
	}
	listen := func(address string) *httptest.Server {
		var l net.Listener
		require.Eventually(t, func() (ok bool) {
			var err error
			l, err = net.Listen("tcp", address)
			return err == nil
		}, 20*time.Second, 10*time.Millisecond)
		s := httptest.NewUnstartedServer(http.HandlerFunc(handler))
		_ = s.Listener.Close()
		s.Listener = l
		s.Start()
		return s
	}
	first := listen("127.0.0.1:0")
	address := first.Listener.Addr().String()
	source, err := mjpeg.New("http://"+address, mjpeg.Options{ReadTimeout: 5 * time.Second})
	require.NoError(t, err)
	k := keeper.New(func() (camera.Source, error) { return source, nil }, keeper.Options{Backoff: 10 * time.Millisecond, MaxBackoff: 50 * time.Millisecond})
	defer func() { require.NoError(t, k.Close()) }()
	_, err = k.Next(t.Context())
	require.NoError(t, err)
	first.CloseClientConnections()
	first.Close()
	require.Eventually(t, func() bool { return k.State().Status == keeper.Failed }, 20*time.Second, time.Millisecond)
	second := listen(address)
	defer second.Close()
	require.Eventually(t, func() bool { return k.State().Connections >= 2 }, 20*time.Second, time.Millisecond)
	require.Equal(t, keeper.Streaming, k.State().Status)
	second.CloseClientConnections()
}

func FuzzParts(f *testing.F) {
	f.Add([]byte(part(picture(f, 8, 8, 1))), mixed)
	f.Add([]byte("--frame\r\n\r\nxx\r\n--frame--"), "multipart/x-mixed-replace;boundary=--frame")
	f.Fuzz(func(_ *testing.T, data []byte, contentType string) {
		mjpeg.ReadAll(contentType, data, 1<<16)
	})
}

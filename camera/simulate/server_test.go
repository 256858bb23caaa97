package simulate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"image"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/binside/binside/camera/cameratest"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
)

// quietLog drops what the tests provoke.
var quietLog = slog.New(slog.DiscardHandler)

func startServer(t *testing.T, o Options) (*Server, *httptest.Server) {
	t.Helper()
	// The test's client and server keep their own goroutines until Cleanup,
	// which runs in reverse order.
	t.Cleanup(func() { goleak.VerifyNone(t) })
	s, err := NewServer(o, quietLog, prometheus.NewRegistry())
	require.NoError(t, err)
	web := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		web.CloseClientConnections()
		web.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return s, web
}

func get(t *testing.T, url string) (*http.Response, []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res, body
}

// watch opens the stream as a client does that knows only the standard.
func watch(ctx context.Context, t *testing.T, url string) *multipart.Reader {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/stream.mjpg", nil)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	t.Cleanup(func() { _ = res.Body.Close() })
	kind, params, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	require.NoError(t, err)
	require.Equal(t, "multipart/x-mixed-replace", kind)
	return multipart.NewReader(res.Body, params["boundary"])
}

func TestStreamIsReadByAnotherClient(t *testing.T) {
	s, web := startServer(t, testOptions(t))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	a, b := watch(ctx, t, web.URL), watch(ctx, t, web.URL)
	var stamps []string
	for range 5 {
		for _, r := range []*multipart.Reader{a, b} {
			part, err := r.NextPart()
			require.NoError(t, err)
			require.Equal(t, "image/jpeg", part.Header.Get("Content-Type"))
			stamps = append(stamps, part.Header.Get("X-Timestamp"))
			data, err := io.ReadAll(part)
			require.NoError(t, err)
			img, _, err := codec.Decode(data, codec.DefaultLimits(), codec.Options{})
			require.NoError(t, err)
			require.Equal(t, image.Rect(0, 0, Width, Height), img.Rect())
		}
	}
	require.Greater(t, stamps[8], stamps[0])
	require.False(t, s.Truth(0).Now.IsZero())
}

func TestSmallResources(t *testing.T) {
	_, web := startServer(t, testOptions(t))
	res, body := get(t, web.URL+"/")
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Contains(t, string(body), "stream.mjpg")

	res, body = get(t, web.URL+"/frame.jpg")
	require.Equal(t, "image/jpeg", res.Header.Get("Content-Type"))
	info, err := codec.Inspect(body, codec.DefaultLimits())
	require.NoError(t, err)
	require.Equal(t, [2]int{Width, Height}, [2]int{info.Width, info.Height})

	_, body = get(t, web.URL+"/station.json")
	var d Description
	require.NoError(t, json.Unmarshal(body, &d))
	require.Len(t, d.Bins, 4)
	require.NoError(t, d.Bins[2].Region.Validate())
	require.NotEmpty(t, d.Judged)
	require.NotEmpty(t, d.NotJudged)

	_, body = get(t, web.URL+"/truth.json?since=0")
	var tr Truth
	require.NoError(t, json.Unmarshal(body, &tr))
	require.NotNil(t, tr.Events)
	res, _ = get(t, web.URL+"/truth.json?since=yesterday")
	require.Equal(t, http.StatusBadRequest, res.StatusCode)
}

// TestSlowViewerMissesFrames reads from one viewer only and looks at what the
// other one gets afterwards.
func TestSlowViewerMissesFrames(t *testing.T) {
	b := newBroadcast()
	b.drops = prometheus.NewCounter(prometheus.CounterOpts{Name: "drops"})
	slow, quick := b.join(), b.join()
	for n := uint64(1); n <= 50; n++ {
		b.publish(still{n: n})
		p, err := quick.frame(t.Context())
		require.NoError(t, err)
		require.Equal(t, n, p.n)
		if n == 1 {
			_, err = slow.frame(t.Context())
			require.NoError(t, err)
		}
	}
	p, err := slow.frame(t.Context())
	require.NoError(t, err)
	require.Equal(t, uint64(50), p.n, "the newest frame, none was queued")
	b.close()
	_, err = slow.frame(t.Context())
	require.ErrorIs(t, err, errClosed)
	quick.leave()
	slow.leave()
	require.True(t, b.idle(0))
	require.False(t, b.idle(time.Hour))
}

func TestNobodyWatchesNothingIsPainted(t *testing.T) {
	reg := prometheus.NewRegistry()
	s, err := NewServer(testOptions(t), quietLog, reg)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	families, err := reg.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() == "binside_simulate_frames_total" {
			require.Zero(t, f.GetMetric()[0].GetCounter().GetValue())
		}
	}
}

// TestInterruptedDepositsAreMarked walks the scene as the server does when
// its last viewer leaves and another one comes.
func TestInterruptedDepositsAreMarked(t *testing.T) {
	sc, err := newScene(testOptions(t), epoch, 0, vision.NewImage(Width, Height))
	require.NoError(t, err)
	at := time.Duration(0)
	for len(sc.deposits) == 0 || sc.deposits[0].settle > at {
		at += time.Second / FPS
		sc.advance(at)
	}
	sc.interrupt(at)
	events := sc.ledger.since(0).Events
	require.NotEmpty(t, events)
	require.True(t, events[len(events)-1].Interrupted)
	again := at + time.Minute
	sc.interrupt(again)
	sc.advance(again + time.Second)
	require.Empty(t, sc.deposits, "the next viewer sees the empty station first")
	require.Len(t, sc.ledger.since(0).Events, len(events))
}

func TestRTSP(t *testing.T) {
	s, _ := startServer(t, testOptions(t))
	r, err := StartRTSP(t.Context(), s, "127.0.0.1:0", quietLog)
	if errors.Is(err, ErrNoGStreamer) {
		cameratest.Missing(t, "%v", err)
	}
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		cameratest.Missing(t, "no ffmpeg to read the stream with")
	}
	// Twice: the second client finds the pipeline started anew.
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		cmd := exec.CommandContext(ctx, ffmpeg, "-v", "error", "-rtsp_transport", "tcp", "-i", r.URL(),
			"-frames:v", "8", "-f", "rawvideo", "-pix_fmt", "gray", "-")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		cancel()
		require.NoError(t, err, stderr.String())
		require.Len(t, out, 8*Width*Height)
	}
}

func TestRTSPSaysWhyItCannotServe(t *testing.T) {
	s, _ := startServer(t, testOptions(t))
	_, err := StartRTSP(t.Context(), s, "nonsense", quietLog)
	require.Error(t, err)
	if gstreamer(t.Context()) != nil {
		cameratest.Missing(t, "no GStreamer")
	}
	_, err = StartRTSP(t.Context(), s, "203.0.113.1:0", quietLog) // not an address of this machine
	require.Error(t, err)
	require.ErrorContains(t, err, "cannot listen")
}

// BenchmarkFrame is the cost of one frame as the server paints it; at 10
// frames a second, 15 ms are 15% of a core. What is prepared for each deposit
// is part of it.
func BenchmarkFrame(b *testing.B) {
	for _, encode := range []bool{false, true} {
		name := "paint"
		if encode {
			name = "paint+encode"
		}
		b.Run(name, func(b *testing.B) {
			sc, err := newScene(testOptions(b), epoch, 0, nil)
			require.NoError(b, err)
			img := vision.NewImage(Width, Height)
			b.ReportAllocs()
			n := uint64(0)
			for b.Loop() {
				n++
				t := 5*time.Second + time.Duration(n)*time.Second/FPS
				sc.advance(t)
				sc.paint(t, n, img.Pix)
				if encode {
					if _, err := codec.EncodeJPEG(img, jpegQuality); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)*FPS/1e7, "%core@10fps")
		})
	}
}

func BenchmarkStart(b *testing.B) {
	o := testOptions(b)
	for b.Loop() {
		if _, err := newScene(o, epoch, 0, nil); err != nil {
			b.Fatal(err)
		}
	}
}

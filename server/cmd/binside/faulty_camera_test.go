package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/camera/simulate"
	"github.com/binside/binside/vision/codec"
)

// fault is what a camera does wrong.
type fault string

const (
	well    fault = ""
	hung    fault = "hangs in the middle of a frame"
	garbage fault = "sends garbage"
	frozen  fault = "shows one frame for ever"
	small   fault = "changes its resolution"
	away    fault = "goes away"
)

// faultyCamera is a motion JPEG camera between a simulated station and the
// service, that does wrong what it is told to.
type faultyCamera struct {
	t        *testing.T
	upstream *httptest.Server
	address  string
	serving  *http.Server
	running  sync.WaitGroup

	mu   sync.Mutex
	does fault
}

// startFaultyCamera shows a station until the test ends.
func startFaultyCamera(t *testing.T, station *simulate.Server) *faultyCamera {
	t.Helper()
	f := &faultyCamera{t: t, upstream: httptest.NewServer(station.Handler()), address: "127.0.0.1:0"}
	f.listen()
	t.Cleanup(func() {
		_ = f.serving.Close() // streams have no end
		f.running.Wait()
		f.upstream.CloseClientConnections()
		f.upstream.Close()
	})
	return f
}

func (f *faultyCamera) url() string { return "http://" + f.address + "/stream.mjpg" }

func (f *faultyCamera) listen() {
	f.t.Helper()
	ln, err := net.Listen("tcp", f.address)
	require.NoError(f.t, err)
	f.address = ln.Addr().String()
	f.serving = &http.Server{Handler: http.HandlerFunc(f.stream), ReadHeaderTimeout: time.Second}
	server := f.serving
	f.running.Go(func() { _ = server.Serve(ln) }) // ends with Close
}

// do begins a fault, or ends one.
func (f *faultyCamera) do(does fault) {
	f.t.Helper()
	f.mu.Lock()
	was := f.does
	f.does = does
	f.mu.Unlock()
	switch {
	case does == away:
		require.NoError(f.t, f.serving.Close())
	case was == away:
		f.listen()
	}
}

func (f *faultyCamera) now() fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.does
}

func (f *faultyCamera) stream(w http.ResponseWriter, r *http.Request) {
	req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, f.upstream.URL+"/stream.mjpg", nil)
	if err != nil {
		return
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return
	}
	defer res.Body.Close()
	frames := multipart.NewReader(res.Body, "binsideframe")
	w.Header().Set("Content-Type", "multipart/x-mixed-replace; boundary=camera")
	var last []byte
	for {
		part, err := frames.NextPart()
		if err != nil {
			return
		}
		jpeg, err := io.ReadAll(part)
		if err != nil {
			return
		}
		does := f.now()
		switch does {
		case well, away:
		case hung:
			_ = send(w, jpeg[:len(jpeg)/2], len(jpeg))
			<-r.Context().Done()
			return
		case garbage:
			jpeg = spoil(jpeg)
		case frozen:
			if last != nil {
				jpeg = last
			}
		case small:
			jpeg = halved(jpeg)
		}
		if send(w, jpeg, len(jpeg)) != nil {
			return
		}
		if does == well {
			last = jpeg
		}
	}
}

// send writes a part, or the beginning of one.
func send(w http.ResponseWriter, body []byte, size int) error {
	_, err := fmt.Fprintf(w, "--camera\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s", size, body)
	if err == nil && len(body) == size {
		_, err = io.WriteString(w, "\r\n")
	}
	if err != nil {
		return err
	}
	return http.NewResponseController(w).Flush()
}

// spoil cuts the file off, and fills the rest with noise.
func spoil(jpeg []byte) []byte {
	out := bytes.Clone(jpeg)
	for i := len(out) / 3; i < len(out); i++ {
		out[i] = byte(rand.Uint32())
	}
	return out
}

// halved is the picture at half its size.
func halved(jpeg []byte) []byte {
	img, _, err := codec.Decode(jpeg, codec.Limits{}, codec.Options{MinWidth: simulate.Width / 2, MinHeight: simulate.Height / 2})
	if err != nil {
		return jpeg
	}
	out, err := codec.EncodeJPEG(img, 85)
	if err != nil {
		return jpeg
	}
	return out
}

// wait sleeps until a moment of the run, or the test's end.
func wait(ctx context.Context, until time.Time) {
	t := time.NewTimer(time.Until(until))
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

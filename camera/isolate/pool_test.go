package isolate_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/binside/binside/camera/isolate"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
)

func pool(t *testing.T, o isolate.PoolOptions) *isolate.Pool {
	t.Helper()
	p, err := isolate.NewPool(o)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, p.Close())
		require.Empty(t, children(t))
	})
	return p
}

// gradient is a picture whose file is of some kilobytes.
func gradient(t *testing.T, width, height int) []byte {
	t.Helper()
	img := vision.NewImage(width, height)
	for i := range img.Pix {
		img.Pix[i] = byte(i * i >> 7)
	}
	file, err := codec.EncodeJPEG(img, 90)
	require.NoError(t, err)
	return file
}

// TestPoolDecodesAlike compares what comes out of a process of its own with what
// this one makes of the same file, sound or damaged, at every scale.
func TestPoolDecodesAlike(t *testing.T) {
	apart := codec.Reader{JPEG: pool(t, isolate.PoolOptions{Size: 2})}
	good, odd := gradient(t, 320, 240), gradient(t, 61, 47)
	half := append(append([]byte{}, good[:len(good)/2]...), 0xff, 0xd9)
	scratched := append([]byte{}, good...)
	for i := len(good) / 2; i < len(good)-2; i += 97 {
		scratched[i] = 0x55
	}
	padded := append(append(append([]byte{}, good[:len(good)-2]...), make([]byte, 32)...), 0xff, 0xd9)
	reasons := map[string]string{"half": codec.ReasonTruncated, "scratched": codec.ReasonCorrupt}
	for name, file := range map[string][]byte{"good": good, "odd": odd, "padded": padded, "half": half, "scratched": scratched} {
		for _, least := range []int{0, 1, 20, 31, 40, 100} {
			opt := codec.Options{MinWidth: least, MinHeight: least}
			want, _, refused := codec.Decode(file, codec.Limits{}, opt)
			got, info, err := apart.Decode(t.Context(), file, opt)
			require.Equal(t, refused, err, "%s at %d", name, least)
			require.Equal(t, want, got, "%s at %d", name, least)
			require.Equal(t, reasons[name], codec.ReasonOf(err), "%s at %d", name, least)
			require.Equal(t, err == nil, info.Format == codec.FormatJPEG)
		}
	}
	require.Len(t, children(t), 1, "one after the other needs but one")
	jpeg, width, height, err := codec.Normalise(good, codec.Limits{}, 100, 0)
	require.NoError(t, err)
	f, err := apart.Open(good)
	require.NoError(t, err)
	same, w, h, err := f.Normalise(t.Context(), 100, 0)
	require.NoError(t, err)
	require.Equal(t, []any{jpeg, width, height}, []any{same, w, h})
}

// TestPoolSurvivesItsDecoders crashes one, and hangs one.
func TestPoolSurvivesItsDecoders(t *testing.T) {
	registry := prometheus.NewRegistry()
	p := pool(t, isolate.PoolOptions{Size: 1, Timeout: 2 * time.Second, Registerer: registry})
	apart := codec.Reader{JPEG: p}
	file := gradient(t, 160, 120)
	decode := func() error {
		_, _, err := apart.Decode(t.Context(), file, codec.Options{})
		return err
	}
	require.NoError(t, decode())
	pids := children(t)
	require.Len(t, pids, 1)
	score, err := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", pids[0]))
	require.NoError(t, err)
	require.Equal(t, "1000\n", string(score), "where memory ends, the decoder ends first")
	require.NoError(t, syscall.Kill(pids[0], syscall.SIGSEGV))
	require.NoError(t, decode(), "another one does it")
	pids = children(t)
	require.Len(t, pids, 1)
	require.NoError(t, syscall.Kill(pids[0], syscall.SIGSTOP))
	require.ErrorIs(t, decode(), context.DeadlineExceeded)
	require.NoError(t, decode())
	ctx, cancel := context.WithCancel(t.Context())
	require.NoError(t, syscall.Kill(children(t)[0], syscall.SIGSTOP))
	time.AfterFunc(100*time.Millisecond, cancel)
	_, _, err = apart.Decode(ctx, file, codec.Options{})
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, decode())
	require.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP binside_picture_decoder_failures_total Processes that decode pushed pictures and had to be replaced, by reason: died, hung.
# TYPE binside_picture_decoder_failures_total counter
binside_picture_decoder_failures_total{reason="died"} 1
binside_picture_decoder_failures_total{reason="hung"} 1
`), "binside_picture_decoder_failures_total"))
}

// TestPoolBoundsItsQueue keeps its only decoder from working while more and more
// pictures come.
func TestPoolBoundsItsQueue(t *testing.T) {
	registry := prometheus.NewRegistry()
	p := pool(t, isolate.PoolOptions{Size: 1, MaxWaiting: 2, Timeout: time.Minute, Registerer: registry})
	apart := codec.Reader{JPEG: p}
	file := gradient(t, 160, 120)
	decode := func() error {
		_, _, err := apart.Decode(t.Context(), file, codec.Options{})
		return err
	}
	require.NoError(t, decode())
	held := children(t)[0]
	require.NoError(t, syscall.Kill(held, syscall.SIGSTOP))
	var working sync.WaitGroup
	defer working.Wait()
	results := make(chan error, 3)
	for range 3 { // one is decoded, two wait
		working.Go(func() { results <- decode() })
	}
	require.Eventually(t, func() bool {
		return testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP binside_picture_decoder_waiting Pictures that wait for a decoder.
# TYPE binside_picture_decoder_waiting gauge
binside_picture_decoder_waiting 2
`), "binside_picture_decoder_waiting") == nil
	}, 20*time.Second, time.Millisecond)
	require.ErrorIs(t, decode(), isolate.ErrBusy)
	require.NoError(t, syscall.Kill(held, syscall.SIGCONT))
	for range 3 {
		require.NoError(t, <-results)
	}
	require.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP binside_picture_decoder_shed_total Pictures that were refused because too many others waited for a decoder.
# TYPE binside_picture_decoder_shed_total counter
binside_picture_decoder_shed_total 1
`), "binside_picture_decoder_shed_total"))
	require.NoError(t, p.Close())
	require.ErrorIs(t, decode(), isolate.ErrClosed)
	require.Empty(t, children(t))
}

// TestPoolTrustsNoDecoder has programs in the decoder's place that do what one
// might do that a picture has taken over.
func TestPoolTrustsNoDecoder(t *testing.T) {
	file := gradient(t, 160, 120)
	for name, script := range map[string]string{
		"ends at once":     "exit 0",
		"answers rubbish":  "echo rubbish; cat >/dev/null",
		"half a picture":   "printf F; head -c 1000 /dev/zero",
		"unknown reason":   `printf 'X\006\000new\nhi'; cat >/dev/null`,
		"a reason too big": `printf 'X\377\377corrupt\n'; cat /dev/zero`,
	} {
		program := filepath.Join(t.TempDir(), "decoder")
		require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\n"+script+"\n"), 0o700))
		_, _, err := codec.Reader{JPEG: pool(t, isolate.PoolOptions{Size: 1, Program: program})}.Decode(t.Context(), file, codec.Options{})
		require.Equal(t, codec.ReasonCorrupt, codec.ReasonOf(err), "%s: %v", name, err)
		require.ErrorContains(t, err, "twice", name)
	}
	_, _, err := codec.Reader{JPEG: pool(t, isolate.PoolOptions{Program: filepath.Join(t.TempDir(), "none")})}.Decode(t.Context(), file, codec.Options{})
	require.ErrorContains(t, err, "no such file")
	require.Empty(t, codec.ReasonOf(err), "the fault is not the picture's")
}

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/server/auth"
)

// Fifteen thousand pushes that are no pictures: each gets a 4xx, the service goes
// on, and its memory stays what it was after the first third, in which the heap
// finds its size; of ten thousand bodies that are kept it would double. The heap is
// kept tight, so that what grows is what is held and not what is yet to be
// collected. With the race detector, whose own memory is part of the process's, a
// push costs more and there are fewer.
func TestMalformedPushes(t *testing.T) {
	pushes := 15_000
	if raceDetector {
		pushes = 3000
	}
	t.Setenv("GOGC", "20")
	cfg := testConfig(t)
	setUp := startService(t, cfg)
	c := setUp.client(t, auth.Admin)
	c.makeStation("gate")
	require.NoError(t, setUp.stop(t.Context()))
	p := startProcess(t, cfg.DataDir)
	c.base = p.url

	good := testPicture(t)
	r := rand.New(rand.NewPCG(3, 4))
	early := 0
	for n := range pushes {
		body, contentType := malformed(n, good, r)
		status := c.do("POST", "/api/v1/bins/gate-kitchen/deposits", bytes.NewReader(body), contentType, nil)
		require.GreaterOrEqual(t, status, 400, "push %d", n)
		require.Less(t, status, 500, "push %d", n)
		if n == pushes/3 {
			early = residentKiB(t, p.cmd.Process.Pid)
		}
	}
	after := residentKiB(t, p.cmd.Process.Pid)
	t.Logf("resident memory: %d KiB after a third, %d KiB after %d", early, after, pushes)
	require.LessOrEqual(t, float64(after), 1.05*float64(early))
	_, ok := c.tryPush("gate-kitchen", "good", good)
	require.True(t, ok, "the service still takes pictures")
}

// malformed makes the n-th bad push: body and content type.
func malformed(n int, good []byte, r *rand.Rand) (body []byte, contentType string) {
	const jpeg = "image/jpeg"
	switch n % 6 {
	case 0:
		return good[:2+r.IntN(len(good)-4)], jpeg // truncated
	case 1:
		return nil, jpeg
	case 2: // huge dimensions in the frame header
		huge := bytes.Clone(good)
		if at := bytes.Index(huge, []byte{0xff, 0xc0}); at >= 0 {
			binary.BigEndian.PutUint16(huge[at+5:], 65500)
			binary.BigEndian.PutUint16(huge[at+7:], 65500)
		}
		return huge, jpeg
	case 3:
		return append([]byte("\x89PNG\r\n\x1a\n"), good[:200]...), jpeg // wrong type
	case 4:
		random := make([]byte, 1+r.IntN(20_000))
		for i := range random {
			random[i] = byte(r.Uint32())
		}
		return random, jpeg
	default: // fuzzed: the head is damaged beyond reading
		fuzzed := bytes.Clone(good)
		for range 40 {
			fuzzed[2+r.IntN(600)] = byte(r.Uint32())
		}
		return fuzzed[:len(fuzzed)-2], jpeg // and the end marker is gone
	}
}

func residentKiB(t *testing.T, pid int) (kib int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			_, err := fmt.Sscanf(strings.TrimSpace(rest), "%d kB", &kib)
			require.NoError(t, err)
			return kib
		}
	}
	t.Fatal("no VmRSS")
	return 0
}

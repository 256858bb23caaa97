package api_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMalformedPushes sends 1,000 pushes that are no good, to a bin and to a
// camera: each gets a 4xx problem, and the service goes on serving.
func TestMalformedPushes(t *testing.T) {
	f := start(t, options{})
	r := rand.New(rand.NewPCG(1, 2))
	good := photo(t, 320, 240, 1)
	kinds := map[string]func() (io.Reader, header){
		"truncated": func() (io.Reader, header) {
			return bytes.NewReader(good[:1+r.IntN(len(good)-2)]), header{"Content-Type": "image/jpeg"}
		},
		"empty": func() (io.Reader, header) { return nil, header{"Content-Type": "image/jpeg"} },
		"huge dimensions": func() (io.Reader, header) {
			if r.IntN(2) == 0 {
				return bytes.NewReader(hugePNG(uint32(20_000+r.IntN(1<<20)), 60_000)), header{"Content-Type": "image/png"}
			}
			return bytes.NewReader(hugeJPEG(good)), header{"Content-Type": "image/jpeg"}
		},
		"wrong type": func() (io.Reader, header) {
			return bytes.NewReader(good), header{"Content-Type": []string{"image/png", "image/gif", "text/plain", "application/json", "video/mp4", "multipart/form-data", "nonsense"}[r.IntN(7)]}
		},
		"random bytes": func() (io.Reader, header) {
			data := make([]byte, r.IntN(20_000))
			for i := range data {
				data[i] = byte(r.Uint32())
			}
			return bytes.NewReader(data), header{"Content-Type": "image/jpeg"}
		},
		"fuzzed": func() (io.Reader, header) {
			data := bytes.Clone(good)
			// The header is broken for certain, the rest at random.
			data[2+r.IntN(16)] ^= 0xff
			copy(data[r.IntN(len(data)/2):], []byte{0xff, 0xd8, 0xff, 0xc0, 0, 1})
			for range 50 {
				data[r.IntN(len(data))] = byte(r.Uint32())
			}
			return bytes.NewReader(data[:len(data)-2-r.IntN(100)]), header{"Content-Type": "image/jpeg"}
		},
		"bad form": func() (io.Reader, header) {
			switch r.IntN(4) {
			case 0:
				return strings.NewReader("--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"a.jpg\"\r\n\r\nxx"), header{"Content-Type": "multipart/form-data; boundary=b"}
			case 1:
				return form(t, nil)
			case 2:
				return form(t, nil, file{"a.jpg", "image/jpeg", good}, file{"b.png", "image/png", good})
			default:
				files := make([]file, 9)
				for i := range files {
					files[i] = file{"a.jpg", "image/jpeg", good}
				}
				return form(t, nil, files...)
			}
		},
	}
	names := []string{"truncated", "empty", "huge dimensions", "wrong type", "random bytes", "fuzzed", "bad form"}
	slugs := map[string]int{}
	for n := range 1000 {
		name := names[n%len(names)]
		body, h := kinds[name]()
		path := "/api/v1/bins/bin-here/deposits"
		if n%3 == 0 {
			path = "/api/v1/cameras/cam-here/frames"
		}
		r := f.do(http.MethodPost, path, f.admin, body, h)
		require.True(t, r.status >= 400 && r.status < 500, "%s to %s: %d %s", name, path, r.status, r.body)
		slugs[r.problem(t)]++
	}
	t.Logf("problems: %v", slugs)
	require.Zero(t, f.judge.n.Load(), "none of them was queued")
	require.GreaterOrEqual(t, len(slugs), 6)
	require.Equal(t, http.StatusAccepted, f.push("/api/v1/bins/bin-here/deposits", f.admin, good).status)
	require.Equal(t, http.StatusAccepted, f.push("/api/v1/cameras/cam-here/frames", f.admin, good).status)
	require.NotContains(t, f.log.String(), "panic")
}

// hugePNG is a PNG header that promises more pixels than anyone has memory
// for.
func hugePNG(width, height uint32) []byte {
	ihdr := binary.BigEndian.AppendUint32([]byte("IHDR"), width)
	ihdr = append(binary.BigEndian.AppendUint32(ihdr, height), 8, 2, 0, 0, 0)
	out := []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d")
	out = append(out, ihdr...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(ihdr))
}

// hugeJPEG rewrites the size in a JPEG's frame header.
func hugeJPEG(data []byte) []byte {
	out := bytes.Clone(data)
	i := bytes.Index(out, []byte{0xff, 0xc0})
	copy(out[i+5:], []byte{0xff, 0xff, 0xff, 0xff})
	return out
}

package codec

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// deflated is n zero bytes in a PNG's compression.
func deflated(tb testing.TB, n int) []byte {
	tb.Helper()
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	_, err := z.Write(make([]byte, n))
	require.NoError(tb, err)
	require.NoError(tb, z.Close())
	return b.Bytes()
}

type malformed struct {
	name    string
	data    []byte
	reasons []string
}

func malformedFiles(tb testing.TB) []malformed {
	tb.Helper()
	j, p := jpegOf(tb, scene(96, 64)), pngOf(tb, scene(96, 64).NRGBA())
	prog := variantOf(tb, scene(96, 64), false, false, true)
	end := chunk("IEND", nil)
	one := func(r string) []string { return []string{r} }
	cases := []malformed{
		{"nothing", nil, one(ReasonEmpty)},
		{"GIF", []byte("GIF89a\x01\x00\x01\x00\x00\x00\x00;"), one(ReasonUnsupported)},
		{"WebP", []byte("RIFF\x10\x00\x00\x00WEBPVP8 "), one(ReasonUnsupported)},
		{"text", []byte("hello, world"), one(ReasonUnsupported)},
		{"one byte", []byte{0xff}, one(ReasonUnsupported)},
		{"start marker only", []byte{0xff, markerSOI, 0xff}, one(ReasonTruncated)},
		{"no samples", []byte{0xff, markerSOI, 0xff, markerEOI}, one(ReasonCorrupt)},
		{"signature only", []byte(pngSignature), one(ReasonTruncated)},
		{"many bytes", make([]byte, DefaultMaxBytes+1), one(ReasonTooManyBytes)},
		{"JPEG 65535×65535", resized(j, 65535, 65535), one(ReasonTooManyPixels)},
		{"JPEG 65535×600", resized(j, 65535, 600), one(ReasonTruncated)},
		{"JPEG without width", resized(j, 0, 64), one(ReasonCorrupt)},
		{"JPEG without height", resized(j, 96, 0), one(ReasonUnsupported)},
		{"JPEG taller than its samples", resized(j, 96, 128), one(ReasonTruncated)},
		{"JPEG shorter than its samples", resized(j, 96, 32), one(ReasonCorrupt)},
		{"progressive 6000×6000", resized(prog, 6000, 6000), one(ReasonTruncated)},
		{"JPEG of 12 bits", patchFrame(j, func(f []byte) { f[0] = 12 }), one(ReasonUnsupported)},
		{"JPEG of 2 components", patchFrame(j, func(f []byte) { f[5] = 2 }), one(ReasonCorrupt)},
		{"JPEG with impossible sampling", patchFrame(j, func(f []byte) { f[7] = 0 }), one(ReasonCorrupt)},
		{"CMYK", cmyk(j), one(ReasonUnsupported)},
		{"arithmetic coding", patchMarker(j, markerSOF0, 0xc9), one(ReasonUnsupported)},
		{"hierarchical", patchMarker(j, markerDQT, 0xde), one(ReasonUnsupported)},
		{"scan bomb", scanBomb(prog, 200), one(ReasonUnsupported)},
		{"PNG 2³¹×2³¹", pngFile(ihdr(1<<31-1, 1<<31-1, 8, 2), end), one(ReasonTooManyPixels)},
		{"PNG 2³²−1 wide", pngFile(ihdr(1<<32-1, 1, 8, 2), end), one(ReasonTooManyPixels)},
		{"PNG 2³²−1 high", pngFile(ihdr(1, 1<<32-1, 8, 2), end), one(ReasonTooManyPixels)},
		{"PNG of no size", pngFile(ihdr(0, 5, 8, 2), end), one(ReasonCorrupt)},
		{"PNG of 16 bits", pngFile(ihdr(5000, 5000, 16, 6), end), one(ReasonTooManyPixels)},
		{"PNG of 7 bits", pngFile(ihdr(5, 5, 7, 2), chunk("IDAT", deflated(tb, 80)), end), []string{ReasonCorrupt, ReasonUnsupported}},
		{"PNG too short for its pixels", pngFile(ihdr(6000, 6000, 8, 6), chunk("IDAT", deflated(tb, 1000)), end), one(ReasonTruncated)},
		{"PNG without samples", pngFile(ihdr(5, 5, 8, 2), end), []string{ReasonTruncated, ReasonCorrupt}},
		{"IDAT bomb", pngFile(ihdr(4, 4, 8, 2), chunk("IDAT", deflated(tb, 16<<20)), end), one(ReasonCorrupt)},
		{"few samples", pngFile(ihdr(40, 40, 8, 2), chunk("IDAT", deflated(tb, 100)), end), []string{ReasonTruncated, ReasonCorrupt}},
		{"wrong checksum", flip(p, len(p)-20), one(ReasonCorrupt)},
		{"chunk of 4 GiB", pngFile(ihdr(4, 4, 8, 2), binary.BigEndian.AppendUint32(nil, 1<<32-1), []byte("IDATxxxx")), one(ReasonTruncated)},
		{"PNG without header", pngFile(chunk("IDAT", nil), end), one(ReasonCorrupt)},
		{"second header", pngFile(ihdr(4, 4, 8, 2), ihdr(4, 4, 8, 2), end), one(ReasonCorrupt)},
	}
	return cases
}

func flip(data []byte, at int) []byte {
	out := append([]byte(nil), data...)
	out[at] ^= 0x55
	return out
}

// patchFrame changes a copy's frame header.
func patchFrame(data []byte, change func(payload []byte)) []byte {
	out := append([]byte(nil), data...)
	at := bytes.Index(out, []byte{0xff, markerSOF0})
	change(out[at+4:])
	return out
}

func patchMarker(data []byte, from, to byte) []byte {
	return bytes.Replace(data, []byte{0xff, from}, []byte{0xff, to}, 1)
}

// cmyk gives the frame header a fourth component.
func cmyk(data []byte) []byte {
	at := bytes.Index(data, []byte{0xff, markerSOF0})
	n := int(binary.BigEndian.Uint16(data[at+2:]))
	frame := append([]byte(nil), data[at+4:at+2+n]...)
	frame[5] = 4
	frame = append(frame, 4, 0x11, 0)
	out := append([]byte(nil), data[:at]...)
	out = append(out, segmentOf(markerSOF0, frame)...)
	return append(out, data[at+2+n:]...)
}

// scanBomb repeats the last pass of a progressive JPEG.
func scanBomb(data []byte, times int) []byte {
	at := bytes.LastIndex(data, []byte{0xff, markerSOS})
	last := data[at : len(data)-2]
	out := append([]byte(nil), data[:len(data)-2]...)
	out = append(out, bytes.Repeat(last, times)...)
	return append(out, 0xff, markerEOI)
}

func TestMalformed(t *testing.T) {
	for _, c := range malformedFiles(t) {
		t.Run(c.name, func(t *testing.T) {
			img, _, err := Decode(c.data, Limits{}, Options{})
			require.Nil(t, img)
			requireReason(t, err, c.reasons...)
			_, _, _, err = Normalise(c.data, Limits{}, 32, 0)
			requireReason(t, err, c.reasons...)
		})
	}
}

func TestLimits(t *testing.T) {
	j := jpegOf(t, scene(40, 30))
	_, err := Inspect(j, Limits{MaxPixels: 1199})
	requireReason(t, err, ReasonTooManyPixels)
	_, err = Inspect(j, Limits{MaxPixels: 1200, MaxBytes: len(j)})
	require.NoError(t, err)
	_, err = Inspect(j, Limits{MaxBytes: len(j) - 1})
	requireReason(t, err, ReasonTooManyBytes)
	p := pngOf(t, grey(40, 30, 3))
	_, err = Inspect(p, Limits{MaxPixels: 1199})
	requireReason(t, err, ReasonTooManyPixels)
	_, err = Inspect(p, Limits{MaxPixels: 1200})
	require.NoError(t, err)
}

// TestTruncated cuts files at every length: none may pass, whatever the
// format, and with an end marker put on a cut JPEG none of the cuts that lose
// more than the end may pass.
func TestTruncated(t *testing.T) {
	src := scene(48, 40)
	files := map[string][]byte{
		"baseline":    jpegOf(t, src),
		"progressive": variantOf(t, src, false, false, true),
		"grey":        variantOf(t, src, true, false, false),
		"png":         pngOf(t, src.NRGBA()),
	}
	for name, data := range files {
		t.Run(name, func(t *testing.T) {
			for n := range data {
				_, _, err := Decode(data[:n], Limits{}, Options{})
				requireReason(t, err, ReasonTruncated, ReasonCorrupt, ReasonEmpty, ReasonUnsupported)
				if n > 8 {
					requireReason(t, err, ReasonTruncated)
				}
			}
		})
	}
	j := files["baseline"]
	for n := 100; n < len(j)-6; n++ {
		cut := append(append([]byte(nil), j[:n]...), 0xff, markerEOI)
		_, _, err := Decode(cut, Limits{}, Options{})
		requireReason(t, err, ReasonTruncated, ReasonCorrupt)
	}
}

func TestPaddingAndTrailingBytes(t *testing.T) {
	j := jpegOf(t, scene(48, 40))
	want, _, err := Decode(j, Limits{}, Options{})
	require.NoError(t, err)
	pad := func(n int) []byte {
		out := append([]byte(nil), j[:len(j)-2]...)
		return append(append(out, make([]byte, n)...), 0xff, markerEOI)
	}
	for name, data := range map[string][]byte{
		"bytes after the end": append(append([]byte(nil), j...), "and then some\xff\xd8\xff"...),
		"padded scan":         pad(maxPadding - 1),
		"fill bytes":          append(append([]byte(nil), j[:len(j)-2]...), 0xff, 0xff, 0xff, markerEOI),
	} {
		img, _, err := Decode(data, Limits{}, Options{})
		require.NoError(t, err, name)
		assert.Equal(t, want, img, name)
	}
	_, _, err = Decode(pad(2000), Limits{}, Options{})
	requireReason(t, err, ReasonCorrupt)
}

// TestRandom throws random bytes and damaged files at everything that reads:
// whatever comes of it, it is a picture or an *Error.
func TestRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	src := scene(64, 48)
	seeds := [][]byte{jpegOf(t, src), variantOf(t, src, false, true, true), pngOf(t, src.NRGBA())}
	refused := 0
	for i := range 3000 {
		var data []byte
		if i%10 == 0 {
			data = make([]byte, rng.IntN(500))
			for k := range data {
				data[k] = byte(rng.Uint32())
			}
			copy(data, seeds[i%3][:10])
		} else {
			data = slices.Clone(seeds[i%3])
			for range 1 + rng.IntN(8) {
				data[rng.IntN(len(data))] = byte(rng.Uint32())
			}
		}
		if exercise(t, data) {
			refused++
		}
	}
	assert.Greater(t, refused, 1000)
}

// exercise is what the random and the fuzz tests share; it reports a refusal.
func exercise(tb testing.TB, data []byte) bool {
	tb.Helper()
	lim := Limits{MaxPixels: 1 << 20, MaxBytes: 1 << 20}
	info, ierr := Inspect(data, lim)
	img, dinfo, err := Decode(data, lim, Options{MinWidth: 20})
	if err != nil {
		require.NotEmpty(tb, ReasonOf(err), "%v", err)
		require.Nil(tb, img)
		return true
	}
	require.NoError(tb, ierr, "what decodes passes inspection")
	require.Equal(tb, info, dinfo)
	require.NoError(tb, img.Valid())
	require.LessOrEqual(tb, info.Width*info.Height, lim.MaxPixels)
	out, w, h, err := Normalise(data, lim, 32, 0)
	if err != nil {
		// Only a scaled decode may put up with less than a full one.
		require.NotEmpty(tb, ReasonOf(err), "%v", err)
		return true
	}
	require.LessOrEqual(tb, max(w, h), 32)
	again, err := Inspect(out, lim)
	require.NoError(tb, err)
	require.Equal(tb, Info{Format: FormatJPEG, Width: w, Height: h, Orientation: 1, Progressive: again.Progressive}, again)
	return false
}

// TestMemory: refused files leave nothing behind, on the C side either.
func TestMemory(t *testing.T) {
	big := variantOf(t, scene(800, 600), false, false, true)
	bad := [][]byte{
		append(append([]byte(nil), big[:len(big)/2]...), 0xff, markerEOI),
		flip(big, len(big)/3), resized(jpegOf(t, scene(96, 64)), 96, 640), scanBomb(big, 200),
		pngFile(ihdr(40, 40, 8, 2), chunk("IDAT", deflated(t, 100)), chunk("IEND", nil)),
	}
	round := func() int {
		for i := range 500 {
			_, _, _ = Decode(bad[i%len(bad)], Limits{}, Options{})
		}
		runtime.GC()
		debug.FreeOSMemory()
		return resident(t)
	}
	round()
	first, second := round(), round()
	t.Logf("resident after 1000 and 1500 refusals: %d and %d KiB", first, second)
	assert.Less(t, second, first+first/10+4096)
}

// resident is the process's resident memory in KiB.
func resident(tb testing.TB) int {
	tb.Helper()
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(tb, err)
	_, rest, ok := strings.Cut(string(status), "VmRSS:")
	require.True(tb, ok)
	n, err := strconv.Atoi(strings.Fields(rest)[0])
	require.NoError(tb, err)
	return n
}

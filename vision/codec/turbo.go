package codec

/*
#cgo pkg-config: libturbojpeg
#include <string.h>
#include <turbojpeg.h>

enum { bs_ok = 0, bs_fatal = 1, bs_warning = 2, bs_size = 3 };

static int bs_fail(tjhandle h, char *msg, int cap) {
	strncpy(msg, tjGetErrorStr2(h), cap - 1);
	msg[cap - 1] = 0;
	return tjGetErrorCode(h) == TJERR_WARNING ? bs_warning : bs_fatal;
}

// bs_decode decodes a JPEG whose size is width x height into out, at 1/denom.
static int bs_decode(tjhandle h, const unsigned char *data, unsigned long len,
		int width, int height, int denom, unsigned char *out, int flags, char *msg, int cap) {
	int w = 0, hh = 0, sub = 0, space = 0;
	if (tjDecompressHeader3(h, data, len, &w, &hh, &sub, &space) != 0) {
		int rc = bs_fail(h, msg, cap);
		if (rc == bs_fatal || (flags & TJFLAG_STOPONWARNING)) return rc;
	}
	if (w != width || hh != height) return bs_size;
	w = (w + denom - 1) / denom;
	hh = (hh + denom - 1) / denom;
	if (tjDecompress2(h, data, len, out, w, 3 * w, hh, TJPF_RGB, flags) != 0)
		return bs_fail(h, msg, cap);
	return bs_ok;
}

// bs_encode writes a JPEG into out, which holds *len >= tjBufSize bytes. It is
// always a baseline file: in libturbojpeg 2.1 an instance that has written a
// progressive one keeps its Huffman tables, which do not fit the next.
static int bs_encode(tjhandle h, const unsigned char *pix, int width, int height, int quality,
		unsigned char *out, unsigned long *len, char *msg, int cap) {
	if (tjCompress2(h, pix, width, 3 * width, height, TJPF_RGB, &out, len, TJSAMP_420, quality,
			TJFLAG_ACCURATEDCT | TJFLAG_NOREALLOC) != 0)
		return bs_fail(h, msg, cap);
	return bs_ok;
}
*/
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"unsafe"

	"github.com/binside/binside/vision"
)

// maxPadding is how many bytes between the last sample and the end marker are
// put up with: some cameras pad the scan to a multiple of up to 64 bytes.
const maxPadding = 64

// handle owns one libturbojpeg instance, which serves one call at a time.
type handle struct{ tj C.tjhandle }

func newHandle(tj C.tjhandle) *handle {
	if tj == nil {
		return nil
	}
	h := &handle{tj: tj}
	// The pool drops handles silently when memory is collected.
	runtime.AddCleanup(h, func(tj C.tjhandle) { C.tjDestroy(tj) }, tj)
	return h
}

var (
	decoders = sync.Pool{New: func() any { return newHandle(C.tjInitDecompress()) }}
	encoders = sync.Pool{New: func() any { return newHandle(C.tjInitCompress()) }}
	buffers  sync.Pool // of *[]byte: room for a JPEG to be written
)

var errNoHandle = errors.New("codec: libturbojpeg could not allocate an instance")

// decodeJPEG is InProcess.DecodeJPEG into a picture of the right size.
func decodeJPEG(data []byte, info Info, denominator int, into *vision.Image) error {
	rc, msg, err := turboDecode(data, info, denominator, into.Pix, C.TJFLAG_STOPONWARNING|C.TJFLAG_LIMITSCANS)
	if err != nil {
		return err
	}
	if rc == C.bs_warning && harmless(msg) {
		rc, msg, err = turboDecode(data, info, denominator, into.Pix, C.TJFLAG_LIMITSCANS)
		if err != nil {
			return err
		}
		if rc == C.bs_warning && harmless(msg) {
			rc = C.bs_ok
		}
	}
	switch {
	case rc == C.bs_ok:
		return nil
	case rc == C.bs_size:
		return refuse(ReasonCorrupt, "ambiguous picture size")
	case strings.Contains(msg, "remature end"):
		return refuse(ReasonTruncated, "%s", msg)
	case strings.Contains(msg, "nsupported"), strings.Contains(msg, "subsampling type"):
		return refuse(ReasonUnsupported, "%s", msg)
	}
	return refuse(ReasonCorrupt, "%s", msg)
}

// harmless reports whether libjpeg's complaint is of some padding before the
// end marker, when all samples have been read.
func harmless(msg string) bool {
	var n, marker int
	_, err := fmt.Sscanf(msg, "Corrupt JPEG data: %d extraneous bytes before marker 0x%x", &n, &marker)
	return err == nil && n <= maxPadding && marker == markerEOI
}

func turboDecode(data []byte, info Info, denominator int, out []byte, flags C.int) (C.int, string, error) {
	h, _ := decoders.Get().(*handle)
	if h == nil {
		return 0, "", errNoHandle
	}
	defer decoders.Put(h)
	var msg [256]C.char
	rc := C.bs_decode(h.tj, (*C.uchar)(unsafe.SliceData(data)), C.ulong(len(data)),
		C.int(info.Width), C.int(info.Height), C.int(denominator),
		(*C.uchar)(unsafe.SliceData(out)), flags, &msg[0], C.int(len(msg)))
	runtime.KeepAlive(h)
	if rc == C.bs_ok {
		return rc, "", nil
	}
	return rc, C.GoString(&msg[0]), nil
}

// EncodeJPEG writes a baseline JPEG with 4:2:0 chroma and no metadata but the
// JFIF header; quality is 1 to 100. The same picture gives the same bytes.
func EncodeJPEG(img *vision.Image, quality int) ([]byte, error) {
	if err := img.Valid(); err != nil {
		return nil, fmt.Errorf("encode JPEG: %w", err)
	}
	if img.Width > 65500 || img.Height > 65500 {
		return nil, fmt.Errorf("encode JPEG: %d×%d pixels are more than the format holds", img.Width, img.Height)
	}
	if quality < 1 || quality > 100 {
		return nil, fmt.Errorf("encode JPEG: quality %d is not from 1 to 100", quality)
	}
	h, _ := encoders.Get().(*handle)
	if h == nil {
		return nil, errNoHandle
	}
	defer encoders.Put(h)
	n := C.tjBufSize(C.int(img.Width), C.int(img.Height), C.TJSAMP_420)
	room, _ := buffers.Get().(*[]byte)
	if room == nil || cap(*room) < int(n) {
		b := make([]byte, n)
		room = &b
	}
	defer buffers.Put(room)
	buf := (*room)[:cap(*room)]
	n = C.ulong(len(buf))
	var msg [256]C.char
	rc := C.bs_encode(h.tj, (*C.uchar)(unsafe.SliceData(img.Pix)), C.int(img.Width), C.int(img.Height),
		C.int(quality), (*C.uchar)(unsafe.SliceData(buf)), &n, &msg[0], C.int(len(msg)))
	runtime.KeepAlive(h)
	if rc != C.bs_ok {
		return nil, fmt.Errorf("encode JPEG: %s", C.GoString(&msg[0]))
	}
	return append([]byte(nil), buf[:n]...), nil
}

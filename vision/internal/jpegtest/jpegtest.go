// Package jpegtest writes, for tests, the kinds of JPEG that cameras and
// phones send and that vision/codec reads but never writes: grey, 4:4:4,
// progressive. No package of the product imports it.
package jpegtest

/*
#cgo pkg-config: libturbojpeg
#include <turbojpeg.h>
*/
import "C"

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/binside/binside/vision"
)

// Kind says what to write; the zero value is a baseline JPEG in 4:2:0.
type Kind struct {
	Grey        bool
	FullChroma  bool
	Progressive bool
}

// Encode writes img with quality 90.
//
// Every call has an instance of its own: once it has written a progressive
// file, libturbojpeg 2.1 keeps that file's Huffman tables for the next
// baseline one, which they do not fit.
func Encode(img *vision.Image, kind Kind) ([]byte, error) {
	if err := img.Valid(); err != nil {
		return nil, err
	}
	h := C.tjInitCompress()
	if h == nil {
		return nil, errors.New("jpegtest: no libturbojpeg instance")
	}
	defer C.tjDestroy(h)
	subsampling, flags := C.int(C.TJSAMP_420), C.int(C.TJFLAG_NOREALLOC)
	if kind.FullChroma {
		subsampling = C.TJSAMP_444
	}
	if kind.Grey {
		subsampling = C.TJSAMP_GRAY
	}
	if kind.Progressive {
		flags |= C.TJFLAG_PROGRESSIVE
	}
	w, ht := C.int(img.Width), C.int(img.Height)
	n := C.tjBufSize(w, ht, subsampling)
	out := C.tjAlloc(C.int(n))
	if out == nil {
		return nil, errors.New("jpegtest: no memory")
	}
	defer C.tjFree(out)
	if C.tjCompress2(h, (*C.uchar)(unsafe.SliceData(img.Pix)), w, 3*w, ht, C.TJPF_RGB, &out, &n, subsampling, 90, flags) != 0 {
		return nil, fmt.Errorf("jpegtest: %s", C.GoString(C.tjGetErrorStr2(h)))
	}
	return C.GoBytes(unsafe.Pointer(out), C.int(n)), nil
}

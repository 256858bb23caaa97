package mjpeg

import (
	"bytes"
	"errors"
)

// ReadAll takes a body apart, for the fuzzer.
func ReadAll(contentType string, body []byte, limit int) {
	boundary, err := boundaryOf(contentType)
	if err != nil {
		return
	}
	p := newParts(bytes.NewReader(body), boundary, limit)
	var buf []byte
	for {
		data, err := p.next(buf)
		switch {
		case err == nil && len(data) > limit:
			panic("a part beyond the limit")
		case err == nil:
			buf = data
		case !errors.Is(err, errPart):
			return
		}
	}
}

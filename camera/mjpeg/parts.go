package mjpeg

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/textproto"
	"strconv"
	"strings"
	"time"
)

// Limits of the envelope; a picture's own limit is the caller's.
const (
	maxHeaderBytes = 8 << 10
	maxPreamble    = 64 << 10
	// maxSkip is how much of a part that is too large is read past before the
	// stream is given up.
	maxSkip = 64 << 20
)

// errPart marks a part that was skipped; the stream goes on.
var errPart = errors.New("bad part")

// parts reads the parts of a multipart/x-mixed-replace body. Unlike
// mime/multipart it hands a part over as soon as its Content-Length is reached,
// not when the next part begins (which would delay every frame by one), and it
// takes the boundaries of cameras that write their dashes into the header.
type parts struct {
	r        *bufio.Reader
	boundary []byte // with its two dashes
	max      int
	// clock is what the camera's clock said of the part that was read last.
	clock time.Time
}

// boundaryOf reads the boundary from a response's content type.
func boundaryOf(contentType string) (string, error) {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		// Some cameras send a boundary that would need quotes.
		var found bool
		if kind, params, found = looseType(contentType); !found {
			return "", fmt.Errorf("content type %q: %w", truncate(contentType), err)
		}
	}
	if !strings.HasPrefix(kind, "multipart/") {
		return "", fmt.Errorf("the camera answers with %q, not with a stream of pictures (multipart/x-mixed-replace)", truncate(kind))
	}
	b := strings.TrimSpace(params["boundary"])
	if b == "" || len(b) > 200 {
		return "", errors.New("the stream names no usable boundary")
	}
	return "--" + strings.TrimPrefix(b, "--"), nil
}

func looseType(s string) (kind string, params map[string]string, ok bool) {
	kind, rest, found := strings.Cut(s, ";")
	_, boundary, named := strings.Cut(rest, "boundary=")
	if !found || !named {
		return "", nil, false
	}
	boundary, _, _ = strings.Cut(boundary, ";")
	return strings.ToLower(strings.TrimSpace(kind)), map[string]string{"boundary": strings.Trim(boundary, `" `)}, true
}

func truncate(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}

func newParts(r io.Reader, boundary string, maxBytes int) *parts {
	return &parts{r: bufio.NewReaderSize(r, 64<<10), boundary: []byte(boundary), max: maxBytes}
}

// next returns the body of the next part, appended to buf[:0]. An error that
// is errPart concerns this part alone.
func (p *parts) next(buf []byte) ([]byte, error) {
	if err := p.seekBoundary(); err != nil {
		return nil, err
	}
	header, err := p.header()
	if err != nil {
		return nil, err
	}
	p.clock = clockOf(header)
	if s := header.Get("Content-Length"); s != "" {
		n, err := strconv.Atoi(strings.TrimSpace(s))
		if err != nil || n < 0 {
			return nil, fmt.Errorf("%w: length %q", errPart, truncate(s))
		}
		return p.counted(buf, n)
	}
	return p.delimited(buf)
}

// clockOf is the time that a part's header names, as mjpg-streamer and ESP32
// boards write it: X-Timestamp, in seconds since 1970. Before 2000 it counts
// from when the camera was switched on, and is no clock.
func clockOf(h textproto.MIMEHeader) time.Time {
	s, err := strconv.ParseFloat(h.Get("X-Timestamp"), 64)
	if err != nil || !(s >= 946_684_800 && s < 1<<33) {
		return time.Time{}
	}
	return time.UnixMicro(int64(s * 1e6)).UTC()
}

// seekBoundary reads up to and with the next boundary line.
func (p *parts) seekBoundary() error {
	for skipped := 0; skipped <= max(maxPreamble, p.max); {
		line, err := p.line()
		if err != nil {
			return err
		}
		if bytes.HasPrefix(line, p.boundary) {
			if bytes.HasPrefix(line[len(p.boundary):], []byte("--")) {
				return io.EOF
			}
			return nil
		}
		skipped += len(line)
	}
	return errors.New("no boundary found in the stream")
}

// line reads a line, or a buffer's worth of one; it is valid until the next
// read.
func (p *parts) line() ([]byte, error) {
	line, err := p.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		err = nil
	}
	return line, err
}

func (p *parts) header() (textproto.MIMEHeader, error) {
	h := textproto.MIMEHeader{}
	for size := 0; ; {
		line, err := p.line()
		if err != nil {
			return nil, err
		}
		if size += len(line); size > maxHeaderBytes {
			return nil, errors.New("a part's header is too long")
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			return h, nil
		}
		if k, v, ok := bytes.Cut(line, []byte(":")); ok {
			h.Set(string(bytes.TrimSpace(k)), string(bytes.TrimSpace(v)))
		}
	}
}

// counted reads a part of known length.
func (p *parts) counted(buf []byte, n int) ([]byte, error) {
	if n > p.max {
		if n > maxSkip {
			return nil, fmt.Errorf("a part claims %d bytes", n)
		}
		if _, err := p.r.Discard(n); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %d bytes, at most %d are taken", errPart, n, p.max)
	}
	if cap(buf) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	if _, err := io.ReadFull(p.r, buf); err != nil {
		return nil, err
	}
	return buf, nil
}

// delimited reads a part of unknown length, which ends before the next boundary
// at the beginning of a line. The boundary is left for the next part.
func (p *parts) delimited(buf []byte) ([]byte, error) {
	buf = buf[:0]
	tooLong, atStart, skipped := false, true, 0
	for {
		if atStart {
			if peek, err := p.r.Peek(len(p.boundary)); err == nil && bytes.Equal(peek, p.boundary) {
				if tooLong {
					return nil, fmt.Errorf("%w: more than %d bytes", errPart, p.max)
				}
				buf = bytes.TrimSuffix(buf, []byte("\n"))
				return bytes.TrimSuffix(buf, []byte("\r")), nil
			}
		}
		line, err := p.line()
		if err != nil {
			return nil, err
		}
		atStart = bytes.HasSuffix(line, []byte("\n"))
		if tooLong = tooLong || len(buf)+len(line) > p.max+2; tooLong {
			if skipped += len(line); skipped > maxSkip {
				return nil, errors.New("a part does not end")
			}
			continue
		}
		buf = append(buf, line...)
	}
}

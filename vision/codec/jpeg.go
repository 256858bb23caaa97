package codec

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// JPEG markers (ITU-T T.81, table B.1), without their leading 0xff.
const (
	markerSOF0  = 0xc0
	markerSOF2  = 0xc2
	markerDHT   = 0xc4
	markerJPG   = 0xc8
	markerDAC   = 0xcc
	markerSOF15 = 0xcf
	markerRST0  = 0xd0
	markerRST7  = 0xd7
	markerSOI   = 0xd8
	markerEOI   = 0xd9
	markerSOS   = 0xda
	markerDQT   = 0xdb
	markerDRI   = 0xdd
	markerAPP0  = 0xe0
	markerAPP1  = 0xe1
	markerAPP14 = 0xee
	markerAPP15 = 0xef
	markerCOM   = 0xfe
)

const (
	// maxScans bounds the passes of a progressive JPEG; encoders write about
	// 10. Every pass costs the decoder a walk over the whole picture.
	maxScans = 100
	// maxScanPixels bounds passes × pixels: 16 passes over 40 million pixels,
	// or 100 over 6.4 million.
	maxScanPixels = 640_000_000
)

// segment is one marker segment: data[start:end], the 0xff included. A start
// of scan reaches to the end of its entropy-coded samples.
type segment struct {
	marker     byte
	start, end int
	// payload is what follows the length; for a start of scan, its header.
	payload []byte
	// entropy counts the bytes of entropy-coded samples.
	entropy int
}

// segments walks a JPEG file. It allocates nothing and never reads outside
// data.
type segments struct {
	data []byte
	pos  int
	// scanEnds is what an earlier walk found out about where the samples of
	// each scan end: looking for that is nearly all the work.
	scanEnds []int
}

func newSegments(data []byte) *segments { return &segments{data: data, pos: 2} }

// next returns the next segment; the end marker is the last one.
func (s *segments) next() (segment, *Error) {
	d, i := s.data, s.pos
	if i >= len(d) {
		return segment{}, refuse(ReasonTruncated, "the file ends after %d bytes without an end marker", len(d))
	}
	if d[i] != 0xff {
		return segment{}, refuse(ReasonCorrupt, "no marker where one belongs, at byte %d", i)
	}
	for i < len(d) && d[i] == 0xff {
		i++
	}
	if i >= len(d) {
		return segment{}, refuse(ReasonTruncated, "the file ends inside a marker")
	}
	seg := segment{marker: d[i], start: i - 1}
	i++
	switch m := seg.marker; {
	case m == markerEOI:
		seg.end = i
		s.pos = i
		return seg, nil
	case m < markerSOF0 || m >= markerRST0 && m <= markerSOI:
		return segment{}, refuse(ReasonCorrupt, "marker 0x%02x out of place at byte %d", m, seg.start)
	}
	if i+2 > len(d) {
		return segment{}, refuse(ReasonTruncated, "the file ends inside a segment")
	}
	n := int(binary.BigEndian.Uint16(d[i:]))
	if n < 2 {
		return segment{}, refuse(ReasonCorrupt, "segment 0x%02x of length %d at byte %d", seg.marker, n, seg.start)
	}
	if i+n > len(d) {
		return segment{}, refuse(ReasonTruncated, "segment 0x%02x reaches beyond the end of the file", seg.marker)
	}
	seg.payload = d[i+2 : i+n]
	seg.end = i + n
	if seg.marker == markerSOS {
		end, ok := s.entropyEnd(seg.end)
		if !ok {
			return segment{}, refuse(ReasonTruncated, "the file ends inside the samples, after %d bytes", len(d))
		}
		seg.entropy = end - seg.end
		seg.end = end
	}
	s.pos = seg.end
	return seg, nil
}

func (s *segments) entropyEnd(i int) (int, bool) {
	if len(s.scanEnds) == 0 {
		return entropyEnd(s.data, i)
	}
	end := s.scanEnds[0]
	s.scanEnds = s.scanEnds[1:]
	return end, true
}

// entropyEnd returns the place of the marker that ends the entropy-coded
// samples which begin at i: the first 0xff followed by neither a stuffed zero
// nor a restart marker.
func entropyEnd(d []byte, i int) (int, bool) {
	for {
		k := bytes.IndexByte(d[i:], 0xff)
		if k < 0 || i+k+1 >= len(d) {
			return 0, false
		}
		i += k
		switch b := d[i+1]; {
		case b == 0x00 || b >= markerRST0 && b <= markerRST7:
			i += 2
		case b == 0xff:
			i++ // a fill byte
		default:
			return i, true
		}
	}
}

// jpegLayout is what the headers of a JPEG file say.
type jpegLayout struct {
	width, height int
	components    int
	progressive   bool
	orientation   int
	scanEnds      []int
	entropy       int
	// blocks is the number of 8×8 blocks of the largest component.
	blocks int
	// end is the length of the file up to its end marker, included.
	end int
}

func (l *jpegLayout) info() Info {
	return Info{Format: FormatJPEG, Width: l.width, Height: l.height, Orientation: max(l.orientation, 1), Progressive: l.progressive}
}

// parseJPEG walks all segments, and refuses what is malformed, unsupported or
// beyond the limits.
func parseJPEG(data []byte, lim Limits) (*jpegLayout, error) {
	l := &jpegLayout{}
	s := newSegments(data)
	for {
		seg, err := s.next()
		if err != nil {
			return nil, err
		}
		if seg.marker == markerEOI {
			l.end = seg.end
			break
		}
		if err := l.add(seg, lim); err != nil {
			return nil, err
		}
	}
	if len(l.scanEnds) == 0 {
		return nil, refuse(ReasonCorrupt, "a JPEG file without samples")
	}
	err := l.plausible()
	return l, err
}

// add takes up one segment.
func (l *jpegLayout) add(seg segment, lim Limits) error {
	switch m := seg.marker; {
	case isFrame(m):
		return l.addFrame(seg, lim)
	case m == markerSOS:
		if l.width == 0 {
			return refuse(ReasonCorrupt, "samples before the frame header")
		}
		l.scanEnds = append(l.scanEnds, seg.end)
		l.entropy += seg.entropy
		if scans := len(l.scanEnds); scans > maxScans || scans*l.width*l.height > maxScanPixels {
			return refuse(ReasonUnsupported, "more than %d passes over %d×%d pixels", scans-1, l.width, l.height)
		}
	case m == markerAPP1 && l.orientation == 0:
		l.orientation = exifOrientation(seg.payload)
	case m == markerDHT, m == markerDQT, m == markerDRI, m >= markerAPP0 && m <= markerAPP15, m == markerCOM:
	default:
		return refuse(ReasonUnsupported, "a JPEG with a segment of kind 0x%02x", m)
	}
	return nil
}

// isFrame reports whether a marker begins a frame header.
func isFrame(m byte) bool {
	return m >= markerSOF0 && m <= markerSOF15 && m != markerDHT && m != markerJPG && m != markerDAC
}

// addFrame reads a frame header (T.81, B.2.2).
func (l *jpegLayout) addFrame(seg segment, lim Limits) error {
	if l.width != 0 {
		return refuse(ReasonCorrupt, "a second frame header")
	}
	if seg.marker > markerSOF2 {
		return refuse(ReasonUnsupported, "a lossless, hierarchical or arithmetic-coded JPEG (process %d)", seg.marker-markerSOF0)
	}
	p := seg.payload
	if len(p) < 6 || len(p) != 6+3*int(p[5]) {
		return refuse(ReasonCorrupt, "a frame header of %d bytes", len(p))
	}
	if p[0] != 8 {
		return refuse(ReasonUnsupported, "a JPEG of %d bits a sample", p[0])
	}
	h, w := int(binary.BigEndian.Uint16(p[1:])), int(binary.BigEndian.Uint16(p[3:]))
	switch {
	case w == 0:
		return refuse(ReasonCorrupt, "a picture of no width")
	case h == 0:
		return refuse(ReasonUnsupported, "a JPEG that does not tell its height in the header")
	case w*h > lim.MaxPixels:
		return refuse(ReasonTooManyPixels, "%d×%d pixels, at most %d are accepted", w, h, lim.MaxPixels)
	}
	l.components = int(p[5])
	switch l.components {
	case 1, 3:
	case 4:
		return refuse(ReasonUnsupported, "a CMYK JPEG: only grey and colour pictures are accepted")
	default:
		return refuse(ReasonCorrupt, "%d colour components", l.components)
	}
	share, ok := largestShare(p[6:])
	if !ok {
		return refuse(ReasonCorrupt, "impossible sampling factors")
	}
	l.width, l.height = w, h
	l.progressive = seg.marker == markerSOF2
	l.blocks = int(share * float64(w) * float64(h) / 64)
	return nil
}

// largestShare is the number of samples of the largest component, relative to
// the number of pixels.
func largestShare(components []byte) (float64, bool) {
	largest, maxH, maxV := 0, 0, 0
	for c := range slices.Chunk(components, 3) {
		h, v := int(c[1]>>4), int(c[1]&15)
		if h < 1 || h > 4 || v < 1 || v > 4 {
			return 0, false
		}
		largest, maxH, maxV = max(largest, h*v), max(maxH, h), max(maxV, v)
	}
	if len(components) == 3 {
		return 1, true // a single component's factors have no meaning
	}
	return float64(largest) / float64(maxH*maxV), true
}

// plausible refuses a file too short for its pixels, before memory is
// allocated for them. A Huffman code has at least one bit. A baseline block
// needs two codes (a DC difference and an end of block), a progressive one
// the first of them.
func (l *jpegLayout) plausible() error {
	bits := 2
	if l.progressive {
		bits = 1
	}
	if need := l.blocks * bits / 8; l.entropy < need {
		return refuse(ReasonTruncated, "%d bytes of samples for %d×%d pixels, which need at least %d", l.entropy, l.width, l.height, need)
	}
	return nil
}

// StripJPEG returns the file without anything but the picture: no EXIF, no
// colour profile, no comment, no thumbnail, no byte after the end marker. The
// samples are copied as they are. The JFIF header (without its thumbnail) and
// Adobe's colour transform stay, as decoders need them. Refusals are *Errors;
// sizes in bytes and pixels are bounded by DefaultLimits.
//
// EXIF orientation is lost: see Normalise.
func StripJPEG(data []byte) ([]byte, error) {
	if f, ok := Sniff(data); !ok || f != FormatJPEG {
		if len(data) == 0 {
			return nil, refuse(ReasonEmpty, "no bytes")
		}
		return nil, refuse(ReasonUnsupported, "not a JPEG file")
	}
	l, err := parseJPEG(data, DefaultLimits())
	if err != nil {
		return nil, err
	}
	return strip(data, l)
}

// strip copies what stays of a file that parseJPEG has accepted.
func strip(data []byte, l *jpegLayout) ([]byte, error) {
	out := make([]byte, 0, l.end)
	out = append(out, 0xff, markerSOI)
	s := newSegments(data)
	s.scanEnds = l.scanEnds
	for {
		seg, err := s.next()
		if err != nil {
			return nil, err
		}
		switch m := seg.marker; {
		case m == markerEOI:
			return append(out, 0xff, markerEOI), nil
		case m == markerAPP0:
			out = append(out, jfifHeader(seg.payload)...)
		case m == markerAPP14:
			if bytes.HasPrefix(seg.payload, []byte("Adobe")) && len(seg.payload) >= 12 {
				out = append(out, 0xff, markerAPP14, 0, 14)
				out = append(out, seg.payload[:12]...)
			}
		case isFrame(m), m == markerSOS, m == markerDHT, m == markerDQT, m == markerDRI:
			out = append(out, data[seg.start:seg.end]...)
		}
	}
}

// jfifHeader returns an APP0 segment with the JFIF header's version and pixel
// density and no thumbnail, or nothing where the payload is another one (such
// as the JFXX extension, which only holds thumbnails).
func jfifHeader(payload []byte) []byte {
	if len(payload) < 14 || !bytes.HasPrefix(payload, []byte("JFIF\x00")) {
		return nil
	}
	out := append([]byte{0xff, markerAPP0, 0, 16}, payload[:12]...)
	return append(out, 0, 0)
}

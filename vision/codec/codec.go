// Package codec turns bytes from strangers into pictures and back: JPEG by
// libturbojpeg, PNG by the standard library.
//
// Everything is checked from the header and the structure of the file before
// a single pixel is allocated: size in bytes, size in pixels, format, and
// whether a file of that length can hold that many pixels at all. What is
// refused is refused with an *Error whose Reason is one of a short list.
// Normalise and StripJPEG take away what a file says beside its pixels
// (position, camera, thumbnails, comments).
//
// The package never touches files or the network, never writes metadata, and
// never returns a partly decoded picture. All functions are safe for
// concurrent use.
package codec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime"
	"path"
	"strings"

	"github.com/binside/binside/vision"
)

// Limits bound what is accepted. The zero value of a field stands for its
// default.
type Limits struct {
	// MaxBytes is the largest file, default 8 MiB.
	MaxBytes int
	// MaxPixels is the largest width × height, default 40,000,000. A 16-bit
	// PNG counts twice, as its pixels take twice the memory.
	MaxPixels int
}

// The defaults of Limits.
const (
	DefaultMaxBytes  = 8 << 20
	DefaultMaxPixels = 40_000_000
)

// DefaultLimits returns the limits that the zero Limits stands for.
func DefaultLimits() Limits {
	return Limits{MaxBytes: DefaultMaxBytes, MaxPixels: DefaultMaxPixels}
}

func (l Limits) withDefaults() Limits {
	if l.MaxBytes <= 0 {
		l.MaxBytes = DefaultMaxBytes
	}
	if l.MaxPixels <= 0 {
		l.MaxPixels = DefaultMaxPixels
	}
	return l
}

// Format is a file format that the package reads.
type Format string

// The formats. There are no others.
const (
	FormatJPEG Format = "jpeg"
	FormatPNG  Format = "png"
)

// Info is what a file's header says.
type Info struct {
	Format Format
	// Width and Height are in pixels as stored, before Orientation is applied
	// and before any scaling by Options.
	Width, Height int
	// Orientation is the EXIF orientation, 1 to 8; 1 where none is given.
	Orientation int
	// Progressive is set for a JPEG that comes in several passes.
	Progressive bool
}

// Options say how to decode. The zero value decodes at full size.
type Options struct {
	// MinWidth and MinHeight ask for the smallest of 1, 1/2, 1/4 and 1/8 of
	// the stored size that is not smaller than this; 0 sets no bound, and both
	// 0 ask for full size. They save time with JPEGs; a PNG is always decoded
	// at full size.
	MinWidth, MinHeight int
}

// Reasons of an Error. They are stable: problem documents and metrics carry
// them.
const (
	ReasonEmpty         = "empty"
	ReasonTooManyBytes  = "too-many-bytes"
	ReasonTooManyPixels = "too-many-pixels"
	ReasonUnsupported   = "unsupported-format"
	ReasonTypeMismatch  = "type-mismatch"
	ReasonTruncated     = "truncated"
	ReasonCorrupt       = "corrupt"
)

// Error is a refusal of a file: always the sender's matter, never ours.
type Error struct {
	// Reason is one of the Reason constants.
	Reason string
	// Detail says in a sentence what was found. It holds no bytes of the file.
	Detail string
}

// Error implements error.
func (e *Error) Error() string { return "image " + e.Reason + ": " + e.Detail }

// ReasonOf returns the Reason of the *Error in err's chain, or "".
func ReasonOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}

func refuse(reason, format string, args ...any) *Error {
	return &Error{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

// Sniff names the format by the file's first bytes; ok is false for anything
// but JPEG and PNG.
func Sniff(data []byte) (f Format, ok bool) {
	switch {
	case len(data) >= 3 && data[0] == 0xff && data[1] == markerSOI && data[2] == 0xff:
		return FormatJPEG, true
	case bytes.HasPrefix(data, []byte(pngSignature)):
		return FormatPNG, true
	}
	return "", false
}

// Inspect reads the header and walks the structure of a file without
// allocating pixels. It refuses, with an *Error, what Decode would refuse,
// except for damage inside the compressed samples, which only decoding shows.
func Inspect(data []byte, lim Limits) (Info, error) {
	f, err := Open(data, lim)
	if err != nil {
		return Info{}, err
	}
	return f.Info, nil
}

// File is a file that Inspect accepts, for those who need it more than once:
// its structure is walked only when it is opened.
type File struct {
	Info
	// data ends with the picture: what follows a JPEG's end marker is not
	// looked at any further.
	data []byte
	// layout is nil for a PNG.
	layout *jpegLayout
	jpeg   JPEGDecoder
}

// Open inspects a file, which is decoded in this process. It keeps data, which
// must not be changed while the File is in use.
func Open(data []byte, lim Limits) (*File, error) {
	return Reader{Limits: lim}.Open(data)
}

func open(data []byte, lim Limits) (*File, error) {
	lim = lim.withDefaults()
	if len(data) == 0 {
		return nil, refuse(ReasonEmpty, "no bytes")
	}
	if len(data) > lim.MaxBytes {
		return nil, refuse(ReasonTooManyBytes, "%d bytes, at most %d are accepted", len(data), lim.MaxBytes)
	}
	format, ok := Sniff(data)
	if !ok {
		return nil, refuse(ReasonUnsupported, "neither a JPEG nor a PNG file%s", looksLike(data))
	}
	if format == FormatPNG {
		info, err := inspectPNG(data, lim)
		if err != nil {
			return nil, err
		}
		return &File{Info: info, data: data}, nil
	}
	l, err := parseJPEG(data, lim)
	if err != nil {
		return nil, err
	}
	return &File{Info: l.info(), data: data[:l.end], layout: l}, nil
}

// looksLike names a few well-known formats, for the reader of the refusal.
func looksLike(data []byte) string {
	for _, k := range []struct{ magic, name string }{
		{"GIF8", "GIF"}, {"RIFF", "WebP or AVI"}, {"BM", "BMP"}, {"II*\x00", "TIFF"}, {"MM\x00*", "TIFF"}, {"%PDF", "PDF"},
	} {
		if bytes.HasPrefix(data, []byte(k.magic)) {
			return " (it looks like " + k.name + ")"
		}
	}
	if len(data) > 12 && string(data[4:8]) == "ftyp" {
		return " (it looks like HEIF, AVIF or MP4)"
	}
	return ""
}

// Decode decodes a whole file into a picture of the stored orientation (see
// Orient and Info.Orientation). Anything that is damaged, cut off or beyond
// the limits is refused with an *Error; another kind of error is ours.
func Decode(data []byte, lim Limits, opt Options) (*vision.Image, Info, error) {
	f, err := Open(data, lim)
	if err != nil {
		return nil, Info{}, err
	}
	img, err := f.decode(opt, decodeJPEG)
	if err != nil {
		return nil, Info{}, err
	}
	return img, f.Info, nil
}

// Decode is Reader.Decode for an open file.
func (f *File) Decode(ctx context.Context, opt Options) (*vision.Image, error) {
	return f.decode(opt, func(data []byte, info Info, denominator int, into *vision.Image) error {
		return f.jpeg.DecodeJPEG(ctx, data, info, denominator, into)
	})
}

func (f *File) decode(opt Options, jpeg func(data []byte, info Info, denominator int, into *vision.Image) error) (*vision.Image, error) {
	if f.layout == nil {
		return decodePNG(f.data)
	}
	denominator := opt.Denominator(f.Width, f.Height)
	img := newPicture(ceilDiv(f.Width, denominator), ceilDiv(f.Height, denominator))
	if err := jpeg(f.data, f.Info, denominator, img); err != nil {
		Recycle(img)
		return nil, err
	}
	return img, nil
}

// Denominator is d of the scale 1/d, 1 to 1/8, at which Decode reads a JPEG of
// the given stored size.
func (o Options) Denominator(width, height int) int {
	if o.MinWidth <= 0 && o.MinHeight <= 0 {
		return 1
	}
	for _, d := range []int{8, 4, 2} {
		if ceilDiv(width, d) >= o.MinWidth && ceilDiv(height, d) >= o.MinHeight {
			return d
		}
	}
	return 1
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// CheckDeclared compares what a file is with what its sender called it: a
// media type ("image/png; q=1") or a file name ("a.jpg"). Nothing declared
// ("", application/octet-stream, a name without extension) agrees with every
// format that the package reads. Refusals are *Errors: type-mismatch,
// unsupported-format, empty.
func CheckDeclared(contentTypeOrFilename string, data []byte) error {
	if len(data) == 0 {
		return refuse(ReasonEmpty, "no bytes")
	}
	want, declared := declaredFormat(contentTypeOrFilename)
	got, ok := Sniff(data)
	switch {
	case declared && want == "":
		return refuse(ReasonUnsupported, "declared as %.64q, accepted are JPEG and PNG", contentTypeOrFilename)
	case !ok:
		return refuse(ReasonUnsupported, "neither a JPEG nor a PNG file%s", looksLike(data))
	case declared && want != got:
		return refuse(ReasonTypeMismatch, "declared as %s but the file is %s", want, got)
	}
	return nil
}

// declaredFormat returns the format that a media type or a file name stands
// for; declared is true with an empty format where another one is named.
func declaredFormat(s string) (f Format, declared bool) {
	s = strings.TrimSpace(s)
	if t, _, err := mime.ParseMediaType(s); err == nil && strings.Contains(t, "/") {
		switch t {
		case "image/jpeg", "image/jpg", "image/pjpeg":
			return FormatJPEG, true
		case "image/png", "image/x-png":
			return FormatPNG, true
		case "application/octet-stream", "image/*", "*/*":
			return "", false
		}
		if kind, _, _ := strings.Cut(t, "/"); mediaKinds[kind] {
			return "", true
		}
	}
	switch strings.ToLower(path.Ext(s)) {
	case ".jpg", ".jpeg", ".jpe", ".jfif":
		return FormatJPEG, true
	case ".png":
		return FormatPNG, true
	case "":
		return "", false
	}
	return "", true
}

// mediaKinds are the registered top-level media types: a name such as
// "photos/a.jpg" has the form of a media type and is none.
var mediaKinds = map[string]bool{
	"application": true, "audio": true, "font": true, "image": true, "message": true,
	"model": true, "multipart": true, "text": true, "video": true,
}

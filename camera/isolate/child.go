package isolate

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/binside/binside/camera"
	"github.com/binside/binside/vision"
)

// The only argument of a child says which it is.
const (
	cameraArgument = "camera-child"
	poolArgument   = "picture-child"
)

// BecomeChild does a child's work and ends the process where it was started as
// one; else it does nothing. Every program that streams or has a Pool must call
// it first of all.
func BecomeChild() {
	if len(os.Args) != 2 {
		return
	}
	work := map[string]func(io.Reader, io.Writer) error{cameraArgument: runCamera, poolArgument: servePictures}[os.Args[1]]
	if work == nil {
		return
	}
	// A file that makes its decoder eat the machine's memory is to end the
	// decoder, not the service (proc(5)). Where there is no such file nothing is
	// lost.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0o600)
	if err := work(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// The child's messages begin with a byte of these.
const (
	messageFrame = 'F' // header and pixels
	messageEnd   = 'E' // the stream has ended as io.EOF
	messageError = 'X' // two bytes of length; the reason, a line feed, and the text
)

// header is what precedes a frame's pixels.
type header struct {
	Seq           uint64
	Time, Clock   int64 // nanoseconds since 1970; a Clock of 0 is none
	Width, Height uint32
}

// runCamera reads one request, and writes frames until the stream ends, or until
// its standard input is closed because the parent is gone.
func runCamera(stdin io.Reader, stdout io.Writer) error {
	in, out := bufio.NewReader(stdin), bufio.NewWriterSize(stdout, 1<<16)
	line, err := in.ReadBytes('\n')
	if err != nil {
		return errors.New("isolate: the parent asked for nothing")
	}
	var spec Spec
	if err := json.Unmarshal(line, &spec); err != nil {
		return errors.New("isolate: the parent's request cannot be read")
	}
	go func() {
		_, _ = io.Copy(io.Discard, in)
		os.Exit(0) // a decoder that hangs would keep the process alive
	}()
	source, err := spec.open()
	if err == nil {
		err = source.Stream(context.Background(), func(f camera.Frame) {
			if writeFrame(out, f) != nil {
				os.Exit(0) // nobody reads any more
			}
		})
	}
	return writeEnd(out, err)
}

func writeFrame(out *bufio.Writer, f camera.Frame) error {
	if err := out.WriteByte(messageFrame); err != nil {
		return err
	}
	h := header{f.Seq, f.Time.UnixNano(), 0, uint32(f.Image.Width), uint32(f.Image.Height)}
	if !f.Clock.IsZero() {
		h.Clock = f.Clock.UnixNano()
	}
	if err := binary.Write(out, binary.LittleEndian, h); err != nil {
		return err
	}
	if _, err := out.Write(f.Image.Pix); err != nil {
		return err
	}
	return out.Flush()
}

func writeEnd(out *bufio.Writer, reason error) error {
	if errors.Is(reason, io.EOF) {
		_ = out.WriteByte(messageEnd) // Flush returns the error
		return out.Flush()
	}
	return writeError(out, string(camera.ReasonOf(reason)), reason.Error())
}

func writeError(out *bufio.Writer, reason, detail string) error {
	text := reason + "\n" + detail
	text = text[:min(len(text), 4096)]
	_ = out.WriteByte(messageError)                               // as above
	_ = binary.Write(out, binary.LittleEndian, uint16(len(text))) // as above
	_, _ = out.WriteString(text)                                  // as above
	return out.Flush()
}

// readMessages hands frames on until the child says how it ended. A child is
// not trusted: it reads a stranger's stream.
func readMessages(in *bufio.Reader, maxPixels int, sink func(camera.Frame)) error {
	for {
		kind, err := in.ReadByte()
		if err != nil {
			return errDied
		}
		switch kind {
		case messageEnd:
			return io.EOF
		case messageError:
			reason, text, err := readError(in)
			if err != nil {
				return err
			}
			return camera.Because(camera.Reason(reason), errors.New(text))
		case messageFrame:
			f, err := readFrame(in, maxPixels)
			if err != nil {
				return err
			}
			sink(f)
		default:
			return errDied
		}
	}
}

// readError reads what writeError wrote, behind its first byte.
func readError(in io.Reader) (reason, detail string, err error) {
	var n uint16
	if binary.Read(in, binary.LittleEndian, &n) != nil || n > 4096 {
		return "", "", errDied
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(in, text); err != nil {
		return "", "", errDied
	}
	reason, detail, _ = strings.Cut(string(text), "\n")
	return reason, detail, nil
}

func readFrame(in io.Reader, maxPixels int) (camera.Frame, error) {
	var h header
	if err := binary.Read(in, binary.LittleEndian, &h); err != nil {
		return camera.Frame{}, errDied
	}
	if h.Width == 0 || h.Height == 0 || uint64(h.Width)*uint64(h.Height) > uint64(maxPixels) {
		return camera.Frame{}, fmt.Errorf("isolate: pictures of %d×%d pixels, at most %d pixels are taken", h.Width, h.Height, maxPixels)
	}
	img := vision.NewImage(int(h.Width), int(h.Height))
	if _, err := io.ReadFull(in, img.Pix); err != nil {
		return camera.Frame{}, errDied
	}
	f := camera.Frame{Seq: h.Seq, Time: time.Unix(0, h.Time), Image: img}
	if h.Clock != 0 {
		f.Clock = time.Unix(0, h.Clock)
	}
	return f, nil
}

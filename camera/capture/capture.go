// Package capture is a camera behind OpenCV's VideoCapture: RTSP streams and
// video files by way of FFmpeg, V4L2 devices.
//
// One goroutine owns a capture from opening to closing, and every call into it
// has a time limit, so that Stream returns within the read time-out of being
// told to stop. It never reconnects, never opens anything but rtsp, rtsps,
// devices and regular local files (FFmpeg would know many more protocols), and never puts
// an address into an error. No gocv.Mat leaves it.
//
// A decoder that crashes takes its process along: package isolate gives it one
// of its own.
package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"gocv.io/x/gocv"

	"github.com/binside/binside/camera"
	"github.com/binside/binside/vision"
)

// Properties of VideoCapture that gocv does not name (OpenCV 4.5.4 and later).
const (
	propertyOpenTimeout gocv.VideoCaptureProperties = 53
	propertyReadTimeout gocv.VideoCaptureProperties = 54
)

// Transport is how an RTSP camera's packets travel.
type Transport string

// The transports. TCP is the default: UDP loses packets and smears pictures,
// but some cameras and networks know nothing else, and it waits for nothing.
const (
	TCP Transport = "tcp"
	UDP Transport = "udp"
)

// Environment is what OpenCV reads from its environment at every opening, so
// that a transport is a whole process's. It is set, for TCP, where it is not yet.
// With it an RTSP stream opens in 0.1 s instead of 2 s, and FFmpeg does not write
// to standard error, where it might quote addresses.
func Environment(t Transport) []string {
	if t == "" {
		t = TCP
	}
	return []string{
		"OPENCV_FFMPEG_CAPTURE_OPTIONS=rtsp_transport;" + string(t) + "|analyzeduration;0|probesize;32768",
		"OPENCV_FFMPEG_LOGLEVEL=-8",
	}
}

var setUp = sync.OnceValue(func() error {
	for _, line := range Environment(TCP) {
		k, v, _ := strings.Cut(line, "=")
		if _, set := os.LookupEnv(k); set {
			continue
		}
		if err := os.Setenv(k, v); err != nil {
			return fmt.Errorf("capture: setting %s: %w", k, err)
		}
	}
	return nil
})

// Options tune a Source; a zero field has the default named with it.
type Options struct {
	// OpenTimeout bounds opening, ReadTimeout each read (10 s, 5 s).
	OpenTimeout, ReadTimeout time.Duration
	// Loop begins a file again when it has ended.
	Loop bool
	// Unpaced delivers a file's frames as fast as they are taken instead of at
	// the file's rate. Their times still follow the file.
	Unpaced bool
	// MaxPixels is the largest picture taken (40 000 000).
	MaxPixels int
	// Start is the time of a file's first frame (when Stream is called).
	Start time.Time
}

// Source is a camera.Source. Stream may be called again after it has returned.
type Source struct {
	address string
	file    bool
	device  bool // V4L2
	opts    Options
}

var devicePath = regexp.MustCompile(`^/dev/video[0-9]{1,3}$`)

// IsDevice reports whether a path is that of a V4L2 device.
func IsDevice(path string) bool { return devicePath.MatchString(path) }

// New returns a source for an rtsp:// or rtsps:// address, which may hold user
// name and password, for a V4L2 device (/dev/videoN), or for a video file by its
// path or file:// address.
func New(address string, opts Options) (*Source, error) {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&opts.OpenTimeout, 10*time.Second)
	def(&opts.ReadTimeout, 5*time.Second)
	if opts.MaxPixels <= 0 {
		opts.MaxPixels = 40_000_000
	}
	s := &Source{address: address, opts: opts}
	if IsDevice(address) {
		s.device = true
		return s, nil
	}
	scheme, rest, hasScheme := strings.Cut(address, "://")
	switch strings.ToLower(scheme) {
	case "rtsp", "rtsps":
		if u, err := url.Parse(address); err != nil || u.Host == "" {
			return nil, errors.New("capture: the address is not a URL") // the reason would quote it
		}
		return s, nil
	case "file":
		if !hasScheme {
			break
		}
		path, err := url.PathUnescape(rest)
		if err != nil {
			return nil, errors.New("capture: the file's address is not a URL")
		}
		s.address, hasScheme = path, false
	}
	if hasScheme || s.address == "" {
		return nil, errors.New("capture: the address must be rtsp://…, rtsps://… or a file's path")
	}
	path, err := filepath.Abs(s.address)
	if err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	s.address, s.file = path, true
	return s, nil
}

// Stream implements camera.Source. Frames of a live stream have the time of
// their arrival, and the camera's clock where an RTSP camera's answers name it;
// those of a file the start's time plus their place in it. A live stream never ends
// with io.EOF.
func (s *Source) Stream(ctx context.Context, sink func(camera.Frame)) error {
	if err := setUp(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	p := &player{Source: s, sink: sink, pace: newPace(s.opts)}
	defer p.asking.Wait()
	defer cancel()
	for {
		n, err := p.play(ctx)
		switch {
		case err != nil:
			return err
		case n == 0:
			return camera.Because(camera.NoPicture, errors.New("capture: the file holds no video that can be decoded"))
		case !s.opts.Loop:
			return io.EOF
		}
	}
}

// player is one Stream.
type player struct {
	*Source
	sink func(camera.Frame)
	pace *pace
	seq  uint64

	clock  clock // of an RTSP camera
	asking sync.WaitGroup
}

// play opens the address and reads it to its end. It returns the number of
// frames of a file that has ended.
func (p *player) play(ctx context.Context) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	capture, err := p.open(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { _ = capture.Close() }()
	bgr, rgb := gocv.NewMat(), gocv.NewMat()
	defer func() { _, _ = bgr.Close(), rgb.Close() }()
	if p.file {
		p.pace.begin(capture.Get(gocv.VideoCaptureFPS))
	}
	for n := 0; ; n++ {
		begin := time.Now()
		ok := capture.Read(&bgr)
		if err := ctx.Err(); err != nil {
			return n, err
		}
		if !ok || bgr.Empty() {
			if p.file {
				return n, nil
			}
			return n, camera.Because(camera.Silent, errors.New("capture: the stream has ended or sent nothing in time"))
		}
		if !p.file && time.Since(begin) >= p.opts.ReadTimeout {
			// After a stall a read may succeed with an old picture.
			return n, camera.Because(camera.Silent, errors.New("capture: the stream sent nothing in time"))
		}
		img, err := p.picture(&bgr, &rgb)
		if err != nil {
			return n, camera.Because(camera.NoPicture, err)
		}
		at := time.Now()
		if p.file {
			if at, err = p.pace.wait(ctx, capture.Get(gocv.VideoCapturePosMsec)); err != nil {
				return n, err
			}
		}
		if p.seq++; p.seq == 1 && !p.file && !p.device {
			p.asking.Go(func() { p.clock.follow(ctx, p.address) })
		}
		p.sink(camera.Frame{Seq: p.seq, Time: at, Clock: p.clock.at(at), Image: img})
	}
}

func (p *player) open(ctx context.Context) (*gocv.VideoCapture, error) {
	if p.file {
		info, err := os.Stat(p.address)
		if err != nil {
			return nil, camera.Because(camera.NotFound, fmt.Errorf("capture: %w", err))
		}
		if !info.Mode().IsRegular() {
			return nil, camera.Because(camera.NotFound, errors.New("capture: not a regular file"))
		}
	}
	api := gocv.VideoCaptureFFmpeg
	if p.device {
		api = gocv.VideoCaptureV4L2
	}
	c, err := gocv.OpenVideoCaptureWithAPIParams(p.address, api, []gocv.VideoCaptureProperties{
		propertyOpenTimeout, gocv.VideoCaptureProperties(p.opts.OpenTimeout.Milliseconds()),
		propertyReadTimeout, gocv.VideoCaptureProperties(p.opts.ReadTimeout.Milliseconds()),
	})
	if err != nil {
		if c != nil {
			_ = c.Close()
		}
		// gocv's error quotes the address, with its password.
		switch {
		case p.file:
			return nil, camera.Because(camera.NoPicture, errors.New("capture: the file is no video that can be opened"))
		case p.device:
			return nil, camera.Because(camera.NotFound, errors.New("capture: the device cannot be opened: it is not there, not a camera, or in use"))
		case !reachable(ctx, p.address):
			return nil, camera.Because(camera.Unreachable, errors.New("capture: the stream cannot be opened: nothing answers at this address"))
		}
		return nil, camera.Because(camera.Refused, errors.New("capture: the stream cannot be opened: no such stream, no answer in time, or access denied"))
	}
	return c, nil
}

// picture copies a frame out of OpenCV.
func (p *player) picture(bgr, rgb *gocv.Mat) (*vision.Image, error) {
	w, h := bgr.Cols(), bgr.Rows()
	if w*h > p.opts.MaxPixels {
		return nil, fmt.Errorf("capture: pictures of %d×%d pixels, at most %d pixels are taken", w, h, p.opts.MaxPixels)
	}
	if bgr.Type() != gocv.MatTypeCV8UC3 {
		return nil, fmt.Errorf("capture: pictures of an unexpected kind (%d)", bgr.Type())
	}
	if err := gocv.CvtColor(*bgr, rgb, gocv.ColorBGRToRGB); err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	data, err := rgb.DataPtrUint8()
	if err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	img := vision.NewImage(w, h)
	if copy(img.Pix, data) != len(img.Pix) {
		return nil, fmt.Errorf("capture: a picture of %d×%d pixels has %d bytes", w, h, len(data))
	}
	return img, nil
}

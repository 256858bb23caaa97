package capture

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// clockEvery is the time between two looks at an RTSP camera's clock, and
// clockLimit how long one may take.
const clockEvery, clockLimit = time.Minute, 5 * time.Second

// clock is an RTSP camera's, by the Date of its answers (RFC 2326, 12.18), which
// OpenCV does not hand on. It is asked for over a connection of its own, with
// OPTIONS, for which no camera wants a password.
type clock struct {
	ahead atomic.Pointer[time.Duration]
}

var errNoDate = errors.New("capture: the camera's answers have no Date")

// follow asks until ctx is done, or the camera does not say.
func (c *clock) follow(ctx context.Context, address string) {
	tick := time.NewTicker(clockEvery)
	defer tick.Stop()
	for {
		ahead, err := askClock(ctx, address)
		switch {
		case err == nil:
			c.ahead.Store(&ahead)
		case errors.Is(err, errNoDate):
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// at is what the camera's clock shows at a moment; zero where it is not known.
func (c *clock) at(now time.Time) time.Time {
	ahead := c.ahead.Load()
	if ahead == nil {
		return time.Time{}
	}
	return now.Add(*ahead)
}

// askClock returns by how much the camera's clock is ahead, to a second.
func askClock(ctx context.Context, address string) (time.Duration, error) {
	u, err := url.Parse(address)
	if err != nil {
		return 0, errors.New("capture: the address is not a URL") // the reason would quote it
	}
	u.User = nil
	ctx, cancel := context.WithTimeout(ctx, clockLimit)
	defer cancel()
	conn, err := dial(ctx, u)
	if err != nil {
		return 0, fmt.Errorf("capture: %w", err)
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	defer func() { _ = conn.Close() }()
	sent := time.Now()
	if _, err := fmt.Fprintf(conn, "OPTIONS %s RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: binside\r\n\r\n", u); err != nil {
		return 0, fmt.Errorf("capture: %w", err)
	}
	answer := textproto.NewReader(bufio.NewReader(io.LimitReader(conn, 16<<10)))
	line, err := answer.ReadLine()
	if err != nil || !strings.HasPrefix(line, "RTSP/") {
		return 0, errors.New("capture: no answer in RTSP")
	}
	header, err := answer.ReadMIMEHeader()
	if err != nil {
		return 0, errors.New("capture: no answer in RTSP")
	}
	took := time.Since(sent)
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return 0, errNoDate
	}
	// A Date is cut to the second, and was written at some time of the wait.
	return date.Add(time.Second / 2).Sub(sent.Add(took / 2)), nil
}

// reachable reports whether anything answers at an RTSP address, which OpenCV
// does not tell from a stream that is not given.
func reachable(ctx context.Context, address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, clockLimit)
	defer cancel()
	conn, err := dial(ctx, u)
	if err == nil {
		_ = conn.Close()
	}
	return err == nil
}

// dial connects as the address's scheme says.
func dial(ctx context.Context, u *url.URL) (net.Conn, error) {
	port, secure := u.Port(), strings.EqualFold(u.Scheme, "rtsps")
	switch {
	case port != "":
	case secure:
		port = "322"
	default:
		port = "554"
	}
	host := net.JoinHostPort(u.Hostname(), port)
	if !secure {
		return (&net.Dialer{}).DialContext(ctx, "tcp", host)
	}
	// Cameras sign their own certificates, FFmpeg takes them, and nothing secret
	// is sent here.
	return (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}).DialContext(ctx, "tcp", host) //nolint:gosec // see above
}

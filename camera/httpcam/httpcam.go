// Package httpcam asks a camera over HTTP: for motion JPEG, for snapshots.
//
// It reaches cameras directly, never through a proxy, follows no redirect to
// another host, gives its password only to a camera that asks for one (as a
// digest where the camera offers that), bounds every wait, and never puts
// credentials, nor the URL's query (where many cameras want them), into an
// error.
package httpcam

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/icholy/digest"

	"github.com/binside/binside/camera"
)

// Client asks one camera. Its methods may be called from any goroutine.
type Client struct {
	name          string // of the package that uses it, for its errors
	address       *url.URL
	user, pass    string
	connect, read time.Duration

	mu        sync.Mutex
	challenge *digest.Challenge // the camera's latest
	asked     int               // how often it was answered
	basic     bool              // the camera wants the password itself
}

// New returns a client for an http or https address, which may hold user name
// and password. name begins its errors; connect bounds connecting until the
// response's header, read is how long the camera may send nothing at all.
// Either is 10 s where it is not positive.
func New(name, address string, connect, read time.Duration) (*Client, error) {
	for _, d := range []*time.Duration{&connect, &read} {
		if *d <= 0 {
			*d = 10 * time.Second
		}
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("%s: the address is not a URL", name) // the reason would quote it
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("%s: the address must be http://… or https://…, its scheme is %q", name, u.Scheme)
	}
	c := &Client{name: name, connect: connect, read: read, address: u}
	if u.User != nil {
		c.user = u.User.Username()
		c.pass, _ = u.User.Password()
		u.User = nil
	}
	return c, nil
}

// ErrSlow says that the camera did not answer in time.
var ErrSlow = errors.New("the camera did not answer in time")

// Transport makes connections whose every read has a time limit; keep says
// whether a connection is used again. The caller closes its idle connections.
func (c *Client) Transport(keep bool) *http.Transport {
	dialer := &net.Dialer{Timeout: c.connect}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &impatient{Conn: conn, limit: c.read}, nil
		},
		TLSHandshakeTimeout:    c.connect,
		ResponseHeaderTimeout:  c.connect,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
		DisableKeepAlives:      !keep,
	}
}

// impatient is a connection whose reads fail after a time without a byte.
type impatient struct {
	net.Conn
	limit time.Duration
}

func (c *impatient) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.limit)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// Get asks for the address. The answer's status is 200, its body is the
// caller's to close, and its header has come within twice the time for
// connecting.
func (c *Client) Get(ctx context.Context, transport *http.Transport) (*http.Response, error) {
	response, err := c.once(ctx, transport)
	if err != nil {
		return nil, err
	}
	if response.StatusCode == http.StatusUnauthorized && (c.user != "" || c.pass != "") {
		c.learn(response.Header)
		c.drain(response)
		if response, err = c.once(ctx, transport); err != nil {
			return nil, err
		}
	}
	if response.StatusCode != http.StatusOK {
		c.drain(response)
		return nil, camera.Because(statusReason(response.StatusCode), fmt.Errorf("the camera answers %s", response.Status))
	}
	return response, nil
}

func statusReason(status int) camera.Reason {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return camera.Denied
	case http.StatusNotFound, http.StatusGone:
		return camera.NotFound
	}
	return camera.Refused
}

func (c *Client) drain(response *http.Response) {
	_, _ = io.CopyN(io.Discard, response.Body, 64<<10) // so that the connection can be used again
	_ = response.Body.Close()
}

// learn notes how the camera wants the password. One that does not say gets it
// by basic authentication.
func (c *Client) learn(h http.Header) {
	challenge, err := digest.FindChallenge(h)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.challenge, c.asked, c.basic = nil, 0, err != nil
	if err == nil {
		c.challenge = challenge
	}
}

func (c *Client) once(ctx context.Context, transport *http.Transport) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	// The header must come in time, redirects included; the body may take as
	// long as it likes.
	timer := time.AfterFunc(2*c.connect, func() { cancel(ErrSlow) })
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.address.String(), nil)
	if err == nil {
		err = c.authorise(request)
	}
	if err != nil {
		cancel(nil)
		return nil, errors.New("the address cannot be asked for")
	}
	client := &http.Client{Transport: transport, CheckRedirect: c.redirect}
	response, err := client.Do(request)
	stopped := timer.Stop()
	if err != nil {
		cause := context.Cause(ctx)
		cancel(nil)
		if errors.Is(cause, ErrSlow) {
			return nil, cause
		}
		return nil, err
	}
	if !stopped {
		_ = response.Body.Close()
		cancel(nil)
		return nil, ErrSlow
	}
	response.Body = &body{response.Body, cancel}
	return response, nil
}

// body ends its request's context when it is closed.
type body struct {
	io.ReadCloser
	cancel context.CancelCauseFunc
}

func (b *body) Close() error {
	defer b.cancel(nil)
	return b.ReadCloser.Close()
}

func (c *Client) authorise(request *http.Request) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.basic {
		request.SetBasicAuth(c.user, c.pass)
	}
	if c.challenge == nil {
		return nil
	}
	c.asked++
	answer, err := digest.Digest(c.challenge, digest.Options{
		Method: http.MethodGet, URI: request.URL.RequestURI(), Count: c.asked, Username: c.user, Password: c.pass,
	})
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", answer.String())
	return nil
}

// redirect allows a few redirects on the same host only: what a camera's
// network says must not make the server ask others, least of all with the
// camera's password.
func (c *Client) redirect(to *http.Request, via []*http.Request) error {
	if len(via) > 3 {
		return errors.New("too many redirects")
	}
	if to.URL.Hostname() != c.address.Hostname() {
		return errors.New("the camera redirects to another host")
	}
	if c.address.Scheme == "https" && to.URL.Scheme != "https" {
		return errors.New("the camera redirects to an address without encryption")
	}
	return nil
}

// Reason words an error without anything of the address but its host.
func (c *Client) Reason(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err // drops the URL from the text
	}
	var ne net.Error
	var dial *net.OpError
	var cert *tls.CertificateVerificationError
	switch {
	case errors.As(err, &cert):
		err = camera.Because(camera.Certificate, err)
	case errors.As(err, &dial) && dial.Op == "dial":
		err = camera.Because(camera.Unreachable, err)
	case errors.Is(err, ErrSlow):
		err = camera.Because(camera.Silent, err)
	case errors.As(err, &ne) && ne.Timeout():
		err = camera.Because(camera.Silent, fmt.Errorf("the camera sent nothing in time: %w", err))
	case errors.Is(err, io.EOF):
		err = fmt.Errorf("the camera ended the stream: %w", io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("%s: %s: %w", c.name, c.address.Host, err)
}

package uplink

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/netip"
	"net/textproto"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/binside/binside/server/relay"
)

// RefusalError is the server's answer to what it would not do.
type RefusalError struct {
	Status int
	// Slug is the last word of the problem's type (RFC 9457), Detail its
	// sentence.
	Slug, Detail string
	RetryAfter   time.Duration
}

func (r *RefusalError) Error() string {
	return fmt.Sprintf("the server answers %d %s %s", r.Status, r.Slug, r.Detail)
}

// client speaks to the server.
type client struct {
	base    string // https://HOST/api/v1/stations/ID/agent
	token   string
	http    *http.Client
	timeout time.Duration
	// note is told of every answer, nil for a good one, and of every failure to
	// get one.
	note func(error)
}

func newClient(c Config, note func(error)) (*client, error) {
	u, err := url.Parse(c.Server)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" {
		return nil, errors.New("uplink: the server's address must be https://HOST[:PORT]")
	}
	if u.Scheme == "http" && !c.AllowHTTP && !loopback(u.Hostname()) {
		return nil, errors.New("uplink: plain http:// carries the token and the cameras' passwords for all to read: use https://, or allow it (uplink.allow_http)")
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConns: 4, MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute,
		DialContext:         (&net.Dialer{Timeout: c.Timeout}).DialContext,
		TLSHandshakeTimeout: c.Timeout, ResponseHeaderTimeout: c.Timeout,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
	}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("uplink: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("uplink: %s holds no certificate in PEM", c.CAFile)
		}
		transport.TLSClientConfig.RootCAs = pool
	}
	u.Path = path.Join("/", u.Path, "api/v1/stations", c.StationID, "agent")
	return &client{base: u.String(), token: c.Token, timeout: c.Timeout, note: note, http: &http.Client{
		Transport: transport,
		// The token is for this server alone.
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("uplink: the server redirects") },
	}}, nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

func (c *client) close() { c.http.CloseIdleConnections() }

// do sends a request and returns the answer where its status is one of want.
// The caller closes its body.
func (c *client) do(ctx context.Context, method, where string, body io.Reader, header http.Header, want ...int) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+where, body)
	if err != nil {
		return nil, fmt.Errorf("uplink: %w", err)
	}
	if header != nil {
		req.Header = header
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("User-Agent", "binside-station")
	res, err := c.http.Do(req)
	if err != nil {
		err = fmt.Errorf("uplink: %w", err)
		c.note(err)
		return nil, err
	}
	for _, status := range want {
		if res.StatusCode == status {
			c.note(nil)
			return res, nil
		}
	}
	defer func() { _ = res.Body.Close() }() // only read from
	err = refusalOf(res)
	c.note(err)
	return nil, err
}

func refusalOf(res *http.Response) error {
	r := &RefusalError{Status: res.StatusCode}
	var p struct{ Type, Detail string }
	// What is no problem document leaves the words empty.
	_ = json.NewDecoder(io.LimitReader(res.Body, 64<<10)).Decode(&p)
	r.Slug, r.Detail = p.Type[strings.LastIndex(p.Type, ":")+1:], p.Detail
	if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && s > 0 {
		r.RetryAfter = time.Duration(s) * time.Second
	}
	return r
}

// drain reads an answer to its end, so that its connection is used again.
func drain(res *http.Response) error {
	_, err := io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20))
	return errors.Join(err, res.Body.Close())
}

// maxBundle bounds a bundle, in bytes.
const maxBundle = 8 << 20

// bundle asks for the newest bundle; nil where the agent has it.
func (c *client) bundle(ctx context.Context, have int64) (*relay.Signed, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*c.timeout)
	defer cancel()
	h := http.Header{}
	if have > 0 {
		h.Set("If-None-Match", strconv.Quote(strconv.FormatInt(have, 10)))
	}
	res, err := c.do(ctx, http.MethodGet, "/bundle?have="+strconv.FormatInt(have, 10), nil, h, http.StatusOK, http.StatusNotModified)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }() // only read from
	if res.StatusCode == http.StatusNotModified {
		return nil, drain(res)
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, maxBundle))
	if err != nil {
		return nil, fmt.Errorf("uplink: bundle: %w", err)
	}
	s := new(relay.Signed)
	if err := json.Unmarshal(data, s); err != nil {
		return nil, fmt.Errorf("uplink: bundle: %w", err)
	}
	return s, nil
}

// file copies a file that lies at the server from an offset on to w. It has no
// time limit as a whole, but none of its parts may take longer than the time-out.
func (c *client) file(ctx context.Context, where string, from int64, w io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	h := http.Header{}
	want := http.StatusOK
	if from > 0 {
		h.Set("Range", "bytes="+strconv.FormatInt(from, 10)+"-")
		want = http.StatusPartialContent
	}
	res, err := c.do(ctx, http.MethodGet, where, nil, h, want)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // only read from
	stalled := time.AfterFunc(c.timeout, cancel)
	defer stalled.Stop()
	buf := make([]byte, 64<<10)
	for {
		n, err := res.Body.Read(buf)
		if n > 0 {
			stalled.Reset(c.timeout)
			if _, err := w.Write(buf[:n]); err != nil {
				return fmt.Errorf("uplink: file: %w", err)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("uplink: file: %w", err)
		}
	}
}

// handIn sends a record with its pictures by ordinal. When it returns without
// error the server has it on disk.
func (c *client) handIn(ctx context.Context, r *relay.Record, pictures map[int][]byte) error {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	if err := writeForm(form, r, pictures); err != nil {
		return fmt.Errorf("uplink: record %s: %w", r.Inspection.ID, err)
	}
	// A slow line gets a second for every 16 KiB.
	ctx, cancel := context.WithTimeout(ctx, c.timeout+time.Duration(body.Len()>>14)*time.Second)
	defer cancel()
	res, err := c.do(ctx, http.MethodPost, "/inspections", &body, http.Header{"Content-Type": {form.FormDataContentType()}}, http.StatusNoContent)
	if err != nil {
		return err
	}
	return drain(res)
}

func writeForm(form *multipart.Writer, r *relay.Record, pictures map[int][]byte) error {
	record, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := form.WriteField("record", string(record)); err != nil {
		return err
	}
	for ordinal, data := range pictures {
		name := strconv.Itoa(ordinal)
		part, err := form.CreatePart(textproto.MIMEHeader{
			"Content-Disposition": {fmt.Sprintf(`form-data; name=%q; filename=%q`, name, name+".jpg")}, "Content-Type": {"image/jpeg"},
		})
		if err != nil {
			return err
		}
		if _, err := part.Write(data); err != nil {
			return err
		}
	}
	return form.Close()
}

// report sends how the agent does and returns the server's clock.
func (c *client) report(ctx context.Context, r *relay.Report) (relay.Answer, error) {
	var a relay.Answer
	body, err := json.Marshal(r)
	if err != nil {
		return a, fmt.Errorf("uplink: report: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	res, err := c.do(ctx, http.MethodPost, "/report", bytes.NewReader(body), http.Header{"Content-Type": {"application/json"}}, http.StatusOK)
	if err != nil {
		return a, err
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return a, fmt.Errorf("uplink: report: %w", err)
	}
	if err := json.Unmarshal(data, &a); err != nil {
		return a, fmt.Errorf("uplink: report: %w", err)
	}
	return a, nil
}

// call waits for what the server has for the station, at most as long as it is
// told to; there may be nothing.
func (c *client) call(ctx context.Context, wait time.Duration) (relay.Call, error) {
	var out relay.Call
	ctx, cancel := context.WithTimeout(ctx, wait+c.timeout)
	defer cancel()
	res, err := c.do(ctx, http.MethodGet, "/call?wait="+wait.String(), nil, nil, http.StatusOK, http.StatusNoContent)
	if err != nil {
		return out, err
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err := errors.Join(err, res.Body.Close()); err != nil || res.StatusCode == http.StatusNoContent {
		return out, err
	}
	if err := json.Unmarshal(data, &out); err != nil {
		return out, fmt.Errorf("uplink: call: %w", err)
	}
	return out, nil
}

// reply answers a question.
func (c *client) reply(ctx context.Context, r *relay.Reply) error {
	body, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("uplink: reply: %w", err)
	}
	res, err := c.do(ctx, http.MethodPost, "/replies", bytes.NewReader(body), http.Header{"Content-Type": {"application/json"}}, http.StatusNoContent)
	if err != nil {
		return err
	}
	return drain(res)
}

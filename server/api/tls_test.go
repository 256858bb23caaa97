package api_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/auth"
)

func TestTLS(t *testing.T) {
	cert, key, pool := certificate(t)
	f := start(t, options{cfg: api.Config{TLSCert: cert, TLSKey: key}})
	f.client.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	require.Equal(t, http.StatusOK, f.get("/healthz", "").status)
	code, err := f.auth.IssueLink(t.Context(), "operator", []auth.Scope{auth.Admin})
	require.NoError(t, err)
	r := f.do(http.MethodPost, "/api/v1/session", "", strings.NewReader(`{"code":"`+code+`"}`), header{"Content-Type": "application/json"})
	require.Equal(t, http.StatusNoContent, r.status, "%s", r.body)
	require.Contains(t, strings.ToLower(r.header.Get("Set-Cookie")), "; secure")
	ch := f.events(f.read, "", "0")
	i := f.stored("here", "tell", time.Now())
	require.Contains(t, next(t, ch).data, i.ID)
}

func TestBadCertificate(t *testing.T) {
	f := start(t, options{})
	srv, err := api.New(f.deps, api.Config{TLSCert: "none.pem", TLSKey: "none.pem"})
	require.NoError(t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.ErrorContains(t, srv.Listen(ln), "certificate")
	require.NoError(t, srv.Shutdown(t.Context()))
}

// certificate writes a self-signed certificate for 127.0.0.1.
func certificate(t *testing.T) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	cert, key = filepath.Join(t.TempDir(), "c.pem"), filepath.Join(t.TempDir(), "k.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	require.NoError(t, os.WriteFile(cert, certPEM, 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600))
	pool = x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(certPEM))
	return cert, key, pool
}

// TestWhatComesBeforeRouting: requests that never reach a handler get a
// problem too.
func TestWhatComesBeforeRouting(t *testing.T) {
	f := start(t, options{})
	for request, status := range map[string]string{
		"BREW / HTTP/1.1\r\nHost: x\r\n\r\n":                            "501",
		"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: nonsense\r\n\r\n": "400",
		"nonsense\r\n\r\n": "400",
	} {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(f.url, "http://"))
		require.NoError(t, err)
		require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
		_, err = conn.Write([]byte(request))
		require.NoError(t, err)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err, "%q", request)
		require.Equal(t, status, resp.Status[:3], "%q", request)
		require.Equal(t, "application/problem+json", resp.Header.Get("Content-Type"), "%q", request)
		require.NoError(t, resp.Body.Close())
		require.NoError(t, conn.Close())
	}
}

// TestPanicsAreProblems: the stack is logged under the answer's id, and the
// next request is served.
func TestPanicsAreProblems(t *testing.T) {
	f := start(t, options{demo: panicking{}})
	r := f.get("/api/v1/demonstration", f.read)
	require.Equal(t, http.StatusInternalServerError, r.status)
	require.Equal(t, "internal", r.problem(t))
	require.NotContains(t, string(r.body), "hunter2")
	var p api.Problem
	r.into(t, &p)
	id := strings.TrimPrefix(p.Instance, "urn:binside:request:")
	require.Equal(t, r.header.Get("X-Request-Id"), id)
	require.Contains(t, f.log.String(), id)
	require.Contains(t, f.log.String(), "panicking")
	require.Equal(t, http.StatusOK, f.get("/healthz", "").status)
}

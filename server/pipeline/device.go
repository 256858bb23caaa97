package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"regexp"
	"strings"

	"github.com/binside/binside/server/station"
)

// credential is where cheap cameras take user and password in the path or the
// query, as in /user=admin_password=secret_channel=1.
var credential = regexp.MustCompile(`(?i)(^|[/?&;_])(user|username|usr|login|account|loginuse|loginpas|pass|passwd|password|pwd|psw|secret|token|auth|key|session|sid)=[^/?&;_]*`)

// colons is a segment of a path that holds user:password.
var colons = regexp.MustCompile(`/[^/:]*:[^/]*`)

// defaultPorts need not be written.
var defaultPorts = map[string]string{"rtsp": "554", "rtsps": "322", "http": "80", "https": "443"}

// deviceOf is a digest of what a camera is, whoever may look through it and
// however its pictures travel: two cameras of one kind at one address are the
// same device, with another password, over UDP or TLS.
func deviceOf(cam station.Camera) string {
	address := cam.URL
	if u, err := url.Parse(cam.URL); err == nil && u.Host != "" {
		port := u.Port()
		if port == defaultPorts[strings.ToLower(u.Scheme)] {
			port = ""
		}
		path := u.EscapedPath()
		if u.RawQuery != "" {
			path += "?" + u.RawQuery
		}
		path = colons.ReplaceAllString(credential.ReplaceAllString(path, "$1"), "/")
		address = strings.ToLower(u.Hostname()) + ":" + port + path
	}
	sum := sha256.Sum256([]byte(string(cam.Kind) + " " + address))
	return hex.EncodeToString(sum[:])
}

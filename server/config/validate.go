package config

import (
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/binside/binside/datasets/taxonomy"
)

// Validate checks every field and reports all that are wrong.
func (c Config) Validate() error {
	var v checks
	v.that(c.DataDir != "", "data_dir", c.DataDir, "a folder's path")
	v.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	v.oneOf("log.format", c.Log.Format, "text", "json")
	c.HTTP.validate(&v)
	c.MQTT.validate(&v)
	c.Queue.validate(&v)
	v.that(c.Store.URL == "" || strings.HasPrefix(c.Store.URL, "sqlite:") || hasScheme(c.Store.URL, "postgres", "postgresql"),
		"store.url", withoutSecrets(c.Store.URL), "sqlite:PATH or postgres://USER@HOST/DATABASE")
	v.that(c.Objects.URL == "" || strings.HasPrefix(c.Objects.URL, "file:") || hasScheme(c.Objects.URL, "http", "https"),
		"objects.url", withoutSecrets(c.Objects.URL), "file:PATH, https://HOST/BUCKET or http://HOST/BUCKET")
	v.that((c.Objects.AccessKey == "") == (c.Objects.SecretKey == ""), "objects.secret_key", "(hidden)", "set together with objects.access_key")
	v.that(c.Objects.SpoolMaxBytes >= 1<<20, "objects.spool_max_bytes", c.Objects.SpoolMaxBytes, "at least 1 MiB")
	c.Model.validate(&v)
	v.that(c.Decoder.MaxBytes >= 1<<10 && c.Decoder.MaxBytes <= 64<<20, "decoder.max_bytes", c.Decoder.MaxBytes, "from 1 KiB to 64 MiB")
	v.that(c.Decoder.MaxPixels >= 1<<10 && c.Decoder.MaxPixels <= 200_000_000, "decoder.max_pixels", c.Decoder.MaxPixels, "from 1024 to 200000000")
	_, err := os.Stat(c.Taxonomy)
	v.that(taxonomy.IsBuiltin(c.Taxonomy) || err == nil, "taxonomy", c.Taxonomy, "a file's path, or one of "+strings.Join(taxonomy.IDs(), ", "))
	_, err = taxonomy.ParseColours(c.TaxonomyColours)
	v.that(err == nil, "taxonomy_colours", c.TaxonomyColours, "CATEGORY=COLOUR, several joined by commas, such as other=black")
	if err := c.Verdict.Thresholds().Validate(); err != nil {
		v.that(false, "verdict", c.Verdict, err.Error())
	}
	c.Prompts.validate(&v)
	c.Screen.validate(&v)
	c.Evidence.validate(&v)
	v.file("privacy.faces", c.Privacy.Faces)
	v.that(c.Uplink.Server == "" || hasScheme(c.Uplink.Server, "https", "http"), "uplink.server", withoutSecrets(c.Uplink.Server), "https://HOST[:PORT]")
	v.file("uplink.token_file", c.Uplink.TokenFile)
	v.file("uplink.ca_file", c.Uplink.CAFile)
	v.that(c.Uplink.MaxBytes >= 16<<20, "uplink.max_bytes", c.Uplink.MaxBytes, "at least 16 MiB")
	v.atLeast("uplink.keep", c.Uplink.Keep, time.Minute)
	v.between("demo.wrong_share", c.Demo.WrongShare, 0, 1)
	v.listener("demo.listen", c.Demo.Listen)
	v.atLeast("drain_timeout", c.DrainTimeout, time.Second)
	return v.err()
}

func (h HTTP) validate(v *checks) {
	v.listener("http.listen", h.Listen)
	v.that((h.TLSCert == "") == (h.TLSKey == ""), "http.tls_key", h.TLSKey, "a PEM file, set together with http.tls_cert")
	v.file("http.tls_cert", h.TLSCert)
	v.file("http.tls_key", h.TLSKey)
	v.that(h.PublicURL == "" || hasScheme(h.PublicURL, "http", "https"), "http.public_url", h.PublicURL, "an http:// or https:// address")
	v.that(h.MaxBody >= 1<<10 && h.MaxBody <= 256<<20, "http.max_body", h.MaxBody, "from 1 KiB to 256 MiB")
	v.atLeast("http.read_timeout", h.ReadTimeout, time.Second)
}

func (m MQTT) validate(v *checks) {
	if m.Listen != "" {
		v.listener("mqtt.listen", m.Listen)
	}
	v.that((m.TLSCert == "") == (m.TLSKey == ""), "mqtt.tls_key", m.TLSKey, "a PEM file, set together with mqtt.tls_cert")
	v.file("mqtt.tls_cert", m.TLSCert)
	v.file("mqtt.tls_key", m.TLSKey)
	v.that(m.MaxClients >= 1 && m.MaxClients <= 100_000, "mqtt.max_clients", m.MaxClients, "from 1 to 100000")
}

func (q Queue) validate(v *checks) {
	v.that(q.URL == "" || hasScheme(q.URL, "nats", "tls"), "queue.url", withoutSecrets(q.URL), "nats://HOST:PORT or tls://HOST:PORT")
	v.file("queue.credentials_file", q.CredentialsFile)
	v.that(q.MaxBytes >= 16<<20, "queue.max_bytes", q.MaxBytes, "at least 16 MiB")
	v.atLeast("queue.max_age", q.MaxAge, time.Minute)
	v.that(q.MaxAttempts >= 1 && q.MaxAttempts <= 100, "queue.max_attempts", q.MaxAttempts, "from 1 to 100")
	v.that(q.InFlight >= 1 && q.InFlight <= 256, "queue.in_flight", q.InFlight, "from 1 to 256")
}

func (m Model) validate(v *checks) {
	v.file("model.dir", m.Dir)
	v.file("model.runtime", m.Runtime)
	v.that(m.Workers >= 0 && m.Workers <= 256, "model.workers", m.Workers, "from 0 (one a core) to 256")
	v.that(m.QueueLength >= 1 && m.QueueLength <= 4096, "model.queue_length", m.QueueLength, "from 1 to 4096")
	v.that(m.MaxBatch >= 1 && m.MaxBatch <= 8, "model.max_batch", m.MaxBatch, "from 1 to 8")
}

func (e Evidence) validate(v *checks) {
	v.between("evidence.pass_share", e.PassShare, 0, 1)
	for name, d := range map[string]time.Duration{"pass": e.Retention.Pass, "tell": e.Retention.Tell, "check": e.Retention.Check, "unreadable": e.Retention.Unreadable, "appeal": e.Retention.Appeal} {
		v.atLeast("evidence.retention."+name, d, time.Minute)
	}
}

func (c *checks) listener(field, value string) {
	_, _, err := net.SplitHostPort(value)
	c.that(err == nil, field, value, "HOST:PORT, such as 127.0.0.1:8080, or port 0 for a free one")
}

// file allows an empty value and otherwise wants something that exists.
func (c *checks) file(field, value string) {
	if value == "" {
		return
	}
	_, err := os.Stat(value)
	c.that(err == nil, field, value, "the path of something that exists and can be read")
}

func hasScheme(raw string, schemes ...string) bool {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" && u.Path == "" {
		return false
	}
	for _, s := range schemes {
		if u.Scheme == s {
			return true
		}
	}
	return false
}

// withoutSecrets hides a URL's password, for messages.
func withoutSecrets(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "(not a URL)"
	}
	return u.Redacted()
}

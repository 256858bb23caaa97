// Package config is what can be set about a running service: defaults, then a
// YAML file, then BINSIDE_… variables, then flags, then validation.
//
// It only reads and checks values; it opens nothing and starts nothing.
package config

import (
	"path/filepath"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/station"
)

// Config is the whole configuration of `binside serve` and `binside station`. Keys are the koanf
// tags joined by dots, e.g. "http.listen"; the variable of a key is BINSIDE_
// and the key in upper case with every dot as an underscore, e.g.
// BINSIDE_HTTP_LISTEN.
type Config struct {
	// DataDir is where everything that must survive a restart lies: queue,
	// records, evidence, spool and keys.
	DataDir string  `koanf:"data_dir"`
	Log     Log     `koanf:"log"`
	HTTP    HTTP    `koanf:"http"`
	MQTT    MQTT    `koanf:"mqtt"`
	Queue   Queue   `koanf:"queue"`
	Store   Store   `koanf:"store"`
	Objects Objects `koanf:"objects"`
	Model   Model   `koanf:"model"`
	Decoder Decoder `koanf:"decoder"`
	// Taxonomy is the table from item class to category: the id of a built-in
	// one (see datasets/taxonomy) or a file's path.
	Taxonomy string `koanf:"taxonomy"`
	// TaxonomyColours are the site's colours where the table leaves a choice,
	// e.g. "other=black".
	TaxonomyColours string       `koanf:"taxonomy_colours"`
	Verdict         VerdictRules `koanf:"verdict"`
	Prompts         Prompts      `koanf:"prompts"`
	Screen          Screen       `koanf:"screen"`
	Evidence        Evidence     `koanf:"evidence"`
	Privacy         Privacy      `koanf:"privacy"`
	Uplink          Uplink       `koanf:"uplink"`
	Demo            Demo         `koanf:"demo"`
	// DrainTimeout bounds an orderly stop; what is queued by then stays on
	// disk for the next start.
	DrainTimeout time.Duration `koanf:"drain_timeout"`
}

// Log says what is logged and how.
type Log struct {
	Level  string `koanf:"level"`  // debug, info, warn, error
	Format string `koanf:"format"` // text, json
}

// HTTP is the API's and the page's listener.
type HTTP struct {
	// Listen is host:port; loopback by default, port 0 takes a free one.
	Listen string `koanf:"listen"`
	// TLSCert and TLSKey are PEM files; both or neither.
	TLSCert string `koanf:"tls_cert"`
	TLSKey  string `koanf:"tls_key"`
	// PublicURL is the address that links name, where it is not the
	// listener's own.
	PublicURL string `koanf:"public_url"`
	// MaxBody bounds a request's body, and ReadTimeout its arrival.
	MaxBody     Bytes         `koanf:"max_body"`
	ReadTimeout time.Duration `koanf:"read_timeout"`
}

// MQTT is the listener for devices at the bins; see server/mqtt. It is this
// process's own, whatever the queue is: an external NATS cluster's MQTT listener
// is that cluster's business and knows nothing of these tokens.
type MQTT struct {
	// Listen is host:port, such as 127.0.0.1:1883; empty: there is no listener,
	// but the demonstration's on a free port of the loopback. Off the loopback set
	// a certificate: devices send their tokens.
	Listen string `koanf:"listen"`
	// TLSCert and TLSKey are PEM files; both or neither.
	TLSCert string `koanf:"tls_cert"`
	TLSKey  string `koanf:"tls_key"`
	// MaxClients bounds the devices that are connected.
	MaxClients int `koanf:"max_clients"`
}

// Queue is where deposits wait for the models.
type Queue struct {
	// URL is an external NATS cluster, e.g. nats://10.0.0.5:4222; empty embeds
	// a server.
	URL string `koanf:"url"`
	// CredentialsFile is a NATS .creds file; Token the alternative.
	CredentialsFile string `koanf:"credentials_file"`
	Token           string `koanf:"token"`
	// Sync makes every deposit reach the disk before it is acknowledged.
	Sync bool `koanf:"sync"`
	// MaxBytes and MaxAge bound what waits; past MaxBytes a push is refused.
	MaxBytes Bytes         `koanf:"max_bytes"`
	MaxAge   time.Duration `koanf:"max_age"`
	// MaxAttempts is how often a deposit is tried before it is set aside as a
	// dead letter; InFlight how many are worked on at once.
	MaxAttempts int `koanf:"max_attempts"`
	InFlight    int `koanf:"in_flight"`
}

// Store is where records lie.
type Store struct {
	// URL is sqlite:PATH or postgres://…; empty is sqlite in DataDir.
	URL string `koanf:"url"`
}

// Objects is where evidence and samples lie.
type Objects struct {
	// URL is file:PATH, or http(s)://HOST[:PORT]/BUCKET[/PREFIX] of any S3
	// store; empty is a folder in DataDir.
	URL       string `koanf:"url"`
	AccessKey string `koanf:"access_key"`
	SecretKey string `koanf:"secret_key"`
	Region    string `koanf:"region"`
	// SpoolMaxBytes bounds what waits on disk for a dead object store.
	SpoolMaxBytes Bytes `koanf:"spool_max_bytes"`
}

// Model is which network runs and how.
type Model struct {
	// Dir is a folder with model.onnx and card.json; empty takes the model
	// that is built in.
	Dir string `koanf:"dir"`
	// Runtime is libonnxruntime.so's path; empty looks beside the program, in
	// models/ort/node_modules and in the system's folders.
	Runtime string `koanf:"runtime"`
	// Workers run one inference each on one thread; 0 takes one a core.
	Workers int `koanf:"workers"`
	// QueueLength bounds what waits for a worker; MaxBatch what one run takes.
	QueueLength int `koanf:"queue_length"`
	MaxBatch    int `koanf:"max_batch"`
}

// Decoder bounds what a pushed picture may be.
type Decoder struct {
	MaxBytes  Bytes `koanf:"max_bytes"`
	MaxPixels int   `koanf:"max_pixels"`
}

// VerdictRules are the settings of bins that have none of their own; see
// verdict.Thresholds.
type VerdictRules struct {
	// Alpha is the highest share of rightly sorted deposits that may be told.
	Alpha float64 `koanf:"alpha"`
	// Tell and Pass are stricter limits on top of it.
	Tell         float64 `koanf:"tell"`
	Pass         float64 `koanf:"pass"`
	MinSharpness float64 `koanf:"min_sharpness"`
	MinExposure  float64 `koanf:"min_exposure"`
	MaxExposure  float64 `koanf:"max_exposure"`
}

// Thresholds are the rules as the verdict package takes them.
func (v VerdictRules) Thresholds() verdict.Thresholds { return verdict.Thresholds(v) }

// Prompts says when the bin side is told of a misdeposit; see server/correction.
type Prompts struct {
	// Window is how long a resident has to put it right.
	Window time.Duration `koanf:"window"`
	// Stale is how long ago a deposit may have come in to be told.
	Stale time.Duration `koanf:"stale"`
	// Budget is how many prompts a station may show in BudgetSpan; 0: as many
	// as there are.
	Budget     int           `koanf:"budget"`
	BudgetSpan time.Duration `koanf:"budget_span"`
	// QuietHours are daily hours without prompts by the station's own clock,
	// e.g. "22:30-06:30"; several are separated by commas.
	QuietHours string `koanf:"quiet_hours"`
}

func (p Prompts) validate(v *checks) {
	v.that(p.Window >= 5*time.Second && p.Window <= 5*time.Minute, "prompts.window", p.Window, "from 5s to 5m")
	v.that(p.Stale >= time.Second && p.Stale <= time.Minute, "prompts.stale", p.Stale, "from 1s to 1m")
	v.that(p.Budget >= 0, "prompts.budget", p.Budget, "0 (no limit) or more")
	v.atLeast("prompts.budget_span", p.BudgetSpan, time.Minute)
	_, err := station.ParseHours(p.QuietHours)
	v.that(err == nil, "prompts.quiet_hours", p.QuietHours, "hours such as 22:30-06:30, several joined by commas")
}

// Station is the same as a station's own settings hold it, with the screen's.
func (p Prompts) Station(s Screen) station.Prompts {
	budget, volume, quiet := p.Budget, s.Volume, p.QuietHours
	return station.Prompts{
		WindowSeconds: station.Seconds(p.Window), Budget: &budget, BudgetSpanSeconds: station.Seconds(p.BudgetSpan), QuietHours: &quiet,
		Language: s.Language, Volume: &volume,
	}
}

// Screen says how the screens at the bins speak, where a station has no
// settings of its own.
type Screen struct {
	// Language is zh-CN or en, Volume in percent.
	Language string `koanf:"language"`
	Volume   int    `koanf:"volume"`
	// Voices is the folder of voice packs; empty is voices in DataDir.
	Voices string `koanf:"voices"`
}

func (s Screen) validate(v *checks) {
	v.oneOf("screen.language", s.Language, station.Languages...)
	v.that(s.Volume >= 0 && s.Volume <= 100, "screen.volume", s.Volume, "from 0 (silent) to 100")
}

// Evidence says what is kept and for how long.
type Evidence struct {
	// PassShare is the share of passes whose evidence is kept, marked as a
	// sample.
	PassShare float64 `koanf:"pass_share"`
	// Retention is how long evidence is kept, per verdict.
	Retention Retention `koanf:"retention"`
}

// Retention is a time per verdict, and of objections.
type Retention struct {
	Pass       time.Duration `koanf:"pass"`
	Tell       time.Duration `koanf:"tell"`
	Check      time.Duration `koanf:"check"`
	Unreadable time.Duration `koanf:"unreadable"`
	// Appeal is for how long after a resident's objection its evidence is kept
	// beyond that, while nobody has decided.
	Appeal time.Duration `koanf:"appeal"`
}

// ByVerdict is the same as a table.
func (r Retention) ByVerdict() map[verdict.Verdict]time.Duration {
	return map[verdict.Verdict]time.Duration{
		verdict.Pass: r.Pass, verdict.Tell: r.Tell, verdict.Check: r.Check, verdict.Unreadable: r.Unreadable,
	}
}

// Privacy says with what people are found, to be painted over before anything
// is kept.
type Privacy struct {
	// Faces is the path of BlazeFace's network; empty looks beside the program
	// and in models/ort/node_modules.
	Faces string `koanf:"faces"`
}

// Uplink is the server of a station's agent (`binside station`).
type Uplink struct {
	// Server is its address, https://HOST[:PORT]; plain http:// only to this
	// machine, or with AllowHTTP. CAFile holds the certificates that it is
	// checked by, in PEM; empty: the system's.
	Server    string `koanf:"server"`
	CAFile    string `koanf:"ca_file"`
	AllowHTTP bool   `koanf:"allow_http"`
	// Station is this one's id at the server.
	Station string `koanf:"station"`
	// TokenFile holds the agent's token, ServerKey is the key by which the
	// server is known; `binside agent enrol` prints both.
	TokenFile string `koanf:"token_file"`
	ServerKey string `koanf:"server_key"`
	// MaxBytes bounds what is kept of inspections: the oldest passes go first,
	// and never a flag that the server lacks.
	MaxBytes Bytes `koanf:"max_bytes"`
	// Keep is for how long what the server has is kept here too.
	Keep time.Duration `koanf:"keep"`
}

// Demo is the demonstration station that `--demo` adds.
type Demo struct {
	Enabled bool `koanf:"enabled"`
	// Samples is a folder with one folder of pictures per item class; empty
	// takes the photographs of Debian's tuxpaint-stamps-default.
	Samples string `koanf:"samples"`
	Seed    int64  `koanf:"seed"`
	// WrongShare is the share of items that go to a wrong bin on purpose.
	WrongShare float64 `koanf:"wrong_share"`
	// Listen is where the simulated camera serves its stream.
	Listen string `koanf:"listen"`
}

// Bytes is a size that is written like "8MiB" or "500 kB".
type Bytes uint64

// UnmarshalText reads a size with or without a unit.
func (b *Bytes) UnmarshalText(text []byte) error {
	n, err := humanize.ParseBytes(string(text))
	if err != nil {
		return err
	}
	*b = Bytes(n)
	return nil
}

// MarshalText writes the size with a binary unit.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

func (b Bytes) String() string { return humanize.IBytes(uint64(b)) }

// Default is what is in force where nothing is said.
func Default() Config {
	const day = 24 * time.Hour
	th := verdict.DefaultThresholds()
	return Config{
		DataDir: ".data",
		Log:     Log{Level: "info", Format: "text"},
		HTTP:    HTTP{Listen: "127.0.0.1:8080", MaxBody: 16 << 20, ReadTimeout: 30 * time.Second},
		MQTT:    MQTT{MaxClients: 1000},
		Queue: Queue{
			Sync: true, MaxBytes: 2 << 30, MaxAge: 7 * day, MaxAttempts: 5, InFlight: 8,
		},
		Objects:  Objects{SpoolMaxBytes: 2 << 30},
		Model:    Model{QueueLength: 64, MaxBatch: 1},
		Decoder:  Decoder{MaxBytes: 8 << 20, MaxPixels: 40_000_000},
		Taxonomy: taxonomy.Default().ID,
		Verdict:  VerdictRules(th),
		Prompts:  Prompts{Window: 20 * time.Second, Stale: 5 * time.Second, Budget: 40, BudgetSpan: 10 * time.Minute},
		Screen:   Screen{Language: station.Chinese, Volume: 100},
		Evidence: Evidence{
			PassShare: 0.02,
			Retention: Retention{Pass: 7 * day, Tell: 180 * day, Check: 90 * day, Unreadable: 30 * day, Appeal: 90 * day},
		},
		Uplink:       Uplink{MaxBytes: 4 << 30, Keep: day},
		Demo:         Demo{Seed: 1, WrongShare: 0.35, Listen: "127.0.0.1:0"},
		DrainTimeout: 20 * time.Second,
	}
}

// StoreURL is where records lie, the default filled in.
func (c Config) StoreURL() string {
	if c.Store.URL != "" {
		return c.Store.URL
	}
	return "sqlite:" + filepath.Join(c.DataDir, "binside.db")
}

// VoicesDir is where voice packs lie, the default filled in.
func (c Config) VoicesDir() string {
	if c.Screen.Voices != "" {
		return c.Screen.Voices
	}
	return filepath.Join(c.DataDir, "voices")
}

// ObjectsURL is where evidence lies, the default filled in.
func (c Config) ObjectsURL() string {
	if c.Objects.URL != "" {
		return c.Objects.URL
	}
	return "file:" + filepath.Join(c.DataDir, "objects")
}

package relay

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/station"
)

// Bundle is all that a station's agent works by. It may hold the cameras'
// credentials.
type Bundle struct {
	// Sequence grows with every change: an agent never goes back to a lower
	// one, so that nobody can make it by sending an old bundle again.
	Sequence int64     `json:"sequence"`
	MadeAt   time.Time `json:"made_at"`

	Station station.Station  `json:"station"`
	Bins    []station.Bin    `json:"bins"`
	Cameras []station.Camera `json:"cameras"`
	// Taxonomy is the whole table in YAML, in the site's colours.
	Taxonomy string   `json:"taxonomy"`
	Settings Settings `json:"settings"`
	Model    Model    `json:"model"`
	// Voice is the pack that the station has chosen; nil for none. The rest of
	// the bundle does not wait for it.
	Voice *Voice `json:"voice,omitempty"`
}

// Settings are those of the server's configuration that the station follows.
type Settings struct {
	Thresholds verdict.Thresholds `json:"thresholds"`
	PassShare  float64            `json:"pass_share"`
	// Retention is how long evidence is kept, by verdict, in nanoseconds.
	Retention map[verdict.Verdict]time.Duration `json:"retention"`
	Prompts   Prompts                           `json:"prompts"`
	// Record is what people reviewed at the station; nil where that says
	// nothing.
	Record *verdict.Record `json:"record,omitempty"`
}

// Prompts are server/config's, with times in nanoseconds.
type Prompts struct {
	Window     time.Duration `json:"window"`
	Stale      time.Duration `json:"stale"`
	Budget     int           `json:"budget"`
	BudgetSpan time.Duration `json:"budget_span"`
	QuietHours string        `json:"quiet_hours"`
}

// Model names the files of a model's folder.
type Model struct {
	Version string `json:"version"`
	Files   []File `json:"files"`
}

// File is one file of a model or a voice pack, by its content.
type File struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
}

// ModelFiles are the names that a model's files may have.
var ModelFiles = []string{models.ModelFile, models.CardFile, models.RiskFile}

// maxFile bounds one of them, in bytes.
const maxFile = 1 << 30

var digestRule = regexp.MustCompile(`^[0-9a-f]{64}$`)

// IsDigest reports whether a word is a hex SHA-256 in lower case.
func IsDigest(word string) bool { return digestRule.MatchString(word) }

// Validate says what keeps the bundle from being worked by.
func (b *Bundle) Validate() error {
	if b.Sequence <= 0 || b.Station.ID == "" {
		return errors.New("relay: a bundle without a sequence or a station")
	}
	for _, bin := range b.Bins {
		if bin.ID == "" || bin.StationID != b.Station.ID {
			return fmt.Errorf("relay: bin %q is not of station %q", bin.ID, b.Station.ID)
		}
	}
	for _, c := range b.Cameras {
		if c.ID == "" || c.StationID != b.Station.ID {
			return fmt.Errorf("relay: camera %q is not of station %q", c.ID, b.Station.ID)
		}
	}
	if _, err := b.Table(); err != nil {
		return err
	}
	if err := b.Settings.validate(); err != nil {
		return err
	}
	return b.Model.validate()
}

// Table parses the taxonomy.
func (b *Bundle) Table() (*taxonomy.Taxonomy, error) {
	t, err := taxonomy.Parse(strings.NewReader(b.Taxonomy))
	if err != nil {
		return nil, fmt.Errorf("relay: taxonomy: %w", err)
	}
	return t, nil
}

func (s *Settings) validate() error {
	if err := s.Thresholds.Validate(); err != nil {
		return fmt.Errorf("relay: thresholds: %w", err)
	}
	if !(s.PassShare >= 0 && s.PassShare <= 1) {
		return fmt.Errorf("relay: pass share is %g, allowed is 0 to 1", s.PassShare)
	}
	if _, err := station.ParseHours(s.Prompts.QuietHours); err != nil {
		return fmt.Errorf("relay: quiet hours: %w", err)
	}
	return nil
}

func (m *Model) validate() error {
	seen := make(map[string]bool)
	for _, f := range m.Files {
		known := false
		for _, name := range ModelFiles {
			known = known || f.Name == name
		}
		if !known || seen[f.Name] || !IsDigest(f.SHA256) || f.Bytes <= 0 || f.Bytes > maxFile {
			return fmt.Errorf("relay: model file %q of %d bytes", f.Name, f.Bytes)
		}
		seen[f.Name] = true
	}
	if !seen[models.ModelFile] || !seen[models.CardFile] {
		return fmt.Errorf("relay: a model of %d files, %s and %s are needed", len(m.Files), models.ModelFile, models.CardFile)
	}
	return nil
}

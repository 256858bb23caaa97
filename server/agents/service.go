package agents

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/relay"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store"
	"github.com/binside/binside/vision/codec"
)

// Store is what the service asks of the records; see server/store.
type Store interface {
	GetStation(ctx context.Context, id string) (station.Station, error)
	ListBins(ctx context.Context, f store.PlaceFilter) ([]station.Bin, string, error)
	ListCameras(ctx context.Context, f store.PlaceFilter) ([]station.Camera, string, error)
	GetBin(ctx context.Context, id string) (station.Bin, error)
	GetInspection(ctx context.Context, id string) (*inspection.Inspection, error)

	NumberBundle(ctx context.Context, stationID, digest string, have int64) (store.Agent, error)
	Agent(ctx context.Context, stationID string) (store.Agent, error)
	Agents(ctx context.Context) ([]store.Agent, error)
	SaveReport(ctx context.Context, stationID, report string, at time.Time) error
	GetRelayed(ctx context.Context, id string) (store.Relayed, error)
	SaveRelayed(ctx context.Context, i *inspection.Inspection, digest string, revision int64) (created, changed bool, err error)
}

// Objects is where evidence goes; see server/store/object.
type Objects interface {
	Put(ctx context.Context, key string, data []byte, contentType string) error
}

// Config is what bundles are made of; all is needed but Silent and Now.
type Config struct {
	// Key signs bundles.
	Key      ed25519.PrivateKey
	Taxonomy *taxonomy.Taxonomy
	// Settings are without any station's record.
	Settings relay.Settings
	// Screen holds the language and volume of stations that have none of their
	// own.
	Screen station.Prompts
	// Model holds the running model's files at its root.
	Model        fs.FS
	ModelVersion string
	// Reader reads the pictures that agents hand in.
	Reader codec.Reader
	// Silent is after how long without a report an agent counts as offline
	// (default a minute).
	Silent time.Duration
	// Now is the clock (default time.Now).
	Now func() time.Time
}

// Deps are the parts that the service works with; all are needed but
// Voices and Registerer.
type Deps struct {
	Store   Store
	Objects Objects
	// Record is what people reviewed at a station, nil where that says nothing.
	Record func(stationID string) *verdict.Record
	// Voices are the voice packs; nil where there are none.
	Voices Voices
	// Stored and Changed are told of every inspection that was handed in, and of
	// every one whose prompt went on.
	Stored, Changed func(*inspection.Inspection)
	// Shown is told once of every prompt that a screen at the station has shown.
	Shown      func(*inspection.Inspection)
	Registerer prometheus.Registerer
	Logger     *slog.Logger
}

// Service serves all agents. Its methods may be called from any goroutine; it
// has none of its own.
type Service struct {
	cfg   Config
	deps  Deps
	files []relay.File
	table string // the taxonomy as it travels

	taken, asked *prometheus.CounterVec
	desks        desks

	voiceMu sync.Mutex
	voices  map[string]digested // by pack

	mu   sync.Mutex
	seen map[string]sighting // by station
}

type sighting struct {
	at     time.Time
	report relay.Report
}

// New reads the model's files once, for their digests, and the agents' last
// reports.
func New(ctx context.Context, cfg Config, deps Deps) (*Service, error) {
	if cfg.Silent <= 0 {
		cfg.Silent = time.Minute
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Service{cfg: cfg, deps: deps, seen: make(map[string]sighting), voices: make(map[string]digested), taken: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "binside_agent_records_total", Help: "Inspections that agents handed in, by what came of it: stored, changed, known, refused.",
	}, []string{"outcome"}), asked: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "binside_agent_questions_total", Help: "Questions about agents' cameras, by what came of them: answered, away, busy, given-up.",
	}, []string{"outcome"}), desks: desks{at: make(map[string]*desk)}}
	var err error
	if s.files, err = digestModel(cfg.Model); err != nil {
		return nil, fmt.Errorf("agents: model: %w", err)
	}
	if s.table, err = cfg.Taxonomy.Document(); err != nil {
		return nil, fmt.Errorf("agents: %w", err)
	}
	if err := s.recall(ctx); err != nil {
		return nil, err
	}
	if deps.Registerer != nil {
		for _, c := range []prometheus.Collector{s.taken, s.asked, &collector{s}} {
			if err := deps.Registerer.Register(c); err != nil {
				return nil, fmt.Errorf("agents: %w", err)
			}
		}
	}
	return s, nil
}

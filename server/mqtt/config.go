package mqtt

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/notify"
	"github.com/binside/binside/server/pipeline"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store"
)

// Config says where devices connect and how much they may; zero values take the
// defaults.
type Config struct {
	// Listen is host:port; port 0 takes a free one.
	Listen string
	// TLSCert and TLSKey are PEM files; both or neither.
	TLSCert, TLSKey string
	// Dir is where retained messages and sessions lie. It is locked.
	Dir string
	// NoSync turns off the sync of every stored message to the disk.
	NoSync bool
	// MaxClients is how many devices may be connected (default 1000).
	MaxClients int
	// MaxPicture is the largest pushed picture in bytes (default, and at most,
	// 8 MiB less some room: NATS advises against larger messages).
	MaxPicture int
	// Beat is the pause between two states of a station of which nothing has
	// changed (default 20 s), Life how long a state may be believed without
	// another (default three times that).
	Beat, Life time.Duration
	// AckWait is after how long a deposit that was not taken is delivered again to
	// this process (default 1 min).
	AckWait time.Duration
	// Look is the pause between two looks whether tokens still hold and cameras
	// can be believed (default 2 s).
	Look time.Duration
	// SessionLife is after how long a durable session is dropped that nobody came
	// back to (default 7 days; what waits in one waits for a day).
	SessionLife time.Duration
}

const maxPicture = 8<<20 - room

func (c Config) withDefaults() Config {
	if c.MaxClients <= 0 {
		c.MaxClients = 1000
	}
	if c.MaxPicture <= 0 || c.MaxPicture > maxPicture {
		c.MaxPicture = maxPicture
	}
	if c.Beat <= 0 {
		c.Beat = 20 * time.Second
	}
	if c.Life <= 0 {
		c.Life = 3 * c.Beat
	}
	if c.AckWait <= 0 {
		c.AckWait = time.Minute
	}
	if c.Look <= 0 {
		c.Look = 2 * time.Second
	}
	if c.SessionLife <= 0 {
		c.SessionLife = 7 * 24 * time.Hour
	}
	return c
}

// certificate is nil where plain text is spoken.
func (c Config) certificate() (*tls.Config, error) {
	if c.TLSCert == "" {
		return nil, nil
	}
	cert, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("mqtt: certificate: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, nil
}

// BinSide is what is shown and taken at the bins; see api.Server, whose answers
// over HTTP are the same.
type BinSide interface {
	Screen(ctx context.Context, stationID string) (api.Screen, error)
	Prompt(i *inspection.Inspection, bins []api.ScreenBin) api.ScreenPrompt
	ThanksFor(ctx context.Context, i *inspection.Inspection) (api.Thanks, bool)
	Answer(ctx context.Context, stationID, inspectionID string, outcome inspection.PromptState) error
	Shown(ctx context.Context, stationID, inspectionID string) error
	TakeFrame(ctx context.Context, stationID, cameraID string, image []byte) error
	// Redact returns what may be kept of a picture that TakeDeposit would take;
	// TakeDeposit takes that, too.
	Redact(ctx context.Context, image []byte) ([]byte, error)
	TakeDeposit(ctx context.Context, stationID, binID, key string, image []byte) error
}

// Store is what this package asks of the records; see server/store.
type Store interface {
	ListStations(ctx context.Context, f store.PlaceFilter) ([]station.Station, string, error)
	ListBins(ctx context.Context, f store.PlaceFilter) ([]station.Bin, string, error)
	ListCameras(ctx context.Context, f store.PlaceFilter) ([]station.Camera, string, error)
	SaveMQTT(ctx context.Context, devices []store.MQTTDevice, sessions []store.MQTTSeen, gone []string) error
	MQTTSessions(ctx context.Context) ([]store.MQTTSeen, error)
}

// Cameras says how the cameras do; see pipeline.Cameras.
type Cameras interface {
	States() map[string]pipeline.CameraState
}

// Deps is what the service works with; all are needed but Registerer.
type Deps struct {
	Auth       *auth.Service
	BinSide    BinSide
	Store      Store
	Cameras    Cameras
	Hub        *notify.Hub
	Changes    *notify.Changes
	Registerer prometheus.Registerer
	Logger     *slog.Logger
}

package api

import (
	"context"
	"io"
	"io/fs"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/binside/binside/datasets"
	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/agents"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/deletion"
	"github.com/binside/binside/server/explanation"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/notify"
	"github.com/binside/binside/server/pipeline"
	"github.com/binside/binside/server/relay"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store"
	"github.com/binside/binside/vision/codec"
)

// Store is what the API asks of the records; see server/store.
type Store interface {
	CreateStation(ctx context.Context, s *station.Station) error
	UpdateStation(ctx context.Context, s *station.Station) error
	GetStation(ctx context.Context, id string) (station.Station, error)
	ListStations(ctx context.Context, f store.PlaceFilter) ([]station.Station, string, error)

	CreateBin(ctx context.Context, b *station.Bin) error
	UpdateBin(ctx context.Context, b *station.Bin) error
	DeleteBin(ctx context.Context, b station.Bin) error
	GetBin(ctx context.Context, id string) (station.Bin, error)
	ListBins(ctx context.Context, f store.PlaceFilter) ([]station.Bin, string, error)

	CreateCamera(ctx context.Context, c *station.Camera) error
	UpdateCamera(ctx context.Context, c *station.Camera) error
	DeleteCamera(ctx context.Context, c station.Camera) error
	GetCamera(ctx context.Context, id string) (station.Camera, error)
	ListCameras(ctx context.Context, f store.PlaceFilter) ([]station.Camera, string, error)

	LogAccess(ctx context.Context, a *store.CameraAccess) error
	ListAccesses(ctx context.Context, cameraID, after string, limit int) ([]store.CameraAccess, string, error)

	DeletionState(ctx context.Context) (head deletion.Head, keys []deletion.PublicKey, err error)
	ListDeletions(ctx context.Context, after string, limit int) ([]deletion.Entry, string, error)
	EachDeletion(ctx context.Context, upTo int64, fn func(deletion.Entry) error) error

	GetInspection(ctx context.Context, id string) (*inspection.Inspection, error)
	ListInspections(ctx context.Context, f inspection.Filter) ([]*inspection.Inspection, error)
	CountInspections(ctx context.Context, f store.CountFilter) ([]store.Count, error)
	SaveReview(ctx context.Context, id string, r inspection.Review, samples ...datasets.Sample) (*inspection.Inspection, error)
	LastSeq(ctx context.Context) (int64, error)
	OpenPrompts(ctx context.Context, stationID string) ([]*inspection.Inspection, error)
	ShowPrompt(ctx context.Context, id string, at time.Time) (*inspection.Inspection, error)
	LookAtAppeal(ctx context.Context, id string, at time.Time) (*inspection.Inspection, error)
	AppealByReceipt(ctx context.Context, receipt string) (*inspection.Inspection, error)
	TimeLines(ctx context.Context, stationID string, since time.Time) ([]inspection.TimeLine, error)

	TokensNaming(ctx context.Context, ids []string, endedSince time.Time) ([]store.Token, error)
	MQTTDevices(ctx context.Context) ([]store.MQTTDevice, error)

	SaveSample(ctx context.Context, s *datasets.Sample) (created bool, err error)
	GetSample(ctx context.Context, id string) (datasets.Sample, error)
	ListSamples(ctx context.Context, f store.SampleFilter) ([]datasets.Sample, string, error)
}

// Objects is where images lie; see server/store/object.
type Objects interface {
	Put(ctx context.Context, key string, data []byte, contentType string) error
	Get(ctx context.Context, key string) ([]byte, error)
	// Delete takes an object away; one that is not there is no error.
	Delete(ctx context.Context, key string) error
}

// Deletions is the signed log of what is deleted; see deletion.Log.
type Deletions interface {
	Add(ctx context.Context, entries ...deletion.Entry) error
}

// Intake takes pushed deposits; see pipeline.Intake. It keeps none of the
// request's memory.
type Intake interface {
	Submit(ctx context.Context, req pipeline.Request) (*pipeline.Submission, error)
	Redact(ctx context.Context, u pipeline.Upload) ([]byte, error)
}

// Cameras runs the cameras; see pipeline.Cameras.
type Cameras interface {
	States() map[string]pipeline.CameraState
	Reload(ctx context.Context) error
	PushFrame(ctx context.Context, cameraID string, frame pipeline.Upload) (*pipeline.PushedFrame, error)
	Snapshot(ctx context.Context, cameraID string) (*pipeline.Snapshot, error)
	Learn(ctx context.Context, cameraID string) error
	DetectorDefaults() station.Detector
	CheckDetector(d station.Detector) error
	LookInto(ctx context.Context, cameraID string, after uint64) (v pipeline.DetectorView, began bool, err error)
	TryDetector(ctx context.Context, cameraID string, d station.Detector) (pipeline.Trial, error)
	Recordings(ctx context.Context, cameraID string) ([]pipeline.Recorded, error)
	Recording(ctx context.Context, cameraID string, id uint64) (pipeline.Recorded, error)
}

// Hub tells of stored inspections; see notify.Hub.
type Hub interface {
	Subscribe(ctx context.Context, keep func(*inspection.Inspection) bool) (*notify.Subscription, error)
}

// Prompts ends prompts, and says when residents are thanked; see
// correction.Service.
type Prompts interface {
	MayThank(ctx context.Context, i *inspection.Inspection) bool
	Correct(ctx context.Context, id string) (*inspection.Inspection, error)
	Appeal(ctx context.Context, id string) (*inspection.Inspection, error)
}

// Explainer makes heat maps; see explanation.Service.
type Explainer interface {
	Status(i *inspection.Inspection) explanation.Status
	HeatMap(ctx context.Context, i *inspection.Inspection) (*explanation.HeatMap, error)
}

// Rules are what verdicts follow. All are read only.
type Rules struct {
	Taxonomy *taxonomy.Taxonomy
	// Policy is by the same taxonomy; Thresholds are for bins that have none of
	// their own.
	Policy     *verdict.Policy
	Thresholds verdict.Thresholds
	// Card is the running model's.
	Card *models.Card
}

// Agents is the server's side of the stations' agents; see agents.Service.
type Agents interface {
	Bundle(ctx context.Context, stationID string, have int64) (signed *relay.Signed, sequence int64, err error)
	ModelFile(sha256 string) (file fs.File, bytes int64, err error)
	VoiceFile(ctx context.Context, stationID, sha256 string) (file io.Reader, bytes int64, err error)
	Receive(ctx context.Context, stationID string, r *relay.Record, pictures map[int][]byte) error
	Report(ctx context.Context, stationID string, r *relay.Report) error
	Status(ctx context.Context, stationID string) (agents.AgentStatus, error)
	Renew(stationID string)
	Next(ctx context.Context, stationID string) relay.Call
	Reply(stationID string, r relay.Reply) error
}

// MQTT is the listener for MQTT devices; see server/mqtt.
type MQTT struct {
	Port int
	TLS  bool
	// Loopback is set where only this machine reaches it.
	Loopback bool
	// Devices are those that have connected to it since it started.
	Devices []store.MQTTDevice
}

// Demonstration reports on the demonstration station.
type Demonstration interface {
	Report(ctx context.Context) (DemonstrationReport, error)
}

// Readiness is how one part of the service does.
type Readiness struct {
	Status Status `json:"status" enum:"ready,degraded,not-ready"`
	// Detail says in a few words what is wrong; it holds no secret.
	Detail string `json:"detail,omitempty"`
}

// Status is the service's or one part's readiness.
type Status string

// The states of readiness. What is degraded works but for one part, or catches
// something up later.
const (
	Ready    Status = "ready"
	Degraded Status = "degraded"
	NotReady Status = "not-ready"
)

// Deps are the parts that the API stands on. All are needed unless said
// otherwise; the API closes none of them.
type Deps struct {
	Store   Store
	Objects Objects
	// Deletions is where every deletion is logged.
	Deletions Deletions
	Intake    Intake
	Cameras   Cameras
	Hub       Hub
	// Changes tells of inspections that were reviewed or corrected.
	Changes *notify.Changes
	// Redactor finds the people in uploaded samples.
	Redactor pipeline.Redactor
	// Prompts ends the bin side's prompts; nil where nobody is told.
	Prompts Prompts
	Auth    *auth.Service
	// Rules are those in force now.
	Rules func() Rules
	// Agents serves the stations' agents; nil where there are none.
	Agents Agents
	// MQTT says how the MQTT listener stands, nil while there is none; itself nil
	// where there never is.
	MQTT func() *MQTT
	// BinChanged is called after a bin was changed, so that the worker asks
	// for it anew; may be nil.
	BinChanged func(id string)
	// Explainer is nil where no heat maps are made.
	Explainer Explainer
	// Speaker has the sound of what screens say, Voices the packs of it; both are
	// nil where screens speak with the device's own voice alone.
	Speaker Speaker
	Voices  Voices
	// Demonstration is nil where there is none.
	Demonstration Demonstration
	// Components says how the parts do, by the names model, queue, store, objects,
	// mqtt and uplink. The service is ready when none is NotReady.
	Components func(ctx context.Context) map[string]Readiness
	// Page holds the browser app's files (index.html, assets/…, and
	// swagger/… for /docs); nil or empty: a plain message instead.
	Page fs.FS
	// SigningKey signs image links: at least 32 random bytes that outlive a
	// restart.
	SigningKey []byte

	Log *slog.Logger
	// Registerer takes the API's own metrics, Gatherer is what /metrics shows.
	Registerer prometheus.Registerer
	Gatherer   prometheus.Gatherer
}

// Config bounds the API; zero values take the defaults.
type Config struct {
	Version string
	// MaxBody bounds a pushed deposit or an upload of samples, in bytes
	// (default 16 MiB); other requests may hold 1 MiB.
	MaxBody int
	// Reader reads uploaded samples.
	Reader codec.Reader
	// ReadTimeout bounds the arrival of one request (default 30 s),
	// WriteTimeout the sending of one answer (default 30 s), IdleTimeout the
	// pause between two requests of a connection (default 75 s).
	ReadTimeout, WriteTimeout, IdleTimeout time.Duration
	// RequestTimeout bounds the work on one request, waiting for a verdict or
	// a heat map not counted (default 15 s).
	RequestTimeout time.Duration
	// Heartbeat is the pause between two signs of life of a live stream
	// (default 15 s).
	Heartbeat time.Duration
	// StreamWriteTimeout is how long a live stream's reader may take no bytes
	// before it is dropped (default 15 s).
	StreamWriteTimeout time.Duration
	// MaxReplay is how many missed inspections a resumed stream is given
	// before it is told to reload instead (default 500).
	MaxReplay int
	// LinkLife is how long an image link works (default 5 min).
	LinkLife time.Duration
	// TLSCert and TLSKey are PEM files; both or neither.
	TLSCert, TLSKey string
	// SecureCookie marks the session's cookie Secure even where this process
	// speaks plain HTTP, behind a proxy that ends TLS.
	SecureCookie bool
	// OpenMetrics lets /metrics answer without a credential.
	OpenMetrics bool
	// ReceiptAt is the host at which residents ask for their receipts; empty: the
	// one that the screen's page came from.
	ReceiptAt string
	// Prompts are the settings of stations that have none of their own, all
	// set; without them a screen speaks Chinese, loudly.
	Prompts station.Prompts
	// MediaDir is the only folder from which cameras of kind "file" may read;
	// empty: such cameras cannot be made through the API.
	MediaDir string
	// Managed is set where a server manages this station: places, labels and
	// reviews are changed there and not here.
	Managed bool
	// Now is the clock, for tests; nil is the real one.
	Now func() time.Time
}

func (c Config) withDefaults() Config {
	orInt := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	orTime := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	orInt(&c.MaxBody, 16<<20)
	orInt(&c.MaxReplay, 500)
	orTime(&c.ReadTimeout, 30*time.Second)
	orTime(&c.WriteTimeout, 30*time.Second)
	orTime(&c.IdleTimeout, 75*time.Second)
	orTime(&c.RequestTimeout, 15*time.Second)
	orTime(&c.Heartbeat, 15*time.Second)
	orTime(&c.StreamWriteTimeout, 15*time.Second)
	orTime(&c.LinkLife, 5*time.Minute)
	if c.Version == "" {
		c.Version = "dev"
	}
	loud := 100
	c.Prompts = c.Prompts.Over(station.Prompts{Language: station.Chinese, Volume: &loud})
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

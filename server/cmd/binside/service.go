package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/binside/binside/camera/isolate"
	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/ort"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/agents"
	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/config"
	"github.com/binside/binside/server/correction"
	"github.com/binside/binside/server/deletion"
	"github.com/binside/binside/server/demonstration"
	"github.com/binside/binside/server/explanation"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/mqtt"
	"github.com/binside/binside/server/notify"
	"github.com/binside/binside/server/pipeline"
	"github.com/binside/binside/server/queue"
	"github.com/binside/binside/server/speech"
	"github.com/binside/binside/server/store"
	"github.com/binside/binside/server/store/object"
	"github.com/binside/binside/server/uplink"
	"github.com/binside/binside/server/web"
	"github.com/binside/binside/vision/codec"
	"github.com/binside/binside/vision/privacy"
)

// pageFiles is the browser app; a test puts another build in its place.
var pageFiles = web.Files

// service is everything that `serve` runs.
//
// Start-up goes from what keeps things to what takes them in, so that nothing
// is accepted that could not be kept: data folder, records, object store,
// model (warmed up), decoders, queue, hub, worker, cameras, API, and last the listeners, of
// HTTP and of MQTT.
//
// Shutdown is the same backwards: devices are told that the service is offline,
// and disconnected; the API takes no more requests and finishes those it has; the cameras' detectors hand over what they hold; the worker
// finishes what it has in hand, and what it has not begun stays on the queue's
// disk; then queue, model, object store and records close. Every step waits
// for its goroutines, the whole for at most drain_timeout.
type service struct {
	cfg      config.Config
	log      *slog.Logger
	registry *prometheus.Registry

	// given is what a station's agent was given by its server, in the place of
	// settings; nil in a server.
	given *given
	// rules are those in force; taxonomy and policy those of the start.
	rules    atomic.Pointer[api.Rules]
	taxonomy *taxonomy.Taxonomy
	store    *store.Store
	objects  object.Store
	pool     *models.Pool
	decoders *isolate.Pool
	policy   *verdict.Policy
	queue    *queue.Queue
	hub      *notify.Hub
	worker   *pipeline.Worker
	cameras  *pipeline.Cameras
	auth     *auth.Service
	demo     *demonstration.Demonstration
	changes  *notify.Changes
	prompts  *correction.Service
	metrics  *pipeline.Metrics
	prepared *pipeline.Prepared
	redactor *privacy.Redactor
	overview *privacy.Redactor
	speaker  *speech.Service
	// deletions is the signed log of what is deleted.
	deletions *deletion.Log
	api       *api.Server
	listener  net.Listener
	mqtt      *mqtt.Service // nil where it does not listen
	mqttUp    atomic.Bool   // whether mqtt is set and has started
	agents    *agents.Service
	uplink    *uplink.Uplink

	// closers undo what start has done, the last first.
	closers []closer
	// served gets the API's end.
	served chan error
}

type closer struct {
	name  string
	close func(ctx context.Context) error
}

func (s *service) onClose(name string, fn func(ctx context.Context) error) {
	s.closers = append(s.closers, closer{name, fn})
}

// start brings the service up; after an error nothing of it runs.
func start(ctx context.Context, cfg config.Config, log *slog.Logger) (*service, error) {
	return startWith(ctx, cfg, log, nil)
}

func startWith(ctx context.Context, cfg config.Config, log *slog.Logger, g *given) (_ *service, err error) {
	s := &service{cfg: cfg, log: log, given: g, registry: prometheus.NewRegistry(), served: make(chan error, 1)}
	s.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop(ctx))
		}
	}()
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	for _, step := range []func(context.Context) error{
		s.openTaxonomy, s.openRecords, s.openObjects, s.openModel, s.openFaces, s.openDecoders, s.checkBins, s.openQueue, s.startWorker,
		s.startPrompts, s.startDemonstration, s.startCameras, s.openSpeech, s.startAgents, s.startUplink, s.startAPI, s.startMQTT,
	} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// stop undoes start; it is safe to call after a failed start, and once. It has
// its full time where ctx has ended already.
func (s *service) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.DrainTimeout)
	defer cancel()
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		c := s.closers[i]
		began := time.Now()
		if err := c.close(ctx); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", c.name, err))
		}
		s.log.Debug("stopped", "part", c.name, "took", time.Since(began))
	}
	s.closers = nil
	return errors.Join(errs...)
}

func (s *service) openTaxonomy(context.Context) (err error) {
	if s.given != nil {
		s.taxonomy, err = s.given.bundle.Table()
	} else {
		s.taxonomy, err = taxonomy.Open(s.cfg.Taxonomy, s.cfg.TaxonomyColours)
	}
	if err == nil {
		s.log.Info("taxonomy in force", "taxonomy", s.taxonomy.Ref(), "standard", s.taxonomy.Standard)
	}
	return err
}

// checkBins names the bins that were set up for another taxonomy. They do not
// keep the service from starting: what is thrown into them goes to a person.
func (s *service) checkBins(ctx context.Context) error {
	f := store.PlaceFilter{Limit: store.MaxPage}
	for {
		bins, next, err := s.store.ListBins(ctx, f)
		if err != nil {
			return fmt.Errorf("records: %w", err)
		}
		for _, b := range bins {
			if lacks := s.taxonomy.Lacks(b.Accepts); len(lacks) > 0 {
				s.log.Warn("a bin accepts categories that the taxonomy in force does not have: all its deposits go to a person until that is changed",
					"bin", b.ID, "name", b.Name, "station", b.StationID, "unknown", lacks, "taxonomy", s.taxonomy.Ref(), "allowed", s.taxonomy.CategoryIDs())
			}
		}
		if next == "" {
			return nil
		}
		f.After = next
	}
}

func (s *service) openRecords(ctx context.Context) (err error) {
	opts := store.Options{Logger: s.log, Registerer: s.registry}
	if s.given != nil {
		opts.Mark = s.given.uplink.Mark
	}
	s.store, err = store.Open(ctx, s.cfg.StoreURL(), opts)
	if err != nil {
		return fmt.Errorf("records: %w", err)
	}
	s.onClose("records", func(context.Context) error { return s.store.Close() })
	if err := s.openDeletions(ctx); err != nil {
		return fmt.Errorf("deletion log: %w", err)
	}
	if s.given != nil {
		if err := s.given.putPlaces(ctx, s.store); err != nil {
			return fmt.Errorf("records: %w", err)
		}
	}
	s.auth, err = auth.New(s.store, s.log, time.Now)
	return err
}

// openDeletions begins the deletion log where that has not been done.
func (s *service) openDeletions(ctx context.Context) error {
	seed, err := keptKey(s.cfg.DataDir, deletionKey)
	if err != nil {
		return err
	}
	signer, err := deletion.NewSigner(seed)
	if err != nil {
		return err
	}
	s.deletions = deletion.NewLog(s.store, signer)
	return s.deletions.Add(ctx)
}

func (s *service) openObjects(context.Context) (err error) {
	s.objects, err = openObjects(s.cfg, s.log, s.registry) //nolint:contextcheck // the spool uploads until it is closed, not until ctx ends
	if err != nil {
		return fmt.Errorf("object store: %w", err)
	}
	s.onClose("object store", func(context.Context) error { return s.objects.Close() })
	return nil
}

func openObjects(cfg config.Config, log *slog.Logger, registry prometheus.Registerer) (object.Store, error) {
	o := cfg.Objects
	return object.Open(object.Config{
		URL: cfg.ObjectsURL(), AccessKey: o.AccessKey, SecretKey: o.SecretKey, Region: o.Region,
		SpoolDir: filepath.Join(cfg.DataDir, "spool"), SpoolMaxBytes: int64(o.SpoolMaxBytes),
		Logger: log, Registerer: registry,
	})
}

func (s *service) openQueue(ctx context.Context) (err error) {
	c := s.cfg.Queue
	s.queue, err = queue.Open(ctx, queue.Config{
		Dir: filepath.Join(s.cfg.DataDir, "queue"), URL: c.URL, CredentialsFile: c.CredentialsFile, Token: c.Token,
		NoSync: !c.Sync, MaxBytes: int64(c.MaxBytes), MaxAge: c.MaxAge, MaxAttempts: c.MaxAttempts,
		Logger: s.log, Registerer: s.registry,
	})
	if err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	s.onClose("queue", func(context.Context) error { return s.queue.Close() })
	return nil
}

// openDecoders makes the processes possible in which pictures are decoded that
// are pushed.
func (s *service) openDecoders(context.Context) (err error) {
	if s.decoders, err = isolate.NewPool(isolate.PoolOptions{Registerer: s.registry}); err == nil {
		s.onClose("decoders", func(context.Context) error { return s.decoders.Close() })
	}
	return err
}

// reader reads every picture that somebody pushed, and the evidence, which may
// still hold the samples that were pushed.
func (s *service) reader() codec.Reader {
	return codec.Reader{Limits: limits(s.cfg), JPEG: s.decoders}
}

func limits(cfg config.Config) codec.Limits {
	return codec.Limits{MaxBytes: int(cfg.Decoder.MaxBytes), MaxPixels: cfg.Decoder.MaxPixels}
}

func (s *service) startWorker(ctx context.Context) error {
	s.hub = notify.New(notify.Options{Registerer: s.registry})
	s.onClose("notifications", func(context.Context) error { s.hub.Close(); return nil })
	s.metrics = pipeline.NewMetrics(s.registry)
	s.prepared = pipeline.NewPrepared(0)

	retention := pipeline.NewRetention(s.store, s.objects, s.deletions, 0, s.cfg.Evidence.Retention.Appeal, s.metrics, s.log)
	retention.Start(ctx)
	s.onClose("retention", func(context.Context) error { retention.Close(); return nil })

	if s.given == nil { // an agent's bounds come with its bundle
		stations := pipeline.NewStations(pipeline.StationsConfig{Model: s.pool.Card().Version}, s.store, s.policy, s.log)
		stations.Start(ctx)
		s.onClose("stations' bounds", func(context.Context) error { stations.Close(); return nil })
	}

	s.worker = pipeline.NewWorker(pipeline.WorkerConfig{InFlight: s.cfg.Queue.InFlight, Reader: s.reader()}, pipeline.WorkerDeps{
		Queue: s.queue, Store: s.store, Objects: s.objects, Deletions: s.deletions, Classifier: s.pool,
		Rules: workerRules(s.rules.Load(), s.settings()),
		Hub:   s.hub, Prepared: s.prepared, Metrics: s.metrics, Logger: s.log,
	})
	if err := s.worker.Start(ctx); err != nil {
		return err
	}
	s.onClose("worker", func(context.Context) error { s.worker.Close(); return nil })
	return nil
}

// startPrompts comes after the worker, whose inspections it is told of, and
// stops before it.
func (s *service) startPrompts(ctx context.Context) error {
	cfg, err := promptRules(s.settings().Prompts)
	if err != nil {
		return err
	}
	s.changes = notify.NewChanges()
	s.prompts = correction.New(cfg, correction.Deps{
		Store: s.store, Hub: s.hub, Registerer: s.registry, Logger: s.log, Changed: s.promptChanged,
	})
	if err := s.prompts.Start(ctx); err != nil {
		return err
	}
	s.onClose("prompts", func(context.Context) error { s.prompts.Close(); return nil })
	return nil
}

// promptChanged tells this process's readers and the other servers that a
// prompt was opened or has ended.
func (s *service) promptChanged(i *inspection.Inspection) {
	s.changes.Publish(i)
	if err := s.queue.PublishStored(i); err != nil {
		s.log.Warn("other servers were not told of a prompt", "deposit", i.ID, "error", err)
	}
}

// minSource is the running model's.
func (s *service) minSource(width, height int) (minWidth, minHeight int) {
	return ort.Spec(s.pool.Card().Input).MinSource(width, height)
}

func (s *service) startCameras(ctx context.Context) error {
	s.cameras = pipeline.NewCameras(pipeline.CamerasConfig{Reader: s.reader()}, pipeline.CamerasDeps{
		Store: s.store, Queue: s.queue, Hub: s.hub, Prepared: s.prepared, Metrics: s.metrics,
		Registerer: s.registry, Logger: s.log, Removed: s.prompts.Removed, Open: pipeline.OpenFeed,
		Redactor: s.redactor, Overview: s.overview,
	})
	s.onClose("cameras", func(ctx context.Context) error { s.cameras.Close(ctx); return nil })
	return s.cameras.Start(ctx)
}

func (s *service) openSpeech(context.Context) error {
	sentences, err := sentencesOf(s.taxonomy)
	if err != nil {
		return err
	}
	s.speaker = speech.New(sentences, filepath.Join(s.cfg.DataDir, "speech"), s.cfg.VoicesDir(), s.log)
	return nil
}

func (s *service) startAPI(ctx context.Context) error {
	key, err := keptKey(s.cfg.DataDir, signingKey)
	if err != nil {
		return err
	}
	intake := pipeline.NewIntake(pipeline.IntakeConfig{
		Reader: s.reader(), MinSource: s.minSource, Redactor: s.redactor,
	}, s.store, s.queue, s.hub, s.prepared, s.metrics)
	explainer, err := explanation.New(explanation.Config{}, explanation.Deps{
		Objects: s.objects, Reader: s.reader(), Classifier: s.pool, ModelVersion: func() string { return s.pool.Card().Version },
		Taxonomy: func() *taxonomy.Taxonomy { return s.rules.Load().Taxonomy }, Registerer: s.registry,
	})
	if err != nil {
		return err
	}
	s.onClose("explanations", func(context.Context) error { explainer.Close(); return nil })
	deps := api.Deps{
		Store: s.store, Objects: s.objects, Deletions: s.deletions, Intake: intake, Cameras: s.allCameras(), Hub: s.hub, Changes: s.changes, Prompts: s.prompts, Auth: s.auth,
		Redactor: s.redactor, Rules: func() api.Rules { return *s.rules.Load() }, BinChanged: s.worker.InvalidateBin,
		Explainer: explainer, Speaker: s.speaker, Voices: s.speaker.Packs, Components: s.components, Page: pageFiles(), SigningKey: key,
		Log: s.log, Registerer: s.registry, Gatherer: s.registry,
	}
	if s.agents != nil {
		deps.Agents = s.agents
	}
	if s.mqttListen() != "" {
		deps.MQTT = s.mqttStanding
	}
	if s.demo != nil {
		deps.Demonstration = s.demo
	}
	//nolint:contextcheck // every request brings a context of its own
	s.api, err = api.New(deps, api.Config{
		Version: version, MaxBody: int(s.cfg.HTTP.MaxBody), Reader: s.reader(), ReadTimeout: s.cfg.HTTP.ReadTimeout,
		Managed: s.given != nil, ReceiptAt: s.receiptAt(), Prompts: s.cfg.Prompts.Station(s.cfg.Screen),
		TLSCert: s.cfg.HTTP.TLSCert, TLSKey: s.cfg.HTTP.TLSKey, MediaDir: filepath.Join(s.cfg.DataDir, "media"),
	})
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	if s.listener, err = lc.Listen(ctx, "tcp", s.cfg.HTTP.Listen); err != nil {
		return err
	}
	go func() { s.served <- s.api.Listen(s.listener) }()
	s.onClose("api", func(ctx context.Context) error { return errors.Join(s.api.Shutdown(ctx), <-s.served) })
	return nil
}

// url is where a person reaches the service.
func (s *service) url() string {
	if s.cfg.HTTP.PublicURL != "" {
		return s.cfg.HTTP.PublicURL
	}
	scheme := "http"
	if s.cfg.HTTP.TLSCert != "" {
		scheme = "https"
	}
	return scheme + "://" + s.listener.Addr().String()
}

// receiptAt is the host at which residents ask for their receipts: an agent's
// server has them.
func (s *service) receiptAt() string {
	at := s.cfg.HTTP.PublicURL
	if s.given != nil {
		at = s.cfg.Uplink.Server
	}
	u, err := url.Parse(at)
	if err != nil {
		return ""
	}
	return u.Host
}

// components says how the parts do, for /readyz. Model, queue and records are
// needed; without the object store evidence waits on disk, and without MQTT the
// screens go on.
func (s *service) components(ctx context.Context) map[string]api.Readiness {
	needed := func(err error) api.Readiness {
		if err != nil {
			return api.Readiness{Status: api.NotReady, Detail: err.Error()}
		}
		return api.Readiness{Status: api.Ready}
	}
	out := map[string]api.Readiness{
		"model":   needed(nil), // the listener opens after the warm-up
		"queue":   needed(s.queue.Ping(ctx)),
		"store":   needed(s.store.Ping(ctx)),
		"objects": {Status: api.Ready},
	}
	if s.uplink != nil {
		out["uplink"] = uplinkReadiness(s.uplink.Status())
	}
	if s.mqttListen() != "" {
		out["mqtt"] = s.mqttReadiness(ctx)
	}
	if spool, ok := s.objects.(*object.Spool); ok && spool.Degraded() {
		out["objects"] = api.Readiness{Status: api.Degraded, Detail: fmt.Sprintf("%d objects wait on disk", spool.Pending().Objects)}
	}
	return out
}

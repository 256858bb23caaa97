package pipeline

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/binside/binside/vision/condition"
)

// Metrics are the line's figures, shared by its parts. No label names a
// station, a bin or a camera: a city has thousands.
type Metrics struct {
	accepted *prometheus.CounterVec // deposits, by source
	refused  *prometheus.CounterVec // pushes, by reason

	events         prometheus.Counter
	removals       prometheus.Counter
	detectSeconds  prometheus.Histogram
	depositDropped *prometheus.CounterVec // a camera's deposits, by reason
	outboxRetries  prometheus.Counter

	painted, redactionErrors prometheus.Counter
	memoryErrors             prometheus.Counter

	verdicts      *prometheus.CounterVec
	stepSeconds   *prometheus.HistogramVec
	answerSeconds *prometheus.HistogramVec // by source
	workerErrors  *prometheus.CounterVec   // by step

	evidenceStored, evidenceBytes, evidenceLost, evidenceExpired, retentionErrors prometheus.Counter
}

// NewMetrics makes the figures and registers them; a nil Registerer keeps
// them unregistered.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		accepted: counterVec("binside_deposits_accepted_total", "Deposits put on the queue, by source.", "source"),
		refused:  counterVec("binside_pushes_refused_total", "Pushed deposits and frames that were refused, by reason.", "reason"),
		events:   counter("binside_detector_events_total", "Deposits that detectors found."),
		removals: counter("binside_detector_removals_total", "Things that detectors saw taken out of bins."),
		detectSeconds: histogram("binside_detector_seconds", "Time that a detector took for one frame.",
			prometheus.ExponentialBuckets(0.0005, 2, 10)),
		depositDropped:  counterVec("binside_deposits_dropped_total", "Cameras' deposits lost before they were queued, by reason.", "reason"),
		outboxRetries:   counter("binside_deposits_queue_retries_total", "Times that a camera's deposit waited for the queue."),
		painted:         counter("binside_redactions_total", "Places of deposits' pictures that were painted over: faces and people."),
		redactionErrors: counter("binside_redaction_errors_total", "Pictures that could not be redacted, and were not kept."),
		memoryErrors:    counter("binside_camera_memory_errors_total", "Times that what a camera usually shows could not be stored or fetched."),
		verdicts:        counterVec("binside_verdicts_total", "Inspections stored, by verdict.", "verdict"),
		stepSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "binside_worker_step_seconds", Help: "Time of one step for one deposit: redact (before the queue), bin, decode, classify, decide, evidence, store.",
			Buckets: prometheus.ExponentialBuckets(0.00025, 2.5, 11)}, []string{"step"}),
		answerSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "binside_answer_seconds", Help: "Time from a deposit's arrival to its stored inspection, by source.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2, 13)}, []string{"source"}),
		workerErrors:    counterVec("binside_worker_errors_total", "Failed steps of the worker, by step.", "step"),
		evidenceStored:  counter("binside_evidence_stored_total", "Evidence images stored."),
		evidenceBytes:   counter("binside_evidence_bytes_total", "Bytes of evidence stored."),
		evidenceLost:    counter("binside_evidence_lost_total", "Evidence images that could not be stored; their inspections were."),
		evidenceExpired: counter("binside_evidence_expired_total", "Evidence images deleted because their retention was over."),
		retentionErrors: counter("binside_retention_errors_total", "Rounds of the retention job that failed."),
	}
	if r != nil {
		r.MustRegister(m.accepted, m.refused, m.events, m.removals, m.detectSeconds, m.depositDropped, m.outboxRetries, m.painted, m.redactionErrors, m.memoryErrors,
			m.verdicts, m.stepSeconds, m.answerSeconds, m.workerErrors,
			m.evidenceStored, m.evidenceBytes, m.evidenceLost, m.evidenceExpired, m.retentionErrors)
	}
	return m
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}

func counterVec(name, help, label string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
}

func histogram(name, help string, buckets []float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
}

// step measures one step of the worker; call what it returns at the end.
func (m *Metrics) step(name string) func() {
	start := time.Now()
	return func() { m.stepSeconds.WithLabelValues(name).Observe(time.Since(start).Seconds()) }
}

// frameCollector sums the cameras' figures at every scrape. Cameras come and
// go; what the gone ones counted stays in the sums.
type frameCollector struct {
	cameras *Cameras

	mu              sync.Mutex
	frames, dropped uint64
}

var (
	descFrames    = prometheus.NewDesc("binside_camera_frames_total", "Frames received from all cameras.", nil, nil)
	descDrops     = prometheus.NewDesc("binside_camera_frames_dropped_total", "Frames received and never looked at.", nil, nil)
	descCondition = prometheus.NewDesc("binside_cameras_not_believed", "Cameras whose pictures cannot be believed now, by condition.", []string{"condition"}, nil)
	descState     = prometheus.NewDesc("binside_cameras", "Cameras that run, by status.", []string{"status"}, nil)
)

// retire keeps what a camera that was stopped has counted.
func (f *frameCollector) retire(s CameraState) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.frames += s.Frames
	f.dropped += s.Dropped
}

// Describe implements prometheus.Collector.
func (f *frameCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- descFrames
	ch <- descDrops
	ch <- descState
	ch <- descCondition
}

// Collect implements prometheus.Collector.
func (f *frameCollector) Collect(ch chan<- prometheus.Metric) {
	// Before the running ones: a camera stopped in between is missed once
	// rather than counted twice.
	f.mu.Lock()
	frames, dropped := f.frames, f.dropped
	f.mu.Unlock()
	doubted := make(map[condition.Kind]int)
	for _, kind := range condition.Kinds() {
		doubted[kind] = 0
	}
	count := map[CameraStatus]int{StatusConnecting: 0, StatusStreaming: 0, StatusFailed: 0, StatusEnded: 0}
	for _, s := range f.cameras.States() {
		frames += s.Frames
		dropped += s.Dropped
		count[s.Status]++
		if s.Condition != condition.Good {
			doubted[s.Condition]++
		}
	}
	for kind, n := range doubted {
		ch <- prometheus.MustNewConstMetric(descCondition, prometheus.GaugeValue, float64(n), string(kind))
	}
	ch <- prometheus.MustNewConstMetric(descFrames, prometheus.CounterValue, float64(frames))
	ch <- prometheus.MustNewConstMetric(descDrops, prometheus.CounterValue, float64(dropped))
	for status, n := range count {
		ch <- prometheus.MustNewConstMetric(descState, prometheus.GaugeValue, float64(n), string(status))
	}
}

package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Stats is the queue's state at one moment.
type Stats struct {
	Depth       int           // deposits on the queue, those in hand included
	Bytes       uint64        // what they take on disk
	OldestWait  time.Duration // age of the oldest, 0 for an empty queue
	InFlight    int           // handed out and not answered, by all servers
	Redelivered int           // of those, handed out before
	Dead        int           // dead letters
}

// Stats asks the server.
func (q *Queue) Stats(ctx context.Context) (Stats, error) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	info, err := q.stream.Info(ctx)
	if err != nil {
		return Stats{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	consumer, err := q.consumer.Info(ctx)
	if err != nil {
		return Stats{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	dead, err := q.dead.Info(ctx)
	if err != nil {
		return Stats{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	s := Stats{
		Depth: int(min(info.State.Msgs, 1<<40)), Bytes: info.State.Bytes,
		InFlight: consumer.NumAckPending, Redelivered: consumer.NumRedelivered,
		Dead: int(min(dead.State.Msgs, 1<<40)),
	}
	if s.Depth > 0 {
		s.OldestWait = max(0, time.Since(info.State.FirstTime))
	}
	return s, nil
}

type metrics struct {
	published      prometheus.Counter
	publishErrors  *prometheus.CounterVec
	publishSeconds prometheus.Histogram
	waitSeconds    prometheus.Histogram
	handled        *prometheus.CounterVec
	redelivered    prometheus.Counter
	retries        prometheus.Counter
	state          *stateCollector
}

func newMetrics() *metrics {
	return &metrics{
		published: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "binside_queue_published_total", Help: "Deposits acknowledged by the queue."}),
		publishErrors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "binside_queue_publish_errors_total", Help: "Deposits that the queue did not take, by reason."}, []string{"reason"}),
		publishSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "binside_queue_publish_seconds", Help: "Time until the queue acknowledged a deposit.",
			Buckets: prometheus.ExponentialBuckets(0.0002, 2.5, 10)}),
		waitSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "binside_queue_wait_seconds", Help: "Time from a deposit's acknowledgement to its first delivery.",
			Buckets: prometheus.ExponentialBuckets(0.001, 3, 12)}),
		handled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "binside_queue_handled_total", Help: "Deliveries answered, by outcome: done, failed, returned, dead."}, []string{"outcome"}),
		redelivered: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "binside_queue_redelivered_total", Help: "Deliveries of deposits that were delivered before."}),
		retries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "binside_queue_retries_total", Help: "Repetitions in place because something around the deposit was away."}),
	}
}

func (m *metrics) collectors() []prometheus.Collector {
	all := []prometheus.Collector{m.published, m.publishErrors, m.publishSeconds, m.waitSeconds, m.handled, m.redelivered, m.retries}
	if m.state != nil {
		all = append(all, m.state)
	}
	return all
}

func (m *metrics) register(r prometheus.Registerer, q *Queue) error {
	m.state = newStateCollector(q)
	var errs []error
	for _, c := range m.collectors() {
		errs = append(errs, r.Register(c))
	}
	return errors.Join(errs...)
}

func (m *metrics) unregister(r prometheus.Registerer) {
	for _, c := range m.collectors() {
		r.Unregister(c)
	}
}

// stateCollector asks the server at every scrape; while it cannot be reached
// the gauges are missing rather than wrong.
type stateCollector struct {
	q                                                 *Queue
	depth, bytes, oldest, inFlight, redelivered, dead *prometheus.Desc
}

func newStateCollector(q *Queue) *stateCollector {
	gauge := func(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, nil, nil) }
	return &stateCollector{
		q:           q,
		depth:       gauge("binside_queue_depth", "Deposits on the queue, those in hand included."),
		bytes:       gauge("binside_queue_bytes", "Bytes that the queue takes."),
		oldest:      gauge("binside_queue_oldest_seconds", "Age of the oldest deposit on the queue."),
		inFlight:    gauge("binside_queue_in_flight", "Deposits handed out and not answered."),
		redelivered: gauge("binside_queue_in_flight_redelivered", "Deposits in hand that were handed out before."),
		dead:        gauge("binside_queue_dead", "Dead letters kept."),
	}
}

// Describe implements prometheus.Collector.
func (c *stateCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.depth, c.bytes, c.oldest, c.inFlight, c.redelivered, c.dead} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *stateCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(ctxBackground, 2*time.Second)
	defer cancel()
	s, err := c.q.Stats(ctx)
	if err != nil {
		return
	}
	send := func(d *prometheus.Desc, v float64) { ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v) }
	send(c.depth, float64(s.Depth))
	send(c.bytes, float64(s.Bytes))
	send(c.oldest, s.OldestWait.Seconds())
	send(c.inFlight, float64(s.InFlight))
	send(c.redelivered, float64(s.Redelivered))
	send(c.dead, float64(s.Dead))
}

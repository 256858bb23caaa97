package models

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are a pool's; they are kept, though not seen, without a registerer.
type metrics struct {
	registerer prometheus.Registerer
	all        []prometheus.Collector

	wait, batch, preprocess, inference prometheus.Histogram
	agreement, strangeness             prometheus.Histogram
	refused                            *prometheus.CounterVec
	done, failed                       prometheus.Counter
	model                              *prometheus.GaugeVec
}

func newMetrics(p *Pool, r prometheus.Registerer) (*metrics, error) {
	m := &metrics{registerer: r}
	seconds := prometheus.ExponentialBuckets(0.0005, 2, 14) // 0.5 ms to 4 s
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "binside_models_" + name, Help: help, Buckets: buckets})
		m.all = append(m.all, h)
		return h
	}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "binside_models_" + name, Help: help})
		m.all = append(m.all, c)
		return c
	}
	gauge := func(name, help string, value func() float64) {
		m.all = append(m.all, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "binside_models_" + name, Help: help}, value))
	}
	m.wait = histogram("queue_wait_seconds", "Time from admission to a worker", seconds)
	m.preprocess = histogram("preprocess_seconds", "Time to turn a batch's pictures into tensors", seconds)
	m.inference = histogram("inference_seconds", "Time of one run of the network", seconds)
	m.batch = histogram("batch_pictures", "Pictures in one run of the network", prometheus.ExponentialBuckets(1, 2, 7))
	m.agreement = histogram("agreement", "Share of a deposit's views that agree with its class, of deposits with more than one", prometheus.LinearBuckets(0.125, 0.125, 8))
	m.strangeness = histogram("strangeness", "How unlike everything known a deposit looks, above 1 unlike nearly all", prometheus.LinearBuckets(0.2, 0.2, 10))
	m.done = counter("classified_total", "Deposits classified")
	m.failed = counter("failed_total", "Deposits whose run of the network failed")
	m.refused = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "binside_models_refused_total", Help: "Deposits not classified, by reason",
	}, []string{"reason"})
	for _, reason := range []string{"busy", "deadline", "closed", "invalid"} {
		m.refused.WithLabelValues(reason) // show the zeros
	}
	m.model = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "binside_models_info", Help: "1 for the version of the model that runs",
	}, []string{"version"})
	m.all = append(m.all, m.refused, m.model)
	gauge("queue_depth", "Deposits that wait for a worker", func() float64 { return float64(len(p.queue)) })
	gauge("queue_capacity", "Deposits that may wait for a worker", func() float64 { return float64(p.opts.Queue) })
	gauge("workers", "Workers", func() float64 { return float64(p.opts.Workers) })
	gauge("running", "Deposits at a worker", func() float64 { return float64(p.counts.running.Load()) })
	err := m.register()
	return m, err
}

func (m *metrics) register() error {
	if m.registerer == nil {
		return nil
	}
	for i, c := range m.all {
		if err := m.registerer.Register(c); err != nil {
			for _, c := range m.all[:i] {
				m.registerer.Unregister(c)
			}
			return fmt.Errorf("models: metrics: %w", err)
		}
	}
	return nil
}

// unregister makes room for the metrics of the next pool.
func (m *metrics) unregister() {
	if m.registerer == nil {
		return
	}
	for _, c := range m.all {
		m.registerer.Unregister(c)
	}
}

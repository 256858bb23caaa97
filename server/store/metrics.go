package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	seconds *prometheus.HistogramVec
	errors  *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "binside_store_call_seconds", Help: "Time of one call to the record store.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .1, .5, 2.5},
		}, []string{"op"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "binside_store_errors_total", Help: "Failed calls to the record store, by operation and kind.",
		}, []string{"op", "kind"}),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.seconds, m.errors} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("store: metrics: %w", err)
		}
	}
	return m, nil
}

// observe is deferred by every call with its start and its error.
func (m *metrics) observe(op string, start time.Time, err *error) {
	m.seconds.WithLabelValues(op).Observe(time.Since(start).Seconds())
	if *err == nil || errors.Is(*err, errKnown) {
		return
	}
	kind := "other"
	switch {
	case errors.Is(*err, ErrNotFound), errors.Is(*err, ErrConflict):
		return // an answer, not a failure
	case errors.Is(*err, ErrInvalid):
		kind = "invalid"
	case errors.Is(*err, ErrUnavailable):
		kind = "unavailable"
	case errors.Is(*err, context.Canceled):
		kind = "cancelled"
	}
	m.errors.WithLabelValues(op, kind).Inc()
}

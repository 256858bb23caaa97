package api

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	refusals *prometheus.CounterVec
	streams  prometheus.Gauge
	panics   prometheus.Counter
	prompt   *prometheus.HistogramVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "binside_http_requests_total", Help: "Answers by route and class of status."}, []string{"method", "route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "binside_http_request_seconds", Help: "Time from a request's arrival to its answer, waiting for verdicts included.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 15, 30},
		}, []string{"route"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "binside_http_refusals_total", Help: "Requests refused for their credential, by reason."}, []string{"reason"}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "binside_http_streams", Help: "Live streams that are open."}),
		prompt: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "binside_prompt_seconds", Help: "Time from the frame that settled a misdeposit to the screen: decide, publish, show, and the whole.",
			Buckets: []float64{.025, .05, .1, .15, .2, .3, .4, .5, .75, 1, 1.5, 2, 3, 5, 10},
		}, []string{"step"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "binside_http_panics_total", Help: "Panics in requests."}),
	}
	if r != nil {
		r.MustRegister(m.requests, m.seconds, m.refusals, m.streams, m.panics, m.prompt)
	}
	return m
}

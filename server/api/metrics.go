package api

import (
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/binside/binside/server/inspection"
)

const (
	// maxStations is of how many stations, the latest that have shown a prompt,
	// /metrics has figures: a city has thousands.
	maxStations = 200
	// latencyWindow is over what time their quantiles are taken.
	latencyWindow = 15 * time.Minute
)

type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	refusals *prometheus.CounterVec
	streams  prometheus.Gauge
	panics   prometheus.Counter
	prompt   *prometheus.HistogramVec
	// station has the same by station, stations which ones.
	station  *prometheus.SummaryVec
	stations *lru.Cache[string, struct{}]
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
			Name:    "binside_prompt_seconds",
			Help:    "Time from the last frame that shows a misdeposit, or a push's arrival, to the screen: detect, queue, infer, decide, publish, show, and the whole.",
			Buckets: []float64{.025, .05, .1, .15, .2, .3, .4, .5, .75, 1, 1.5, 2, 3, 5, 10},
		}, []string{"step"}),
		station: prometheus.NewSummaryVec(prometheus.SummaryOpts{
			Name: "binside_station_prompt_seconds", Help: "The same by station, over the last 15 minutes, of the stations that have shown a prompt lately.",
			Objectives: map[float64]float64{.5: .02, .95: .005, .99: .001}, MaxAge: latencyWindow,
		}, []string{"station", "step"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "binside_http_panics_total", Help: "Panics in requests."}),
	}
	var err error
	m.stations, err = lru.NewWithEvict(maxStations, func(id string, _ struct{}) {
		m.station.DeletePartialMatch(prometheus.Labels{"station": id})
	})
	if err != nil {
		panic(err) // only for a size below 1, and this one is a constant
	}
	if r != nil {
		r.MustRegister(m.requests, m.seconds, m.refusals, m.streams, m.panics, m.prompt, m.station)
	}
	return m
}

// shown counts how long a prompt took to the screen. What an agent hands in
// after an outage says nothing of how quick its station is now.
func (m *metrics) shown(i *inspection.Inspection, now time.Time) {
	line := i.TimeLine()
	lately := line.ShownAt != nil && now.Sub(*line.ShownAt) < latencyWindow
	if lately {
		m.stations.Add(i.StationID, struct{}{})
	}
	for step, took := range line.Durations() {
		m.prompt.WithLabelValues(step).Observe(took.Seconds())
		if lately {
			m.station.WithLabelValues(i.StationID, step).Observe(took.Seconds())
		}
	}
}

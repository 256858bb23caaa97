package uplink

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	registerer prometheus.Registerer
	all        []prometheus.Collector

	handed, rejected prometheus.Counter
	failures         *prometheus.CounterVec // by what failed
	dropped          *prometheus.CounterVec // by what
}

func newMetrics(u *Uplink) *metrics {
	m := &metrics{
		handed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "binside_uplink_handed_total", Help: "Records that the server has stored, repetitions and later revisions included."}),
		rejected: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "binside_uplink_rejected_total", Help: "Times that the server would not take a record."}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "binside_uplink_failures_total", Help: "Failed rounds: pull, voice, call, answer, hand-in, report, tend."}, []string{"what"}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "binside_uplink_dropped_total", Help: "What went for lack of room before the server had it: pictures, passes."}, []string{"what"}),
	}
	m.all = []prometheus.Collector{m.handed, m.rejected, m.failures, m.dropped}
	for name, g := range map[string]struct {
		help  string
		value func(Status) float64
	}{
		"binside_uplink_online":         {"Whether the server was reached at the last try.", func(s Status) float64 { return truth(s.Online) }},
		"binside_uplink_backlog":        {"Inspections that wait for the server.", func(s Status) float64 { return float64(s.Backlog.Inspections) }},
		"binside_uplink_backlog_bytes":  {"Bytes of the pictures that wait.", func(s Status) float64 { return float64(s.Backlog.Bytes) }},
		"binside_uplink_disk_bytes":     {"Bytes that are kept of inspections.", func(s Status) float64 { return float64(s.Disk.Bytes) }},
		"binside_uplink_disk_full":      {"Whether only flags that the server lacks are left, and take more than they may.", func(s Status) float64 { return truth(s.Disk.Full) }},
		"binside_uplink_skew_seconds":   {"How far this clock is behind the server's; 0 before it was measured.", func(s Status) float64 { return s.Skew.Seconds() }},
		"binside_uplink_bundle":         {"Sequence of the bundle in force.", func(s Status) float64 { return float64(s.Bundle) }},
		"binside_uplink_bundle_refused": {"Whether the server's newest bundle was not taken.", func(s Status) float64 { return truth(s.Refused != "") }},
	} {
		m.all = append(m.all, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: g.help}, func() float64 { return g.value(u.Status()) }))
	}
	return m
}

func (m *metrics) register(r prometheus.Registerer) {
	if m.registerer = r; r != nil {
		r.MustRegister(m.all...)
	}
}

func (m *metrics) unregister() {
	if m.registerer == nil {
		return
	}
	for _, c := range m.all {
		m.registerer.Unregister(c)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

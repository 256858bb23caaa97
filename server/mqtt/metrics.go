package mqtt

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	received  *prometheus.CounterVec // by kind, outcome
	published *prometheus.CounterVec // by kind, outcome
	refused   *prometheus.CounterVec // by reason
	cut       prometheus.Counter
}

// What became of a pushed message.
const (
	taken   = "taken"
	refused = "refused" // it was wrong; the answer is on the errors topic
	busy    = "busy"    // the camera's detector is behind
	dropped = "dropped" // a newer frame took its place, or there was no room
	retried = "retried" // a fault of ours: it is tried again
)

func newMetrics(r prometheus.Registerer, clients func() float64) *metrics {
	m := &metrics{
		received: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "binside_mqtt_received_total", Help: "Messages of MQTT devices, by kind and what became of them."}, []string{"kind", "outcome"}),
		published: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "binside_mqtt_published_total", Help: "Messages to MQTT devices, by kind and whether the server took them."}, []string{"kind", "outcome"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "binside_mqtt_connections_refused_total", Help: "MQTT connections that were refused, by reason."}, []string{"reason"}),
		cut: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "binside_mqtt_connections_cut_total", Help: "MQTT connections that were ended because their token no longer holds."}),
	}
	if r != nil {
		r.MustRegister(m.received, m.published, m.refused, m.cut, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "binside_mqtt_clients", Help: "MQTT devices that are connected."}, clients))
	}
	return m
}

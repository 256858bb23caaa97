package mqtt

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	received  *prometheus.CounterVec // by kind, outcome
	published *prometheus.CounterVec // by kind, outcome
	refused   *prometheus.CounterVec // by reason
	cut       *prometheus.CounterVec // by reason

	droppedSessions, droppedMessages prometheus.Counter
}

// What became of a pushed message.
const (
	taken   = "taken"
	refused = "refused" // it was wrong; the answer is on the errors topic
	busy    = "busy"    // the camera's detector is behind
	dropped = "dropped" // a newer frame took its place, or there was no room
	retried = "retried" // a fault of ours: it is tried again
)

func newMetrics(r prometheus.Registerer, count func() (devices, sessions int)) *metrics {
	m := &metrics{
		received: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "binside_mqtt_received_total", Help: "Messages of MQTT devices, by kind and what became of them."}, []string{"kind", "outcome"}),
		published: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "binside_mqtt_published_total", Help: "Messages to MQTT devices, by kind and whether the server took them."}, []string{"kind", "outcome"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "binside_mqtt_connections_refused_total", Help: "MQTT connections that were refused, by reason."}, []string{"reason"}),
		cut: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "binside_mqtt_connections_cut_total", Help: "MQTT connections that this service ended, by reason: the token no longer holds, or the device went beyond a bound."}, []string{"reason"}),
		droppedSessions: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "binside_mqtt_sessions_dropped_total", Help: "Durable MQTT sessions that were dropped: nobody came back, or their token no longer holds."}),
		droppedMessages: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "binside_mqtt_messages_dropped_total", Help: "Messages that waited for MQTT devices that are away and were dropped, the oldest of too many."}),
	}
	if r != nil {
		r.MustRegister(m.received, m.published, m.refused, m.cut, m.droppedSessions, m.droppedMessages,
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "binside_mqtt_clients", Help: "MQTT devices that are connected."}, func() float64 {
				devices, _ := count()
				return float64(devices)
			}),
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "binside_mqtt_sessions", Help: "Durable MQTT sessions, connected or not."}, func() float64 {
				_, sessions := count()
				return float64(sessions)
			}))
	}
	return m
}

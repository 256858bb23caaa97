package correction

import "github.com/prometheus/client_golang/prometheus"

// Taken is the count of removals with an outcome.
func (s *Service) Taken(outcome string) prometheus.Counter { return s.taken.WithLabelValues(outcome) }

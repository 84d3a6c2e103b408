package externalmetrics

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics are the metrics of this package. Their labels are bounded: paths are templates.
type metrics struct {
	requests *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	return &metrics{requests: promauto.With(reg).NewCounterVec(prometheus.CounterOpts{
		Name: "pilotlight_external_metrics_requests_total", Help: "Requests of the Kubernetes API server, by path and status.",
	}, []string{"path", "status"})}
}

// answered counts a request.
func (m *metrics) answered(path string, code int) {
	m.requests.WithLabelValues(path, strconv.Itoa(code)).Inc()
}

package app

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// reloadMetrics tell how loading the configuration went.
type reloadMetrics struct {
	success prometheus.Gauge
	at      prometheus.Gauge
	info    *prometheus.GaugeVec
}

// newReloadMetrics registers the metrics.
func newReloadMetrics(reg prometheus.Registerer) *reloadMetrics {
	f := promauto.With(reg)
	return &reloadMetrics{
		success: f.NewGauge(prometheus.GaugeOpts{
			Name: "pilotlight_config_last_reload_successful", Help: "1 if the last attempt to load the configuration succeeded.",
		}),
		at: f.NewGauge(prometheus.GaugeOpts{
			Name: "pilotlight_config_last_reload_success_timestamp_seconds", Help: "Time of the last load that succeeded.",
		}),
		info: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "pilotlight_config_info", Help: "1 for the hash of the configuration in force.",
		}, []string{"hash"}),
	}
}

// loaded tells that a configuration is in force.
func (m *reloadMetrics) loaded(at time.Time, hash string) {
	m.success.Set(1)
	m.at.Set(float64(at.Unix()))
	m.info.Reset()
	m.info.WithLabelValues(hash).Set(1)
}

// refused tells that a configuration was not taken.
func (m *reloadMetrics) refused() { m.success.Set(0) }

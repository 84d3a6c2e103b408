package prometheus

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"pilotlight/models"
)

// metrics are Pilotlight's own metrics about a collector.
type metrics struct {
	collector string
	queries   *prometheus.CounterVec
	durations *prometheus.HistogramVec
	retries   *prometheus.CounterVec
	series    *prometheus.GaugeVec
	problems  *prometheus.CounterVec
}

// newMetrics registers the metrics with reg, which may be nil. Collectors share the metrics of one registerer, so a collector
// can be built anew while the old one still runs.
func newMetrics(collector string, reg prometheus.Registerer) (*metrics, error) {
	labels := []string{"collector", "signal"}
	m := &metrics{
		collector: collector,
		queries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pilotlight_collector_queries_total",
			Help: "Requests to the source, retries included, by outcome.",
		}, append(labels, "outcome")),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "pilotlight_collector_query_duration_seconds",
			Help:    "Time from sending a request to the source to having decoded its answer.",
			Buckets: prometheus.ExponentialBuckets(0.005, 3, 9),
		}, labels),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pilotlight_collector_retries_total",
			Help: "Requests to the source that were repeated.",
		}, labels),
		series: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "pilotlight_collector_series",
			Help: "Series with at least one value in the latest answer.",
		}, labels),
		problems: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pilotlight_collector_problems_total",
			Help: "Problems reported with the data, such as series without the labels of a target.",
		}, labels),
	}
	err := errors.Join(register(reg, &m.queries), register(reg, &m.durations), register(reg, &m.retries),
		register(reg, &m.series), register(reg, &m.problems))
	return m, err
}

// register registers a metric, or takes over the same metric if it is registered already.
func register[C prometheus.Collector](reg prometheus.Registerer, metric *C) error {
	if reg == nil {
		return nil
	}
	err := reg.Register(*metric)
	if there, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if same, ok := there.ExistingCollector.(C); ok {
			*metric = same
			return nil
		}
	}
	return err
}

// timer starts a measurement of a request, which the returned function ends.
func (m *metrics) timer(signal models.Signal) func() {
	t := prometheus.NewTimer(m.durations.WithLabelValues(m.collector, signal.String()))
	return func() { t.ObserveDuration() }
}

func (m *metrics) done(signal models.Signal, outcome string) {
	m.queries.WithLabelValues(m.collector, signal.String(), outcome).Inc()
}

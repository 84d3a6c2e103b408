package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics are the metrics of this package. Their labels are bounded: routes are templates, unknown paths and methods share one
// value each.
type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	streams  prometheus.Gauge
	events   prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	return &metrics{
		requests: f.NewCounterVec(prometheus.CounterOpts{
			Name: "pilotlight_api_requests_total", Help: "Requests answered, by route, method and status.",
		}, []string{"route", "method", "status"}),
		duration: f.NewHistogramVec(prometheus.HistogramOpts{
			Name: "pilotlight_api_request_duration_seconds", Help: "Time from the start of a request to its end, streams left out.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"route", "method"}),
		streams: f.NewGauge(prometheus.GaugeOpts{
			Name: "pilotlight_api_event_streams", Help: "Streams of events that are open.",
		}),
		events: f.NewCounter(prometheus.CounterOpts{
			Name: "pilotlight_api_events_sent_total", Help: "Events sent on streams.",
		}),
	}
}

// observe records one request.
func (m *metrics) observe(route, method string, status int, took time.Duration) {
	if route == "" {
		route = "unmatched"
	}
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
	default:
		method = "other"
	}
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
	if route != pathEvents {
		m.duration.WithLabelValues(route, method).Observe(took.Seconds())
	}
}

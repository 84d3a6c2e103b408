package journal

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics count what the journal does.
type metrics struct {
	registerer prometheus.Registerer
	registered []prometheus.Collector

	events      prometheus.Counter
	repeated    prometheus.Counter
	failures    prometheus.Counter
	duration    prometheus.Histogram
	unread      prometheus.Counter
	states      prometheus.Counter
	stateVolume prometheus.Counter
}

// newMetrics makes and registers the metrics.
func newMetrics(reg prometheus.Registerer, current func() *client) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "pilotlight", Subsystem: "journal", Name: name, Help: help})
	}
	m := &metrics{
		registerer: reg,
		events:     counter("events_appended_total", "Events recorded."),
		repeated:   counter("events_repeated_total", "Events that were recorded already when they were appended again."),
		failures:   counter("append_failures_total", "Writes of events that failed."),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "pilotlight", Subsystem: "journal", Name: "append_duration_seconds",
			Help: "Time of a write of events, the sync of the disk included.", Buckets: prometheus.ExponentialBuckets(0.0001, 4, 9),
		}),
		unread:      counter("unreadable_total", "Events and states skipped because they could not be read."),
		states:      counter("states_saved_total", "States saved."),
		stateVolume: counter("states_saved_bytes_total", "Volume of the states saved."),
	}
	all := []prometheus.Collector{m.events, m.repeated, m.failures, m.duration, m.unread, m.states, m.stateVolume, newStored(current)}
	for _, c := range all {
		if err := reg.Register(c); err != nil {
			m.unregister()
			return nil, fmt.Errorf("register the metrics of the journal: %w", err)
		}
		m.registered = append(m.registered, c)
	}
	return m, nil
}

// unregister removes the metrics, so that another journal can be opened.
func (m *metrics) unregister() {
	for _, c := range m.registered {
		m.registerer.Unregister(c)
	}
}

func (m *metrics) appended(n int, took time.Duration) {
	m.events.Add(float64(n))
	m.duration.Observe(took.Seconds())
}

func (m *metrics) duplicates(n int) { m.repeated.Add(float64(max(n, 0))) }
func (m *metrics) failed()          { m.failures.Inc() }
func (m *metrics) unreadable()      { m.unread.Inc() }

func (m *metrics) saved(bytes int) {
	m.states.Inc()
	m.stateVolume.Add(float64(bytes))
}

// stored asks the server at each scrape what it holds.
type stored struct {
	client                            func() *client
	events, bytes, lost, states, size *prometheus.Desc
}

var _ prometheus.Collector = (*stored)(nil)

func newStored(current func() *client) *stored {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(prometheus.BuildFQName("pilotlight", "journal", name), help, nil, nil)
	}
	return &stored{
		client: current,
		events: desc("events", "Events in the journal."),
		bytes:  desc("events_bytes", "Size of the events in the journal."),
		lost:   desc("events_lost", "Events that are missing because of damage on the disk."),
		states: desc("states", "States in the journal."),
		size:   desc("states_bytes", "Size of the states in the journal."),
	}
}

// Describe implements prometheus.Collector.
func (s *stored) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{s.events, s.bytes, s.lost, s.states, s.size} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (s *stored) Collect(ch chan<- prometheus.Metric) {
	//nolint:forbidigo // The interface has no context.
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	stats, err := s.client().stats(ctx)
	if err != nil {
		// An error here would hide the metrics of all other parts from the scrape.
		return
	}
	for _, g := range []struct {
		desc  *prometheus.Desc
		value uint64
	}{
		{s.events, stats.Events}, {s.bytes, stats.Bytes}, {s.lost, stats.Lost}, {s.states, stats.States}, {s.size, stats.StateBytes},
	} {
		ch <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, float64(g.value))
	}
}

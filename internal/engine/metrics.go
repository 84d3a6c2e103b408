package engine

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"pilotlight/models"
)

// metrics are what the engine tells about itself. Labels are bounded: none of them holds a target.
type metrics struct {
	lastStep       prometheus.Gauge
	failures       prometheus.Counter
	targets        *prometheus.GaugeVec
	up             *prometheus.GaugeVec
	cursor         *prometheus.GaugeVec
	decisions      *prometheus.CounterVec
	outcomes       *prometheus.CounterVec
	forecasts      *prometheus.GaugeVec
	recommendation *prometheus.GaugeVec
	warm           *prometheus.GaugeVec
	paused         prometheus.Gauge
	bands          prometheus.Counter
	journal        prometheus.Counter
	refusals       prometheus.Gauge
}

// newMetrics registers the metrics; without a registerer they are kept but shown nowhere.
func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	gauge := func(name, help string) prometheus.GaugeOpts { return prometheus.GaugeOpts{Name: name, Help: help} }
	counter := func(name, help string) prometheus.CounterOpts { return prometheus.CounterOpts{Name: name, Help: help} }
	return &metrics{
		lastStep: f.NewGauge(gauge("pilotlight_last_step_timestamp_seconds", "Time of the last step that ended.")),
		failures: f.NewCounter(counter("pilotlight_step_failures_total", "Steps that failed as a whole.")),
		targets:  f.NewGaugeVec(gauge("pilotlight_targets", "Targets by the state of their data."), []string{"data"}),
		up:       f.NewGaugeVec(gauge("pilotlight_collector_up", "1 if the collector could be read at the last step."), []string{"collector"}),
		cursor: f.NewGaugeVec(gauge("pilotlight_collector_read_until_timestamp_seconds",
			"End of the newest step read from the collector."), []string{"collector"}),
		decisions: f.NewCounterVec(counter("pilotlight_decisions_total",
			"Decisions recorded, by whether they would change the capacity."), []string{"change"}),
		outcomes:  f.NewCounterVec(counter("pilotlight_actions_total", "Actions by how they ended."), []string{"status"}),
		forecasts: f.NewGaugeVec(gauge("pilotlight_forecasts", "Targets by the use of their forecast."), []string{"use"}),
		recommendation: f.NewGaugeVec(gauge("pilotlight_recommendations",
			"Targets by the status of their latest recommendation."), []string{"status"}),
		warm:   f.NewGaugeVec(gauge("pilotlight_warm_instances", "Warm instances over all targets, as observed and as desired."), []string{"kind"}),
		paused: f.NewGauge(gauge("pilotlight_paused", "1 while writes are paused.")),
		bands:  f.NewCounter(counter("pilotlight_out_of_band_changes_total", "Capacity changes by somebody else that were noticed.")),
		refusals: f.NewGauge(gauge("pilotlight_targets_refused",
			"Targets that collectors have found and that cannot be used; the API lists why.")),
		journal: f.NewCounter(counter("pilotlight_journal_failures_total", "Writes to the journal that failed.")),
	}
}

func (m *metrics) failed()        { m.failures.Inc() }
func (m *metrics) outOfBand()     { m.bands.Inc() }
func (m *metrics) journalFailed() { m.journal.Inc() }

func (m *metrics) setPaused(paused bool) {
	m.paused.Set(0)
	if paused {
		m.paused.Set(1)
	}
}

// collected tells how the reading of a source went.
func (m *metrics) collected(s *source) {
	up := 1.0
	if s.err != nil {
		up = 0
	}
	m.up.WithLabelValues(s.Name).Set(up)
	if !s.cursor.IsZero() {
		m.cursor.WithLabelValues(s.Name).Set(float64(s.cursor.Unix()))
	}
}

// forget removes the series of a source that is gone, else it would count as down for ever.
func (m *metrics) forget(source string) {
	m.up.DeleteLabelValues(source)
	m.cursor.DeleteLabelValues(source)
}

// decided counts a decision that was recorded.
func (m *metrics) decided(d *models.Decision) {
	change := "no"
	if d.Changes() {
		change = "yes"
	}
	m.decisions.WithLabelValues(change).Inc()
}

// acted counts an action that ended.
func (m *metrics) acted(o *models.Outcome) { m.outcomes.WithLabelValues(string(o.Status)).Inc() }

// stepped tells the state after a Step.
func (m *metrics) stepped(now time.Time, units []*unit) {
	data := map[models.DataState]int{models.DataFresh: 0, models.DataStale: 0, models.DataMissing: 0}
	uses := map[string]int{"used": 0, "no_skill": 0, "none": 0}
	statuses := map[models.RecommendationStatus]int{}
	var observed, desired int
	for _, u := range units {
		p := u.published.Load()
		if p == nil {
			continue
		}
		data[p.status.Data]++
		switch {
		case p.unfit, p.forecast != nil && p.forecast.Unfit() != nil:
			uses["no_skill"]++
		case p.forecast == nil:
			uses["none"]++
		default:
			uses["used"]++
		}
		have, _ := p.status.Observation.Capacity.Warm()
		want := have
		if p.status.Latest != nil {
			statuses[p.status.Latest.Status]++
			if n, ok := p.status.Latest.Decision.Desired.Warm(); ok {
				want = n
			}
		}
		observed += have
		desired += want
	}
	for state, n := range data {
		m.targets.WithLabelValues(string(state)).Set(float64(n))
	}
	for use, n := range uses {
		m.forecasts.WithLabelValues(use).Set(float64(n))
	}
	m.recommendation.Reset()
	for status, n := range statuses {
		m.recommendation.WithLabelValues(string(status)).Set(float64(n))
	}
	m.warm.WithLabelValues("observed").Set(float64(observed))
	m.warm.WithLabelValues("desired").Set(float64(desired))
	m.lastStep.Set(float64(now.Unix()))
}

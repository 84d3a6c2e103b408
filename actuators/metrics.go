package actuators

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"pilotlight/models"
)

// The values of the label op.
const (
	opObserve  = "observe"
	opApply    = "apply"
	opRehearse = "rehearse"
)

// Metrics counts and times the calls of actuators. Make one for all of a process.
type Metrics struct {
	calls    *prometheus.CounterVec
	duration *prometheus.HistogramVec
	open     *prometheus.GaugeVec
	stops    *prometheus.CounterVec
}

// NewMetrics makes the metrics and registers them with reg; nil registers them nowhere. It panics if they are registered
// there already, as promauto does.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	factory := promauto.With(reg)
	return &Metrics{
		calls: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "pilotlight_actuator_calls_total",
			Help: "Calls to a platform by operation (observe, apply, rehearse) and outcome: ok, an error kind, cancelled, or what held a write " +
				"back (dry_run, paused, held, expired).",
		}, []string{"actuator", "op", "outcome"}),
		duration: factory.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "pilotlight_actuator_call_duration_seconds",
			Help:    "Time that calls to a platform took, successful or not, without those that were held back.",
			Buckets: []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30},
		}, []string{"actuator", "op"}),
		open: factory.NewGaugeVec(prometheus.GaugeOpts{
			Name: "pilotlight_actuator_circuit_open",
			Help: "1 while no call is made to a platform, because the last ones failed.",
		}, []string{"actuator", "op"}),
		stops: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "pilotlight_actuator_circuit_opened_total",
			Help: "How often calls to a platform were stopped, because several in a row failed.",
		}, []string{"actuator", "op"}),
	}
}

// circuit returns what tells that calls to a platform stop or go on; nil metrics tell nobody.
func (m *Metrics) circuit(name, op string) func(open bool) {
	if m == nil {
		return nil
	}
	state, stops := m.open.WithLabelValues(name, op), m.stops.WithLabelValues(name, op)
	return func(open bool) {
		state.Set(0)
		if open {
			state.Set(1)
			stops.Inc()
		}
	}
}

// outcomes are the values of the label outcome; they are few and fixed.
func outcomes() []string {
	all := []string{
		"ok", "cancelled", string(models.OutcomeDryRun), string(models.OutcomePaused), string(models.OutcomeHeld),
		string(models.OutcomeExpired),
	}
	for _, kind := range models.ErrorKinds() {
		all = append(all, string(kind))
	}
	return all
}

// outcomeOf names how a call ended, and whether it was held back before it reached the platform.
func outcomeOf(err error) (name string, held bool) {
	switch {
	case err == nil:
		return "ok", false
	case errors.Is(err, models.ErrDryRun):
		return string(models.OutcomeDryRun), true
	case errors.Is(err, models.ErrPaused):
		return string(models.OutcomePaused), true
	case errors.Is(err, models.ErrHeld):
		return string(models.OutcomeHeld), true
	case errors.Is(err, models.ErrExpired):
		return string(models.OutcomeExpired), true
	}
	_, platform := errors.AsType[*Error](err)
	kind := KindOf(err)
	switch {
	case !platform && errors.Is(err, context.Canceled):
		return "cancelled", false
	case slices.Contains(models.ErrorKinds(), kind):
		return string(kind), false
	default:
		// An adapter that makes up kinds must not make up series.
		return string(models.KindPermanent), false
	}
}

// metered counts and times calls.
type metered struct {
	inner   Actuator
	metrics *Metrics
	name    string
	now     func() time.Time
}

// WithMetrics returns an actuator that counts and times each call under the configured name of the actuator.
func WithMetrics(inner Actuator, metrics *Metrics, name string, now func() time.Time) Actuator {
	// All series exist from the start, so that a rate over the first error is not lost.
	ops := []string{opObserve, opApply}
	if CanRehearse(inner) {
		ops = append(ops, opRehearse)
	}
	for _, op := range ops {
		metrics.duration.WithLabelValues(name, op)
		for _, outcome := range outcomes() {
			metrics.calls.WithLabelValues(name, op, outcome)
		}
	}
	return &metered{inner: inner, metrics: metrics, name: name, now: now}
}

// Observe implements Actuator.
func (m *metered) Observe(ctx context.Context, target models.Target) (models.Observation, error) {
	began := m.now()
	obs, err := m.inner.Observe(ctx, target)
	m.record(opObserve, began, err)
	return obs, err
}

// Apply implements Actuator.
func (m *metered) Apply(ctx context.Context, target models.Target, action models.Action) error {
	began := m.now()
	err := m.inner.Apply(ctx, target, action)
	m.record(opApply, began, err)
	return err
}

// record counts a call that has ended.
func (m *metered) record(op string, began time.Time, err error) {
	outcome, held := outcomeOf(err)
	m.metrics.calls.WithLabelValues(m.name, op, outcome).Inc()
	if !held {
		m.metrics.duration.WithLabelValues(m.name, op).Observe(max(0, m.now().Sub(began).Seconds()))
	}
}

// Levers implements Actuator.
func (m *metered) Levers() models.Lever { return m.inner.Levers() }

// Unwrap returns the actuator inside.
func (m *metered) Unwrap() Actuator { return m.inner }

package prometheus

import (
	"testing"
	"time"

	"pilotlight/collectors"
	"pilotlight/collectors/collectorstest"
	"pilotlight/models"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	collectorstest.Run(t, func(t *testing.T) collectorstest.Fixture {
		t.Helper()
		f := newFake(t)
		until := t0.Add(time.Hour)
		inTime := func(value func(time.Time) (float64, bool)) func(time.Time) (float64, bool) {
			return func(at time.Time) (float64, bool) {
				v, ok := value(at)
				return v, ok && at.Before(until)
			}
		}
		f.series["function_invocations_total"] = []fakeSeries{
			{labels: named("zeta"), value: inTime(minuteOf)},
			{labels: named("alpha"), value: inTime(func(at time.Time) (float64, bool) { return 7, at.Minute() != 4 })},
		}
		f.series["function_invocations_total"] = append(f.series["function_invocations_total"],
			fakeSeries{labels: map[string]string{"app": "no function"}, value: inTime(constant(1))},
			fakeSeries{labels: named("new\nline"), value: inTime(constant(1))})
		f.series["function_duration_seconds_count"] = []fakeSeries{
			{labels: named("alpha"), value: inTime(constant(0.25))},
		}
		f.extra = `,"warnings":["one store did not answer"]`
		req := minutes(10, models.SignalInvocations, models.SignalDuration, models.SignalErrors)
		return collectorstest.Fixture{
			// Three steps a query: the suite sees slices.
			Collector: f.collector(t, func(c *Config) { c.MaxPointsPerQuery = 3 }),
			Request:   req,
			Gaps: []collectorstest.Gap{
				{Target: "alpha", Signal: models.SignalInvocations, Start: t0.Add(3 * time.Minute)},
			},
			Empty: collectors.Request{
				Start: until.Add(time.Hour), End: until.Add(2 * time.Hour), Step: time.Minute, Signals: req.Signals,
			},
			Hang: f.Hang,
		}
	})
}

package trace

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
		c := NewFromTrace("t", build(t, 12, []Row{{0, 3}, {5, 2}, {6, 4}, {11, 1}}, []Row{{3, 1}}), time.Second)
		req := collectors.Request{Start: testStart, End: testStart.Add(10 * time.Minute), Step: time.Minute, Signals: both()}
		empty := req
		empty.Start, empty.End = testStart.Add(time.Hour), testStart.Add(2*time.Hour)
		return collectorstest.Fixture{
			Collector: c, Request: req, Empty: empty,
			Gaps: []collectorstest.Gap{{Target: "f2", Signal: models.SignalDuration, Start: testStart.Add(time.Minute)}},
		}
	})
}

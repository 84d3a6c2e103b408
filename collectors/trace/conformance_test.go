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
		cfg := DefaultConfig()
		cfg.Dir = "../../testdata/traces/small"
		c, err := New("trace", cfg)
		if err != nil {
			t.Fatal(err)
		}
		tr := c.Trace()
		req := collectors.Request{Start: tr.TimeOf(2240), End: tr.TimeOf(2270), Step: time.Minute, Signals: models.Signals()}
		var gaps []collectorstest.Gap
		for i := range tr.Functions {
			quiet := 2240
			for _, row := range tr.Rows(i, 2240, 2270) {
				if int(row.Minute) == quiet {
					quiet++
				}
			}
			if quiet < 2270 && len(tr.Rows(i, 2240, 2270)) > 0 {
				gaps = append(gaps, collectorstest.Gap{
					Target: models.TargetID(tr.Functions[i].Name), Signal: models.SignalDuration, Start: tr.TimeOf(quiet),
				})
			}
		}
		if len(gaps) == 0 {
			t.Fatal("the trace has no minute without invocations in the request")
		}
		empty := req
		empty.Start, empty.End = tr.End(), tr.End().Add(time.Hour)
		return collectorstest.Fixture{Collector: c, Request: req, Gaps: gaps, Empty: empty}
	})
}

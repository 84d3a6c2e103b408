package advisor_test

import (
	"regexp"
	"testing"
	"time"

	"pilotlight/predictor/advisor/advisortest"
)

// surgePattern is how the operator of these tests announces an event.
var surgePattern = regexp.MustCompile(`(T\d+) gets (\d)x from (\S+) to (\S+)\.`)

// honest reads the operator's text as a good model would.
func honest(t *testing.T) advisortest.Respond {
	t.Helper()
	return func(r advisortest.Request) advisortest.Reply {
		b, err := r.Brief()
		if err != nil {
			t.Error(err)
		}
		m := surgePattern.FindStringSubmatch(b.Text)
		if m == nil {
			return advisortest.Advices()
		}
		start, err := time.Parse(time.RFC3339, m[3])
		if err != nil {
			t.Error(err)
		}
		end, err := time.Parse(time.RFC3339, m[4])
		if err != nil {
			t.Error(err)
		}
		return advisortest.Advices(advisortest.Advice{
			Kind: "multiplier", Subjects: []string{m[1]}, Start: start, End: end, Value: float64(m[2][0] - '0'), Confidence: 0.9, Reason: "announced",
		})
	}
}

// TestHonestModel lets a scripted model read what the operator says.
func TestHonestModel(t *testing.T) {
	t.Parallel()
	server := advisortest.New(t, advisortest.Config{}, honest(t))
	c := client(t, configured(server))
	b := brief()
	b.Text = "prod/search gets 2x from 2026-03-03T20:00:00Z to 2026-03-03T22:00:00Z."
	reply, _, err := c.Advise(t.Context(), b)
	if err != nil || len(reply.Hints) != 1 || describe(reply.Hints[0]) != "prod/search x2 03-03T20:00+2h0m0s" {
		t.Errorf("%+v %v", reply, err)
	}
	b.Text = ""
	if reply, _, err := c.Advise(t.Context(), b); err != nil || len(reply.Hints)+len(reply.Dropped) != 0 {
		t.Errorf("%+v %v", reply, err)
	}
}

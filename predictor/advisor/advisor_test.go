package advisor_test

import (
	"bytes"
	"context"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"pilotlight/models"
	"pilotlight/predictor/advisor"
	"pilotlight/predictor/advisor/advisortest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// now is a Monday.
var now = time.Date(2026, 3, 2, 12, 0, 30, 0, time.UTC)

const apiKey = "sk-test-0123456789abcdefghij"

// configured is a configuration for a server.
func configured(server *advisortest.Server, change ...func(*advisor.Config)) advisor.Config {
	c := advisor.DefaultConfig()
	c.Enabled, c.BaseURL, c.Model, c.APIKeyEnv = true, server.URL, "test-model", "KEY"
	for _, f := range change {
		f(&c)
	}
	return c
}

func deps() advisor.Deps {
	return advisor.Deps{
		Now: func() time.Time { return now }, Lookup: func(string) (string, bool) { return apiKey, true },
		BoundaryKey: bytes.Repeat([]byte{7}, 32), Wait: func(context.Context, time.Duration) error { return nil },
	}
}

// client returns a client of a server.
func client(t *testing.T, config advisor.Config, change ...func(*advisor.Deps)) *advisor.Client {
	t.Helper()
	d := deps()
	for _, f := range change {
		f(&d)
	}
	c, err := advisor.New(config, d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// brief is one with two targets of a group, and the group.
func brief() advisor.Brief {
	week := make([]float64, 168)
	for i := range week {
		week[i] = 10 + float64(i%24)
	}
	return advisor.Brief{
		Now: now, Zone: time.UTC, Step: time.Minute,
		Subjects: []advisor.Subject{
			{
				Target: "prod/checkout", Group: "shop", Unit: "requests per second", HourOfWeek: week, RecentHours: week[:48], WeekTotals: []float64{1e6, 1.1e6},
				ForecastMean: week[:24], ForecastHigh: week[:24], HighLevel: 0.9, RelativeError: 0.12, Bias: math.NaN(), Warm: 2, MaxWarm: 20,
				Shifts: []advisor.Shift{{At: now.Add(-time.Hour), From: 10, To: 20}},
			},
			{Target: "prod/search", Group: "shop", Unit: "requests per second", HourOfWeek: week, RelativeError: math.NaN(), Bias: math.NaN(), Warm: -1, MaxWarm: -1},
			{Group: "shop", RelativeError: math.NaN(), Bias: math.NaN(), Warm: -1, MaxWarm: -1},
			{Target: "batch/nightly", RelativeError: math.NaN(), Bias: math.NaN(), Warm: 0, MaxWarm: 3},
		},
		Hints:   []models.Hint{{ID: "h", Selector: models.HintSelector{Targets: []string{"prod/*"}}, Start: now, End: now.Add(time.Hour), Multiplier: 2, Reason: "sale in prod/checkout"}},
		Notes:   []advisor.Note{{At: now.Add(-time.Hour), Kind: "deployment", Target: "prod/checkout", Text: "release 2.0 of prod/checkout"}},
		Text:    "Black Friday starts today 18:00, expect 4x on prod/checkout",
		Members: []string{"holt_winters", "seasonal_naive"},
	}
}

const good = `{"advices":[{"kind":"multiplier","subjects":["T1"],"start":"2026-03-02T18:00:00Z","end":"2026-03-03T02:00:00Z","value":2.5,"confidence":0.9,"reason":"The operator announces a campaign on T1."}],` +
	`"patterns":[{"subject":"T2","label":"daily","forecaster":"holt_winters","period_steps":1440,"confidence":0.8,"reason":"repeats by day"}]}`

// TestAdvise asks in every form that endpoints know.
func TestAdvise(t *testing.T) {
	t.Parallel()
	for _, output := range []advisor.Output{advisor.OutputSchema, advisor.OutputObject, advisor.OutputTool, advisor.OutputText} {
		for _, stream := range []bool{true, false} {
			t.Run(string(output)+map[bool]string{true: " in pieces", false: " whole"}[stream], func(t *testing.T) {
				t.Parallel()
				server := advisortest.New(t, advisortest.Config{Key: apiKey}, advisortest.Always(advisortest.Reply{Content: good, In: 1000, Out: 200, Model: "real-model"}))
				c := client(t, configured(server, func(c *advisor.Config) {
					c.Output, c.Stream = output, stream
					c.Budget.InputPerMillion, c.Budget.OutputPerMillion = 1, 10
				}))
				b := brief()
				reply, record, err := c.Advise(t.Context(), b)
				if err != nil {
					t.Fatal(err, server.Refused())
				}
				if len(reply.Hints) != 1 || len(reply.Patterns) != 1 || len(reply.Dropped)+len(reply.Clipped) != 0 {
					t.Fatalf("reply %+v", reply)
				}
				h := reply.Hints[0]
				if h.Multiplier != 2.5 || h.Selector.Targets[0] != "prod/checkout" || len(h.Selector.Groups) != 0 || h.Source != models.HintAdvisor || h.Advisor != "advisor" ||
					!h.Start.Equal(time.Date(2026, 3, 2, 18, 0, 0, 0, time.UTC)) || h.End.Sub(h.Start) != 8*time.Hour || h.Reason != "The operator announces a campaign on prod/checkout." {
					t.Errorf("hint %+v", h)
				}
				if p := reply.Patterns[0]; p.Target != "prod/search" || p.Member != "holt_winters" || p.Period != 1440 || p.Label != advisor.PatternDaily {
					t.Errorf("pattern %+v", p)
				}
				if record.Attempts != 1 || record.TokensIn != 1000 || record.TokensOut != 200 || record.USD != 0.003 || record.Model != "real-model" || len(record.Kept) != 1 {
					t.Errorf("record %+v", record)
				}
				p, err := c.AdvicePrompt(b)
				if err != nil || !bytes.Equal(p.Body, server.Requests()[0].Body) || p.URL != server.URL+"/chat/completions" {
					t.Errorf("what was shown is not what was sent: %v\n%s\n%s", err, p.Body, server.Requests()[0].Body)
				}
			})
		}
	}
}

// TestAzure asks a deployment on Azure, with a key out of a file.
func TestAzure(t *testing.T) {
	t.Parallel()
	server := advisortest.New(t, advisortest.Config{Key: apiKey, Deployment: "my-gpt", APIVersion: "2024-10-21"}, advisortest.Always(advisortest.Reply{Content: good}))
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(apiKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := client(t, configured(server, func(c *advisor.Config) {
		c.APIType, c.Deployment, c.APIVersion, c.Model, c.APIKeyEnv, c.APIKeyFile = advisor.APIAzure, "my-gpt", "2024-10-21", "", "", file
	}))
	reply, _, err := c.Advise(t.Context(), brief())
	if err != nil || len(reply.Hints) != 1 {
		t.Fatalf("%v %v", err, server.Refused())
	}
	p, err := c.AdvicePrompt(brief())
	if r := server.Requests()[0]; err != nil || !bytes.Equal(p.Body, r.Body) || p.URL != server.URL+r.Path {
		t.Errorf("sent to %s, shown %s", r.Path, p.URL)
	}
}

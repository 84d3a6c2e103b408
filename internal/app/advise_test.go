package app

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"pilotlight/api"
	"pilotlight/predictor/advisor/advisortest"
)

// scripted is a model that knows of one sale.
func scripted(t *testing.T, start time.Time) advisortest.Respond {
	t.Helper()
	return func(r advisortest.Request) advisortest.Reply {
		end := start.Add(time.Hour)
		switch r.Purpose() {
		case "hints":
			return advisortest.Reply{Content: fmt.Sprintf(`{"hints":[{"everything":true,"subjects":[],"start":%q,"end":%q,"recurrence":null,"multiplier":4,"floor":null,`+
				`"confidence":0.9,"reason":"Black Friday"}],"questions":["until when?"]}`, start.Format(time.RFC3339), end.Format(time.RFC3339))}
		case "explanation":
			return advisortest.Reply{Content: `{"sentences":[{"text":"Nothing has to change.","facts":["F1"]}]}`}
		}
		return advisortest.Advices(advisortest.Advice{Kind: "multiplier", Subjects: []string{"T1"}, Start: start, End: end, Value: 2, Confidence: 0.8, Reason: "sale"})
	}
}

func TestAdvisorOfARunningDaemon(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	start := now().Add(24 * time.Hour).Truncate(time.Hour)
	model := advisortest.New(t, advisortest.Config{}, scripted(t, start))
	more := fmt.Sprintf("advisor: {enabled: true, name: main, base_url: %q, model: scripted, every: 0s, cache_ttl: 0s}\n", model.URL)
	s.configure(t, 2, more)
	in := s.start(t, "")
	ops := commandLine{t: t, server: in.api, token: operator}
	o := ops.options()
	waitForTarget(t, &ops)
	ops.want(false, "", func(ctx context.Context, stdio IO) error {
		return AddNote(ctx, stdio, NoteOptions{HintsOptions: o, Kind: "deployment", Target: "shop", Text: "release 7 of shop"})
	})
	ops.want(false, "release 7", func(ctx context.Context, stdio IO) error { return ListNotes(ctx, stdio, o) })
	before := len(model.Requests())
	prompt := ops.want(false, "release 7 of T", func(ctx context.Context, stdio IO) error {
		return Advise(ctx, stdio, AdviseOptions{HintsOptions: o, ShowPrompt: true})
	})
	if strings.Contains(prompt, "shop") || len(model.Requests()) != before {
		t.Errorf("%d requests, %d before, the prompt is\n%s", len(model.Requests()), before, prompt)
	}
	ops.want(false, "sale", func(ctx context.Context, stdio IO) error {
		return Advise(ctx, stdio, AdviseOptions{HintsOptions: o, Text: "a sale tomorrow"})
	})
	ops.want(false, "advisor  ", func(ctx context.Context, stdio IO) error {
		return ListHints(ctx, stdio, ListHintsOptions{HintsOptions: o})
	})
	ops.want(false, "Advisor main, model scripted, last asked", func(ctx context.Context, stdio IO) error { return AdvisorReport(ctx, stdio, o) })
	parse := func(yes bool, input string) (string, error) {
		c := ops
		c.input = input
		return c.run(func(ctx context.Context, stdio IO) error {
			return ParseHints(ctx, stdio, ParseHintsOptions{HintsOptions: o, Text: "Black Friday, 4x on everything", Yes: yes})
		})
	}
	if out, err := parse(false, "n\n"); err != nil || !strings.Contains(out, "x4") || !strings.Contains(out, "question: until when?") || !strings.Contains(out, "Nothing is in force") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := parse(false, "y\n"); err != nil || !strings.Contains(out, "1 hints are in force") {
		t.Errorf("%v\n%s", err, out)
	}
	ops.want(false, "Black Friday", func(ctx context.Context, stdio IO) error {
		return ListHints(ctx, stdio, ListHintsOptions{HintsOptions: o, Source: "api"})
	})
	ops.want(false, "Nothing has to change. [decision]", func(ctx context.Context, stdio IO) error {
		return Explain(ctx, stdio, ExplainOptions{HintsOptions: o, Target: "shop"})
	})
	s.configure(t, 2, "")
	if code, body := in.call(t, "POST", "/api/v1/config/reload", operator); code != 200 {
		t.Fatalf("%d %s", code, body)
	}
	ops.want(true, "enabled: true", func(ctx context.Context, stdio IO) error { return Advise(ctx, stdio, AdviseOptions{HintsOptions: o}) })
	ops.want(false, "There is no advisor", func(ctx context.Context, stdio IO) error { return AdvisorReport(ctx, stdio, o) })
	ops.want(false, "[decision]", func(ctx context.Context, stdio IO) error {
		return Explain(ctx, stdio, ExplainOptions{HintsOptions: o, Target: "shop"})
	})
}

// waitForTarget waits until the daemon has decided about a target.
func waitForTarget(t *testing.T, c *commandLine) {
	t.Helper()
	for range 200 {
		o := c.options()
		o.Output = "json"
		out, err := c.run(func(ctx context.Context, stdio IO) error {
			return Explain(ctx, stdio, ExplainOptions{HintsOptions: o, Target: "shop"})
		})
		var n api.Narrative
		if err == nil && json.Unmarshal([]byte(out), &n) == nil && n.Decision != "" {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("the daemon has not decided about shop")
}

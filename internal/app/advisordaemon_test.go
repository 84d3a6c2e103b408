package app

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
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
		return AddNote(ctx, stdio, AddNoteOptions{HintsOptions: o, Kind: "deployment", Target: "shop", Text: "release 7 of shop"})
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
	ops.want(false, "main", func(ctx context.Context, stdio IO) error { return AdvisorReport(ctx, stdio, o) })
	parse := func(answer string) string {
		c := ops
		c.input = answer
		return c.want(false, "until when?", func(ctx context.Context, stdio IO) error {
			return parseHints(ctx, stdio, ParseHintsOptions{HintsOptions: o}, "Black Friday, 4x on everything", answer != "")
		})
	}
	if out := parse("n\n"); !strings.Contains(out, "x4") || !strings.Contains(out, "Nothing is in force") {
		t.Errorf("a no puts into force:\n%s", out)
	}
	id := regexp.MustCompile(`hints confirm (\w+)`).FindStringSubmatch(parse(""))
	if id == nil {
		t.Fatal("without a terminal it does not say how to confirm")
	}
	ops.want(false, "In force: ", func(ctx context.Context, stdio IO) error { return ConfirmHints(ctx, stdio, o, id[1]) })
	if out := parse("y\n"); !strings.Contains(out, "In force: ") {
		t.Errorf("a yes does not:\n%s", out)
	}
	ops.want(false, "Black Friday", func(ctx context.Context, stdio IO) error {
		return ListHints(ctx, stdio, ListHintsOptions{HintsOptions: o, Source: "api"})
	})
	ops.want(false, "Nothing has to change.", func(ctx context.Context, stdio IO) error {
		return Explain(ctx, stdio, ExplainOptions{HintsOptions: o}, "shop")
	})
	s.configure(t, 2, "")
	if code, body := in.call(t, "POST", "/api/v1/config/reload", operator); code != 200 {
		t.Fatalf("%d %s", code, body)
	}
	ops.want(true, "enabled: true", func(ctx context.Context, stdio IO) error { return Advise(ctx, stdio, AdviseOptions{HintsOptions: o}) })
	ops.want(false, "no advisor", func(ctx context.Context, stdio IO) error { return AdvisorReport(ctx, stdio, o) })
	ops.want(false, "decision", func(ctx context.Context, stdio IO) error {
		return Explain(ctx, stdio, ExplainOptions{HintsOptions: o}, "shop")
	})
}

// waitForTarget waits until the daemon has decided about a target.
func waitForTarget(t *testing.T, c *commandLine) {
	t.Helper()
	for range 200 {
		o := c.options()
		o.Output = "json"
		out, err := c.run(func(ctx context.Context, stdio IO) error {
			return Explain(ctx, stdio, ExplainOptions{HintsOptions: o}, "shop")
		})
		var n api.Narrative
		if err == nil && json.Unmarshal([]byte(out), &n) == nil && n.Decision != "" {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("the daemon has not decided about shop")
}

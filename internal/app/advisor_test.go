package app

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fakeDaemon answers with recorded bodies by method and path, and notes what it was asked.
func fakeDaemon(t *testing.T, answers map[string]string) (commandLine, func() []string) {
	t.Helper()
	asked := make(chan string, 100)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		key := r.Method + " " + r.URL.RequestURI()
		asked <- strings.TrimSpace(key + " " + string(body))
		answer, ok := answers[key]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			answer = `{"title":"Not Found","detail":"there is no advisor: set advisor.enabled"}`
		}
		_, _ = w.Write([]byte(answer)) // the test fails if it does not arrive
	}))
	t.Cleanup(srv.Close)
	return commandLine{t: t, server: srv.URL}, func() (all []string) {
		for len(asked) > 0 {
			all = append(all, <-asked)
		}
		return all
	}
}

const (
	sale      = `{"id":"sale","selector":{"targets":["shop/*"]},"start":"2026-11-26T19:00:00Z","end":"2026-11-27T01:00:00Z","multiplier":3,"reason":"Black Friday\u001b[31m"}`
	saleTable = "ID    LOAD  TARGETS  FIRST                                         REPEATS  REASON\n" +
		"sale  x3    shop/*   2026-11-26 19:00 to 2026-11-27 01:00 UTC  -        \"Black Friday\\x1b[31m\"\n"
)

func table(command func(context.Context, IO, HintsOptions) error) func(context.Context, IO) error {
	return func(ctx context.Context, stdio IO) error { return command(ctx, stdio, HintsOptions{Output: "table"}) }
}

// golden runs a command and compares what it prints, spaces between columns aside.
func (c commandLine) golden(want string, command func(context.Context, IO) error) {
	c.t.Helper()
	out, err := c.run(command)
	if err != nil {
		c.t.Errorf("error %v", err)
	}
	if diff := cmp.Diff(columns(want), columns(out)); diff != "" {
		c.t.Errorf("printed (-want +got)\n%s", diff)
	}
}

func columns(text string) []string {
	all := strings.Split(text, "\n")
	for i := range all {
		all[i] = strings.Join(strings.Fields(all[i]), " ")
	}
	return all
}

func TestAdviseAndReport(t *testing.T) {
	t.Parallel()
	c, asked := fakeDaemon(t, map[string]string{
		"POST /api/v1/advisor/advise": `{"at":"2026-11-25T10:00:00Z","advisor":"advisor","attempts":1,"tokens_in":900,"tokens_out":80,"usd":0.0123,"seconds":1.25,"kept":[` + sale + `],"dropped":["floor of 1e9\u001b[2J"]}`,
		"GET /api/v1/advisor/prompt":  `{"purpose":"advice","endpoint":"http://llm.example/v1","text":"line 1\nline\u001b[2J 2"}`,
		"GET /api/v1/advisor": `{"enabled":true,"name":"advisor","model":"m-1","last_asked":"2026-11-25T10:00:00Z","last_error":"timeout","cost_usd":0.5,"earned_usd":1.5,"benefit_usd":-2,
			"today":{"day":"2026-11-25","requests":3,"usd":0.1},"scores":[{"source":"advisor","kind":"multiplier","state":"active","weight":0.75,"events":4,"steps":240,"cost_with_gb_s":700,
			"cost_without_gb_s":1000,"cold_starts_with":3,"cold_starts_without":9,"benefit_usd":-0.25}],
			"patterns":[{"target":"shop/checkout","period":168,"loss":1.5,"loss_without":2,"accepted":true,"why":"better\nby 25 %"}]}`,
	})
	advise := func(o AdviseOptions) func(context.Context, IO) error {
		o.Output = "table"
		return func(ctx context.Context, stdio IO) error { return Advise(ctx, stdio, o) }
	}
	c.golden(saleTable+"dropped: floor of 1e9\ufffd[2J\nadvisor: 1 requests, 900 tokens in, 80 tokens out, $0.0123, 1.2 s.\n", advise(AdviseOptions{Text: "sale"}))
	c.golden("To http://llm.example/v1, for advice (nothing was sent):\n\nline 1\nline\ufffd[2J 2\n", advise(AdviseOptions{ShowPrompt: true}))
	c.golden("Advisor advisor, model m-1. Last asked 2026-11-25 10:00 UTC.\n"+
		"Cost $0.5000 (today $0.1000, 3 requests); advice saved $1.5000 with its weight, and would have saved -$2.0000 in full.\nlast error: timeout\n\n"+
		"SOURCE KIND STATE WEIGHT EVENTS STEPS COST WITH WITHOUT (GB-s) COLD STARTS WITH WITHOUT BENEFIT\n"+
		"advisor multiplier active 0.75 4 240 700 1000 3 9 -$0.2500\n\n"+
		"TARGET PROPOSED ACCEPTED LOSS WITHOUT WHY\nshop/checkout period 168 yes 1.5 2 better by 25 %\n", table(AdvisorReport))
	c.want(false, `"last_error": "timeout"`, func(ctx context.Context, stdio IO) error {
		return AdvisorReport(ctx, stdio, HintsOptions{Output: "json"})
	})
	want := []string{`POST /api/v1/advisor/advise {"text":"sale"}`, "GET /api/v1/advisor/prompt", "GET /api/v1/advisor", "GET /api/v1/advisor"}
	if diff := cmp.Diff(want, asked()); diff != "" {
		t.Errorf("asked (-want +got)\n%s", diff)
	}

	failed, _ := fakeDaemon(t, map[string]string{
		"POST /api/v1/advisor/advise": `{"at":"2026-11-25T10:00:00Z","advisor":"advisor","error":"the budget of the day is used up"}`,
		"GET /api/v1/advisor":         `{"scores":[],"patterns":[]}`,
	})
	failed.want(true, "there is no advice: the budget of the day is used up", advise(AdviseOptions{}))
	failed.want(true, "there is no advisor: set advisor.enabled", advise(AdviseOptions{ShowPrompt: true}))
	failed.golden("There is no advisor; hints of people are scored.\nNo event was scored yet.\n", table(AdvisorReport))
}

func TestParseHints(t *testing.T) {
	t.Parallel()
	const confirmed = "POST /api/v1/hints/proposals/p%2F1/confirm"
	c, asked := fakeDaemon(t, map[string]string{
		"POST /api/v1/hints/parse": `{"id":"p/1","hints":[` + sale + `],"questions":["Which time zone?"],"clipped":["4 became 3"]}`,
		confirmed:                  `{"items":[` + sale + `]}`,
	})
	const shown = saleTable + "open question: Which time zone?\nclipped: 4 became 3\n"
	parse := func(o ParseHintsOptions, ask bool) func(context.Context, IO) error {
		if o.Output == "" {
			o.Output = "table"
		}
		return func(ctx context.Context, stdio IO) error { return parseHints(ctx, stdio, o, "sale", ask) }
	}
	for _, tc := range []struct {
		name, input, want string
		options           ParseHintsOptions
		ask, confirms     bool
	}{
		{name: "no terminal", input: "y\n", want: "Nothing is in force yet. Confirm it with: pilotlight hints confirm p/1\n"},
		{name: "yes", options: ParseHintsOptions{Yes: true}, want: "In force: sale\n", confirms: true},
		{name: "answer yes", ask: true, input: " Y \n", want: "Put this into force? [y/N] In force: sale\n", confirms: true},
		{name: "answer nothing", ask: true, input: "\n", want: "Put this into force? [y/N] Nothing is in force.\n"},
		{name: "answer other", ask: true, input: "yesterday\n", want: "Put this into force? [y/N] Nothing is in force.\n"},
		{name: "end of input", ask: true, want: "Put this into force? [y/N] Nothing is in force.\n"},
	} {
		c.input = tc.input
		c.golden(shown+tc.want, parse(tc.options, tc.ask))
		want := []string{`POST /api/v1/hints/parse {"text":"sale"}`}
		if tc.confirms {
			want = append(want, confirmed)
		}
		if diff := cmp.Diff(want, asked()); diff != "" {
			t.Errorf("%s: asked (-want +got)\n%s", tc.name, diff)
		}
	}
	c.want(false, `"questions": [`, parse(ParseHintsOptions{HintsOptions: HintsOptions{Output: "json"}}, true))
	if got := asked(); len(got) != 1 {
		t.Errorf("JSON without --yes asked %q", got)
	}
	c.want(true, "say what is known to come", func(ctx context.Context, stdio IO) error {
		return ParseHints(ctx, stdio, ParseHintsOptions{HintsOptions: HintsOptions{Output: "table"}}, " ")
	})
	c.golden("In force: sale\n", func(ctx context.Context, stdio IO) error {
		return ConfirmHints(ctx, stdio, HintsOptions{Output: "table"}, "p/1")
	})
	empty, asked := fakeDaemon(t, map[string]string{"POST /api/v1/hints/parse": `{"id":"p","hints":[],"dropped":["no target fits"]}`})
	empty.want(true, "dropped: no target fits\nthe text announces nothing", parse(ParseHintsOptions{Yes: true}, false))
	if got := asked(); len(got) != 1 {
		t.Errorf("a proposal without hints was confirmed: %q", got)
	}
}

func TestExplainAndNotes(t *testing.T) {
	t.Parallel()
	c, asked := fakeDaemon(t, map[string]string{
		"GET /api/v1/targets/shop%2Fcheckout/explanation?question=Why%3F": `{"target":"shop/checkout","at":"2026-11-25T10:00:00Z","decision":"d1","advisor":"advisor",
			"sentences":[{"text":"The floor is 3.\n\u001b[2J","facts":["f1","f2"]}],"facts":[{"id":"f1","text":"floor 3"}]}`,
		"GET /api/v1/targets/a/explanation": `{"target":"a","at":"2026-11-25T10:00:00Z","decision":"d2","sentences":[{"text":"floor 3","facts":["f1"]}],"facts":[{"id":"f1","text":"floor 3"}],"problem":"timeout"}`,
		"POST /api/v1/notes":                "",
		"GET /api/v1/notes": `{"items":[{"at":"2026-11-25T10:00:00Z","kind":"deployment","target":"a","text":"v2\nis out","author":"ci"},
			{"at":"2026-11-25T09:00:00Z","kind":"alert","group":"g","text":"firing","author":"am"},{"at":"2026-11-25T08:00:00Z","kind":"incident","text":"down","author":"ops"}]}`,
	})
	explain := func(target, question string) func(context.Context, IO) error {
		o := ExplainOptions{HintsOptions: HintsOptions{Output: "table"}, Question: question}
		return func(ctx context.Context, stdio IO) error { return Explain(ctx, stdio, o, target) }
	}
	c.golden("shop/checkout at 2026-11-25 10:00 UTC, decision d1\n- The floor is 3. \ufffd[2J [f1, f2]\n\nPut into words by advisor out of these facts:\n f1: floor 3\n", explain("shop/checkout", "Why?"))
	c.golden("a at 2026-11-25 10:00 UTC, decision d2\n- floor 3 [f1]\n\nThese are the facts as recorded, because the advisor did not put them into words: timeout\n", explain("a", ""))
	c.golden("Noted.\n", func(ctx context.Context, stdio IO) error {
		return AddNote(ctx, stdio, AddNoteOptions{HintsOptions: HintsOptions{Output: "table"}, Kind: "deployment", Text: "v2", At: "2026-11-25T10:00", Target: "a"})
	})
	c.golden("TIME (UTC) KIND ABOUT BY TEXT\n2026-11-25 10:00 deployment a ci v2 is out\n2026-11-25 09:00 alert group=g am firing\n2026-11-25 08:00 incident - ops down\n", table(ListNotes))
	if got := asked()[2]; got != `POST /api/v1/notes {"notes":[{"at":"2026-11-25T10:00:00Z","kind":"deployment","target":"a","text":"v2"}]}` {
		t.Errorf("asked %s", got)
	}
	none, _ := fakeDaemon(t, map[string]string{"GET /api/v1/notes": `{"items":[]}`})
	none.golden("There are no notes.\n", table(ListNotes))
}

package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pilotlight/api"
)

// commandLine is who runs commands about hints against a daemon.
type commandLine struct {
	t      *testing.T
	server string
	token  string
	input  string
}

func (c commandLine) options() HintsOptions { return HintsOptions{Output: "table"} }

// run runs a command and returns what it printed.
func (c commandLine) run(command func(context.Context, IO) error) (string, error) {
	c.t.Helper()
	var out bytes.Buffer
	err := command(c.t.Context(), IO{In: strings.NewReader(c.input), Out: &out, Err: &out, Env: func(name string) (string, bool) {
		value := map[string]string{envServer: c.server, envToken: c.token}[name]
		return value, value != ""
	}})
	return out.String(), err
}

// want runs a command and checks that its output or error has some text.
func (c commandLine) want(fails bool, text string, command func(context.Context, IO) error) string {
	c.t.Helper()
	out, err := c.run(command)
	if got := out + fmt.Sprint(err); (err != nil) != fails || !strings.Contains(got, text) {
		c.t.Errorf("printed\n%s, error %v, want %q (an error: %v)", out, err, text, fails)
	}
	return out
}

const cliCalendar = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nSUMMARY:Sale\nX-PILOTLIGHT-MULTIPLIER:2\nDTSTART:%s\nDURATION:PT1H\nEND:VEVENT\nBEGIN:VEVENT\nUID:2\nSUMMARY:Lunch\n" +
	"DTSTART:%s\nDURATION:PT1H\nEND:VEVENT\nEND:VCALENDAR\n"

func TestHintsOfARunningDaemon(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tomorrow := now().UTC().AddDate(0, 0, 1).Truncate(time.Hour)
	more := fmt.Sprintf("hints: [{id: conf, start: %q, duration: 2h, floor: 3, selector: {targets: [blog]}}]\n", tomorrow.Format(time.RFC3339))
	s.configure(t, 2, more)
	in := s.start(t, "")
	ops := commandLine{t: t, server: in.api, token: operator}
	list := func(o ListHintsOptions) func(context.Context, IO) error {
		o.HintsOptions = ops.options()
		return func(ctx context.Context, stdio IO) error { return ListHints(ctx, stdio, o) }
	}
	add := func(o AddHintOptions) func(context.Context, IO) error {
		o.HintsOptions = ops.options()
		return func(ctx context.Context, stdio IO) error { return AddHint(ctx, stdio, o) }
	}
	remove := func(ids ...string) func(context.Context, IO) error {
		return func(ctx context.Context, stdio IO) error { return RemoveHints(ctx, stdio, ops.options(), ids) }
	}
	sale := AddHintOptions{
		ID: "sale", Start: tomorrow.Format(time.RFC3339), Duration: time.Hour, Multiplier: 4, Targets: []string{"sh*"}, Labels: []string{"env=prod"},
		Recurrence: "FREQ=WEEKLY", Reason: "it's \x1b[31mred",
	}
	ops.want(false, "conf  at least 3  blog", list(ListHintsOptions{}))
	ops.want(false, `sale  x4    sh*,env=prod  `, add(sale))
	ops.want(false, `"it's \x1b[31mred"`, add(sale))
	if out := ops.want(false, "sale", list(ListHintsOptions{Source: "api"})); strings.Contains(out, "conf") || strings.Count(out, "\n") != 2 {
		t.Errorf("list of the source api:\n%s", out)
	}
	ops.want(false, "There are no hints.", list(ListHintsOptions{At: now().Format(time.RFC3339)}))
	ops.want(true, `"conf": hint "conf" is one of the configuration: remove it there`, remove("conf", "sale"))
	ops.want(false, "conf", list(ListHintsOptions{}))
	ops.want(true, "there is no such", func(ctx context.Context, stdio IO) error {
		c, err := newClient(stdio, ServerOptions{})
		return errors.Join(err, c.call(ctx, http.MethodGet, hintsPath+"/sale", nil, "", nil, nil))
	})

	// A calendar, from a file and from the standard input.
	at := tomorrow.Format("20060102T150405Z")
	calendar := write(t, s.dir, "team.ics", fmt.Sprintf(cliCalendar, at, at))
	imported := func(o ImportHintsOptions, file string) func(context.Context, IO) error {
		o.HintsOptions = ops.options()
		return func(ctx context.Context, stdio IO) error { return ImportHints(ctx, stdio, o, file) }
	}
	ops.want(false, "1 added, 0 changed, 0 unchanged, 0 removed. Nothing was written", imported(ImportHintsOptions{DryRun: true}, calendar))
	ops.want(false, "1 added, 0 changed, 0 unchanged, 0 removed.\n", imported(ImportHintsOptions{}, calendar))
	ops.want(false, `left out: line 9, "Lunch": nothing says`, imported(ImportHintsOptions{}, calendar))
	ops.want(false, "1 added, 1 changed, 0 unchanged, 0 removed.\n", imported(ImportHintsOptions{Floor: 3, Groups: []string{"a", "b"}}, calendar))
	ops.input = "BEGIN:VCALENDAR\nEND:VCALENDAR"
	ops.want(false, "0 added, 0 changed, 0 unchanged, 2 removed.\n", imported(ImportHintsOptions{Calendar: "team", Replace: true}, "-"))
	ops.want(true, "time_zones: write them like", imported(ImportHintsOptions{NamedZones: []string{"x"}}, "-"))
	ops.want(true, "no such file", imported(ImportHintsOptions{}, filepath.Join(s.dir, "none.ics")))

	// The journal has the records, and a reload replaces the hints of the configuration.
	var audit struct{ Items []any }
	in.get(t, "/api/v1/decisions?type=pilotlight.hint", &audit)
	if len(audit.Items) != 7 { // sale added and removed; of the calendar one added and changed, another added, both removed
		t.Errorf("%d records of hints: %v", len(audit.Items), audit.Items)
	}
	s.configure(t, 2, strings.ReplaceAll(more, "conf", "other"))
	if code, body := in.call(t, http.MethodPost, "/api/v1/config/reload", operator); code != http.StatusOK {
		t.Fatalf("reload: %d %s", code, body)
	}
	if out := ops.want(false, "other", list(ListHintsOptions{})); strings.Contains(out, "conf ") {
		t.Errorf("after a reload:\n%s", out)
	}

	eye := commandLine{t: t, server: in.api, token: viewer}
	eye.want(true, "role", add(sale))
	commandLine{t: t, server: in.api}.want(true, "wants a token: name a file with --token-file, or set PILOTLIGHT_TOKEN", list(ListHintsOptions{}))
	commandLine{t: t, server: in.api, token: "wrong-0123456789abcdef"}.want(true, "does not know the token", list(ListHintsOptions{}))
	out, err := ops.run(func(ctx context.Context, stdio IO) error {
		return ListHints(ctx, stdio, ListHintsOptions{HintsOptions: HintsOptions{Output: "json", ServerOptions: ServerOptions{TokenFile: filepath.Join(s.dir, "ops.token")}}})
	})
	var all []api.HintStatus
	if err := errors.Join(err, json.Unmarshal([]byte(out), &all)); err != nil || len(all) != 1 || all[0].ID != "other" {
		t.Errorf("JSON: %v in\n%s", err, out)
	}
}

func TestHintsWithoutADaemon(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("source") == "moved" {
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
			return
		}
		_, _ = w.Write([]byte("<html>")) // the test fails if it does not arrive
	}))
	t.Cleanup(other.Close)
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	list := func(o ListHintsOptions) func(context.Context, IO) error {
		return func(ctx context.Context, stdio IO) error { return ListHints(ctx, stdio, o) }
	}
	add := func(o AddHintOptions) func(context.Context, IO) error {
		o.Output = "table"
		return func(ctx context.Context, stdio IO) error { return AddHint(ctx, stdio, o) }
	}
	table := HintsOptions{Output: "table"}
	for _, c := range []struct {
		server, say string
		usage       bool
		command     func(context.Context, IO) error
	}{
		{closed.URL, "nothing listens at " + closed.URL + ": start the daemon", false, list(ListHintsOptions{HintsOptions: table})},
		{other.URL, "does not answer like Pilotlight", false, list(ListHintsOptions{HintsOptions: table})},
		{other.URL, "302 Found and does not look like Pilotlight", false, list(ListHintsOptions{HintsOptions: table, Source: "moved"})},
		{"localhost:8080", "--server has to look like http://127.0.0.1:8080", true, list(ListHintsOptions{HintsOptions: table})},
		{"http://user:secret@x", "--server has to look like", true, list(ListHintsOptions{HintsOptions: table})},
		{"", "--output \"xml\" is not table or json", true, list(ListHintsOptions{HintsOptions: HintsOptions{Output: "xml"}})},
		{"", "--at: hint: \"noon\" is no time", true, list(ListHintsOptions{HintsOptions: table, At: "noon"})},
		{"", "--start: hint: \"noon\" is no time", true, add(AddHintOptions{Start: "noon"})},
		{"", "give either --end or --duration", true, add(AddHintOptions{Start: "2026-11-27"})},
		{"", "give it a multiplier or a floor", true, add(AddHintOptions{Start: "2026-11-27", Duration: time.Hour})},
		{"", "--label \"prod\" is not like name=value", true, add(AddHintOptions{Start: "2026-11-27", Duration: time.Hour, Floor: 1, Labels: []string{"prod"}})},
		{"", "use HOURLY or longer", true, add(AddHintOptions{Start: "2026-11-27", End: "2026-11-28", Floor: 1, Recurrence: "FREQ=MINUTELY"})},
		{"", "name the ids", true, func(ctx context.Context, stdio IO) error { return RemoveHints(ctx, stdio, table, nil) }},
		{"", "--token-file", false, list(ListHintsOptions{HintsOptions: HintsOptions{Output: "table", ServerOptions: ServerOptions{TokenFile: "none"}}})},
	} {
		_, err := commandLine{t: t, server: c.server}.run(c.command)
		if err == nil || !strings.Contains(err.Error(), c.say) || errors.Is(err, ErrUsage) != c.usage || strings.Contains(err.Error(), "secret") {
			t.Errorf("error %v, want one that says %q", err, c.say)
		}
	}
}

package advisor_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pilotlight/models"
	"pilotlight/predictor/advisor"
	"pilotlight/predictor/advisor/advisortest"
)

func berlin(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zones on this machine:", err)
	}
	return zone
}

func known() advisor.Known {
	return advisor.Known{
		Targets: []models.TargetID{"prod/checkout-api", "prod/checkout-web", "prod/search", "batch/nightly", "prod/checkout-*"},
		Groups:  []string{"shop", "batch"},
	}
}

// proposal returns a hint as a model writes it, with some fields changed.
func proposal(changes ...string) string {
	base := []string{
		"kind", "", "value", "", "everything", "false", "recurrence", "null", "multiplier", "4", "floor", "null",
		"start", `"2026-03-05T20:00:00+01:00"`, "end", `"2026-03-06T02:00:00+01:00"`,
	}
	return one(append(base, changes...)...)
}

func proposals(all ...string) string {
	return `{"hints":[` + strings.Join(all, ",") + `],"questions":[]}`
}

// TestParseHints reads an operator's words.
func TestParseHints(t *testing.T) {
	t.Parallel()
	zone := berlin(t)
	server := advisortest.New(t, advisortest.Config{Key: apiKey}, advisortest.Always(advisortest.Reply{
		Content: `{"hints":[` + proposal("subjects", `["T1","T2"]`, "reason", `"Black Friday on T1"`) + `,` +
			proposal("everything", "true", "subjects", "[]", "multiplier", "null", "floor", "3", "recurrence", `"FREQ=WEEKLY;BYDAY=FR"`, "reason", `"weekly"`) +
			`],"questions":["Is T2 meant too?"]}`,
	}))
	c := client(t, configured(server))
	text := "Black Friday starts Thursday 20:00, expect 4x on checkout. Every Friday at least 3 warm."
	got, record, err := c.ParseHints(t.Context(), text, now, zone, known())
	if err != nil {
		t.Fatal(err, server.Refused())
	}
	sent := server.Requests()[0]
	if !strings.Contains(sent.Data, `expect 4x on [T1|T2]. Every`) || strings.Contains(sent.Data, "checkout") || strings.Contains(sent.Data, "search") || !strings.Contains(sent.Data, `"now":"2026-03-02T13:00:00+01:00"`) {
		t.Errorf("sent %s", sent.Data)
	}
	if sent.Purpose() != advisor.PurposeHints {
		t.Errorf("purpose %q", sent.Purpose())
	}
	if len(got.Hints) != 2 || len(got.Dropped)+len(got.Clipped) > 0 || !slices.Equal(got.Questions, []string{"Is prod/checkout-web meant too?"}) {
		t.Fatalf("proposal %+v", got)
	}
	h := got.Hints[0]
	if h.Multiplier != 4 || !slices.Equal(h.Selector.Targets, []string{"prod/checkout-api", "prod/checkout-web"}) || !h.Start.Equal(time.Date(2026, 3, 5, 19, 0, 0, 0, time.UTC)) ||
		h.Source != models.HintAPI || h.Reason != "Black Friday on prod/checkout-api" || h.Advisor != "advisor" || h.Author != "" {
		t.Errorf("hint %+v", h)
	}
	h = got.Hints[1]
	if h.Floor != 3 || h.Multiplier != 0 || len(h.Selector.Targets)+len(h.Selector.Groups) > 0 || h.Recurrence != "FREQ=WEEKLY;BYDAY=FR" || h.TimeZone != "Europe/Berlin" {
		t.Errorf("hint %+v", h)
	}
	if len(record.Kept) != 2 || record.Purpose != advisor.PurposeHints {
		t.Errorf("record %+v", record)
	}
	p, err := c.HintsPrompt(text, now, zone, known())
	if err != nil || string(p.Body) != string(sent.Body) || !strings.Contains(p.String(), p.User) {
		t.Errorf("what was shown is not what was sent: %v", err)
	}
}

// TestParseBounds gives hints beyond the bounds of an operator's words.
func TestParseBounds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		content, noted string
		hints          int
	}{
		"beyond the bounds of advice": {proposals(proposal("multiplier", "15", "end", `"2026-03-12T02:00:00+01:00"`)), "", 1},
		"multiplier clipped":          {proposals(proposal("multiplier", "500")), "became 20", 1},
		"multiplier absurd":           {proposals(proposal("multiplier", "5000")), "beyond all bounds", 0},
		"multiplier negative":         {proposals(proposal("multiplier", "-2")), "not above 0", 0},
		"lowering is for operators":   {proposals(proposal("multiplier", "0.5")), "", 1},
		"floor clipped":               {proposals(proposal("floor", "5000")), "became 100", 1},
		"floor of a half":             {proposals(proposal("floor", "0.5")), "not whole", 0},
		"nothing said":                {proposals(proposal("multiplier", "null")), "says nothing", 0},
		"too long":                    {proposals(proposal("end", `"2026-06-06T02:00:00+01:00"`)), "14d after its start", 1},
		"too far":                     {proposals(proposal("start", `"2027-06-06T02:00:00Z"`, "end", `"2027-06-06T03:00:00Z"`)), "further ahead", 0},
		"over":                        {proposals(proposal("start", `"2025-03-05T20:00:00Z"`, "end", `"2025-03-06T20:00:00Z"`)), "which is over", 0},
		"no subject":                  {proposals(proposal("subjects", "[]")), "about no subject", 0},
		"everything and one":          {proposals(proposal("everything", "true")), "say which", 0},
		"unknown subject":             {proposals(proposal("subjects", `["T9"]`)), "not one of those allowed", 0},
		"target and group":            {proposals(proposal("subjects", `["T1","G1"]`)), "", 2},
		"rule that is none":           {proposals(proposal("recurrence", `"FREQ=SECONDLY"`)), "no rule", 0},
		"rule with another line":      {proposals(proposal("recurrence", `"FREQ=DAILY\nDTSTART:19700101"`)), "no rule", 0},
		"rule with its name":          {proposals(proposal("recurrence", `"RRULE:FREQ=DAILY"`)), "", 1},
		"confidence 2":                {proposals(proposal("confidence", "2")), "not from 0 to 1", 0},
		"unknown field":               {proposals(proposal("author", `"root"`)), `unknown field "author"`, 0},
		"the same twice":              {proposals(proposal(), proposal()), "the same", 1},
		"too many":                    {proposals(slices.Repeat([]string{proposal("subjects", "[]")}, 30)...), "30 are more than the 20", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := advisortest.New(t, advisortest.Config{}, advisortest.Always(advisortest.Reply{Content: test.content, Piece: 4096}))
			c := client(t, configured(server))
			got, _, err := c.ParseHints(t.Context(), "Thursday 20:00 4x on the checkout and the shop", now, nil, known())
			if err != nil {
				t.Fatal(err)
			}
			notes := strings.Join(append(slices.Clone(got.Dropped), got.Clipped...), "\n")
			if len(got.Hints) != test.hints || (test.noted == "") != (notes == "") || !strings.Contains(notes, test.noted) {
				t.Errorf("%d hints, notes %q", len(got.Hints), notes)
			}
			for _, h := range got.Hints {
				if h.Validate() != nil || h.Multiplier > 20 || h.Floor > 100 || h.End.Sub(h.Start) > 14*24*time.Hour || h.Source != models.HintAPI {
					t.Errorf("hint %+v", h)
				}
			}
		})
	}
}

// TestParseTexts checks texts that cannot be asked about, and which words become names.
func TestParseTexts(t *testing.T) {
	t.Parallel()
	server := advisortest.New(t, advisortest.Config{}, advisortest.Always(advisortest.Reply{Content: proposals()}))
	c := client(t, configured(server))
	for _, text := range []string{"", " \n", strings.Repeat("x ", 3000)} {
		if _, record, err := c.ParseHints(t.Context(), text, now, nil, known()); !errors.Is(err, models.ErrInvalid) || record.Attempts != 0 || record.Error == "" {
			t.Errorf("%d bytes: %v", len(text), err)
		}
	}
	many := advisor.Known{}
	for i := range 50 {
		many.Targets = append(many.Targets, models.TargetID("prod/checkout-"+strings.Repeat("x", i+1)))
	}
	for _, test := range []struct {
		text, want string
		known      advisor.Known
	}{
		{"Prod/Search doubles", `"[T1] doubles"`, known()},
		{"the SHOP and batch", `"the [G1] and [G2]"`, known()},
		{"nightly, web", `"[T1], [T2]"`, known()},
		{"checkout doubles", `"checkout doubles"`, many}, // it may be any of 50
		{"nothing known here", `"nothing known here"`, known()},
		{"nothing", `"nothing"`, advisor.Known{}},
	} {
		p, err := c.HintsPrompt(test.text, now, nil, test.known)
		if err != nil || !strings.Contains(p.User, `"operator_text":`+test.want) {
			t.Errorf("%q: %s %v", test.text, p.User, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, _, err := c.ParseHints(ctx, "checkout 2x", now, nil, known()); !errors.Is(err, context.Canceled) || len(got.Hints) > 0 {
		t.Errorf("given up: %v", err)
	}
}

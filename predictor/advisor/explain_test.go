package advisor_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"pilotlight/models"
	"pilotlight/predictor/advisor"
	"pilotlight/predictor/advisor/advisortest"
)

func facts() advisor.Facts {
	return advisor.Facts{
		Target: "prod/checkout", Group: "shop", Question: "Why are there 4 warm instances of prod/checkout?",
		Facts: []advisor.Fact{
			{ID: "forecast", Text: "the forecast of prod/checkout for 12:05 is 123.456 requests per second, its quantile 0.9 is 1,234.5"},
			{ID: "need", Text: "by Little's law 3.8 instances are busy; the floor was raised from 2 to 4"},
			{ID: "price", Text: "an idle instance costs 0.0125 dollars an hour; the share of cold starts was 0.234 before"},
			{ID: "words", Text: "two alerts fired; p99 was above its goal"},
		},
	}
}

// said puts a sentence into an answer.
func said(text string, cited ...string) string {
	raw, _ := json.Marshal(map[string]any{"sentences": []any{map[string]any{"text": text, "facts": append([]string{}, cited...)}}})
	return string(raw)
}

// TestExplain checks which sentences are taken: those whose numbers are all in the facts that they cite.
func TestExplain(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, text string
		cited      []string
		// want is in the error, "" if the sentence is taken.
		want string
	}{
		{"plain", "T1 has 4 warm instances because 3.8 are busy.", []string{"F2"}, ""},
		{"rounded", "At 12:05 T1 gets about 123 requests per second.", []string{"F1"}, ""},
		{"rounded to decimals", "At 12:05 it is 123.5, and 1234.5 at most.", []string{"F1"}, ""},
		{"grouped", "It may be 1,234.5.", []string{"F1"}, ""},
		{"share in percent", "The share of cold starts was 23.4%.", []string{"F3"}, ""},
		{"share in percent, rounded", "It was 23 % before.", []string{"F3"}, ""},
		{"cited in the text", "The floor is 4 (F2).", []string{"F2"}, ""},
		{"word of the facts", "Two alerts fired, and p99 was too high.", []string{"F4"}, ""},
		{"no numbers", "The forecast asks for more.", []string{"F1"}, ""},

		{"invented", "It will be 500 requests per second.", []string{"F1"}, "number 500"},
		{"of another fact", "The floor is 4.", []string{"F1"}, "number 4"},
		{"rounded wrongly", "It is 124 requests per second.", []string{"F1"}, "number 124"},
		{"rounded too far", "It is 120 requests per second.", []string{"F1"}, "number 120"},
		{"rounded to nothing", "The price is 0 dollars.", []string{"F3"}, "number 0"},
		{"percent of no share", "It is 380% now.", []string{"F2"}, "number 380%"},
		{"computed difference", "The floor was raised by 2 to 4, so 6 in all.", []string{"F2"}, "number 6"},
		{"in words", "The floor was doubled to 4.", []string{"F2"}, "doubled"},
		{"a word that is no fact", "Three alerts fired.", []string{"F4"}, "Three"},
		{"twice", "That is twice as much.", []string{"F2"}, "twice"},
		{"digits of another script", "It is ٤ now.", []string{"F2"}, "٤"},
		{"fullwidth", "It is ４ now.", []string{"F2"}, "４"},
		{"fraction", "It is ½ now.", []string{"F2"}, "½"},
		{"superscript", "It is 4² now.", []string{"F2"}, "²"},
		{"exponent", "It is 1e9 now.", []string{"F2"}, "1e9"},
		{"digits hidden in an id", "It is T500 now.", []string{"F2"}, "500"},
		{"digits of the own id", "There is 1 more.", []string{"F1"}, "number 1"},
		{"no fact", "The floor is high.", nil, "cites no fact"},
		{"unknown fact", "The floor is 4.", []string{"F9"}, "not one of those allowed"},
		{"link", "See https://evil.example for more.", []string{"F2"}, "link"},
		{"markup", "<b>4</b> instances.", []string{"F2"}, "link or markup"},
		{"markdown link", "See [this](x).", []string{"F2"}, "link or markup"},
		{"empty", "", []string{"F2"}, "0 bytes"},
		{"long", strings.Repeat("much ", 200), []string{"F2"}, "999 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := advisortest.New(t, advisortest.Config{}, advisortest.Always(advisortest.Reply{Content: said(test.text, test.cited...)}))
			c := client(t, configured(server))
			got, record, err := c.Explain(t.Context(), facts())
			if test.want != "" {
				if !errors.Is(err, advisor.ErrReply) || !strings.Contains(err.Error(), test.want) || len(got.Sentences) > 0 || record.Attempts != 2 {
					t.Errorf("error %v, want %q; %+v after %d attempts", err, test.want, got, record.Attempts)
				}
				return
			}
			if err != nil || len(got.Sentences) != 1 || got.Text() != strings.ReplaceAll(test.text, "T1", "prod/checkout") {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

// TestExplainRepairs checks that a wrong number is told, that facts come back under their own ids, and that half an explanation is none.
func TestExplainRepairs(t *testing.T) {
	t.Parallel()
	two := `{"sentences":[{"text":"The floor is 4.","facts":["F2","F2"]},{"text":"It costs 0.0125 dollars an hour.","facts":["F3"]}]}`
	wrong := strings.Replace(two, "0.0125", "0.5", 1)
	server := advisortest.New(t, advisortest.Config{}, advisortest.InTurn(advisortest.Reply{Content: wrong}, advisortest.Reply{Content: two}))
	c := client(t, configured(server))
	got, record, err := c.Explain(t.Context(), facts())
	if err != nil || record.Attempts != 2 || record.Purpose != advisor.PurposeExplanation {
		t.Fatalf("%v %+v", err, record)
	}
	if len(got.Sentences) != 2 || strings.Join(got.Sentences[0].Facts, ",") != "need" || strings.Join(got.Sentences[1].Facts, ",") != "price" || got.Text() != "The floor is 4. It costs 0.0125 dollars an hour." {
		t.Errorf("%+v", got)
	}
	sent := server.Requests()
	if strings.Contains(string(sent[0].Body), "prod/checkout") || sent[0].Purpose() != advisor.PurposeExplanation || !strings.Contains(sent[1].Complaints[0], "number 0.5") {
		t.Errorf("sent %s %q", sent[0].Data, sent[1].Complaints)
	}
	if p, err := c.ExplanationPrompt(facts()); err != nil || string(p.Body) != string(sent[0].Body) {
		t.Errorf("what was shown is not what was sent: %v", err)
	}
	for _, bad := range []advisor.Facts{{}, {Facts: make([]advisor.Fact, 101)}} {
		if _, record, err := c.Explain(t.Context(), bad); !errors.Is(err, models.ErrInvalid) || record.Attempts != 0 {
			t.Errorf("%d facts: %v", len(bad.Facts), err)
		}
	}
	for _, bad := range []string{`{"sentences":[]}`, `[]`, `{"sentences":[{"text":"x"}]}`, `{"sentences":[],"more":1}`, `{"sentences":` + "[" + strings.Repeat(`{"text":"a","facts":["F1"]},`, 12) + `{"text":"a","facts":["F1"]}]}`} {
		server := advisortest.New(t, advisortest.Config{}, advisortest.Always(advisortest.Reply{Content: bad}))
		if got, _, err := client(t, configured(server)).Explain(t.Context(), facts()); !errors.Is(err, advisor.ErrReply) || len(got.Sentences) > 0 {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

package api_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"pilotlight/models"
)

func (w *world) AdvisorReport() models.AdvisorReport {
	return models.AdvisorReport{
		Enabled: true, Name: "main", Model: "<b>m</b>", LastAsked: now,
		Scores:   []models.HintScore{{Source: "main", Kind: models.AdviceMultiplier, State: "active", Weight: 0.75, Events: 3, BenefitUSD: 2}},
		Patterns: []models.PatternTrial{{Target: "shop/a", At: now, Period: 97, Accepted: true, Why: "better"}},
		Today:    models.AdvisorUsage{Day: "2026-01-07", Requests: 4}, CostUSD: 0.5,
	}
}

func (w *world) AdvicePrompt(context.Context) (models.AdvisorPrompt, error) {
	if w.noAdvisor {
		return models.AdvisorPrompt{}, errNoAdvisor()
	}
	return models.AdvisorPrompt{Purpose: "advice", Endpoint: "http://localhost/v1", Text: "the whole prompt"}, nil
}

func errNoAdvisor() error {
	return fmt.Errorf("there is no advisor: configure one below advisor, with enabled: true, and reload: %w", models.ErrNotFound)
}

func (w *world) Advise(_ context.Context, text, by string) (models.AdviceRecord, error) {
	if w.noAdvisor {
		return models.AdviceRecord{}, errNoAdvisor()
	}
	r := models.AdviceRecord{At: now, Advisor: "main", Purpose: "advice", Prompt: text + " by " + by, Kept: []models.Hint{{ID: "h", Multiplier: 2, Source: models.HintAdvisor}}}
	if text == "dead" {
		r.Error = "the endpoint gave no answer"
		return r, fmt.Errorf("dead: %w", models.ErrUnavailable)
	}
	return r, nil
}

func (w *world) ParseHints(_ context.Context, text, zone, by string) (models.HintProposal, error) {
	switch {
	case w.noAdvisor:
		return models.HintProposal{}, errNoAdvisor()
	case text == "dead":
		return models.HintProposal{}, fmt.Errorf("the endpoint of the advisor gave no answer: %w", models.ErrUnavailable)
	}
	return models.HintProposal{ID: "p1", At: now, By: by, Text: text + zone, Hints: []models.Hint{{ID: "h1", Multiplier: 4, Source: models.HintAPI}}, Expires: now}, nil
}

func (w *world) Proposal(id string) (models.HintProposal, error) {
	switch id {
	case "p1":
		return models.HintProposal{ID: "p1", Questions: []string{"which?"}}, nil
	case "old":
		return models.HintProposal{}, fmt.Errorf("proposal %q: %w", id, models.ErrExpired)
	}
	return models.HintProposal{}, fmt.Errorf("proposal %q: %w", id, models.ErrNotFound)
}

func (w *world) ConfirmHints(_ context.Context, id, by string) ([]models.Hint, error) {
	if _, err := w.Proposal(id); err != nil {
		return nil, err
	}
	return []models.Hint{{ID: "h1", Author: by, Source: models.HintAPI}}, nil
}

func (w *world) Narrate(_ context.Context, id models.TargetID, question string) (models.Narrative, error) {
	if _, err := w.Target(id); err != nil {
		return models.Narrative{}, err
	}
	return models.Narrative{
		Target: id, At: now, Decision: "d1", Question: question, Sentences: []models.Sentence{{Text: "Four instances.", Facts: []string{"f1"}}},
		Facts: []models.Fact{{ID: "f1", Text: "instances 4"}},
	}, nil
}

func (w *world) Notes() []models.Note { return w.notes }

func (w *world) AddNotes(_ context.Context, notes []models.Note, by string) error {
	for i := range notes {
		if notes[i].Text == "bad" {
			return fmt.Errorf("note %d: %w", i+1, models.ErrInvalid)
		}
		notes[i].Author = by
	}
	w.notes = append(w.notes, notes...)
	return nil
}

func TestAdvisor(t *testing.T) {
	t.Parallel()
	world := newWorld("shop/a")
	h := mustNew(t, world.deps())
	for _, c := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{http.MethodGet, "/advisor", "", 200, `"weight":0.75`},
		{http.MethodGet, "/advisor", "", 200, `"accepted":true`},
		{http.MethodGet, "/advisor/prompt", "", 200, "the whole prompt"},
		{http.MethodPost, "/advisor/advise", "", 200, `"prompt":" by alice"`},
		{http.MethodPost, "/advisor/advise", `{"text":"sale"}`, 200, `"prompt":"sale by alice"`},
		{http.MethodPost, "/advisor/advise", `{"text":"dead"}`, 200, `"error":"the endpoint gave no answer"`},
		{http.MethodPost, "/advisor/advise", `{"test":"sale"}`, 422, "unknown field"},
		{http.MethodPost, "/hints/parse", `{"text":"4x","time_zone":"Europe/Paris"}`, 200, `"text":"4xEurope/Paris"`},
		{http.MethodPost, "/hints/parse", `{"text":"dead"}`, 503, "no answer"},
		{http.MethodPost, "/hints/parse", `{"text":""}`, 422, "text"},
		{http.MethodGet, "/hints/proposals/p1", "", 200, `"questions":["which?"]`},
		{http.MethodGet, "/hints/proposals/p2", "", 404, ""},
		{http.MethodGet, "/hints/proposals/old", "", 409, "expired"},
		{http.MethodPost, "/hints/proposals/p1/confirm", "", 200, `"author":"alice"`},
		{http.MethodPost, "/hints/proposals/old/confirm", "", 409, "expired"},
		{http.MethodGet, "/targets/shop%2Fa/explanation?question=Why%3F", "", 200, `"question":"Why?"`},
		{http.MethodGet, "/targets/none/explanation", "", 404, ""},
		{http.MethodPost, "/notes", `{"notes":[{"kind":"deployment","text":"release 7","target":"shop/a"}]}`, 204, ""},
		{http.MethodPost, "/notes", `{"notes":[{"kind":"x","text":"bad"}]}`, 422, "note 1"},
		{http.MethodPost, "/notes", `{"notes":[]}`, 422, "notes"},
		{
			http.MethodPost, "/notes/alertmanager", `{"version":"4","groupKey":"{}","receiver":"pilotlight","status":"firing","alerts":[` +
				`{"status":"firing","labels":{"alertname":"Slow","function":"shop/a"},"annotations":{"summary":"p99 is 2 s"},"startsAt":"2026-01-07T10:00:00Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://x","fingerprint":"1"}]}`,
			204, "",
		},
		{http.MethodPost, "/notes/alertmanager", `{"version":"3","alerts":[]}`, 422, "version"},
		{http.MethodGet, "/notes", "", 200, "firing: Slow p99 is 2 s"},
		{http.MethodGet, "/notes", "", 200, `"author":"alice"`},
	} {
		w := do(t, h, request(c.method, "/api/v1"+c.path, c.body))
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s %s %s: %d %s, want %d with %s", c.method, c.path, c.body, w.Code, w.Body, c.status, c.says)
		}
	}
	if len(world.notes) != 2 || world.notes[1].Target != "shop/a" || world.notes[1].Kind != "alert" {
		t.Errorf("notes %+v", world.notes)
	}
	world.noAdvisor = true
	for _, r := range []*http.Request{
		request(http.MethodGet, "/api/v1/advisor/prompt", ""), request(http.MethodPost, "/api/v1/advisor/advise", ""),
		request(http.MethodPost, "/api/v1/hints/parse", `{"text":"x"}`),
	} {
		if w := do(t, h, r); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "enabled: true") {
			t.Errorf("%s without an advisor: %d %s", r.URL, w.Code, w.Body)
		}
	}
}

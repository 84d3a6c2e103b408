package advice_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"pilotlight/internal/advice"
	"pilotlight/models"
	"pilotlight/predictor/advisor"
	"pilotlight/predictor/advisor/advisortest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// monday is when the tests' time starts.
var monday = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// world is what the service works with.
type world struct {
	mu     sync.Mutex
	now    time.Time
	loads  map[models.TargetID]float64 // invocations a minute
	groups map[models.TargetID]string
	hints  []models.Hint
	scores []models.HintScore
	trials []string
	events []models.Event
	state  map[string][]byte
	broken error // of the journal
}

func newWorld() *world {
	return &world{
		now: monday, state: map[string][]byte{},
		loads:  map[models.TargetID]float64{"shop/checkout": 60, "shop/search": 30, "lab/nightly": 1},
		groups: map[models.TargetID]string{"shop/checkout": "shop", "shop/search": "shop", "lab/nightly": "lab"},
	}
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) Targets() []models.TargetStatus {
	ids := []models.TargetID{}
	for id := range w.loads {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var all []models.TargetStatus
	for _, id := range ids {
		d := models.Decision{
			ID: "d-" + string(id), Target: id, At: w.clock(), Mode: models.ModeAuto, Current: models.Warm(2), Desired: models.Warm(4),
			Reasons: []models.Reason{models.Because(models.ReasonPredicted, models.Num("instances", 4), models.Num("rate_per_s", 1.25))},
		}
		all = append(all, models.TargetStatus{
			Target:      models.Target{ID: id, Group: w.groups[id], MemoryMB: 512, Limits: models.Limits{MaxWarm: 10}},
			Invocations: w.loads[id], Duration: 1, Observed: true, Observation: models.Observation{Capacity: models.Warm(2)},
			Latest: &models.Recommendation{Decision: d, Status: models.StatusApplied},
		})
	}
	return all
}

func (w *world) Target(id models.TargetID) (models.TargetStatus, error) {
	for _, t := range w.Targets() {
		if t.Target.ID == id {
			return t, nil
		}
	}
	return models.TargetStatus{}, models.ErrNotFound
}

func (w *world) Series(_ context.Context, id models.TargetID, _ models.Signal, from, to time.Time) (models.Series, error) {
	values := make([]float64, int(to.Sub(from)/time.Minute))
	for i := range values {
		values[i] = w.loads[id]
	}
	return models.SeriesOf(from, time.Minute, values)
}

func (w *world) Forecast(models.TargetID) (models.Forecast, error) {
	return models.Forecast{}, models.ErrNoData
}

func (w *world) Explain(models.TargetID) (models.Explanation, error) {
	return models.Explanation{}, nil
}

func (w *world) TryPattern(_ context.Context, id models.TargetID, label, member string, period int) (models.PatternTrial, error) {
	w.trials = append(w.trials, fmt.Sprint(id, label, member, period))
	if member == "unknown" {
		return models.PatternTrial{}, models.ErrInvalid
	}
	return models.PatternTrial{Target: id, At: w.clock(), Label: label, Member: member, Period: period, Why: "tried"}, nil
}

func (w *world) Hints() []models.Hint { return slices.Clone(w.hints) }

func (w *world) AddHints(_ context.Context, all []models.Hint, _ string) ([]models.Hint, error) {
	for _, h := range all {
		if err := h.Validate(); err != nil {
			return nil, err
		}
		w.hints = slices.DeleteFunc(w.hints, func(old models.Hint) bool { return old.ID == h.ID })
		w.hints = append(w.hints, h)
	}
	return all, nil
}

func (w *world) HintScores() []models.HintScore { return w.scores }

func (w *world) Append(_ context.Context, events ...models.Event) error {
	if w.broken != nil {
		return w.broken
	}
	w.events = append(w.events, events...)
	return nil
}

func (w *world) SaveState(_ context.Context, key string, state []byte) error {
	w.state[key] = slices.Clone(state)
	return nil
}

func (w *world) LoadState(_ context.Context, key string) ([]byte, error) {
	if s, ok := w.state[key]; ok {
		return s, nil
	}
	return nil, models.ErrNotFound
}

// service makes a service over the world, with an advisor that answers so, or none.
func (w *world) service(t *testing.T, respond advisortest.Respond) (*advice.Service, *advisortest.Server) {
	t.Helper()
	s := advice.New(advice.Deps{
		Fleet: w, Hints: w, Forecasters: w, Journal: w, State: w, Now: w.clock, Logger: slog.New(slog.DiscardHandler), Step: time.Minute,
		Members: []string{"holt_winters"},
	})
	if respond == nil {
		return s, nil
	}
	server := advisortest.New(t, advisortest.Config{}, respond)
	config := advisor.DefaultConfig()
	config.Enabled, config.Name, config.BaseURL, config.Model = true, "main", server.URL, "test"
	config.Budget.InputPerMillion, config.Budget.OutputPerMillion = 1, 2
	config.Retries, config.Repairs = 0, 0
	client, err := advisor.New(config, advisor.Deps{Now: w.clock, BoundaryKey: []byte("0123456789abcdef")})
	if err != nil {
		t.Fatal(err)
	}
	s.Configure(config, client)
	t.Cleanup(client.Close)
	return s, server
}

// answer is a whole answer to a request for advice.
func answer(advices, patterns string) advisortest.Reply {
	return advisortest.Reply{Content: `{"advices":[` + advices + `],"patterns":[` + patterns + `]}`}
}

const surge = `{"kind":"multiplier","subjects":["T1"],"start":"2026-03-03T20:00:00Z","end":"2026-03-03T22:00:00Z","value":3,"confidence":0.9,"reason":"sale"}`

func TestAdviceComesIntoForce(t *testing.T) {
	t.Parallel()
	w := newWorld()
	s, server := w.service(t, advisortest.Always(answer(surge,
		`{"subject":"T1","label":"daily","forecaster":"holt_winters","period_steps":null,"confidence":0.8,"reason":"x"}`)))
	record, err := s.Advise(t.Context(), "a sale tomorrow at eight, three times as much at checkout", "ops")
	if err != nil {
		t.Fatalf("%v; refused %q", err, server.Refused())
	}
	if len(w.hints) != 1 || w.hints[0].Source != models.HintAdvisor || w.hints[0].Selector.Targets[0] != "shop/checkout" || w.hints[0].Multiplier != 3 {
		t.Fatalf("in force: %+v", w.hints)
	}
	if len(record.Kept) != 1 || len(record.Patterns) != 1 || record.USD <= 0 || record.Attempts != 1 {
		t.Errorf("record %+v", record)
	}
	if len(w.events) != 1 || w.events[0].Type != models.EventAdvice || !strings.Contains(w.events[0].Advice.Prompt, "three times as much") {
		t.Errorf("recorded: %+v", w.events)
	}
	if strings.Contains(w.events[0].Advice.Prompt, "lab/nightly") {
		t.Error("names are not masked")
	}
	if diff := cmp.Diff([]string{"shop/checkoutdailyholt_winters0"}, w.trials); diff != "" {
		t.Errorf("patterns (-want +got):\n%s", diff)
	}
	again, err := s.Advise(t.Context(), "again", "ops")
	if err != nil || len(w.hints) != 1 || len(w.trials) != 1 || !slices.ContainsFunc(again.Dropped, func(d string) bool { return strings.Contains(d, "within the last day") }) {
		t.Errorf("the same advice again: %v, %d hints, trials %q, dropped %q", err, len(w.hints), w.trials, again.Dropped)
	}
	w.scores = []models.HintScore{{Source: "main", Kind: models.AdviceMultiplier, BenefitUSD: 4, EarnedUSD: 2}, {Source: "api", BenefitUSD: 9}}
	r := s.AdvisorReport()
	if !r.Enabled || r.Model != "test" || r.BenefitUSD != 4 || r.EarnedUSD != 2 || r.CostUSD < 2*record.USD*0.9 || r.Today.Requests != 2 || len(r.Patterns) != 1 {
		t.Errorf("report %+v", r)
	}
	other, _ := w.service(t, advisortest.Always(answer("", "")))
	other.Restore(t.Context())
	if got := other.AdvisorReport(); got.CostUSD != r.CostUSD || got.Today != r.Today || len(got.Patterns) != 1 {
		t.Errorf("after a restart the report is %+v, it was %+v", got, r)
	}
}

func TestDeadAdvisor(t *testing.T) {
	t.Parallel()
	w := newWorld()
	s, _ := w.service(t, advisortest.Always(advisortest.Reply{Status: 500}))
	record, err := s.Advise(t.Context(), "", "ops")
	if err == nil || len(w.hints) != 0 || record.Error == "" || len(w.events) != 1 {
		t.Errorf("%v, record %+v, %d hints", err, record, len(w.hints))
	}
	if r := s.AdvisorReport(); r.LastError == "" {
		t.Errorf("report %+v", r)
	}
	n, err := s.Narrate(t.Context(), "shop/checkout", "")
	if err != nil || n.Problem == "" || n.Advisor != "" || len(n.Sentences) == 0 {
		t.Errorf("%v %+v", err, n)
	}
}

func TestWithoutAdvisor(t *testing.T) {
	t.Parallel()
	w := newWorld()
	s, _ := w.service(t, nil)
	ctx := t.Context()
	for name, do := range map[string]func() error{
		"advise": func() error { _, err := s.Advise(ctx, "", "ops"); return err },
		"prompt": func() error { _, err := s.AdvicePrompt(ctx); return err },
		"parse":  func() error { _, err := s.ParseHints(ctx, "sale", "", "ops"); return err },
	} {
		if err := do(); !errors.Is(err, models.ErrNotFound) || !strings.Contains(err.Error(), "enabled: true") {
			t.Errorf("%s: %v", name, err)
		}
	}
	n, err := s.Narrate(ctx, "shop/checkout", "")
	if err != nil || n.Advisor != "" || n.Problem != "" || !slices.ContainsFunc(n.Sentences, func(x models.Sentence) bool { return strings.Contains(x.Text, "instances 4") }) {
		t.Errorf("%v %+v", err, n)
	}
	if _, err := s.Narrate(ctx, "unknown", ""); !errors.Is(err, models.ErrNotFound) {
		t.Error(err)
	}
	if r := s.AdvisorReport(); r.Enabled {
		t.Errorf("report %+v", r)
	}
	for i := range 200 {
		s.Restore(ctx)
		w.state["advice"] = []byte(strings.Repeat("{", i))
	}
}

func TestNarrative(t *testing.T) {
	t.Parallel()
	w := newWorld()
	reply := advisortest.Reply{Content: `{"sentences":[{"text":"The forecast needs 4 instances.","facts":["F2"]}]}`}
	s, server := w.service(t, func(advisortest.Request) advisortest.Reply { return reply })
	n, err := s.Narrate(t.Context(), "shop/checkout", "Why four?")
	if err != nil || n.Problem != "" {
		t.Fatalf("%v %+v %q", err, n, server.Refused())
	}
	if n.Advisor != "main" || n.Sentences[0].Facts[0] != "reason 1: predicted" || n.Question != "Why four?" {
		t.Errorf("%+v", n)
	}
	reply.Content = `{"sentences":[{"text":"The forecast needs 17 instances.","facts":["F2"]}]}`
	n, err = s.Narrate(t.Context(), "shop/search", "")
	if err != nil || n.Advisor != "" || n.Problem == "" || strings.Contains(n.Sentences[0].Text, "17") {
		t.Errorf("an invented number: %v %+v", err, n)
	}
}

func TestProposals(t *testing.T) {
	t.Parallel()
	w := newWorld()
	s, server := w.service(t, advisortest.Always(advisortest.Reply{Content: `{"hints":[{"everything":false,"subjects":["T1"],"start":"2026-03-05T20:00:00+01:00",` +
		`"end":"2026-03-06T00:00:00+01:00","recurrence":null,"multiplier":4,"floor":null,"confidence":0.9,"reason":"Black Friday"}],"questions":[]}`}))
	ctx := t.Context()
	p, err := s.ParseHints(ctx, "Black Friday starts Thursday 20:00, expect 4x on shop/checkout", "Europe/Paris", "ann")
	if err != nil {
		t.Fatalf("%v %q", err, server.Refused())
	}
	if len(p.Hints) != 1 || p.Hints[0].Multiplier != 4 || len(w.hints) != 0 {
		t.Fatalf("%+v; %d in force", p, len(w.hints))
	}
	if _, err := s.ParseHints(ctx, "x", "Mars/Olympus", "ann"); !errors.Is(err, models.ErrInvalid) {
		t.Error(err)
	}
	if _, err := s.ConfirmHints(ctx, "other", "bob"); !errors.Is(err, models.ErrNotFound) {
		t.Error(err)
	}
	for range 2 {
		if _, err := s.ConfirmHints(ctx, p.ID, "bob"); err != nil || len(w.hints) != 1 {
			t.Fatalf("%v, %d in force", err, len(w.hints))
		}
	}
	if h := w.hints[0]; h.Source != models.HintAPI || h.Author != "bob" || !h.Start.Equal(time.Date(2026, 3, 5, 19, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v", h)
	}
	w.now = w.now.Add(2 * time.Hour)
	if _, err := s.ConfirmHints(ctx, p.ID, "bob"); !errors.Is(err, models.ErrExpired) {
		t.Error(err)
	}
}

func TestNotes(t *testing.T) {
	t.Parallel()
	w := newWorld()
	s, _ := w.service(t, advisortest.Always(answer("", "")))
	ctx := t.Context()
	good := models.Note{At: monday.Add(-time.Hour), Kind: "deployment", Target: "shop/checkout", Text: "release 7"}
	for range 2 {
		if err := s.AddNotes(ctx, []models.Note{good, {Kind: "alert", Text: "latency"}}, "ci"); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.Notes(); len(got) != 2 || got[0].Kind != "alert" || got[1].Author != "ci" {
		t.Errorf("%+v", got)
	}
	for _, bad := range []models.Note{{}, {Kind: "x", Text: strings.Repeat("x", 3000)}, {Kind: "x", Text: "\xff"}, {Kind: "x", Text: "y", At: monday.AddDate(-1, 0, 0)}, {Kind: "x", Text: "y", Target: "a\nb"}} {
		if err := s.AddNotes(ctx, []models.Note{good, bad}, "ci"); !errors.Is(err, models.ErrInvalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	p, err := s.AdvicePrompt(ctx)
	if err != nil || !strings.Contains(p.Text, "release 7") || strings.Contains(p.Text, "shop/checkout") {
		t.Errorf("%v %s", err, p.Text)
	}
	many := make([]models.Note, 0, 700)
	for i := range cap(many) {
		many = append(many, models.Note{Kind: "alert", Text: strconv.Itoa(i)})
	}
	if err := s.AddNotes(ctx, many, "ci"); err != nil || len(s.Notes()) != 500 {
		t.Errorf("%v, %d notes", err, len(s.Notes()))
	}
}

// TestScheduleLearns runs the loop for a week and looks at what is told then.
func TestScheduleLearns(t *testing.T) {
	t.Parallel()
	w := newWorld()
	s, server := w.service(t, advisortest.Always(answer("", "")))
	minutes := 0
	err := s.Run(t.Context(), func(context.Context, time.Duration) bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.now, minutes = w.now.Add(10*time.Minute), minutes+10
		return minutes <= 8*1440
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(server.Requests()); n < 150 || n > 200 {
		t.Errorf("%d requests in eight days at one an hour", n)
	}
	last := server.Requests()[len(server.Requests())-1]
	if n := strings.Count(last.Data, "3600"); n < 168 {
		t.Errorf("the hours of the week are not told: %d in\n%s", n, last.Data)
	}
	w.broken = errors.New("disk full")
	if _, err := s.Advise(t.Context(), "", "ops"); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Error(err)
	}
}

func TestFarMoreTargetsThanRoom(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for i := range 300 {
		id := models.TargetID(fmt.Sprintf("fn-%03d", i))
		w.loads[id], w.groups[id] = float64(i%7), fmt.Sprintf("team-%d", i%5)
	}
	w.loads["lab/nightly"] = math.NaN()
	s, _ := w.service(t, advisortest.Always(answer("", "")))
	p, err := s.AdvicePrompt(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(p.Text, "G5") || len(p.Text) > 200_000 {
		t.Errorf("groups are missing in %d bytes:\n%s", len(p.Text), p.Text[:min(len(p.Text), 3000)])
	}
}

package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"pilotlight/api"
	"pilotlight/models"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	viewerSecret   = "viewer-secret-0123456789"
	operatorSecret = "operator-secret-0123456789"
	now            = time.Date(2026, 1, 6, 12, 0, 0, 0, time.UTC)
)

// world is a fake of everything behind the API. Err, if set, is what every call that can fail returns.
type world struct {
	restores    []models.RestoreOrder
	hints       []models.Hint
	notes       []models.Note
	noAdvisor   bool
	mu          sync.Mutex
	targets     []models.TargetStatus
	events      []models.Event
	forecasts   map[models.TargetID]models.Forecast
	explanation models.Explanation
	series      models.Series
	pause       models.PauseState
	ready       []string
	reloadErr   error
	err         error
	panics      bool
	hash        string
	calls       []string
	backtests   []api.Backtest
	filters     []models.EventFilter
	// more wakes watchers; it is closed and replaced with each event.
	more chan struct{}
}

func newWorld(ids ...models.TargetID) *world {
	w := &world{forecasts: map[models.TargetID]models.Forecast{}, hash: "hash-1", more: make(chan struct{})}
	for i, id := range ids {
		w.targets = append(w.targets, status(id, i))
	}
	slices.SortFunc(w.targets, func(a, b models.TargetStatus) int { return strings.Compare(string(a.Target.ID), string(b.Target.ID)) })
	values := []float64{1, math.NaN(), 3}
	w.series, _ = models.SeriesOf(now.Add(-3*time.Minute), time.Minute, values)
	return w
}

// status is a target with everything set; every third has nothing observed and no decision.
func status(id models.TargetID, i int) models.TargetStatus {
	s := models.TargetStatus{
		Target: models.Target{
			ID: id, Group: fmt.Sprintf("group-%d", i%2), Collector: "prom", Actuator: "lambda", Ref: "fn:live", MemoryMB: 512,
			ColdStart: 900 * time.Millisecond, Lead: 90 * time.Second, Concurrency: 1, Limits: models.Limits{MaxWarm: 50},
			Labels: map[string]string{"evil": "</script>\n\"'&"},
		},
		Data: models.DataMissing, Invocations: math.NaN(), Duration: math.Inf(1), Concurrency: math.NaN(),
	}
	if i%3 == 2 {
		s.Problems = []string{"no sample yet; check the query <invocations>"}
		return s
	}
	d := decision(id, i)
	st := models.StatusPending
	if i%3 == 1 {
		st = models.StatusAdvised
	}
	s.Data, s.LastSample = models.DataFresh, now.Add(-time.Minute)
	s.Invocations, s.Duration, s.Concurrency = 1234.5, 0.2, 3.25
	s.Observed, s.Observation = true, models.Observation{Capacity: d.Current, Ready: 2, Pending: i%3 == 1}
	s.Latest = &models.Recommendation{Decision: d, Status: st}
	return s
}

func decision(id models.TargetID, i int) models.Decision {
	return models.Decision{
		ID: models.NewID("decision", id, now, strconv.Itoa(i)), Target: id, At: now, Mode: models.ModeApprove,
		Current: models.Warm(2).WithKeepAlive(10 * time.Minute), Desired: models.Warm(3 + i).WithKeepAlive(90 * time.Second),
		Reactive: 2, Predicted: -1, Model: "holt-winters", ConfigHash: "hash-1",
		Reasons: []models.Reason{
			models.Because(models.ReasonPredicted, models.Num("warm", 3), models.Num("level", 0.9), models.Num("odd", math.NaN())),
			{Code: models.ReasonNoForecast, Detail: "<img src=x onerror=alert(1)>\nsecond line"},
		},
		Price: models.Price{IdleGBs: 12.5, ColdStarts: math.NaN(), ColdStartsSaved: math.Inf(1), USDPerHour: 0.0125},
	}
}

// call notes a call and returns the error to return.
func (w *world) call(name string) error {
	w.calls = append(w.calls, name)
	if w.panics {
		panic("secret inside of " + name)
	}
	return w.err
}

func (w *world) Targets() []models.TargetStatus {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.call("targets")
	return slices.Clone(w.targets)
}

func (w *world) Target(id models.TargetID) (models.TargetStatus, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.call("target"); err != nil {
		return models.TargetStatus{}, err
	}
	for _, t := range w.targets {
		if t.Target.ID == id {
			return t, nil
		}
	}
	return models.TargetStatus{}, fmt.Errorf("target %q: %w", id, models.ErrNotFound)
}

func (w *world) Forecast(id models.TargetID) (models.Forecast, error) {
	if _, err := w.Target(id); err != nil {
		return models.Forecast{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	f, ok := w.forecasts[id]
	if !ok {
		return models.Forecast{}, fmt.Errorf("target %q has 30 of 120 samples: %w", id, models.ErrInsufficientHistory)
	}
	return f, nil
}

func (w *world) Explain(id models.TargetID) (models.Explanation, error) {
	if _, err := w.Target(id); err != nil {
		return models.Explanation{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.explanation, nil
}

func (w *world) Series(_ context.Context, id models.TargetID, sig models.Signal, from, to time.Time) (models.Series, error) {
	if _, err := w.Target(id); err != nil {
		return models.Series{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, fmt.Sprintf("series %s %s %s", sig, from.Format(time.RFC3339), to.Format(time.RFC3339)))
	return w.series, nil
}

func (w *world) find(id string) (*models.Recommendation, error) {
	for _, t := range w.targets {
		if t.Latest != nil && t.Latest.Decision.ID == id {
			return t.Latest, nil
		}
	}
	return nil, fmt.Errorf("recommendation %q: %w", id, models.ErrNotFound)
}

func (w *world) Recommendation(id string) (models.Recommendation, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.call("recommendation"); err != nil {
		return models.Recommendation{}, err
	}
	r, err := w.find(id)
	if err != nil {
		return models.Recommendation{}, err
	}
	return *r, nil
}

func (w *world) settle(id, by, note string, to models.RecommendationStatus) (models.Recommendation, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.call(fmt.Sprintf("%s by %q note %q", to, by, note)); err != nil {
		return models.Recommendation{}, err
	}
	r, err := w.find(id)
	if err != nil {
		return models.Recommendation{}, err
	}
	if r.Status != models.StatusPending {
		return models.Recommendation{}, fmt.Errorf("recommendation %q is %s: %w", id, r.Status, models.ErrConflict)
	}
	r.Status, r.By, r.Note = to, by, note
	return *r, nil
}

func (w *world) Approve(_ context.Context, id, by, note string) (models.Recommendation, error) {
	return w.settle(id, by, note, models.StatusApproved)
}

func (w *world) Reject(_ context.Context, id, by, note string) (models.Recommendation, error) {
	return w.settle(id, by, note, models.StatusRejected)
}

// record appends an event to the journal.
func (w *world) record(events ...models.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range events {
		e.Seq = uint64(len(w.events) + 1)
		w.events = append(w.events, e)
	}
	close(w.more)
	w.more = make(chan struct{})
}

func (w *world) Query(_ context.Context, f models.EventFilter) ([]models.Event, uint64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.filters = append(w.filters, f)
	if err := w.call("query"); err != nil {
		return nil, 0, err
	}
	var out []models.Event
	for _, e := range slices.Backward(w.events) {
		switch {
		case f.Before > 0 && e.Seq >= f.Before, len(f.Types) > 0 && !slices.Contains(f.Types, e.Type),
			f.Target != "" && e.Target != f.Target, !f.From.IsZero() && e.Time.Before(f.From), !f.To.IsZero() && !e.Time.Before(f.To):
			continue
		}
		if len(out) == f.Limit {
			return out, out[len(out)-1].Seq, nil
		}
		out = append(out, e)
	}
	return out, 0, nil
}

func (w *world) Watch(ctx context.Context, after uint64, fn func(models.Event) error) error {
	for {
		w.mu.Lock()
		if w.panics {
			w.mu.Unlock()
			panic("secret inside of watch")
		}
		events, more, err := slices.Clone(w.events), w.more, w.err
		w.mu.Unlock()
		if err != nil {
			return err
		}
		for _, e := range events {
			if e.Seq > after {
				if err := fn(e); err != nil {
					return err
				}
				after = e.Seq
			}
		}
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (w *world) setPause(name, by, note string, to bool) (models.PauseState, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.call(fmt.Sprintf("%s by %q note %q", name, by, note)); err != nil {
		return models.PauseState{}, err
	}
	w.pause = models.PauseState{Paused: to, Since: now, By: by, Note: note}
	return w.pause, nil
}

func (w *world) Pause(_ context.Context, by, note string) (models.PauseState, error) {
	return w.setPause("pause", by, note, true)
}

func (w *world) Resume(_ context.Context, by, note string) (models.PauseState, error) {
	return w.setPause("resume", by, note, false)
}

func (w *world) PauseState() models.PauseState {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.call("pause state")
	return w.pause
}

func (w *world) ConfigYAML() (text, hash string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return "mode: approve\npassword: <secret>\n", w.hash
}

func (w *world) Reload(context.Context) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := errors.Join(w.call("reload"), w.reloadErr); err != nil {
		return "", err
	}
	w.hash = "hash-2"
	return w.hash, nil
}

func (w *world) Ready() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ready
}

func (w *world) Mode() models.Mode { return models.ModeApprove }

func (w *world) StartBacktest(_ context.Context, r api.BacktestRequest, by string) (api.Backtest, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.call("backtest by " + by); err != nil {
		return api.Backtest{}, err
	}
	b := api.Backtest{ID: fmt.Sprintf("backtest-%d", len(w.backtests)+1), State: "queued", Created: now, By: by, Request: r}
	w.backtests = append(w.backtests, b)
	return b, nil
}

func (w *world) Backtest(id string) (api.Backtest, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.call("get backtest"); err != nil {
		return api.Backtest{}, err
	}
	for _, b := range w.backtests {
		if b.ID == id {
			b.State, b.Progress, b.Result = "done", 1, &api.BacktestResult{
				Policies: []api.BacktestPolicy{{Name: "Pilotlight", Kind: "pilotlight"}}, Curve: []api.BacktestPoint{},
				Reasons: []api.BacktestReason{}, Targets: []api.BacktestTarget{}, Warnings: []string{},
			}
			return b, nil
		}
	}
	return api.Backtest{}, fmt.Errorf("backtest %q: %w", id, models.ErrNotFound)
}

func (w *world) Backtests() []api.Backtest {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.call("list backtests")
	return slices.Clone(w.backtests)
}

// deps returns dependencies with both tokens.
// Refused implements api.Refusals.
func (w *world) Refused() []models.RefusedTarget {
	return []models.RefusedTarget{{ID: `"<b>`, Collector: "prom", Why: "no label function"}}
}

// PutBack implements api.Restorer.
func (w *world) PutBack(_ context.Context, order models.RestoreOrder, _ func(models.Restored)) ([]models.Restored, error) {
	w.restores = append(w.restores, order)
	if order.Note == "fail" {
		return nil, models.ErrConflict
	}
	status := models.RestoreDone
	if order.DryRun {
		status = models.RestoreDue
	}
	return []models.Restored{{
		Target: `shop/"<b>`, Actuator: "lambda", Ref: "fn:live", Current: models.Warm(5), Original: models.Warm(0), Status: status, Why: "</script>",
	}}, nil
}

func (w *world) deps() api.Deps {
	reg := prometheus.NewRegistry()
	return api.Deps{
		Fleet: w, Explanations: w, Recommendations: w, Audit: w, Control: w, Restorer: w, Hints: w, Advisor: w, Proposals: w, Narrator: w, Notes: w, Refusals: w, Admin: w, Backtests: w, Gatherer: reg, Registerer: reg,
		Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }, Version: "1.2.3-test",
		Tokens: []api.Token{
			{Name: "grafana", Role: api.RoleViewer, Secret: viewerSecret},
			{Name: "alice", Role: api.RoleOperator, Secret: operatorSecret},
		},
	}
}

func mustNew(tb testing.TB, deps api.Deps) http.Handler {
	tb.Helper()
	h, err := api.New(deps)
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

// request makes a request with the operator's token; headers come in pairs.
func request(method, target, body string, headers ...string) *http.Request {
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequestWithContext(context.Background(), method, target, reader)
	r.Header.Set("Authorization", "Bearer "+operatorSecret)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

// do sends a request and checks the answer against the description.
func do(tb testing.TB, h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	tb.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	checkAnswer(tb, r, w)
	return w
}

// get sends a GET that must succeed and decodes the answer.
func get[T any](tb testing.TB, h http.Handler, target string) T {
	tb.Helper()
	w := do(tb, h, request(http.MethodGet, target, ""))
	if w.Code != http.StatusOK {
		tb.Fatalf("GET %s: status %d: %s", target, w.Code, w.Body)
	}
	return decode[T](tb, w)
}

func decode[T any](tb testing.TB, w *httptest.ResponseRecorder) T {
	tb.Helper()
	var out T
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		tb.Fatalf("body %q: %v", w.Body, err)
	}
	return out
}

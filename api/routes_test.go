package api_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pilotlight/api"
	"pilotlight/models"
)

// hostileIDs are names that a label could have.
var hostileIDs = []models.TargetID{
	"plain", "shop/checkout", "a/b/../c", "//", "with space", "100%", "%2F", "%25", "a+b", `quo"te'`, "<script>alert(1)</script>",
	"ünïcödé-名前-🔥", "?x=1&y=2", "#frag", "semi;colon", ":id", "{id}", "*", "a\\b", "forecast", "x/forecast", "..x", "&amp;", "line\u00a0break",
}

func escaped(id models.TargetID) string { return "/api/v1/targets/" + url.PathEscape(string(id)) }

func TestHostileTargets(t *testing.T) {
	t.Parallel()
	world := newWorld(hostileIDs...)
	server := httptest.NewServer(mustNew(t, world.deps()))
	t.Cleanup(server.Close)
	for _, id := range hostileIDs {
		t.Run(string(id), func(t *testing.T) {
			t.Parallel()
			for _, path := range []string{"", "/series"} {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+escaped(id)+path, http.NoBody)
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Authorization", "Bearer "+viewerSecret)
				resp, err := server.Client().Do(r)
				if err != nil {
					t.Fatal(err)
				}
				var body struct{ ID, Target string }
				err = json.NewDecoder(resp.Body).Decode(&body)
				if err := errors.Join(err, resp.Body.Close()); err != nil {
					t.Fatal(err)
				}
				if got := body.ID + body.Target; resp.StatusCode != http.StatusOK || got != string(id) {
					t.Errorf("GET %s: status %d, id %q", r.URL, resp.StatusCode, got)
				}
			}
			// As a filter it goes through the query.
			list := get[struct{ Items []struct{ Target string } }](t, mustNew(t, newWorld(id).deps()), "/api/v1/recommendations?target="+url.QueryEscape(string(id)))
			if len(list.Items) != 1 || list.Items[0].Target != string(id) {
				t.Errorf("filter by target found %v", list.Items)
			}
		})
	}
}

func TestBadTargetIDs(t *testing.T) {
	t.Parallel()
	h := mustNew(t, newWorld("a").deps())
	for path, want := range map[string]int{
		"/api/v1/targets/nope":                                404,
		"/api/v1/targets/nope/forecast":                       404,
		"/api/v1/targets/nope/series":                         404,
		"/api/v1/targets/a%00b":                               422,
		"/api/v1/targets/a%0Ab":                               422,
		"/api/v1/targets/%FF":                                 422,
		"/api/v1/targets/%20a":                                422,
		"/api/v1/targets/" + strings.Repeat("x", 257):         422,
		"/api/v1/targets/":                                    404,
		"/api/v1/targets//forecast":                           422,
		"/api/v1/targets/a/":                                  404,
		"/api/v1/targets/a/nope":                              404,
		"/api/v1/recommendations/nope":                        404,
		"/api/v1/recommendations/" + strings.Repeat("x", 129): 422,
	} {
		w := do(t, h, request(http.MethodGet, path, ""))
		if w.Code != want {
			t.Errorf("GET %s: status %d, not %d: %s", path, w.Code, want, w.Body)
		}
	}
}

func TestGetTarget(t *testing.T) {
	t.Parallel()
	world := newWorld("a", "b", "c")
	h := mustNew(t, world.deps())
	a := get[map[string]any](t, h, "/api/v1/targets/a")
	want := map[string]any{
		"id": "a", "group": "group-0", "collector": "prom", "actuator": "lambda", "ref": "fn:live", "memory_mb": 512.0,
		"cold_start_s": 0.9, "lead_s": 90.0, "concurrency": 1.0,
		"labels":   map[string]any{"evil": "</script>\n\"'&"},
		"limits":   map[string]any{"min_warm": 0.0, "max_warm": 50.0, "max_keep_alive_s": 0.0},
		"data":     map[string]any{"state": "fresh", "last_sample": "2026-01-06T11:59:00Z"},
		"load":     map[string]any{"invocations": 1234.5, "duration_s": 0.2, "concurrency": 3.25},
		"observed": map[string]any{"capacity": map[string]any{"warm": 2.0, "keep_alive_s": 600.0}, "ready": 2.0, "pending": false},
		"problems": []any{},
	}
	r := a["recommendation"].(map[string]any)
	delete(a, "recommendation")
	if diff := cmp.Diff(want, a); diff != "" {
		t.Error(diff)
	}
	d := r["decision"].(map[string]any)
	if r["id"] != d["id"] || r["status"] != "pending" || r["changes"] != true {
		t.Errorf("recommendation %v", r)
	}
	if diff := cmp.Diff(map[string]any{"idle_gb_s": 12.5, "cold_starts": nil, "cold_starts_saved": nil, "usd_per_hour": 0.0125}, d["price"]); diff != "" {
		t.Error(diff)
	}
	reason := d["reasons"].([]any)[0].(map[string]any)
	if diff := cmp.Diff(map[string]any{"warm": 3.0, "level": 0.9, "odd": nil}, reason["numbers"]); diff != "" {
		t.Error(diff)
	}
	// What is unknown is null or absent, never zero.
	c := get[map[string]any](t, h, "/api/v1/targets/c")
	if diff := cmp.Diff(map[string]any{"invocations": nil, "duration_s": nil, "concurrency": nil}, c["load"]); diff != "" {
		t.Error(diff)
	}
	if c["observed"] != nil || c["recommendation"] != nil || c["data"].(map[string]any)["last_sample"] != nil {
		t.Errorf("unknown target %v", c)
	}
}

func forecast(t *testing.T, id models.TargetID, unfit *models.Reason) models.Forecast {
	t.Helper()
	f, err := models.NewForecast(models.ForecastSpec{
		Target: id, Start: now, Step: time.Minute, Model: "holt-winters", Unfit: unfit,
		Skill:  models.Skill{Windows: 3, MAE: 1.5, SeasonalNaiveMAE: math.NaN(), PersistenceMAE: math.Inf(1)},
		Levels: []float64{0.1, 0.9}, Mean: []float64{2, 3}, Values: [][]float64{{1, 2}, {4, 5}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestForecast(t *testing.T) {
	t.Parallel()
	world := newWorld("a", "b", "c")
	reason := models.Because(models.ReasonNoSkill, models.Num("mae", 2))
	world.forecasts["a"], world.forecasts["b"] = forecast(t, "a", nil), forecast(t, "b", &reason)
	world.explanation = models.Explanation{
		Steps: 200, Observed: 190, Unfit: &reason, Leads: []int{1, 5}, Skill: models.Skill{Windows: 180, MAE: 1, SeasonalNaiveMAE: 2, PersistenceMAE: 3},
		Members: []models.MemberExplanation{{Name: "holt_winters", Ready: true, Scored: 180, Errors: []float64{1, math.NaN()}, Weights: []float64{1, 1}}},
		Periods: []int{60}, SeasonalNaive: []float64{2}, Spread: 0.5, UsualSpread: math.NaN(), Shifts: 1,
	}
	h := mustNew(t, world.deps())
	want := map[string]any{
		"target": "a", "signal": "invocations", "start": "2026-01-06T12:00:00Z", "step_s": 60.0, "model": "holt-winters", "fit": true,
		"skill":  map[string]any{"windows": 3.0, "mae": 1.5, "seasonal_naive_mae": nil, "persistence_mae": nil},
		"levels": []any{0.1, 0.9},
		"rows": []any{
			map[string]any{"at": "2026-01-06T12:00:00Z", "mean": 2.0, "quantiles": []any{1.0, 4.0}},
			map[string]any{"at": "2026-01-06T12:01:00Z", "mean": 3.0, "quantiles": []any{2.0, 5.0}},
		},
		"explanation": map[string]any{
			"steps": 200.0, "observed": 190.0, "asleep": false, "leads": []any{1.0, 5.0}, "spread": 0.5, "usual_spread": nil, "shifts": 1.0,
			"unfit":   map[string]any{"code": "no_skill", "text": reason.String(), "numbers": map[string]any{"mae": 2.0}},
			"skill":   map[string]any{"windows": 180.0, "mae": 1.0, "seasonal_naive_mae": 2.0, "persistence_mae": 3.0},
			"seasons": []any{map[string]any{"steps": 60.0, "mae": 2.0}},
			"members": []any{map[string]any{
				"name": "holt_winters", "ready": true, "scored": 180.0, "errors": []any{1.0, nil}, "weights": []any{1.0, 1.0},
			}},
		},
	}
	if diff := cmp.Diff(want, get[map[string]any](t, h, "/api/v1/targets/a/forecast")); diff != "" {
		t.Error(diff)
	}
	unfit := get[api.Forecast](t, h, "/api/v1/targets/b/forecast")
	if unfit.Fit || unfit.Unfit == nil || unfit.Unfit.Code != "no_skill" {
		t.Errorf("unfit forecast %+v", unfit)
	}
	world.explanation = models.Explanation{Steps: 3, Observed: 3, Asleep: true}
	if e := get[api.Forecast](t, h, "/api/v1/targets/a/forecast").Explanation; !e.Asleep || e.Skill != nil || e.Members == nil {
		t.Errorf("asleep: %+v", e)
	}
	w := do(t, h, request(http.MethodGet, "/api/v1/targets/c/forecast", ""))
	p := decode[problem](t, w)
	if w.Code != 404 || p.Type != "urn:pilotlight:problem:insufficient-history" || !strings.Contains(p.Detail, "30 of 120 samples") {
		t.Errorf("absent forecast: %d %+v", w.Code, p)
	}
}

func TestSeries(t *testing.T) {
	t.Parallel()
	world := newWorld("a")
	h := mustNew(t, world.deps())
	want := map[string]any{
		"target": "a", "signal": "errors", "start": "2026-01-06T11:57:00Z", "end": "2026-01-06T12:00:00Z", "step_s": 60.0,
		"values": []any{1.0, nil, 3.0},
	}
	if diff := cmp.Diff(want, get[map[string]any](t, h, "/api/v1/targets/a/series?signal=errors&from=2026-01-05T01:00:00%2B01:00")); diff != "" {
		t.Error(diff)
	}
	get[api.Series](t, h, "/api/v1/targets/a/series")
	if diff := cmp.Diff([]string{
		"target", "series errors 2026-01-05T00:00:00Z 2026-01-06T12:00:00Z",
		"target", "series invocations 2026-01-05T12:00:00Z 2026-01-06T12:00:00Z",
	}, world.calls); diff != "" {
		t.Error(diff)
	}
	world.series, _ = models.SeriesOf(now, time.Second, make([]float64, 100_001))
	if w := do(t, h, request(http.MethodGet, "/api/v1/targets/a/series", "")); w.Code != 422 {
		t.Errorf("huge series: %d", w.Code)
	}
}

func TestRecommendations(t *testing.T) {
	t.Parallel()
	world := newWorld("a", "b", "c", "d")
	h := mustNew(t, world.deps())
	all := get[api.RecommendationList](t, h, "/api/v1/recommendations")
	if len(all.Items) != 3 || all.Items[0].Target != "a" || all.Items[2].Target != "d" {
		t.Fatalf("recommendations %+v", all.Items)
	}
	pending := get[api.RecommendationList](t, h, "/api/v1/recommendations?status=pending,rejected")
	if len(pending.Items) != 2 {
		t.Errorf("pending %+v", pending.Items)
	}
	a, d := pending.Items[0].ID, pending.Items[1].ID
	w := do(t, h, request(http.MethodPost, "/api/v1/recommendations/"+a+"/approve", `{"note":" looks\nright "}`))
	if r := decode[api.Recommendation](t, w); w.Code != 200 || r.Status != "approved" || r.By != "alice" || r.Note != "looks right" {
		t.Errorf("approve: %d %+v", w.Code, r)
	}
	w = do(t, h, request(http.MethodPost, "/api/v1/recommendations/"+d+"/reject", ""))
	if r := decode[api.Recommendation](t, w); w.Code != 200 || r.Status != "rejected" || r.By != "alice" {
		t.Errorf("reject: %d %+v", w.Code, r)
	}
	w = do(t, h, request(http.MethodPost, "/api/v1/recommendations/"+a+"/reject", ""))
	if p := decode[problem](t, w); w.Code != 409 || p.Type != "urn:pilotlight:problem:conflict" {
		t.Errorf("twice: %d %+v", w.Code, p)
	}
	if got := get[api.Recommendation](t, h, "/api/v1/recommendations/"+a); got.Status != "approved" {
		t.Errorf("after approval %+v", got)
	}
}

func TestControl(t *testing.T) {
	t.Parallel()
	world := newWorld()
	h := mustNew(t, world.deps())
	if diff := cmp.Diff(map[string]any{"paused": false}, get[map[string]any](t, h, "/api/v1/pause")); diff != "" {
		t.Error(diff)
	}
	w := do(t, h, request(http.MethodPost, "/api/v1/pause", `{"note":"incident"}`))
	want := map[string]any{"paused": true, "by": "alice", "note": "incident", "since": "2026-01-06T12:00:00Z"}
	if diff := cmp.Diff(want, decode[map[string]any](t, w)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, get[map[string]any](t, h, "/api/v1/pause")); diff != "" {
		t.Error(diff)
	}
	if w := do(t, h, request(http.MethodPost, "/api/v1/resume", "")); decode[api.PauseState](t, w).Paused {
		t.Error("still paused")
	}
}

func TestAdmin(t *testing.T) {
	t.Parallel()
	world := newWorld()
	h := mustNew(t, world.deps())
	want := api.Version{Version: "1.2.3-test", Mode: "approve", ConfigHash: "hash-1"}
	if diff := cmp.Diff(want, get[api.Version](t, h, "/api/v1/version")); diff != "" {
		t.Error(diff)
	}
	if c := get[api.Configuration](t, h, "/api/v1/config"); c.Hash != "hash-1" || !strings.Contains(c.YAML, "password: <secret>") {
		t.Errorf("config %+v", c)
	}
	w := do(t, h, request(http.MethodPost, "/api/v1/config/reload", ""))
	if diff := cmp.Diff(api.Reloaded{Hash: "hash-2", Changed: true}, decode[api.Reloaded](t, w)); diff != "" {
		t.Error(diff)
	}
	world.reloadErr = errors.New("targets[0].max_warm: is missing")
	w = do(t, h, request(http.MethodPost, "/api/v1/config/reload", ""))
	if p := decode[problem](t, w); w.Code != 422 || p.Type != "urn:pilotlight:problem:invalid-configuration" || !strings.Contains(p.Detail, "max_warm") {
		t.Errorf("bad reload: %d %+v", w.Code, p)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	world := newWorld()
	h := mustNew(t, world.deps())
	for _, path := range []string{"/healthz", "/readyz"} {
		r := request(http.MethodGet, path, "")
		r.Header.Del("Authorization")
		if w := do(t, h, r); w.Code != 200 {
			t.Errorf("%s without token: %d", path, w.Code)
		}
	}
	world.ready = []string{"collector prom: connection refused; check its url"}
	w := do(t, h, request(http.MethodGet, "/readyz", ""))
	if diff := cmp.Diff(api.Readiness{Reasons: world.ready}, decode[api.Readiness](t, w)); w.Code != 503 || diff != "" {
		t.Errorf("not ready: %d %s", w.Code, diff)
	}
}

// TestErrors checks what each error of the interfaces becomes, on every route that can return one.
func TestErrors(t *testing.T) {
	t.Parallel()
	routes := []string{
		"GET /api/v1/targets/a", "GET /api/v1/targets/a/forecast", "GET /api/v1/targets/a/series", "GET /api/v1/recommendations/x",
		"POST /api/v1/recommendations/x/approve", "POST /api/v1/recommendations/x/reject",
	}
	for _, tc := range []struct {
		err    error
		status int
		slug   string
	}{
		{models.ErrNotFound, 404, "not-found"},
		{models.ErrInvalid, 422, "invalid-request"},
		{errors.New("dial db: password=hunter2 refused"), 500, "internal"},
	} {
		for _, route := range append(routes, "GET /api/v1/decisions", "GET /api/v1/events", "POST /api/v1/pause", "POST /api/v1/resume") {
			if tc.status == 404 && !strings.Contains(route, "/targets/a") && !strings.Contains(route, "/x") {
				continue
			}
			checkError(t, route, tc.err, tc.status, tc.slug)
		}
	}
	for _, tc := range []struct {
		err   error
		route string
		slug  string
	}{
		{models.ErrConflict, routes[4], "conflict"},
		{models.ErrExpired, routes[4], "expired"},
		{models.ErrDryRun, routes[4], "dry-run"},
		{models.ErrPaused, routes[5], "paused"},
		{models.ErrConflict, "POST /api/v1/pause", "conflict"},
	} {
		checkError(t, tc.route, tc.err, 409, tc.slug)
	}
	checkError(t, routes[1], models.ErrNoData, 404, "no-data")
	checkError(t, routes[1], models.ErrStale, 404, "stale-data")
	checkError(t, routes[2], models.ErrNoData, 404, "no-data")
	checkError(t, routes[2], http.ErrHandlerTimeout, 500, "internal")
}

type problem struct {
	Type, Title, Detail, Instance string
	Status                        int
	Errors                        []struct {
		Message, Location string
		Value             any
	}
}

func checkError(t *testing.T, route string, err error, status int, slug string) {
	t.Helper()
	world := newWorld("a")
	world.err = fmt.Errorf("attempted: %w", err)
	method, path, _ := strings.Cut(route, " ")
	w := do(t, mustNew(t, world.deps()), request(method, path, "", "X-Request-Id", "req-1"))
	p := decode[problem](t, w)
	if w.Code != status || p.Status != status || p.Type != "urn:pilotlight:problem:"+slug || p.Title == "" || p.Instance != "urn:pilotlight:request:req-1" {
		t.Errorf("%s with %v: status %d: %+v", route, err, w.Code, p)
	}
	if status == 500 && strings.Contains(w.Body.String(), "hunter2") || status < 500 && !strings.Contains(p.Detail, "attempted") {
		t.Errorf("%s with %v: detail %q", route, err, p.Detail)
	}
}

func TestPanic(t *testing.T) {
	t.Parallel()
	world := newWorld("a")
	world.panics = true
	h := mustNew(t, world.deps())
	for _, route := range []string{
		"GET /api/v1/targets", "GET /api/v1/targets/a", "POST /api/v1/pause", "GET /", "GET /api/v1/events",
	} {
		method, path, _ := strings.Cut(route, " ")
		w := do(t, h, request(method, path, ""))
		if w.Code != 500 || strings.Contains(w.Body.String(), "secret") || strings.Contains(w.Body.String(), ".go:") {
			t.Errorf("%s: status %d: %s", route, w.Code, w.Body)
		}
	}
}

// halfway is a client that fails once something has been sent.
type halfway struct{ *httptest.ResponseRecorder }

// Flush implements http.Flusher.
func (halfway) Flush() { panic("secret inside of the connection") }

// TestPanicHalfway checks that an answer that was begun is broken off, so that the client does not take it for complete.
func TestPanicHalfway(t *testing.T) {
	t.Parallel()
	w := halfway{httptest.NewRecorder()}
	defer func() {
		err, _ := recover().(error)
		if !errors.Is(err, http.ErrAbortHandler) || strings.Contains(w.Body.String(), "problem") {
			t.Errorf("panic %v: %s", err, w.Body)
		}
	}()
	mustNew(t, newWorld().deps()).ServeHTTP(w, request(http.MethodGet, "/api/v1/events", ""))
	t.Error("it did not panic")
}

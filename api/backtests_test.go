package api_test

import (
	"net/http"
	"slices"
	"testing"

	"pilotlight/api"
)

// TestBacktests follows a backtest from its start to its result.
func TestBacktests(t *testing.T) {
	t.Parallel()
	w := newWorld()
	h := mustNew(t, w.deps())
	if list := get[api.BacktestList](t, h, "/api/v1/backtests"); len(list.Items) != 0 {
		t.Errorf("backtests before any was started: %v", list.Items)
	}
	started := do(t, h, request(http.MethodPost, "/api/v1/backtests", `{"setting": "provider", "what_if": ["policy.hysteresis=0.2"]}`))
	if started.Code != http.StatusAccepted {
		t.Fatalf("status %d: %s", started.Code, started.Body)
	}
	b := decode[api.Backtest](t, started)
	if got := started.Header().Get("Location"); got != "/api/v1/backtests/"+b.ID {
		t.Errorf("location %q", got)
	}
	if b.By != "alice" || b.State != "queued" || b.Request.Setting != "provider" || !slices.Equal(b.Request.WhatIf, []string{"policy.hysteresis=0.2"}) {
		t.Errorf("started %+v", b)
	}
	if got := get[api.Backtest](t, h, "/api/v1/backtests/"+b.ID); got.State != "done" || got.Result == nil {
		t.Errorf("ended %+v", got)
	}
	if got := do(t, h, request(http.MethodPost, "/api/v1/backtests", "")); got.Code != http.StatusAccepted {
		t.Errorf("without a body: status %d", got.Code)
	}
	if list := get[api.BacktestList](t, h, "/api/v1/backtests"); len(list.Items) != 2 {
		t.Errorf("%d backtests", len(list.Items))
	}
}

// TestBacktestRefusals checks who may not and what cannot.
func TestBacktestRefusals(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		request *http.Request
		want    int
	}{
		"viewer":        {request(http.MethodPost, "/api/v1/backtests", "", "Authorization", "Bearer "+viewerSecret), http.StatusForbidden},
		"unknown field": {request(http.MethodPost, "/api/v1/backtests", `{"config": "/etc/passwd"}`), http.StatusUnprocessableEntity},
		"setting":       {request(http.MethodPost, "/api/v1/backtests", `{"setting": "both"}`), http.StatusUnprocessableEntity},
		"price":         {request(http.MethodPost, "/api/v1/backtests", `{"cold_start_price": -1}`), http.StatusUnprocessableEntity},
		"missing":       {request(http.MethodGet, "/api/v1/backtests/none", ""), http.StatusNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			if got := do(t, mustNew(t, w.deps()), tc.request); got.Code != tc.want {
				t.Errorf("status %d, want %d: %s", got.Code, tc.want, got.Body)
			}
			if len(w.backtests) != 0 {
				t.Error("it was started")
			}
		})
	}
}

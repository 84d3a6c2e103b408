package sim

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"testing"

	"go.uber.org/goleak"

	"pilotlight/collectors/trace"
	"pilotlight/internal/sim/promstore"
	"pilotlight/models"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ask evaluates an expression at every minute of the trace and returns the points of each function, by minute.
func ask(t *testing.T, store *promstore.Store, tr *trace.Trace, query string) map[string]map[int]float64 {
	t.Helper()
	form := url.Values{
		"query": {query}, "step": {"60"},
		"start": {strconv.FormatInt(tr.Start.Unix(), 10)}, "end": {strconv.FormatInt(tr.End().Unix(), 10)},
	}
	w := httptest.NewRecorder()
	store.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/query_range?"+form.Encode(), nil))
	var answer struct {
		Error string
		Data  struct {
			Result []struct {
				Metric map[string]string
				Values [][2]any
			}
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer.Error != "" {
		t.Fatal(err, answer.Error)
	}
	out := map[string]map[int]float64{}
	for _, r := range answer.Data.Result {
		points := map[int]float64{}
		for _, v := range r.Values {
			at, okAt := v[0].(float64)
			text, okValue := v[1].(string)
			value, err := strconv.ParseFloat(text, 64)
			if !okAt || !okValue || err != nil {
				t.Fatal(v, err)
			}
			points[(int(at)-int(tr.Start.Unix()))/60] = value
		}
		out[r.Metric["function"]] = points
	}
	return out
}

// TestExporter reads back from the metrics, with the queries of the generic preset, what the trace says.
func TestExporter(t *testing.T) {
	t.Parallel()
	tr, err := smallTrace(t).Truncate(1440)
	if err != nil {
		t.Fatal(err)
	}
	store, err := promstore.Open(t.TempDir(), promstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	cfg := DefaultConfig(Customer)
	cfg.CountFrom = 100 // metrics count everything all the same
	p := platform(t, tr, cfg)
	e, err := NewExporter(p, store, "demo")
	if err != nil {
		t.Fatal(err)
	}
	for minute := range tr.Minutes + 1 {
		advance(t, p, tr.TimeOf(minute))
		if err := e.Export(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	const by = "sum by (function, app) "
	invocations := ask(t, store, tr, by+`(increase(function_invocations_total{namespace="demo"}[60001ms])) * (60/60.001)`)
	colds := ask(t, store, tr, by+`(increase(function_cold_starts_total[60001ms])) * (60/60.001)`)
	worked := ask(t, store, tr, by+`(increase(function_duration_seconds_sum[60001ms]))`)
	finished := ask(t, store, tr, by+`(increase(function_duration_seconds_count[60001ms]))`)
	memory := ask(t, store, tr, "max by (function) (max_over_time(function_memory_bytes[1m])) / 1048576")
	cold := 0.0
	for i := range tr.Functions {
		f := &tr.Functions[i]
		counts := make([]float64, tr.Minutes)
		for minute, count := range tr.Counts(i) {
			counts[minute] = float64(count)
		}
		sum, n := 0.0, 0.0
		for minute, want := range counts {
			// A sample at the end of a minute covers it. Where a counter leaves 0, Prometheus does not extrapolate the last
			// millisecond of the window.
			if got := invocations[f.Name][minute+1]; math.Abs(got-want) > 2e-5*want {
				t.Fatalf("%s has %v invocations in minute %d, want %v", f.Name, got, minute, want)
			}
			cold += colds[f.Name][minute+1]
			sum += worked[f.Name][minute+1]
			n += finished[f.Name][minute+1]
			if memory[f.Name][minute+1] != f.MemoryMB {
				t.Fatalf("%s has %v MB", f.Name, memory[f.Name][minute+1])
			}
		}
		ever := p.functions[i].ever
		if math.Abs(n-float64(ever.finished)) > 1e-4*n || math.Abs(sum*1e6-float64(ever.worked)) > 1e-4*float64(ever.worked) {
			t.Errorf("%s: %v invocations took %v s in the metrics, want %+v", f.Name, n, sum, ever)
		}
	}
	if total := p.Total(); cold < float64(total.ColdStarts)-1e-3 || cold == 0 {
		t.Errorf("%v cold starts in the metrics, %d counted by the platform", cold, total.ColdStarts)
	}
}

type brokenStore struct{}

var errBroken = errors.New("broken")

func (brokenStore) Append(context.Context, []promstore.Sample) error { return errBroken }

func TestExporterErrors(t *testing.T) {
	t.Parallel()
	p := platform(t, smallTrace(t), DefaultConfig(Customer))
	if _, err := NewExporter(p, brokenStore{}, "\xff"); !errors.Is(err, models.ErrInvalid) {
		t.Errorf("a namespace that is not UTF-8: %v", err)
	}
	e, err := NewExporter(p, brokenStore{}, "demo")
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Export(t.Context()); !errors.Is(err, errBroken) {
		t.Errorf("a broken store: %v", err)
	}
}

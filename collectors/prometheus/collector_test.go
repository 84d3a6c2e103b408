package prometheus

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"pilotlight/collectors"
	"pilotlight/models"
)

func mustCollect(t *testing.T, c *Collector, req collectors.Request) collectors.Result {
	t.Helper()
	got, err := c.Collect(t.Context(), req)
	if err != nil {
		t.Fatalf("Collect: %v", err)
	}
	return got
}

// problems renders problems for comparison.
func problems(result collectors.Result) []string {
	var out []string
	for _, p := range result.Problems {
		out = append(out, fmt.Sprintf("%s %q: %v", p.Signal, p.Target, p.Err))
	}
	return out
}

func TestStepsAreEvaluatedAtTheirEnds(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		steps, slice int
		want         [][3]float64 // start, end and step in seconds from t0 of each query
	}{
		{steps: 1, slice: 11000, want: [][3]float64{{60, 60, 1}}},
		{steps: 5, slice: 11000, want: [][3]float64{{60, 300, 60}}},
		{steps: 5, slice: 2, want: [][3]float64{{60, 120, 60}, {180, 240, 60}, {300, 300, 1}}},
		{steps: 25000, slice: 11000, want: [][3]float64{{60, 660000, 60}, {660060, 1320000, 60}, {1320060, 1500000, 60}}},
	} {
		t.Run(fmt.Sprintf("%d steps by %d", test.steps, test.slice), func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.series["function_invocations_total"] = []fakeSeries{{labels: named("a"), value: minuteOf}}
			c := f.collector(t, func(c *Config) { c.MaxPointsPerQuery = test.slice })
			got := mustCollect(t, c, minutes(test.steps))
			var asked [][3]float64
			for _, r := range f.requests() {
				base := float64(t0.Unix())
				asked = append(asked, [3]float64{r.start - base, r.end - base, r.step})
			}
			if diff := cmp.Diff(test.want, asked); diff != "" {
				t.Errorf("queries (-want +got):\n%s", diff)
			}
			// The fake's value is the number of the step that ends at the time of evaluation.
			series := got.Targets[0].Series[models.SignalInvocations]
			if series.Len() != test.steps || !series.Start().Equal(t0) {
				t.Fatalf("series of %d steps from %s, want %d from %s", series.Len(), series.Start(), test.steps, t0)
			}
			for i, v := range series.Values() {
				if v != float64(i) {
					t.Fatalf("step %d has the value of step %v", i, v)
				}
			}
		})
	}
}

func TestOneQueryPerSignalWhateverTheTargets(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	for i := range 500 {
		f.series["function_invocations_total"] = append(f.series["function_invocations_total"],
			fakeSeries{labels: named(fmt.Sprintf("f%03d", 499-i)), value: constant(float64(i))})
	}
	c := f.collector(t, func(c *Config) { c.Meta = map[string]string{"duration_p50": "", "duration_p99": ""} })
	got := mustCollect(t, c, minutes(3, models.Signals()...))
	if len(got.Targets) != 500 || got.Targets[0].ID != "f000" || got.Targets[499].ID != "f499" {
		t.Errorf("got %d targets", len(got.Targets))
	}
	var parts []string
	for _, r := range f.requests() {
		parts = append(parts, strings.Join(strings.FieldsFunc(r.query, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') })[3:5], " "))
	}
	slices.Sort(parts)
	if len(parts) != models.NumSignals {
		t.Errorf("%d queries for %d signals: %q", len(parts), models.NumSignals, parts)
	}
}

func TestQueriesAreExpanded(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.series["x"] = []fakeSeries{{labels: named("a"), value: constant(1)}}
	c := f.collector(t, func(c *Config) {
		c.Queries = map[string]string{
			"invocations": "sum by (function) (x{${selector}}) + ${step_seconds} + ${window_seconds} + ${period_seconds} + ${scale} + " +
				"sum by (function) (increase(y{a=\"b\",${selector}}[${window}])) + sum by (function) (rate(y{${selector}}[${step}]))",
		}
		c.Selector = ` cluster="eu", env=~"p.*", `
		c.Window, c.Lookback = models.Duration(2*time.Minute), models.Duration(90*time.Second)
	})
	mustCollect(t, c, minutes(2))
	seen := f.requests()[0]
	want := `sum by (function) (x{cluster="eu", env=~"p.*"}) + 60 + 120.001 + 60 + (60/120.001) + ` +
		`sum by (function) (increase(y{a="b",cluster="eu", env=~"p.*"}[2m1ms])) + sum by (function) (rate(y{cluster="eu", env=~"p.*"}[1m]))`
	if diff := cmp.Diff(want, seen.query); diff != "" {
		t.Errorf("query (-want +got):\n%s", diff)
	}
	for name, want := range map[string]string{"timeout": "30s", "limit": "100001", "lookback_delta": "1m30s"} {
		if got := seen.form[name]; len(got) != 1 || got[0] != want {
			t.Errorf("parameter %s = %q, want %q", name, got, want)
		}
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	values := []float64{1, math.NaN(), math.Inf(1), math.Inf(-1), -3, 194.99675005416577, 2.5, 0, 1e300, 1e12}
	f.series["function_invocations_total"] = []fakeSeries{{labels: named("a"), value: func(at time.Time) (float64, bool) {
		m, _ := minuteOf(at)
		return values[int(m)], true
	}}}
	got := mustCollect(t, f.collector(t, nil), minutes(len(values)))
	nan := math.NaN()
	want := []float64{1, nan, nan, nan, nan, 195, 2.5, 0, nan, 1e12}
	if diff := cmp.Diff(want, got.Targets[0].Series[models.SignalInvocations].Values(), cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	if p := problems(got); len(p) != 2 || !strings.Contains(p[0], `invocations "a": 1 negative values became gaps`) ||
		!strings.Contains(p[1], `invocations "a": 1 values above 1e+12 became gaps`) {
		t.Errorf("problems %q", p)
	}
}

func TestLabels(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	long := strings.Repeat("x", 1<<20)
	quotes := `a "quoted" \ name`
	f.series["q"] = []fakeSeries{
		{labels: map[string]string{"ns": "b", "fn": "one", "zone": "1"}, value: constant(1)},
		{labels: map[string]string{"ns": "b", "fn": "one", "zone": "2"}, value: constant(2)},
		{labels: map[string]string{"ns": "b"}, value: constant(3)},
		{labels: map[string]string{"ns": "b", "fn": ""}, value: constant(3)},
		{labels: map[string]string{"ns": "b", "fn": "new\nline"}, value: constant(4)},
		{labels: map[string]string{"ns": "b", "fn": long}, value: constant(5)},
		{labels: map[string]string{"ns": "b", "fn": quotes, "__name__": "q", "team": "core"}, value: constant(6)},
		{labels: map[string]string{"ns": "a", "fn": "${ns}"}, value: constant(7)},
	}
	c := f.collector(t, func(c *Config) {
		c.Preset, c.Queries = presetCustom, map[string]string{"invocations": "q"}
		c.TargetID, c.Group = "${ns}/${fn}", "team ${team}"
		c.Labels = map[string]string{"where": "$${${ns}}", "gone": "${missing}"}
		c.MaxPointsPerQuery = 2 // a series without a target is met in every slice, but reported once
	})
	got := mustCollect(t, c, minutes(6))
	type target struct {
		ID     models.TargetID
		Labels map[string]string
		Group  string
	}
	var targets []target
	for _, data := range got.Targets {
		targets = append(targets, target{ID: data.ID, Labels: data.Labels, Group: data.Meta.Group})
	}
	want := []target{
		{ID: "a/${ns}", Labels: map[string]string{"ns": "a", "fn": "${ns}", "where": "${a}"}},
		{
			ID: models.TargetID("b/" + quotes), Group: "team core",
			Labels: map[string]string{"ns": "b", "fn": quotes, "team": "core", "where": "${b}"},
		},
	}
	if diff := cmp.Diff(want, targets); diff != "" {
		t.Errorf("targets (-want +got):\n%s", diff)
	}
	p := problems(got)
	for i, part := range []string{
		`invocations "{ns=\"b\"}": series {ns="b"} has no label "fn", which target_id needs`,
		`series {fn="", ns="b"} has no label "fn"`,
		`target id "b/new\nline" has a control character`,
		`target id of 4096 bytes is longer than 256`,
		`"b/one": series {fn="one", ns="b", zone="1"} and {fn="one", ns="b", zone="2"} both make target "b/one", so neither is ` +
			`used: add zone to target_id`,
	} {
		if len(p) != 5 || !strings.Contains(p[i], part) {
			t.Errorf("problem %d of %q lacks %q", i, p, part)
		}
	}
	for _, text := range p {
		if len(text) > 1200 || strings.Contains(text, `invocations "":`) || strings.Contains(text, "\n") {
			t.Errorf("problem of %d bytes, or over several lines: %.100q", len(text), text)
		}
	}
	if !errors.Is(got.Problems[4].Err, models.ErrConflict) {
		t.Errorf("a clash is not ErrConflict: %v", got.Problems[4].Err)
	}
}

func TestProblemsAreBounded(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.series["function_invocations_total"] = []fakeSeries{{labels: named("ok"), value: constant(1)}}
	for i := range 300 {
		f.series["function_invocations_total"] = append(f.series["function_invocations_total"],
			fakeSeries{labels: map[string]string{"app": strconv.Itoa(i)}, value: constant(1)})
	}
	p := problems(mustCollect(t, f.collector(t, nil), minutes(2)))
	if len(p) != maxProblems+1 || !strings.Contains(p[maxProblems], "290 more series: a label of target_id is missing") {
		t.Errorf("problems %q", p)
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.series["function_invocations_total"] = []fakeSeries{{labels: named("a"), value: constant(1)}}
	f.extra = `,"warnings":["partial\nresponse","partial\nresponse"],"infos":["metric might not be a counter"]`
	got := mustCollect(t, f.collector(t, func(c *Config) { c.MaxPointsPerQuery = 1 }), minutes(4))
	want := []string{"invocations: metric might not be a counter", "invocations: partial response"}
	if diff := cmp.Diff(want, got.Warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func TestTooManySeries(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	for i := range 4 {
		f.series["_total"] = append(f.series["_total"], fakeSeries{labels: named(strconv.Itoa(i)), value: constant(1)})
	}
	f.series["function_in_flight"] = f.series["_total"][:1]
	c := f.collector(t, func(c *Config) { c.MaxSeries = 3 })
	_, err := c.Collect(t.Context(), minutes(2))
	if !errors.Is(err, models.ErrInvalid) || !strings.Contains(err.Error(), "more than max_series 3 series; aggregate by") {
		t.Errorf("error %v", err)
	}
	got := mustCollect(t, c, minutes(2, models.SignalInvocations, models.SignalConcurrency))
	if p := problems(got); len(p) != 1 || !strings.Contains(p[0], "max_series") || len(got.Targets) != 1 {
		t.Errorf("problems %q, %d targets", p, len(got.Targets))
	}
}

// TestServerLimit checks that a range is halved until the server accepts it.
func TestServerLimit(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.maxSeen = 3
	f.series["function_invocations_total"] = []fakeSeries{{labels: named("a"), value: minuteOf}}
	got := mustCollect(t, f.collector(t, nil), minutes(20))
	for i, v := range got.Targets[0].Series[models.SignalInvocations].Values() {
		if v != float64(i) {
			t.Errorf("step %d has the value of step %v", i, v)
		}
	}
	refused := 0
	for _, r := range f.requests() {
		if r.points > 3 {
			refused++
		}
	}
	if refused != 3 { // 20, 10, 5 steps
		t.Errorf("%d queries were refused, want 3", refused)
	}
}

func TestNoData(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.series["function_in_flight"] = []fakeSeries{{labels: named("a"), value: constant(2)}}
	f.series["function_invocations_total"] = []fakeSeries{{labels: named("a"), value: constant(math.NaN())}}
	c := f.collector(t, func(c *Config) { c.Queries = map[string]string{"memory": ""} })
	for _, signals := range [][]models.Signal{
		{models.SignalInvocations, models.SignalConcurrency}, {models.SignalErrors}, {models.SignalMemory}, nil,
	} {
		req := minutes(2)
		req.Signals = signals
		if _, err := c.Collect(t.Context(), req); !errors.Is(err, models.ErrNoData) {
			t.Errorf("%v: error %v, want ErrNoData", signals, err)
		}
	}
	if got := mustCollect(t, c, minutes(2, models.SignalConcurrency, models.SignalErrors)); len(got.Targets) != 1 {
		t.Errorf("%d targets, want 1", len(got.Targets))
	}
}

// TestNoDataSaysWhy checks that the error of an empty answer names what was wrong with what was there.
func TestNoDataSaysWhy(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		series []fakeSeries
		want   string
	}{
		"nothing":  {nil, "check preset, selector and target_id, that the server has samples of that time, and its clock"},
		"negative": {[]fakeSeries{{labels: named("a"), value: constant(-1)}}, "2 negative values became gaps; correct the query"},
		"huge":     {[]fakeSeries{{labels: named("a"), value: constant(1e300)}}, "2 values above 1e+12 became gaps; correct the query"},
		"unnamed":  {[]fakeSeries{{labels: map[string]string{"fn": "a"}, value: constant(1)}}, `has no label "function", which target_id needs`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.series["function_invocations_total"] = tc.series
			for _, signals := range [][]models.Signal{{models.SignalInvocations}, {models.SignalInvocations, models.SignalErrors}} {
				_, err := f.collector(t, nil).Collect(t.Context(), minutes(2, signals...))
				if !errors.Is(err, models.ErrNoData) || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("error %v, want %q", err, tc.want)
				}
			}
		})
	}
}

// TestNoDataBesideAFailure checks that a failed query is the reason given where the others are empty.
func TestNoDataBesideAFailure(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.faults = []http.HandlerFunc{reply(403, "no"), reply(403, "no")} // by POST, then by GET
	c := f.collector(t, func(c *Config) { c.MaxParallel = 1 })
	_, err := c.Collect(t.Context(), minutes(1, models.SignalInvocations, models.SignalErrors))
	if err == nil || errors.Is(err, models.ErrNoData) || !strings.Contains(err.Error(), "may not query; check its permissions") {
		t.Errorf("error %v", err)
	}
}

func TestOneFailingSignalIsAProblem(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.series["function_invocations_total"] = []fakeSeries{{labels: named("a"), value: constant(1)}}
	c := f.collector(t, func(c *Config) {
		c.MaxParallel = 1
		c.Queries = map[string]string{"duration": "sum by (function) (unknown_thing)"}
	})
	f.faults = []http.HandlerFunc{nil, reply(400, `{"status":"error","errorType":"bad_data","error":"1:5: parse error: unexpected \"x\""}`)}
	got := mustCollect(t, c, minutes(2, models.SignalDuration, models.SignalInvocations))
	p := problems(got)
	if len(p) != 1 || len(got.Targets) != 1 || !strings.Contains(p[0], `duration "": duration: query http://127.0.0.1:`) ||
		!strings.Contains(p[0], `1:5: parse error: unexpected "x"; correct the query`) {
		t.Errorf("problems %q, %d targets", p, len(got.Targets))
	}
}

func TestBadSignal(t *testing.T) {
	t.Parallel()
	_, err := newFake(t).collector(t, nil).Collect(t.Context(), minutes(2, models.Signal(99)))
	if !errors.Is(err, models.ErrInvalid) {
		t.Errorf("error %v, want ErrInvalid", err)
	}
}

// TestContextCause checks that the caller learns why it gave up itself.
func TestContextCause(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	shutdown := errors.New("the process ends")
	cancel(shutdown)
	_, err := newFake(t).collector(t, nil).Collect(ctx, minutes(2))
	if !errors.Is(err, context.Canceled) || !errors.Is(err, shutdown) {
		t.Errorf("error %v", err)
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.series["function_invocations_total"] = []fakeSeries{
		{labels: named("a"), value: constant(1)},
		{labels: named("b"), value: constant(1)},
		{labels: map[string]string{}, value: constant(1)},
	}
	reg := prometheus.NewRegistry()
	// A reload builds the collector anew on the same registerer, and so does a second collector.
	for range 2 {
		for _, name := range []string{"one", "two"} {
			c, err := New(name, f.config(), nil, reg)
			if err != nil {
				t.Fatalf("New: %v", err)
			}
			mustCollect(t, c, minutes(1))
			c.Close()
		}
	}
	err := testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP pilotlight_collector_problems_total Problems reported with the data, such as series without the labels of a target.
# TYPE pilotlight_collector_problems_total counter
pilotlight_collector_problems_total{collector="one",signal="invocations"} 2
pilotlight_collector_problems_total{collector="two",signal="invocations"} 2
# HELP pilotlight_collector_queries_total Requests to the source, retries included, by outcome.
# TYPE pilotlight_collector_queries_total counter
pilotlight_collector_queries_total{collector="one",outcome="ok",signal="invocations"} 2
pilotlight_collector_queries_total{collector="two",outcome="ok",signal="invocations"} 2
# HELP pilotlight_collector_series Series with at least one value in the latest answer.
# TYPE pilotlight_collector_series gauge
pilotlight_collector_series{collector="one",signal="invocations"} 2
pilotlight_collector_series{collector="two",signal="invocations"} 2
`), "pilotlight_collector_problems_total", "pilotlight_collector_queries_total", "pilotlight_collector_series")
	if err != nil {
		t.Error(err)
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
}

func BenchmarkCollect(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		b.Run(fmt.Sprintf("%d targets", n), func(b *testing.B) {
			list := make([]fakeSeries, n)
			for i := range list {
				list[i] = fakeSeries{labels: named(fmt.Sprintf("function-%05d", i)), value: constant(float64(i))}
			}
			body := answerTo(seenRequest{path: "query", query: "q", start: float64(t0.Unix() + 60), step: 1, points: 1},
				map[string][]fakeSeries{"q": list}, "")
			cfg := DefaultConfig()
			cfg.URL = "http://fake.test"
			cfg.Queries = map[string]string{"invocations": "q"}
			c, err := build("bench", cfg, nil, nil, transport(func(*http.Request) (*http.Response, error) {
				return response(200, body), nil
			}))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Collect(b.Context(), minutes(1)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestWindowOfMetricsQL checks that VictoriaMetrics, which takes the sample before a range into account, gets no longer range.
func TestWindowOfMetricsQL(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	cfg.Dialect = dialectMetricsQL
	if got, want := cfg.expand("x[${window}] * ${scale}", time.Minute), "x[1m] * (60/60)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

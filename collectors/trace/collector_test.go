package trace

import (
	"context"
	"errors"
	"math"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pilotlight/collectors"
	"pilotlight/models"
)

var testStart = time.Date(2021, 1, 31, 0, 0, 0, 0, time.UTC)

func both() []models.Signal {
	return []models.Signal{models.SignalInvocations, models.SignalDuration}
}

func build(tb testing.TB, minutes int, rows ...[]Row) *Trace {
	tb.Helper()
	functions := make([]Function, len(rows))
	for i := range functions {
		functions[i] = Function{Name: "f" + strconv.Itoa(len(rows)-i), AvgMS: 100 * float64(i+1), MemoryMB: 128, ColdStartMS: Unknown}
	}
	t, err := Build(Info{Name: "t", Start: testStart, Minutes: minutes}, functions, rows)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

func TestCollect(t *testing.T) {
	t.Parallel()
	c := NewFromTrace("t", build(t, 12, []Row{{0, 3}, {5, 2}, {6, 4}, {11, 1}}, nil), time.Second)
	nan := math.NaN()
	tests := map[string]struct {
		from, to, step time.Duration
		start          time.Duration
		counts, times  []float64
	}{
		"one minute with invocations": {5 * time.Minute, 6 * time.Minute, time.Minute, 5 * time.Minute, []float64{2}, []float64{0.1}},
		"one minute without":          {4 * time.Minute, 5 * time.Minute, time.Minute, 4 * time.Minute, []float64{0}, []float64{nan}},
		"several": {
			4 * time.Minute, 8 * time.Minute, time.Minute, 4 * time.Minute,
			[]float64{0, 2, 4, 0},
			[]float64{nan, 0.1, 0.1, nan},
		},
		"beyond both ends": {
			-time.Hour, time.Hour, time.Minute, 0,
			[]float64{3, 0, 0, 0, 0, 2, 4, 0, 0, 0, 0, 1},
			[]float64{0.1, nan, nan, nan, nan, 0.1, 0.1, nan, nan, nan, nan, 0.1},
		},
		"five minutes, the last two are no whole step": {
			-time.Hour, time.Hour, 5 * time.Minute, 0, []float64{3, 6}, []float64{0.1, 0.1},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := c.Collect(t.Context(), collectors.Request{
				Start: testStart.Add(test.from), End: testStart.Add(test.to), Step: test.step, Signals: both(),
			})
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Targets) != 2 || got.Targets[0].ID != "f1" || got.Targets[1].ID != "f2" {
				t.Fatalf("targets are %+v", got.Targets)
			}
			busy, quiet := got.Targets[1].Series, got.Targets[0].Series
			for signal, want := range map[models.Signal][]float64{models.SignalInvocations: test.counts, models.SignalDuration: test.times} {
				s := busy[signal]
				if diff := cmp.Diff(want, s.Values(), cmpNaN()); diff != "" || !s.Start().Equal(testStart.Add(test.start)) || s.Step() != test.step {
					t.Errorf("%s from %s by %s: %s", signal, s.Start(), s.Step(), diff)
				}
			}
			// A function without a single row is 0, not absent.
			if s := quiet[models.SignalInvocations]; s.Len() != len(test.counts) || s.Present() != s.Len() || s.At(0) != 0 {
				t.Errorf("the quiet function has %v", s.Values())
			}
			if s := quiet[models.SignalDuration]; s.Len() != len(test.counts) || s.Present() != 0 {
				t.Errorf("the quiet function has durations %v", s.Values())
			}
			for signal := models.SignalConcurrency; int(signal) < models.NumSignals; signal++ {
				if busy[signal].Len() != 0 {
					t.Errorf("there is %s, which is not in a trace", signal)
				}
			}
		})
	}
}

func cmpNaN() cmp.Option {
	return cmp.Comparer(func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) })
}

// TestCollectAlignsStepsToTheClock has a step that does not divide the hour at which the trace starts.
func TestCollectAlignsStepsToTheClock(t *testing.T) {
	t.Parallel()
	rows := make([]Row, 60)
	for i := range rows {
		rows[i] = Row{Minute: int32(i), Count: 1}
	}
	c := NewFromTrace("t", build(t, 60, rows), time.Second)
	const step = 7 * time.Minute
	first := testStart.UnixNano() / int64(step)
	got, err := c.Collect(t.Context(), collectors.Request{
		Start: time.Unix(0, first*int64(step)), End: time.Unix(0, (first+30)*int64(step)), Step: step, Signals: both(),
	})
	if err != nil {
		t.Fatal(err)
	}
	s := got.Targets[0].Series[models.SignalInvocations]
	if s.Start().UnixNano()%int64(step) != 0 || s.Start().Before(testStart) || s.End().After(testStart.Add(time.Hour)) {
		t.Errorf("series from %s to %s", s.Start(), s.End())
	}
	for i := range s.Len() {
		if s.At(i) != 7 {
			t.Errorf("step %d has %v invocations, want 7", i, s.At(i))
		}
	}
}

func TestCollectMeta(t *testing.T) {
	t.Parallel()
	tr, err := Build(Info{Start: testStart, Minutes: 1}, []Function{
		{Name: "a", App: "shop", Trigger: "http", AvgMS: 9, P50MS: 7.5, P99MS: 30, MemoryMB: 256, ColdStartMS: 400},
		{Name: "b", MemoryMB: 128, ColdStartMS: Unknown},
		{Name: "c", MemoryMB: 128},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := NewFromTrace("t", tr, 3*time.Second).Collect(t.Context(), collectors.Request{
		Start: testStart, End: testStart.Add(time.Minute), Step: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []collectors.Meta{
		{
			Group: "shop", MemoryMB: 256, ColdStart: 400 * time.Millisecond,
			DurationP50: 7500 * time.Microsecond, DurationP99: 30 * time.Millisecond,
		},
		{MemoryMB: 128, ColdStart: 3 * time.Second},
		{MemoryMB: 128, ColdStart: time.Microsecond},
	}
	for i, target := range got.Targets {
		if diff := cmp.Diff(want[i], target.Meta); diff != "" {
			t.Errorf("%s: %s", target.ID, diff)
		}
	}
	if diff := cmp.Diff(map[string]string{"function": "a", "app": "shop", "trigger": "http"}, got.Targets[0].Labels); diff != "" {
		t.Error(diff)
	}
}

func TestCollectRefuses(t *testing.T) {
	t.Parallel()
	c := NewFromTrace("t", build(t, 10, nil), time.Second)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	ask := func(from, to, step time.Duration) collectors.Request {
		return collectors.Request{Start: testStart.Add(from), End: testStart.Add(to), Step: step, Signals: both()}
	}
	tests := map[string]struct {
		ctx  context.Context //nolint:containedctx // the case is about it
		req  collectors.Request
		want error
	}{
		"step of seconds":      {t.Context(), ask(0, time.Minute, 15*time.Second), models.ErrInvalid},
		"step of 90 seconds":   {t.Context(), ask(0, 3*time.Minute, 90*time.Second), models.ErrInvalid},
		"no step":              {t.Context(), ask(0, time.Minute, 0), models.ErrInvalid},
		"end before start":     {t.Context(), ask(time.Minute, 0, time.Minute), models.ErrInvalid},
		"before the trace":     {t.Context(), ask(-time.Hour, -time.Minute, time.Minute), models.ErrNoData},
		"after the trace":      {t.Context(), ask(10*time.Minute, time.Hour, time.Minute), models.ErrNoData},
		"long after the trace": {t.Context(), ask(20*24*time.Hour, 21*24*time.Hour, time.Minute), models.ErrNoData},
		"no steps":             {t.Context(), ask(time.Minute, time.Minute, time.Minute), models.ErrInvalid},
		"start off the step":   {t.Context(), ask(time.Second, time.Minute, time.Minute), models.ErrInvalid},
		"end off the step":     {t.Context(), ask(0, time.Minute+1, time.Minute), models.ErrInvalid},
		"no whole step":        {t.Context(), ask(0, time.Hour, time.Hour), models.ErrNoData},
		"context ended":        {ended, ask(0, time.Minute, time.Minute), context.Canceled},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := c.Collect(test.ctx, test.req)
			if !errors.Is(err, test.want) || got.Targets != nil {
				t.Errorf("got %d targets and %v, want %v", len(got.Targets), err, test.want)
			}
		})
	}
}

// TestCollectAtTheStart checks that functions are known before their first minute, without any sample.
func TestCollectAtTheStart(t *testing.T) {
	t.Parallel()
	c := NewFromTrace("t", build(t, 10, nil), time.Second)
	got, err := c.Collect(t.Context(), collectors.Request{
		Start: testStart.Add(-time.Minute), End: testStart, Step: time.Minute, Signals: both(),
	})
	if err != nil || len(got.Targets) == 0 {
		t.Fatalf("%d targets and %v, want all functions", len(got.Targets), err)
	}
	for i := range got.Targets {
		for sig, s := range got.Targets[i].Series {
			if s.Len() != 0 {
				t.Errorf("%s: signal %d has %d samples", got.Targets[i].ID, sig, s.Len())
			}
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	if _, err := New("t", Config{}); !errors.Is(err, models.ErrInvalid) {
		t.Errorf("empty configuration: %v", err)
	}
	cfg := DefaultConfig()
	cfg.Dir = t.TempDir()
	if _, err := New("t", cfg); err == nil {
		t.Error("an empty folder is accepted")
	}
	cfg.Dir = "../../testdata/traces/small"
	if _, err := New("t", cfg); err != nil {
		t.Error(err)
	}
}

func TestBuildAndTruncateRefuse(t *testing.T) {
	t.Parallel()
	info := Info{Start: testStart, Minutes: 3}
	a := Function{Name: "a", MemoryMB: 1}
	for name, parts := range map[string]struct {
		functions []Function
		rows      [][]Row
	}{
		"no functions":            {},
		"a function twice":        {functions: []Function{a, a}},
		"rows without a function": {functions: []Function{a}, rows: [][]Row{nil, nil}},
		"count 0":                 {functions: []Function{a}, rows: [][]Row{{{0, 0}}}},
		"minute below 0":          {functions: []Function{a}, rows: [][]Row{{{-1, 1}}}},
		"cold start of -2":        {functions: []Function{{Name: "a", MemoryMB: 1, ColdStartMS: -2}}},
	} {
		if _, err := Build(info, parts.functions, parts.rows); !errors.Is(err, models.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	tr := build(t, 3, nil)
	for _, minutes := range []int{-1, 0, 4} {
		if _, err := tr.Truncate(minutes); !errors.Is(err, models.ErrInvalid) {
			t.Errorf("truncate to %d: %v", minutes, err)
		}
	}
}

// TestTruncationInvariance proves that what is collected does not depend on what comes later, and that windows of any cut put
// together are the whole.
func TestTruncationInvariance(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		minutes := rapid.IntRange(1, 60).Draw(rt, "minutes")
		var rows []Row
		for m := range minutes {
			if n := rapid.Int32Range(0, 3).Draw(rt, "count"); n > 0 {
				rows = append(rows, Row{Minute: int32(m), Count: n})
			}
		}
		full := build(t, minutes, rows)
		cut, err := full.Truncate(rapid.IntRange(1, minutes).Draw(rt, "cut"))
		if err != nil {
			rt.Fatal(err)
		}
		if _, err := Build(cut.Info, cut.Functions, [][]Row{cut.Rows(0, 0, cut.Minutes)}); err != nil {
			rt.Fatalf("a truncated trace is no trace: %v", err)
		}
		values := func(tr *Trace, from, to int) []float64 {
			got, err := NewFromTrace("t", tr, time.Second).Collect(t.Context(), collectors.Request{
				Start: tr.TimeOf(from), End: tr.TimeOf(to), Step: time.Minute, Signals: both(),
			})
			if err != nil {
				rt.Fatal(err)
			}
			return got.Targets[0].Series[models.SignalInvocations].Values()
		}
		whole := values(full, 0, cut.Minutes)
		if diff := cmp.Diff(whole, values(cut, 0, full.Minutes)); diff != "" {
			rt.Fatal(diff)
		}
		for m, want := range whole {
			if got := values(full, m, m+1); len(got) != 1 || got[0] != want {
				rt.Fatalf("minute %d alone is %v, in the whole %v", m, got, want)
			}
		}
	})
}

func TestMinute(t *testing.T) {
	t.Parallel()
	tr := build(t, 3, nil)
	for at, want := range map[time.Duration]int{-1: -1, 0: 0, time.Minute - 1: 0, time.Minute: 1, -time.Minute: -1, -time.Minute - 1: -2} {
		if got := tr.Minute(testStart.Add(at)); got != want {
			t.Errorf("%s after the start is in minute %d, want %d", at, got, want)
		}
	}
}

// TestCollectConcurrently is for the race detector.
func TestCollectConcurrently(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	cfg.Dir = "../../testdata/traces/small"
	c, err := New("t", cfg)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for m := range 100 {
				at := c.Trace().TimeOf(m)
				if _, err := c.Collect(t.Context(), collectors.Request{Start: at, End: at.Add(time.Hour), Step: time.Minute, Signals: both()}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func benchTrace(b *testing.B, functions int) *Trace {
	b.Helper()
	rows := make([][]Row, functions)
	const minutes = 14 * 1440
	for i := range rows {
		for m := i % 7; m < minutes; m += 1 + i%13 {
			rows[i] = append(rows[i], Row{Minute: int32(m), Count: int32(1 + m%5)})
		}
	}
	return build(b, minutes, rows...)
}

func BenchmarkCollectMinute(b *testing.B) {
	for _, functions := range []int{5, 500} {
		b.Run(strconv.Itoa(functions), func(b *testing.B) {
			tr := benchTrace(b, functions)
			c := NewFromTrace("t", tr, time.Second)
			b.ReportAllocs()
			m := 0
			for b.Loop() {
				at := tr.TimeOf(m)
				if _, err := c.Collect(b.Context(), collectors.Request{Start: at, End: at.Add(time.Minute), Step: time.Minute, Signals: both()}); err != nil {
					b.Fatal(err)
				}
				m = (m + 1) % tr.Minutes
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read("../../testdata/traces/azure2021-14d"); err != nil {
			b.Fatal(err)
		}
	}
}

// TestSetDirectory checks that a relative folder is one below the folder of the configuration file.
func TestSetDirectory(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ dir, want string }{
		{"traces/small", "conf/traces/small"},
		{"../small", "small"},
		{"/srv/small", "/srv/small"},
		{"", ""},
	} {
		cfg := Config{Dir: tc.dir}
		if cfg.SetDirectory("conf"); cfg.Dir != tc.want {
			t.Errorf("%q gives %q, want %q", tc.dir, cfg.Dir, tc.want)
		}
	}
}

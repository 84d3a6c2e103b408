package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pilotlight/collectors/trace"
	"pilotlight/internal/config"
	"pilotlight/internal/sim"
	"pilotlight/models"
)

// tuneOptions are those of a short search on the small trace.
func tuneOptions(change func(*TuneOptions)) TuneOptions {
	o := TuneOptions{
		Trace: smallTrace, Setting: "provider", By: byAll, Output: "yaml", Workers: 2, Seed: 1, To: "2021-01-31T18:00:00Z",
		Objective: "cold_start_share=0.02",
	}
	if change != nil {
		change(&o)
	}
	return o
}

// tuned is what the command prints.
func tuned(t *testing.T, o TuneOptions) string {
	t.Helper()
	var out bytes.Buffer
	stdio := mute()
	stdio.Out = &out
	if err := Tune(t.Context(), stdio, o); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// tunedOn is the result on a trace, and what is printed of it.
func tunedOn(t *testing.T, recorded *trace.Trace, o TuneOptions) (*tuning, string) {
	t.Helper()
	o.To = ""
	tn, err := newTuner(mute(), &o)
	if err != nil {
		t.Fatal(err)
	}
	tn.trace, tn.spec.trace = recorded, "planted"
	if err := tn.divide(); err != nil {
		t.Fatal(err)
	}
	r, err := tn.tune(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, err := tn.configuration(r)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := r.writeYAML(&out, text); err != nil {
		t.Fatal(err)
	}
	return r, out.String()
}

// planted is a day of two functions. In the first two thirds, and if it goes on in the last, they are called once an hour, so that a floor
// that stays for an hour is wasted; else every 12 minutes, where it is worth its memory.
func planted(t *testing.T, goesOn bool) *trace.Trace {
	t.Helper()
	const minutes = 24 * 60
	var functions []trace.Function
	rows := make([][]trace.Row, 2)
	for f := range rows {
		functions = append(functions, trace.Function{Name: fmt.Sprintf("f%d", f), AvgMS: 200, MemoryMB: 512, ColdStartMS: 1000})
		for m := range minutes {
			called := m%60 == 0
			if m >= minutes*2/3 && !goesOn {
				called = m%12 == 0
			}
			if called {
				rows[f] = append(rows[f], trace.Row{Minute: int32(m), Count: 1})
			}
		}
	}
	out, err := trace.Build(trace.Info{Name: "planted", Start: time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC), Minutes: minutes}, functions, rows)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// plantedOptions keep a floor for an hour, after whatever was called.
func plantedOptions() TuneOptions {
	return tuneOptions(func(o *TuneOptions) {
		o.Setting, o.Objective = "customer", "price"
		o.WhatIf = []string{"policy.cold_start_price=300", "policy.selection=max", "policy.reactive=need", "policy.stabilisation=1h"}
	})
}

// TestTuneHoldsBack plants history whose first part misleads, and history where it does not.
func TestTuneHoldsBack(t *testing.T) {
	t.Parallel()
	o := plantedOptions()
	same, _ := tunedOn(t, planted(t, true), o)
	other, _ := tunedOn(t, planted(t, false), o)
	a, b := &same.Groups[0], &other.Groups[0]
	if diff := cmp.Diff(a.Fit, b.Fit); diff != "" || !cmp.Equal(a.Tried, b.Tried) || len(a.Tried) == 0 {
		t.Fatalf("what is held back changed the search: %v, %v, %s\n%+v", a.Tried, b.Tried, diff, a.Fit)
	}
	if !a.Kept || a.Validation.Tuned.Cost >= a.Validation.Present.Cost {
		t.Errorf("history that goes on as before: %+v", a)
	}
	if b.Kept || b.values != nil || !strings.Contains(b.Verdict, "present values stay") || b.Validation.Tuned.Cost <= b.Validation.Present.Cost {
		t.Errorf("history that misleads: %+v", b)
	}
	if got := a.Fit.Present.Invocations + a.Validation.Present.Invocations; got != 2*24 {
		t.Errorf("%d invocations counted", got)
	}
}

// TestTuneIsReproducible checks that the number of workers changes no byte, and what a group is.
func TestTuneIsReproducible(t *testing.T) {
	t.Parallel()
	for _, by := range []string{byAll, byClass, byTarget} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			var first string
			for _, workers := range []int{1, 3} {
				got := tuned(t, tuneOptions(func(o *TuneOptions) { o.Workers, o.By, o.Output = workers, by, "json" }))
				if first == "" {
					first = got
				}
				if got != first {
					t.Errorf("%d workers give other bytes", workers)
				}
			}
			var r tuning
			if err := json.Unmarshal([]byte(first), &r); err != nil {
				t.Fatal(err)
			}
			targets := 0
			for _, g := range r.Groups {
				targets += g.Targets
			}
			if targets != 5 || by == byTarget && len(r.Groups) != 5 || by == byAll && len(r.Groups) != 1 || !r.From.Before(r.Split) || !r.Split.Before(r.To) {
				t.Errorf("groups %+v", r.Groups)
			}
		})
	}
}

// TestTunePrintsConfiguration checks that what is printed is a configuration, with the values that were kept and all else as it was.
func TestTunePrintsConfiguration(t *testing.T) {
	t.Parallel()
	file := write(t, t.TempDir(), "p.yaml", `
# Ours.
collectors: [{name: trace, type: trace, config: {dir: .}}]
targets:
  - match: "*"
    group: shop # the team
    limits: {max_warm: 7}
`)
	for _, by := range []string{byAll, byTarget} {
		o := plantedOptions()
		o.Config, o.By = file, by
		_, text := tunedOn(t, planted(t, true), o)
		cfg, err := config.ParseWith(file, []byte(text), models.ModeDryRun, nil, parts(), mute().Env)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if !strings.Contains(text, "# the team") || !strings.Contains(text, "- held back: ") || cfg.Policies()[0].ColdStartPrice != 300 {
			t.Errorf("by %s:\n%s", by, text)
		}
		kept := strings.Count(text, "# - these values")
		if got := strings.Count(text, "- id: "); kept == 0 || by == byTarget && got != kept || by == byAll && got != 0 {
			t.Errorf("by %s: %d entries, %d groups keep values:\n%s", by, got, kept, text)
		}
		if by == byAll {
			continue
		}
		for line := range strings.SplitSeq(text, "\n") {
			if id, ok := strings.CutPrefix(strings.TrimSpace(line), "- id: "); ok {
				target, policy, ok, err := cfg.Match(config.Seen{Collector: "trace", ID: models.TargetID(id), MemoryMB: 100, ColdStart: time.Second})
				if err != nil || !ok || policy == 0 || target.Group != "shop" || target.Limits.MaxWarm != 7 {
					t.Errorf("%s: %+v, policy %d, %v", id, target, policy, err)
				}
			}
		}
	}
}

// TestTuneShared checks that targets which share something are tuned together only.
func TestTuneShared(t *testing.T) {
	t.Parallel()
	file := write(t, t.TempDir(), "p.yaml", sharedLimits+"quotas: [{name: q, scope: fleet, instances: 2}]\n")
	o := tuneOptions(func(o *TuneOptions) { o.Config, o.By = file, byTarget })
	if err := Tune(t.Context(), mute(), o); !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), "--by all") {
		t.Errorf("tuned one by one: %v", err)
	}
	o.By = byAll
	if text := tuned(t, o); !strings.Contains(text, "quotas:") {
		t.Errorf("tuned together:\n%s", text)
	}
}

// TestTuneOfPrometheus tunes on the history of a Prometheus.
func TestTuneOfPrometheus(t *testing.T) {
	t.Parallel()
	recorded, err := trace.Read(smallTrace)
	if err != nil {
		t.Fatal(err)
	}
	const minutes = 13 * 60
	file := write(t, t.TempDir(), "p.yaml", fmt.Sprintf(`
collectors: [{name: prom, type: prometheus, config: {url: %q, preset: generic, target_id: "${function}"}}]
targets: [{match: "*", memory_mb: 150, cold_start: 1s, lead: 1m, limits: {max_warm: 100}}]
`, exported(t, recorded, minutes)))
	text := tuned(t, tuneOptions(func(o *TuneOptions) {
		o.Trace, o.Config, o.By, o.Setting, o.Objective = "", file, byClass, "customer", ""
		o.From, o.To = recorded.Start.Format(time.RFC3339), recorded.TimeOf(minutes).Format(time.RFC3339)
	}))
	if _, err := config.ParseWith(file, []byte(text), models.ModeDryRun, nil, parts(), mute().Env); err != nil || !strings.Contains(text, "100 GB-seconds") {
		t.Errorf("%v in\n%s", err, text)
	}
}

// TestTuneOptions checks what is refused.
func TestTuneOptions(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*TuneOptions){
		"--trace or --config": func(o *TuneOptions) { o.Trace = "" },
		"--setting":           func(o *TuneOptions) { o.Setting = "both" },
		"--by":                func(o *TuneOptions) { o.By = "team" },
		"--output":            func(o *TuneOptions) { o.Output = "table" },
		"--objective":         func(o *TuneOptions) { o.Objective = "speed=1" },
		"not price":           func(o *TuneOptions) { o.Objective = "cold_start_share" },
		"--what-if":           func(o *TuneOptions) { o.WhatIf = []string{"policy.hold"} },
		"too short":           func(o *TuneOptions) { o.To = "2021-01-31T02:00:00Z" },
		"shorter --warmup":    func(o *TuneOptions) { o.Warmup = "12h" },
	} {
		if err := Tune(t.Context(), mute(), tuneOptions(change)); !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want it to say %q", err, want)
		}
	}
	for want, change := range map[string]func(*TuneOptions){
		"missing":                           func(o *TuneOptions) { o.Trace = filepath.Join(t.TempDir(), "missing") },
		"policy.objective.cold_start_share": func(o *TuneOptions) { o.Objective = "cold_start_share=2" },
	} {
		stdio := mute()
		stdio.Out = io.Discard
		if err := Tune(t.Context(), stdio, tuneOptions(change)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want it to say %q", err, want)
		}
	}
}

// TestWishes checks how each objective is measured.
func TestWishes(t *testing.T) {
	t.Parallel()
	usage := map[int][]sim.Usage{0: {{
		Invocations: 1000, ColdStarts: 30, ColdSeconds: 30, ProvisionedGBs: 200, ProvIdleGBs: 100, OnDemandIdleGBs: 50, USD: 2,
	}}}
	month := 30 * 24 * 60
	for name, c := range map[string]struct {
		wish         wish
		cost, excess float64
	}{
		"price":             {wish{setting: sim.Customer, price: 10}, 100 + 10*30, 0},
		"price, provider":   {wish{setting: sim.Provider, price: 10}, 150 + 10*30, 0},
		"dollars":           {wish{setting: sim.Customer, usd: 0.1}, 2 + 3, 0},
		"share":             {wish{setting: sim.Customer, allowed: []float64{0.02}}, 100, 0.5},
		"share that is met": {wish{setting: sim.Customer, allowed: []float64{0.03}}, 100, 0},
		"money":             {wish{setting: sim.Customer, monthly: 100, perGBs: 1}, 30, 1},
	} {
		got := c.wish.of([]int{0}, usage, 0, 1, month)
		if math.Abs(got.Cost-c.cost) > 1e-9 || math.Abs(got.Excess-c.excess) > 1e-9 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestLatencyShare checks the share of cold starts that a p99 allows.
func TestLatencyShare(t *testing.T) {
	t.Parallel()
	f := trace.Function{AvgMS: 100, ColdStartMS: 1000}
	for _, c := range []struct {
		p99  time.Duration
		want float64
	}{
		{100 * time.Millisecond, 1}, // even warm it takes too long: no bound
		{2 * time.Second, 1},        // even cold it is quick enough
		{time.Second, (0.01 - math.Exp(-10)) / (1 - math.Exp(-10))}, // a cold start takes all of it
	} {
		if got := latencyShare(&f, c.p99); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%s: %v, want %v", c.p99, got, c.want)
		}
	}
	f.P50MS, f.P99MS = 100, 400
	if got := latencyShare(&f, 410*time.Millisecond); !(got > 0 && got < 0.002) {
		t.Errorf("a p99 little above that of warm calls allows %v", got)
	}
}

package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"pilotlight/api"
	"pilotlight/collectors/trace"
	"pilotlight/internal/sim"
	"pilotlight/internal/sim/promstore"
	"pilotlight/internal/sim/results"
	"pilotlight/models"
)

// smallTrace is two days of five functions.
const smallTrace = root + "/testdata/traces/small"

// mute is the surroundings of a command whose output does not matter.
func mute() IO {
	return IO{Out: io.Discard, Err: io.Discard, Env: func(string) (string, bool) { return "", false }}
}

// backtested does a backtest of the small trace after the options are changed.
func backtested(t *testing.T, change func(*BacktestOptions)) *results.Result {
	t.Helper()
	o := BacktestOptions{Trace: smallTrace, Setting: "provider", Seed: 1, Workers: 2}
	if change != nil {
		change(&o)
	}
	spec, err := o.spec()
	if err != nil {
		t.Fatal(err)
	}
	r, err := spec.run(t.Context(), mute(), func(int, int) {})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// bytesOf are all forms of a result.
func bytesOf(t *testing.T, r *results.Result) string {
	t.Helper()
	var b bytes.Buffer
	if err := errors.Join(backtestJSON(&b, r), r.WriteHTML(&b), r.WriteText(&b)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestBacktestIsReproducible checks that the number of workers changes no byte.
func TestBacktestIsReproducible(t *testing.T) {
	t.Parallel()
	var first string
	for _, workers := range []int{1, 2, 7} {
		got := bytesOf(t, backtested(t, func(o *BacktestOptions) { o.Workers, o.Curve, o.To = workers, "10,1000", "2021-02-01T06:00:00Z" }))
		if first == "" {
			first = got
		}
		if got != first {
			t.Errorf("%d workers give other bytes", workers)
		}
	}
}

// TestBacktestIsReplay checks that a backtest makes the decisions that a replay writes, and that they do what they do to a platform.
func TestBacktestIsReplay(t *testing.T) {
	t.Parallel()
	for _, setting := range []string{"customer", "provider"} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "d.csv")
			if err := Replay(t.Context(), mute(), ReplayOptions{Trace: smallTrace, Decisions: file, Setting: setting, Lead: time.Minute}); err != nil {
				t.Fatal(err)
			}
			recorded, err := trace.Read(smallTrace)
			if err != nil {
				t.Fatal(err)
			}
			platform, err := sim.NewPlatform(recorded, sim.DefaultConfig(sim.Setting(setting)))
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range strings.Split(strings.TrimSpace(read(t, file)), "\n")[1:] {
				apply(t, platform, recorded, strings.Split(line, ","))
			}
			if err := platform.Advance(recorded.End()); err != nil {
				t.Fatal(err)
			}
			r := backtested(t, func(o *BacktestOptions) { o.Setting = setting })
			for i, want := range platform.Usages() {
				// Sums of the same times in another order differ by rounding.
				if got := r.Targets[i].Usages[0]; got.ColdStarts != want.ColdStarts || got.Decisions != want.Decisions || !alike(got.IdleGBs(), want.IdleGBs()) || !alike(got.USD, want.USD) {
					t.Errorf("%s: %+v, want %+v", r.Targets[i].ID, got, want)
				}
			}
		})
	}
}

func alike(a, b float64) bool { return a-b < 1e-6*(a+b) && b-a < 1e-6*(a+b) || a == b }

// apply carries a line of decisions out.
func apply(t *testing.T, p *sim.Platform, recorded *trace.Trace, fields []string) {
	t.Helper()
	seconds, err := time.ParseDuration(fields[0] + "s")
	if err == nil {
		err = p.Advance(recorded.Start.Add(seconds))
	}
	if len(fields) > 3 && fields[3] != "" && err == nil {
		var keep time.Duration
		if keep, err = time.ParseDuration(fields[3] + "s"); err == nil {
			err = p.SetKeepAlive(fields[1], keep)
		}
	}
	warm := 0
	if err == nil {
		_, err = fmt.Sscan(fields[2], &warm)
	}
	if err = errors.Join(err, p.SetFloor(fields[1], warm)); err != nil {
		t.Fatal(err)
	}
}

// TestBacktestIsCausal checks that what comes later changes no decision.
func TestBacktestIsCausal(t *testing.T) {
	t.Parallel()
	const cut = 1700
	decisions := func(to string) [][]sim.Decision {
		o := BacktestOptions{Trace: smallTrace, Setting: "provider", Seed: 1, To: to, Workers: 2}
		spec, err := o.spec()
		if err != nil {
			t.Fatal(err)
		}
		p, err := spec.load(t.Context(), mute())
		if err != nil {
			t.Fatal(err)
		}
		b := &backtest{backtestSpec: spec, past: p, progress: func(int, int) {}}
		b.prepare()
		if err := b.decide(t.Context()); err != nil {
			t.Fatal(err)
		}
		return b.decisions
	}
	whole, part := decisions(""), decisions("2021-02-01T04:20:00Z")
	for i := range whole {
		var until []sim.Decision
		for _, d := range whole[i] {
			if d.Time <= cut*time.Minute {
				d.Function = 0
				until = append(until, d)
			}
		}
		for k := range part[i] {
			part[i][k].Function = 0
		}
		if len(until) == 0 || !reflect.DeepEqual(until, part[i]) {
			t.Errorf("function %d: %d decisions, %d if the trace ends at %d", i, len(until), len(part[i]), cut)
		}
	}
}

// TestBacktestWhatIf checks that overrides count, and that wrong ones are refused as in the file.
func TestBacktestWhatIf(t *testing.T) {
	t.Parallel()
	plain := backtested(t, nil)
	cheap := backtested(t, func(o *BacktestOptions) { o.WhatIf = []string{"policy.cold_start_price=1"} })
	if cheap.ColdStartPrice != 1 || cheap.Policies[0].Usage.IdleGBs() >= plain.Policies[0].Usage.IdleGBs() {
		t.Errorf("at a price of 1: %+v, at 100: %+v", cheap.Policies[0].Usage, plain.Policies[0].Usage)
	}
	if len(cheap.WhatIf) != 1 || cheap.WhatIf[0] != "policy.cold_start_price=1" {
		t.Errorf("what if %v", cheap.WhatIf)
	}
	cost := 1.0
	flag := backtested(t, func(o *BacktestOptions) { o.ColdStartCost = &cost })
	if !reflect.DeepEqual(flag.Policies, cheap.Policies) {
		t.Error("--cold-start-cost is not policy.cold_start_price")
	}
	lead := time.Duration(0)
	at := backtested(t, func(o *BacktestOptions) { o.Lead = &lead })
	if at.LeadSeconds != 0 || at.Accuracy.StepsAhead != 1 || plain.LeadSeconds != 60 || plain.Accuracy.StepsAhead != 2 {
		t.Errorf("leads %v and %v, %d and %d steps ahead", at.LeadSeconds, plain.LeadSeconds, at.Accuracy.StepsAhead, plain.Accuracy.StepsAhead)
	}
	for text, want := range map[string]string{
		"policy.cold_start_price=-1": "policy.cold_start_price", "policy.no_such=1": "no_such", "policy.hold=soon": "policy.hold",
	} {
		o := BacktestOptions{Trace: smallTrace, Setting: "provider", WhatIf: []string{text}}
		spec, err := o.spec()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := spec.run(t.Context(), mute(), func(int, int) {}); !errors.Is(err, models.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want it to name %s", text, err, want)
		}
	}
}

// TestBacktestOptions checks what is refused before anything is read.
func TestBacktestOptions(t *testing.T) {
	t.Parallel()
	minus := -time.Second
	for want, change := range map[string]func(*BacktestOptions){
		"--trace or --config": func(o *BacktestOptions) { o.Trace = "" },
		"--setting":           func(o *BacktestOptions) { o.Setting = "both" },
		"--current":           func(o *BacktestOptions) { o.Current = "magic" },
		"--from":              func(o *BacktestOptions) { o.From = "yesterday" },
		"--to":                func(o *BacktestOptions) { o.To = "tomorrow" },
		"is not before":       func(o *BacktestOptions) { o.From, o.To = "2021-02-01", "2021-02-01" },
		"--warmup":            func(o *BacktestOptions) { o.Warmup = "-1h" },
		"--lead":              func(o *BacktestOptions) { o.Lead = &minus },
		"--curve":             func(o *BacktestOptions) { o.Curve = "1,zero" },
		"more than 16":        func(o *BacktestOptions) { o.Curve = strings.Repeat("1,", 20) + "1" },
		"--what-if":           func(o *BacktestOptions) { o.WhatIf = []string{"policy.hold"} },
		"only values below":   func(o *BacktestOptions) { o.WhatIf = []string{"collectors[0].config.url=http://x"} },
		"--workers":           func(o *BacktestOptions) { o.Workers = -1 },
		"--output":            func(o *BacktestOptions) { o.Output = "xml" },
	} {
		o := BacktestOptions{Trace: smallTrace, Setting: "provider", Output: "none"}
		change(&o)
		if err := Backtest(t.Context(), mute(), o); !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want it to say %q", err, want)
		}
	}
	o := BacktestOptions{Trace: smallTrace, Setting: "provider", Output: "none", From: "1999-01-01", To: "2000-01-01"}
	if err := Backtest(t.Context(), mute(), o); !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), "nothing of the trace") {
		t.Errorf("another time: %v", err)
	}
}

// exported serves a Prometheus with the metrics of a simulated platform that met a part of the small trace.
func exported(t *testing.T, recorded *trace.Trace, minutes int) (url string) {
	t.Helper()
	store, err := promstore.Open(filepath.Join(t.TempDir(), "prometheus"), promstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	platform, err := sim.NewPlatform(recorded, sim.DefaultConfig(sim.Customer))
	if err != nil {
		t.Fatal(err)
	}
	out, err := sim.NewExporter(platform, store, "test")
	if err != nil {
		t.Fatal(err)
	}
	for m := range minutes + 1 {
		if err := errors.Join(platform.Advance(recorded.TimeOf(m)), out.Export(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	server := httptest.NewServer(store.Handler())
	t.Cleanup(func() {
		server.Close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return server.URL
}

// TestBacktestOfPrometheus checks that the history of a Prometheus comes to what the trace behind it comes to.
func TestBacktestOfPrometheus(t *testing.T) {
	t.Parallel()
	recorded, err := trace.Read(smallTrace)
	if err != nil {
		t.Fatal(err)
	}
	const minutes = 30 * 60
	config := write(t, t.TempDir(), "p.yaml", fmt.Sprintf(`
collectors: [{name: prom, type: prometheus, config: {url: %q, preset: generic, target_id: "${function}"}}]
targets:
  - {match: az21_191, exclude: true}
  - {match: "*", memory_mb: 150, cold_start: 1s, lead: 1m, limits: {max_warm: 100}}
`, exported(t, recorded, minutes)))
	options := BacktestOptions{
		Config: config, Setting: "customer", From: recorded.Start.Format(time.RFC3339),
		To: recorded.TimeOf(minutes).Format(time.RFC3339), Workers: 2, Seed: 1, Current: "aws-target-tracking", Curve: "10",
	}
	spec, err := options.spec()
	if err != nil {
		t.Fatal(err)
	}
	r, err := spec.run(t.Context(), mute(), func(int, int) {})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Targets) != len(recorded.Functions)-1 {
		t.Fatalf("%d targets", len(r.Targets))
	}
	counts := map[string]int64{}
	for i := range recorded.Functions {
		for _, row := range recorded.Rows(i, 0, minutes) {
			counts[recorded.Functions[i].Name] += int64(row.Count)
		}
	}
	for _, x := range r.Targets {
		if got, want := x.Usages[0].Invocations, counts[x.ID]; got < want*98/100-2 || got > want*102/100+2 {
			t.Errorf("%s: %d invocations, the trace has %d", x.ID, got, want)
		}
		if x.Accuracy.Forecasts < minutes/2 || len(x.Reasons) == 0 || x.MemoryMB != 150 {
			t.Errorf("%s: %d forecasts, reasons %v, %v MB", x.ID, x.Accuracy.Forecasts, x.Reasons, x.MemoryMB)
		}
	}
	if mine, today := r.Policies[0].Usage, r.Policies[1].Usage; mine.Decisions == 0 || today.USD <= mine.USD || r.LeadSeconds != 60 || r.ConfigHash == "" {
		t.Errorf("Pilotlight %+v, target tracking %+v, lead %v", mine, today, r.LeadSeconds)
	}
	if len(r.Curve) != 1 || r.CurveTargets != len(r.Targets) {
		t.Errorf("curve %+v over %d", r.Curve, r.CurveTargets)
	}
	options.From, options.To = "2019-01-01", "2019-01-02"
	if err := Backtest(t.Context(), mute(), options); err == nil {
		t.Error("an empty history")
	}
}

// TestBacktestQueue follows backtests through the queue of the API: one at a time, a few waiting, cancelled at the end.
func TestBacktestQueue(t *testing.T) {
	t.Parallel()
	running, release := make(chan struct{}), make(chan struct{})
	b := newBacktests(now, func(r *api.BacktestRequest) (backtestWork, error) {
		if r.Current == "bad" {
			return nil, fmt.Errorf("%w: --current: no", ErrUsage)
		}
		return func(ctx context.Context, progress func(int, int)) (*results.Result, error) {
			progress(1, 2)
			select {
			case running <- struct{}{}:
			case <-ctx.Done(): // the end may come when the next one has just begun
				return nil, context.Cause(ctx)
			}
			select {
			case <-release:
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
			if r.Current == "panic" {
				panic("inside")
			}
			return &results.Result{}, nil
		}, nil
	})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- b.Run(ctx) }()
	start := func(current string) string {
		got, err := b.StartBacktest(t.Context(), api.BacktestRequest{Current: current}, "ops")
		if err != nil {
			t.Fatal(err)
		}
		return got.ID
	}
	if _, err := b.StartBacktest(t.Context(), api.BacktestRequest{Current: "bad"}, "ops"); !errors.Is(err, models.ErrInvalid) || strings.Contains(err.Error(), "usage") {
		t.Errorf("a bad request: %v", err)
	}
	first := start("")
	<-running
	if got, err := b.Backtest(first); err != nil || got.State != "running" || got.Progress != 0.5 {
		t.Errorf("%+v, %v", got, err)
	}
	second := start("panic")
	for range maxQueued - 1 {
		start("")
	}
	if _, err := b.StartBacktest(t.Context(), api.BacktestRequest{}, "ops"); !errors.Is(err, models.ErrConflict) {
		t.Errorf("one too many: %v", err)
	}
	release <- struct{}{}
	<-running
	release <- struct{}{}
	<-running
	if got, _ := b.Backtest(first); got.State != "done" || got.Result == nil || got.Finished == nil {
		t.Errorf("first: %+v", got)
	}
	if got, _ := b.Backtest(second); got.State != "failed" || !strings.Contains(got.Error, "inside") {
		t.Errorf("second: %+v", got)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	list := b.Backtests()
	if len(list) != 1+maxQueued || list[len(list)-1].ID != first || list[len(list)-1].Result != nil {
		t.Errorf("list %+v", list)
	}
	for _, x := range list[:len(list)-2] {
		if x.State != "cancelled" || x.Error == "" {
			t.Errorf("at the end: %+v", x)
		}
	}
	if _, err := b.Backtest("none"); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("an unknown one: %v", err)
	}
}

// TestBacktestOverAPI runs one of the demo's trace and checks its wire form.
func TestBacktestOverAPI(t *testing.T) {
	t.Parallel()
	recorded, err := trace.Read(smallTrace)
	if err != nil {
		t.Fatal(err)
	}
	d := &demonstration{trace: recorded, stdio: mute()}
	if _, err := d.startBacktest(&api.BacktestRequest{Trace: "../../etc"}); !errors.Is(err, models.ErrInvalid) {
		t.Errorf("another trace: %v", err)
	}
	to := recorded.Start.Add(12 * time.Hour)
	work, err := d.startBacktest(&api.BacktestRequest{Trace: demoTrace, Setting: "provider", To: &to, Lead: "30s", Curve: []float64{10}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := work(t.Context(), func(int, int) {})
	if err != nil {
		t.Fatal(err)
	}
	got := resultOf(r)
	if len(got.Policies) < 10 || got.Policies[0].Kind != "pilotlight" || len(got.Targets) != 5 || got.MoreTargets != 0 || got.Verdict == "" || got.LeadSeconds != 30 {
		t.Errorf("%+v", got)
	}
	if _, err := json.Marshal(got); err != nil {
		t.Error(err)
	}
	if _, err := startOn(mute(), "missing.yaml")(&api.BacktestRequest{}); err == nil {
		t.Error("a configuration that is not there")
	}
	if _, err := startOn(mute(), "missing.yaml")(&api.BacktestRequest{Trace: "x"}); !errors.Is(err, models.ErrInvalid) {
		t.Errorf("a trace: %v", err)
	}
}

package app

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pilotlight/collectors/trace"
	"pilotlight/internal/sim"
	"pilotlight/policy"
)

// sharedLimits is a configuration that other limits are added to: it keeps whatever was in use, so that limits bind.
const sharedLimits = "collectors: [{name: t, type: trace, config: {dir: .}}]\nactuators: [{name: platform, type: dry_run}]\ntargets: [{match: '*'}]\n" +
	"policy: {selection: max, reactive: need}\n"

// manyFunctions is eight hours of the small trace with each function several times.
func manyFunctions(t *testing.T, copies int) *trace.Trace {
	t.Helper()
	recorded, err := trace.Read(smallTrace)
	if err != nil {
		t.Fatal(err)
	}
	info := recorded.Info
	info.Minutes = 8 * 60
	var functions []trace.Function
	var rows [][]trace.Row
	for c := range copies {
		for k := range recorded.Functions {
			f := recorded.Functions[k]
			f.Name = fmt.Sprintf("f%d-%d", k, c)
			functions, rows = append(functions, f), append(rows, recorded.Rows(k, 0, info.Minutes))
		}
	}
	many, err := trace.Build(info, functions, rows)
	if err != nil {
		t.Fatal(err)
	}
	return many
}

// highest is the greatest sum of the floors.
func highest(decisions [][]sim.Decision) int {
	changes := map[time.Duration]int{}
	var last time.Duration
	for _, of := range decisions {
		floor := 0
		for _, d := range of {
			changes[d.Time] += d.Warm - floor
			floor, last = d.Warm, max(last, d.Time)
		}
	}
	sum, most := 0, 0
	for at := time.Duration(0); at <= last; at += time.Minute {
		sum += changes[at]
		most = max(most, sum)
	}
	return most
}

// TestBacktestSharesLimits checks that what functions share is kept over all of them, in the curve too, for any number of workers.
func TestBacktestSharesLimits(t *testing.T) {
	t.Parallel()
	many := manyFunctions(t, 8)
	if len(many.Functions) <= chunk {
		t.Fatalf("%d functions fit one chunk", len(many.Functions))
	}
	const quota = 6
	run := func(shared policy.Shared, workers int) *backtest {
		o := BacktestOptions{Trace: "many", Setting: "customer", Seed: 1, Workers: workers, Curve: "1000", CurveTargets: 3}
		spec, err := o.spec()
		if err != nil {
			t.Fatal(err)
		}
		r, err := readRules(mute(), write(t, t.TempDir(), "p.yaml", sharedLimits), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.shared = shared
		p, err := spec.ofTrace(many, r)
		if err != nil {
			t.Fatal(err)
		}
		b := &backtest{backtestSpec: spec, past: p, progress: func(int, int) {}}
		b.prepare()
		if err := b.decide(t.Context()); err != nil {
			t.Fatal(err)
		}
		return b
	}
	limited := policy.Shared{Quotas: []policy.Quota{{Name: "q", Scope: policy.ScopeActuator, Match: "platform", Instances: quota}}}
	free, one, three := run(policy.Shared{}, 2), run(limited, 1), run(limited, 3)
	if got := highest(free.decisions); got <= quota {
		t.Fatalf("without a limit there are %d instances, which tests nothing", got)
	}
	if got := highest(one.decisions); got != quota {
		t.Errorf("%d instances within a quota of %d", got, quota)
	}
	if got := highest(one.curve[0]); got != quota {
		t.Errorf("%d instances within a quota of %d, on the curve", got, quota)
	}
	if fmt.Sprint(one.decisions, one.curve) != fmt.Sprint(three.decisions, three.curve) {
		t.Error("three workers decide otherwise than one")
	}
	// A tenth of a cent an hour is a few instances of these functions.
	const usd = 0.001
	poor := run(policy.Shared{Budgets: []policy.Budget{{Name: "b", Scope: policy.ScopeFleet, USD: usd, Per: policy.PerHour}}}, 2)
	if got := spent(poor); got > usd*float64(many.Minutes)/60 || got < usd {
		t.Errorf("%v dollars of a budget of %v an hour", got, usd)
	}
	if got := spent(free); got <= 2*usd*float64(many.Minutes)/60 {
		t.Errorf("without a budget it is %v dollars, which tests nothing", got)
	}
}

// spent is the price of the floors.
func spent(b *backtest) float64 {
	t := b.past.trace
	gbs := 0.0
	for i, of := range b.decisions {
		for k, d := range of {
			until := time.Duration(t.Minutes) * time.Minute
			if k+1 < len(of) {
				until = of[k+1].Time
			}
			gbs += float64(d.Warm) * (until - d.Time).Seconds() * float64(t.Functions[i].MemoryMB) / 1024
		}
	}
	return gbs * b.platform.Prices.ProvisionedGBs
}

// TestReplaySharesLimits checks that a replay keeps the quota of its configuration.
func TestReplaySharesLimits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for text, want := range map[string]bool{"": false, "quotas: [{name: q, scope: fleet, instances: 2}]\n": true} {
		file := filepath.Join(dir, "d.csv")
		err := Replay(t.Context(), mute(), ReplayOptions{
			Trace: smallTrace, Decisions: file, Setting: "customer", Lead: time.Minute, Config: write(t, dir, "p.yaml", sharedLimits+text),
		})
		if err != nil {
			t.Fatal(err)
		}
		floors, most := map[string]int{}, 0
		for _, line := range strings.Split(strings.TrimSpace(read(t, file)), "\n")[1:] {
			fields, warm, sum := strings.Split(line, ","), 0, 0
			if _, err := fmt.Sscan(fields[2], &warm); err != nil {
				t.Fatal(err)
			}
			floors[fields[1]] = warm
			for _, n := range floors {
				sum += n
			}
			most = max(most, sum)
		}
		if (most <= 2) != want || most == 0 {
			t.Errorf("%q: %d instances", text, most)
		}
	}
}

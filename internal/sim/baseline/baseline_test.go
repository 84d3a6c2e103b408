package baseline_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"pilotlight/collectors/trace"
	"pilotlight/internal/sim"
	"pilotlight/internal/sim/baseline"
	"pilotlight/models"
)

// traffic makes a trace of one function with the counts of its minutes, invocations of some length, and cold starts of a second.
func traffic(t *testing.T, length time.Duration, minutes int, counts map[int32]int32) *trace.Trace {
	t.Helper()
	var rows []trace.Row
	for m := range int32(minutes) { //nolint:gosec // short
		if n := counts[m]; n > 0 {
			rows = append(rows, trace.Row{Minute: m, Count: n})
		}
	}
	f := trace.Function{Name: "f", MemoryMB: 1024, AvgMS: float64(length.Milliseconds()), ColdStartMS: 1000}
	tr, err := trace.Build(trace.Info{Name: "t", Start: time.Unix(0, 0).UTC(), Minutes: minutes}, []trace.Function{f}, [][]trace.Row{rows})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// run lets a baseline meet the traffic.
func run(t *testing.T, name string, tr *trace.Trace, s sim.Setting) sim.Usage {
	t.Helper()
	b, err := baseline.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	cfg := sim.DefaultConfig(s)
	used, err := sim.Race(tr, 0, cfg, []sim.Entry{b.Entry(&tr.Functions[0], &cfg)})
	if err != nil {
		t.Fatal(err)
	}
	return used[0]
}

// near reports whether two numbers are equal within a share.
func near(a, b, share float64) bool { return math.Abs(a-b) <= share*math.Max(math.Abs(a), math.Abs(b)) }

// TestKeepAlives counts cold starts and idle time of invocations of 1 ms at least 8 and less than 10 minutes apart (in minutes 0, 9,
// 18, ...), by hand.
func TestKeepAlives(t *testing.T) {
	t.Parallel()
	counts := map[int32]int32{}
	for m := int32(0); m < 90; m += 9 {
		counts[m] = 1
	}
	tr := traffic(t, time.Millisecond, 200, counts)
	for name, want := range map[string]struct {
		cold     int64
		idle     float64 // GB-s of 1 GB
		variance float64
	}{
		"fixed-1":          {10, 10 * 60, 1e-9},
		"fixed-10":         {1, 9*9*60 + 600, 0.03},
		"fixed-0":          {10, 0, 0},
		"break-even-J60":   {10, 10 * 60, 1e-9}, // 1 s cold, 1 GB: worth 60 s
		"break-even-J1200": {1, 9*9*60 + 1200, 0.03},
		"oracle-keep-J60":  {10, 0, 0},
		"oracle-keep-J1e6": {1, 9 * 9 * 60, 0.03},
		"floor-1":          {1, 199*60 - 0.009, 0.01}, // ready after the lead of a minute
		"oracle-peak":      {0, 10 * 60, 0.01},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := run(t, name, tr, sim.Provider)
			if got.ColdStarts > want.cold || got.ColdStarts < want.cold-1 && name != "floor-1" || !near(got.IdleGBs(), want.idle, want.variance) {
				t.Errorf("%d cold starts, %.1f idle; want %d and %.1f", got.ColdStarts, got.IdleGBs(), want.cold, want.idle)
			}
		})
	}
}

// TestHistogram follows the hybrid histogram of a timer of an hour: first it stays for 4 hours, then it is unloaded at once and
// loaded again just before it is needed.
func TestHistogram(t *testing.T) {
	t.Parallel()
	counts := map[int32]int32{}
	const calls = 100
	for i := range int32(calls) {
		counts[60*i] = 1
	}
	got := run(t, "histogram", traffic(t, time.Millisecond, 60*calls, counts), sim.Provider)
	if got.ColdStarts != 1 {
		t.Errorf("%d cold starts, want the first only", got.ColdStarts)
	}
	// Idle times are 59 to 61 minutes: kept for those of the first two, then from 0.9·59 min to the call, about 7 minutes each.
	if perCall := got.IdleGBs() / calls / 60; perCall < 6 || perCall > 10 {
		t.Errorf("%.1f minutes idle for each call, want about 7 and little more for the first", perCall)
	}
}

// TestSeasonal checks that a day's peak comes back as the floor a day later, early enough for the lead.
func TestSeasonal(t *testing.T) {
	t.Parallel()
	const day = 1440
	tr := traffic(t, 30*time.Second, 3*day, map[int32]int32{100: 50, 100 + day: 50, 100 + 2*day: 50})
	got := run(t, "seasonal-naive-day", tr, sim.Provider)
	if got.ColdStarts < 30 || got.ColdStarts > 75 {
		t.Errorf("%d cold starts, want those of the first day and few later", got.ColdStarts)
	}
	if got.Decisions < 4 || got.Decisions > 12 {
		t.Errorf("%d changes, want a rise and a fall on each of two days", got.Decisions)
	}
	if week := run(t, "seasonal-naive-week", tr, sim.Provider); week.ColdStarts != 150 || week.Decisions != 0 {
		t.Errorf("without a week of history: %+v", week)
	}
}

// TestScalers checks the autoscalers on a load that keeps seven instances busy (70 invocations of 6 s a minute) for an hour and
// then ends: each must come to about ten instances, 70 % of which are busy, and go down as its rules say.
func TestScalers(t *testing.T) {
	t.Parallel()
	counts := map[int32]int32{}
	for m := range int32(60) {
		counts[m] = 70
	}
	tr := traffic(t, 6*time.Second, 120, counts)
	// The highest recommendation of five minutes, and the peak, lie above the mean; Knative goes to zero, the others to one.
	for name, want := range map[string]struct{ low, high, changes float64 }{
		"kpa":                 {10 * 3600, 15 * 3600, 600},
		"hpa":                 {14*3600 + 3600, 26*3600 + 3900, 60},
		"aws-target-tracking": {14*3600 + 3600, 26*3600 + 4500, 60},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := run(t, name, tr, sim.Provider)
			if got.ProvisionedGBs < want.low || got.ProvisionedGBs > want.high || float64(got.Decisions) > want.changes || got.Decisions < 2 {
				t.Errorf("%.0f instance-seconds and %d changes, want %.0f to %.0f and at most %.0f changes",
					got.ProvisionedGBs, got.Decisions, want.low, want.high, want.changes)
			}
			if share := got.ColdShare(); share > 0.1 {
				t.Errorf("%.3f of the invocations start cold", share)
			}
		})
	}
}

// TestKPAToZero checks by hand when Knative leaves zero and returns to it: one invocation of a second needs a pod while the stable
// window of 60 s holds it, and 30 s of grace more.
func TestKPAToZero(t *testing.T) {
	t.Parallel()
	got := run(t, "kpa", traffic(t, time.Second, 30, map[int32]int32{3: 1}), sim.Provider)
	// The pod is asked for within 2 s, is ready a second later, and lives for 58 to 60 s and 30 s more.
	if got.ColdStarts != 1 || got.Decisions != 2 || got.ProvisionedGBs < 86 || got.ProvisionedGBs > 94 {
		t.Errorf("%d cold starts, %d changes, %.1f pod-seconds; want 1, 2 and about 90", got.ColdStarts, got.Decisions, got.ProvisionedGBs)
	}
}

// TestHPANeverZero checks the least replica and the stabilisation.
func TestHPANeverZero(t *testing.T) {
	t.Parallel()
	// Twelve minutes of work arrive within one: the mean concurrency of 15 s is far above one.
	got := run(t, "hpa", traffic(t, 12*time.Second, 60, map[int32]int32{10: 60}), sim.Provider)
	floor := 60.0*60 - 1 // one pod for an hour, less the cold start of the first
	extra := got.ProvisionedGBs - floor
	if extra < 8*300 || extra > 25*420 {
		t.Errorf("%.0f pod-seconds above the one, want those of some pods for the 300 s of stabilisation", extra)
	}
	if idle := run(t, "hpa", traffic(t, time.Second, 60, nil), sim.Provider); !near(idle.ProvisionedGBs, floor, 1e-6) || idle.Decisions != 1 {
		t.Errorf("without traffic: %+v", idle)
	}
}

// TestNoForesight checks that what comes later changes nothing before: the usage up to a minute is that of the truncated trace.
func TestNoForesight(t *testing.T) {
	t.Parallel()
	counts := map[int32]int32{}
	for m := range int32(3000) {
		counts[m] = (m*m/7)%5 - 2 + m%3*4
	}
	const cut = 2000
	whole, short := traffic(t, 3*time.Second, 3000, counts), traffic(t, 3*time.Second, cut, counts)
	for _, b := range baseline.Standard(sim.Provider, []float64{10}) {
		if b.Kind == baseline.Oracle {
			continue
		}
		cfg := sim.DefaultConfig(sim.Provider)
		long, brief := make([]int32, 3000), make([]int32, cut)
		for _, r := range []struct {
			tr   *trace.Trace
			into []int32
		}{{whole, long}, {short, brief}} {
			e := b.Entry(&r.tr.Functions[0], &cfg)
			e.ColdStarts = r.into
			if _, err := sim.Race(r.tr, 0, cfg, []sim.Entry{e}); err != nil {
				t.Fatal(err)
			}
		}
		for m := range brief {
			if brief[m] != long[m] {
				t.Errorf("%s: minute %d has %d cold starts, %d if the trace ends at %d", b.Name, m, long[m], brief[m], cut)
				break
			}
		}
	}
}

// TestParse checks names and what is said about wrong ones.
func TestParse(t *testing.T) {
	t.Parallel()
	for _, s := range []sim.Setting{sim.Customer, sim.Provider} {
		for _, b := range baseline.Standard(s, []float64{1, 0.5, 1000}) {
			again, err := baseline.Parse(b.Name)
			if err != nil || again.Name != b.Name || again.What == "" || again.Kind != b.Kind {
				t.Errorf("%s: %+v, %v", b.Name, again, err)
			}
		}
	}
	for name, want := range map[string]string{
		"": "choose one of on-demand", "fixed": "choose one of", "fixed-": "is not a number", "fixed-x": "is not a number", "fixed-1.5": "is not a number",
		"fixed--1": "is not a number", "fixed-1e9": "is not a number", "break-even-JNaN": "is not a number", "floor-Inf": "is not a number",
	} {
		if _, err := baseline.Parse(name); !errors.Is(err, models.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", name, err, want)
		}
	}
}

package sim

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pilotlight/actuators"
	"pilotlight/collectors/trace"
	"pilotlight/models"
)

var testStart = time.Date(2021, 1, 31, 0, 0, 0, 0, time.UTC)

func buildTrace(tb testing.TB, minutes int, functions []trace.Function, rows ...[]trace.Row) *trace.Trace {
	tb.Helper()
	t, err := trace.Build(trace.Info{Name: "t", Start: testStart, Minutes: minutes}, functions, rows)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

func platform(tb testing.TB, t *trace.Trace, cfg Config) *Platform {
	tb.Helper()
	p, err := NewPlatform(t, cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func advance(tb testing.TB, p *Platform, to time.Time) {
	tb.Helper()
	if err := p.Advance(to); err != nil {
		tb.Fatal(err)
	}
}

func smallTrace(tb testing.TB) *trace.Trace {
	tb.Helper()
	t, err := trace.Read("../../testdata/traces/small")
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// TestArrivals checks count, order, place and duration of the invocations, and their distributions by a law of large numbers.
func TestArrivals(t *testing.T) {
	t.Parallel()
	const n = 200_000
	f := trace.Function{Name: "f", AvgMS: 130, P50MS: 100, P99MS: 900, MemoryMB: 128}
	a := newArrivals(7, &f, []trace.Row{{Minute: 3, Count: n}, {Minute: 9, Count: 1}})
	last, place, below50, below99 := int64(0), 0.0, 0, 0
	for range n {
		if a.at < max(last, 3*microsPerMinute) || a.at >= 4*microsPerMinute {
			t.Fatalf("an arrival at %d after %d", a.at, last)
		}
		last = a.at
		place += float64(a.at-3*microsPerMinute) / float64(microsPerMinute)
		if a.duration < shortest || a.duration > longest {
			t.Fatalf("duration %d", a.duration)
		}
		if a.duration <= 100_000 {
			below50++
		}
		if a.duration <= 900_000 {
			below99++
		}
		a.next()
	}
	if a.at < 9*microsPerMinute || a.at >= 10*microsPerMinute {
		t.Errorf("the single arrival of minute 9 is at %d", a.at)
	}
	if a.next(); a.at != never {
		t.Errorf("another arrival at %d", a.at)
	}
	for name, got := range map[string]struct{ got, want, tolerance float64 }{
		// Tolerances are five standard errors.
		"mean place in the minute": {place / n, 0.5, 5 * 0.2887 / math.Sqrt(n)},
		"share below the median":   {float64(below50) / n, 0.5, 5 * 0.5 / math.Sqrt(n)},
		"share below p99":          {float64(below99) / n, 0.99, 5 * 0.0995 / math.Sqrt(n)},
	} {
		if math.Abs(got.got-got.want) > got.tolerance {
			t.Errorf("%s is %v, want %v +- %v", name, got.got, got.want, got.tolerance)
		}
	}
}

// TestFewArrivalsAreUniform looks at minutes with one and with three invocations, whose order statistics have the means k/(n+1).
func TestFewArrivalsAreUniform(t *testing.T) {
	t.Parallel()
	const minutes = 40_000
	for _, n := range []int32{1, 3} {
		rows := make([]trace.Row, minutes)
		for i := range rows {
			rows[i] = trace.Row{Minute: int32(i), Count: n}
		}
		a := newArrivals(3, &trace.Function{Name: "f", AvgMS: 1}, rows)
		means := make([]float64, n)
		for i := 0; a.at != never; i++ {
			means[i%int(n)] += float64(a.at%microsPerMinute) / float64(microsPerMinute) / minutes
			a.next()
		}
		for k, mean := range means {
			want := float64(k+1) / float64(n+1)
			if tolerance := 5 * 0.29 / math.Sqrt(minutes); math.Abs(mean-want) > tolerance {
				t.Errorf("arrival %d of %d is at %v of the minute on average, want %v +- %v", k+1, n, mean, want, tolerance)
			}
		}
	}
}

func TestArrivalsDurationBounds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		f           trace.Function
		least, most int64
	}{
		"constant":               {trace.Function{Name: "f", AvgMS: 12.5}, 12_500, 12_500},
		"constant without p99":   {trace.Function{Name: "f", AvgMS: 12.5, P50MS: 3}, 12_500, 12_500},
		"at least a millisecond": {trace.Function{Name: "f"}, 1000, 1000},
		"constant for hours":     {trace.Function{Name: "f", AvgMS: 7_200_000}, 7_200_000_000, 7_200_000_000},
		"p99 below the median":   {trace.Function{Name: "f", P50MS: 8, P99MS: 2}, 8000, 8000},
		"a wild tail":            {trace.Function{Name: "f", P50MS: 0.001, P99MS: 10_000}, 1000, longest},
		"p99 above 15 minutes":   {trace.Function{Name: "f", P50MS: 1, P99MS: 1_200_000}, 1000, 1_200_000_000},
	} {
		a := newArrivals(1, &test.f, []trace.Row{{Count: 5000}})
		low, high := int64(never), int64(0)
		for ; a.at != never; a.next() {
			low, high = min(low, a.duration), max(high, a.duration)
		}
		if low < test.least || high > test.most || test.least == test.most && low != high {
			t.Errorf("%s: durations from %d to %d, want %d to %d", name, low, high, test.least, test.most)
		}
	}
}

// TestArrivalsDependOnlyOnSeedFunctionAndMinute skips the minutes before and takes other seeds and names.
func TestArrivalsDependOnlyOnSeedFunctionAndMinute(t *testing.T) {
	t.Parallel()
	first := func(seed uint64, name string, rows ...trace.Row) string {
		f := trace.Function{Name: name, P50MS: 50, P99MS: 500}
		a := newArrivals(seed, &f, rows)
		for a.at < 5*microsPerMinute {
			a.next()
		}
		var text strings.Builder
		for ; a.at != never; a.next() {
			fmt.Fprintln(&text, a.at%microsPerMinute, a.duration)
		}
		return text.String()
	}
	want := first(1, "f", trace.Row{Minute: 5, Count: 20})
	if got := first(1, "f", trace.Row{Minute: 1, Count: 3}, trace.Row{Minute: 4, Count: 9}, trace.Row{Minute: 5, Count: 20}); got != want {
		t.Errorf("other minutes before change the invocations from %s to %s", want, got)
	}
	for name, other := range map[string]string{
		"seed": first(2, "f", trace.Row{Minute: 5, Count: 20}), "name": first(1, "g", trace.Row{Minute: 5, Count: 20}),
		"minute": first(1, "f", trace.Row{Minute: 6, Count: 20}),
	} {
		if other == want {
			t.Errorf("another %s gives the same invocations", name)
		}
	}
}

// TestPlatformExact has one invocation in a minute and constant durations, so that all numbers but the times are exact.
func TestPlatformExact(t *testing.T) {
	t.Parallel()
	tr := buildTrace(t, 100, []trace.Function{
		{Name: "a", AvgMS: 2000, MemoryMB: 512, ColdStartMS: 500},
		{Name: "b", AvgMS: 1000, MemoryMB: 1024, ColdStartMS: trace.Unknown},
	}, []trace.Row{{Minute: 0, Count: 1}, {Minute: 10, Count: 1}, {Minute: 50, Count: 1}}, []trace.Row{{Minute: 20, Count: 1}})
	cfg := DefaultConfig(Provider)
	p := platform(t, tr, cfg)
	advance(t, p, tr.Start.Add(5*time.Minute))
	if err := errors.Join(p.SetFloor("a", 1), p.SetFloor("b", 2)); err != nil {
		t.Fatal(err)
	}
	advance(t, p, tr.Start.Add(30*time.Minute))
	if err := errors.Join(p.SetFloor("a", 0), p.SetFloor("b", 2)); err != nil {
		t.Fatal(err)
	}
	advance(t, p, tr.End().Add(time.Hour))
	want := []Usage{
		// Cold at 0 and 50, warm at 10; provisioned from 6 to 30.
		{
			Invocations: 3, ColdStarts: 2, ColdSeconds: 1, ProvisionedGBs: 24 * 60 * 0.5, ProvBusyGBs: 1, ProvIdleGBs: 24*60*0.5 - 1,
			OnDemandBusyGBs: 2 * 2.5 * 0.5, Decisions: 2,
			USD: 2.5*0.0000166667 + 720*0.0000041667 + 0.0000097222 + 3*0.2e-6,
		},
		// Provisioned twice from 6 to 100.
		{
			Invocations: 1, ProvisionedGBs: 2 * 94 * 60, ProvBusyGBs: 1, ProvIdleGBs: 2*94*60 - 1, Decisions: 1,
			USD: 11280*0.0000041667 + 0.0000097222 + 0.2e-6,
		},
	}
	near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) <= 1e-12*math.Max(1, math.Abs(a)) })
	if diff := cmp.Diff(want, p.Usages(), near); diff != "" {
		t.Errorf("-want +got %s", diff)
	}
	sum := want[0]
	sum.Add(&want[1])
	if diff := cmp.Diff(sum, p.Total(), near); diff != "" {
		t.Errorf("-want +got total %s", diff)
	}
	if now := p.Now(); !now.Equal(tr.End()) {
		t.Errorf("the platform is at %s, want the end of the trace", now)
	}
}

// TestSettings runs the same trace, one invocation in each of three minutes, 8 and 20 minutes apart, without Pilotlight.
func TestSettings(t *testing.T) {
	t.Parallel()
	tr := buildTrace(t, 60, []trace.Function{{Name: "a", AvgMS: 1, MemoryMB: 1024}}, []trace.Row{{Minute: 0, Count: 1}, {Minute: 8, Count: 1}, {Minute: 28, Count: 1}})
	for name, test := range map[string]struct {
		cfg  Config
		cold int64
		idle bool // whether idle on-demand instances cost something
	}{
		"customer":            {DefaultConfig(Customer), 2, false},
		"customer unassisted": {DefaultConfig(Customer).Unassisted(), 2, false},
		"provider":            {DefaultConfig(Provider), 3, false},
		"provider unassisted": {DefaultConfig(Provider).Unassisted(), 2, true},
	} {
		p := platform(t, tr, test.cfg)
		advance(t, p, tr.End())
		used := p.Total()
		costs := used.USD > 100*0.0000041667
		if used.ColdStarts != test.cold || costs != test.idle || (used.Burden(test.cfg.Setting, 0) > 0) != test.idle {
			t.Errorf("%s: %+v", name, used)
		}
	}
}

// TestPlatformStepsDoNotMatter advances minute by minute, in odd steps with questions in between, and at once.
func TestPlatformStepsDoNotMatter(t *testing.T) {
	t.Parallel()
	tr := smallTrace(t)
	runBy := func(step time.Duration, ask bool) []Usage {
		p := platform(t, tr, DefaultConfig(Provider).Unassisted())
		for at := tr.Start; at.Before(tr.End()); at = at.Add(step) {
			advance(t, p, at)
			if ask {
				_ = p.Total()
				for i := range tr.Functions {
					if _, err := p.Instances(tr.Functions[i].Name); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		advance(t, p, tr.End())
		return p.Usages()
	}
	want := runBy(7*24*time.Hour, false)
	for i, u := range want {
		if u.Invocations != tr.Invocations(i) || u.ColdStarts == 0 {
			t.Errorf("%s has %d invocations in the trace, %+v", tr.Functions[i].Name, tr.Invocations(i), u)
		}
	}
	for _, step := range []time.Duration{time.Minute, 17*time.Minute + 13*time.Second + 7*time.Microsecond} {
		if diff := cmp.Diff(want, runBy(step, true)); diff != "" {
			t.Errorf("-at once +by %s %s", step, diff)
		}
	}
}

// TestPlatformConserves checks what holds whatever is decided: every invocation is served, on one kind of instance, once.
func TestPlatformConserves(t *testing.T) {
	t.Parallel()
	tr, err := smallTrace(t).Truncate(600) // one busy function and four without load
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		cfg := DefaultConfig(Provider)
		cfg.Seed = rapid.Uint64().Draw(rt, "seed")
		cfg.CountFrom = rapid.SampledFrom([]int{0, 300}).Draw(rt, "from")
		p := platform(t, tr, cfg)
		for minute := 0; minute < tr.Minutes; minute += 60 {
			advance(t, p, tr.TimeOf(minute))
			for i := range tr.Functions {
				name := tr.Functions[i].Name
				err := errors.Join(
					p.SetFloor(name, rapid.IntRange(0, 3).Draw(rt, "floor")),
					p.SetKeepAlive(name, time.Duration(rapid.IntRange(0, 900).Draw(rt, "keepAlive"))*time.Second))
				if err != nil {
					rt.Fatal(err)
				}
			}
		}
		advance(t, p, tr.End())
		for i, u := range p.Usages() {
			counted := int64(0)
			for _, row := range tr.Rows(i, cfg.CountFrom, tr.Minutes) {
				counted += int64(row.Count)
			}
			switch {
			case u.Invocations != counted:
				rt.Fatalf("%d invocations, want %d", u.Invocations, counted)
			case u.ColdStarts > u.Invocations || u.ColdSeconds != float64(u.ColdStarts):
				rt.Fatalf("cold starts in %+v", u)
			case u.ProvBusyGBs > u.ProvisionedGBs || u.ProvIdleGBs < 0 || u.OnDemandIdleGBs < 0 || u.USD < 0:
				rt.Fatalf("negative times in %+v", u)
			}
		}
	})
}

func TestPlatformRefuses(t *testing.T) {
	t.Parallel()
	tr := buildTrace(t, 10, []trace.Function{{Name: "a", MemoryMB: 1}})
	bad := map[string]func(c *Config){
		"setting":    func(c *Config) { c.Setting = "tenant" },
		"lead":       func(c *Config) { c.Lead = -1 },
		"keep-alive": func(c *Config) { c.KeepAlive = 8 * 24 * time.Hour },
		"cold start": func(c *Config) { c.ColdStart = -1 },
		"from":       func(c *Config) { c.CountFrom = -1 },
		"price":      func(c *Config) { c.Prices.OnDemandGBs = math.NaN() },
		"price Inf":  func(c *Config) { c.Prices.MillionRequests = math.Inf(1) },
	}
	for name, change := range bad {
		cfg := DefaultConfig(Customer)
		change(&cfg)
		if _, err := NewPlatform(tr, cfg); !errors.Is(err, models.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	customer, provider := platform(t, tr, DefaultConfig(Customer)), platform(t, tr, DefaultConfig(Provider))
	advance(t, provider, tr.Start.Add(time.Minute))
	_, usageErr := provider.Usage("zz")
	_, instancesErr := provider.Instances("zz")
	for name, got := range map[string]struct{ err, want error }{
		"floor of an unknown function":      {provider.SetFloor("zz", 1), models.ErrNotFound},
		"keep-alive of an unknown function": {provider.SetKeepAlive("zz", 1), models.ErrNotFound},
		"usage of an unknown function":      {usageErr, models.ErrNotFound},
		"instances of an unknown function":  {instancesErr, models.ErrNotFound},
		"floor below 0":                     {provider.SetFloor("a", -1), models.ErrInvalid},
		"floor above all":                   {provider.SetFloor("a", MaxFloor+1), models.ErrInvalid},
		"keep-alive below 0":                {provider.SetKeepAlive("a", -1), models.ErrInvalid},
		"keep-alive of a customer":          {customer.SetKeepAlive("a", time.Second), models.ErrInvalid},
		"time running backwards":            {provider.Advance(tr.Start), models.ErrInvalid},
	} {
		if !errors.Is(got.err, got.want) {
			t.Errorf("%s: %v, want %v", name, got.err, got.want)
		}
	}
}

// TestActuator follows the contract: absolute, idempotent, read back, kinds of errors.
func TestActuator(t *testing.T) {
	t.Parallel()
	tr := buildTrace(t, 10, []trace.Function{{Name: "a", MemoryMB: 1}})
	p := platform(t, tr, DefaultConfig(Provider))
	target := models.Target{ID: "some id", Ref: "a"}
	observe := func() models.Observation {
		t.Helper()
		got, err := p.Observe(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := observe(); got.Capacity != models.Warm(0).WithKeepAlive(0) || got.Ready != 0 || got.Pending {
		t.Errorf("at first %+v", got)
	}
	for range 2 {
		if err := p.Apply(t.Context(), target, models.Action{To: models.Warm(3).WithKeepAlive(time.Minute)}); err != nil {
			t.Fatal(err)
		}
	}
	if got := observe(); got.Capacity != models.Warm(3).WithKeepAlive(time.Minute) || got.Ready != 0 || !got.Pending {
		t.Errorf("after asking %+v", got)
	}
	advance(t, p, tr.Start.Add(time.Minute))
	if got := observe(); got.Ready != 3 || got.Pending {
		t.Errorf("after the lead %+v", got)
	}
	if err := p.Apply(t.Context(), target, models.Action{To: models.Capacity{}.WithKeepAlive(2 * time.Minute)}); err != nil {
		t.Fatal(err)
	}
	if got := observe(); got.Capacity != models.Warm(3).WithKeepAlive(2*time.Minute) {
		t.Errorf("a lever that is not set is changed: %+v", got)
	}
	if u := p.Total(); u.Decisions != 1 {
		t.Errorf("%d decisions, want 1", u.Decisions)
	}
}

func TestActuatorErrors(t *testing.T) {
	t.Parallel()
	tr := buildTrace(t, 10, []trace.Function{{Name: "a", MemoryMB: 1}})
	p := platform(t, tr, DefaultConfig(Customer))
	recorder := NewRecorder(tr, Customer, nil)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancelLate := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancelLate()
	for name, test := range map[string]struct {
		ctx    context.Context //nolint:containedctx // the case is about it
		target models.Target
		to     models.Capacity
		want   models.ErrorKind
	}{
		"unknown":       {t.Context(), models.Target{ID: "zz"}, models.Warm(1), models.KindNotFound},
		"no such lever": {t.Context(), models.Target{ID: "a"}, models.Warm(1).WithKeepAlive(1), models.KindInvalid},
		"too much":      {t.Context(), models.Target{ID: "a"}, models.Warm(MaxFloor + 1), models.KindInvalid},
		"canceled":      {canceled, models.Target{ID: "a"}, models.Warm(1), models.KindTransient},
		"too late":      {late, models.Target{ID: "a"}, models.Warm(1), models.KindTimeout},
	} {
		for _, a := range []actuators.Actuator{p, recorder} {
			err := a.Apply(test.ctx, test.target, models.Action{To: test.to, Issued: tr.Start})
			if _, ok := errors.AsType[*actuators.Error](err); !ok || actuators.KindOf(err) != test.want {
				t.Errorf("%s: %T gives %v, want kind %s", name, a, err, test.want)
			}
			if test.want == models.KindInvalid {
				continue
			}
			if _, err := a.Observe(test.ctx, test.target); actuators.KindOf(err) != test.want {
				t.Errorf("%s: observing %T gives %v, want kind %s", name, a, err, test.want)
			}
		}
	}
	if u, err := p.Instances("a"); err != nil || u.Floor != 0 {
		t.Errorf("a refused capacity has an effect: %+v, %v", u, err)
	}
}

// TestPlatformConcurrently is for the race detector.
func TestPlatformConcurrently(t *testing.T) {
	t.Parallel()
	tr := smallTrace(t)
	p := platform(t, tr, DefaultConfig(Customer))
	var wg sync.WaitGroup
	for i := range tr.Functions {
		target := models.Target{ID: models.TargetID(tr.Functions[i].Name)}
		wg.Go(func() {
			for n := range 200 {
				if err := p.Apply(t.Context(), target, models.Action{To: models.Warm(n % 3)}); err != nil {
					t.Error(err)
				}
				if _, err := p.Observe(t.Context(), target); err != nil {
					t.Error(err)
				}
				_ = p.Total()
			}
		})
	}
	for minute := range 300 {
		advance(t, p, tr.TimeOf(minute))
	}
	wg.Wait()
}

func BenchmarkPlatform(b *testing.B) {
	tr, err := trace.Read("../../testdata/traces/azure2021-14d")
	if err != nil {
		b.Fatal(err)
	}
	invocations := int64(0)
	b.ReportAllocs()
	for b.Loop() {
		p := platform(b, tr, DefaultConfig(Customer))
		for minute := range tr.Minutes {
			advance(b, p, tr.TimeOf(minute+1))
		}
		total := p.Total()
		invocations += total.Invocations
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(invocations), "ns/invocation")
}

// BenchmarkAdvanceIdle is a minute of 500 functions in which nothing happens.
func BenchmarkAdvanceIdle(b *testing.B) {
	const minutes = 1_000_000
	functions := make([]trace.Function, 500)
	for i := range functions {
		functions[i] = trace.Function{Name: "f" + strconv.Itoa(i), MemoryMB: 128}
	}
	tr := buildTrace(b, minutes, functions)
	p := platform(b, tr, DefaultConfig(Customer))
	b.ReportAllocs()
	minute := 0
	for b.Loop() {
		minute = min(minute+1, minutes)
		advance(b, p, tr.TimeOf(minute))
	}
}

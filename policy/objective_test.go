package policy

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"pilotlight/models"
)

func TestObjectiveErrors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		change func(*Config)
		want   string
	}{
		{func(c *Config) { c.Objective.ColdStartShare, c.Objective.MonthlyUSD = 0.01, 50 }, "objective: has cold_start_share and monthly_usd; keep one of them and set the others to 0"},
		{func(c *Config) { c.Objective.ColdStartShare = 0.6 }, "objective.cold_start_share: 0.6 is not a number from 0 to 0.5"},
		{func(c *Config) { c.Objective.ColdStartUSD = math.NaN() }, "objective.cold_start_usd"},
		{func(c *Config) { c.Objective.P99Latency = -1 }, "objective.p99_latency"},
		{func(c *Config) { c.Objective.MonthlyUSD = -1 }, "objective.monthly_usd"},
		{func(c *Config) { c.Objective.Scope = "app" }, `objective.scope: "app" is unknown; set one of [target group fleet]`},
		{func(c *Config) { c.Objective.MinPrice = 20_000 }, "objective.max_price: 10000 is below min_price 20000"},
		{func(c *Config) { c.Objective.MonthlyUSD, c.Prices.Platform = 5, "own" }, "objective: is in dollars, but nothing has a price on platform \"own\""},
	} {
		cfg := DefaultConfig()
		tc.change(&cfg)
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("error %v, want %q", err, tc.want)
		}
	}
}

// TestDollarPrice checks that a price in dollars is worth as many idle seconds as it buys.
func TestDollarPrice(t *testing.T) {
	t.Parallel()
	p := mustNew(t, func(c *Config) { c.Objective.ColdStartUSD = 0.001 })
	f := facts(0)
	m, now := fed(p, f, 1, repeat(30, 0)...)
	f.Now = now
	d := p.Decide(f, m)
	// 256 MB for a second cost 0.25·4.1667e-6 USD, so 0.001 USD buy 960 idle seconds.
	if got := m.spec.breakEven; math.Abs(got-960) > 0.1 {
		t.Errorf("break-even %v s, want 960", got)
	}
	r := d.Reasons[indexOf(&d, models.ReasonObjective)]
	if usd, _ := r.Number("price_usd"); math.Abs(usd-0.001) > 1e-9 {
		t.Errorf("reason %v", r)
	}
}

// TestShareForLatency compares the share that a p99 allows with a simulation of the latencies.
func TestShareForLatency(t *testing.T) {
	t.Parallel()
	p := mustNew(t, func(c *Config) { c.Objective.P99Latency = models.Duration(800 * time.Millisecond) })
	f := facts(0)
	f.DurationP50, f.DurationP99 = 100*time.Millisecond, 600*time.Millisecond // a cold start takes a second
	m, _ := fed(p, f, 0.15, repeat(5, 1)...)
	share, reachable := m.shareFor(&m.spec.goal)
	if !reachable || share <= 0 || share >= 0.01 {
		t.Fatalf("share %v, reachable %v", share, reachable)
	}
	rng := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test must be repeatable
	late, n := 0, 4_000_000
	for range n {
		d := math.Exp(m.spec.mu + m.spec.sigma*rng.NormFloat64())
		if rng.Float64() < share {
			d++
		}
		if d > 0.8 {
			late++
		}
	}
	if got := float64(late) / float64(n); math.Abs(got-0.01) > 0.0002 {
		t.Errorf("with a share of %v cold, %v take too long, want 0.01", share, got)
	}
}

func TestShareForLatencyAtTheEdges(t *testing.T) {
	t.Parallel()
	share := func(limit, p50, p99 time.Duration) (float64, bool) {
		p := mustNew(t, func(c *Config) { c.Objective.P99Latency = models.Duration(limit) })
		f := facts(0)
		f.DurationP50, f.DurationP99 = p50, p99
		m, _ := fed(p, f, 0.1, repeat(5, 1)...)
		return m.shareFor(&m.spec.goal)
	}
	if s, ok := share(500*time.Millisecond, 100*time.Millisecond, 600*time.Millisecond); ok || s != 0 {
		t.Errorf("warm calls are too slow: %v, %v", s, ok)
	}
	if s, ok := share(10*time.Second, 100*time.Millisecond, 600*time.Millisecond); !ok || s != 1 {
		t.Errorf("cold calls are quick enough: %v, %v", s, ok)
	}
	if s, ok := share(time.Second, 0, 0); !ok || s < 0.009 || s > 0.01 {
		t.Errorf("exponential durations of 0.1 s within a second: %v, %v", s, ok)
	}
	if s, ok := share(time.Second, 100*time.Millisecond, 100*time.Millisecond); !ok || s != 0.01 {
		t.Errorf("constant durations: %v, %v", s, ok)
	}
}

// TestOutOfReach pays no more than the base price for an objective that warmth cannot reach.
func TestOutOfReach(t *testing.T) {
	t.Parallel()
	p := mustNew(t, func(c *Config) { c.Objective.P99Latency = models.Duration(50 * time.Millisecond) })
	f := facts(0)
	m, now := fed(p, f, 1, repeat(200, 5)...)
	f.Now = now
	d := p.Decide(f, m)
	if m.spec.breakEven != 400 || !hasCode(&d, models.ReasonObjectiveOut) {
		t.Errorf("break-even %v, reasons %v", m.spec.breakEven, d.Reasons)
	}
}

// TestSearchIsMonotoneAndBounded checks one search against another that sees at least as many cold starts at every step.
func TestSearchIsMonotoneAndBounded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := goal{kind: shareObjective, base: 100, low: 2, high: 5000}
		var few, many search
		few.begin(&g)
		many.begin(&g)
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			excess := rapid.OneOf(rapid.Float64Range(-3, 3), rapid.SampledFrom([]float64{math.Inf(1), math.Inf(-1), 1e300})).Draw(t, "excess")
			few.move(&g, excess)
			many.move(&g, excess+rapid.Float64Range(0, 2).Draw(t, "more"))
			if many.theta < few.theta {
				t.Fatalf("more cold starts give the lower price %v, not %v", many.theta, few.theta)
			}
			for _, s := range []*search{&few, &many} {
				if p := s.price(&g); !(p >= g.low && p <= g.high) {
					t.Fatalf("price %v is out of bounds", p)
				}
			}
		}
	})
	g := goal{base: 100, low: 1, high: 1000}
	var s search
	s.begin(&g)
	if s.move(&g, math.NaN()) || s.price(&g) != 100 {
		t.Error("NaN moved the price")
	}
}

// pulse is the number of calls of a function with rare bursts and calls at random.
func pulse(rng *rand.Rand) float64 {
	if rng.Float64() < 0.08 {
		return float64(1 + rng.IntN(4))
	}
	return 0
}

// TestShareIsMet checks that the share of cold starts that the search sees comes near what is allowed, for a strict and a loose
// objective, and that the strict one pays more.
func TestShareIsMet(t *testing.T) {
	t.Parallel()
	prices := map[float64]float64{}
	for _, want := range []float64{0.3, 0.05} {
		p := mustNew(t, func(c *Config) { c.Objective.ColdStartShare = want })
		f := facts(0)
		f.Target.Limits.MaxKeepAlive = 24 * time.Hour
		m := NewMemory()
		p.Prepare(f, m)
		rng := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // a test must be repeatable
		var calls, cold float64
		for i := range 20 * 1440 {
			n := pulse(rng)
			m.Observe(minuteBin(i, n, 1))
			if i >= 10*1440 {
				calls += n
				cold += min(m.cost.cold, n)
			}
		}
		prices[want] = m.search.price(&m.spec.goal)
		if got := cold / calls; got > want*1.25 || got < want*0.5 {
			t.Errorf("share %v, want about %v at a price of %v", got, want, prices[want])
		}
	}
	if prices[0.05] <= prices[0.3] {
		t.Errorf("prices %v", prices)
	}
}

// TestMeasuredColdStartsCount only while decisions are carried out.
func TestMeasuredColdStartsCount(t *testing.T) {
	t.Parallel()
	for mode, want := range map[models.Mode]bool{models.ModeAuto: true, models.ModeDryRun: false} {
		p := mustNew(t, func(c *Config) { c.Objective.ColdStartShare = 0.01 })
		f := facts(0)
		f.Mode = mode
		m, now := fed(p, f, 1, repeat(5, 0)...)
		f.Now = now
		p.Decide(f, m)
		for i := range 300 {
			b := minuteBin(5+i, 10, 1)
			b.ColdStarts = 5
			m.Observe(b)
		}
		if got := m.search.share() > 0.4; got != want {
			t.Errorf("%s: share %v", mode, m.search.share())
		}
		if raised := m.spec.breakEven > 4000; raised != want {
			t.Errorf("%s: break-even %v", mode, m.spec.breakEven)
		}
	}
}

// TestObjectiveChange begins a new search when the kind of the objective changes, and goes on when only its number does.
func TestObjectiveChange(t *testing.T) {
	t.Parallel()
	strict := mustNew(t, func(c *Config) { c.Objective.ColdStartShare = 0.001 })
	looser := mustNew(t, func(c *Config) { c.Objective.ColdStartShare = 0.002 })
	none := mustNew(t, nil)
	f := facts(0)
	m, now := fed(strict, f, 1, repeat(2000, 0)...)
	for i := range 3000 {
		m.Observe(minuteBin(2000+i, float64((i%37)/36), 1))
	}
	f.Now = now
	found := m.spec.breakEven
	if found <= 400 {
		t.Fatalf("break-even %v was not raised", found)
	}
	looser.Decide(f, m)
	if m.spec.breakEven != found {
		t.Errorf("break-even %v, want %v still", m.spec.breakEven, found)
	}
	none.Decide(f, m)
	if m.spec.breakEven != 400 || m.search.on {
		t.Errorf("break-even %v without an objective", m.spec.breakEven)
	}
}

package policy

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pilotlight/models"
)

// drive feeds counts a minute each, decides after every one, applies the decisions, and returns the last.
func drive(p *Policy, f *Facts, m *Memory, duration float64, counts []float64) models.Decision {
	var d models.Decision
	for _, n := range counts {
		b := minuteBin(0, n, duration)
		b.Start = f.Now
		m.Observe(b)
		f.Now = f.Now.Add(time.Minute)
		d = p.Decide(f, m)
		f.Current = f.Current.Merge(d.Desired)
	}
	return d
}

// TestBusyTargetGetsAFloor checks that a target with steady load ends on a floor by itself: keep-alive alone costs more there.
func TestBusyTargetGetsAFloor(t *testing.T) {
	t.Parallel()
	p := mustNew(t, nil)
	f := facts(0)
	m := NewMemory()
	d := drive(p, f, m, 2, repeat(600, 300)) // 10 in flight
	warm, ok := d.Desired.Warm()
	if !ok || warm < 10 || warm > 25 || !hasCode(&d, models.ReasonReactive) {
		t.Errorf("floor %d, strategy %d, %v", warm, m.cost.chosen, d.Reasons)
	}
	if keep, ok := d.Desired.KeepAlive(); !ok || keep > 200*time.Second {
		t.Errorf("keep-alive %s beside the floor", keep)
	}
}

// TestSparseTargetGetsNoFloor checks that nothing is kept warm for a rare caller, who is not even predictable.
func TestSparseTargetGetsNoFloor(t *testing.T) {
	t.Parallel()
	counts := repeat(3000, 0)
	for at := 5; at < len(counts); at += 100 + at*7919%211 {
		counts[at] = 1
	}
	f := facts(0)
	d := drive(mustNew(t, nil), f, NewMemory(), 0.2, counts)
	if warm, _ := d.Desired.Warm(); warm != 0 {
		t.Errorf("floor %d: %v", warm, d.Reasons)
	}
}

// TestFreeKeepAliveNeedsNoFloor checks that where the platform keeps idle instances for free, a floor under steady load is not
// worth its price.
func TestFreeKeepAliveNeedsNoFloor(t *testing.T) {
	t.Parallel()
	f := facts(0)
	f.Levers, f.Current = models.LeverWarm, models.Warm(0)
	d := drive(mustNew(t, nil), f, NewMemory(), 2, repeat(600, 300))
	if warm, _ := d.Desired.Warm(); warm > 1 {
		t.Errorf("floor %d: %v", warm, d.Reasons)
	}
	if _, ok := d.Desired.KeepAlive(); ok {
		t.Error("keep-alive set where there is no such lever")
	}
}

// TestNeedIsKept checks that reactive: need keeps all that was in use, whatever it costs.
func TestNeedIsKept(t *testing.T) {
	t.Parallel()
	p := mustNew(t, func(c *Config) { c.Reactive, c.ColdStartPrice = ReactiveNeed, 0 })
	f := facts(0)
	m := NewMemory()
	d := drive(p, f, m, 2, repeat(20, 300))
	if warm, _ := d.Desired.Warm(); warm != m.inUse() || warm < 10 {
		t.Errorf("floor %d, in use %d", warm, m.inUse())
	}
}

func TestQueueAndConcurrencyRaiseTheNeed(t *testing.T) {
	t.Parallel()
	base := func(change func(*Bin)) int {
		p := mustNew(t, func(c *Config) { c.Selection = SelectMax })
		f := facts(0)
		m := NewMemory()
		for i := range 10 {
			b := minuteBin(i, 60, 1)
			change(&b)
			m.Observe(b)
			f.Now = b.Start.Add(b.Step)
			p.Decide(f, m)
		}
		return p.Decide(f, m).Reactive
	}
	plain := base(func(*Bin) {})
	if queued := base(func(b *Bin) { b.QueueDepth = 600 }); queued <= plain+5 {
		t.Errorf("600 waiting raise the need from %d to %d only", plain, queued)
	}
	if busy := base(func(b *Bin) { b.Concurrency = 20 }); busy < plain+15 {
		t.Errorf("20 in flight raise the need from %d to %d only", plain, busy)
	}
}

// TestDearerColdStartsKeepMore checks the whole decision: a higher price of cold starts never gives fewer instances.
func TestDearerColdStartsKeepMore(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		counts := rapid.SliceOfN(rapid.Float64Range(0, 300), 5, 30).Draw(t, "counts")
		duration := rapid.Float64Range(0.05, 5).Draw(t, "duration")
		price := rapid.Float64Range(1, 200).Draw(t, "price")
		floor := func(price float64) int {
			p := mustNew(t, func(c *Config) { c.Selection, c.ColdStartPrice = SelectMax, price })
			f := facts(0)
			m, now := fed(p, f, duration, counts...)
			f.Now = now
			warm, _ := p.Decide(f, m).Desired.Warm()
			return warm
		}
		if a, b := floor(price), floor(price*3); b < a {
			t.Fatalf("floor %d at %v, %d at %v", a, price, b, 3*price)
		}
	})
}

// TestForecastOnlyRaises checks promise two: with max the floor is at least what the last minutes need.
func TestForecastOnlyRaises(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := mustNew(t, func(c *Config) { c.Selection, c.MaxStepUp = SelectMax, Step{} })
		f := facts(0)
		m, now := fed(p, f, 1, rapid.SliceOfN(rapid.Float64Range(0, 300), 5, 30).Draw(t, "counts")...)
		f.Now = now
		f.Forecast = steady(t, now, rapid.Float64Range(0, 1000).Draw(t, "forecast"))
		d := p.Decide(f, m)
		if warm, _ := d.Desired.Warm(); warm != max(d.Reactive, d.Predicted) {
			t.Fatalf("floor %d of reactive %d and predicted %d", warm, d.Reactive, d.Predicted)
		}
		if d.Model != "test" {
			t.Fatalf("model %q", d.Model)
		}
	})
}

// TestSameHistorySameDecision runs two memories side by side.
func TestSameHistorySameDecision(t *testing.T) {
	t.Parallel()
	run := func() models.Decision {
		counts := make([]float64, 500)
		for i := range counts {
			counts[i] = math.Floor(40 + 40*math.Sin(float64(i)/7))
		}
		return drive(mustNew(t, nil), facts(0), NewMemory(), 1.5, counts)
	}
	if a, b := run(), run(); !cmp.Equal(a, b, cmp.AllowUnexported(models.Capacity{})) {
		t.Error(cmp.Diff(a, b, cmp.AllowUnexported(models.Capacity{})))
	}
}

// TestNothingToDoIsNoChange checks that a decision for what there is already changes nothing, so it cannot start a cooldown.
func TestNothingToDoIsNoChange(t *testing.T) {
	t.Parallel()
	p := mustNew(t, nil)
	f := facts(0)
	m := NewMemory()
	drive(p, f, m, 1, repeat(30, 0))
	d := p.Decide(f, m)
	if d.Changes() || !hasCode(&d, models.ReasonUnchanged) {
		t.Errorf("%v changes %v: %v", d.Desired, d.Current, d.Reasons)
	}
}

func TestKeepAliveBand(t *testing.T) {
	t.Parallel()
	p := mustNew(t, nil)
	for _, test := range []struct{ now, want time.Duration }{
		{50 * time.Second, 50 * time.Second}, // without history it is 46 s
		{300 * time.Second, 46 * time.Second},
		{0, 46 * time.Second},
	} {
		f := facts(0)
		f.Current = models.Warm(0).WithKeepAlive(test.now)
		m, now := fed(p, f, 1, repeat(10, 0)...)
		f.Now = now
		d := p.Decide(f, m)
		if got, _ := d.Desired.KeepAlive(); got != test.want {
			t.Errorf("keep-alive %s becomes %s, want %s", test.now, got, test.want)
		}
	}
	f := facts(0)
	f.Target.Limits.MaxKeepAlive = 30 * time.Second
	m, now := fed(p, f, 1, repeat(10, 0)...)
	f.Now = now
	d := p.Decide(f, m)
	if got, _ := d.Desired.KeepAlive(); got != 30*time.Second {
		t.Errorf("keep-alive %s above the limit of 30 s", got)
	}
}

// TestFirstKeepAlive checks that a target of which nothing is known gets a keep-alive at once, unless it has a longer one, and
// that the first outage after that leaves it alone.
func TestFirstKeepAlive(t *testing.T) {
	t.Parallel()
	p := mustNew(t, nil)
	for _, test := range []struct {
		name  string
		now   time.Duration
		bins  int
		known bool
		want  time.Duration
		set   bool
	}{
		{name: "none", known: true, want: 46 * time.Second, set: true},
		{name: "longer", now: time.Hour, known: true},
		{name: "unknown"},
		{name: "outage", bins: 5, known: true},
	} {
		f := facts(0)
		f.Data = models.DataMissing
		f.Current, f.CurrentKnown = models.Warm(0).WithKeepAlive(test.now), test.known
		m, now := fed(p, f, 1, repeat(test.bins, 0)...)
		f.Now = now
		d := p.Decide(f, m)
		if got, set := d.Desired.KeepAlive(); got != test.want || set != test.set {
			t.Errorf("%s: keep-alive %s, set %v; want %s, %v", test.name, got, set, test.want, test.set)
		}
	}
}

func TestPriceOfADecision(t *testing.T) {
	t.Parallel()
	p := mustNew(t, func(c *Config) { c.Selection = SelectMax })
	f := facts(0)
	m, now := fed(p, f, 1, repeat(30, 600)...)
	f.Now = now
	d := p.Decide(f, m)
	warm, _ := d.Desired.Warm()
	if want := float64(warm) * 0.25 * 3600 * 0.0000041667; math.Abs(d.Price.USDPerHour-want) > 1e-9 {
		t.Errorf("%v USD an hour for %d instances of 256 MB, want %v", d.Price.USDPerHour, warm, want)
	}
	// About ten are in use, so the others idle.
	if idle := (float64(warm) - 10) * 0.25 * 60; math.Abs(d.Price.IdleGBs-idle) > 0.1*idle+5 {
		t.Errorf("idle %v GB-s, want about %v", d.Price.IdleGBs, idle)
	}
	if d.Price.ColdStarts > 0.5 || d.Price.ColdStartsSaved <= d.Price.ColdStarts {
		t.Errorf("price %+v", d.Price)
	}
}

// TestReasonsInOrder fixes which reasons a plain decision gives, in their order.
func TestReasonsInOrder(t *testing.T) {
	t.Parallel()
	p := mustNew(t, func(c *Config) { c.Selection, c.MaxStepUp = SelectMax, Step{Instances: 2} })
	f := facts(0)
	f.Target.Limits.MinWarm = 4
	m, now := fed(p, f, 1, repeat(30, 600)...)
	f.Now = now
	f.Forecast = steady(t, now, 600)
	d := p.Decide(f, m)
	want := []models.ReasonCode{
		models.ReasonPredicted, models.ReasonReactive, models.ReasonKeepAlive, models.ReasonStepUp, models.ReasonMinBound,
	}
	if got := codes(&d); !slices.Equal(got, want) {
		t.Errorf("reasons %v, want %v", got, want)
	}
}

// TestHotTargetGetsAFloor checks that a load far beyond what is simulated one by one still gives a floor about right.
func TestHotTargetGetsAFloor(t *testing.T) {
	t.Parallel()
	f := facts(0)
	f.Target.Limits.MaxWarm = 5000
	m := NewMemory()
	d := drive(mustNew(t, nil), f, m, 2, repeat(120, 30000)) // 1000 in flight
	if warm, _ := d.Desired.Warm(); warm < 950 || warm > 1200 {
		t.Errorf("floor %d for 1000 in flight: %v", warm, d.Reasons)
	}
	if len(m.flow.busy) > maxBusy || len(m.flow.down) > maxDown {
		t.Errorf("%d running and %d levels are kept", len(m.flow.busy), len(m.flow.down))
	}
}

// TestConcurrentRequestsShareInstances checks that ten times the concurrency needs about a tenth of the instances.
func TestConcurrentRequestsShareInstances(t *testing.T) {
	t.Parallel()
	f := facts(0)
	f.Target.Concurrency = 10
	m := NewMemory()
	d := drive(mustNew(t, func(c *Config) { c.Selection = SelectMax }), f, m, 2, repeat(60, 3000)) // 100 in flight
	if warm, _ := d.Desired.Warm(); warm < 10 || warm > 15 {
		t.Errorf("floor %d for 100 in flight at 10 each", warm)
	}
}

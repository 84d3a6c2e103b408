package policy

import (
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"pilotlight/models"
)

// TestGuardsAreDocumented compares the table of the page with the code, order included.
func TestGuardsAreDocumented(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := strings.Cut(string(data), "\n## Guards")
	if !found {
		t.Fatal("the page has no section of guards")
	}
	var got []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "## ") {
			break
		}
		if cells := strings.Split(line, "|"); len(cells) > 3 && !strings.Contains(cells[1], "---") {
			got = append(got, strings.TrimSpace(cells[1]))
		}
	}
	want := []string{"guard"}
	for _, g := range guards() {
		want = append(want, g.name)
	}
	want = append(want, "quotas and budgets")
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the page has\n%s\nthe code\n%s", strings.Join(got, ", "), strings.Join(want, ", "))
	}
}

// TestFreezes stops changes, or falls only.
func TestFreezes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		stop   FreezeRule
		counts []float64
		limits models.Limits
		have   int
		want   int // -1: hold
	}{
		{"changes: a rise", FreezeChanges, repeat(30, 600), models.Limits{MaxWarm: 100}, 1, -1},
		{"changes: a fall", FreezeChanges, repeat(30, 0), models.Limits{MaxWarm: 100}, 9, -1},
		{"changes win over bounds", FreezeChanges, repeat(30, 0), models.Limits{MaxWarm: 3}, 9, -1},
		{"lowering: a fall", FreezeLowering, repeat(30, 0), models.Limits{MaxWarm: 100}, 9, 9},
		{"lowering: bounds win", FreezeLowering, repeat(30, 0), models.Limits{MaxWarm: 3}, 9, 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := mustNew(t, func(c *Config) {
				c.Freezes = []Freeze{{Name: "black friday", Window: Window{Zone: "UTC", First: "2026-11-02", Last: "2026-11-02"}, Stop: tc.stop}}
			})
			f := facts(tc.have)
			f.Target.Limits = tc.limits
			m, now := fed(p, f, 1, tc.counts...)
			f.Now = now
			d := p.Decide(f, m)
			warm, set := d.Desired.Warm()
			if !set {
				warm = -1
			}
			if warm != tc.want || !hasCode(&d, models.ReasonFreeze) || !strings.Contains(d.Reasons[indexOf(&d, models.ReasonFreeze)].String(), "black friday") {
				t.Errorf("floor %d, want %d: %v", warm, tc.want, d.Reasons)
			}
			f.Now = f.Now.Add(24 * time.Hour) // the freeze is over
			if d := p.Decide(f, m); hasCode(&d, models.ReasonFreeze) {
				t.Errorf("still frozen: %v", d.Reasons)
			}
		})
	}
}

func indexOf(d *models.Decision, code models.ReasonCode) int {
	for i, r := range d.Reasons {
		if r.Code == code {
			return i
		}
	}
	return -1
}

func TestFreezeOfLoweringLetsRise(t *testing.T) {
	t.Parallel()
	p := mustNew(t, func(c *Config) {
		c.Selection = SelectMax
		c.Freezes = []Freeze{{Window: Window{Zone: "UTC"}, Stop: FreezeLowering}}
	})
	f := facts(1)
	m, now := fed(p, f, 1, repeat(30, 600)...)
	f.Now = now
	if d := p.Decide(f, m); !d.Changes() || hasCode(&d, models.ReasonFreeze) {
		t.Errorf("a rise is stopped: %v", d.Reasons)
	}
}

// TestRates checks that within any period the floor moves no more than the rates say, whatever the load asks for.
func TestRates(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		up, down := rapid.IntRange(1, 6).Draw(t, "up"), rapid.IntRange(1, 6).Draw(t, "down")
		per := rapid.IntRange(1, 12).Draw(t, "per")
		p := mustNew(t, func(c *Config) {
			c.Selection, c.MaxStepDown = SelectMax, Step{}
			c.MaxRateUp = Rate{Instances: up, Per: models.Duration(time.Duration(per) * time.Minute)}
			c.MaxRateDown = Rate{Instances: down, Per: models.Duration(time.Duration(per) * time.Minute)}
		})
		f := facts(0)
		m := NewMemory()
		p.Prepare(f, m)
		var had []int
		for i := range 60 {
			m.Observe(minuteBin(i, rapid.SampledFrom([]float64{0, 0, 600, 60, 3000}).Draw(t, "load"), 1))
			f.Now = epoch.Add(time.Duration(i+1) * time.Minute)
			had = append(had, warmOf(f.Current))
			d := p.Decide(f, m)
			f.Current = f.Current.Merge(d.Desired)
			warm, most, least := warmOf(f.Current), had[i]+up, had[i]-down
			for j := max(0, i-per+1); j <= i; j++ {
				most, least = min(most, max(had[j]+up, had[i])), max(least, min(had[j]-down, had[i]))
			}
			if warm > most || warm < least {
				t.Fatalf("minute %d: floor %d outside %d to %d after %v", i, warm, least, most, had)
			}
			if rapid.IntRange(0, 9).Draw(t, "restart") == 0 {
				m = reread(t, m)
			}
		}
	})
}

func warmOf(c models.Capacity) int {
	warm, _ := c.Warm()
	return warm
}

// reread stores a memory and reads it back.
func reread(t interface{ Fatal(...any) }, m *Memory) *Memory {
	data, err := m.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	back := NewMemory()
	if err := back.UnmarshalBinary(data); err != nil {
		t.Fatal(err)
	}
	return back
}

// TestFloorsForgetTowardsTheStrict checks that a full memory of floors never allows more than a large one.
func TestFloorsForgetTowardsTheStrict(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var f floors
		now := epoch
		var at []time.Time
		had := rapid.SliceOfN(rapid.IntRange(0, 1000), 25, 60).Draw(t, "had")
		for _, n := range had {
			now = now.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "later")) * time.Minute)
			f.note(now, n)
			at = append(at, now)
		}
		period := time.Duration(rapid.IntRange(1, 100).Draw(t, "period")) * time.Minute
		low, high := f.within(now, period, had[len(had)-1])
		for i, n := range had {
			if at[i].After(now.Add(-period)) && (n < low || n > high) {
				t.Fatalf("floor %d is outside %d to %d", n, low, high)
			}
		}
	})
}

// TestCanary takes about its share of the targets, keeps them when it grows, and marks the others.
func TestCanary(t *testing.T) {
	t.Parallel()
	ids := make([]models.TargetID, 4000)
	for i := range ids {
		ids[i] = models.TargetID("shop/function-" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + time.Duration(i).String())
	}
	before := map[models.TargetID]bool{}
	for _, share := range []float64{0, 0.05, 0.3, 1} {
		n := 0
		for _, id := range ids {
			taken := Canary{Share: share}.takes(id)
			if before[id] && !taken {
				t.Fatalf("%s left when the share grew to %v", id, share)
			}
			if before[id] = taken; taken {
				n++
			}
		}
		if got := float64(n) / float64(len(ids)); got < share-0.03 || got > share+0.03 {
			t.Errorf("share %v takes %v", share, got)
		}
	}
	for share, want := range map[float64]models.Mode{0: models.ModeDryRun, 1: models.ModeAuto} {
		p := mustNew(t, func(c *Config) { c.Canary.Share, c.Selection = share, SelectMax })
		f := facts(1)
		m, now := fed(p, f, 1, repeat(30, 600)...)
		f.Now = now
		d := p.Decide(f, m)
		if d.Mode != want || hasCode(&d, models.ReasonCanary) != (share == 0) || !d.Changes() {
			t.Errorf("share %v: mode %s, changes %v, reasons %v", share, d.Mode, d.Changes(), d.Reasons)
		}
		if m.acting != (share == 1) {
			t.Errorf("share %v: acting %v", share, m.acting)
		}
	}
}

// TestLead follows what was measured, within bounds, and is not moved by one bad measurement.
func TestLead(t *testing.T) {
	t.Parallel()
	const configured, cold = 2 * time.Minute, 3 * time.Second
	var l leads
	for _, tc := range []struct {
		took        []time.Duration
		least, most time.Duration
	}{
		{nil, configured, configured},
		{[]time.Duration{-1, 0, 48 * time.Hour}, configured, configured},
		{repeatDuration(1, time.Hour), configured, configured},
		{repeatDuration(16, 40*time.Second), 40 * time.Second, 40 * time.Second},
		{append(repeatDuration(15, 40*time.Second), time.Hour), 40 * time.Second, configured},
		{repeatDuration(40, time.Second), configured / 4, configured / 4},
		{repeatDuration(40, 10*time.Hour), 4 * configured, 4 * configured},
	} {
		m := NewMemory()
		for _, took := range tc.took {
			m.NoteLead(took)
		}
		if got := m.remembers().leads.estimate(configured, cold); got < tc.least || got > tc.most {
			t.Errorf("after %v: lead %s, want %s to %s", tc.took, got, tc.least, tc.most)
		}
	}
	if got := l.estimate(0, cold); got != 0 {
		t.Errorf("without a lead %s", got)
	}
	for range 16 {
		l.of[l.n], l.n = 1, l.n+1
	}
	if got := l.estimate(4*time.Second, 6*time.Second); got != 6*time.Second {
		t.Errorf("lead %s is less than a cold start", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		m := NewMemory()
		for range rapid.IntRange(0, 40).Draw(t, "n") {
			m.NoteLead(time.Duration(rapid.Int64().Draw(t, "took")))
		}
		configured := time.Duration(rapid.Int64Range(-1, int64(48*time.Hour)).Draw(t, "configured"))
		got := m.remembers().leads.estimate(configured, time.Duration(rapid.Int64().Draw(t, "cold")))
		bounded := min(max(configured, 0), 24*time.Hour)
		if got < bounded/leadRange || got > min(bounded*leadRange, 24*time.Hour) {
			t.Fatalf("lead %s of %s", got, configured)
		}
	})
}

func repeatDuration(n int, d time.Duration) []time.Duration {
	out := make([]time.Duration, n)
	for i := range out {
		out[i] = d
	}
	return out
}

// TestMeasuredLeadIsUsed lets a forecast count at the lead that was measured.
func TestMeasuredLeadIsUsed(t *testing.T) {
	t.Parallel()
	for rule, want := range map[LeadRule]bool{LeadMeasured: true, LeadConfigured: false} {
		p := mustNew(t, func(c *Config) { c.Lead = rule })
		f := facts(1)
		m, now := fed(p, f, 1, repeat(30, 600)...)
		f.Now = now
		for range 16 {
			m.NoteLead(3 * time.Minute)
		}
		d := p.Decide(f, m)
		if got := hasCode(&d, models.ReasonLead); got != want || (m.spec.lead == 180) != want {
			t.Errorf("%s: lead %v s, reasons %v", rule, m.spec.lead, d.Reasons)
		}
	}
}

func TestPrices(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		change func(*Prices)
		gb     float64
		want   float64 // USD an hour; below 0 is an error
		text   string
	}{
		{func(*Prices) {}, 1, 0.01500012, ""},
		{func(p *Prices) { p.Region = "eu-central-2" }, 2, 2 * 3600 * 0.0000055162, ""},
		{func(p *Prices) { p.Platform, p.Region = "cloud_run", "tier-1" }, 1, 0.018, ""},
		{func(p *Prices) { p.Platform, p.Region, p.VCPU = "cloud_run", "tier-1", 2 }, 0.5, 3600 * (0.5*0.0000025 + 2*0.0000025), ""},
		{func(p *Prices) { p.Platform, p.Region = "azure_flex", "standard" }, 2, 0.0288, ""},
		{func(p *Prices) { p.Platform = "own" }, 1, 0, ""},
		{func(p *Prices) { p.Platform, p.WarmGBs, p.AsOf = "own", 0.001, "2026-01-01" }, 1, 3.6, ""},
		{func(p *Prices) { p.Region = "mars-1" }, 1, -1, `prices.region: the table has no prices of "mars-1" on aws_lambda`},
		{func(p *Prices) { p.Region, p.WarmGBs, p.AsOf = "mars-1", 0.001, "2026-01-01" }, 1, 3.6, ""},
		{func(p *Prices) { p.Platform = "aws" }, 1, -1, `prices.platform: "aws" is unknown; set one of aws_lambda, azure_flex, cloud_run, own`},
		{func(p *Prices) { p.WarmGBs = 0.001 }, 1, -1, "prices.as_of: goes together"},
		{func(p *Prices) { p.AsOf = "2026-01-01" }, 1, -1, "prices.as_of: goes together"},
		{func(p *Prices) { p.WarmGBs, p.AsOf = 0.001, "01.02.2026" }, 1, -1, `prices.as_of: "01.02.2026" is not a date`},
		{func(p *Prices) { p.VCPU = -1 }, 1, -1, "prices.vcpu"},
	} {
		p := DefaultPrices()
		tc.change(&p)
		cfg := DefaultConfig()
		cfg.Prices = p
		err := cfg.Validate()
		if (err != nil) != (tc.want < 0) || err != nil && !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%+v: error %v, want %q", p, err, tc.text)
		}
		if got := p.perSecond(tc.gb) * 3600; tc.want >= 0 && (got < tc.want*0.999999 || got > tc.want*1.000001) {
			t.Errorf("%+v: %v USD an hour, want %v", p, got, tc.want)
		}
	}
	if at, ok := DefaultPrices().BreakEven(); !ok || at < 0.5999 || at > 0.6001 {
		t.Errorf("AWS Lambda breaks even at %v, %v", at, ok)
	}
	if _, ok := (Prices{Platform: "own"}).BreakEven(); ok {
		t.Error("a cluster without prices breaks even")
	}
	for asOf, want := range map[string]bool{"2025-11-01": true, "2025-12-01": false, "2026-11-01": false} {
		p := Prices{Platform: "own", WarmGBs: 1, AsOf: asOf}
		if got := p.Outdated(time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)); got != want {
			t.Errorf("prices of %s outdated: %v", asOf, got)
		}
	}
}

// TestCountWork keeps what is cheaper warm than on demand, where keep-alive is free: with ten in flight the instances that work more
// than 60 % of the time, and those whose cold starts are worth the rest.
func TestCountWork(t *testing.T) {
	t.Parallel()
	for count, want := range map[bool][2]int{false: {0, 0}, true: {7, 10}} {
		p := mustNew(t, func(c *Config) { c.Prices.CountWork = count })
		f := facts(0)
		f.Levers = models.LeverWarm
		m := NewMemory()
		p.Prepare(f, m)
		floor := 0
		for i := range 600 {
			m.Observe(minuteBin(i, 600, 1))
			f.Now = epoch.Add(time.Duration(i+1) * time.Minute)
			d := p.Decide(f, m)
			f.Current = f.Current.Merge(d.Desired)
			floor = warmOf(f.Current)
		}
		if floor < want[0] || floor > want[1] {
			t.Errorf("count_work %v: floor %d, want %v", count, floor, want)
		}
	}
	if got := (Prices{Platform: "aws_lambda", Region: "us-east-1", CountWork: true}).credit(); got < 0.666 || got > 0.667 {
		t.Errorf("a second of work saves %v idle seconds", got)
	}
	if got := (Prices{Platform: "azure_flex", Region: "standard", CountWork: true}).credit(); got < 1.49 || got > 1.51 {
		t.Errorf("a second of work saves %v idle seconds", got)
	}
	if got := (Prices{Platform: PlatformOwn, CountWork: true}).credit(); got != 0 {
		t.Errorf("a cluster of one's own saves %v", got)
	}
}

// TestWorkOnTheFloorIsCheaper follows the worth of an instance over its share of work, without any cold start to save.
func TestWorkOnTheFloorIsCheaper(t *testing.T) {
	t.Parallel()
	r := rule{hold: 60, free: 600, credit: pricesThatCountWork().credit()}
	for idle := 0.0; idle <= 1; idle += 0.05 {
		if _, cost := r.worth(rung{width: 1, idle: idle}); (cost < 0) != (idle < 0.3999) && (idle < 0.39 || idle > 0.41) {
			t.Errorf("an instance that idles %v of the time costs %v", idle, cost)
		}
	}
}

// pricesThatCountWork returns the default prices with work counted.
func pricesThatCountWork() Prices {
	p := DefaultPrices()
	p.CountWork = true
	return p
}

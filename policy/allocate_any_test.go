package policy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pilotlight/models"
)

// drawCase draws a target with a random past, decided on.
func drawCase(t *rapid.T, id string) Case {
	p, err := New(drawConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	f := drawFacts(t, afterFeed)
	f.Target.ID, f.Target.Group = models.TargetID(id), rapid.SampledFrom([]string{"", "shop", "bank"}).Draw(t, "group")
	f.Target.Actuator = rapid.SampledFrom([]string{"", "eu", "us"}).Draw(t, "actuator")
	if f.Target.MemoryMB < 1e-9 {
		f.Target.MemoryMB = 64 // a break-even beyond all numbers cannot be stored
	}
	f.Mode = rapid.SampledFrom([]models.Mode{models.ModeAuto, models.ModeDryRun}).Draw(t, "mode")
	m := NewMemory()
	p.Prepare(f, m)
	load := rapid.SampledFrom([]float64{0, 0.2, 60, 600, 3000}).Draw(t, "load")
	for i := range 30 {
		m.Observe(minuteBin(i, load, 1))
	}
	d := p.Decide(f, m)
	return Case{Policy: p, Facts: f, Memory: m, Decision: &d}
}

func drawShared(t *rapid.T) Shared {
	var s Shared
	for range rapid.IntRange(0, 2).Draw(t, "quotas") {
		s.Quotas = append(s.Quotas, Quota{
			Scope: rapid.SampledFrom([]Scope{ScopeGroup, ScopeActuator, ScopeFleet}).Draw(t, "quota scope"),
			Match: rapid.SampledFrom([]string{"", "*", "shop", "e*"}).Draw(t, "quota match"), Instances: rapid.IntRange(1, 60).Draw(t, "instances"),
		})
	}
	for range rapid.IntRange(0, 2).Draw(t, "budgets") {
		s.Budgets = append(s.Budgets, Budget{
			Scope: rapid.SampledFrom([]Scope{ScopeTarget, ScopeGroup, ScopeFleet}).Draw(t, "budget scope"),
			Match: rapid.SampledFrom([]string{"", "*", "shop", "t*"}).Draw(t, "budget match"),
			USD:   rapid.Float64Range(0, 20).Draw(t, "usd"), Per: rapid.SampledFrom([]Period{PerHour, PerDay, PerMonth}).Draw(t, "per"),
		})
	}
	return s
}

// TestAllocateAnything checks what must hold whatever the targets and limits are.
func TestAllocateAnything(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := mustAllocator(t, drawShared(t))
		var cases, shuffled []Case
		var before []models.Decision
		for i := range rapid.IntRange(0, 6).Draw(t, "targets") {
			c := drawCase(t, fmt.Sprint("t", i))
			cases, before = append(cases, c), append(before, *c.Decision)
			copied := *c.Decision
			shuffled = append(shuffled, Case{Policy: c.Policy, Facts: c.Facts, Memory: reread(t, c.Memory), Decision: &copied})
		}
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)) //nolint:gosec // a test must be repeatable
		rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		demands := make([]demand, len(cases))
		for i := range cases {
			demands[i] = demandOf(&cases[i])
		}
		a.Allocate(afterFeed, cases)
		a.Allocate(afterFeed, shuffled)
		slices.SortFunc(shuffled, func(x, y Case) int { return strings.Compare(string(x.Decision.Target), string(y.Decision.Target)) })
		for i := range cases {
			if diff := cmp.Diff(cases[i].Decision, shuffled[i].Decision, cmp.AllowUnexported(models.Capacity{})); diff != "" {
				t.Fatalf("the order of targets counts: %s", diff)
			}
			x, _ := cases[i].Memory.MarshalBinary()
			y, _ := shuffled[i].Memory.MarshalBinary()
			if !slices.Equal(x, y) {
				t.Fatal("the order of targets counts in the memory")
			}
			checkGrant(t, &before[i], &cases[i], &demands[i])
		}
		checkRoom(t, a, cases, demands)
	})
}

// checkGrant checks one decision against what it was before.
func checkGrant(t *rapid.T, before *models.Decision, c *Case, d *demand) {
	after := c.Decision
	if before.Desired.Levers() != after.Desired.Levers() || before.Desired.Only(models.LeverKeepAlive) != after.Desired.Only(models.LeverKeepAlive) {
		t.Fatalf("levers changed: %v became %v", before.Desired, after.Desired)
	}
	was, set := before.Desired.Warm()
	now, _ := after.Desired.Warm()
	if !set {
		return
	}
	switch l := c.Facts.Target.Limits; {
	case now > was:
		t.Fatalf("raised from %d to %d", was, now)
	case now < was && (d.held || now < d.least):
		t.Fatalf("lowered from %d to %d, held %v, least %d", was, now, d.held, d.least)
	case now < l.MinWarm || now > l.MaxWarm:
		t.Fatalf("floor %d outside %d to %d", now, l.MinWarm, l.MaxWarm)
	}
	if have, known := after.Current.Warm(); known && now < was && now < have && len(c.Policy.cfg.Schedules) == 0 && have <= c.Facts.Target.Limits.MaxWarm {
		checkChange(t, c.Policy, c.Facts, have, now)
	}
	if now < was && len(after.Reasons) == len(before.Reasons) {
		t.Fatal("lowered without a reason")
	}
}

// checkRoom checks that no limit is broken but by what must stay.
func checkRoom(t *rapid.T, a *Allocator, cases []Case, demands []demand) {
	order := make([]*demand, len(demands))
	for i := range demands {
		order[i] = &demands[i]
	}
	for _, p := range a.pools(order, afterFeed) {
		used, must := 0.0, 0.0
		for i := range demands {
			d := &demands[i]
			if !slices.Contains(d.pools, p) {
				continue
			}
			grant := d.least
			if warm, set := cases[i].Decision.Desired.Warm(); set && !d.held {
				grant = warm
			}
			used += p.cost(d, grant)
			must += p.cost(d, d.least)
		}
		if used > p.room*(1+1e-6)+1e-6 && used > must*(1+1e-9) {
			t.Fatalf("pool %s: %v used of %v, %v must stay", p.label(), used, p.room, must)
		}
	}
}

// TestQuotaIsKeptMeanwhile checks that falls and rises together never need more than the quota, unless more is there already.
func TestQuotaIsKeptMeanwhile(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		quota := rapid.IntRange(1, 60).Draw(t, "quota")
		var list []busy
		there := 0
		for i := range rapid.IntRange(1, 6).Draw(t, "targets") {
			b := busy{id: fmt.Sprint("t", i), load: rapid.SampledFrom([]float64{0, 1, 60, 600}).Draw(t, "load"), have: rapid.IntRange(0, 20).Draw(t, "have")}
			there += b.have
			list = append(list, b)
		}
		cases := decided(t, list...)
		mustAllocator(t, Shared{Quotas: []Quota{{Scope: ScopeFleet, Instances: quota}}}).Allocate(afterFeed, cases)
		busy, after := 0, 0
		for i, warm := range wants(cases) {
			busy += max(warm, list[i].have)
			after += warm
		}
		if busy > max(quota, there) || after > quota {
			t.Fatalf("%d on the way and %d then, of %d with %d there: %v", busy, after, quota, there, wants(cases))
		}
	})
}

// TestBudgetLasts checks that nothing asked for ever spends more than the budget of a period, and that not much is left of it
// when all of it is wanted.
func TestBudgetLasts(t *testing.T) {
	t.Parallel()
	for _, per := range periods() {
		rapid.Check(t, func(t *rapid.T) {
			budget := rapid.Float64Range(0, 1000).Draw(t, "budget")
			quiet := rapid.IntRange(0, 3).Draw(t, "quiet")
			start, end := per.bounds(epoch)
			step := 5 * time.Minute
			if per == PerHour {
				step = time.Minute
			}
			var s spendings
			total := 0.0
			for now := start; now.Before(end); now = now.Add(step) {
				s.until(now)
				w := s.of[per.index()]
				s.rate = 0
				if quiet == 0 || now.Hour()%4 >= quiet {
					s.rate = allowance(per, budget, w.usd, w.mean, now)
				}
				total += s.rate * step.Hours()
			}
			if total > budget*(1+1e-9) {
				t.Fatalf("%v spent of %v per %s", total, budget, per)
			}
			if quiet == 0 && total < budget*0.9 {
				t.Fatalf("only %v spent of %v per %s", total, budget, per)
			}
		})
	}
}

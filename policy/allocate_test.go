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

func mustAllocator(t interface{ Fatal(...any) }, s Shared) *Allocator {
	a, err := NewAllocator(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// busy is a target with a load of so many invocations of a second each minute, decided on. It has have instances.
type busy struct {
	id, group string
	load      float64
	have      int
	change    func(*Config)
	facts     func(*Facts)
}

// decided decides on targets.
func decided(t interface{ Fatal(...any) }, list ...busy) []Case {
	out := make([]Case, len(list))
	for i, b := range list {
		p := mustNew(t, func(c *Config) {
			c.Selection, c.MaxStepDown = SelectMax, Step{}
			if b.change != nil {
				b.change(c)
			}
		})
		f := facts(b.have)
		f.Target.ID, f.Target.Group, f.Target.Actuator = models.TargetID(b.id), b.group, "lambda"
		m, now := fed(p, f, 1, repeat(30, b.load)...)
		f.Now = now
		if b.facts != nil {
			b.facts(f)
		}
		d := p.Decide(f, m)
		out[i] = Case{Policy: p, Facts: f, Memory: m, Decision: &d}
	}
	return out
}

func wants(cases []Case) []int {
	out := make([]int, len(cases))
	for i, c := range cases {
		out[i] = -1
		if warm, set := c.Decision.Desired.Warm(); set {
			out[i] = warm
		}
	}
	return out
}

var afterFeed = epoch.Add(30 * time.Minute)

// TestQuota shares the concurrency of an account.
func TestQuota(t *testing.T) {
	t.Parallel()
	alone := wants(decided(t, busy{id: "a", load: 600}))[0]
	if alone < 10 || alone > 25 {
		t.Fatalf("floor %d of one alone", alone)
	}
	for _, tc := range []struct {
		name  string
		quota Quota
		list  []busy
		want  []int
		code  []models.ReasonCode
	}{
		{
			"enough for all",
			Quota{Scope: ScopeActuator, Instances: 200, Reserve: 100},
			[]busy{{id: "a", load: 600}, {id: "b", load: 600}},
			[]int{alone, alone},
			[]models.ReasonCode{"", ""},
		},
		{
			"the reserve stays free",
			Quota{Name: "eu", Scope: ScopeActuator, Instances: 100 + alone, Reserve: 100},
			[]busy{{id: "a", load: 600}, {id: "b", load: 600}},
			[]int{alone, 0},
			[]models.ReasonCode{"", models.ReasonQuota},
		},
		{
			"the dearer cold start first",
			Quota{Scope: ScopeActuator, Instances: 100 + alone, Reserve: 100},
			[]busy{{id: "a", load: 600, facts: func(f *Facts) { f.Target.ColdStart = time.Second }}, {
				id: "b", load: 600, change: func(c *Config) { c.Hysteresis = 0.4; c.ColdStartPrice = 101 },
			}},
			[]int{0, alone},
			[]models.ReasonCode{models.ReasonQuota, ""},
		},
		{
			"a rise waits for the fall of another",
			Quota{Scope: ScopeGroup, Instances: 40},
			[]busy{{id: "a", load: 600}, {id: "b", load: 0, have: 40}},
			[]int{0, 0},
			[]models.ReasonCode{models.ReasonQuota, ""},
		},
		{
			"a held floor stays and counts",
			Quota{Scope: ScopeFleet, Instances: 40},
			[]busy{{id: "a", load: 600}, {id: "b", load: 0, have: 40, facts: func(f *Facts) { f.Paused = true }}},
			[]int{0, -1},
			[]models.ReasonCode{models.ReasonQuota, models.ReasonPaused},
		},
		{
			"min_warm wins",
			Quota{Scope: ScopeFleet, Instances: 3},
			[]busy{{id: "a", load: 600, facts: func(f *Facts) { f.Target.Limits.MinWarm = 5 }}},
			[]int{5},
			[]models.ReasonCode{models.ReasonQuota},
		},
		{
			"a fall is not quicker than steps allow",
			Quota{Scope: ScopeFleet, Instances: 3},
			[]busy{{id: "a", load: 600, have: 20, change: func(c *Config) { c.MaxStepDown = Step{Instances: 4} }}},
			[]int{16},
			[]models.ReasonCode{models.ReasonQuota},
		},
		{
			"other groups do not count",
			Quota{Scope: ScopeGroup, Match: "shop*", Instances: 1},
			[]busy{{id: "a", group: "bank", load: 600}, {id: "b", group: "shop/eu", load: 600}},
			[]int{alone, 1},
			[]models.ReasonCode{"", models.ReasonQuota},
		},
		{
			"each group has its own",
			Quota{Scope: ScopeGroup, Match: "*", Instances: 7},
			[]busy{{id: "a", group: "bank", load: 600}, {id: "b", group: "shop", load: 600}},
			[]int{7, 7},
			[]models.ReasonCode{models.ReasonQuota, models.ReasonQuota},
		},
		{
			"an outage holds",
			Quota{Scope: ScopeFleet, Instances: 5},
			[]busy{{id: "a", load: 600, have: 9, facts: func(f *Facts) { f.Data = models.DataStale }}},
			[]int{9},
			[]models.ReasonCode{models.ReasonOverLimit},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			cases := decided(t, tc.list...)
			mustAllocator(t, Shared{Quotas: []Quota{tc.quota}}).Allocate(afterFeed, cases)
			if got := wants(cases); !slices.Equal(got, tc.want) {
				t.Errorf("floors %v, want %v", got, tc.want)
			}
			for i, code := range tc.code {
				d := cases[i].Decision
				if code != "" && !hasCode(d, code) || code == "" && (hasCode(d, models.ReasonQuota) || hasCode(d, models.ReasonBudget)) {
					t.Errorf("%s: reasons %v, want %q", d.Target, d.Reasons, code)
				}
			}
		})
	}
}

// TestBudget pays for what saves most.
func TestBudget(t *testing.T) {
	t.Parallel()
	// 256 MB for an hour cost 0.00375003 USD, so 0.0376 USD pay for ten instances; half of the hour is left, and so twice as many.
	for _, tc := range []struct {
		name   string
		budget Budget
		list   []busy
		want   []int
	}{
		{"each target", Budget{Scope: ScopeTarget, USD: 0.0376, Per: PerHour}, []busy{{id: "a", load: 6000}, {id: "b", load: 60}}, []int{20, 5}},
		{"the fleet", Budget{Scope: ScopeFleet, USD: 0.0376, Per: PerHour}, []busy{{id: "a", load: 60}, {id: "b", load: 60}, {id: "c", load: 60}, {id: "d", load: 60}, {id: "e", load: 60}}, []int{4, 4, 4, 4, 4}},
		{"no money", Budget{Scope: ScopeFleet, Per: PerDay}, []busy{{id: "a", load: 60}}, []int{0}},
		{"one group", Budget{Scope: ScopeGroup, Match: "shop", USD: 0.0376, Per: PerHour}, []busy{{id: "a", group: "bank", load: 600}, {id: "b", group: "shop", load: 6000}}, []int{22, 20}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			cases := decided(t, tc.list...)
			before := wants(cases)
			tc.budget.Name = "spring"
			mustAllocator(t, Shared{Budgets: []Budget{tc.budget}}).Allocate(afterFeed, cases)
			got := wants(cases)
			if !slices.Equal(got, tc.want) {
				t.Errorf("floors %v of %v, want %v", got, before, tc.want)
			}
			for i := range got {
				d := cases[i].Decision
				if cut := got[i] < before[i]; cut != hasCode(d, models.ReasonBudget) || cut && !strings.Contains(d.Reasons[len(d.Reasons)-1].String(), `"spring" of the `) {
					t.Errorf("%s: %d of %d, reasons %v", d.Target, got[i], before[i], d.Reasons)
				}
				if usd := float64(got[i]) * 0.00375003; d.Price.USDPerHour < usd*0.99999 || d.Price.USDPerHour > usd*1.00001 {
					t.Errorf("%s: %v USD an hour for %d", d.Target, d.Price.USDPerHour, got[i])
				}
			}
		})
	}
}

// TestSpendings counts by calendar periods.
func TestSpendings(t *testing.T) {
	t.Parallel()
	var s spendings
	at := time.Date(2026, 12, 31, 23, 30, 0, 0, time.UTC)
	s.until(at)
	s.rate = 6
	s.until(at.Add(20 * time.Minute))
	if got := s.of[0].usd; got != 2 {
		t.Errorf("%v in the hour, want 2", got)
	}
	s.until(at.Add(40 * time.Minute)) // into the new year
	for i, w := range s.of {
		if w.usd != 1 {
			t.Errorf("period %d: %v, want the 1 of ten minutes", i, w.usd)
		}
	}
	s.until(at) // a clock that goes back spends nothing
	if s.of[2].usd != 0 {
		t.Errorf("%v spent in the old month after the clock went back", s.of[2].usd)
	}
}

func TestSharedErrors(t *testing.T) {
	t.Parallel()
	s := Shared{
		Quotas: []Quota{
			{Scope: ScopeTarget, Instances: 0}, {Scope: ScopeFleet, Instances: 100, Reserve: 100}, {Scope: ScopeFleet, Instances: 1, Reserve: -1},
		},
		Budgets: []Budget{{Scope: "app", USD: -1, Per: "week"}, {Scope: ScopeFleet, Per: PerDay, Match: strings.Repeat("x", 513)}},
	}
	_, err := NewAllocator(s)
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{
		`quotas[0].scope: "target" is unknown; set one of [group actuator fleet]`, "quotas[0].instances: 0 is not", "quotas[1].reserve: 100 leaves nothing of 100",
		"quotas[2].reserve: -1", `budgets[0].scope: "app"`, "budgets[0].usd: -1", `budgets[0].per: "week" is unknown; set one of [hour day month]`, "budgets[1].match",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in\n%s", want, err)
		}
	}
}

func TestCovers(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		pattern, name string
		want          bool
	}{
		{"", "x", true},
		{"*", "", true},
		{"*", "a/b", true},
		{"shop", "shop", true},
		{"shop", "shops", false},
		{"shop*", "shop/eu", true},
		{"*eu", "shop/eu", true},
		{"*eu", "eu/shop", false},
		{"a*b*c", "a/b/b/c", true},
		{"a*b*c", "acb", false},
		{"ab*ba", "aba", false},
		{"**", "x", true},
	} {
		if got := covers(tc.pattern, tc.name); got != tc.want {
			t.Errorf("covers(%q, %q) = %v", tc.pattern, tc.name, got)
		}
	}
}

// TestGroupSharesOnePrice lets a group have one price, which a newcomer takes over, and which all memories keep over a restart.
func TestGroupSharesOnePrice(t *testing.T) {
	t.Parallel()
	objective := func(c *Config) { c.Objective.ColdStartShare, c.Objective.Scope = 0.01, ScopeGroup }
	cases := decided(t, busy{id: "a", group: "shop", load: 3, change: objective}, busy{id: "b", group: "shop", load: 1, change: objective},
		busy{id: "c", group: "bank", load: 0, change: objective})
	a := &Allocator{}
	price := func(i int) float64 { m := cases[i].Memory; return m.search.price(&m.spec.goal) }
	for i := range 200 {
		for j := range cases {
			b := minuteBin(30+i, []float64{3, 1, 0}[j], 1)
			b.ColdStarts = []float64{3, 0, 0}[j]
			cases[j].Memory.Observe(b)
			cases[j].Memory = reread(t, cases[j].Memory)
		}
		a.Allocate(afterFeed.Add(time.Duration(i)*time.Minute), cases)
	}
	if price(0) < 1000 || price(0) != price(1) || price(2) != 100 {
		t.Errorf("prices %v, %v, %v", price(0), price(1), price(2))
	}
	newcomer := decided(t, busy{id: "d", group: "shop", load: 1, change: objective})
	cases = append(cases, newcomer[0])
	a.Allocate(afterFeed.Add(200*time.Minute), cases)
	if price(3) < price(0)*0.8 || price(3) > price(0)*1.25 {
		t.Errorf("a newcomer has the price %v of a group at %v", price(3), price(0))
	}
}

// TestMonthlyObjective lowers the price while money is short and raises it while it is not.
func TestMonthlyObjective(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		usd       float64
		low, high float64
	}{{0.01, 1, 20}, {1e6, 5000, 10000}} {
		cases := decided(t, busy{id: "a", load: 600, have: 15, change: func(c *Config) { c.Objective.MonthlyUSD = tc.usd }})
		for i := range 200 {
			(&Allocator{}).Allocate(afterFeed.Add(time.Duration(i)*30*time.Minute), cases)
		}
		m := cases[0].Memory
		if got := m.search.price(&m.spec.goal); got < tc.low || got > tc.high {
			t.Errorf("%v USD a month: price %v, want %v to %v", tc.usd, got, tc.low, tc.high)
		}
		if d := cases[0].Policy.Decide(cases[0].Facts, m); !hasCode(&d, models.ReasonObjective) {
			t.Errorf("reasons %v", d.Reasons)
		}
	}
}

// TestNoLimitsNoChange leaves every byte of a decision as it is.
func TestNoLimitsNoChange(t *testing.T) {
	t.Parallel()
	cases := decided(t, busy{id: "a", load: 600}, busy{id: "b", load: 6})
	want := []models.Decision{*cases[0].Decision, *cases[1].Decision}
	mustAllocator(t, Shared{}).Allocate(afterFeed, append(cases, Case{Policy: cases[0].Policy, Decision: &models.Decision{}}))
	got := []models.Decision{*cases[0].Decision, *cases[1].Decision}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(models.Capacity{})); diff != "" {
		t.Error(diff)
	}
	if mustAllocator(t, Shared{}).Concerns(cases[0].Policy) || !mustAllocator(t, Shared{Quotas: []Quota{{Scope: ScopeFleet, Instances: 1}}}).Concerns(cases[0].Policy) {
		t.Error("Concerns is wrong")
	}
}

func BenchmarkAllocate(b *testing.B) {
	var list []busy
	for i := range 200 {
		list = append(list, busy{id: fmt.Sprint("t", i), load: float64(i * 5)})
	}
	cases := decided(b, list...)
	a := mustAllocator(b, Shared{Quotas: []Quota{{Scope: ScopeFleet, Instances: 500}}})
	kept := make([]models.Decision, len(cases))
	for i := range cases {
		kept[i] = *cases[i].Decision
	}
	b.ReportAllocs()
	for b.Loop() {
		for i := range cases {
			*cases[i].Decision = kept[i]
		}
		a.Allocate(afterFeed, cases)
	}
}

// TestSavings compares one walk over the ladder with a sum over its instances for each floor.
func TestSavings(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		mix := mixture{duration: rapid.Float64Range(0.01, 100).Draw(t, "duration")}
		for range rapid.IntRange(1, 8).Draw(t, "rates") {
			mix.add(rapid.Float64Range(0, 30).Draw(t, "rate"))
		}
		r := rule{hold: 60, free: rapid.SampledFrom([]float64{-1, 0, 600}).Draw(t, "free"), alive: 3, concurrency: rapid.IntRange(1, 4).Draw(t, "concurrency"), max: 1 << 20}
		least := rapid.IntRange(0, 50).Draw(t, "least")
		var at []int
		for n := least; len(at) < rapid.IntRange(1, 30).Draw(t, "floors"); {
			n += rapid.IntRange(1, 40).Draw(t, "more")
			at = append(at, n)
		}
		got := make([]float64, len(at))
		r.savings(&mix, least, at, got)
		for i, n := range at {
			want := 0.0
			l := newLadder(&mix, r.concurrency)
			for g := l.next(); g.from < n; g = l.next() {
				for k := g.from; k < g.from+g.width; k++ {
					if saved, _ := r.worth(g); k >= least && k < n {
						want += saved
					}
				}
			}
			if diff := got[i] - want; diff > 1e-6 || diff < -1e-6 {
				t.Fatalf("floor %d above %d: %v, want %v", n, least, got[i], want)
			}
		}
	})
}

// TestOrderOfManyTargets checks that not even the last bit of a sum depends on the order of the targets.
func TestOrderOfManyTargets(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) []models.Decision {
		var list []busy
		for i := range 40 {
			list = append(list, busy{id: fmt.Sprint("t", i), load: float64(60 * (i % 5)), have: i % 7, facts: func(f *Facts) {
				f.Target.MemoryMB = float64(128 + 37*i)
			}})
		}
		cases := decided(t, list...)
		rng := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // a test must be repeatable
		rng.Shuffle(len(cases), func(i, j int) { cases[i], cases[j] = cases[j], cases[i] })
		a := mustAllocator(t, Shared{Budgets: []Budget{{Scope: ScopeFleet, USD: 0.7, Per: PerDay}}})
		for i := range 5 {
			for j := range cases {
				cases[j].Facts.Now = afterFeed.Add(time.Duration(i) * time.Minute)
				*cases[j].Decision = cases[j].Policy.Decide(cases[j].Facts, cases[j].Memory)
			}
			a.Allocate(cases[0].Facts.Now, cases)
		}
		var out []models.Decision
		for _, c := range cases {
			out = append(out, *c.Decision)
		}
		slices.SortFunc(out, func(x, y models.Decision) int { return strings.Compare(string(x.Target), string(y.Target)) })
		return out
	}
	one := run(1)
	if !slices.ContainsFunc(one, func(d models.Decision) bool { return hasCode(&d, models.ReasonBudget) }) {
		t.Fatal("there is money for all")
	}
	for seed := uint64(2); seed < 6; seed++ {
		if diff := cmp.Diff(one, run(seed), cmp.AllowUnexported(models.Capacity{})); diff != "" {
			t.Fatal(diff)
		}
	}
}

// TestEqualsDoNotTakeTurns leaves instances where they are, though another target of the same worth comes first by its name.
func TestEqualsDoNotTakeTurns(t *testing.T) {
	t.Parallel()
	a := mustAllocator(t, Shared{Budgets: []Budget{{Scope: ScopeFleet, USD: 0.0094, Per: PerHour}}}) // five instances for the half hour that is left
	for _, have := range [][]int{{3, 2}, {2, 3}} {
		cases := decided(t, busy{id: "a", load: 60, have: have[0]}, busy{id: "c", load: 60, have: have[1]})
		a.Allocate(afterFeed, cases)
		if got := wants(cases); !slices.Equal(got, have) {
			t.Errorf("floors %v, want %v as they are", got, have)
		}
	}
}

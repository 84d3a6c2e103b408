package policy

import (
	"math"
	"strings"
	"time"

	"pilotlight/models"
)

// Scope says over which targets something is shared.
type Scope string

// The scopes.
const (
	ScopeTarget Scope = "target"
	ScopeGroup  Scope = "group"
	ScopeFleet  Scope = "fleet"
)

// Objective is what a user wants, if it is not a price of a cold start in GB-seconds. At most one of the four may be set; the
// last three are turned into a price by a search that follows what happens.
type Objective struct {
	// ColdStartUSD is what avoiding one second of cold start is worth, in USD.
	ColdStartUSD float64 `yaml:"cold_start_usd"`
	// ColdStartShare is the share of invocations that may start cold, such as 0.01.
	ColdStartShare float64 `yaml:"cold_start_share"`
	// P99Latency is what 99 % of invocations must take at most, cold starts included.
	P99Latency models.Duration `yaml:"p99_latency"`
	// MonthlyUSD is what warm instances may cost in a calendar month (UTC).
	MonthlyUSD float64 `yaml:"monthly_usd"`
	// Scope says whether the objective is of each target, of each group together, or of the fleet.
	Scope Scope `yaml:"scope"`
	// MinPrice and MaxPrice bound the search, in GB-seconds per second of cold start.
	MinPrice float64 `yaml:"min_price"`
	MaxPrice float64 `yaml:"max_price"`
}

// DefaultObjective returns the bounds of the search; no objective is set.
func DefaultObjective() Objective {
	return Objective{Scope: ScopeTarget, MinPrice: 1, MaxPrice: 10_000}
}

// objectiveKind says which of the objectives is set.
type objectiveKind uint8

// The kinds of objectives; noObjective is the fixed price in GB-seconds.
const (
	noObjective objectiveKind = iota
	dollarObjective
	shareObjective
	latencyObjective
	budgetObjective
	numObjectives
)

// kind returns the objective that is set; the first, if there are more.
func (o *Objective) kind() objectiveKind {
	switch {
	case o.ColdStartUSD != 0:
		return dollarObjective
	case o.ColdStartShare != 0:
		return shareObjective
	case o.P99Latency != 0:
		return latencyObjective
	case o.MonthlyUSD != 0:
		return budgetObjective
	}
	return noObjective
}

// searches reports whether the price is searched for.
func (k objectiveKind) searches() bool { return k >= shareObjective }

func (o *Objective) validate(v *checker, prices Prices) {
	v.number("objective.cold_start_usd", o.ColdStartUSD, 0, 1e6)
	v.number("objective.cold_start_share", o.ColdStartShare, 0, 0.5)
	v.duration("objective.p99_latency", o.P99Latency, 0, time.Hour)
	v.number("objective.monthly_usd", o.MonthlyUSD, 0, 1e12)
	v.oneOf("objective.scope", string(o.Scope), string(ScopeTarget), string(ScopeGroup), string(ScopeFleet))
	v.number("objective.min_price", o.MinPrice, 0.01, 1e6)
	v.number("objective.max_price", o.MaxPrice, 0.01, 1e6)
	if o.MinPrice > o.MaxPrice {
		v.fail("objective.max_price", "%v is below min_price %v; swap them", o.MaxPrice, o.MinPrice)
	}
	var set []string
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"cold_start_usd", o.ColdStartUSD != 0},
		{"cold_start_share", o.ColdStartShare != 0},
		{"p99_latency", o.P99Latency != 0},
		{"monthly_usd", o.MonthlyUSD != 0},
	} {
		if f.set {
			set = append(set, f.name)
		}
	}
	if len(set) > 1 {
		v.fail("objective", "has %s; keep one of them and set the others to 0", strings.Join(set, " and "))
	}
	if kind := o.kind(); (kind == dollarObjective || kind == budgetObjective) && !prices.Known() {
		v.fail("objective", "is in dollars, but nothing has a price on platform %q; set prices.warm_gb_second", prices.Platform)
	}
}

// goal is what the memory of a target must know of its objective; the zero goal is a fixed price.
type goal struct {
	kind  objectiveKind
	scope Scope
	// share is the share that may start cold, latency the p99 in seconds, cold the length of a cold start in seconds.
	share, latency, cold float64
	// base is where the search begins, low and high are its bounds, in GB-seconds per second of cold start.
	base, low, high float64
	// perPrice is the break-even in idle seconds of a price of 1.
	perPrice float64
	// least is the lower bound of the floor.
	least int
}

// goalOf returns the goal of a target.
func (p *Policy) goalOf(t *models.Target) goal {
	o := &p.cfg.Objective
	kind := o.kind()
	if !kind.searches() {
		return goal{}
	}
	cold := t.ColdStart.Seconds()
	return goal{
		kind: kind, scope: o.Scope, share: o.ColdStartShare, latency: o.P99Latency.Std().Seconds(), cold: cold,
		base: min(max(p.cfg.ColdStartPrice, o.MinPrice), o.MaxPrice), low: o.MinPrice, high: o.MaxPrice,
		perPrice: cold / (t.MemoryMB / 1024), least: min(max(t.Limits.MinWarm, 0), maxInstances),
	}
}

// coldStartPrice is the price in force of a second of cold start, in GB-seconds.
func (p *Policy) coldStartPrice(t *models.Target, g *goal, m *Memory) float64 {
	switch kind := p.cfg.Objective.kind(); {
	case kind == dollarObjective:
		gb := t.MemoryMB / 1024
		return p.cfg.Objective.ColdStartUSD * gb / p.warm.perSecond(gb)
	case kind.searches():
		return m.search.price(g)
	}
	return p.cfg.ColdStartPrice
}

// tail is the part of invocations that a p99 leaves out.
const tail = 0.01

// shareFor is the share of invocations that may start cold, and whether warmth can reach the objective at all.
//
// A p99 of T means P(L > T) ≤ 1 %. A warm invocation takes D, a cold one D + C, and a share q is cold, so that with
// S(t) = P(D > t)
//
//	(1-q)·S(T) + q·S(T-C) ≤ 1 %,  hence  q ≤ (1 % - S(T)) / (S(T-C) - S(T)).
//
// D is lognormal by the p50 and p99 of the source, or exponential if only its mean is known. If S(T) > 1 %, even warm
// invocations take too long and no number of instances helps.
func (m *Memory) shareFor(g *goal) (share float64, reachable bool) {
	if g.kind != latencyObjective {
		return g.share, true
	}
	warm, cold := m.survival(g.latency), m.survival(g.latency-g.cold)
	switch {
	case warm > tail:
		return 0, false
	case cold <= tail:
		return 1, true
	}
	return min((tail-warm)/(cold-warm), 1), true
}

// survival is the probability that an invocation takes longer than t seconds.
func (m *Memory) survival(t float64) float64 {
	s := &m.spec
	switch {
	case t <= 0:
		return 1
	case s.sigma > 0:
		return math.Erfc((math.Log(t)-s.mu)/(s.sigma*math.Sqrt2)) / 2
	case s.sigma == 0:
		if math.Log(t) < s.mu {
			return 1
		}
		return 0
	}
	return math.Exp(-t / m.meanDuration())
}

// describe says which price is in force and why.
func (p *Policy) describe(pr *proposal) {
	kind := p.cfg.Objective.kind()
	if kind == noObjective {
		return
	}
	m, t := pr.memory, pr.facts.Target
	gb := t.MemoryMB / 1024
	price := p.coldStartPrice(t, &m.spec.goal, m)
	usd := price * p.warm.perSecond(gb) / gb
	if !usable(price) || !usable(usd) {
		return // sizes that no instance has
	}
	numbers := []models.Number{models.Num("price_gb_s", price), models.Num("price_usd", usd)}
	s := &m.search
	switch kind { //nolint:exhaustive // the others have no more numbers
	case shareObjective, latencyObjective:
		want, reachable := m.shareFor(&m.spec.goal)
		if !reachable {
			pr.because(models.ReasonObjectiveOut, append(numbers,
				models.Num("p99_s", m.spec.goal.latency), models.Num("share_above_when_warm", m.survival(m.spec.goal.latency)))...)
			return
		}
		numbers = append(numbers, models.Num("cold_share", s.share()), models.Num("cold_share_allowed", want))
	case budgetObjective:
		numbers = append(numbers, models.Num("month_usd", p.cfg.Objective.MonthlyUSD),
			models.Num("spent_usd", s.spentAll), models.Num("pace_usd_per_hour", s.pace))
	}
	pr.because(models.ReasonObjective, numbers...)
	pr.reasons[len(pr.reasons)-1].Detail = objectiveDetails(kind, m.spec.goal.scope, s.last)
}

// objectiveDetails puts into words what the search did last.
func objectiveDetails(kind objectiveKind, scope Scope, last int8) string {
	if kind == dollarObjective {
		return "the price is fixed in dollars"
	}
	move := "kept"
	switch {
	case last > 0:
		move = "raised"
	case last < 0:
		move = "lowered"
	}
	what := "cold-start share"
	switch kind { //nolint:exhaustive // the others are named above
	case latencyObjective:
		what = "p99 latency"
	case budgetObjective:
		what = "monthly budget"
	}
	return move + " for the " + what + " of the " + string(scope)
}

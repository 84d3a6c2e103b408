package policy

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"pilotlight/models"
)

// Allocator makes the second pass over the decisions of a Step: it shares quotas and budgets between targets, and leads the
// searches for prices that targets have in common. It is immutable.
type Allocator struct{ shared Shared }

// NewAllocator returns an Allocator, or everything that is wrong with the limits.
func NewAllocator(s Shared) (*Allocator, error) {
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("shared limits: %w", err)
	}
	return &Allocator{shared: s}, nil
}

// Concerns reports whether a target with that policy needs the second pass.
func (a *Allocator) Concerns(p *Policy) bool {
	o := &p.cfg.Objective
	kind := o.kind()
	return len(a.shared.Quotas)+len(a.shared.Budgets) > 0 || kind == budgetObjective || kind.searches() && o.Scope != ScopeTarget
}

// pool is what targets share: the instances of a quota or the USD an hour of a budget.
type pool struct {
	quota  *Quota
	budget *Budget
	name   string // of the target, group or actuator
	room   float64
	used   float64
	spent  float64
	mean   float64
}

// Allocate lowers the decisions of a Step to what the shared limits allow, and gives the reasons. Nothing is raised, nothing is
// lowered that is held, and no floor falls quicker than the guards of its target allow. Where there is not enough, the instances
// that save most cold starts for their price come first, over all targets; those that are there already count for a little more.
// The order of the cases does not matter. Memories take note of what is spent. The Balance tells before each write whether there is
// still room.
func (a *Allocator) Allocate(now time.Time, cases []Case) *Balance {
	demands := make([]demand, len(cases))
	for i := range cases {
		demands[i] = demandOf(&cases[i])
	}
	order := make([]*demand, len(demands))
	for i := range demands {
		order[i] = &demands[i]
	}
	slices.SortStableFunc(order, func(x, y *demand) int { return cmp.Compare(x.Decision.Target, y.Decision.Target) })
	for _, d := range order {
		if d.known() {
			d.Memory.remembers().spend.until(now)
		}
	}
	pools := a.pools(order, now)
	if !fits(order, pools) {
		share(order)
		wait(order, pools)
	}
	for _, d := range order {
		d.conclude()
	}
	steer(order, now)
	return balanceOf(order, pools)
}

// known reports whether there is a target to speak of.
func (d *demand) known() bool {
	return d.Facts != nil && d.Facts.Target != nil && d.Memory != nil && d.Memory.known
}

// pools returns what the targets share, and tells each from which it draws. What must stay is drawn at once.
func (a *Allocator) pools(order []*demand, now time.Time) []*pool {
	type key struct {
		quota bool
		index int
		name  string
	}
	found := map[key]*pool{}
	var all []*pool
	draw := func(d *demand, k key, fresh pool) {
		p := found[k]
		if p == nil {
			p = &fresh
			found[k] = p
			all = append(all, p)
		}
		d.pools = append(d.pools, p)
		p.used += p.cost(d, d.least)
		if p.budget != nil {
			w := &d.Memory.remembers().spend.of[p.budget.Per.index()]
			p.spent, p.mean = p.spent+w.usd, p.mean+w.mean
		}
	}
	for _, d := range order {
		if !d.known() {
			continue
		}
		for i := range a.shared.Quotas {
			q := &a.shared.Quotas[i]
			if name := q.Scope.name(d.Facts.Target); covers(q.Match, name) {
				draw(d, key{true, i, name}, pool{quota: q, name: name, room: float64(q.Instances - q.Reserve)})
			}
		}
		for i := range a.shared.Budgets {
			b := &a.shared.Budgets[i]
			if name := b.Scope.name(d.Facts.Target); covers(b.Match, name) {
				draw(d, key{false, i, name}, pool{budget: b, name: name})
			}
		}
	}
	for _, p := range all {
		if p.budget != nil {
			p.room = allowance(p.budget.Per, p.budget.USD, p.spent, p.mean, now)
		}
	}
	return all
}

// cost is what so many instances of a target draw from the pool.
func (p *pool) cost(d *demand, instances int) float64 {
	if p.quota != nil {
		return float64(instances)
	}
	return float64(instances) * d.usd
}

// slack forgives what sums of floating-point numbers lose.
const slack = 1e-9

// has reports whether there is room for so much more.
func (p *pool) has(more float64) bool { return more <= 0 || p.used+more <= p.room*(1+slack)+slack }

// fits grants everything if there is room for everything, and reports whether there is. Room for a rise is there when falls have
// freed it.
func fits(order []*demand, pools []*pool) bool {
	need := make(map[*pool]float64, len(pools))
	for _, d := range order {
		for _, p := range d.pools {
			most := d.most
			if p.quota != nil {
				most = max(most, d.have)
			}
			need[p] += p.cost(d, most)
		}
	}
	for _, p := range pools {
		if need[p] > p.room*(1+slack)+slack {
			return false
		}
	}
	for _, d := range order {
		d.grant = d.most
	}
	return true
}

// claim is a part of a demand.
type claim struct {
	of *demand
	part
}

// share grants the parts of the demands by their worth. A part that does not fit closes its demand; what is left over goes,
// instance by instance, to those that were closed.
func share(order []*demand) {
	claims := claimsOf(order)
	slices.SortStableFunc(claims, func(x, y claim) int {
		if c := cmp.Compare(y.worth, x.worth); c != 0 {
			return c
		}
		if c := cmp.Compare(x.of.Decision.Target, y.of.Decision.Target); c != 0 {
			return c
		}
		return cmp.Compare(x.from, y.from)
	})
	for _, c := range claims {
		if c.of.grant == c.from && c.of.short == nil {
			c.of.take(c.to, false)
		}
	}
	for _, c := range claims {
		if c.of.grant >= c.from && c.of.grant < c.to {
			c.of.take(c.to, true)
		}
	}
}

// claimsOf divides all demands into parts; those that share nothing are granted at once.
func claimsOf(order []*demand) []claim {
	var claims []claim
	for _, d := range order {
		if len(d.pools) == 0 || d.held {
			d.grant = d.most
			continue
		}
		d.parts = d.split()
		for _, p := range d.parts {
			claims = append(claims, claim{of: d, part: p})
		}
	}
	return claims
}

// take grants a demand up to so many instances, all of them or as many as there is room for.
func (d *demand) take(to int, some bool) {
	n := to - d.grant
	for _, p := range d.pools {
		if p.has(p.cost(d, n)) {
			continue
		}
		if d.short == nil {
			d.short = p
		}
		if !some {
			return
		}
		n = min(n, p.left(d))
	}
	if n <= 0 {
		return
	}
	for _, p := range d.pools {
		p.used += p.cost(d, n)
	}
	d.grant += n
}

// left is for how many more instances there is room.
func (p *pool) left(d *demand) int {
	one := p.cost(d, 1)
	if !(one > 0) {
		return maxInstances
	}
	return int(min(max(math.Floor((p.room*(1+slack)+slack-p.used)/one), 0), maxInstances))
}

// wait lets rises wait until the falls of others have freed their part of a quota: the platform counts both until then. The last
// to be granted wait first.
func wait(order []*demand, pools []*pool) {
	for _, p := range pools {
		if p.quota == nil {
			continue
		}
		busy := 0
		var rising []*demand
		for _, d := range order {
			if !slices.Contains(d.pools, p) {
				continue
			}
			busy += max(d.have, d.grant)
			if !d.held && d.grant > max(d.have, d.least) {
				rising = append(rising, d)
			}
		}
		slices.SortStableFunc(rising, func(x, y *demand) int { return cmp.Compare(x.worthOf(), y.worthOf()) })
		for _, d := range rising {
			over := busy - int(p.room)
			if over <= 0 {
				break
			}
			back := min(over, d.grant-max(d.have, d.least))
			d.grant -= back
			busy -= back
			d.short = p
		}
	}
}

// worthOf is the worth of the last part that was granted.
func (d *demand) worthOf() float64 {
	for _, p := range d.parts {
		if p.to >= d.grant {
			return p.worth
		}
	}
	return 0
}

// conclude writes the grant into the decision.
func (d *demand) conclude() {
	if !d.known() {
		return
	}
	if !d.held && d.grant < d.most {
		c := d.Decision
		c.Desired = c.Desired.WithWarm(d.grant)
		c.Reasons = append(slices.Clip(c.Reasons), d.why())
		d.Policy.price(&d.pr, c)
		d.Memory.cost.dataFloor = int32(min(d.grant, maxInstances)) //nolint:gosec // bounded by min
	} else if p := d.overdrawn(); p != nil {
		c := d.Decision
		c.Reasons = append(slices.Clip(c.Reasons), models.Reason{
			Code: models.ReasonOverLimit, Detail: p.label(),
			Numbers: []models.Number{models.Num("needed", p.used), models.Num("allowed", p.room)},
		})
	}
	d.Memory.remembers().spend.rate = float64(d.grant) * d.usd
}

// overdrawn returns a pool of which more is used than there is, by what must stay; nil if there is none.
func (d *demand) overdrawn() *pool {
	for _, p := range d.pools {
		if d.least > 0 && !p.has(slack) && p.used > p.room*(1+slack)+slack {
			return p
		}
	}
	return nil
}

// label names the limit and whose it is.
func (p *pool) label() string {
	var name string
	var scope Scope
	if p.quota != nil {
		name, scope = p.quota.Name, p.quota.Scope
	} else {
		name, scope = p.budget.Name, p.budget.Scope
	}
	text := string(scope)
	if p.name != "" {
		text += fmt.Sprintf(" %q", p.name)
	}
	if name != "" {
		text = fmt.Sprintf("%q of the %s", name, text)
	}
	return text
}

// why is the reason of a grant below what was asked for.
func (d *demand) why() models.Reason {
	numbers := []models.Number{models.Num("from", float64(d.most)), models.Num("to", float64(d.grant))}
	p := d.short
	if p.quota != nil {
		r := models.Because(models.ReasonQuota, append(numbers, models.Num("instances", float64(p.quota.Instances)),
			models.Num("reserve", float64(p.quota.Reserve)))...)
		r.Detail = p.label()
		return r
	}
	r := models.Because(models.ReasonBudget, append(numbers, models.Num("usd_per_hour_allowed", p.room),
		models.Num("usd", p.budget.USD), models.Num("usd_spent", p.spent))...)
	r.Detail = p.label() + ", per " + string(p.budget.Per)
	return r
}

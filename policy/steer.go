package policy

import (
	"math"
	"time"
)

// steer moves the prices that are searched for over more than one target, and those of budgets. The members of a scope have one
// price in common: the mean, on the logarithm, of what their memories hold, which is the same for all but newcomers.
func steer(order []*demand, now time.Time) {
	type key struct {
		kind  objectiveKind
		scope Scope
		name  string
	}
	members := map[key][]*demand{}
	var keys []key
	for _, d := range order {
		if !d.known() {
			continue
		}
		g := &d.Memory.spec.goal
		if !g.kind.searches() || g.scope == ScopeTarget && g.kind != budgetObjective {
			continue
		}
		k := key{kind: g.kind, scope: g.scope, name: g.scope.name(d.Facts.Target)}
		if members[k] == nil {
			keys = append(keys, k)
		}
		members[k] = append(members[k], d)
	}
	for _, k := range keys {
		team := members[k]
		var excess float64
		if k.kind == budgetObjective {
			excess = budgetExcess(team, now)
		} else {
			excess = shareExcess(team)
		}
		moveTogether(team, excess)
	}
}

// shareExcess is by how much the cold starts of a team exceed what may start cold.
func shareExcess(team []*demand) float64 {
	var cold, may, mayPerHour float64
	for _, d := range team {
		m := d.Memory
		share, reachable := m.shareFor(&m.spec.goal)
		calls, started := m.search.used()
		if !reachable {
			continue // it would drag the others along in vain
		}
		cold += started
		may += share * calls
		mayPerHour += share * m.search.perHour()
	}
	return excessOf(cold, may, mayPerHour)
}

// budgetExcess is how much money is left over, in units of the budget and hours: positive if more can be spent than is.
func budgetExcess(team []*demand, now time.Time) float64 {
	var spent, rate, since float64
	for _, d := range team {
		s := &d.Memory.remembers().spend
		spent += s.of[PerMonth.index()].usd
		rate += s.rate
		since = max(since, s.steered)
	}
	at := seconds(now)
	for _, d := range team {
		d.Memory.remembers().spend.steered = at
	}
	budget := team[0].Policy.cfg.Objective.MonthlyUSD
	from, end := PerMonth.bounds(now)
	even := pace(budget-spent, now, end)
	for _, d := range team {
		d.Memory.search.pace, d.Memory.search.spentAll = even, spent
	}
	hours := min(max((at-since)/3600, 0), 1)
	whole := budget / end.Sub(from).Hours()
	if since == 0 || !(whole > 0) {
		return 0
	}
	return min(max((even-rate)/whole, -maxExcess), maxExcess) * hours
}

// maxExcess bounds how far a budget is missed, in units of itself.
const maxExcess = 2

// moveTogether moves the common price of a team.
func moveTogether(team []*demand, excess float64) {
	sum, n := 0.0, 0
	for _, d := range team {
		if s := &d.Memory.search; s.on {
			sum += s.theta
			n++
		}
	}
	for _, d := range team {
		s, g := &d.Memory.search, &d.Memory.spec.goal
		if !s.on {
			s.begin(g)
		}
		if n > 0 && !math.IsNaN(sum) {
			s.theta = sum / float64(n)
		}
		changed := s.move(g, excess)
		d.Memory.reprice(changed)
	}
}

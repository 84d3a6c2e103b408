package policy

import "math"

// A price that meets an objective is searched for as a Lagrange multiplier is: raised while more invocations start cold than
// may, lowered while fewer do, or while money is short. All that counts is what happened, so that forecasts, loads and
// platforms may be as they are. The steps are on the logarithm of the price, which keeps it positive and makes the search as
// quick from 1 to 10 as from 1000 to 10000.
const (
	// searchGain is how much the logarithm of the price moves in an hour in which the excess is as large as the objective.
	searchGain = 0.1
	// searchStep bounds one move.
	searchStep = 0.5
	// priceBand is how far the logarithm must move before another price is in force, so that floors do not follow noise.
	priceBand = 0.2
	// shareDay is for how long a share is remembered, in seconds.
	shareDay = 86400
)

// search is the state of the search for a price.
type search struct {
	// theta is the logarithm of the price, 0 before the first step; on says that the search has begun.
	theta float64
	on    bool
	// force is the price in force.
	force float64
	// last is the direction of the last change of the price in force.
	last int8
	// calls and cold are what happened, each an average that forgets with shareDay; fresh ones were not used for a step yet.
	calls, cold           float64
	freshCalls, freshCold float64
	// pace is what an objective in dollars allows an hour now, spentAll what its scope has spent this month.
	pace, spentAll float64
}

// begin starts the search at the base price.
func (s *search) begin(g *goal) {
	s.on, s.theta, s.force, s.last = true, math.Log(g.base), g.base, 0
}

// price is the price in force, in the bounds of the goal.
func (s *search) price(g *goal) float64 {
	if !s.on {
		return g.base
	}
	return min(max(s.force, g.low), g.high)
}

// move makes one step: excess is by how much the objective was missed, in units of itself and hours, positive if cold starts
// must become fewer. It reports whether another price is in force. A greater excess never gives a lower price.
func (s *search) move(g *goal, excess float64) bool {
	if math.IsNaN(excess) {
		return false
	}
	step := min(max(searchGain*excess, -searchStep), searchStep)
	s.theta = min(max(s.theta+step, math.Log(g.low)), math.Log(g.high))
	moved := s.theta - math.Log(s.force)
	if math.Abs(moved) < priceBand {
		return false
	}
	s.force, s.last = math.Exp(s.theta), 1
	if moved < 0 {
		s.last = -1
	}
	return true
}

// note takes down what happened in a step of that many seconds.
func (s *search) note(calls, cold, step float64) {
	keep := math.Exp(-step / shareDay)
	s.calls, s.cold = s.calls*keep+calls, s.cold*keep+cold
	s.freshCalls += calls
	s.freshCold += cold
}

// perHour is how many invocations there are in an hour: with s.calls forgotten at the rate 1/shareDay, its mean is the
// invocations of a day.
func (s *search) perHour() float64 { return s.calls * 3600 / shareDay }

// share is the share of invocations that started cold lately.
func (s *search) share() float64 {
	if s.calls <= 0 {
		return 0
	}
	return min(s.cold/s.calls, 1)
}

// used returns the fresh counts and forgets them.
func (s *search) used() (calls, cold float64) {
	calls, cold = s.freshCalls, s.freshCold
	s.freshCalls, s.freshCold = 0, 0
	return calls, cold
}

// excessOf is by how much the cold starts exceed what may start cold, in units of what may in an hour. The 1 keeps the search
// steady where a cold start is a rare event: then each moves the price by the gain.
func excessOf(cold, may, mayPerHour float64) float64 { return (cold - may) / (1 + mayPerHour) }

// seek lets the memory of a target search by itself, at the end of a bin.
func (m *Memory) seek(invocations, measured, step float64) {
	g := &m.spec.goal
	if g.kind != shareObjective && g.kind != latencyObjective || !m.known || math.IsNaN(invocations) {
		return
	}
	cold := m.cost.cold
	if m.acting && usable(measured) {
		cold = measured
	}
	if !m.search.on {
		m.search.begin(g)
	}
	m.search.note(invocations, min(cold, invocations), step)
	if g.scope != ScopeTarget {
		return
	}
	calls, cold := m.search.used()
	share, reachable := m.shareFor(g)
	if !reachable {
		m.reprice(m.search.settle(g))
		return
	}
	m.reprice(m.search.move(g, excessOf(cold, share*calls, share*m.search.perHour())))
}

// settle goes back to the base price: the objective cannot be reached by warmth, so paying more for it is in vain.
func (s *search) settle(g *goal) bool {
	moved := s.force != g.base
	s.begin(g)
	return moved
}

// reprice puts the price of the search into force.
func (m *Memory) reprice(changed bool) {
	if !changed {
		return
	}
	m.spec.breakEven = m.search.price(&m.spec.goal) * m.spec.goal.perPrice
	m.cost.prepare(&m.spec)
}

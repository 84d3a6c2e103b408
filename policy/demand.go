package policy

import (
	"math"

	"pilotlight/models"
)

// Case is one target in the second pass over a Step: its decision, and what it was made of. Allocate may lower the decision.
type Case struct {
	Policy   *Policy
	Facts    *Facts
	Memory   *Memory
	Decision *models.Decision
}

// demand is what a target asks the shared limits for.
type demand struct {
	*Case

	// have is the present floor, held says that it stays as it is; least and most are the floors that may be granted.
	have, least, most int
	held              bool
	// usd is what an instance costs an hour.
	usd float64
	// parts are the instances above least, those that save most first.
	parts []part
	// grant is the floor granted so far.
	grant int
	// pools are those that the target draws from.
	pools []*pool
	// short is the first pool that had no room for what was asked.
	short *pool
	pr    proposal
}

// part is a run of instances that are granted together, because the first of them are worth little without the others.
type part struct {
	from, to int
	// worth is the cold starts that they save, in GB-seconds an hour, for each USD that they cost; without prices for each
	// instance.
	worth float64
}

// demandOf returns what a decision asks for.
func demandOf(c *Case) demand {
	d := demand{Case: c}
	p, f := c.Policy, c.Facts
	if !d.known() {
		return d.stay(0)
	}
	d.usd = p.warm.perSecond(f.Target.MemoryMB/1024) * 3600
	d.have, _ = f.Current.Warm()
	if !f.CurrentKnown {
		d.have, _ = f.Marks.Set.Warm()
	}
	want, set := c.Decision.Desired.Warm()
	canary := c.Decision.Mode == models.ModeDryRun && f.Mode != models.ModeDryRun
	if !set || canary {
		return d.stay(d.have)
	}
	d.pr = proposal{cfg: &p.cfg, facts: f, memory: c.Memory, times: p.times}
	if f.Data != models.DataFresh || !p.admit(&d.pr) {
		// What missing data asks for is not known to be worth less than what others ask for.
		return d.stay(want)
	}
	d.pr.predicted, d.pr.reactive = c.Decision.Predicted, c.Decision.Reactive
	d.pr.strategy = p.strategy(c.Memory)
	if d.pr.predicted >= 0 {
		p.forecastMix(&d.pr, &d.pr.mix)
	}
	d.pr.mix.announce(f.Ahead, c.Memory)
	d.most = want
	if !d.pr.haveKnown {
		// The floor last set stands in for the present one, and nothing is lowered below that.
		d.pr.have, d.pr.haveKnown, d.least = d.have, true, d.have
	}
	d.least = min(max(leastOf(d.pr, p.guards), d.least), want)
	d.grant = d.least
	return d
}

// stay is a demand that is not negotiable.
func (d demand) stay(at int) demand {
	d.held, d.least, d.most, d.grant = true, at, at, at
	return d
}

// leastOf is the lowest floor that the guards let pass now: no fall is quicker for want of money than for want of load.
func leastOf(pr proposal, guards []guard) int {
	pr.reasons, pr.warm, pr.warmSet = nil, 0, true
	for _, g := range guards {
		if g.binding {
			g.apply(&pr)
		}
	}
	return pr.warm
}

// maxParts bounds the parts of a demand.
const maxParts = 64

// split divides the instances between least and most into parts of falling worth: the upper concave envelope of the value.
func (d *demand) split() []part {
	n := d.most - d.least
	if n <= 0 {
		return nil
	}
	at, value := d.values(n)
	parts := make([]part, 0, len(at))
	for i := range at {
		from, low := d.least, 0.0
		if i > 0 {
			from, low = at[i-1], value[i-1]
		}
		next := part{from: from, to: at[i], worth: (value[i] - low) / float64(at[i]-from)}
		for len(parts) > 0 && parts[len(parts)-1].worth <= next.worth {
			last := parts[len(parts)-1]
			all := last.worth*float64(last.to-last.from) + next.worth*float64(next.to-next.from)
			next.from = last.from
			next.worth = all / float64(next.to-next.from)
			parts = parts[:len(parts)-1]
		}
		parts = append(parts, next)
	}
	if d.usd > 0 {
		for i := range parts {
			parts[i].worth /= d.usd
		}
	}
	return d.favour(parts)
}

// favour counts the instances that are there already for more, by the hysteresis, so that equals do not take turns.
func (d *demand) favour(parts []part) []part {
	out := make([]part, 0, len(parts)+1)
	for _, p := range parts {
		if p.from < d.have && d.have < p.to {
			out = append(out, part{from: p.from, to: d.have, worth: p.worth})
			p.from = d.have
		}
		out = append(out, p)
	}
	for i := range out {
		if out[i].to <= d.have {
			out[i].worth *= 1 + d.Policy.cfg.Hysteresis
		}
	}
	return out
}

// values returns floors above least, the last being most, and what they save above least, in GB-seconds an hour.
func (d *demand) values(n int) (at []int, value []float64) {
	width := (n + maxParts - 1) / maxParts
	for to := d.least + width; to < d.most; to += width {
		at = append(at, to)
	}
	at = append(at, d.most)
	value = make([]float64, len(at))
	m, t := d.Memory, d.Facts.Target
	weight := m.spec.breakEven * t.MemoryMB / 1024 * 3600 / m.spec.hold
	if s := strategyOf(d.pr.strategy); s.ahead != noSign {
		// The next call of a rare function: its load says nothing, its gaps and the clock do.
		o, ok := m.outlook()
		for i, to := range at {
			for k := d.least + 1; ok && k <= to && k <= maxPeak; k++ {
				value[i] += weight * o.chance(s.ahead, k)
			}
		}
		return at, value
	}
	mix := &d.pr.mix
	if mix.n == 0 && !m.recentMix(mix) {
		return at, value
	}
	r := m.rule()
	r.savings(mix, d.least, at, value)
	for i := range value {
		value[i] *= weight
		if math.IsNaN(value[i]) {
			value[i] = 0
		}
	}
	return at, value
}

// savings fills in how many cold starts the instances from least up to each of the floors save over the window, as rule.worth has
// them: where keep-alive is paid for, its length cancels, so that its noise does not decide who gets the money.
func (r *rule) savings(mix *mixture, least int, at []int, saved []float64) {
	if mix.n == 0 || !(mix.duration > 0) {
		return
	}
	l := newLadder(mix, r.concurrency)
	total, i := 0.0, 0
	for range 4 * maxFine {
		past := l.past()
		g := l.next()
		if past && g.needs*r.hold < 1e-9 {
			break
		}
		cold, _ := r.worth(g)
		// A rung may hold several floors, and a floor may need a part of a rung only.
		for ; i < len(at) && at[i] <= g.from+g.width; i++ {
			saved[i] = total + float64(max(at[i]-max(g.from, least), 0))*cold
		}
		total += float64(max(g.from+g.width-max(g.from, least), 0)) * cold
		if i == len(at) {
			return
		}
	}
	for ; i < len(at); i++ {
		saved[i] = total
	}
}

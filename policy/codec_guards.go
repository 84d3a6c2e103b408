package policy

import "math"

// guards stores what guards and searches remember. A target that has none of it costs a few bytes.
func (w *writer) guards(m *Memory) {
	w.flag(m.acting)
	w.uint(m.cost.watch)
	w.uint(m.cost.least)
	s := &m.search
	w.flag(s.on)
	if s.on {
		w.float(s.theta)
		w.float(s.force)
	}
	w.uint(int(s.last) + 1)
	for _, v := range []float64{s.calls, s.cold, s.freshCalls, s.freshCold, s.pace, s.spentAll} {
		w.rare(v)
	}
	w.flag(m.past != nil)
	if m.past != nil {
		w.past(m.past)
	}
}

// guards reads what writer.guards wrote.
func (r *reader) guards(m *Memory) {
	m.acting = r.flag()
	m.cost.watch, m.cost.least = r.uint(numStrategies-1), r.uint(maxInstances)
	s := &m.search
	if s.on = r.flag(); s.on {
		s.theta, s.force = r.float(), r.float()
		if !(s.force > 0) || math.Abs(s.theta) > maxLog {
			r.bad = true
		}
	}
	s.last = int8(r.uint(2) - 1) //nolint:gosec // bounded by uint
	for _, v := range []*float64{&s.calls, &s.cold, &s.freshCalls, &s.freshCold, &s.pace, &s.spentAll} {
		*v = r.rare()
	}
	if r.flag() {
		r.past(m.remembers())
	}
}

func (w *writer) past(p *past) {
	w.uint(p.leads.n)
	for _, s := range p.leads.of[:min(p.leads.n, keptLeads)] {
		w.float32(s)
	}
	w.uint(p.floors.n)
	for _, s := range p.floors.spans[:p.floors.n] {
		w.float(s.at)
		w.uint(int(s.low))
		w.uint(int(s.high))
	}
	w.flag(p.moves.known)
	w.uint(p.moves.n)
	for _, t := range p.moves.at[:min(p.moves.n, maxMoves)] {
		w.float(t)
	}
	w.uint(int(p.moves.warm))
	w.float(p.moves.keep)
	for _, v := range []float64{p.spend.at, p.spend.rate, p.spend.steered} {
		w.rare(v)
	}
	for _, s := range p.spend.of {
		w.rare(s.from)
		w.rare(s.usd)
		w.rare(s.mean)
	}
}

func (r *reader) past(p *past) {
	p.leads.n = r.uint(maxBin)
	for i := range min(p.leads.n, keptLeads) {
		p.leads.of[i] = r.count()
	}
	p.floors.n = r.uint(maxSpans)
	for i := range p.floors.n {
		s := &p.floors.spans[i]
		s.at = r.float()
		s.low, s.high = int32(r.uint(maxInstances)), int32(r.uint(maxInstances)) //nolint:gosec // bounded by uint
	}
	p.moves.known = r.flag()
	p.moves.n = r.uint(maxBin)
	for i := range min(p.moves.n, maxMoves) {
		p.moves.at[i] = r.float()
	}
	p.moves.warm, p.moves.keep = int32(r.uint(maxInstances)), r.float() //nolint:gosec // bounded by uint
	for _, v := range []*float64{&p.spend.at, &p.spend.rate, &p.spend.steered} {
		*v = r.rare()
	}
	for i := range p.spend.of {
		s := &p.spend.of[i]
		s.from, s.usd, s.mean = r.rare(), r.rare(), r.rare()
	}
}

// maxLog bounds the logarithm of a stored price.
const maxLog = 50

func (w *writer) goal(g *goal) {
	w.uint(int(g.kind))
	if g.kind == noObjective {
		return
	}
	w.uint(len(g.scope))
	w.buf = append(w.buf, g.scope...)
	for _, v := range []float64{g.share, g.latency, g.cold, g.base, g.low, g.high, g.perPrice} {
		w.float(v)
	}
	w.uint(g.least)
}

func (r *reader) goal() goal {
	var g goal
	g.kind = objectiveKind(r.uint(int(numObjectives) - 1)) //nolint:gosec // bounded by uint
	if g.kind == noObjective {
		return g
	}
	g.scope = Scope(r.word(r.uint(len(ScopeTarget))))
	for _, v := range []*float64{&g.share, &g.latency, &g.cold, &g.base, &g.low, &g.high, &g.perPrice} {
		*v = r.positive()
	}
	g.least = r.uint(maxInstances)
	if !g.kind.searches() || !(g.base > 0) || !(g.low > 0) || g.high < g.low {
		r.bad = true
	}
	return g
}

func (w *writer) flag(on bool) {
	n := 0
	if on {
		n = 1
	}
	w.uint(n)
}

func (r *reader) flag() bool { return r.uint(1) == 1 }

// rare stores a number that is often 0.
func (w *writer) rare(v float64) {
	w.flag(v != 0)
	if v != 0 {
		w.float(v)
	}
}

func (r *reader) rare() float64 {
	if !r.flag() {
		return 0
	}
	return r.positive()
}

// positive reads a finite number that is not negative.
func (r *reader) positive() float64 {
	v := r.float()
	if v < 0 {
		r.bad = true
	}
	return v
}

package engine

import (
	"cmp"
	"math"
	"slices"
	"time"

	"pilotlight/models"
	"pilotlight/policy"
	"pilotlight/predictor"
)

const (
	// farAhead is how far ahead of a Step events are looked for: the longest lead and more.
	farAhead = 26 * time.Hour
	// lookBack is how far back, since samples arrive late.
	lookBack = 10 * time.Minute
	// measureFor is for how many steps the size of an event is remembered.
	measureFor = 4
)

// occasion is a time at which a hint holds, near the present.
type occasion struct {
	hint       int // its place in the book
	start, end time.Time
}

// announce finds the events near the present, in the order of the book.
func (e *Engine) announce(now time.Time) {
	e.heard = e.book.Load()
	e.occasions = e.occasions[:0]
	for i := range e.heard.hints {
		from := now.Add(-lookBack)
		for range 2 { // the one that is about to end, and the next
			start, end, ok := e.heard.hints[i].plan.Active(from, now.Add(farAhead))
			if !ok {
				break
			}
			e.occasions = append(e.occasions, occasion{i, start, end})
			from = end
		}
	}
}

// effect is an event near the present as a unit sees it.
type effect struct {
	start, end time.Time
	multiplier float64 // 1 is none
	floor      int
	// merit is the record of whoever said it, earned says that it counts for what it has earned only.
	merit  meritKey
	earned bool
	weight float64
	cause  string
}

// during reports whether the effect overlaps the time from <= t < to.
func (f *effect) during(from, to time.Time) bool { return f.start.Before(to) && f.end.After(from) }

// lift is what a unit that hints are about keeps of them.
type lift struct {
	hints   []int // places in the book
	effects []effect
	// applied follows how many times the usual load there is, going by what the unit acts on; full does the same for a predictor that
	// believes all advice, in shadow, while there is an event that was only advised.
	applied, full measure
	shadow        *predictor.Predictor
	sheet         predictor.Sheet
	shadowSheet   predictor.Sheet
	ahead         policy.Ahead
	trials        trials
}

// measure compares the load with the usual one, the newest steps counting most.
type measure struct {
	seen, usual float64
	steps       int
	// came says that the newest event brought most of what it was announced to.
	came bool
}

// take takes a step into account, and returns how many times the usual load there is, between 1 and the number announced.
func (m *measure) take(seen, usual, announced float64) float64 {
	const keep = 1 - 1.0/measureFor
	m.came = m.came && m.steps > 0
	if !math.IsNaN(seen) && !math.IsNaN(usual) {
		m.seen, m.usual, m.steps = m.seen*keep+seen, m.usual*keep+usual, m.steps+1
	}
	r := m.ratio(announced)
	m.came = m.came || announced > 1 && r > (1+announced)/2
	return r
}

// over forgets what was measured, but for whether it came.
func (m *measure) over() { *m = measure{came: m.came} }

// ratio is how many times the usual load there is, between 1 and the number announced. Half an invocation keeps it steady.
func (m *measure) ratio(announced float64) float64 {
	if m.steps == 0 {
		return 1
	}
	return min(max((m.seen+0.5)/(m.usual+0.5), min(announced, 1)), max(announced, 1))
}

// hear brings a unit up to date about the events near the present.
func (e *Engine) hear(u *unit) {
	u.hear(e.heard)
	if u.lift != nil {
		u.lift.gather(e.heard, e.occasions, e.merits)
	}
}

// hear finds the hints that are about the unit, if the book is another than before.
func (u *unit) hear(b *book) {
	if u.heard == b.turn {
		return
	}
	u.heard = b.turn
	var matches []int
	for i := range b.hints {
		if b.hints[i].Selector.Matches(&u.target) {
			matches = append(matches, i)
		}
	}
	switch {
	case matches == nil && (u.lift == nil || u.lift.quiet()):
		u.lift = nil
	case u.lift == nil:
		u.lift = &lift{hints: matches}
	default:
		u.lift.hints = matches
	}
}

// quiet reports whether nothing is left to be scored.
func (l *lift) quiet() bool { return len(l.trials.asked) == 0 && len(l.trials.scores) == 0 }

// gather lists the events near the present that are about the unit.
func (l *lift) gather(b *book, near []occasion, merits map[meritKey]*merit) {
	l.effects = l.effects[:0]
	for i := range near {
		o := &near[i]
		if _, ours := slices.BinarySearch(l.hints, o.hint); ours {
			l.effects = appendEffects(l.effects, &b.hints[o.hint], o, merits)
		}
	}
}

// appendEffects adds what a hint says, one effect for each kind.
func appendEffects(to []effect, h *hint, o *occasion, merits map[meritKey]*merit) []effect {
	one := effect{start: o.start, end: o.end, multiplier: 1, weight: 1, earned: h.Source == models.HintAdvisor, cause: cmp.Or(h.Reason, h.ID)}
	add := func(kind models.AdviceKind, f effect) {
		f.merit = meritKey{cmp.Or(h.Advisor, string(h.Source)), kind}
		if f.earned {
			f.weight = 0
			if m := merits[f.merit]; m != nil {
				f.weight = m.trust.Weight()
			}
		}
		to = append(to, f)
	}
	if h.Multiplier > 0 && h.Multiplier != 1 {
		f := one
		f.multiplier = h.Multiplier
		add(models.AdviceMultiplier, f)
	}
	if h.Floor > 0 {
		f := one
		f.floor = h.Floor
		add(models.AdviceFloor, f)
	}
	return to
}

// stronger is what two announcements of the same time come to: they do not add up, and more load wins over less.
func stronger(a, b float64) float64 {
	if most := max(a, b); most > 1 {
		return most
	}
	return min(a, b)
}

// times returns how many times the usual load is announced for the time, by what is acted on, and by all of it.
func (l *lift) times(from, to time.Time) (applied, full float64) {
	applied, full = 1, 1
	for i := range l.effects {
		if f := &l.effects[i]; f.during(from, to) {
			applied = stronger(applied, 1+f.weight*(f.multiplier-1))
			full = stronger(full, f.multiplier)
		}
	}
	return applied, full
}

// update feeds the predictors of a unit. What an event adds to the load is taken out as far as it is announced and measured, so that
// the usual load is what is learnt.
func (u *unit) update(invocations float64) {
	l := u.lift
	if l == nil {
		u.predictor.Update(invocations)
		return
	}
	applied, full := l.times(u.next, u.next.Add(u.step))
	if l.advised(u.next, u.next.Add(u.step)) {
		if l.shadow == nil {
			l.shadow, l.full = clone(u.predictor), l.applied
		}
	} else {
		l.shadow = nil
		l.full.over()
	}
	if l.shadow != nil {
		l.full.feed(l.shadow, &l.shadowSheet, u, invocations, full)
	}
	l.applied.feed(u.predictor, &l.sheet, u, invocations, applied)
}

// clone copies a predictor.
func clone(p *predictor.Predictor) *predictor.Predictor {
	data, err := p.MarshalBinary()
	if err != nil {
		return nil
	}
	c := p.Sibling()
	if c.UnmarshalBinary(data) != nil {
		return nil
	}
	return c
}

// feed gives a predictor the load less what the event adds to it.
func (m *measure) feed(p *predictor.Predictor, on *predictor.Sheet, u *unit, invocations, announced float64) {
	if announced == 1 {
		m.over()
		p.Update(invocations)
		return
	}
	usual := math.NaN()
	if f, err := p.ForecastOn(on, u.id, models.SignalInvocations, u.next, 0, 1); err == nil {
		usual = f.Mean(0)
	}
	p.Update(invocations / m.take(invocations, usual, announced))
}

// advised reports whether there is an event in the time that is there by advice only.
func (l *lift) advised(from, to time.Time) bool {
	return slices.ContainsFunc(l.effects, func(f effect) bool { return f.earned && f.during(from, to) })
}

const (
	// doubtful is after how many steps of an event an adviser is no longer believed if the load is not there.
	doubtful = 3
	// settled is after how many steps the load of the last minutes says all there is to know about it.
	settled = 6
	// letGo is for how many steps after an event its instances are let go sooner than others.
	letGo = 6
)

// tells reports whether what is measured in an event counts for more than what was said. People are believed until the load is there, or
// the event is over.
func (m *measure) tells(f *effect) bool {
	if m.came {
		return m.steps >= settled
	}
	return m.steps >= doubtful && (f.earned || f.multiplier < 1)
}

// phase is how far an effect has come at a decision for the time up to to; none says that it is of no concern.
func (u *unit) phase(f *effect, now, to time.Time) (p policy.Phase, none bool) {
	m := &u.lift.applied
	if f.earned {
		m = &u.lift.full
	}
	switch {
	case f.end.After(now) && f.start.After(now):
		return policy.Coming, !f.start.Before(to)
	case f.end.After(now):
		if m.tells(f) {
			return policy.Measured, false
		}
		return policy.Coming, false
	case now.Sub(f.end) < letGo*u.step:
		return policy.Past, !m.came
	}
	return policy.Past, true
}

// lookAhead returns what was announced for the time of a decision, nil for nothing.
func (u *unit) lookAhead(now, from, to time.Time) *policy.Ahead {
	l := u.lift
	if l == nil {
		return nil
	}
	l.trials.begin()
	l.ahead = policy.Ahead{Multiplier: 1, Phase: policy.Past, Trials: l.trials.of[:0]}
	none := policy.Trial{Multiplier: 1}
	said := policy.Trial{Multiplier: 1, Phase: policy.Past} // by those who need not earn it
	heard, believed := false, false
	for i := range l.effects {
		f := &l.effects[i]
		p, far := u.phase(f, now, to)
		if far {
			continue
		}
		heard = true
		if !f.earned {
			believed = true
			said = join(said, f, f.multiplier, p)
			l.ahead.Cause = cmp.Or(l.ahead.Cause, f.cause)
		}
	}
	if !heard {
		l.trials.note(from, nil)
		return nil
	}
	if !believed {
		said = none
	}
	l.trials.without(none, said)
	u.weigh(said, believed, now, to)
	a := &l.ahead
	a.Trials = l.trials.of
	applied, full := l.times(now.Add(-u.step), now)
	a.Recent, a.UsualRecent = l.applied.ratio(applied), l.full.ratio(full)
	if l.shadow != nil {
		a.UsualForecast = u.shadowForecast(from, to)
	}
	return a
}

// join adds an effect to what is announced. Of several events that which has come least far says how to go about it.
func join(t policy.Trial, f *effect, multiplier float64, p policy.Phase) policy.Trial {
	if p == policy.Past {
		return t
	}
	return policy.Trial{Multiplier: stronger(t.Multiplier, multiplier), Floor: max(t.Floor, f.floor), Phase: min(t.Phase, p)}
}

// weigh lets each effect count for as much as it may, and puts it to the test.
func (u *unit) weigh(said policy.Trial, believed bool, now, to time.Time) {
	l := u.lift
	all := said
	if !believed {
		all.Phase = policy.Past
	}
	for i := range l.effects {
		f := &l.effects[i]
		p, far := u.phase(f, now, to)
		if far {
			continue
		}
		l.trials.try(f, p)
		if f.earned && f.weight > 0 {
			believed = true
			g := *f
			g.floor = int(math.Round(f.weight * float64(f.floor)))
			all = join(all, &g, 1+f.weight*(f.multiplier-1), p)
			l.ahead.Cause = cmp.Or(l.ahead.Cause, f.cause)
		}
	}
	if believed {
		l.ahead.Multiplier, l.ahead.Floor, l.ahead.Phase = all.Multiplier, all.Floor, all.Phase
	} else {
		l.ahead.Phase = policy.Coming // as if nothing had been said
	}
}

// shadowForecast is the forecast of who believes all advice, nil if there is none.
func (u *unit) shadowForecast(from, to time.Time) *models.Forecast {
	n := u.lift.shadow.Horizon()
	lo, hi := models.Overlap(u.next, u.step, n, from, to)
	if lo == hi {
		return nil
	}
	f, err := u.lift.shadow.ForecastOn(&u.lift.shadowSheet, u.id, models.SignalInvocations, u.next, lo, hi)
	if err != nil || f.Unfit() != nil {
		return nil
	}
	return f
}

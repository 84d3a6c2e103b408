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
	// priorSteps is how many steps of an event the word of an adviser stands for against what is measured in it.
	priorSteps = 10
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
}

// take takes a step into account, and returns how many times the usual load there is, between 1 and the number announced.
func (m *measure) take(seen, usual, announced float64) float64 {
	const keep = 1 - 1.0/measureFor
	if !math.IsNaN(seen) && !math.IsNaN(usual) {
		m.seen, m.usual, m.steps = m.seen*keep+seen, m.usual*keep+usual, m.steps+1
	}
	return m.ratio(announced)
}

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
		l.shadow, l.full = nil, measure{}
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
		*m = measure{}
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

// lookAhead returns what was announced for the time of a decision, nil for nothing.
func (u *unit) lookAhead(now, from, to time.Time) *policy.Ahead {
	l := u.lift
	if l == nil {
		return nil
	}
	l.trials.begin()
	a := &l.ahead
	*a = policy.Ahead{Multiplier: 1, Trials: l.trials.of[:0]}
	said := policy.Trial{Multiplier: 1} // by those who need not earn it
	some := false
	for i := range l.effects {
		f := &l.effects[i]
		if !f.during(now, to) {
			continue
		}
		some = true
		if f.earned {
			continue
		}
		said.Multiplier, said.Floor = stronger(said.Multiplier, f.multiplier), max(said.Floor, f.floor)
		a.Cause = cmp.Or(a.Cause, f.cause)
	}
	if !some {
		l.trials.note(from, a)
		return nil
	}
	a.Multiplier, a.Floor = said.Multiplier, said.Floor
	l.trials.without(policy.Trial{Multiplier: 1}, said)
	for i := range l.effects {
		if f := &l.effects[i]; f.during(now, to) {
			u.counts(f, a, now)
		}
	}
	a.Trials = l.trials.of
	applied, full := l.times(now.Add(-u.step), now)
	a.Recent, a.UsualRecent = l.applied.ratio(applied), l.full.ratio(full)
	if l.shadow != nil {
		a.UsualForecast = u.shadowForecast(from, to)
	}
	return a
}

// counts lets an effect count for as much as it may, and puts it to the test.
func (u *unit) counts(f *effect, a *policy.Ahead, now time.Time) {
	l := u.lift
	full := f.multiplier
	if f.earned && !f.start.After(now) {
		// What is measured in the event counts for more, the longer it lasts.
		n := float64(l.full.steps)
		full = (priorSteps*full + n*l.full.ratio(full)) / (priorSteps + n)
	}
	l.trials.try(f, full)
	if f.weight > 0 && f.earned {
		a.Multiplier = stronger(a.Multiplier, 1+f.weight*(full-1))
		a.Floor = max(a.Floor, int(math.Round(f.weight*float64(f.floor))))
		a.Cause = cmp.Or(a.Cause, f.cause)
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

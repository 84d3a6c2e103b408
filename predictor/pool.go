package predictor

import (
	"errors"
	"fmt"
	"math"

	"pilotlight/models"
)

// Predictor forecasts one series: it runs the chosen models side by side, scores each on what then happened, mixes them by
// their recent errors separately near and far, and turns the errors of the mix into quantiles. It knows nothing but the
// values it was given, so no forecast can depend on the future. It is not safe for concurrent use.
//
// A series that has been zero all the time costs nothing but a counter until its first other value. With the default
// configuration one that is awake takes less than 8 KiB, and an update no allocation.
type Predictor struct {
	shared   *Shared
	steps    int // values given, missing ones included
	observed int // values given that were not missing
	zeros    int // zeros since the last other value; missing ones neither count nor end them
	awake    *awake
}

// awake is what a series with load needs.
type awake struct {
	nextFit int // the step at which a fit is due
	// waiting says that the forecasts that later steps are scored by have not been made: they are made when the state they
	// depend on is about to change, or together with a forecast that somebody asks for, so that members are asked only once.
	waiting bool
	ring    logRing
	members []Forecaster
	score   scorer
	quant   quantiler
	base    baseline
	peaks   peaks
	drift   drift
	counts  wholes
	// judgement is the verdict on the skill judged: it is asked for more often than it changes.
	judged    models.Skill
	judgement *models.Reason
}

// past is the history of a series by age in steps, 1 being the latest.
type past interface {
	len() int
	at(age int) float64
}

// sharer is a forecaster that can read the pool's history instead of keeping its own.
type sharer interface{ share(h past) }

// newAwake makes what a series with load needs.
func (s *Shared) newAwake() *awake {
	a := &awake{members: make([]Forecaster, s.members), peaks: peaks{block: s.forget}}
	a.ring = newLogRing(s.history)
	a.quant = newQuantiler(&s.layout)
	a.score = newScorer(&s.layout)
	a.base = newBaseline(&s.layout)
	for m := range a.members {
		a.members[m] = s.member(m, &a.ring)
	}
	return a
}

// member makes a member that reads the history of the ring.
func (s *Shared) member(m int, ring *logRing) Forecaster {
	spec := &s.specs[m]
	if spec.twins != nil {
		return spec.twins.twin()
	}
	f, _ := spec.model.New(spec.setting) // NewShared has made it once, so it can be made
	if f, ok := f.(sharer); ok {
		f.share(ring)
	}
	return f
}

// wake makes everything that a series with load needs.
func (p *Predictor) wake() {
	p.awake = p.shared.newAwake()
	p.awake.nextFit = p.steps + 2*p.shared.shortest()
}

// shortest returns the shortest period, or a number of steps that suffices for models without one.
func (l *layout) shortest() int {
	m := minHistorySteps / 8
	for i, period := range l.periods {
		if i == 0 || period < m {
			m = period
		}
	}
	return m
}

// Update takes the value of the next step. NaN, infinities, negative values and values above MaxValue count as missing.
func (p *Predictor) Update(y float64) {
	y = usable(y)
	if y < 0 {
		y = math.NaN()
	}
	p.steps++
	if !math.IsNaN(y) {
		p.observed++
	}
	if y == 0 {
		p.zeros++
	}
	if p.awake == nil {
		if !(y > 0) { // a missing value is no load: one failed query must not wake all that is idle
			return
		}
		p.rouse()
	}
	if y > 0 {
		p.zeros = 0
	}
	p.take(y)
	if p.zeros >= p.shared.forget { // nothing but zeros is left to know
		p.awake = nil
	}
}

// rouse wakes the predictor and lets the members see the zeros they slept through.
func (p *Predictor) rouse() {
	p.wake()
	a := p.awake
	for range min(p.zeros, p.shared.history) {
		a.ring.push(0)
		for _, f := range a.members {
			f.Update(0)
		}
	}
	a.waiting = true
}

// take scores the pending forecasts against y, then moves everything on by one step.
func (p *Predictor) take(y float64) {
	p.settle()
	a, s := p.awake, p.shared
	if !math.IsNaN(y) {
		if mix, last, ok := a.base.score(y, &a.ring, &a.score); ok {
			a.drift.prove(mix, last)
		}
		a.watch(y)
		a.quant.score(y, &a.score, a.peaks.top())
		a.score.score(s, y)
	}
	a.ring.push(y)
	a.base.last(y)
	a.peaks.add(y)
	a.counts.add(y)
	for _, f := range a.members {
		f.Update(y)
	}
	a.waiting = true
}

// watch looks for a change of the series; after one the weights forget all but the latest errors.
func (a *awake) watch(y float64) {
	if a.score.origins == 0 {
		return
	}
	spread := &a.quant.spread
	if !a.drift.add(y-float64(a.score.pathDue(0)[0]), spread.slow, spread.n) {
		return
	}
	for m := range a.score.counts {
		a.score.counts[m] = min(a.score.counts[m], driftMemory)
	}
}

// settle makes the forecasts that are still to be made of the present state.
func (p *Predictor) settle() {
	if p.awake == nil || !p.awake.waiting {
		return
	}
	r := p.shared.enter()
	p.predict(r, 0, 0)
	p.shared.leave(r)
}

// predict asks every member, weighs them and leaves the forecasts of the leads to be scored when their time has come. The members
// are asked for the steps from lo to hi-1 too.
func (p *Predictor) predict(r *room, lo, hi int) {
	p.ask(r, r.wanted(p.shared.leads, lo, hi))
	a := p.awake
	a.score.predict(p.shared, r, a.quant.spread.value(), a.base.latest)
	a.waiting = false
}

// Steps returns how many values were given, missing ones included.
func (p *Predictor) Steps() int { return p.steps }

// Horizon returns how many steps a forecast has.
func (p *Predictor) Horizon() int { return p.shared.horizon }

// RefitDue reports whether a fit is due: first when the shortest period was seen twice, then as often as configured.
func (p *Predictor) RefitDue() bool { return p.awake != nil && p.steps >= p.awake.nextFit }

// Refit fits the parameters of the members on the history that is kept. A member that has too little history, or values it
// cannot take, stays as it is; other errors are returned after all members were tried.
func (p *Predictor) Refit() error {
	a := p.awake
	if a == nil {
		return nil
	}
	p.settle()
	a.nextFit = p.steps + p.shared.refitEvery
	var y []float64
	var errs []error
	for m := range a.members {
		f, ok := a.members[m].(Fitter)
		if !ok {
			continue
		}
		if y == nil {
			y = a.ring.tail()
		}
		err := f.Refit(y)
		if err != nil && !errors.Is(err, models.ErrInsufficientHistory) && !errors.Is(err, models.ErrInvalid) {
			errs = append(errs, fmt.Errorf("refit %s: %w", p.shared.specs[m].name, err))
		}
	}
	return errors.Join(errs...)
}

// ask gets the forecasts of every member from the present origin, at least of the steps listed.
func (p *Predictor) ask(r *room, steps []int) {
	for m, f := range p.awake.members {
		row := r.now[m]
		switch f := f.(type) {
		case flatForecaster:
			var v float64
			v, r.ready[m] = f.flat()
			for _, h := range steps {
				row[h] = v
			}
		case someForecaster:
			r.ready[m] = f.forecastSome(steps, row) == nil
		default:
			r.ready[m] = f.Forecast(row) == nil
		}
	}
}

// peaks keeps the greatest value of the last one to two blocks of steps.
type peaks struct {
	block, n int
	old, cur float64
}

func (p *peaks) add(y float64) {
	if y > p.cur {
		p.cur = y
	}
	if p.n++; p.n >= p.block {
		p.old, p.cur, p.n = p.cur, 0, 0
	}
}

// top is the greatest value a forecast may have: a multiple of what was seen, because beyond that it is runaway extrapolation.
func (p *peaks) top() float64 { return 3 * max(p.old, p.cur) }

// wholes is how many of the latest values above zero were whole numbers, up to enough of them to call the series one of counts.
type wholes uint8

const wholesEnough = 5

func (n *wholes) add(y float64) {
	switch {
	case !(y > 0):
	case y != math.Trunc(y):
		*n = 0
	case *n < wholesEnough:
		*n++
	}
}

// whole reports whether the series is one of counts.
func (n wholes) whole() bool { return n >= wholesEnough }

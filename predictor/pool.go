package predictor

import (
	"errors"
	"fmt"
	"math"
	"time"

	"pilotlight/models"
)

// member is one forecaster of the pool.
type member struct {
	name string
	f    Forecaster
}

// sharer is a forecaster that can read the pool's history instead of keeping its own.
type sharer interface{ share(h *history) }

// Predictor forecasts one series: it runs the chosen models side by side, scores each on what then happened, mixes them by
// their recent errors separately near and far, and turns the errors of the mix into quantiles. It knows nothing but the
// values it was given, so no forecast can depend on the future. It is not safe for concurrent use.
//
// A series that has been zero all the time costs nothing but a counter until its first other value.
type Predictor struct {
	layout
	fingerprint uint32
	cfg         Config

	steps    int // values given, missing ones included
	observed int // values given that were not missing
	zeros    int // while asleep: the zeros seen; awake: the zeros in a row
	awake    bool
	nextFit  int // the step at which a fit is due

	hist    history
	members []member
	// now[m] are the forecasts of member m from the present origin; ready[m] says whether it has any. Both follow from the
	// members' states.
	now   [][]float64
	ready []bool
	score scorer
	quant quantiler
	base  baseline
	peaks peaks
	// offsets[k*len(levels)+i] is room for what quantile i adds at lead k.
	offsets []float64
}

// New makes a predictor for a series with that step.
func New(cfg Config, step time.Duration) (*Predictor, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	l, err := cfg.newLayout(step)
	if err != nil {
		return nil, err
	}
	p := &Predictor{layout: l, cfg: cfg, fingerprint: fingerprint(cfg, step)}
	if _, err := p.newMembers(); err != nil {
		return nil, err
	}
	return p, nil
}

// newMembers makes the members of the configuration.
func (p *Predictor) newMembers() ([]member, error) {
	var all []member
	for _, name := range p.cfg.Models {
		model, _ := findModel(name)
		if !model.Seasonal {
			f, err := model.New(Setting{Step: p.step, Scale: p.scale})
			if err != nil {
				return nil, fmt.Errorf("model %s: %w", name, err)
			}
			all = append(all, member{name, f})
			continue
		}
		for _, period := range p.periods {
			if period < model.MinPeriod {
				continue
			}
			full := memberName(name, time.Duration(period)*p.step)
			f, err := model.New(Setting{Step: p.step, Period: period, Scale: p.scale})
			if err != nil {
				return nil, fmt.Errorf("model %s: %w", full, err)
			}
			all = append(all, member{full, f})
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("models: %v are all seasonal and no period has enough steps of %s; add a longer period or persistence: %w",
			p.cfg.Models, p.step, models.ErrInvalid)
	}
	return all, nil
}

// wake makes everything that a series with load needs.
func (p *Predictor) wake() {
	p.awake = true
	p.hist = newHistory(p.history)
	p.members, _ = p.newMembers() // New has made them once, so they can be made
	p.now = make([][]float64, len(p.members))
	p.ready = make([]bool, len(p.members))
	cells := make([]float64, len(p.members)*p.horizon)
	for m := range p.members {
		p.now[m] = cells[m*p.horizon : (m+1)*p.horizon]
		if s, ok := p.members[m].f.(sharer); ok {
			s.share(&p.hist)
		}
	}
	p.score = newScorer(&p.layout, len(p.members))
	p.quant = newQuantiler(&p.layout)
	p.base = newBaseline(&p.layout)
	p.offsets = make([]float64, len(p.leads)*len(p.levels))
	p.peaks = peaks{block: p.history}
	p.nextFit = p.steps + 2*p.shortest()
}

// shortest returns the shortest period, or a number of steps that suffices for models without one.
func (p *Predictor) shortest() int {
	m := minHistorySteps / 8
	for i, period := range p.periods {
		if i == 0 || period < m {
			m = period
		}
	}
	return m
}

// sleep forgets all but the number of zeros: nothing else is left in the history.
func (p *Predictor) sleep() {
	*p = Predictor{
		layout: p.layout, cfg: p.cfg, fingerprint: p.fingerprint, steps: p.steps, observed: p.observed, zeros: min(p.zeros, p.history),
	}
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
	if !p.awake {
		if y == 0 || p.zeros == 0 && math.IsNaN(y) {
			return
		}
		p.rouse()
	}
	if y != 0 {
		p.zeros = 0
	}
	p.take(y)
	if p.zeros >= p.history {
		p.sleep()
	}
}

// rouse wakes the predictor and lets the members see the zeros they slept through.
func (p *Predictor) rouse() {
	p.wake()
	for range min(p.zeros, p.history) {
		p.hist.push(0)
		for _, m := range p.members {
			m.f.Update(0)
		}
	}
	p.predict()
}

// take scores the pending forecasts against y, then moves everything on by one step.
func (p *Predictor) take(y float64) {
	if !math.IsNaN(y) {
		p.base.score(y, &p.hist, &p.score)
		p.quant.score(y, &p.score)
		p.score.score(y)
	}
	p.hist.push(y)
	p.base.last(y)
	p.peaks.add(y)
	for i := range p.members {
		p.members[i].f.Update(y)
	}
	p.predict()
}

// predict asks every member and leaves the forecasts of the leads to be scored when their time has come.
func (p *Predictor) predict() {
	p.ask()
	p.score.predict(p.now, p.ready, p.quant.spread.value())
}

// Steps returns how many values were given, missing ones included.
func (p *Predictor) Steps() int { return p.steps }

// RefitDue reports whether a fit is due: first when the shortest period was seen twice, then as often as configured.
func (p *Predictor) RefitDue() bool { return p.awake && p.steps >= p.nextFit }

// Refit fits the parameters of the members on the history that is kept. A member that has too little history, or values it
// cannot take, stays as it is; other errors are returned after all members were tried.
func (p *Predictor) Refit() error {
	if !p.awake {
		return nil
	}
	p.nextFit = p.steps + p.refitEvery
	y := p.hist.tail(p.hist.len())
	var errs []error
	for _, m := range p.members {
		f, ok := m.f.(Fitter)
		if !ok {
			continue
		}
		err := f.Refit(y)
		if err != nil && !errors.Is(err, models.ErrInsufficientHistory) && !errors.Is(err, models.ErrInvalid) {
			errs = append(errs, fmt.Errorf("refit %s: %w", m.name, err))
		}
	}
	p.ask()
	if p.score.changed(p.ready) {
		p.score.weighAll(p.ready)
	}
	return errors.Join(errs...)
}

// ask gets the forecasts of every member from the present origin.
func (p *Predictor) ask() {
	for m := range p.members {
		p.ready[m] = p.members[m].f.Forecast(p.now[m]) == nil
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

package policy

import (
	"math"

	"pilotlight/models"
)

// propose finds what load and forecast ask for, before any guard.
func (p *Policy) propose(pr *proposal, d *models.Decision) {
	f, m := pr.facts, pr.memory
	pr.predicted = p.predict(pr)
	if pr.predicted >= 0 {
		d.Model = f.Forecast.Model()
	}
	d.Predicted = pr.predicted
	pr.reactive = p.react(m)
	d.Reactive = pr.reactive
	pr.strategy = p.strategy(m)
	p.combine(pr)
	if d.Reactive >= 0 && f.Levers.Has(models.LeverWarm) {
		total, bins := m.recent(m.spec.window)
		pr.because(models.ReasonReactive,
			models.Num("instances", float64(d.Reactive)), models.Num("invocations", total),
			models.Num("steps", float64(bins)), models.Num("in_use", float64(m.inUse())))
	}
	p.explain(pr)
	p.heed(pr)
	if keep := m.cost.of[pr.strategy].keep; p.keepAliveIsOurs(f) {
		keep = pr.letGo(keep)
		pr.keep, pr.keepSet = models.Seconds(math.Round(keep)), true
		pr.because(models.ReasonKeepAlive,
			models.Num("keep_alive_s", math.Round(keep)), models.Num("break_even_s", m.spec.breakEven))
	}
}

// react is what the load of the last minutes asks for, -1 if it is not known.
func (p *Policy) react(m *Memory) int {
	inUse := m.inUse()
	if inUse < 0 || p.cfg.Reactive == ReactiveNeed {
		return inUse
	}
	return int(m.cost.of[floorStrategy].asks[m.bin%maxLag])
}

// strategy is the way in which the target is kept warm.
func (p *Policy) strategy(m *Memory) int {
	if p.cfg.Selection == SelectMax {
		return forecastStrategy
	}
	return m.cost.chosen
}

// combine makes the proposal of what was asked for.
func (p *Policy) combine(pr *proposal) {
	s := strategyOf(pr.strategy)
	pr.warmSet = pr.facts.Levers.Has(models.LeverWarm)
	switch {
	case s.forecast:
		pr.warm = max(pr.reactive, pr.predicted, 0)
	case s.floor:
		pr.warm = max(pr.reactive, 0)
	default:
		pr.warm = int(pr.memory.cost.of[pr.strategy].asks[pr.memory.bin%maxLag])
	}
	if p.cfg.Reactive == ReactiveNeed {
		pr.warm = max(pr.warm, pr.reactive)
	}
	pr.steady = s.floor || p.cfg.Reactive == ReactiveNeed
	pr.memory.record(pr.facts.Now, pr.warm)
}

// explain gives the reasons of the proposal.
func (p *Policy) explain(pr *proposal) {
	m := pr.memory
	if !pr.warmSet {
		return
	}
	s := strategyOf(pr.strategy)
	l := &m.cost
	switch {
	case s.ahead != noSign:
		pr.because(models.ReasonRenewal,
			models.Num("instances", float64(pr.warm)), models.Num("idle_steps", float64(m.bin-m.last-1)),
			models.Num("cost_s", l.of[pr.strategy].cost), models.Num("cost_of_keep_alive_s", l.of[keepStrategy].cost))
	case !s.floor && max(pr.reactive, pr.predicted) > pr.warm:
		pr.because(models.ReasonStrategy,
			models.Num("instances", float64(pr.warm)),
			models.Num("cost_s", l.of[pr.strategy].cost), models.Num("cost_of_floor_s", l.of[floorStrategy].cost))
	case s.floor && !s.forecast && pr.predicted > pr.warm:
		pr.because(models.ReasonStrategy,
			models.Num("instances", float64(pr.warm)),
			models.Num("cost_s", l.of[pr.strategy].cost), models.Num("cost_of_forecast_s", l.of[forecastStrategy].cost))
	case m.inUse() > pr.warm:
		pr.because(models.ReasonMarginalValue,
			models.Num("instances", float64(pr.warm)), models.Num("break_even_s", m.spec.breakEven))
	}
}

// predict is what the forecast asks for, -1 if there is none to go by. The memory notes it, for the ledger.
func (p *Policy) predict(pr *proposal) int {
	m := pr.memory
	var mix mixture
	ask := -1
	if p.forecastMix(pr, &mix) {
		r := m.rule()
		up, down := r.floors(&mix)
		before := int(m.cost.of[forecastStrategy].asks[(m.bin+maxLag-1)%maxLag])
		ask = settle(before, up, down)
		pr.mix = mix
		pr.because(models.ReasonPredicted,
			models.Num("instances", float64(ask)), models.Num("rate_per_s", mix.mean()),
			models.Num("rate_low_per_s", mix.rate[0]), models.Num("rate_high_per_s", mix.rate[mix.n-1]),
			models.Num("duration_s", mix.duration))
	}
	m.noteForecast(ask)
	return ask
}

// noteForecast lets the strategy that uses forecasts ask for the greater of the two needs.
func (m *Memory) noteForecast(ask int) {
	l := &m.cost
	reactive := int(l.of[floorStrategy].asks[m.bin%maxLag])
	l.set(m, forecastStrategy, m.lag(), max(reactive, ask))
}

// forecastMix turns the quantiles of the forecast into rates. It reports false, with a reason, if there is nothing to use.
func (p *Policy) forecastMix(pr *proposal, mix *mixture) bool {
	f, m := pr.facts, pr.memory
	switch {
	case f.Forecast == nil:
		if f.NoForecast != nil {
			pr.reasons = append(pr.reasons, *f.NoForecast)
		} else {
			pr.because(models.ReasonNoForecast)
		}
		return false
	case f.Forecast.Unfit() != nil:
		pr.reasons = append(pr.reasons, *f.Forecast.Unfit())
		return false
	}
	if !p.mixOf(pr, f.Forecast, mix) {
		_, to := p.Reads(f, m)
		pr.because(models.ReasonNoForecast,
			models.Num("horizon_s", f.Forecast.End().Sub(f.Now).Seconds()),
			models.Num("needed_s", to.Sub(f.Now).Seconds()))
		return false
	}
	return mix.n > 0
}

// mixOf turns the quantiles of a forecast into rates, for the time that the decision is for. It reports false if the forecast does not
// reach that far.
func (p *Policy) mixOf(pr *proposal, forecast *models.Forecast, mix *mixture) bool {
	f, m := pr.facts, pr.memory
	from, to := p.Reads(f, m)
	lo, hi := forecast.Steps(from, to)
	if lo == hi {
		return false
	}
	perSecond := 1 / (forecast.Step().Seconds() * float64(hi-lo))
	for j := range maxMix {
		level := (float64(j) + 0.5) / maxMix
		sum := 0.0
		for h := lo; h < hi; h++ {
			sum += forecast.Quantile(level, h)
		}
		mix.add(sum * perSecond)
	}
	mix.duration = m.meanDuration()
	if d := f.DurationForecast; d != nil && d.Unfit() == nil {
		if a, b := d.Steps(from, to); a < b && d.Mean(a) > 0 {
			mix.duration = min(d.Mean(a), 86400)
		}
	}
	mix.duration = m.spec.taken(mix.duration)
	return true
}

// price says what the decided floor is expected to cost and to save.
func (p *Policy) price(pr *proposal, d *models.Decision) {
	m := pr.memory
	warm, set := d.Desired.Warm()
	if !set {
		warm = pr.have
		if !pr.haveKnown {
			return
		}
	}
	gb := pr.facts.Target.MemoryMB / 1024
	d.Price.USDPerHour = float64(warm) * p.warm.perSecond(gb) * 3600
	mix := &pr.mix
	if mix.n == 0 && !m.recentMix(mix) {
		return
	}
	keep := m.spec.free
	if keep < 0 {
		keep = m.cost.of[pr.strategy].keep
	}
	r := m.rule()
	v := r.price(mix, warm, keep)
	d.Price.IdleGBs, d.Price.ColdStarts, d.Price.ColdStartsSaved = v.idle*gb, v.cold, v.saved
}

package predictor

import (
	"fmt"
	"time"

	"pilotlight/models"
)

// modelIdle names the forecast of a series that has been zero all the time.
const modelIdle = "all_zero"

// Forecast returns the quantiles of the next steps; start is the end of the last step given to Update. It returns
// models.ErrInsufficientHistory until MinHistory was seen. A forecast that must not be acted on, because there is still
// little to judge it by or because it is no better than repeating the past, says so in Unfit.
func (p *Predictor) Forecast(id models.TargetID, sig models.Signal, start time.Time) (models.Forecast, error) {
	if p.observed < p.minSteps {
		return models.Forecast{}, fmt.Errorf("forecast of %q: %d values of %s seen, %d needed; wait or lower min_history: %w",
			id, p.observed, p.step, p.minSteps, models.ErrInsufficientHistory)
	}
	spec := models.ForecastSpec{Target: id, Signal: sig, Start: start, Step: p.step, Levels: p.levels, Model: modelIdle}
	cells := make([]float64, (len(p.levels)+1)*p.horizon)
	spec.Mean = cells[:p.horizon:p.horizon]
	spec.Values = make([][]float64, len(p.levels))
	for i := range spec.Values {
		spec.Values[i] = cells[(i+1)*p.horizon : (i+2)*p.horizon : (i+2)*p.horizon]
	}
	if !p.awake {
		spec.Skill = models.Skill{Windows: p.observed}
		spec.Unfit = verdict(spec.Skill)
		return models.NewForecast(spec)
	}
	leader, ok := p.mix(spec.Mean)
	if !ok {
		return models.Forecast{}, fmt.Errorf("forecast of %q: none of %v is ready after %d steps; add persistence or wait: %w",
			id, p.cfg.Models, p.steps, models.ErrInsufficientHistory)
	}
	spec.Model = p.members[leader].name
	p.fillQuantiles(spec.Mean, spec.Values)
	spec.Skill = p.base.skill()
	spec.Unfit = verdict(spec.Skill)
	return models.NewForecast(spec)
}

// mix writes the weighted forecasts of the members and returns the member with most weight at the middle lead; ok is false if
// no member is ready.
func (p *Predictor) mix(dst []float64) (leader int, ok bool) {
	s := &p.score
	for m, row := range p.now {
		if !p.ready[m] {
			continue
		}
		for h := range dst {
			b := &p.blend[h]
			w := s.weights[b.k*s.members+m]
			if b.w > 0 {
				w += b.w * (s.weights[(b.k+1)*s.members+m] - w)
			}
			if w > 0 {
				dst[h] += w * bounded(row[h])
			}
		}
	}
	top := p.peaks.top()
	for h := range dst {
		dst[h] = min(dst[h], top)
	}
	most := 0.0
	k := len(p.leads) / 2
	for m, w := range s.weights[k*s.members : (k+1)*s.members] {
		if w > most {
			leader, most = m, w
		}
	}
	return leader, most > 0
}

// fillQuantiles adds the residual quantiles to the mix.
func (p *Predictor) fillQuantiles(mean []float64, values [][]float64) {
	n := len(p.levels)
	for k := range p.leads {
		p.quant.offsets(k, p.offsets[k*n:(k+1)*n])
	}
	top := p.peaks.top()
	for h, mid := range mean {
		b := p.blend[h]
		near := p.offsets[b.k*n : (b.k+1)*n]
		far := near
		if b.w > 0 {
			far = p.offsets[(b.k+1)*n : (b.k+2)*n]
		}
		for i := range near {
			v := mid + near[i] + b.w*(far[i]-near[i])
			if v > top {
				v = top
			}
			values[i][h] = v
		}
	}
}

package predictor

import (
	"fmt"
	"math"
	"time"

	"pilotlight/models"
)

// modelIdle names the forecast of a series that has been zero all the time.
const modelIdle = "all_zero"

// Forecast returns the quantiles of the next steps; start is the end of the last step given to Update. It returns
// models.ErrInsufficientHistory until MinHistory was seen. A forecast that must not be acted on, because there is still
// little to judge it by or because it is no better than repeating the past, says so in Unfit.
func (p *Predictor) Forecast(id models.TargetID, sig models.Signal, start time.Time) (models.Forecast, error) {
	return p.ForecastSteps(id, sig, start, 0, p.shared.horizon)
}

// ForecastSteps is Forecast of the steps lo to hi-1 only, 0 being the first after start: the same numbers for less work.
func (p *Predictor) ForecastSteps(id models.TargetID, sig models.Signal, start time.Time, lo, hi int) (models.Forecast, error) {
	f, err := p.ForecastOn(&Sheet{}, id, sig, start, lo, hi)
	if err != nil {
		return models.Forecast{}, err
	}
	return *f, nil
}

// Sheet is room for one forecast at a time: one that is made on it takes the place of the one before. The zero Sheet is ready.
type Sheet struct {
	forecast models.Forecast
	cells    []float64
	rows     [][]float64
}

// lay makes room for n steps of that many quantiles, and returns it with zeros.
func (s *Sheet) lay(n, levels int) (mean []float64, values [][]float64) {
	if size := (levels + 1) * n; cap(s.cells) < size {
		s.cells = make([]float64, size)
	} else {
		s.cells = s.cells[:size]
		clear(s.cells)
	}
	if cap(s.rows) < levels {
		s.rows = make([][]float64, levels)
	}
	s.rows = s.rows[:levels]
	for i := range s.rows {
		s.rows[i] = s.cells[(i+1)*n : (i+2)*n : (i+2)*n]
	}
	return s.cells[:n:n], s.rows
}

// ForecastOn is ForecastSteps on a sheet, where the forecast stays until the next one is made on it.
func (p *Predictor) ForecastOn(on *Sheet, id models.TargetID, sig models.Signal, start time.Time, lo, hi int) (*models.Forecast, error) {
	s := p.shared
	if lo < 0 || lo >= hi || hi > s.horizon {
		return nil, fmt.Errorf("forecast of %q: steps %d to %d are not inside the horizon of %d: %w", id, lo, hi, s.horizon, models.ErrInvalid)
	}
	if p.observed < s.minSteps {
		return nil, fmt.Errorf("forecast of %q: %d values of %s seen, %d needed; wait or lower min_history: %w",
			id, p.observed, s.step, s.minSteps, models.ErrInsufficientHistory)
	}
	spec := models.ForecastSpec{
		Target: id, Signal: sig, Start: start.Add(time.Duration(lo) * s.step), Step: s.step, Levels: s.levels, Model: modelIdle,
	}
	spec.Mean, spec.Values = on.lay(hi-lo, len(s.levels))
	if p.awake == nil {
		spec.Skill = models.Skill{Windows: p.observed}
		spec.Unfit = verdict(spec.Skill)
		return on.write(&spec)
	}
	r := s.enter()
	defer s.leave(r)
	p.weigh(r, lo, hi)
	leader, ok := p.mix(r, lo, spec.Mean)
	if !ok {
		return nil, fmt.Errorf("forecast of %q: none of %v is ready after %d steps; add persistence or wait: %w",
			id, s.cfg.Models, p.steps, models.ErrInsufficientHistory)
	}
	spec.Model = s.specs[leader].name
	p.fillQuantiles(r, lo, spec.Mean, spec.Values)
	spec.Skill = p.awake.base.skill()
	spec.Unfit = p.awake.unfit(spec.Skill)
	return on.write(&spec)
}

// write makes the forecast.
func (s *Sheet) write(spec *models.ForecastSpec) (*models.Forecast, error) {
	f, err := models.NewForecast(*spec)
	if err != nil {
		return nil, err
	}
	s.forecast = f
	return &s.forecast, nil
}

// Unfit returns why a forecast made now would be unfit, without making it. It is nil if the forecast would be fit, if there would
// be none, and if only a forecast can tell.
func (p *Predictor) Unfit() *models.Reason {
	switch {
	case p.observed < p.shared.minSteps:
		return nil
	case p.awake == nil:
		return verdict(models.Skill{Windows: p.observed})
	case !p.shared.always:
		return nil
	}
	return p.awake.unfit(p.awake.base.skill())
}

// unfit returns why a forecast with that skill must not be acted on, or nil.
func (a *awake) unfit(s models.Skill) *models.Reason {
	if s != a.judged || s.Windows == 0 {
		a.judged, a.judgement = s, verdict(s)
	}
	if a.judgement != nil {
		return a.judgement
	}
	return a.drift.verdict()
}

// weigh asks the members for some steps and weighs them at every lead.
func (p *Predictor) weigh(r *room, lo, hi int) {
	if p.awake.waiting {
		p.predict(r, lo, hi)
		return
	}
	p.ask(r, r.wanted(nil, lo, hi))
	n := p.shared.members
	for k := range p.shared.leads {
		p.awake.score.weigh(p.shared, k, r.ready, r.weights[k*n:(k+1)*n])
	}
}

// mix writes the weighted forecasts of the members, from step lo on, and returns the member with most weight at the middle lead; ok is false if
// no member is ready.
func (p *Predictor) mix(r *room, lo int, dst []float64) (leader int, ok bool) {
	n := p.shared.members
	for m, row := range r.now {
		if !r.ready[m] {
			continue
		}
		for h := range dst {
			if w := r.weights[p.shared.blend[lo+h].group*n+m]; w > 0 {
				dst[h] += w * bounded(row[lo+h])
			}
		}
	}
	top := p.awake.peaks.top()
	for h := range dst {
		dst[h] = min(dst[h], top)
	}
	most := 0.0
	k := len(p.shared.leads) / 2
	for m, w := range r.weights[k*n : (k+1)*n] {
		if w > most {
			leader, most = m, w
		}
	}
	return leader, most > 0
}

// fillQuantiles adds the residual quantiles to the mix. Those of counts are whole numbers: in the long zeros of a sparse load
// the median is 0 and not a little above.
func (p *Predictor) fillQuantiles(r *room, lo int, mean []float64, values [][]float64) {
	n := len(p.shared.levels)
	blend := p.shared.blend[lo : lo+len(mean)]
	last := blend[len(blend)-1].k
	if blend[len(blend)-1].w > 0 {
		last++
	}
	for k := blend[0].k; k <= last; k++ {
		p.awake.quant.offsets(k, r.offsets[k*n:(k+1)*n])
	}
	top, whole := p.awake.peaks.top(), p.awake.counts.whole()
	for h, mid := range mean {
		b := blend[h]
		near := r.offsets[b.k*n : (b.k+1)*n]
		far := near
		if b.w > 0 {
			far = r.offsets[(b.k+1)*n : (b.k+2)*n]
		}
		for i := range near {
			v := min(mid+near[i]+b.w*(far[i]-near[i]), top)
			if whole {
				v = math.Round(v)
			}
			values[i][h] = v
		}
	}
}

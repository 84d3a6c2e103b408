package predictor

import (
	"slices"

	"pilotlight/models"
)

// Explain returns what there is to say about the next forecast. It allocates and is for people who ask, not for every step.
func (p *Predictor) Explain() models.Explanation {
	s := p.shared
	e := models.Explanation{Steps: p.steps, Observed: p.observed, Asleep: p.awake == nil}
	if p.observed < s.minSteps {
		r := models.Because(models.ReasonShortHistory, models.Num("values", float64(p.observed)), models.Num("values_needed", float64(s.minSteps)))
		e.NoForecast = &r
	}
	a := p.awake
	if a == nil {
		e.Skill = models.Skill{Windows: p.observed}
		e.Unfit = verdict(e.Skill)
		return e
	}
	r := s.enter()
	defer s.leave(r)
	p.weigh(r, 0, p.shared.horizon)
	if e.NoForecast == nil && !slices.Contains(r.ready, true) {
		because := models.Because(models.ReasonShortHistory, models.Num("steps", float64(p.steps)), models.Num("members_ready", 0))
		e.NoForecast = &because
	}
	for k, lead := range s.leads {
		e.Leads = append(e.Leads, lead)
		for m := range s.specs {
			if k == 0 {
				e.Members = append(e.Members, models.MemberExplanation{Name: s.specs[m].name, Ready: r.ready[m], Scored: int(a.score.counts[m])})
			}
			mae := a.score.errorAt(s, k, m)
			member := &e.Members[m]
			member.Errors = append(member.Errors, mae)
			member.Weights = append(member.Weights, r.weights[k*s.members+m])
		}
	}
	e.Skill = a.base.skill()
	e.Unfit = a.unfit(e.Skill)
	for i, period := range s.periods {
		if period <= a.ring.len() {
			e.Periods = append(e.Periods, period)
			e.SeasonalNaive = append(e.SeasonalNaive, a.base.seasonal[i])
		}
	}
	e.Spread, e.UsualSpread, e.Shifts = a.quant.spread.value(), a.quant.spread.slow, int(a.drift.alarms)
	return e
}

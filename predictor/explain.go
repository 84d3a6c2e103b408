package predictor

import (
	"slices"

	"pilotlight/models"
)

// Explanation says what a predictor knows about its series and how it comes to its forecast. Errors are mean absolute errors in
// the unit of the series.
type Explanation struct {
	// Steps is how many values were given, Observed how many of them were not missing.
	Steps, Observed int
	// Asleep says that there was nothing but zeros for long; then only Steps, Observed, Skill and the reasons are set.
	Asleep bool
	// NoForecast says why there is no forecast, Unfit why the one there is must not be acted on; nil is neither.
	NoForecast, Unfit *models.Reason
	// Leads are the steps ahead at which members are scored and weighed.
	Leads []int
	// Members are the models that compete, in the order of the configuration.
	Members []MemberExplanation
	// Skill compares the mix with the simplest forecasts.
	Skill models.Skill
	// SeasonalNaive are the errors of repeating the last period, for each period of the configuration that is in the history;
	// Periods are their lengths in steps.
	SeasonalNaive []float64
	Periods       []int
	// Spread is the recent size of the errors one step ahead, and UsualSpread that over a longer time.
	Spread, UsualSpread float64
	// Shifts is how often the series has left its course.
	Shifts int
}

// MemberExplanation says what one model counts for.
type MemberExplanation struct {
	Name string
	// Ready says that the model has a forecast.
	Ready bool
	// Scored is how many of its forecasts one step ahead its error averages.
	Scored int
	// Errors and Weights are by lead. The weights at a lead add up to 1.
	Errors, Weights []float64
}

// Explain returns what there is to say about the next forecast. It allocates and is for people who ask, not for every step.
func (p *Predictor) Explain() Explanation {
	s := p.shared
	e := Explanation{Steps: p.steps, Observed: p.observed, Asleep: p.awake == nil}
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
	p.weigh(r)
	if e.NoForecast == nil && !slices.Contains(r.ready, true) {
		because := models.Because(models.ReasonShortHistory, models.Num("steps", float64(p.steps)), models.Num("members_ready", 0))
		e.NoForecast = &because
	}
	for k, lead := range s.leads {
		e.Leads = append(e.Leads, lead)
		for m := range s.specs {
			if k == 0 {
				e.Members = append(e.Members, MemberExplanation{Name: s.specs[m].name, Ready: r.ready[m], Scored: int(a.score.counts[m])})
			}
			mae, _ := a.score.errorAt(s, k, m)
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

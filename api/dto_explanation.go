package api

import "pilotlight/models"

// ExplainedMember is the wire form of models.MemberExplanation.
type ExplainedMember struct {
	Name    string   `json:"name" example:"holt_winters_multi" doc:"The model, by its name in predictor.models."`
	Ready   bool     `json:"ready" doc:"Whether the model has a forecast."`
	Scored  int      `json:"scored" doc:"How many of its forecasts one step ahead were scored."`
	Errors  []Number `json:"errors" nullable:"false" doc:"Its mean absolute error at each of leads; null is unknown."`
	Weights []Number `json:"weights" nullable:"false" doc:"What it counts for at each of leads. Those of all members add up to 1."`
}

// ExplainedSeason is what repeating a season would have got.
type ExplainedSeason struct {
	Steps int    `json:"steps" example:"1440" doc:"Length of the season in steps."`
	MAE   Number `json:"mae" doc:"Mean absolute error of repeating it; null is unknown."`
}

// Explanation is the wire form of models.Explanation.
type Explanation struct {
	Steps       int               `json:"steps" doc:"Steps of history that the predictor was given."`
	Observed    int               `json:"observed" doc:"How many of them had a value."`
	Asleep      bool              `json:"asleep" doc:"There was nothing but zeros so far, so there are no members and errors yet."`
	NoForecast  *Reason           `json:"no_forecast,omitempty" doc:"Why the predictor has no forecast now."`
	Unfit       *Reason           `json:"unfit,omitempty" doc:"Why decisions do not use what it forecasts now."`
	Skill       *Skill            `json:"skill,omitempty" doc:"The mix of the members against the simplest forecasts; absent while asleep."`
	Leads       []int             `json:"leads" nullable:"false" doc:"Steps ahead at which members are scored and weighed."`
	Members     []ExplainedMember `json:"members" nullable:"false" doc:"The models that compete, in the order of the configuration."`
	Seasons     []ExplainedSeason `json:"seasons" nullable:"false" doc:"The seasons that the history is long enough for."`
	Spread      Number            `json:"spread" doc:"Recent size of the errors one step ahead; null is unknown."`
	UsualSpread Number            `json:"usual_spread" doc:"The same over a longer time."`
	Shifts      int               `json:"shifts" doc:"How often the load has left its course."`
}

func toExplanation(e *models.Explanation) *Explanation {
	out := &Explanation{
		Steps: e.Steps, Observed: e.Observed, Asleep: e.Asleep, Leads: append([]int{}, e.Leads...),
		Members: make([]ExplainedMember, len(e.Members)), Seasons: make([]ExplainedSeason, len(e.Periods)),
		Spread: Number(e.Spread), UsualSpread: Number(e.UsualSpread), Shifts: e.Shifts,
		NoForecast: toReasonOrNone(e.NoForecast), Unfit: toReasonOrNone(e.Unfit),
	}
	if !e.Asleep {
		skill := toSkill(&e.Skill)
		out.Skill = &skill
	}
	for i := range e.Members {
		m := &e.Members[i]
		out.Members[i] = ExplainedMember{Name: m.Name, Ready: m.Ready, Scored: m.Scored, Errors: numbers(m.Errors), Weights: numbers(m.Weights)}
	}
	for i, steps := range e.Periods {
		out.Seasons[i] = ExplainedSeason{Steps: steps, MAE: Number(e.SeasonalNaive[i])}
	}
	return out
}

// toReasonOrNone is toReason, and nil of nil.
func toReasonOrNone(r *models.Reason) *Reason {
	if r == nil {
		return nil
	}
	out := toReason(*r)
	return &out
}

package models

// Explanation says what a predictor knows about its series and how it comes to its forecast. Errors are mean absolute errors in
// the unit of the series.
type Explanation struct {
	// Steps is how many values were given, Observed how many of them were not missing.
	Steps, Observed int
	// Asleep says that there was nothing but zeros, and only the fields above and NoForecast are set.
	Asleep bool
	// NoForecast says why there is no forecast, Unfit why the one there is must not be acted on; nil is neither.
	NoForecast, Unfit *Reason
	// Leads are the steps ahead at which members are scored and weighed.
	Leads []int
	// Members are the models that compete, in the order of the configuration.
	Members []MemberExplanation
	// Skill compares the mix with the simplest forecasts.
	Skill Skill
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

package predictor

import (
	"math"
	"slices"
	"time"

	"pilotlight/models"
)

// Setting is what a model may need to know about the series it will forecast.
type Setting struct {
	// Step is the length of a step.
	Step time.Duration
	// Period is the season's length in steps for a seasonal model, else 0.
	Period int
	// Periods are the lengths of all seasons in steps, for models that take several at once; empty if they are not known.
	Periods []int
	// Scale is the configured scale.
	Scale Scale
}

// Model is a kind of forecaster that the pool can use.
type Model struct {
	// Name is what configuration, states and forecasts call the model; never renamed.
	Name string
	// Doc says in one sentence what it does and when it is good.
	Doc string
	// Seasonal models get one member for each configured period, other models one.
	Seasonal bool
	// MinPeriod is the shortest period, in steps, for which a seasonal model is worth a member; shorter ones are left out.
	MinPeriod int
	// New makes the forecaster.
	New func(Setting) (Forecaster, error)
}

// Fitter is implemented by forecasters that choose their parameters from history. Refit gets the latest values, in time order
// with NaN for missing ones, and leaves the forecaster in the state after the last one; on an error it changes nothing.
type Fitter interface {
	Refit(y []float64) error
}

// modelPersistence is the name of the model that has a forecast after the first value.
const modelPersistence = "persistence"

// Models lists all models. To add one, write its file and add its line here: the conformance suite then runs on it.
func Models() []Model {
	return slices.Concat(OnlineModels(), operationalModels(), seasonalModels())
}

// OnlineModels lists those whose state and work at each step are small enough for a fleet: a Predictor takes only these. The others
// are for an ensemble, which looks at the whole history of one series now and then.
func OnlineModels() []Model {
	all := []Model{
		{"holt_winters", "level and season with autocorrelated errors; good on regular load", true, 0, newPoolHoltWinters},
		{"holt_winters_smooth", "the same with a season in coarse bins; good on noisy counts with a daily course", true, 2 * poolSmoothBins, newPoolSmooth},
		{"holt_winters_damped", "level, damped trend and season; good on smooth growth", true, 0, newPoolDamped},
		{"holt_winters_multiplicative", "level times season; good on smooth load that never falls to zero", true, 0, newPoolMultiplicative},
		{"holt_winters_multi", "level, all seasons at once and autocorrelated errors, in a kilobyte; needs no fit", false, 0, newPoolMulti},
		{"seasonal_naive", "repeats the last period; good on timers", true, 0, newPoolSeasonalNaive},
		{modelPersistence, "repeats the last value", false, 0, func(Setting) (Forecaster, error) { return NewPersistence(), nil }},
		{"mean_fast", "mean of the last few steps; good on bursts", false, 0, func(Setting) (Forecaster, error) { return NewEWMA(0.4) }},
		{"mean", "mean of the recent steps", false, 0, func(Setting) (Forecaster, error) { return NewEWMA(0.12) }},
		{"mean_slow", "mean of the last hundred steps", false, 0, func(Setting) (Forecaster, error) { return NewEWMA(0.02) }},
		{"median_15", "median of the last 15 steps; good on sparse load", false, 0, func(Setting) (Forecaster, error) { return NewMedian(15) }},
		{"median_60", "median of the last 60 steps; good on sparse load", false, 0, func(Setting) (Forecaster, error) { return NewMedian(60) }},
		{"mean_70", "mean of the last steps, the latest counting 0.7", false, 0, func(Setting) (Forecaster, error) { return NewEWMA(0.7) }},
		{"mean_30", "mean of the last steps, the latest counting 0.3", false, 0, func(Setting) (Forecaster, error) { return NewEWMA(0.3) }},
		{"mean_03", "mean of the last steps, the latest counting 0.03", false, 0, func(Setting) (Forecaster, error) { return NewEWMA(0.03) }},
		{"mean_01", "mean of the last steps, the latest counting 0.01", false, 0, func(Setting) (Forecaster, error) { return NewEWMA(0.01) }},
		{"median_5", "median of the last 5 steps", false, 0, func(Setting) (Forecaster, error) { return NewMedian(5) }},
	}
	return append(all, sparseModels()...)
}

// operationalModels are those for series by the minute with more noise than season.
func operationalModels() []Model {
	return []Model{
		{"window_15", "quantiles of the last 15 steps", false, 0, func(Setting) (Forecaster, error) { return NewWindowQuantiles(15) }},
		{"window_60", "quantiles of the last 60 steps", false, 0, func(Setting) (Forecaster, error) { return NewWindowQuantiles(60) }},
		{"window_240", "quantiles of the last 240 steps", false, 0, func(Setting) (Forecaster, error) { return NewWindowQuantiles(240) }},
		{"window_period", "quantiles of the last period", true, 0, func(s Setting) (Forecaster, error) { return NewWindowQuantiles(min(s.Period, maxWindow)) }},
		{"window_three_periods", "quantiles of the last three periods", true, 0, func(s Setting) (Forecaster, error) { return NewWindowQuantiles(min(3*s.Period, maxWindow)) }},
		{"phase_quantiles", "quantiles at the same place in the past periods", true, 0, func(s Setting) (Forecaster, error) { return NewPhaseQuantiles(s.Period) }},
		{"profile_5_20", "usual course of the period with a shift of the last 5 steps that halves in 20", true, 0, func(s Setting) (Forecaster, error) { return NewShiftProfile(s.Period, 5, 20) }},
		{"profile_30_20", "usual course of the period with a shift of the last 30 steps that halves in 20", true, 0, func(s Setting) (Forecaster, error) { return NewShiftProfile(s.Period, 30, 20) }},
		{"profile_5", "usual course of the period with a shift of the last 5 steps", true, 0, func(s Setting) (Forecaster, error) { return NewShiftProfile(s.Period, 5, math.Inf(1)) }},
		{"profile_30", "usual course of the period with a shift of the last 30 steps", true, 0, func(s Setting) (Forecaster, error) { return NewShiftProfile(s.Period, 30, math.Inf(1)) }},
		{"ridge", "direct ridge regression on lags and the season", true, 0, func(s Setting) (Forecaster, error) { return NewDirectRidge(s.Period, ScaleRaw) }},
		{"ridge_log", "direct ridge regression on lags and the season of the logarithm", true, 0, func(s Setting) (Forecaster, error) { return NewDirectRidge(s.Period, ScaleLog1p) }},
		{"ridge_lags", "direct ridge regression on lags", false, 0, func(Setting) (Forecaster, error) { return NewDirectRidge(0, ScaleRaw) }},
	}
}

// sparseModels are those for rarely invoked functions.
func sparseModels() []Model {
	return []Model{
		{"tsb", "probability of an arrival times its size; good on sparse load that may end", false, 0, func(Setting) (Forecaster, error) { return NewTSB(0.05) }},
		{"croston", "size of an arrival over the gap between them; the yardstick on sparse load", false, 0, func(Setting) (Forecaster, error) { return NewCroston(false), nil }},
		{"croston_sba", "the same without its bias", false, 0, func(Setting) (Forecaster, error) { return NewCroston(true), nil }},
		{"adida", "mean of buckets as long as the mean gap; good on sparse load without pattern", false, 0, func(Setting) (Forecaster, error) { return NewADIDA(), nil }},
		{"imapa", "the same for buckets of all lengths up to it", false, 0, func(Setting) (Forecaster, error) { return NewIMAPA(), nil }},
		{"hazard", "arrivals from the time since the last one; good on bursts and regular gaps", false, 0, func(Setting) (Forecaster, error) { return NewHazard(), nil }},
		{"timer", "arrivals by the clock; good on scheduled functions", false, 0, func(s Setting) (Forecaster, error) { return NewTimer(s.Step), nil }},
		{"arrivals", "hazard, timer and recent rates, weighed by how well they did; good on all sparse load", false, 0, func(s Setting) (Forecaster, error) { return NewArrivals(s.Step), nil }},
	}
}

// The Holt-Winters models of the pool bound the work of a fit: it must stay within milliseconds at periods of a week of
// minutes.
const (
	poolStates      = 1440 // seasonal states at most
	poolSmoothBins  = 96   // bins of the smooth variant: 15 minutes of a day
	poolShortSeason = 96   // steps below which a season is short
	poolEvaluations = 30
	poolLossWindow  = 2048
	poolPeriods     = 4    // periods of history that a fit uses
	poolMinWindow   = 2048 // but at least as many steps
)

// poolOptions are the options that the Holt-Winters models of the pool share.
func poolOptions(s Setting) HoltWintersOptions {
	return HoltWintersOptions{
		Period: s.Period, Bin: (s.Period + poolStates - 1) / poolStates, Scale: s.Scale, Loss: LossAbsolute,
		MaxEvaluations: poolEvaluations, Window: max(poolPeriods*s.Period, poolMinWindow), LossWindow: poolLossWindow,
	}
}

func newPoolHoltWinters(s Setting) (Forecaster, error) {
	o := poolOptions(s)
	o.AR = true
	return NewHoltWinters(o)
}

// newPoolMulti leaves seasons that are over within a few steps to the models that repeat, if there are longer ones.
func newPoolMulti(s Setting) (Forecaster, error) {
	var long []int
	for _, period := range s.Periods {
		if period >= poolShortSeason {
			long = append(long, period)
		}
	}
	if len(long) == 0 {
		long = s.Periods
	}
	return NewHoltWintersMulti(long, s.Scale, DefaultMultiParams())
}

func newPoolSmooth(s Setting) (Forecaster, error) {
	o := poolOptions(s)
	o.AR = true
	o.Bin = max(o.Bin, s.Period/poolSmoothBins)
	return NewHoltWinters(o)
}

func newPoolDamped(s Setting) (Forecaster, error) {
	o := poolOptions(s)
	o.Trend = TrendDamped
	return NewHoltWinters(o)
}

func newPoolMultiplicative(s Setting) (Forecaster, error) {
	o := poolOptions(s)
	o.Season, o.Scale = SeasonMultiplicative, ScaleRaw
	return NewHoltWinters(o)
}

func newPoolSeasonalNaive(s Setting) (Forecaster, error) { return NewSeasonalNaive(s.Period) }

// memberName names the member of a seasonal model for one period.
func memberName(model string, period time.Duration) string {
	return model + "_" + models.Duration(period).String()
}

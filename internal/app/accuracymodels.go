package app

import (
	"runtime"
	"time"

	"pilotlight/predictor/accuracy"
	"pilotlight/predictor/ensemble"
)

// The references stand first among the contenders.
const (
	seasonalNaive = iota
	naive2
	naive
	theEnsemble
)

// contender is something that forecasts.
type contender struct {
	name string
	// forecast also returns the processor time that it took. An error means that there is no forecast.
	forecast func(j *job, w window) (accuracy.Forecast, time.Duration, error)
}

// own returns the references, the ensemble, and models alone.
func (a *assessment) own(alone []string) []contender {
	all := []contender{
		seasonalNaive: {"seasonal naive", a.naiveAt(func(j *job) int { return j.period })},
		naive2: {"Naive2", timed(func(j *job, w window) (accuracy.Forecast, error) {
			return accuracy.Forecast{Point: accuracy.Naive2(w.history, j.period, len(w.actual))}, nil
		})},
		naive:       {"last value", a.naiveAt(func(*job) int { return 1 })},
		theEnsemble: {"ensemble", a.by(nil)},
	}
	for _, name := range alone {
		all = append(all, contender{name, a.by([]string{name})})
	}
	return all
}

// naiveAt is the seasonal naive forecast with a period.
func (a *assessment) naiveAt(period func(*job) int) func(*job, window) (accuracy.Forecast, time.Duration, error) {
	return timed(func(j *job, w window) (accuracy.Forecast, error) {
		point := accuracy.SeasonalNaive(w.history, period(j), len(w.actual))
		return accuracy.Forecast{
			Point: point, Quantiles: accuracy.SeasonalNaiveQuantiles(w.history, period(j), a.forecast.Levels, point),
		}, nil
	})
}

// by is the forecast of an ensemble of the models, nil for those that it chooses itself.
func (a *assessment) by(models []string) func(*job, window) (accuracy.Forecast, time.Duration, error) {
	return timed(func(j *job, w window) (accuracy.Forecast, error) {
		opt := a.optionsFor(j.series)
		opt.Models = models
		r, err := ensemble.Forecast(w.history, opt)
		if err != nil {
			return accuracy.Forecast{}, err
		}
		return a.scored(r.Mean, accuracy.Quantiles{Levels: opt.Levels, Values: r.Quantiles}), nil
	})
}

// scored chooses what is scored as the point forecast.
func (a *assessment) scored(point []float64, q accuracy.Quantiles) accuracy.Forecast {
	if a.median {
		if l := medianPlace(q.Levels); l < len(q.Values) && q.Values[l] != nil {
			point = q.Values[l]
		}
	}
	return accuracy.Forecast{Point: point, Quantiles: q}
}

// medianPlace returns the place of the level 0.5.
func medianPlace(levels []float64) int {
	for l, level := range levels {
		if level == 0.5 {
			return l
		}
	}
	return len(levels)
}

// timed measures the processor time of a forecast. The goroutine stays on its thread meanwhile, whose clock it reads.
func timed(f func(*job, window) (accuracy.Forecast, error)) func(*job, window) (accuracy.Forecast, time.Duration, error) {
	return func(j *job, w window) (accuracy.Forecast, time.Duration, error) {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		before := threadTime()
		made, err := f(j, w)
		return made, threadTime() - before, err
	}
}

// conventional is the season that leaderboards compare with at a step: an hour of seconds, a day of minutes and hours, a year of
// months. It is 0 if the step is unknown. Source: gluonts, get_seasonality, as GIFT-Eval uses it.
func conventional(step time.Duration) int {
	const day, month = 24 * time.Hour, 28 * 24 * time.Hour
	around := time.Duration(0)
	switch {
	case step <= 0:
		return 0
	case step < time.Minute:
		around = time.Hour
	case step < day:
		around = day
	case step >= month && step <= 31*day:
		return 12
	}
	return max(1, int(around/step))
}

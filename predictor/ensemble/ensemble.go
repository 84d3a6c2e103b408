// Package ensemble forecasts one series from its whole history: it runs many forecasters through the series once, asks each of
// them at rolling origins what would come, weighs them by what then came, near and far ahead separately, and makes quantiles from
// what was missed by. It is the slow, thorough one of the two speeds; predictor.Predictor is the other.
package ensemble

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"pilotlight/models"
	"pilotlight/predictor"
	"pilotlight/predictor/season"
)

// The bounds of what Forecast accepts.
const (
	maxHorizon = 10080
	maxLevels  = 99
	maxPeriods = 4
)

// Options say what to forecast, and what is known about the series beside its values.
type Options struct {
	// Horizon is how many steps to forecast.
	Horizon int
	// Levels are the quantile levels, increasing, inside (0, 1).
	Levels []float64
	// Step is the length of a step; 0 is unknown.
	Step time.Duration
	// Periods are the lengths of the seasons in steps; nil lets them be detected, an empty slice says that there are none.
	Periods []int
	// Models are names from predictor.Models; nil takes those that suit the series.
	Models []string
	// Start is when the first step begins, and Calendar where the clocks are that the load follows, and the holidays; they count
	// only together and with a Step.
	Start    time.Time
	Calendar season.Calendar

	// sparse says that most values are zero.
	sparse bool
}

// Result is the forecast of one series.
type Result struct {
	// Mean[h] is the point forecast h+1 steps ahead, chosen for its absolute error; Quantiles[l][h] is the quantile of level l,
	// not decreasing in l. All are finite, and not negative unless the series is.
	Mean      []float64
	Quantiles [][]float64
	Explanation
}

// Explanation says how a forecast came about.
type Explanation struct {
	// Periods are the seasons used, in steps.
	Periods []int `json:"periods"`
	// Windows is how many past forecasts were scored.
	Windows int `json:"windows"`
	// Buckets are the horizons, in steps ahead, at which the weights change: bucket b ends at Buckets[b].
	Buckets []int `json:"buckets"`
	// Members are the forecasters, those with most weight first.
	Members []MemberReport `json:"members"`
	// Skill compares the forecast with seasonal naive and persistence on the past windows.
	Skill models.Skill `json:"skill"`
	// Notes say in words what a reader must know, such as that the history was too short to choose.
	Notes []string `json:"notes,omitempty"`
}

// MemberReport is one forecaster's share in a forecast.
type MemberReport struct {
	Name string `json:"name"`
	// MAE is its mean absolute error over the past windows, in the unit of the series.
	MAE float64 `json:"mae"`
	// Weights are its shares in the point forecast, one for each bucket.
	Weights []float64 `json:"weights"`
}

// Validate says all that is wrong with the options, or returns nil.
func (o *Options) Validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf(format+": %w", append(args, models.ErrInvalid)...))
	}
	if o.Horizon < 1 || o.Horizon > maxHorizon {
		bad("horizon %d is not in [1, %d] steps", o.Horizon, maxHorizon)
	}
	if len(o.Levels) == 0 || len(o.Levels) > maxLevels {
		bad("%d quantile levels; give 1 to %d, such as 0.1, 0.5, 0.9", len(o.Levels), maxLevels)
	}
	if !increasing(o.Levels) {
		bad("quantile levels %v do not increase inside (0, 1)", o.Levels)
	}
	if len(o.Periods) > maxPeriods {
		bad("%d periods; keep the %d strongest", len(o.Periods), maxPeriods)
	}
	for _, p := range o.Periods {
		if p < 2 || p > predictor.MaxPeriod {
			bad("period %d is not in [2, %d] steps", p, predictor.MaxPeriod)
		}
	}
	if o.Step < 0 {
		bad("step %s is negative", o.Step)
	}
	return errors.Join(errs...)
}

// increasing reports whether quantile levels are in order and inside (0, 1).
func increasing(levels []float64) bool {
	last := 0.0
	for _, l := range levels {
		if !(l > last && l < 1) {
			return false
		}
		last = l
	}
	return true
}

// Forecast forecasts the steps after y, whose values are in time order, NaN where one is missing. It returns models.ErrInvalid for
// wrong options, and models.ErrInsufficientHistory for a series without any value.
func Forecast(y []float64, opt Options) (*Result, error) {
	if err := opt.Validate(); err != nil {
		return nil, err
	}
	a := newAlmanac(y, &opt)
	if a == nil {
		return forecast(y, opt)
	}
	local := opt
	y, local.Horizon = a.before(y)
	res, err := forecast(y, local)
	if err != nil {
		return nil, err
	}
	a.after(res)
	return res, nil
}

// forecast is Forecast without a calendar.
func forecast(y []float64, opt Options) (*Result, error) {
	y, low := tidy(y)
	if len(y) == 0 {
		return nil, fmt.Errorf("the series has no value that can be used: %w", models.ErrInsufficientHistory)
	}
	if opt.Periods == nil {
		opt.Periods = detect(y, opt.Step)
		d := dayOf(opt.Step)
		if opt.Step == 0 {
			d = likelyDay(y)
		}
		if len(opt.Periods) == 0 && d > opt.Horizon {
			// A day costs little where it does not rule the plan of the windows, and an event at the same time of each day is
			// too short for a season to be found.
			opt.Periods = []int{d}
		}
	}
	opt.Periods = slices.Sorted(slices.Values(opt.Periods))
	opt.Periods = slices.DeleteFunc(slices.Compact(opt.Periods), func(p int) bool { return 2*p > len(y) })
	opt.sparse = sparse(y)
	members, err := newMembers(&opt)
	if err != nil {
		return nil, err
	}
	past, err := backtest(y, members, &opt, low)
	if err != nil {
		return nil, err
	}
	if !past.ready() {
		return nil, fmt.Errorf("none of the models %v can forecast from %d values and periods %v; wait, or add persistence: %w",
			past.names, len(y), opt.Periods, models.ErrInsufficientHistory)
	}
	return combine(y, past, &opt, low), nil
}

// tidy returns the series with NaN for what cannot be used and without missing values at its start, and the least value that a
// forecast may have.
func tidy(y []float64) (clean []float64, low float64) {
	clean = make([]float64, 0, len(y))
	for _, v := range y {
		if !(math.Abs(v) <= predictor.MaxValue) {
			v = math.NaN()
		}
		if len(clean) == 0 && math.IsNaN(v) {
			continue
		}
		if v < 0 {
			low = math.Inf(-1)
		}
		clean = append(clean, v)
	}
	return clean, low
}

const (
	// weekDays is how many days make a week.
	weekDays = 7
	// assumedDay is how many steps a day has at most for it to be assumed where no season is found.
	assumedDay = 48
)

// dayOf is how many steps a day has, 0 if it is no whole number of at least two or more than a period may have.
func dayOf(step time.Duration) int {
	if step <= 0 || 24*time.Hour%step != 0 {
		return 0
	}
	if d := int(24 * time.Hour / step); d > 1 && d <= predictor.MaxPeriod {
		return d
	}
	return 0
}

// detect finds the seasons of a series. Where a day is found it adds the week, even if the week is too weak to be found by
// itself; where nothing is found and the step is half an hour or more it assumes a day and a week. The members that use a season
// lose their weight if it does not help.
func detect(y []float64, step time.Duration) []int {
	var periods []int
	for _, p := range season.Detect(y, season.Options{Step: step, MaxPeriods: maxPeriods}) {
		periods = append(periods, p.Steps)
	}
	if day := 24 * time.Hour; len(periods) == 0 && step > 0 && day%step == 0 && day/step <= assumedDay && day/step > 1 {
		periods = []int{int(day / step)}
	}
	for _, p := range periods {
		if isDay(p, step) && len(periods) < maxPeriods && !slices.Contains(periods, weekDays*p) {
			return append(periods, weekDays*p)
		}
	}
	return periods
}

// isDay reports whether a period is a day; with an unknown step, whether it would be one for a usual step.
func isDay(period int, step time.Duration) bool {
	if step > 0 {
		return time.Duration(period)*step == 24*time.Hour
	}
	return slices.Contains(usualDays(), period)
}

// usualDays are how many steps a day has with usual steps: an hour, 30, 15, 10, 5 minutes and one.
func usualDays() []int { return []int{24, 48, 96, 144, 288, 1440} }

// likelyDay returns the usual day after which the series repeats itself best, by the mean absolute difference; 0 if it has not three of
// the shortest.
func likelyDay(y []float64) int {
	best, least := 0, math.Inf(1)
	for _, d := range usualDays() {
		if 3*d > len(y) {
			break
		}
		sum, n := 0.0, 0
		for i := d; i < len(y); i++ {
			if e := math.Abs(y[i] - y[i-d]); !math.IsNaN(e) {
				sum += e
				n++
			}
		}
		if n > 0 && sum/float64(n) < least {
			best, least = d, sum/float64(n)
		}
	}
	return best
}

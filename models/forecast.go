package models

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Skill compares a forecast with the simplest ones on the past of the same series. Errors are mean absolute errors at the
// horizons that are used; a ratio below 1 means better.
type Skill struct {
	// Windows is how many past forecasts were scored.
	Windows int `json:"windows"`
	// MAE, SeasonalNaiveMAE and PersistenceMAE are mean absolute errors in the unit of the series.
	MAE              float64 `json:"mae"`
	SeasonalNaiveMAE float64 `json:"seasonal_naive_mae"`
	PersistenceMAE   float64 `json:"persistence_mae"`
}

// Forecast is a probabilistic forecast of one signal: quantiles for each step of a horizon. It is immutable and valid:
// every value is finite and not negative, and at each step the quantiles do not decrease with their level.
type Forecast struct {
	target TargetID
	signal Signal
	start  time.Time
	step   time.Duration
	model  string
	skill  Skill
	unfit  *Reason
	levels []float64
	mean   []float64
	values [][]float64 // [level][step]
}

// ForecastSpec is what NewForecast builds a Forecast from.
type ForecastSpec struct {
	Target TargetID
	Signal Signal
	// Start is the start of the first step forecast, which is the end of the last step known.
	Start time.Time
	Step  time.Duration
	// Model names the member or combination that made the forecast.
	Model string
	Skill Skill
	// Unfit, if not nil, says why the forecast must not be acted on.
	Unfit *Reason
	// Levels are quantile levels, increasing, each inside (0, 1).
	Levels []float64
	// Mean[h] is the point forecast of step h, Values[l][h] its quantile of level l.
	Mean   []float64
	Values [][]float64
}

// NewForecast checks and normalises the specification: values are clamped at 0 and crossing quantiles are put in order. It
// returns ErrInvalid if shapes do not fit, levels are out of order, or a value is not finite. It keeps the slices.
func NewForecast(s ForecastSpec) (Forecast, error) {
	fail := func(format string, args ...any) (Forecast, error) {
		return Forecast{}, fmt.Errorf("forecast of %q: "+format+": %w", append(append([]any{s.Target}, args...), ErrInvalid)...)
	}
	if s.Step <= 0 {
		return fail("step %s is not above 0", s.Step)
	}
	if len(s.Levels) != len(s.Values) || len(s.Mean) == 0 {
		return fail("%d levels, %d rows, %d steps", len(s.Levels), len(s.Values), len(s.Mean))
	}
	for i, l := range s.Levels {
		if !(l > 0 && l < 1) || i > 0 && l <= s.Levels[i-1] {
			return fail("levels %v do not increase inside (0, 1)", s.Levels)
		}
		if len(s.Values[i]) != len(s.Mean) {
			return fail("level %v has %d steps, not %d", l, len(s.Values[i]), len(s.Mean))
		}
	}
	for h := range s.Mean {
		if !s.tidy(h) {
			return fail("a value at step %d is not finite", h+1)
		}
	}
	return Forecast{
		target: s.Target, signal: s.Signal, start: s.Start.UTC(), step: s.Step, model: s.Model, skill: s.Skill,
		unfit: s.Unfit, levels: s.Levels, mean: s.Mean, values: s.Values,
	}, nil
}

// tidy clamps the values of step h at 0 and puts its quantiles in order; it reports whether all were finite.
func (s *ForecastSpec) tidy(h int) bool {
	finite := func(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
	if !finite(s.Mean[h]) {
		return false
	}
	s.Mean[h] = max(s.Mean[h], 0)
	low := 0.0
	for _, row := range s.Values {
		if !finite(row[h]) {
			return false
		}
		low = max(low, row[h])
		row[h] = low
	}
	return true
}

// Target returns what the forecast is of.
func (f *Forecast) Target() TargetID { return f.target }

// Signal returns the signal that is forecast.
func (f *Forecast) Signal() Signal { return f.signal }

// Start returns the start of the first step.
func (f *Forecast) Start() time.Time { return f.start }

// Step returns the length of a step.
func (f *Forecast) Step() time.Duration { return f.step }

// Horizon returns the number of steps.
func (f *Forecast) Horizon() int { return len(f.mean) }

// End returns the end of the last step.
func (f *Forecast) End() time.Time { return f.start.Add(time.Duration(len(f.mean)) * f.step) }

// Model names the member or combination that made the forecast.
func (f *Forecast) Model() string { return f.model }

// Skill returns the comparison with the simplest forecasts.
func (f *Forecast) Skill() Skill { return f.skill }

// Unfit returns why the forecast must not be acted on, or nil.
func (f *Forecast) Unfit() *Reason { return f.unfit }

// Levels returns a copy of the quantile levels.
func (f *Forecast) Levels() []float64 { return slices.Clone(f.levels) }

// Mean returns the point forecast of step h (0 is the first).
func (f *Forecast) Mean(h int) float64 { return f.mean[h] }

// Quantile returns the quantile of step h (0 is the first) at the level, by linear interpolation between the levels that
// were forecast; outside them the nearest one.
func (f *Forecast) Quantile(level float64, h int) float64 {
	if len(f.levels) == 0 {
		return f.mean[h]
	}
	i, found := slices.BinarySearch(f.levels, level)
	switch {
	case found:
		return f.values[i][h]
	case i == 0:
		return f.values[0][h]
	case i == len(f.levels):
		return f.values[i-1][h]
	}
	w := (level - f.levels[i-1]) / (f.levels[i] - f.levels[i-1])
	low, high := f.values[i-1][h], f.values[i][h]
	return min(max(low*(1-w)+high*w, low), high) // rounding must not leave the two
}

// Steps returns the range of steps [lo, hi) that overlap the time from from to to.
func (f *Forecast) Steps(from, to time.Time) (lo, hi int) {
	return Overlap(f.start, f.step, len(f.mean), from, to)
}

// Overlap returns which of n steps from start on overlap the time from from to to: [lo, hi).
func Overlap(start time.Time, step time.Duration, n int, from, to time.Time) (lo, hi int) {
	if step <= 0 {
		return 0, 0
	}
	a := floorDiv(int64(from.Sub(start)), int64(step))
	b := ceilDiv(int64(to.Sub(start)), int64(step))
	a = min(max(a, 0), int64(n))
	b = min(max(b, a), int64(n))
	return int(a), int(b)
}

// Scaled returns the forecast with step h multiplied by factor(h), which must be finite and not negative.
func (f *Forecast) Scaled(factor func(h int) float64) Forecast {
	out := *f
	out.mean = slices.Clone(f.mean)
	out.values = make([][]float64, len(f.values))
	for l := range f.values {
		out.values[l] = slices.Clone(f.values[l])
	}
	for h := range out.mean {
		by := factor(h)
		out.mean[h] *= by
		for l := range out.values {
			out.values[l][h] *= by
		}
	}
	return out
}

package predictor

import (
	"math"
	"slices"
)

// robustPeriods is how many periods the robust initialisation uses at most.
const robustPeriods = 3

// flatStart is how many values make the first level of a model without a season.
const flatStart = 10

// initialState finds the state at z[start], on the model's scale; ok is false if z is too short or too empty.
func initialState(z []float64, opt *HoltWintersOptions) (state HoltWintersState, start int, ok bool) {
	if opt.Initial != nil {
		return *opt.Initial, 0, true
	}
	if opt.Period < 2 {
		return flatState(z, opt)
	}
	full := len(z) / opt.Period
	if full < 2 {
		return state, 0, false
	}
	if opt.Init == InitClassical {
		state, ok = classicalState(z, opt, 2)
		return state, opt.Period, ok
	}
	use := min(robustPeriods, full/2)
	state, ok = seasonalState(foldPeriods(z, opt, use+1), opt, use, median)
	return state, use * opt.Period, ok
}

// classicalState takes the level and the season of the first period, and the trend from as many periods as given.
func classicalState(z []float64, opt *HoltWintersOptions, periods int) (HoltWintersState, bool) {
	if opt.Period < 2 {
		return HoltWintersState{Level: z[0]}, !math.IsNaN(z[0])
	}
	return seasonalState(foldPeriods(z, opt, periods), opt, 1, mean)
}

// flatState is the initial state without a season.
func flatState(z []float64, opt *HoltWintersOptions) (state HoltWintersState, start int, ok bool) {
	start = min(flatStart, len(z)/2)
	head := z[:start]
	state.Level = median(head)
	if opt.Init == InitClassical {
		state.Level = mean(head)
	}
	if opt.Trend != TrendNone {
		half := start / 2
		early, late := median(head[:half]), median(head[half:])
		if slope := (late - early) / max(1, float64(start-half)); !math.IsNaN(slope) {
			state.Trend = slope
			state.Level += slope * float64(start-1) / 2
		}
	}
	return state, start, !math.IsNaN(state.Level)
}

// foldPeriods returns the means of the bins of the first full periods of z, at most n of them.
func foldPeriods(z []float64, opt *HoltWintersOptions, n int) [][]float64 {
	bin := max(opt.Bin, 1)
	n = min(n, len(z)/opt.Period)
	rows := make([][]float64, n)
	for c := range rows {
		rows[c] = make([]float64, opt.bins())
		period := z[c*opt.Period : (c+1)*opt.Period]
		for i := range rows[c] {
			rows[c][i] = mean(period[i*bin : min((i+1)*bin, len(period))])
		}
	}
	return rows
}

// seasonalState makes the state at the end of the first use rows; all rows serve the trend. centre is mean or median.
func seasonalState(rows [][]float64, opt *HoltWintersOptions, use int, centre func([]float64) float64) (HoltWintersState, bool) {
	m := float64(opt.Period)
	levels := make([]float64, len(rows))
	var slopes []float64
	for c, row := range rows {
		levels[c] = centre(row)
		if c > 0 {
			slopes = append(slopes, (levels[c]-levels[c-1])/m)
		}
	}
	state := HoltWintersState{Level: math.NaN(), Season: make([]float64, opt.bins())}
	if opt.Trend != TrendNone && len(slopes) > 0 {
		if slope := centre(slopes); !math.IsNaN(slope) {
			state.Trend = slope
		}
	}
	for _, level := range levels[:use] {
		if !math.IsNaN(level) {
			state.Level = level
		}
	}
	bin := float64(max(opt.Bin, 1))
	column := make([]float64, 0, use)
	for i := range state.Season {
		column = column[:0]
		offset := float64(i)*bin + (bin-1)/2 - (m-1)/2
		for c, row := range rows[:use] {
			base := levels[c] + state.Trend*offset
			if opt.Season == SeasonMultiplicative {
				column = append(column, row[i]/base)
			} else {
				column = append(column, row[i]-base)
			}
		}
		state.Season[i] = centre(column)
		tidySeason(&state.Season[i], opt.Season)
	}
	state.Level += state.Trend * (m - 1) / 2
	return state, !math.IsNaN(state.Level)
}

// tidySeason replaces what was missing by the neutral index and keeps multiplicative ones away from 0.
func tidySeason(s *float64, season Season) {
	switch {
	case season == SeasonMultiplicative && (math.IsNaN(*s) || math.IsInf(*s, 0)):
		*s = 1
	case season == SeasonMultiplicative:
		*s = max(minSeason, min(*s, maxSeason))
	case math.IsNaN(*s):
		*s = 0
	}
}

// mean returns the mean of the values that are not missing, NaN if all are.
func mean(v []float64) float64 {
	sum, n := 0.0, 0
	for _, x := range v {
		if !math.IsNaN(x) {
			sum += x
			n++
		}
	}
	return sum / float64(n)
}

// median returns the median of the values that are not missing, NaN if all are.
func median(v []float64) float64 {
	known := make([]float64, 0, len(v))
	for _, x := range v {
		if !math.IsNaN(x) {
			known = append(known, x)
		}
	}
	if len(known) == 0 {
		return math.NaN()
	}
	slices.Sort(known)
	n := len(known)
	return (known[(n-1)/2] + known[n/2]) / 2
}

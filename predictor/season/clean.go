package season

import (
	"math"
	"slices"
)

const (
	// strongSeason is the strength from which Clean takes the season out before it looks for outliers.
	strongSeason = 0.6
	// cleanWindow is the number of values of the running median, cleanFences the interquartile ranges beyond the quartiles.
	cleanWindow, cleanFences = 25, 3
)

// Strength returns the share of the detrended variance of y that the profile of a period of steps explains, in [0, 1]:
// max(0, 1 - Var(R)/Var(S+R)) without the bias of short histories, on the scale of Detect. It is 0 for less than two cycles.
func Strength(y []float64, period int) float64 {
	if period < 2 || len(y) < 2*period {
		return 0
	}
	x := prepare(y)
	if x == nil {
		return 0
	}
	return fold(x, period, 0, newBuffers(len(x))).share
}

// FillGaps returns a copy of y in which values that are not finite are interpolated: linearly after the season of the period
// was taken out, with the season added again; the ends take the nearest adjusted value. Series without negative values are
// filled on the log1p scale, so that a season grows with the level and nothing below zero appears. A period below 2, or of
// which there are not two cycles, is no season. A series without any value comes back as it is.
func FillGaps(y []float64, period int) []float64 {
	scale := scaleOf(y)
	x := scale.apply(y)
	profile := medianProfile(x, period)
	adjust(x, profile, -1)
	interpolate(x)
	adjust(x, profile, 1)
	out := slices.Clone(y)
	for i, v := range out {
		if !isFinite(v) {
			out[i] = scale.invert(x[i])
		}
	}
	return out
}

// Clean returns a copy of y, gaps filled and outliers replaced by interpolation, and the indices of the outliers, for fits that
// a few wild values would spoil. An outlier lies, on the log1p scale of series without negative values, more than three
// interquartile ranges beyond the quartiles of the deviations from a running median of 25 values; a strong season (0.6) is
// taken out before. The idea is that of tsclean in R. J. Hyndman's package forecast. Level shifts stay; a burst of a dozen steps
// and more stays too. Where half of the deviations are zero there is no scale, and nothing is an outlier.
func Clean(y []float64, period int) (cleaned []float64, outliers []int) {
	filled := FillGaps(y, period)
	x := scaleOf(filled).apply(filled)
	if Strength(y, period) >= strongSeason {
		adjust(x, medianProfile(x, period), -1)
	}
	smooth := runningMedian(x, cleanWindow)
	residuals := make([]float64, len(x))
	for i := range x {
		residuals[i] = x[i] - smooth[i]
	}
	sorted := finite(residuals)
	slices.Sort(sorted)
	if len(sorted) == 0 {
		return filled, nil
	}
	q1, q3 := sorted[len(sorted)/4], sorted[len(sorted)*3/4]
	fence := cleanFences * (q3 - q1)
	if fence <= 0 {
		return filled, nil
	}
	holes := slices.Clone(filled)
	for i, r := range residuals {
		if isFinite(y[i]) && (r < q1-fence || r > q3+fence) {
			outliers = append(outliers, i)
			holes[i] = math.NaN()
		}
	}
	if len(outliers) == 0 {
		return filled, nil
	}
	return FillGaps(holes, period), outliers
}

// scale is the scale that a series is worked on.
type scale struct{ log bool }

// scaleOf returns the log1p scale for a series without negative values.
func scaleOf(y []float64) scale {
	return scale{log: !slices.ContainsFunc(y, func(v float64) bool { return isFinite(v) && v < 0 })}
}

// apply returns y on the scale, NaN for what is not finite.
func (s scale) apply(y []float64) []float64 {
	out := make([]float64, len(y))
	for i, v := range y {
		switch {
		case !isFinite(v):
			out[i] = math.NaN()
		case s.log:
			out[i] = math.Log1p(v)
		default:
			out[i] = min(max(v, -maxMagnitude), maxMagnitude)
		}
	}
	return out
}

// invert returns a value of the scale as one of the series.
func (s scale) invert(v float64) float64 {
	if s.log {
		return min(max(0, math.Expm1(v)), math.MaxFloat64)
	}
	return v
}

// medianProfile returns the median deviation of each phase, of the newest full cycles, from lines through the means of the
// cycles, centred; nil when there is no season to speak of. Phase 0 is that of x[0].
func medianProfile(x []float64, period int) []float64 {
	if period < 2 || len(x) < 2*period {
		return nil
	}
	k := len(x) / period
	origin := len(x) - k*period
	d := make([]float64, k*period)
	detrend(d, x[origin:], period, newBuffers(len(x)))
	profile := make([]float64, period)
	column := make([]float64, 0, k)
	sum := 0.0
	for j := range period {
		column = column[:0]
		for i := range k {
			if v := d[i*period+j]; v == v {
				column = append(column, v)
			}
		}
		if m := medianOf(column); m == m {
			profile[(origin+j)%period] = m
			sum += m
		}
	}
	for j := range profile {
		profile[j] -= sum / float64(period)
	}
	return profile
}

// adjust adds sign times the profile to x.
func adjust(x, profile []float64, sign float64) {
	if profile == nil {
		return
	}
	for i := range x {
		x[i] += sign * profile[i%len(profile)]
	}
}

// interpolate replaces NaN in x by lines between its neighbours, and at the ends by the nearest value.
func interpolate(x []float64) {
	last := -1
	for i, v := range x {
		if v != v {
			continue
		}
		for j := last + 1; j < i; j++ {
			if last < 0 {
				x[j] = v
			} else {
				x[j] = x[last] + (v-x[last])*float64(j-last)/float64(i-last)
			}
		}
		last = i
	}
	if last >= 0 {
		for j := last + 1; j < len(x); j++ {
			x[j] = x[last]
		}
	}
}

// runningMedian returns the medians of the window values around each value, fewer at the ends. x has no NaN, or is all NaN.
func runningMedian(x []float64, window int) []float64 {
	out := make([]float64, len(x))
	half := window / 2
	var sorted []float64
	for i := -half; i < len(x); i++ {
		if in := i + half; in < len(x) && x[in] == x[in] {
			at, _ := slices.BinarySearch(sorted, x[in])
			sorted = slices.Insert(sorted, at, x[in])
		}
		if gone := i - half - 1; gone >= 0 && x[gone] == x[gone] {
			at, _ := slices.BinarySearch(sorted, x[gone])
			sorted = slices.Delete(sorted, at, at+1)
		}
		if i >= 0 {
			out[i] = math.NaN()
			if n := len(sorted); n > 0 {
				out[i] = sorted[(n-1)/2]/2 + sorted[n/2]/2
			}
		}
	}
	return out
}

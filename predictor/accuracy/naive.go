package accuracy

import (
	"math"
	"slices"
)

// SeasonalNaive repeats the last period: f[h] = y[n+h-m·ceil((h+1)/m)], h from 0. A value that is missing is taken from the nearest
// earlier period that has it, else from the last known value; without any value the result is NaN. A period below 1, or longer than the
// history, counts as 1, which is the naive forecast.
func SeasonalNaive(history []float64, period, horizon int) []float64 {
	n := len(history)
	m := effective(period, n)
	last := lastKnown(history)
	out := make([]float64, horizon)
	for h := range out {
		out[h] = last
		for t := n - m + h%m; t >= 0 && t < n; t -= m {
			if known(history[t]) {
				out[h] = history[t]
				break
			}
		}
	}
	return out
}

// SeasonalNaiveQuantiles are the quantiles of the seasonal naive forecast as the leaderboards compute them: normal, with the variance
// of the differences to the period before, times the number of periods ahead. They are here as the yardstick only. Sources: R forecast,
// snaive; statsforecast, SeasonalNaive; gift-eval, notebooks/naive.ipynb.
func SeasonalNaiveQuantiles(history []float64, period int, levels, point []float64) Quantiles {
	m := effective(period, len(history))
	sum, n := 0.0, 0
	for t := m; t < len(history); t++ {
		if d := history[t] - history[t-m]; known(d) {
			sum += d * d
			n++
		}
	}
	sigma := 0.0
	if n > 0 {
		sigma = math.Sqrt(sum / float64(n))
	}
	q := Quantiles{Levels: levels, Values: make([][]float64, len(levels))}
	for l, level := range levels {
		z := math.Sqrt2 * math.Erfinv(2*level-1)
		q.Values[l] = make([]float64, len(point))
		for h, f := range point {
			q.Values[l][h] = f + z*sigma*math.Sqrt(float64(h/m+1))
		}
	}
	return q
}

// Naive2 is the reference of OWA: the last value of the series deseasonalised by classical multiplicative decomposition, times the seasonal
// index of each step ahead; the last value itself if the series is not seasonal by Seasonal. Missing values are interpolated first.
// Source: M4 "Benchmarks and Evaluation.R", Benchmarks.
func Naive2(history []float64, period, horizon int) []float64 {
	y := interpolated(history)
	n := len(y)
	out := make([]float64, horizon)
	for h := range out {
		out[h] = lastKnown(y)
	}
	if !seasonal(y, period) {
		return out
	}
	index := indices(y, period)
	if index == nil {
		return out
	}
	level := y[n-1] / index[(n-1)%period]
	for h := range out {
		out[h] = level * index[(n+h)%period]
	}
	return out
}

// Seasonal is the M4 competition's test of seasonality at 90 %: there are three periods, and |r[m]| > 1.645 sqrt((1 + 2 Σ r[i]², i < m) / n)
// with r the autocorrelation. Source: M4 "Benchmarks and Evaluation.R", SeasonalityTest.
func Seasonal(history []float64, period int) bool { return seasonal(interpolated(history), period) }

func seasonal(y []float64, m int) bool {
	n := len(y)
	if m < 2 || n < 3*m {
		return false
	}
	mu := 0.0
	for _, v := range y {
		mu += v / float64(n)
	}
	c0 := 0.0
	for _, v := range y {
		c0 += (v - mu) * (v - mu)
	}
	sum, r := 1.0, 0.0
	for lag := 1; lag <= m; lag++ {
		sum += 2 * r * r // of the lag before
		r = 0
		for t := range n - lag {
			r += (y[t] - mu) * (y[t+lag] - mu)
		}
		r /= c0
	}
	return math.Abs(r) > 1.645*math.Sqrt(sum/float64(n)) // false for a constant series, whose r is NaN
}

// indices returns the seasonal indices of classical multiplicative decomposition, which average 1, or nil if they are undefined: the
// means of the ratios to a centred moving average over one period. Source: R stats, decompose.
func indices(y []float64, m int) []float64 {
	half := m / 2
	sums, counts := make([]float64, m), make([]int, m)
	for t := half; t < len(y)-half; t++ {
		trend := 0.0
		for _, v := range y[t-half : t+half+1] {
			trend += v
		}
		if m%2 == 0 { // the two ends share a place in the period
			trend -= (y[t-half] + y[t+half]) / 2
		}
		if trend /= float64(m); trend != 0 {
			sums[t%m] += y[t] / trend
			counts[t%m]++
		}
	}
	mu := 0.0
	for i := range sums {
		sums[i] /= float64(counts[i])
		mu += sums[i] / float64(m)
	}
	for i := range sums {
		sums[i] /= mu
		if !known(sums[i]) || sums[i] == 0 {
			return nil
		}
	}
	return sums
}

// effective is the period that a history of n values allows.
func effective(period, n int) int {
	if period < 1 || period > n {
		return 1
	}
	return period
}

func lastKnown(y []float64) float64 {
	for _, v := range slices.Backward(y) {
		if known(v) {
			return v
		}
	}
	return math.NaN()
}

// interpolated returns the series with straight lines over its gaps and without missing values at its ends.
func interpolated(y []float64) []float64 {
	var out []float64
	gap := 0
	for _, v := range y {
		switch {
		case !known(v):
			gap++
			continue
		case gap > 0 && len(out) > 0:
			from := out[len(out)-1]
			for k := range gap {
				out = append(out, from+(v-from)*float64(k+1)/float64(gap+1))
			}
		}
		out = append(out, v)
		gap = 0
	}
	return out
}

package accuracy

import "math"

// SMAPE is the symmetric mean absolute percentage error of the M4 competition, 0 to 200: 200/h Σ |y-f| / (|y|+|f|), where 0/0 is 0.
// Source: M4 "Benchmarks and Evaluation.R", smape_cal.
func SMAPE(actual, forecast []float64) float64 {
	return 200 * mean(actual, forecast, func(y, f float64) float64 {
		if size := math.Abs(y) + math.Abs(f); size != 0 {
			return math.Abs(y-f) / size
		}
		return 0
	})
}

// MAE is the mean absolute error, in the unit of the series.
func MAE(actual, forecast []float64) float64 {
	return mean(actual, forecast, func(y, f float64) float64 { return math.Abs(y - f) })
}

// Scale is what MASE, MSIS and SQL divide by: the mean absolute error of the seasonal naive forecast one step ahead inside the history,
// mean |y[t] - y[t-m]|, over the pairs that are both known. It is NaN if there is no such pair or if none of them differs: on such a history
// a scaled error is undefined. A period below 1 counts as 1. Source: M4 "Benchmarks and Evaluation.R", mase_cal.
func Scale(history []float64, period int) float64 {
	m := max(1, period)
	sum, n := 0.0, 0
	for t := m; t < len(history); t++ {
		if d := math.Abs(history[t] - history[t-m]); known(d) {
			sum += d
			n++
		}
	}
	if sum == 0 {
		return math.NaN()
	}
	return sum / float64(n)
}

// MASE is the mean absolute scaled error: the mean absolute error in units of Scale; 1 is as good as repeating the last period was inside
// the history. Source: R. J. Hyndman, A. B. Koehler, Int. J. Forecasting 22 (2006); M4 "Benchmarks and Evaluation.R", mase_cal.
func MASE(actual, forecast []float64, scale float64) float64 { return MAE(actual, forecast) / scale }

// OWA is the overall weighted average of the M4 competition: the mean of the ratios of sMAPE and MASE to those of Naive2. Each argument
// is an average over all series, so that OWA is a ratio of averages, not an average of ratios. Source: M4 "Benchmarks and Evaluation.R".
func OWA(smape, mase, smapeNaive2, maseNaive2 float64) float64 {
	return (smape/smapeNaive2 + mase/maseNaive2) / 2
}

// Package accuracy scores forecasts by the definitions that the field uses, so that a number here can be put beside a published one.
//
// The sources, named at each metric: the M4 competition's "Benchmarks and Evaluation.R" (sMAPE, MASE, OWA, MSIS, Naive2), GIFT-Eval and
// BOOM (WQL and its ratio to seasonal naive), fev-bench (SQL).
//
// Two rules hold everywhere. An actual value that is missing, NaN or infinite, is left out, because nothing can be said about it. A forecast
// that is missing where there is an actual value makes the result NaN, because a forecaster must not gain by saying nothing. A
// metric that is undefined, such as MASE on a constant history, is NaN and counted, never dropped in silence.
package accuracy

import (
	"math"
	"strconv"
)

// Value is a metric; NaN is undefined and becomes null in JSON.
type Value float64

// MarshalJSON implements json.Marshaler: JSON knows neither NaN nor infinities.
func (v Value) MarshalJSON() ([]byte, error) {
	if !known(float64(v)) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, float64(v), 'g', -1, 64), nil
}

// known reports whether a value is neither missing nor infinite.
func known(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// mean returns the mean of term over the steps whose actual value is known; NaN if there is none, or if the forecast is too short.
func mean(actual, forecast []float64, term func(y, f float64) float64) float64 {
	sum, n := 0.0, 0
	for i, y := range actual {
		if !known(y) {
			continue
		}
		if i >= len(forecast) {
			return math.NaN()
		}
		sum += term(y, forecast[i])
		n++
	}
	return sum / float64(n) // NaN if n is 0, because the sum is then 0
}

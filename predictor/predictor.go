// Package predictor forecasts the load of a target. A Forecaster is one algorithm, one file each; a Predictor (pool.go) runs
// the chosen ones for one series, turns their errors on the past into quantiles and says whether they have skill.
package predictor

import "encoding"

// Forecaster is one online model of one series with a fixed step. It is not safe for concurrent use.
type Forecaster interface {
	// Update takes the value of the next step in O(1). NaN is a missing value: the state moves on without correction.
	Update(y float64)
	// Forecast writes the point forecast h+1 steps ahead into dst[h], for all of dst. Values may be negative; the caller
	// clamps. It returns models.ErrInsufficientHistory if there is too little history, and models.ErrInvalid if the model
	// cannot take the values it was given, such as zeros with a multiplicative season.
	Forecast(dst []float64) error
	// The state is serialisable: unmarshalling it into a new Forecaster of the same kind continues where it stopped.
	encoding.BinaryMarshaler
	encoding.BinaryUnmarshaler
}

// QuantileForecaster is implemented by forecasters that know the distribution of what they forecast, such as of counts that
// are mostly zero, where adding errors to a point forecast would be wrong.
type QuantileForecaster interface {
	// ForecastQuantiles writes the quantile levels[i] of the value h+1 steps ahead into dst[i][h]. The levels lie in (0, 1)
	// and increase, dst has a row for each and all rows have the same length; the quantiles do not decrease with the level.
	// Errors are those of Forecaster.Forecast.
	ForecastQuantiles(levels []float64, dst [][]float64) error
}

// Sibling returns an empty predictor of the same configuration.
func (p *Predictor) Sibling() *Predictor { return p.shared.New() }

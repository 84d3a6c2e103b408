package predictor

import (
	"fmt"
	"math"

	"pilotlight/models"
)

// Scale is the scale on which a model works.
type Scale int

// The scales.
const (
	// ScaleRaw works on the values as they are.
	ScaleRaw Scale = iota
	// ScaleLog1p works on log(1+y): noise and season are then in proportion to the load. Forecasts are medians, without the
	// correction that would make them means.
	ScaleLog1p
	// ScaleAuto lets each fit choose the scale with the smaller absolute error.
	ScaleAuto

	numScales
)

//nolint:gochecknoglobals // a constant table
var scaleNames = [numScales]string{"raw", "log1p", "auto"}

// ParseScale returns the scale of that name: raw, log1p or auto.
func ParseScale(name string) (Scale, error) {
	for i, n := range scaleNames {
		if n == name {
			return Scale(i), nil
		}
	}
	return 0, fmt.Errorf("scale %q is not one of %v: %w", name, scaleNames, models.ErrInvalid)
}

// String returns the name of the scale.
func (s Scale) String() string {
	if s < 0 || s >= numScales {
		return fmt.Sprintf("scale(%d)", int(s))
	}
	return scaleNames[s]
}

// to transforms a value; negative values have no logarithm here and become missing.
func (s Scale) to(y float64) float64 {
	if s != ScaleLog1p {
		return y
	}
	if y < 0 {
		return math.NaN()
	}
	return math.Log(1 + y) // a third of the cost of Log1p; its rounding, 1e-16, is nothing to a load
}

// back transforms a value back; the result is at most MaxValue.
func (s Scale) back(z float64) float64 {
	if s != ScaleLog1p {
		return z
	}
	if z > 69 { // e^69 is just below MaxValue
		return MaxValue
	}
	return math.Exp(z) - 1
}

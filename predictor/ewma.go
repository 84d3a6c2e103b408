package predictor

import (
	"fmt"
	"math"

	"pilotlight/models"
)

var _ Forecaster = (*EWMA)(nil)

const (
	ewmaMagic = "PLEW"
)

// EWMA forecasts the recent mean: l' = l + max(alpha, 1/n)·(y - l), flat over the horizon. With alpha 1 it is persistence,
// the last value. It is hard to beat on loads that come in bursts.
type EWMA struct {
	alpha float64
	level float64
	n     int
}

// NewEWMA makes the model; alpha, in (0, 1], is the weight of the latest value.
func NewEWMA(alpha float64) (*EWMA, error) {
	if !(alpha > 0 && alpha <= 1) {
		return nil, fmt.Errorf("ewma alpha %v is not in (0, 1]: %w", alpha, models.ErrInvalid)
	}
	return &EWMA{alpha: alpha}, nil
}

// NewPersistence makes the model that repeats the last known value.
func NewPersistence() *EWMA { return &EWMA{alpha: 1} }

// Update implements Forecaster.
func (e *EWMA) Update(y float64) {
	y = usable(y)
	if math.IsNaN(y) {
		return
	}
	if e.alpha == 1 { // exactly the value: no rounding of l + (y - l)
		e.level, e.n = y, 1
		return
	}
	e.n = min(e.n+1, math.MaxInt32)
	e.level += max(e.alpha, 1/float64(e.n)) * (y - e.level)
}

// flat implements flatForecaster.
func (e *EWMA) flat() (float64, bool) { return e.level, e.n > 0 }

// Forecast implements Forecaster; it needs one value.
func (e *EWMA) Forecast(dst []float64) error {
	if e.n == 0 {
		return errWarming
	}
	for h := range dst {
		dst[h] = e.level
	}
	return nil
}

// MarshalBinary implements encoding.BinaryMarshaler.
func (e *EWMA) MarshalBinary() ([]byte, error) {
	var b writer
	b.float(e.alpha)
	b.float(e.level)
	b.int(e.n)
	return seal(ewmaMagic, b.b), nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler. It returns models.ErrInvalid, and changes nothing, for data that
// MarshalBinary did not write.
func (e *EWMA) UnmarshalBinary(data []byte) error {
	r, err := unseal(ewmaMagic, data)
	if err != nil {
		return err
	}
	fresh := EWMA{alpha: r.float(math.SmallestNonzeroFloat64, 1), level: r.float(-MaxValue, MaxValue), n: r.int(0, math.MaxInt32)}
	if err := r.done(); err != nil {
		return err
	}
	*e = fresh
	return nil
}

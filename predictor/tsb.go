package predictor

import (
	"fmt"
	"math"

	"pilotlight/models"
)

var (
	_ Forecaster        = (*TSB)(nil)
	_ ArrivalForecaster = (*TSB)(nil)
)

const tsbMagic = "PLTS"

// TSB is the method of Teunter, Syntetos and Babai, "Intermittent demand: linking forecasting to inventory obsolescence",
// EJOR 214 (2011): the probability of an arrival moves on in every step, p' = p + β·(1{y>0} - p), and their mean size only
// when there are some, z' = z + α·(y - z) with α 0.1; the forecast is p·z. Unlike Croston's it decays when arrivals end.
type TSB struct {
	beta float64
	p    float64
	n    int
	size sizeMean
}

// NewTSB makes the model; beta, in (0, 1], is the weight of the latest step in the probability.
func NewTSB(beta float64) (*TSB, error) {
	if !(beta > 0 && beta <= 1) {
		return nil, fmt.Errorf("tsb beta %v is not in (0, 1]: %w", beta, models.ErrInvalid)
	}
	return &TSB{beta: beta}, nil
}

// Update implements Forecaster.
func (f *TSB) Update(y float64) {
	y = count(y)
	if math.IsNaN(y) {
		return
	}
	arrived := 0.0
	if y > 0 {
		arrived = 1
		f.size.add(y)
	}
	f.n = min(f.n+1, mostSteps)
	f.p += max(f.beta, 1/float64(f.n)) * (arrived - f.p)
}

// Arrival implements ArrivalForecaster; it needs one value.
func (f *TSB) Arrival(dst []float64) error {
	if f.n == 0 {
		return errWarming
	}
	evenly(dst, f.p)
	return nil
}

// Within implements ArrivalForecaster; it needs one value.
func (f *TSB) Within(dst []float64) error {
	if err := f.Arrival(dst); err != nil {
		return err
	}
	anyOf(dst)
	return nil
}

// Forecast implements Forecaster; it needs one value.
func (f *TSB) Forecast(dst []float64) error {
	if err := f.Arrival(dst); err != nil {
		return err
	}
	f.size.times(dst)
	return nil
}

// MarshalBinary implements encoding.BinaryMarshaler.
func (f *TSB) MarshalBinary() ([]byte, error) {
	var w writer
	w.float(f.beta)
	w.float(f.p)
	w.int(f.n)
	f.size.write(&w)
	return seal(tsbMagic, w.b), nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler. It returns models.ErrInvalid, and changes nothing, for data that
// MarshalBinary did not write.
func (f *TSB) UnmarshalBinary(data []byte) error {
	r, err := unseal(tsbMagic, data)
	if err != nil {
		return err
	}
	fresh := TSB{beta: r.float(math.SmallestNonzeroFloat64, 1), p: r.float(0, 1), n: r.int(0, mostSteps)}
	fresh.size.read(r)
	if err := r.done(); err != nil {
		return err
	}
	*f = fresh
	return nil
}

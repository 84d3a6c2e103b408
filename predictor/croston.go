package predictor

import "math"

var (
	_ Forecaster        = (*Croston)(nil)
	_ ArrivalForecaster = (*Croston)(nil)
)

const (
	crostonMagic  = "PLCR"
	crostonWeight = 0.1 // of the latest gap
)

// Croston is the method of Croston, "Forecasting and stock control for intermittent demands", Operational Research Quarterly
// 23 (1972): the exponential means z of the sizes and q of the gaps are updated when something arrives, and the forecast is
// z/q. The variant of Syntetos and Boylan (SBA), "The accuracy of intermittent demand estimates", International Journal of
// Forecasting 21 (2005), takes 1 - α/2 of that, because the mean of 1/q is above one by the mean of q.
type Croston struct {
	debias bool
	gap    float64 // q; 0 before the first arrival
	since  int     // steps since the last arrival, the present one included
	steps  int
	size   sizeMean
}

// NewCroston makes Croston's model, or with debias the one of Syntetos and Boylan.
func NewCroston(debias bool) *Croston { return &Croston{debias: debias} }

// Update implements Forecaster. A missing step lengthens the gap.
func (f *Croston) Update(y float64) {
	y = count(y)
	if f.steps > 0 || !math.IsNaN(y) {
		f.since = min(f.since+1, mostSteps)
	}
	if math.IsNaN(y) {
		return
	}
	f.steps = min(f.steps+1, mostSteps)
	if y == 0 {
		return
	}
	if f.size.add(y); f.size.n == 1 {
		f.gap = float64(f.since)
	} else {
		f.gap += max(crostonWeight, 1/float64(f.size.n)) * (float64(f.since) - f.gap)
	}
	f.since = 0
}

// Arrival implements ArrivalForecaster; it needs one value.
func (f *Croston) Arrival(dst []float64) error {
	if f.steps == 0 {
		return errWarming
	}
	p := 0.0
	if f.gap > 0 {
		p = 1 / f.gap
	}
	if f.debias {
		p *= 1 - crostonWeight/2
	}
	evenly(dst, p)
	return nil
}

// Within implements ArrivalForecaster; it needs one value.
func (f *Croston) Within(dst []float64) error {
	if err := f.Arrival(dst); err != nil {
		return err
	}
	anyOf(dst)
	return nil
}

// Forecast implements Forecaster; it needs one value.
func (f *Croston) Forecast(dst []float64) error {
	if err := f.Arrival(dst); err != nil {
		return err
	}
	f.size.times(dst)
	return nil
}

// MarshalBinary implements encoding.BinaryMarshaler.
func (f *Croston) MarshalBinary() ([]byte, error) {
	var w writer
	w.bool(f.debias)
	w.float(f.gap)
	w.int(f.since)
	w.int(f.steps)
	f.size.write(&w)
	return seal(crostonMagic, w.b), nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler. It returns models.ErrInvalid, and changes nothing, for data that
// MarshalBinary did not write.
func (f *Croston) UnmarshalBinary(data []byte) error {
	r, err := unseal(crostonMagic, data)
	if err != nil {
		return err
	}
	fresh := Croston{debias: r.bool(), gap: r.float(0, mostSteps), since: r.int(0, mostSteps), steps: r.int(0, mostSteps)}
	fresh.size.read(r)
	if (fresh.size.n > 0) != (fresh.gap >= 1) {
		r.fail("gap %v does not fit %d arrivals", fresh.gap, fresh.size.n)
	}
	if err := r.done(); err != nil {
		return err
	}
	*f = fresh
	return nil
}

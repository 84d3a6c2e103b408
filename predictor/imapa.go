package predictor

import "math"

var _ Forecaster = (*IMAPA)(nil)

const (
	imapaMagic  = "PLIM"
	imapaLevels = 16
)

// IMAPA is the mean over several aggregations, after Petropoulos and Kourentzes, "Forecast combinations for intermittent
// demand", Journal of the Operational Research Society 66 (2015): for each length of bucket from 1 step to the mean gap
// between arrivals, here at most 16, the means of the buckets are smoothed exponentially with weight 0.1, and the forecast is
// the mean of the levels. This is its online form: all lengths run side by side.
type IMAPA struct {
	base    arrivalBase
	buckets [imapaLevels]bucket
}

// NewIMAPA makes the model.
func NewIMAPA() *IMAPA { return &IMAPA{} }

// Update implements Forecaster.
func (f *IMAPA) Update(y float64) {
	y = count(y)
	if !math.IsNaN(y) {
		f.base.add(y)
	}
	for i := range f.buckets {
		f.buckets[i].add(y, i+1)
	}
}

// Forecast implements Forecaster; it needs one value.
func (f *IMAPA) Forecast(dst []float64) error {
	sum, n := 0.0, 0
	for i := range f.base.meanGap(imapaLevels) {
		if v, ok := f.buckets[i].rate(); ok {
			sum += v
			n++
		}
	}
	if n == 0 {
		return errWarming
	}
	for h := range dst {
		dst[h] = sum / float64(n)
	}
	return nil
}

// MarshalBinary implements encoding.BinaryMarshaler.
func (f *IMAPA) MarshalBinary() ([]byte, error) {
	var w writer
	f.base.write(&w)
	for i := range f.buckets {
		f.buckets[i].write(&w)
	}
	return seal(imapaMagic, w.b), nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler. It returns models.ErrInvalid, and changes nothing, for data that
// MarshalBinary did not write.
func (f *IMAPA) UnmarshalBinary(data []byte) error {
	r, err := unseal(imapaMagic, data)
	if err != nil {
		return err
	}
	var fresh IMAPA
	fresh.base.read(r)
	for i := range fresh.buckets {
		fresh.buckets[i].read(r)
	}
	if err := r.done(); err != nil {
		return err
	}
	*f = fresh
	return nil
}

package predictor

import "math"

var _ Forecaster = (*ADIDA)(nil)

const (
	adidaMagic  = "PLAD"
	adidaWeight = 0.1 // of the latest bucket
	adidaMost   = 10080
)

// bucket adds up steps and smooths the means of full buckets.
type bucket struct {
	sum   float64
	steps int // in the bucket, missing ones included
	known int // of them
	level float64
	full  int // buckets that went into the level
}

// add takes the value of the next step; the bucket is full at that size.
func (b *bucket) add(y float64, size int) {
	b.steps++
	if !math.IsNaN(y) {
		b.known++
		b.sum += y
	}
	if b.steps < size {
		return
	}
	if b.known > 0 {
		b.full = min(b.full+1, mostSteps)
		b.level += max(adidaWeight, 1/float64(b.full)) * (b.sum/float64(b.known) - b.level)
	}
	b.sum, b.steps, b.known = 0, 0, 0
}

// rate is the load of a step: the level, or until there is one the mean of what there is; false if there is nothing.
func (b *bucket) rate() (float64, bool) {
	switch {
	case b.full > 0:
		return b.level, true
	case b.known > 0:
		return b.sum / float64(b.known), true
	default:
		return 0, false
	}
}

func (b *bucket) write(w *writer) {
	w.float(b.sum)
	w.int(b.steps)
	w.int(b.known)
	w.float(b.level)
	w.int(b.full)
}

func (b *bucket) read(r *reader) {
	b.sum = r.float(0, MaxValue*adidaMost)
	b.steps = r.int(0, adidaMost)
	b.known = r.int(0, b.steps)
	b.level = r.float(0, MaxValue)
	b.full = r.int(0, mostSteps)
}

// ADIDA aggregates and disaggregates, after Nikolopoulos, Syntetos, Boylan, Petropoulos and Assimakopoulos, "An
// aggregate-disaggregate intermittent demand approach", Journal of the Operational Research Society 62 (2011): buckets as long
// as the mean gap between arrivals are smoothed exponentially with weight 0.1, and their level is spread evenly. This is its
// online form: a bucket has the length of the mean gap at its beginning, and the level is kept per step.
type ADIDA struct {
	base   arrivalBase
	length int // of the bucket that is being filled
	bucket bucket
}

// NewADIDA makes the model.
func NewADIDA() *ADIDA { return &ADIDA{length: 1} }

// meanGap is the mean gap between arrivals, between 1 and most.
func (b *arrivalBase) meanGap(most int) int {
	if b.active == 0 {
		return min(max(1, b.steps), most)
	}
	return max(1, min((b.steps+b.active/2)/b.active, most))
}

// Update implements Forecaster.
func (f *ADIDA) Update(y float64) {
	y = count(y)
	if !math.IsNaN(y) {
		f.base.add(y)
	}
	if f.bucket.steps == 0 {
		f.length = f.base.meanGap(adidaMost)
	}
	f.bucket.add(y, f.length)
}

// Forecast implements Forecaster; it needs one value.
func (f *ADIDA) Forecast(dst []float64) error {
	v, ok := f.bucket.rate()
	if !ok {
		return errWarming
	}
	for h := range dst {
		dst[h] = v
	}
	return nil
}

// MarshalBinary implements encoding.BinaryMarshaler.
func (f *ADIDA) MarshalBinary() ([]byte, error) {
	var w writer
	f.base.write(&w)
	w.int(f.length)
	f.bucket.write(&w)
	return seal(adidaMagic, w.b), nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler. It returns models.ErrInvalid, and changes nothing, for data that
// MarshalBinary did not write.
func (f *ADIDA) UnmarshalBinary(data []byte) error {
	r, err := unseal(adidaMagic, data)
	if err != nil {
		return err
	}
	var fresh ADIDA
	fresh.base.read(r)
	fresh.length = r.int(1, adidaMost)
	fresh.bucket.read(r)
	if err := r.done(); err != nil {
		return err
	}
	*f = fresh
	return nil
}

package predictor

import "math"

var (
	_ Forecaster        = (*Hazard)(nil)
	_ ArrivalForecaster = (*Hazard)(nil)
)

const (
	hazardMagic = "PLHZ"
	// hazardExact gaps, of 1 step and more, have a bin each; then each doubling has hazardOctave bins, ten times.
	hazardExact  = 64
	hazardOctave = 8
	hazardBins   = hazardExact + 10*hazardOctave
	// hazardPrior is how many steps at risk the prior of a hazard is worth.
	hazardPrior = 4
	// hazardRenewal steps ahead are computed by the renewal equation, whose cost grows with the square.
	hazardRenewal = 64
)

// Hazard forecasts arrivals from how long ago the last one was. The hazard of a gap g is the share of arrivals among the
// steps that were g steps after an arrival, whatever happened then: the gap that is still open counts too. It is estimated
// three times, each estimate the prior of the next one: from all steps, from the gaps within 10 % of g, and from g itself.
//
// From hazards follow the first arrival, f(h) = hz(age+h)·Π(1-hz(age+j)), and by the renewal equation all of them,
// u(h) = f(h) + Σ u(j)·f0(h-j), where f0 is the distribution of a fresh gap (Cox, Renewal Theory, 1962). The idea of keeping
// the histogram of gaps is that of Shahrad et al., "Serverless in the Wild", USENIX ATC 2020; the hazard replaces its window.
type Hazard struct {
	base     arrivalBase
	size     sizeMean
	age      int // the gap if the next step has an arrival; 0 before the first arrival
	exposure [hazardBins]uint16
	events   [hazardBins]uint16
}

// NewHazard makes the model.
func NewHazard() *Hazard { return &Hazard{} }

// gapBin is the bin of a gap of at least one step.
func gapBin(g int) int {
	if g <= hazardExact {
		return g - 1
	}
	// The top bits of a floating-point number are its logarithm in steps of an eighth of a doubling.
	const first = (1023 + 6) * hazardOctave
	return min(hazardBins-1, hazardExact+int(math.Float64bits(float64(g))>>49)-first)
}

// Update implements Forecaster. A step of which nothing is known passes as it was expected: it ends the gap if an arrival
// was more likely than not.
func (f *Hazard) Update(y float64) {
	y = count(y)
	if math.IsNaN(y) {
		if f.age > 0 && f.at(f.age, f.base.rate()) > 0.5 {
			f.age = 0
		} else if f.age == 0 {
			return
		}
		f.age = min(f.age+1, mostSteps)
		return
	}
	if f.age > 0 {
		f.learn(gapBin(f.age), y > 0)
		f.age = min(f.age+1, mostSteps)
	}
	f.base.add(y)
	if y > 0 {
		f.size.add(y)
		f.age = 1
	}
}

func (f *Hazard) learn(bin int, arrived bool) {
	if f.exposure[bin] == math.MaxUint16 {
		f.exposure[bin] /= 2
		f.events[bin] /= 2
	}
	f.exposure[bin]++
	if arrived {
		f.events[bin]++
	}
}

// at returns the hazard of a gap.
func (f *Hazard) at(gap int, base float64) float64 {
	width := max(1, gap/10)
	var events, exposure int
	for b, last := gapBin(max(1, gap-width)), gapBin(gap+width); b <= last; b++ {
		events += int(f.events[b])
		exposure += int(f.exposure[b])
	}
	near := (float64(events) + hazardPrior*base) / (float64(exposure) + hazardPrior)
	b := gapBin(gap)
	return (float64(f.events[b]) + hazardPrior*near) / (float64(f.exposure[b]) + hazardPrior)
}

// Arrival implements ArrivalForecaster; it needs one value.
func (f *Hazard) Arrival(dst []float64) error {
	if f.base.steps == 0 {
		return errWarming
	}
	base := f.base.rate()
	if f.age == 0 {
		evenly(dst, base)
		return nil
	}
	var fresh [hazardRenewal]float64
	open, openFresh := 1.0, 1.0 // no arrival yet
	for h := range dst {
		hz := f.at(f.age+h, base)
		u := open * hz
		if h < len(fresh) {
			hz0 := f.at(h+1, base)
			fresh[h] = openFresh * hz0 //nolint:gosec // h is below its length
			openFresh *= 1 - hz0
			for j := range h {
				u += dst[j] * fresh[h-1-j]
			}
		} else {
			u += (1 - open) * base
		}
		open *= 1 - hz
		dst[h] = min(u, 1)
	}
	return nil
}

// Within implements ArrivalForecaster; it needs one value.
func (f *Hazard) Within(dst []float64) error {
	if f.base.steps == 0 {
		return errWarming
	}
	base := f.base.rate()
	if f.age == 0 {
		evenly(dst, base)
	} else {
		for h := range dst {
			dst[h] = f.at(f.age+h, base)
		}
	}
	anyOf(dst)
	return nil
}

// Forecast implements Forecaster: the probability of an arrival times the mean size of one. It needs one value.
func (f *Hazard) Forecast(dst []float64) error {
	if err := f.Arrival(dst); err != nil {
		return err
	}
	f.size.times(dst)
	return nil
}

// MarshalBinary implements encoding.BinaryMarshaler.
func (f *Hazard) MarshalBinary() ([]byte, error) {
	var w writer
	f.base.write(&w)
	f.size.write(&w)
	w.int(f.age)
	bins := hazardBins
	for bins > 0 && f.exposure[bins-1] == 0 {
		bins--
	}
	w.int(bins)
	for b := range bins {
		w.int(int(f.exposure[b]))
		w.int(int(f.events[b]))
	}
	return seal(hazardMagic, w.b), nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler. It returns models.ErrInvalid, and changes nothing, for data that
// MarshalBinary did not write.
func (f *Hazard) UnmarshalBinary(data []byte) error {
	r, err := unseal(hazardMagic, data)
	if err != nil {
		return err
	}
	var fresh Hazard
	fresh.base.read(r)
	fresh.size.read(r)
	fresh.age = r.int(0, mostSteps)
	for b := range r.int(0, hazardBins) {
		exposure := r.int(0, math.MaxUint16)
		fresh.exposure[b], fresh.events[b] = uint16(exposure), uint16(r.int(0, exposure)) //nolint:gosec // bounded just now
	}
	if err := r.done(); err != nil {
		return err
	}
	*f = fresh
	return nil
}

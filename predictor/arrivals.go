package predictor

import (
	"math"
	"slices"
	"time"
)

var (
	_ Forecaster         = (*Arrivals)(nil)
	_ ArrivalForecaster  = (*Arrivals)(nil)
	_ QuantileForecaster = (*Arrivals)(nil)
)

const (
	arrivalsMagic = "PLAR"
	// arrivalSizes latest sizes tell how much arrives when something does.
	arrivalSizes = 32
	// arrivalRecent and arrivalSlow are the weights of the latest step in the shares of active steps; arrivalSettle is how
	// many steps their start at zero is worth.
	arrivalRecent = 0.03
	arrivalSlow   = 0.005
	arrivalSettle = 20
)

// Arrivals is the pool for functions that are rarely invoked: it asks the hazard of the gaps, the timers, and two exponential
// shares of active steps, and combines their log odds by logistic regressions that learn online from what then happened, one
// for each of the next 1st, 2nd, 5th and 15th step and one for any of the next 5 and 15; leads between are interpolated.
// That is how compressors mix the models of the next bit (Mattern, "Mixing strategies in data compression", DCC 2012).
// Quantiles of the count follow from the probability of an arrival and the latest sizes.
type Arrivals struct {
	hazard Hazard
	timer  Timer
	shares [2]float64
	mixes  [mixCount]mix
	sizes  history
}

// NewArrivals makes the pool for a series with that step.
func NewArrivals(step time.Duration) *Arrivals {
	f := &Arrivals{timer: *NewTimer(step), sizes: newHistory(arrivalSizes)}
	for i := range f.mixes {
		f.mixes[i] = newMix()
	}
	return f
}

// Update implements Forecaster.
func (f *Arrivals) Update(y float64) {
	y = count(y)
	f.answer(y)
	if !math.IsNaN(y) {
		arrived := 0.0
		if y > 0 {
			arrived = 1
			f.sizes.push(y)
		}
		settled := 1 / float64(f.hazard.base.steps+arrivalSettle)
		f.shares[0] += max(arrivalRecent, settled) * (arrived - f.shares[0])
		f.shares[1] += max(arrivalSlow, settled) * (arrived - f.shares[1])
	}
	f.hazard.Update(y)
	f.timer.Update(y)
	f.ask()
}

// answer tells the heads what happened.
func (f *Arrivals) answer(y float64) {
	for i, h := range mixHeads() {
		m := &f.mixes[i]
		if !m.waiting {
			continue
		}
		// The question of a single step is about its last step only.
		due := f.timer.now%h.stride == h.lead%h.stride
		if h.any || due {
			m.arrived = m.arrived || y > 0
			m.unknown = m.unknown || math.IsNaN(y)
		}
		// The first head asks at every step. The others, whose strides pass over most ticks of a slow timer, learn from it too.
		var others []mix
		if i == 0 {
			others = f.mixes[1:]
		}
		switch {
		case due && m.unknown && !m.arrived:
			m.waiting = false
		case due:
			m.answer(m.arrived, others)
		}
	}
}

// ask lets the heads whose turn it is ask about the steps ahead.
func (f *Arrivals) ask() {
	if f.hazard.base.steps == 0 {
		return
	}
	var single, within [mixFarthest]odds
	heads := mixHeads()
	asks := func(h mixHead) bool { return (f.timer.now-1)%h.stride == 0 }
	far, farAny := 0, 0
	for _, h := range heads {
		switch {
		case !asks(h):
		case h.any:
			farAny = max(farAny, h.lead)
		default:
			far = max(far, h.lead)
		}
	}
	f.oddsSingle(single[:far])
	f.oddsWithin(within[:farAny])
	for i, h := range heads {
		switch {
		case !asks(h):
		case h.any:
			f.mixes[i].ask(&within[h.lead-1])
		default:
			f.mixes[i].ask(&single[h.lead-1])
		}
	}
}

// oddsSingle writes the log odds of an arrival in each of the next steps.
func (f *Arrivals) oddsSingle(dst []odds) {
	base := f.hazard.base.rate()
	hazard, timer := make([]float64, len(dst)), make([]float64, len(dst))
	_ = f.hazard.Arrival(hazard) // never an error after a value
	f.timer.probabilities(timer)
	shares := f.oddsOfShares(base)
	for h := range dst {
		dst[h] = shares
		dst[h][3], dst[h][4] = logOdds(hazard[h]), logOdds(timer[h])
	}
}

// oddsOfShares are the log odds of the base rate and of the shares. A share does not fall below a tenth of the base rate:
// of a function that was quiet for long, the age of the last arrival says more.
func (f *Arrivals) oddsOfShares(base float64) odds {
	return odds{logOdds(base), logOdds(max(f.shares[0], base/10)), logOdds(max(f.shares[1], base/10))}
}

// oddsWithin writes the log odds of an arrival in any of the next steps.
func (f *Arrivals) oddsWithin(dst []odds) {
	base := f.hazard.base.rate()
	hazard, timer := make([]float64, len(dst)), make([]float64, len(dst))
	_ = f.hazard.Within(hazard) // never an error after a value
	f.timer.probabilities(timer)
	anyOf(timer)
	none := [3]float64{1, 1, 1}
	for h := range dst {
		for i, rate := range [3]float64{base, max(f.shares[0], base/10), max(f.shares[1], base/10)} {
			none[i] *= 1 - rate
			dst[h][i] = logOdds(1 - none[i])
		}
		dst[h][3], dst[h][4] = logOdds(hazard[h]), logOdds(timer[h])
	}
}

// Arrival implements ArrivalForecaster; it needs one value.
func (f *Arrivals) Arrival(dst []float64) error {
	if f.hazard.base.steps == 0 {
		return errWarming
	}
	o := make([]odds, len(dst))
	f.oddsSingle(o)
	f.mixed(dst, o, false)
	return nil
}

// Within implements ArrivalForecaster; it needs one value.
func (f *Arrivals) Within(dst []float64) error {
	if f.hazard.base.steps == 0 {
		return errWarming
	}
	o := make([]odds, len(dst))
	f.oddsWithin(o)
	f.mixed(dst, o, true)
	for k := 1; k < len(dst); k++ {
		dst[k] = max(dst[k], dst[k-1])
	}
	return nil
}

// mixed weighs the odds of each lead with the weights of the heads around it.
func (f *Arrivals) mixed(dst []float64, o []odds, anyStep bool) {
	heads := mixHeads()
	for h := range dst {
		a, b, share := blendMix(&heads, h+1, anyStep)
		w := f.mixes[a].weights
		for i := range w {
			w[i] += float32(share) * (f.mixes[b].weights[i] - w[i])
		}
		dst[h] = weigh(&w, &o[h])
	}
}

// Forecast implements Forecaster: the probability of an arrival times the mean size of one. It needs one value.
func (f *Arrivals) Forecast(dst []float64) error {
	if err := f.Arrival(dst); err != nil {
		return err
	}
	f.hazard.size.times(dst)
	return nil
}

// ForecastQuantiles implements QuantileForecaster; it needs one value. A step has a count of 0 with the probability of no
// arrival, and else one of the latest sizes.
func (f *Arrivals) ForecastQuantiles(levels []float64, dst [][]float64) error {
	if len(dst) == 0 {
		return nil
	}
	p := make([]float64, len(dst[0]))
	if err := f.Arrival(p); err != nil {
		return err
	}
	sizes := f.sizes.tail(arrivalSizes)
	slices.Sort(sizes)
	for i, level := range levels {
		for h := range dst[i] {
			dst[i][h] = sizeQuantile(sizes, p[h], level)
		}
	}
	return nil
}

// sizeQuantile is the quantile of a count that is zero but for the probability p, and then one of the sorted sizes.
func sizeQuantile(sizes []float64, p, level float64) float64 {
	rest := level - (1 - p)
	if rest <= 0 || len(sizes) == 0 {
		return 0
	}
	// The smallest size that enough of the sizes do not exceed, counted so that the largest stands for 1/(n+1) beyond it.
	i := int(math.Ceil(rest/p*float64(len(sizes)+1))) - 1
	return sizes[max(0, min(i, len(sizes)-1))]
}

// MarshalBinary implements encoding.BinaryMarshaler.
func (f *Arrivals) MarshalBinary() ([]byte, error) {
	var w writer
	hazard, err := f.hazard.MarshalBinary()
	if err != nil {
		return nil, err
	}
	timer, err := f.timer.MarshalBinary()
	if err != nil {
		return nil, err
	}
	w.bytes(hazard)
	w.bytes(timer)
	w.float(f.shares[0])
	w.float(f.shares[1])
	for i := range f.mixes {
		f.mixes[i].write(&w)
	}
	f.sizes.write(&w)
	return seal(arrivalsMagic, w.b), nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler. It returns models.ErrInvalid, and changes nothing, for data that
// MarshalBinary did not write.
func (f *Arrivals) UnmarshalBinary(data []byte) error {
	r, err := unseal(arrivalsMagic, data)
	if err != nil {
		return err
	}
	fresh := Arrivals{sizes: newHistory(arrivalSizes)}
	hazard, timer := r.bytes(), r.bytes()
	if r.err == nil {
		if err := fresh.hazard.UnmarshalBinary(hazard); err != nil {
			return err
		}
		if err := fresh.timer.UnmarshalBinary(timer); err != nil {
			return err
		}
	}
	fresh.shares = [2]float64{r.float(0, 1), r.float(0, 1)}
	for i := range fresh.mixes {
		fresh.mixes[i].read(r)
	}
	fresh.sizes.read(r)
	if slices.ContainsFunc(fresh.sizes.values, func(v float32) bool { return !(v >= 0) }) {
		r.fail("a size is not usable")
	}
	if err := r.done(); err != nil {
		return err
	}
	*f = fresh
	return nil
}

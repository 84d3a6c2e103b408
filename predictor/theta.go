package predictor

import (
	"fmt"
	"math"

	"pilotlight/models"
)

var _ MultiSeason = (*Theta)(nil)

const (
	thetaMagic = "PLTH"
	thetaDepth = 8 // periods of history used
)

// Theta is simple exponential smoothing with half the linear trend as drift, on the series without its season:
//
//	f(h) = l + b/2·(h - 1 + (1 - (1-α)^n)/α) + s(t+h)
//
// which is the Theta method of Assimakopoulos and Nikolopoulos (2000) in the form of Hyndman and Billah (2003). The season is the mean
// distance of each position from the mean of its period, b the slope of the least-squares line, and α the one of five values with
// the smallest squared one-step errors, all over the latest eight periods. Update is O(1), Forecast O(period + h).
type Theta struct {
	period int
	tape   tape
}

// NewTheta makes the model; period is the season in steps, in [1, MaxPeriod], 1 for none.
func NewTheta(period int) (*Theta, error) {
	if period < 1 || period > MaxPeriod {
		return nil, fmt.Errorf("theta period %d is not in [1, %d] steps: %w", period, MaxPeriod, models.ErrInvalid)
	}
	return &Theta{period: period, tape: newTape(max(thetaDepth*period, thetaDepth), period)}, nil
}

// Update implements Forecaster.
func (m *Theta) Update(y float64) { m.tape.push(y) }

// Forecast implements Forecaster; it needs two periods.
func (m *Theta) Forecast(dst []float64) error {
	v, p := m.tape.view(), m.period
	n := len(v) / p * p
	if n < 2*p || n < 2 {
		return errWarming
	}
	flat := make([]float64, n)
	copy(flat, v[len(v)-n:])
	season := deseasonalise(flat, p)
	slope := slope(flat)
	level, alpha := smoothed(flat)
	start := (1 - math.Pow(1-alpha, float64(n))) / alpha
	for h := range dst {
		f := level + slope/2*(float64(h)+start) + season[h%p]
		dst[h] = max(-MaxValue, min(f, MaxValue))
	}
	return nil
}

// deseasonalise subtracts from v, whole periods, the mean distance of each position from the mean of its period, and returns those
// distances.
func deseasonalise(v []float64, p int) []float64 {
	season := make([]float64, p)
	if p == 1 {
		return season
	}
	n := len(v) / p
	for b := range n {
		block := v[b*p : (b+1)*p]
		mu := sum(block) / float64(p)
		for i, x := range block {
			season[i] += (x - mu) / float64(n)
		}
	}
	for i := range v {
		v[i] -= season[i%p]
	}
	return season
}

// slope is that of the least-squares line.
func slope(v []float64) float64 {
	mid := float64(len(v)-1) / 2
	num, den := 0.0, 0.0
	for i, x := range v {
		d := float64(i) - mid
		num += d * x
		den += d * d
	}
	return num / den
}

// smoothed returns the level of simple exponential smoothing and its parameter.
func smoothed(v []float64) (level, alpha float64) {
	best := math.Inf(1)
	for _, a := range [...]float64{0.05, 0.2, 0.5, 0.8, 1} {
		l, sse := v[0], 0.0
		for _, x := range v[1:] {
			e := x - l
			sse += e * e
			l += a * e
		}
		if sse < best || math.IsInf(best, 1) {
			best, level, alpha = sse, l, a
		}
	}
	return level, alpha
}

// Seasons implements MultiSeason.
func (m *Theta) Seasons() []int { return []int{m.period} }

// MarshalBinary implements encoding.BinaryMarshaler.
func (m *Theta) MarshalBinary() ([]byte, error) {
	var b writer
	b.int(m.period)
	m.tape.write(&b)
	return seal(thetaMagic, b.b), nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler. It returns models.ErrInvalid, and changes nothing, for data that
// MarshalBinary did not write.
func (m *Theta) UnmarshalBinary(data []byte) error {
	r, err := unseal(thetaMagic, data)
	if err != nil {
		return err
	}
	period := r.int(1, MaxPeriod)
	if r.err != nil {
		return r.err
	}
	fresh, err := NewTheta(period)
	if err != nil {
		return err
	}
	fresh.tape.readInto(r)
	if err := r.done(); err != nil {
		return err
	}
	*m = *fresh
	return nil
}

package predictor

import (
	"fmt"
	"math"

	"pilotlight/models"
)

var _ Forecaster = (*ShiftProfile)(nil)

const (
	shiftMagic = "PLSP"
	// profileRate is the weight of the newest period in the profile.
	profileRate = 0.2
	// profileReach is the half width of the smoothing of the profile, as a share of the period.
	profileReach = 144
)

// profile is the usual course of a period: for each place an exponential mean over the periods, smoothed over its neighbours.
type profile struct {
	period, reach int
	at            int // the place of the next value
	mean          []float64
	count         []float64 // known values at each place
	// sum and mass are the sums of mean over the neighbours that have one, and their number.
	sum, mass []float64
}

func newProfile(period int) profile {
	return profile{
		period: period, reach: period / profileReach,
		mean: make([]float64, period), count: make([]float64, period), sum: make([]float64, period), mass: make([]float64, period),
	}
}

// update takes the next value.
func (p *profile) update(y float64) {
	i := p.at
	p.at++
	if p.at == p.period {
		p.at = 0
	}
	if math.IsNaN(y) {
		return
	}
	add := 0.0
	if p.count[i] == 0 {
		add = 1
	}
	p.count[i] = min(p.count[i]+1, 1000)
	delta := (y - p.mean[i]) * max(profileRate, 1/p.count[i])
	p.mean[i] += delta
	for k := -p.reach; k <= p.reach; k++ {
		j := i + k
		if j < 0 {
			j += p.period
		} else if j >= p.period {
			j -= p.period
		}
		p.sum[j] += delta
		p.mass[j] += add
	}
}

// ahead returns the profile h steps ahead, 0 being the latest value, negative h before it; NaN if nothing is known of it.
func (p *profile) ahead(h int) float64 {
	i := wrap(p.at-1+h, p.period)
	if p.mass[i] == 0 {
		return math.NaN()
	}
	return p.sum[i] / p.mass[i]
}

func (p *profile) write(w *writer) {
	w.int(p.at)
	w.floats(p.mean)
	w.floats(p.count)
	w.floats(p.sum)
	w.floats(p.mass)
}

// read fills a profile whose period is known.
func (p *profile) read(r *reader) {
	p.at = r.int(0, p.period-1)
	r.floats(p.mean, MaxValue)
	r.floats(p.count, MaxValue)
	r.floats(p.sum, math.MaxFloat64)
	r.floats(p.mass, MaxValue)
}

// ShiftProfile forecasts the usual course of the period, moved by how far the latest values lie from it; the shift fades with
// the horizon: P(t+h) + 2^(-h/H) · mean of the last L (y - P), in which P is the exponential mean of the past periods at that
// place, smoothed over its neighbours. It is good on load with a daily course whose level wanders.
type ShiftProfile struct {
	last  int     // L, in steps
	half  float64 // H, in steps; infinite for a shift that stays
	prof  profile
	shift history // the latest y - P
}

// NewShiftProfile makes the model: last is the number of steps whose mean shift counts, in [1, 4096], and half the number of steps
// in which the shift halves, infinite if it stays.
func NewShiftProfile(period, last int, half float64) (*ShiftProfile, error) {
	if period < 2 || period > MaxPeriod || last < 1 || last > maxMedian || !(half > 0) {
		return nil, fmt.Errorf("shift profile with period %d, last %d and half-life %v: want 2 to %d, 1 to %d and above 0: %w",
			period, last, half, MaxPeriod, maxMedian, models.ErrInvalid)
	}
	return &ShiftProfile{last: last, half: half, prof: newProfile(period), shift: newHistory(last)}, nil
}

// Update implements Forecaster.
func (s *ShiftProfile) Update(y float64) {
	y = usable(y)
	s.shift.push(y - s.prof.ahead(1))
	s.prof.update(y)
}

// Forecast implements Forecaster; it needs one period.
func (s *ShiftProfile) Forecast(dst []float64) error {
	sum, n := 0.0, 0.0
	for _, v := range s.shift.values {
		if v == v {
			sum += float64(v)
			n++
		}
	}
	shift := sum / max(n, 1)
	decay := math.Exp2(-1 / s.half)
	last := math.NaN()
	for h := range dst {
		shift *= decay
		if p := s.prof.ahead(h + 1); !math.IsNaN(p) {
			last = p
		}
		if math.IsNaN(last) {
			return errWarming
		}
		dst[h] = last + shift
	}
	if len(dst) == 0 && s.prof.empty() {
		return errWarming
	}
	return nil
}

// empty reports whether the profile knows no value.
func (p *profile) empty() bool {
	for _, c := range p.count {
		if c > 0 {
			return false
		}
	}
	return true
}

// MarshalBinary implements encoding.BinaryMarshaler.
func (s *ShiftProfile) MarshalBinary() ([]byte, error) {
	var b writer
	b.int(s.prof.period)
	b.int(s.last)
	b.float(s.half)
	s.shift.write(&b)
	s.prof.write(&b)
	return seal(shiftMagic, b.b), nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler. It returns models.ErrInvalid, and changes nothing, for data that
// MarshalBinary did not write.
func (s *ShiftProfile) UnmarshalBinary(data []byte) error {
	r, err := unseal(shiftMagic, data)
	if err != nil {
		return err
	}
	fresh, err := NewShiftProfile(r.int(2, min(MaxPeriod, len(data))), r.int(1, maxMedian), r.rawFloat())
	if err != nil {
		return err
	}
	fresh.shift.read(r)
	fresh.prof.read(r)
	if err := r.done(); err != nil {
		return err
	}
	*s = *fresh
	return nil
}

package predictor

import (
	"fmt"
	"math"

	"pilotlight/models"
)

var _ Forecaster = (*SeasonalNaive)(nil)

const (
	snMagic = "PLSN"
)

// SeasonalNaive repeats the last period: the forecast h steps ahead is the value of the same position one period before, h
// beyond a period included: y[t+h-m·ceil(h/m)], which is always known at t. Where that value is missing it takes the one
// another period earlier, and else the latest known value.
type SeasonalNaive struct {
	period int
	own    *history // nil if shared
	hist   past     // own, or one shared with the pool, which then feeds it
	last   float64
}

// NewSeasonalNaive makes the model with a period in steps, in [1, MaxPeriod].
func NewSeasonalNaive(period int) (*SeasonalNaive, error) {
	if period < 1 || period > MaxPeriod {
		return nil, fmt.Errorf("seasonal naive period %d is not in [1, %d] steps: %w", period, MaxPeriod, models.ErrInvalid)
	}
	own := newHistory(period)
	return &SeasonalNaive{period: period, own: &own, hist: &own, last: math.NaN()}, nil
}

// share makes the model read h, to which its owner pushes each value before Update.
func (s *SeasonalNaive) share(h past) { s.hist, s.own = h, nil }

// Update implements Forecaster.
func (s *SeasonalNaive) Update(y float64) {
	y = usable(y)
	if s.own != nil {
		s.own.push(y)
	}
	if !math.IsNaN(y) {
		s.last = y
	}
}

// Forecast implements Forecaster; it needs one period.
func (s *SeasonalNaive) Forecast(dst []float64) error {
	if s.hist.len() < s.period || math.IsNaN(s.last) {
		return errWarming
	}
	age := s.period
	for h := range dst {
		dst[h] = s.seasonal(age)
		if age--; age == 0 {
			age = s.period
		}
	}
	return nil
}

// forecastSome implements someForecaster.
func (s *SeasonalNaive) forecastSome(steps []int, dst []float64) error {
	if s.hist.len() < s.period || math.IsNaN(s.last) {
		return errWarming
	}
	for _, h := range steps {
		dst[h] = s.seasonal(s.period - h%s.period)
	}
	return nil
}

// seasonal returns the value of age steps ago, or what replaces it.
func (s *SeasonalNaive) seasonal(age int) float64 {
	for ; age <= s.hist.len(); age += s.period {
		if v := s.hist.at(age); !math.IsNaN(v) {
			return v
		}
	}
	return s.last
}

// MarshalBinary implements encoding.BinaryMarshaler. A shared history is not part of it.
func (s *SeasonalNaive) MarshalBinary() ([]byte, error) {
	var b writer
	b.int(s.period)
	b.float(s.last)
	b.bool(s.own != nil)
	if s.own != nil {
		s.own.write(&b)
	}
	return seal(snMagic, b.b), nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler. It returns models.ErrInvalid, and changes nothing, for data that
// MarshalBinary did not write.
func (s *SeasonalNaive) UnmarshalBinary(data []byte) error {
	r, err := unseal(snMagic, data)
	if err != nil {
		return err
	}
	fresh := SeasonalNaive{period: r.int(1, MaxPeriod), last: usable(r.rawFloat())}
	owned := r.bool()
	if owned {
		own := newHistory(fresh.period)
		own.read(r)
		fresh.own, fresh.hist = &own, &own
	} else {
		fresh.hist = s.hist
	}
	if shared := s.hist != nil && s.own == nil; r.err == nil && shared == owned {
		r.fail("the history is shared in one and not in the other")
	}
	if err := r.done(); err != nil {
		return err
	}
	*s = fresh
	return nil
}

package predictor

import (
	"fmt"
	"slices"

	"pilotlight/models"
)

var (
	_ Forecaster         = (*PhaseQuantiles)(nil)
	_ QuantileForecaster = (*PhaseQuantiles)(nil)
)

const (
	phaseMagic = "PLPQ"
	// phaseSeasons is how many periods back it looks.
	phaseSeasons = 14
	maxPhase     = 20160
	// phaseShare is the reach to either side of the same time as a share of the period: ten minutes of a day.
	phaseShare = 144
	// phaseMinimum is the least number of known values for a forecast.
	phaseMinimum = 3
)

// PhaseQuantiles forecasts the empirical quantiles of the values at about the same place in the past periods: of a day, the same
// time within ten minutes on up to 14 days. It does not look at the level of now.
type PhaseQuantiles struct {
	period int
	hist   history
}

// NewPhaseQuantiles makes the model with a period in steps, in [2, MaxPeriod].
func NewPhaseQuantiles(period int) (*PhaseQuantiles, error) {
	if period < 2 || period > MaxPeriod {
		return nil, fmt.Errorf("period of %d steps is not in [2, %d]: %w", period, MaxPeriod, models.ErrInvalid)
	}
	return &PhaseQuantiles{period: period, hist: newHistory(max(period, min(phaseSeasons*period, maxPhase)))}, nil
}

// Update implements Forecaster.
func (p *PhaseQuantiles) Update(y float64) { p.hist.push(usable(y)) }

// Forecast implements Forecaster; it needs one period.
func (p *PhaseQuantiles) Forecast(dst []float64) error {
	return p.ForecastQuantiles([]float64{0.5}, [][]float64{dst})
}

// ForecastQuantiles implements QuantileForecaster; it needs one period.
func (p *PhaseQuantiles) ForecastQuantiles(levels []float64, dst [][]float64) error {
	if p.hist.len() < p.period {
		return errWarming
	}
	if len(dst) == 0 {
		return nil
	}
	reach := p.period / phaseShare
	near := make([]float32, 0, (2*reach+1)*phaseSeasons)
	for h := range dst[0] {
		// With a reach the quantiles change slowly: every few steps will do.
		if h > 0 && h%(reach/2+1) != 0 {
			for l := range levels {
				dst[l][h] = dst[l][h-1]
			}
			continue
		}
		near = p.near(near[:0], h+1, reach)
		if len(near) < phaseMinimum && p.hist.len() > p.period {
			near = p.near(near, h+1, p.period)
		}
		if len(near) == 0 {
			return errWarming
		}
		slices.Sort(near)
		for l, q := range levels {
			dst[l][h] = orderStatistic(near, q)
		}
	}
	return nil
}

// near appends the known values within reach of the places one, two, ... periods before the step h ahead.
func (p *PhaseQuantiles) near(dst []float32, h, reach int) []float32 {
	for age := p.period - wrap(h-1, p.period); age-reach <= p.hist.len(); age += p.period {
		for a := max(1, age-reach); a <= min(age+reach, p.hist.len()); a++ {
			if v := float32(p.hist.at(a)); v == v {
				dst = append(dst, v)
			}
		}
	}
	return dst
}

// MarshalBinary implements encoding.BinaryMarshaler.
func (p *PhaseQuantiles) MarshalBinary() ([]byte, error) {
	var b writer
	b.int(p.period)
	p.hist.write(&b)
	return seal(phaseMagic, b.b), nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler. It returns models.ErrInvalid, and changes nothing, for data that
// MarshalBinary did not write.
func (p *PhaseQuantiles) UnmarshalBinary(data []byte) error {
	r, err := unseal(phaseMagic, data)
	if err != nil {
		return err
	}
	fresh, err := NewPhaseQuantiles(r.int(2, MaxPeriod))
	if err != nil {
		return err
	}
	fresh.hist.read(r)
	if err := r.done(); err != nil {
		return err
	}
	*p = *fresh
	return nil
}

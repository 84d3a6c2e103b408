package predictor

import (
	"fmt"
	"math"

	"pilotlight/models"
)

var _ Forecaster = (*Rank1)(nil)

const (
	rank1Magic = "PLR1"
	rank1Depth = 64 // short periods of history used at most
)

// Rank1Options choose a shape-times-level model.
type Rank1Options struct {
	// Period is the length of the shape; Long, if a multiple of it, is the period after which shapes and levels recur.
	Period, Long int
	// Shapes is over how many periods a shape is taken.
	Shapes int
	// Recur takes the shape from the same periods of the long one, instead of from the latest periods.
	Recur bool
	// Lambda is the penalty of the regression of the levels.
	Lambda float64
}

// Rank1 cuts the latest history into periods, each a level (its mean) times a shape, forecasts the levels by ridge regression on
// the levels one period, two periods and a long period before, and multiplies them with the mean shape of the
// latest periods: the rank-one model of FLAIR (Honda, arXiv 2605.07222), with one fixed choice instead of its searches. Update is O(1),
// Forecast O(n).
type Rank1 struct {
	opt  Rank1Options
	tape tape
}

// NewRank1 makes the model.
func NewRank1(opt Rank1Options) (*Rank1, error) {
	ok := opt.Period >= 2 && opt.Period <= MaxPeriod && opt.Long >= 0 && opt.Long <= MaxPeriod && opt.Shapes >= 1 && opt.Shapes <= maxDepth &&
		opt.Lambda > 0 && opt.Lambda <= 1e6
	if !ok {
		return nil, fmt.Errorf("rank-1 model %+v; keep the periods in [2, %d], shapes in [1, %d] and lambda in (0, 1e6]: %w", opt, MaxPeriod, maxDepth, models.ErrInvalid)
	}
	return &Rank1{opt: opt, tape: newTape(rank1Depth*opt.Period, opt.Period)}, nil
}

// Update implements Forecaster.
func (m *Rank1) Update(y float64) { m.tape.push(y) }

// cycle is how many short periods make a long one, 1 without one.
func (m *Rank1) cycle() int {
	if m.opt.Long > 0 && m.opt.Long%m.opt.Period == 0 {
		return m.opt.Long / m.opt.Period
	}
	return 1
}

// Forecast implements Forecaster; it needs one period.
func (m *Rank1) Forecast(dst []float64) error {
	v := m.tape.view()
	p := m.opt.Period
	n := len(v) / p
	if n == 0 {
		return errWarming
	}
	v = v[len(v)-n*p:]
	blocks := (len(dst) + p - 1) / p
	levels := make([]float64, n, n+blocks)
	for i := range levels {
		levels[i] = sum(v[i*p:(i+1)*p]) / float64(p)
	}
	levels = m.extend(levels, blocks)
	cycle := m.cycle()
	stride := 1
	if m.opt.Recur {
		stride = cycle
	}
	shape := make([]float64, p)
	for b := range blocks {
		if b == 0 || stride > 1 {
			first := n - 1
			if stride > 1 {
				first = n + b - stride
				for first >= n {
					first -= stride
				}
			}
			m.shape(v, levels, shape, first, stride)
		}
		for i := b * p; i < min((b+1)*p, len(dst)); i++ {
			dst[i] = max(-MaxValue, min(levels[n+b]*shape[i-b*p], MaxValue))
		}
	}
	return nil
}

// shape sets shape to the mean shape of the periods first, first-stride and so on.
func (m *Rank1) shape(v, levels, shape []float64, first, stride int) {
	p := m.opt.Period
	if first < 0 {
		first = len(v)/p - 1
	}
	clear(shape)
	total, size := 0.0, 0.0
	for k := first; k >= 0 && k > first-stride*m.opt.Shapes; k -= stride {
		for i := range shape {
			shape[i] += v[k*p+i]
		}
		total += levels[k]
		size += math.Abs(levels[k])
	}
	for i := range shape {
		if math.Abs(total) > 1e-6*size {
			shape[i] /= total
		} else {
			shape[i] = 1
		}
	}
}

// extend forecasts blocks more levels.
func (m *Rank1) extend(levels []float64, blocks int) []float64 {
	n := len(levels)
	cycle := m.cycle()
	lags := []int{1, 2}
	if cycle > 2 {
		lags = append(lags, cycle)
	}
	deep := lags[len(lags)-1]
	lo, hi := levels[0], levels[0]
	for _, l := range levels {
		lo, hi = min(lo, l), max(hi, l)
	}
	if n < deep+2*len(lags) || hi-lo <= 0 {
		for range blocks {
			back := 1
			if n >= cycle && cycle > 1 {
				back = cycle
			}
			levels = append(levels, levels[len(levels)-back])
		}
		return levels
	}
	r, err := NewLagRidge(LagRidgeOptions{Lags: lags, Season: 1, Power: 1, Lambda: m.opt.Lambda})
	if err != nil { // cannot be: the lags are few and increase
		return levels
	}
	for _, l := range levels {
		r.Update(l)
	}
	ahead := make([]float64, blocks)
	if r.Forecast(ahead) != nil {
		for i := range ahead {
			ahead[i] = levels[n-1]
		}
	}
	return append(levels, ahead...)
}

// MarshalBinary implements encoding.BinaryMarshaler.
func (m *Rank1) MarshalBinary() ([]byte, error) {
	var b writer
	b.int(m.opt.Period)
	b.int(m.opt.Long)
	b.int(m.opt.Shapes)
	b.bool(m.opt.Recur)
	b.float(m.opt.Lambda)
	m.tape.write(&b)
	return seal(rank1Magic, b.b), nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler. It returns models.ErrInvalid, and changes nothing, for data that
// MarshalBinary did not write.
func (m *Rank1) UnmarshalBinary(data []byte) error {
	r, err := unseal(rank1Magic, data)
	if err != nil {
		return err
	}
	var o Rank1Options
	o.Period, o.Long, o.Shapes = r.int(2, MaxPeriod), r.int(0, MaxPeriod), r.int(1, maxDepth)
	o.Recur, o.Lambda = r.bool(), r.float(0, 1e6)
	return restoreTaped(r, m, func() (*Rank1, error) { return NewRank1(o) }, func(fresh *Rank1) *tape { return &fresh.tape })
}

// Seasons implements MultiSeason.
func (m *Rank1) Seasons() []int { return []int{m.opt.Period, max(m.opt.Long, m.opt.Period)} }

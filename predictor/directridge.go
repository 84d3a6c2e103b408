package predictor

import (
	"fmt"
	"math"

	"pilotlight/models"
)

var _ Forecaster = (*DirectRidge)(nil)

const (
	directRidgeMagic = "PLDR"
	// ridgeShare is the penalty as a share of each feature's sum of squares.
	ridgeShare = 1e-3
	// ridgeAnchor is the weight of the newest value in the level that all is measured from.
	ridgeAnchor = 0.1
	// ridgeDense is up to how many rows each one is learnt; later ones only every ridgeSparse-th.
	ridgeDense  = 2048
	ridgeSparse = 4
)

// The features of a row. Those of the first kind are known at its time, those of the second are where the season says that the
// horizon will be.
var (
	ridgeHorizons = [...]int{1, 2, 3, 5, 9, 15, 23, 33, 46, 60} //nolint:gochecknoglobals // a constant table
	ridgeLags     = [...]int{1, 2, 3, 4, 5, 7, 10, 15, 30, 60}  //nolint:gochecknoglobals // a constant table
	ridgeRates    = [...]float64{0.3, 0.03, 0.005}              //nolint:gochecknoglobals // a constant table
)

const (
	ridgeCommon = 1 + 10 + 3 + 4 + 1
	ridgeAhead  = 3
	ridgeP      = ridgeCommon + ridgeAhead
	ridgeH      = 10
	ridgeSpan   = 60 // the furthest horizon
)

// ridgeRow is what was known at one time.
type ridgeRow struct {
	anchor float64
	common [ridgeCommon]float64
	ahead  [ridgeH][ridgeAhead]float64
}

// ridgeSums are the normal equations: of the common features, shared by all horizons, and what each horizon adds.
type ridgeSums struct {
	rows int
	xx   [ridgeCommon][ridgeCommon]float64
	h    [ridgeH]ridgeAheadSums
}

// ridgeAheadSums are the sums with the features and the target of one horizon.
type ridgeAheadSums struct {
	cross [ridgeAhead][ridgeCommon]float64
	qq    [ridgeAhead][ridgeAhead]float64
	xy    [ridgeCommon]float64
	qy    [ridgeAhead]float64
}

// DirectRidge forecasts by one ridge regression for each of ten horizons, up to 60 steps, in between by interpolation, beyond by
// fading into the usual course of the period. The features are lags, recent means, the place in the period, the usual course of
// the period now and at the horizon, and what was one period before the horizon. All are measured from the recent mean, so that
// a model without rows says the recent mean. It learns a row when its furthest horizon has come.
type DirectRidge struct {
	period int // 0 is none
	scale  Scale
	hist   history // on the scale, missing values filled by the latest known
	gap    history // 1 where the value was missing
	prof   profile
	n      int
	last   float64
	anchor float64
	means  [len(ridgeRates)]float64
	lo, hi float64
	rows   [ridgeSpan + 1]ridgeRow // ring; row of time t lies at t mod its length
	sums   ridgeSums
}

// NewDirectRidge makes the model; period, in steps, may be 0 for none. It works on scale.
func NewDirectRidge(period int, scale Scale) (*DirectRidge, error) {
	if period != 0 && (period < 2 || period > MaxPeriod) || scale < 0 || scale >= numScales {
		return nil, fmt.Errorf("ridge with period %d on scale %s: want 0 or 2 to %d, and a known scale: %w", period, scale, MaxPeriod, models.ErrInvalid)
	}
	r := &DirectRidge{period: period, scale: scale, hist: newHistory(max(ridgeSpan, period) + ridgeSpan + 2), gap: newHistory(ridgeSpan + 1)}
	if period > 0 {
		r.prof = newProfile(period)
	}
	return r, nil
}

// Update implements Forecaster.
func (r *DirectRidge) Update(y float64) {
	z := r.scale.to(usable(y))
	missing := 0.0
	if math.IsNaN(z) {
		missing = 1
		z = r.last
		if r.n == 0 {
			return
		}
	}
	if r.n == 0 {
		r.anchor, r.lo, r.hi = z, z, z
		for i := range r.means {
			r.means[i] = z
		}
	}
	r.n++
	r.last = z
	r.lo, r.hi = min(r.lo, z), max(r.hi, z)
	r.hist.push(z)
	r.gap.push(missing)
	if r.period > 0 {
		v := z
		if missing > 0 {
			v = math.NaN()
		}
		r.prof.update(v)
	}
	r.anchor += max(ridgeAnchor, 1/float64(r.n)) * (z - r.anchor)
	for i, rate := range ridgeRates {
		r.means[i] += max(rate, 1/float64(r.n)) * (z - r.means[i])
	}
	r.learn()
	r.describe(&r.rows[r.n%len(r.rows)])
}

// describe fills the row of now.
func (r *DirectRidge) describe(row *ridgeRow) {
	a := r.anchor
	row.anchor = a
	x := row.common[:0]
	x = append(x, 1)
	for _, lag := range ridgeLags {
		x = append(x, r.back(lag)-a)
	}
	for _, m := range r.means {
		x = append(x, m-a)
	}
	if r.period == 0 {
		clear(row.common[len(x):])
		row.ahead = [ridgeH][ridgeAhead]float64{}
		return
	}
	s, c := math.Sincos(2 * math.Pi * float64(r.prof.at) / float64(r.period))
	scale := r.hi - r.lo
	copy(row.common[len(x):], []float64{s * scale, c * scale, 2 * s * c * scale, (c*c - s*s) * scale, r.usual(0) - a})
	for i, h := range ridgeHorizons {
		age := r.period - wrap(h-1, r.period) // 1 is the latest value
		row.ahead[i] = [ridgeAhead]float64{
			r.usual(h) - a,
			r.back(age) - a,
			(r.back(age+1)+r.back(max(1, age-1))+r.back(age+2)+r.back(max(1, age-2)))/4 - a,
		}
	}
}

// back returns the value of age steps ago, 1 being the latest, or the anchor if it is not known.
func (r *DirectRidge) back(age int) float64 {
	if v := r.hist.at(age); v == v {
		return v
	}
	return r.anchor
}

// usual returns the profile h steps ahead, or the anchor if it is not known.
func (r *DirectRidge) usual(h int) float64 {
	if v := r.prof.ahead(h); v == v {
		return v
	}
	return r.anchor
}

// learn takes the row of 60 steps ago into the sums, now that what it would have forecast is known.
func (r *DirectRidge) learn() {
	if r.n <= ridgeSpan+1 || r.n > ridgeDense && r.n%ridgeSparse != 0 {
		return
	}
	t := r.n - ridgeSpan
	missing := 0
	var target [ridgeH]float64
	row := &r.rows[t%len(r.rows)]
	for i, h := range ridgeHorizons {
		age := ridgeSpan - h + 1
		if r.gap.at(age) > 0 {
			missing++
		}
		target[i] = r.hist.at(age) - row.anchor
	}
	if missing > ridgeH/2 {
		return
	}
	r.sums.add(row, &target, r.period > 0)
}

// add takes a row and what came after it into the sums.
func (s *ridgeSums) add(row *ridgeRow, target *[ridgeH]float64, seasonal bool) {
	s.rows++
	for i, v := range row.common {
		for j, w := range row.common[:i+1] {
			s.xx[i][j] += v * w
		}
	}
	for k := range s.h {
		e, d := &s.h[k], target[k]
		for i, v := range row.common {
			e.xy[i] += v * d
		}
		if seasonal {
			e.add(row, &row.ahead[k], d)
		}
	}
}

// add takes the features at the horizon into the sums.
func (e *ridgeAheadSums) add(row *ridgeRow, ahead *[ridgeAhead]float64, d float64) {
	for i, v := range ahead {
		c := &e.cross[i]
		for j, w := range row.common {
			c[j] += v * w
		}
		for j, w := range ahead[:i+1] {
			e.qq[i][j] += v * w
		}
		e.qy[i] += v * d
	}
}

// Forecast implements Forecaster; it needs one value.
func (r *DirectRidge) Forecast(dst []float64) error {
	if r.n == 0 {
		return errWarming
	}
	row := &r.rows[r.n%len(r.rows)]
	lo, hi := r.lo-(r.hi-r.lo)/4, r.hi+(r.hi-r.lo)/4
	from, left := 0, r.last-r.base(0)
	for k, h := range ridgeHorizons {
		if from >= len(dst) {
			return nil
		}
		beta := r.sums.solve(k)
		f := row.anchor
		for i, v := range row.common {
			f += beta[i] * v
		}
		for i, v := range row.ahead[k] {
			f += beta[ridgeCommon+i] * v
		}
		right := max(lo, min(f, hi)) - r.base(h)
		for s := from + 1; s <= min(h, len(dst)); s++ {
			share := float64(s-from) / float64(h-from)
			dst[s-1] = r.scale.back(max(lo, min(r.base(s)+left+share*(right-left), hi)))
		}
		from, left = h, right
	}
	for s := ridgeSpan + 1; s <= len(dst); s++ {
		fade := 1.0
		if r.period > 0 {
			fade = math.Exp2(-float64(s-ridgeSpan) / ridgeSpan)
		}
		dst[s-1] = r.scale.back(max(lo, min(r.base(s)+left*fade, hi)))
	}
	return nil
}

// base is what the forecast is interpolated around.
func (r *DirectRidge) base(h int) float64 {
	if r.period == 0 {
		return 0
	}
	return r.usual(h)
}

// solve returns the coefficients of a horizon.
func (s *ridgeSums) solve(k int) (beta [ridgeP]float64) {
	if s.rows == 0 {
		return beta
	}
	var l [ridgeP][ridgeP]float64 // the lower half
	e := &s.h[k]
	for i := range ridgeCommon {
		copy(l[i][:], s.xx[i][:i+1])
	}
	for i := range ridgeAhead {
		copy(l[ridgeCommon+i][:], e.cross[i][:])
		copy(l[ridgeCommon+i][ridgeCommon:], e.qq[i][:i+1])
	}
	copy(beta[:], e.xy[:])
	copy(beta[ridgeCommon:], e.qy[:])
	for i := range l {
		l[i][i] *= 1 + ridgeShare
	}
	factor(&l)
	substitute(&l, &beta)
	return beta
}

// factor replaces the lower half of a positive matrix by its Cholesky factor. The row of a feature that the others explain, or that
// never moved, becomes zero.
func factor(l *[ridgeP][ridgeP]float64) {
	for i := range l {
		row := &l[i]
		whole := row[i]
		for j := range i {
			sum := row[j]
			for m, v := range l[j][:j] {
				sum -= row[m] * v
			}
			row[j] = 0
			if pivot := l[j][j]; pivot > 0 {
				row[j] = sum / pivot
			}
		}
		sum := whole
		for _, v := range row[:i] {
			sum -= v * v
		}
		row[i] = 0
		if sum > 1e-12*whole {
			row[i] = math.Sqrt(sum)
		}
	}
}

// substitute solves L·Lᵀ·x = b in place; unknowns of zero rows become zero.
func substitute(l *[ridgeP][ridgeP]float64, b *[ridgeP]float64) {
	for i := range b {
		for m, v := range l[i][:i] {
			b[i] -= v * b[m]
		}
		b[i] = divide(b[i], l[i][i])
	}
	for i := ridgeP - 1; i >= 0; i-- {
		for m := i + 1; m < ridgeP; m++ {
			b[i] -= l[m][i] * b[m]
		}
		b[i] = divide(b[i], l[i][i])
	}
}

// divide returns 0 for a division by zero.
func divide(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

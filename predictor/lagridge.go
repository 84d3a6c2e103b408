package predictor

import (
	"fmt"
	"math"
	"slices"

	"pilotlight/models"
)

var _ Forecaster = (*LagRidge)(nil)

const (
	lagRidgeMagic = "PLLR"
	maxLags       = 64
	maxLambda     = 1e6
)

// LagRidgeOptions choose a ridge regression on lags.
type LagRidgeOptions struct {
	// Lags are how many steps back the model looks, increasing.
	Lags []int
	// Season is the period that fills in missing values; 1 repeats the last value.
	Season int
	// Power is the exponent that values are raised to before all else, in (0, 1]: small ones calm peaks.
	Power float64
	// Lambda is the penalty, relative to the number of values and to lags of variance 1.
	Lambda float64
	// Diff, if above 0, makes the model forecast the change against Diff steps before from changes of that kind.
	Diff int
}

// LagRidge forecasts by linear regression on past values, with an intercept and a penalty on the standardised coefficients
// (Hoerl and Kennard 1970), applied again and again to its own forecasts. The moments of all values are accumulated, O(d²) an update
// for d lags; a forecast solves the normal equations anew.
type LagRidge struct {
	opt    LagRidgeOptions
	tape   tape
	offset float64 // the first value, subtracted so that the moments stay accurate
	n      float64
	sums   []float64 // of each lag, then of the target
	cross  []float64 // lower triangle of the moments of the lags, then the target
	lo, hi float64   // of all values, transformed
	row    []float64
}

// NewLagRidge makes the model.
func NewLagRidge(opt LagRidgeOptions) (*LagRidge, error) {
	if err := opt.validate(); err != nil {
		return nil, err
	}
	d := len(opt.Lags) + 1
	return &LagRidge{
		opt: opt, tape: newTape(opt.Lags[d-2]+opt.Diff+1, opt.Season), lo: math.Inf(1), hi: math.Inf(-1),
		sums: make([]float64, d), cross: make([]float64, d*(d+1)/2), row: make([]float64, d),
	}, nil
}

func (o *LagRidgeOptions) validate() error {
	n := len(o.Lags)
	if n < 1 || n > maxLags || slices.Min(o.Lags) < 1 || slices.Max(o.Lags) > MaxPeriod {
		return fmt.Errorf("ridge lags %v; give 1 to %d in [1, %d]: %w", o.Lags, maxLags, MaxPeriod, models.ErrInvalid)
	}
	if !slices.IsSorted(o.Lags) || len(slices.Compact(slices.Clone(o.Lags))) < n {
		return fmt.Errorf("ridge lags %v do not increase: %w", o.Lags, models.ErrInvalid)
	}
	if !within(o.Power, 1) || !within(o.Lambda, maxLambda) {
		return fmt.Errorf("ridge power %v and lambda %v; keep them in (0, 1] and (0, %v]: %w", o.Power, o.Lambda, maxLambda, models.ErrInvalid)
	}
	if min(o.Season-1, o.Diff) < 0 || max(o.Season, o.Diff) > MaxPeriod {
		return fmt.Errorf("ridge season %d and difference %d; keep them at most %d: %w", o.Season, o.Diff, MaxPeriod, models.ErrInvalid)
	}
	return nil
}

// within reports whether v is in (0, top].
func within(v, top float64) bool { return v > 0 && v <= top }

// to transforms a value.
func (r *LagRidge) to(y float64) float64 {
	switch r.opt.Power {
	case 1:
		return y
	case 0.25:
		y, neg := math.Abs(y), y < 0
		y = math.Sqrt(math.Sqrt(y))
		if neg {
			return -y
		}
		return y
	}
	return math.Copysign(math.Pow(math.Abs(y), r.opt.Power), y)
}

// back transforms back.
func (r *LagRidge) back(z float64) float64 {
	switch r.opt.Power {
	case 1:
		return z
	case 0.25:
		q := z * z
		return math.Copysign(q*q, z)
	}
	return math.Copysign(math.Pow(math.Abs(z), 1/r.opt.Power), z)
}

// Update implements Forecaster.
func (r *LagRidge) Update(y float64) {
	y = usable(y)
	if !math.IsNaN(y) {
		y = r.to(y)
	}
	known := r.tape.push(y)
	v := r.tape.view()
	n := len(v)
	if n == 0 {
		return
	}
	if n == 1 {
		r.offset = v[0]
	}
	z := v[n-1]
	r.lo, r.hi = min(r.lo, z), max(r.hi, z)
	if !known || n < r.tape.keep {
		return
	}
	r.lags(v[:n-1], r.row)
	d := len(r.opt.Lags)
	r.row[d] = r.read(v, n-1)
	r.n++
	at := 0
	for i, x := range r.row {
		r.sums[i] += x
		row := r.cross[at : at+i+1]
		for j := range row {
			row[j] += x * r.row[j]
		}
		at += i + 1
	}
}

// read returns the value at index i as the regression sees it.
func (r *LagRidge) read(v []float64, i int) float64 {
	if r.opt.Diff > 0 {
		return v[i] - v[i-r.opt.Diff]
	}
	return v[i] - r.offset
}

// lags fills in the lags of the value that comes after v.
func (r *LagRidge) lags(v, row []float64) {
	n := len(v)
	for i, l := range r.opt.Lags {
		row[i] = r.read(v, n-l)
	}
}

// Forecast implements Forecaster; it needs a quarter more values than it looks back, and as many as it has lags.
func (r *LagRidge) Forecast(dst []float64) error {
	d := len(r.opt.Lags)
	if r.n < float64(max(d, r.tape.keep/4, 4)) {
		return errWarming
	}
	coef, icept, ok := r.solve()
	if !ok {
		return errWarming
	}
	view := r.tape.view()
	n := len(view)
	path := make([]float64, n, n+len(dst))
	copy(path, view)
	room := r.hi - r.lo
	lo, hi := r.lo-room, r.hi+room
	for h := range dst {
		f := icept
		at := len(path)
		if r.opt.Diff > 0 {
			for i, l := range r.opt.Lags {
				f += coef[i] * (path[at-l] - path[at-l-r.opt.Diff])
			}
			f += path[at-r.opt.Diff]
		} else {
			for i, l := range r.opt.Lags {
				f += coef[i] * (path[at-l] - r.offset)
			}
			f += r.offset
		}
		f = max(lo, min(f, hi))
		path = append(path, f)
		dst[h] = r.back(f)
	}
	return nil
}

// solve returns the coefficients and the intercept.
func (r *LagRidge) solve() (coef []float64, icept float64, ok bool) {
	d := len(r.opt.Lags)
	mu, sd := r.spread()
	if !(sd[d] > 1e-9*(math.Abs(mu[d])+math.Abs(r.offset))) {
		return make([]float64, d), mu[d], true
	}
	a := make([]float64, len(r.cross))
	at := 0
	for i := range d + 1 {
		for j := 0; j <= i; j++ {
			if s := sd[i] * sd[j]; s > 0 {
				a[at+j] = (r.cross[at+j]/r.n - mu[i]*mu[j]) / s
			}
		}
		if i < d {
			a[at+i] = 1 + r.opt.Lambda
			at += i + 1
		}
	}
	a, b := a[:at], a[at:at+d] // the last row is the target's
	if !choleskySolve(a, b) {
		return nil, 0, false
	}
	icept = mu[d]
	for i := range b {
		if sd[i] > 0 {
			b[i] *= sd[d] / sd[i]
		}
		icept -= b[i] * mu[i]
	}
	return b, icept, true
}

// spread returns the means and standard deviations of the lags and the target.
func (r *LagRidge) spread() (mu, sd []float64) {
	d := len(r.opt.Lags)
	mu, sd = make([]float64, d+1), make([]float64, d+1)
	at := 0
	for i := range mu {
		at += i
		mu[i] = r.sums[i] / r.n
		sd[i] = math.Sqrt(max(0, r.cross[at]/r.n-mu[i]*mu[i]))
		at++
	}
	return mu, sd
}

// choleskySolve solves a·x = b for a positive definite matrix, given as its lower triangle by rows, in place: a becomes its
// factor and b the solution. It reports false if the matrix is not positive definite.
func choleskySolve(a, b []float64) bool {
	n := len(b)
	ri := 0
	for i := range n {
		row := a[ri : ri+i+1]
		rj := 0
		for j := 0; j <= i; j++ {
			other := a[rj : rj+j+1]
			s := row[j]
			for k := range j {
				s -= row[k] * other[k]
			}
			if i == j {
				if !(s > 1e-12) {
					return false
				}
				row[i] = math.Sqrt(s)
			} else {
				row[j] = s / other[j]
			}
			rj += j + 1
		}
		s := b[i]
		for k := range i {
			s -= row[k] * b[k]
		}
		b[i] = s / row[i]
		ri += i + 1
	}
	for i := n - 1; i >= 0; i-- {
		ri -= i + 1
		b[i] /= a[ri+i]
		for k := range i {
			b[k] -= a[ri+k] * b[i]
		}
	}
	return true
}

// MarshalBinary implements encoding.BinaryMarshaler.
func (r *LagRidge) MarshalBinary() ([]byte, error) {
	var b writer
	b.int(len(r.opt.Lags))
	for _, l := range r.opt.Lags {
		b.int(l)
	}
	b.int(r.opt.Season)
	b.int(r.opt.Diff)
	b.float(r.opt.Power)
	b.float(r.opt.Lambda)
	for _, v := range []float64{r.offset, r.n, r.lo, r.hi} {
		b.float(v)
	}
	b.floats(r.sums)
	b.floats(r.cross)
	r.tape.write(&b)
	return seal(lagRidgeMagic, b.b), nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler. It returns models.ErrInvalid, and changes nothing, for data that
// MarshalBinary did not write.
func (r *LagRidge) UnmarshalBinary(data []byte) error {
	in, err := unseal(lagRidgeMagic, data)
	if err != nil {
		return err
	}
	var opt LagRidgeOptions
	opt.Lags = make([]int, in.int(1, maxLags))
	for i := range opt.Lags {
		opt.Lags[i] = in.int(1, MaxPeriod)
	}
	opt.Season, opt.Diff = in.int(1, MaxPeriod), in.int(0, MaxPeriod)
	opt.Power, opt.Lambda = in.float(0, 1), in.float(0, 1e6)
	if in.err != nil {
		return in.err
	}
	fresh, err := NewLagRidge(opt)
	if err != nil {
		return err
	}
	fresh.offset, fresh.n = in.float(-MaxValue, MaxValue), in.float(0, math.MaxInt32)
	fresh.lo, fresh.hi = in.rawFloat(), in.rawFloat()
	in.floats(fresh.sums, math.MaxFloat64)
	in.floats(fresh.cross, math.MaxFloat64)
	fresh.tape.readInto(in)
	if in.err == nil && len(fresh.tape.values) > 0 && !(math.Abs(fresh.lo) <= MaxValue && math.Abs(fresh.hi) <= MaxValue) {
		in.fail("bounds %v and %v are not usable", fresh.lo, fresh.hi)
	}
	if err := in.done(); err != nil {
		return err
	}
	*r = *fresh
	return nil
}

// SeasonalLags returns lags for the periods: the first near ones, and around each multiple, up to deep, of each period the width
// neighbours on both sides. They increase, none twice.
func SeasonalLags(near int, periods []int, deep, width int) []int {
	var lags []int
	for l := 1; l <= near; l++ {
		lags = append(lags, l)
	}
	for _, p := range periods {
		for k := 1; k <= deep; k++ {
			for l := k*p - width; l <= k*p+width; l++ {
				if l > 0 {
					lags = append(lags, l)
				}
			}
		}
	}
	slices.Sort(lags)
	return slices.Compact(lags)
}

// Seasons implements MultiSeason.
func (r *LagRidge) Seasons() []int { return []int{r.opt.Season} }

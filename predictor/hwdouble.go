package predictor

import (
	"fmt"
	"math"
	"slices"

	"pilotlight/models"
)

var _ Forecaster = (*DoubleSeason)(nil)

const dsMagic = "PLDS"

// DoubleSeasonParams are the fixed smoothing parameters: the shares of the innovation that correct the level (α) and the seasons (γ and ω),
// and the autocorrelation of the errors (ρ).
type DoubleSeasonParams struct {
	Alpha, Short, Long, Rho float64
	// Echo (κ) is the share of the latest innovation that forecasts add, fading by 0.95 each step.
	Echo float64
}

// DoubleSeasonOptions choose a model: one or two periods, the shorter first, and the scale.
type DoubleSeasonOptions struct {
	Periods []int
	Scale   Scale
	Params  DoubleSeasonParams
}

// DoubleSeason is exponential smoothing with a level, one or two seasons and autocorrelated errors, whose parameters are fixed:
// one pass over a series is all the work, so that a bank of them with different parameters costs less than one fit. With the
// error e = y - l - u - v and the innovation z = e - ρp:
//
//	l' = l + αz,  u' = u + γz,  v' = v + ωz,  p' = e - (α+γ+ω)z,  f(h) = l + u + v + ρ^h·p + κ·0.95^h·z
//
// It is the additive form of Taylor, "Short-term electricity demand forecasting using double seasonal exponential smoothing"
// (2003), with his autocorrelated error, and an echo of the latest innovation: what begins to go wrong mostly gets worse before it
// gets better. The first state is found anew from all values each time that their number has
// doubled, up to two long periods: the mean course of the short period, a part of what the long one adds, and the level of the
// first period. Update is O(1) on average, Forecast O(h).
type DoubleSeason struct {
	opt    DoubleSeasonOptions
	level  float64
	ar     float64
	last   float64 // the latest innovation
	short  []float64
	long   []float64
	i, j   int
	warm   []float64 // the first values, until there are two long periods
	next   int       // at how many warm values the state is found again
	warmed bool
	ready  bool
}

// longShare is how much of the first weekly course is believed, for two periods of it.
const longShare = 0.6

// echoFade is how much of the echo of an innovation is left after a step.
const echoFade = 0.95

// NewDoubleSeason makes the model.
func NewDoubleSeason(opt DoubleSeasonOptions) (*DoubleSeason, error) {
	if err := opt.validate(); err != nil {
		return nil, err
	}
	d := &DoubleSeason{opt: opt, next: opt.Periods[0]}
	d.short = make([]float64, opt.Periods[0])
	if len(opt.Periods) > 1 {
		d.long = make([]float64, opt.Periods[1])
	}
	return d, nil
}

func (o *DoubleSeasonOptions) validate() error {
	n := len(o.Periods)
	if n < 1 || n > 2 || o.Periods[0] < 2 || o.Periods[n-1] > MaxPeriod || n == 2 && o.Periods[1] <= o.Periods[0] {
		return fmt.Errorf("double season periods %v; give one or two in [2, %d], the shorter first: %w", o.Periods, MaxPeriod, models.ErrInvalid)
	}
	if !o.Params.stable() {
		return fmt.Errorf("double season parameters %+v; keep them at or above 0, the sum of alpha, short and long below 2, rho below 1 and echo at most 2: %w", o.Params, models.ErrInvalid)
	}
	if o.Scale != ScaleRaw && o.Scale != ScaleLog1p {
		return fmt.Errorf("double season scale %v; take raw or log1p: %w", o.Scale, models.ErrInvalid)
	}
	return nil
}

// stable reports whether errors die out.
func (p *DoubleSeasonParams) stable() bool {
	return min(p.Alpha, p.Short, p.Long, p.Rho, p.Echo) >= 0 && p.Alpha+p.Short+p.Long < 2 && p.Rho < 1 && p.Echo <= 2
}

// warmth is how many values the model keeps to find its first state.
func (d *DoubleSeason) warmth() int { return 2 * d.opt.Periods[len(d.opt.Periods)-1] }

// Update implements Forecaster.
func (d *DoubleSeason) Update(y float64) {
	z := d.opt.Scale.to(usable(y))
	if d.warmed {
		d.step(z)
		return
	}
	if len(d.warm) == 0 && math.IsNaN(z) {
		return
	}
	d.warm = append(d.warm, z)
	if len(d.warm) < d.next {
		if d.ready {
			d.step(z)
		}
		return
	}
	d.start()
	d.next = min(2*len(d.warm), d.warmth())
	if len(d.warm) >= d.warmth() {
		d.warmed, d.warm = true, nil
	}
}

// start finds the first state from the warm values and runs through them.
func (d *DoubleSeason) start() {
	mu := orZero(mean(d.warm))
	d.ready = true
	course(d.warm, d.short, func(int) float64 { return mu }, 1)
	if n := len(d.long); n > 0 {
		share := longShare * min(1, 0.5*float64(len(d.warm)/n))
		course(d.warm, d.long, func(i int) float64 { return mu + d.short[i%len(d.short)] }, share)
	}
	d.level, d.ar, d.i, d.j = mu, 0, 0, 0
	if first := orZero(mean(d.warm[:len(d.short)])); len(d.long) == 0 {
		d.level = first
	} else {
		d.level = first - mean(d.long[:len(d.short)])
	}
	for _, z := range d.warm {
		d.step(z)
	}
}

// course fills season with share times the mean of z - base at each of its positions.
func course(z, season []float64, base func(int) float64, share float64) {
	n := len(season)
	for i := range season {
		sum, count := 0.0, 0
		for t := i; t < len(z); t += n {
			if !math.IsNaN(z[t]) {
				sum += z[t] - base(t)
				count++
			}
		}
		season[i] = 0
		if count > 0 {
			season[i] = share * sum / float64(count)
		}
	}
}

// orZero returns v, or 0 for NaN.
func orZero(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return v
}

// step takes the next value on the scale of the model.
func (d *DoubleSeason) step(z float64) {
	p := &d.opt.Params
	v := 0.0
	if len(d.long) > 0 {
		v = d.long[d.j]
	}
	if math.IsNaN(z) {
		d.ar *= p.Rho
		d.last *= echoFade
	} else {
		e := z - d.level - d.short[d.i] - v
		in := e - p.Rho*d.ar
		d.last = in
		d.level += p.Alpha * in
		d.short[d.i] += p.Short * in
		share := p.Alpha + p.Short
		if len(d.long) > 0 {
			d.long[d.j] += p.Long * in
			share += p.Long
		}
		d.ar = e - share*in
	}
	if d.i++; d.i == len(d.short) {
		d.i = 0
	}
	if d.j++; d.j >= len(d.long) {
		d.j = 0
	}
}

// Forecast implements Forecaster; it needs one short period.
func (d *DoubleSeason) Forecast(dst []float64) error {
	if !d.ready {
		return errWarming
	}
	i, j, ar, echo := d.i, d.j, d.ar, d.opt.Params.Echo*d.last
	for h := range dst {
		ar *= d.opt.Params.Rho
		echo *= echoFade
		z := d.level + d.short[i] + ar + echo
		if len(d.long) > 0 {
			z += d.long[j]
		}
		dst[h] = d.opt.Scale.back(z)
		if i++; i == len(d.short) {
			i = 0
		}
		if j++; j >= len(d.long) {
			j = 0
		}
	}
	return nil
}

// MarshalBinary implements encoding.BinaryMarshaler.
func (d *DoubleSeason) MarshalBinary() ([]byte, error) {
	var b writer
	b.int(len(d.opt.Periods))
	for _, p := range d.opt.Periods {
		b.int(p)
	}
	b.int(int(d.opt.Scale))
	p := d.opt.Params
	for _, v := range []float64{p.Alpha, p.Short, p.Long, p.Rho, p.Echo, d.level, d.ar, d.last} {
		b.float(v)
	}
	b.int(d.i)
	b.int(d.j)
	b.int(d.next)
	b.bool(d.warmed)
	b.bool(d.ready)
	b.floats(d.warm)
	b.floats(d.short)
	b.floats(d.long)
	return seal(dsMagic, b.b), nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler. It returns models.ErrInvalid, and changes nothing, for data that
// MarshalBinary did not write.
func (d *DoubleSeason) UnmarshalBinary(data []byte) error {
	r, err := unseal(dsMagic, data)
	if err != nil {
		return err
	}
	fresh := DoubleSeason{}
	o := &fresh.opt
	o.Periods = make([]int, r.int(1, 2))
	for i := range o.Periods {
		o.Periods[i] = r.int(2, MaxPeriod)
	}
	o.Scale = Scale(r.int(0, int(ScaleLog1p)))
	p := &o.Params
	p.Alpha, p.Short, p.Long, p.Rho, p.Echo = r.float(0, 2), r.float(0, 2), r.float(0, 2), r.float(0, 1), r.float(0, 2)
	limit := 1e6 * MaxValue
	fresh.level, fresh.ar, fresh.last = r.float(-limit, limit), r.float(-limit, limit), r.float(-limit, limit)
	if r.err != nil {
		return r.err
	}
	if err := o.validate(); err != nil {
		return err
	}
	fresh.i, fresh.j = r.int(0, o.Periods[0]-1), r.int(0, o.Periods[len(o.Periods)-1]-1)
	fresh.next = r.int(0, fresh.warmth())
	fresh.warmed, fresh.ready = r.bool(), r.bool()
	n := r.int(0, min(fresh.warmth(), len(r.b)/8))
	for range n {
		fresh.warm = append(fresh.warm, usable(r.rawFloat()))
	}
	if r.err == nil && (o.Periods[len(o.Periods)-1] > len(r.b)) {
		r.fail("the seasons are missing")
	}
	if r.err != nil {
		return r.err
	}
	fresh.short = make([]float64, o.Periods[0])
	r.floats(fresh.short, limit)
	if len(o.Periods) > 1 {
		fresh.long = make([]float64, o.Periods[1])
	}
	r.floats(fresh.long, limit)
	if err := r.done(); err != nil {
		return err
	}
	*d = fresh
	return nil
}

// Seasons implements MultiSeason.
func (d *DoubleSeason) Seasons() []int { return slices.Clone(d.opt.Periods) }

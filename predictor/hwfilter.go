package predictor

import "math"

// minSeason and maxSeason bound multiplicative indices: a division by less would turn noise into explosions.
const minSeason, maxSeason = 1e-2, 1e6

// hwFilter is the recursion of HoltWinters on the model's scale: parameters and state.
type hwFilter struct {
	p              HoltWintersParams
	multiplicative bool
	level, trend   float64
	ar             float64 // the autocorrelated part of the error
	season         []float64
	bin            int // steps that share one seasonal state
	period         int
	pos            int // position of the next value in its period
	slot, sub      int // its seasonal state, and the step inside it: pos = slot*bin + sub
}

func newHWFilter(opt *HoltWintersOptions, p HoltWintersParams) hwFilter {
	return hwFilter{p: p, multiplicative: opt.Season == SeasonMultiplicative, bin: opt.Bin, period: opt.period()}
}

// start sets the state before the value at position 0.
func (f *hwFilter) start(s *HoltWintersState) {
	f.level, f.trend, f.ar = s.Level, s.Trend, 0
	f.pos, f.slot, f.sub = 0, 0, 0
	f.season = append(f.season[:0], s.Season...)
}

// restart sets the state to that of g.
func (f *hwFilter) restart(g *hwFilter) {
	season := append(f.season[:0], g.season...)
	p := f.p
	*f = *g
	f.season, f.p = season, p
}

// advance moves to the next position of the period.
func (f *hwFilter) advance() {
	f.pos++
	f.sub++
	if f.sub == f.bin {
		f.sub = 0
		f.slot++
	}
	if f.pos >= f.period {
		f.pos, f.slot, f.sub = 0, 0, 0
	}
}

// step takes the next value and returns its one-step error, NaN if it is missing.
func (f *hwFilter) step(z float64) float64 {
	if f.multiplicative {
		return f.stepMultiplicative(z)
	}
	base := f.level + f.p.Phi*f.trend
	pred := base + f.p.Rho*f.ar
	if len(f.season) > 0 {
		pred += f.season[f.slot]
	}
	e := z - pred
	f.trend *= f.p.Phi
	f.ar *= f.p.Rho
	f.level = base
	if e == e { // not missing
		f.level += f.p.Alpha * e
		f.trend += f.p.Beta * e
		f.ar += (1 - f.p.Alpha - f.p.Gamma) * e
		if len(f.season) > 0 {
			f.season[f.slot] += f.p.Gamma * e
		}
	}
	f.advance()
	return e
}

func (f *hwFilter) stepMultiplicative(z float64) float64 {
	base := f.level + f.p.Phi*f.trend
	s := f.season[f.slot]
	e := z - base*s
	f.trend *= f.p.Phi
	f.level = base
	if !math.IsNaN(e) {
		f.level += f.p.Alpha * e / s
		f.trend += f.p.Beta * e / s
		if base > 0 {
			f.season[f.slot] = max(minSeason, min(s+f.p.Gamma*e/base, maxSeason))
		}
	}
	if !(math.Abs(f.level) <= MaxValue) || !(math.Abs(f.trend) <= MaxValue) {
		f.level, f.trend = max(-MaxValue, min(f.level, MaxValue)), 0
	}
	f.advance()
	return e
}

// forecast writes the forecasts of the next len(dst) steps.
func (f *hwFilter) forecast(dst []float64) {
	slot, sub, pos := f.slot, f.sub, f.pos
	damp, sum, ar := 1.0, 0.0, f.ar
	for h := range dst {
		damp *= f.p.Phi
		sum += damp
		ar *= f.p.Rho
		v := f.level + sum*f.trend
		switch {
		case f.multiplicative:
			v *= f.season[slot]
		case len(f.season) > 0:
			v += f.season[slot] + ar
		default:
			v += ar
		}
		dst[h] = v //nolint:gosec // h ranges over dst
		pos++
		sub++
		if sub == f.bin {
			sub = 0
			slot++
		}
		if pos >= f.period {
			pos, slot, sub = 0, 0, 0
		}
	}
}

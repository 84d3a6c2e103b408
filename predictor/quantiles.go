package predictor

import "math"

const (
	minResiduals = 20 // residuals a lead needs before its quantiles count
	spreadRate   = 0.15
	spreadSlow   = 0.005
	spreadShare  = 0.1 // the spread is never below this share of its slow mean
	pinballFloor = 1.0 / 64

	variantPlain  = 0
	variantScaled = 1
	numVariants   = 2
)

// spread is the recent size of the one-step errors of the mix: a fast mean, kept above a share of a slow one.
type spread struct {
	fast, slow float64
	n          int
}

func (s *spread) add(e float64) {
	e = min(math.Abs(e), errorGuard)
	s.n = min(s.n+1, math.MaxInt32)
	s.fast += (e - s.fast) * max(spreadRate, 1/float64(s.n))
	s.slow += (e - s.slow) * max(spreadSlow, 1/float64(s.n))
}

func (s *spread) value() float64 { return max(s.fast, spreadShare*s.slow) }

// quantiler turns the errors of the mix into quantiles: empirical quantiles of the residuals at each lead, once as they are
// and once in units of the spread at their origin, weighed by their pinball losses. Residuals are kept as histograms.
type quantiler struct {
	l      *layout
	spread spread
	count  int // values scored, for the stride
	// unit is the exponent of the unit of the plain residuals: it follows the greatest value of the series.
	unit int
	// counts are the histograms, of lead k and variant v at number k*numVariants+v.
	counts []uint8
	// pinball is the recent mean loss of each histogram, seen how many residuals a lead has had.
	pinball []float32
	seen    []uint16
}

func newQuantiler(l *layout) quantiler {
	return quantiler{
		l: l, unit: unitNone, counts: make([]uint8, len(l.leads)*numVariants*histBins),
		pinball: make([]float32, len(l.leads)*numVariants), seen: make([]uint16, len(l.leads)),
	}
}

// hist returns the histogram of a lead and variant.
func (q *quantiler) hist(k, v int) histogram {
	at := (k*numVariants + v) * histBins
	return q.counts[at : at+histBins]
}

// units returns the unit of each variant for a forecast with that spread.
func (q *quantiler) units(spread float64) [numVariants]float64 {
	return [numVariants]float64{variantPlain: math.Ldexp(1, q.unit), variantScaled: max(spread, tinyError)}
}

// score takes the value of the step that is now known, before the scorer does; top is the greatest value a forecast may have.
func (q *quantiler) score(y float64, s *scorer, top float64) {
	q.fitUnit(max(top, y))
	for k := range q.l.leads {
		flat := s.flatDue(k)
		if flat == nil {
			break
		}
		mix, spread := float64(s.pathDue(k)[0]), float64(flat[colSpread])
		if k == 0 {
			q.spread.add(y - mix)
		}
		if (q.count+k)%q.l.stride != 0 && q.seen[k] >= minResiduals {
			continue
		}
		q.add(k, y, mix, spread)
	}
	q.count++
	if q.count == q.l.stride {
		q.count = 0
	}
}

// fitUnit moves the plain histograms when the greatest value has changed by much.
func (q *quantiler) fitUnit(top float64) {
	if top <= 0 {
		return
	}
	_, e := math.Frexp(top)
	if d := e - q.unit; q.unit != unitNone && d <= 0 && d > -4 {
		return
	}
	if q.unit != unitNone {
		for k := range q.l.leads {
			q.hist(k, variantPlain).shift((q.unit - e) * perOctave)
		}
	}
	q.unit = e
}

// add scores what the quantiles would have said and then takes the residual in.
func (q *quantiler) add(k int, y, mix, spread float64) {
	units := q.units(spread)
	for v, unit := range units {
		h := q.hist(k, v)
		if q.seen[k] >= minResiduals {
			var room [maxLevels]float64
			h.quantiles(v, q.l.levels, room[:])
			loss := 0.0
			for i, level := range q.l.levels {
				loss += pinball(y, max(0, mix+unit*room[i]), level)
			}
			p := &q.pinball[k*numVariants+v]
			*p += (float32(min(loss, errorGuard)) - *p) * float32(max(pinballFloor, 1/float64(q.seen[k]-minResiduals+1)))
		}
		h.add(v, (y-mix)/unit)
	}
	if q.seen[k] < math.MaxUint16 {
		q.seen[k]++
	}
}

// pinball is the quantile loss of forecast f at the level.
func pinball(y, f, level float64) float64 {
	if y >= f {
		return level * (y - f)
	}
	return (1 - level) * (f - y)
}

// offsets writes for each level what must be added to the mix at lead k, given the present spread.
func (q *quantiler) offsets(k int, dst []float64) {
	units := q.units(q.spread.value())
	ratio := (float64(q.pinball[k*numVariants+variantScaled]) + tinyError) / (float64(q.pinball[k*numVariants+variantPlain]) + tinyError)
	w := 1 / (1 + sharpen(ratio))
	var plain, scaled [maxLevels]float64
	q.hist(k, variantPlain).quantiles(variantPlain, q.l.levels, plain[:])
	q.hist(k, variantScaled).quantiles(variantScaled, q.l.levels, scaled[:])
	for i := range dst {
		dst[i] = (1-w)*units[variantPlain]*plain[i] + w*units[variantScaled]*scaled[i]
	}
}

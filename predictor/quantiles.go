package predictor

import (
	"math"
	"slices"
)

const (
	numResiduals   = 256 // residuals kept per lead
	minResiduals   = 20  // residuals a lead needs before its quantiles count
	spreadRate     = 0.15
	spreadSlow     = 0.005
	spreadShare    = 0.1 // the spread is never below this share of its slow mean
	pinballFloor   = 1.0 / 64
	numVariants    = 2
	variantPlain   = 0
	variantScaled  = 1
	residualBounds = 1e35
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
// and once in units of the spread at their origin, weighed by their pinball losses.
type quantiler struct {
	l      *layout
	spread spread
	count  int // values scored, for the stride
	leads  []residuals
}

// residuals are the recent errors of the mix at one lead.
type residuals struct {
	variants [numVariants]residualWindow
	// pinball is the recent mean loss of each variant.
	pinball [numVariants]float64
	n       int
}

// residualWindow is a rolling window in time order and in order of size, with its quantiles at the levels.
type residualWindow struct {
	recent    history
	sorted    []float32
	quantiles []float64
}

func newQuantiler(l *layout) quantiler {
	q := quantiler{l: l, leads: make([]residuals, len(l.leads))}
	for k := range q.leads {
		for v := range q.leads[k].variants {
			w := &q.leads[k].variants[v]
			w.recent = newHistory(numResiduals)
			w.quantiles = make([]float64, len(l.levels))
		}
	}
	return q
}

// add puts a residual into the window and renews the quantiles.
func (w *residualWindow) add(r float64, levels []float64) {
	r = max(-residualBounds, min(r, residualBounds)) + 0
	if w.recent.len() == w.recent.cap {
		w.sorted = sortedRemove(w.sorted, float32(w.recent.at(w.recent.cap)))
	}
	w.recent.push(r)
	w.sorted = sortedInsert(w.sorted, float32(r))
	w.renew(levels)
}

// renew computes the quantiles: order statistic (n+1)q, between neighbours by interpolation.
func (w *residualWindow) renew(levels []float64) {
	n := len(w.sorted)
	if n == 0 {
		return
	}
	for i, q := range levels {
		at := max(0, min(q*float64(n+1)-1, float64(n-1)))
		lo := int(at)
		hi := min(lo+1, n-1)
		frac := at - float64(lo)
		w.quantiles[i] = float64(w.sorted[lo])*(1-frac) + float64(w.sorted[hi])*frac
	}
}

// score takes the value of the step that is now known, before the scorer does.
func (q *quantiler) score(y float64, s *scorer) {
	for k := range q.leads {
		row := s.pending[k].due()
		if row == nil {
			break
		}
		mix, spread := float64(row[s.members+colMix]), float64(row[s.members+colSpread])
		r := y - mix
		if k == 0 {
			q.spread.add(r)
		}
		if (q.count+k)%q.l.stride != 0 && q.leads[k].n >= minResiduals {
			continue
		}
		q.leads[k].add(y, mix, spread, q.l.levels)
	}
	q.count++
	if q.count == q.l.stride {
		q.count = 0
	}
}

// add scores what the quantiles would have said and then takes the residual in.
func (r *residuals) add(y, mix, spread float64, levels []float64) {
	scale := max(spread, tinyError)
	if r.n >= minResiduals {
		for v := range r.variants {
			unit := 1.0
			if v == variantScaled {
				unit = scale
			}
			loss := 0.0
			for i, q := range r.variants[v].quantiles {
				loss += pinball(y, max(0, mix+unit*q), levels[i])
			}
			r.pinball[v] += (loss - r.pinball[v]) * max(pinballFloor, 1/float64(r.n-minResiduals+1))
		}
	}
	r.n = min(r.n+1, math.MaxInt32)
	r.variants[variantPlain].add(y-mix, levels)
	r.variants[variantScaled].add((y-mix)/scale, levels)
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
	r := &q.leads[k]
	scale := max(q.spread.value(), tinyError)
	ratio := (r.pinball[variantScaled] + tinyError) / (r.pinball[variantPlain] + tinyError)
	w := 1 / (1 + sharpen(ratio))
	for i := range dst {
		dst[i] = (1-w)*r.variants[variantPlain].quantiles[i] + w*scale*r.variants[variantScaled].quantiles[i]
	}
}

// restore rebuilds what follows from the residuals.
func (w *residualWindow) restore(levels []float64) {
	w.sorted = slices.Clone(w.recent.values)
	slices.Sort(w.sorted)
	w.quantiles = make([]float64, len(levels))
	w.renew(levels)
}

package ensemble

import (
	"math"
	"slices"

	"pilotlight/models"
)

// The rule of the point weights; the figures behind it are in docs/forecasting.md.
const (
	pointPower  = 8   // a weight falls with this power of the error
	recency     = 0.9 // weight of a window relative to the next younger one
	bucketShare = 0.5 // of the error that decides, so much is the bucket's own; the rest is that of the whole path
	priorMass   = 0.3 // so many windows in which all members were alike come before the first one
	fewWindows  = 3   // below, nobody should trust the weights
	// The usual sizes of the two measures of error that are averaged, so that each counts the same: absolute errors relative to seasonal
	// naive, and symmetric relative errors in percent.
	usualMASE  = 2.4
	usualSMAPE = 18.4
	tiny       = 1e-12
)

// weigher turns the errors of the past windows into weights.
type weigher struct {
	r    *record
	ends []int
	// loss[(o*members+m)*buckets+b] is the square root of the error of a member in a window relative to the mean of all members, NaN
	// where nothing could be scored.
	loss []float64
}

// newWeigher scores the members. The error of a step is the mean of the absolute error, relative to that of seasonal naive, and
// the symmetric relative error, so that neither the high nor the low values of a series decide alone.
func newWeigher(r *record, ends []int) *weigher {
	nm, nb := len(r.names), len(ends)
	w := &weigher{r: r, ends: ends, loss: make([]float64, len(r.origins)*nm*nb)}
	for o := range r.origins {
		rows := w.loss[o*nm*nb : (o+1)*nm*nb]
		for m := range nm {
			w.score(o, m, rows[m*nb:(m+1)*nb])
		}
		for b := range nb {
			sum, n := 0.0, 0.0
			for m := range nm {
				if e := rows[m*nb+b]; e == e {
					sum += e
					n++
				}
			}
			for m := range nm {
				rows[m*nb+b] = (rows[m*nb+b] + tiny) / (sum/n + tiny)
			}
		}
	}
	return w
}

// score writes the roots of the errors of a member in a window, bucket by bucket.
func (w *weigher) score(o, m int, dst []float64) {
	h := w.r.horizon
	path, actual := w.r.paths[m][o*h:(o+1)*h], w.r.actual[o*h:(o+1)*h]
	whole, steps, from := 0.0, 0, 0
	for b, end := range w.ends {
		sum, n := 0.0, 0
		for i := from; i < end; i++ {
			if e := w.stepError(path[i], actual[i]); e == e {
				sum += e
				n++
			}
		}
		whole += sum
		steps += n
		dst[b] = sum / float64(n)
		from = end
	}
	whole /= float64(steps)
	for b := range dst {
		if dst[b] != dst[b] {
			dst[b] = whole
		}
		dst[b] = math.Sqrt(bucketShare*dst[b] + (1-bucketShare)*whole)
	}
}

// stepError is the error of one step.
func (w *weigher) stepError(f, y float64) float64 {
	f = max(f, w.r.low)
	d := math.Abs(f - y)
	e := d / w.r.scale / usualMASE
	if size := math.Abs(f) + math.Abs(y); w.r.relative && size > 0 {
		e += 200 * d / size / usualSMAPE
	}
	return e
}

// weights returns the weights by bucket and member from the windows that were over by step end; they sum to 1 in each bucket.
func (w *weigher) weights(end int) [][]float64 {
	return w.weightsFrom(func(o int) bool { return w.r.origins[o]+w.r.horizon <= end })
}

// weightsWithout returns the weights from the windows that do not touch window o.
func (w *weigher) weightsWithout(o int) [][]float64 {
	at := w.r.origins[o]
	return w.weightsFrom(func(i int) bool { return w.r.origins[i]+w.r.horizon <= at || w.r.origins[i] >= at+w.r.horizon })
}

// weightsFrom returns the weights from the windows that use chooses.
func (w *weigher) weightsFrom(use func(o int) bool) [][]float64 {
	nm, nb := len(w.r.names), len(w.ends)
	loss, mass := make([]float64, nm*nb), make([]float64, nm*nb)
	for i := range loss {
		loss[i], mass[i] = priorMass, priorMass
	}
	weight := 1.0
	for o := range slices.Backward(w.r.origins) {
		if !use(o) {
			continue
		}
		for i, e := range w.loss[o*nm*nb : (o+1)*nm*nb] {
			if e == e {
				loss[i] += weight * e
				mass[i] += weight
			}
		}
		weight *= recency
	}
	out := make([][]float64, nb)
	for b := range out {
		out[b] = make([]float64, nm)
		sum := 0.0
		for m := range nm {
			if w.r.now[m] != nil {
				out[b][m] = math.Pow(mass[m*nb+b]/(loss[m*nb+b]+tiny), 2*pointPower)
				sum += out[b][m]
			}
		}
		for m := range nm {
			out[b][m] /= sum
		}
	}
	return out
}

// skill compares the forecast on the past windows, made with the weights that were known at each, with seasonal naive and
// persistence. The first windows, which had nothing to go by, count too.
func (w *weigher) skill(y []float64, opt *Options, low float64) models.Skill {
	r, h := w.r, w.r.horizon
	s := models.Skill{Windows: len(r.origins)}
	period := 1
	if len(opt.Periods) > 0 {
		period = opt.Periods[0]
	}
	path := make([]float64, h)
	n := 0.0
	for o, at := range r.origins {
		clear(path)
		w.past(path, o, w.weights(at))
		last := latest(y[:at])
		for i, f := range path {
			a := y[at+i]
			sn := seasonalValue(y[:at], period, i)
			if a != a || f != f || sn != sn {
				continue
			}
			n++
			s.MAE += math.Abs(max(low, f) - a)
			s.SeasonalNaiveMAE += math.Abs(sn - a)
			s.PersistenceMAE += math.Abs(last - a)
		}
	}
	if n > 0 {
		s.MAE, s.SeasonalNaiveMAE, s.PersistenceMAE = s.MAE/n, s.SeasonalNaiveMAE/n, s.PersistenceMAE/n
	}
	return s
}

// roots reports whether the members are averaged by their square roots.
func (r *record) roots() bool { return r.relative && r.low == 0 }

// past writes what the ensemble would have said at a window; members that had no forecast leave their weight to the others.
func (w *weigher) past(dst []float64, o int, weights [][]float64) {
	for b := range weights {
		sum := 0.0
		for m := range weights[b] {
			if f := w.r.paths[m][o*w.r.horizon]; f != f {
				weights[b][m] = 0
			}
			sum += weights[b][m]
		}
		for m := range weights[b] {
			weights[b][m] /= sum
		}
	}
	mix(dst, weights, w.ends, w.r.roots(), func(m, h int) float64 { return max(w.r.low, w.r.paths[m][o*w.r.horizon+h]) })
}

// latest returns the last known value.
func latest(y []float64) float64 {
	for _, v := range slices.Backward(y) {
		if !math.IsNaN(v) {
			return v
		}
	}
	return math.NaN()
}

// seasonalValue returns what seasonal naive says ahead+1 steps after y: the latest known value at the same place of a period, or
// the last value.
func seasonalValue(y []float64, period, ahead int) float64 {
	for i := len(y) - period + ahead%period; i >= 0; i -= period {
		if i < len(y) && !math.IsNaN(y[i]) {
			return y[i]
		}
	}
	return latest(y)
}

// naiveScale is the mean absolute change against the period before, 1 if there is none.
func naiveScale(y []float64, period int) float64 {
	sum, n := 0.0, 0
	for i := period; i < len(y); i++ {
		if d := math.Abs(y[i] - y[i-period]); d == d {
			sum += d
			n++
		}
	}
	if n == 0 || sum == 0 {
		return 1
	}
	return sum / float64(n)
}

// summary is a record of the ensemble as its only member. At each window it has the weights from the windows that do not touch it: those
// before alone are few at first, and errors of a poor mix would widen the quantiles.
func (w *weigher) summary(mean []float64) *record {
	r, h := w.r, w.r.horizon
	s := *r
	path := make([]float64, len(r.actual))
	for o := range r.origins {
		w.past(path[o*h:(o+1)*h], o, w.weightsWithout(o))
	}
	s.names = []string{"ensemble"}
	s.paths = [][]float64{path}
	s.now = [][]float64{mean}
	s.qpaths = make([][][]float64, 1)
	s.qnow = make([][][]float64, 1)
	return &s
}

package ensemble

import (
	"math"
	"slices"
)

// quantiles adds to the point forecast the empirical quantiles of the residuals of its past, per bucket of horizons.
func quantiles(r *record, ends []int, opt *Options, mean []float64) [][]float64 {
	out := make([][]float64, len(opt.Levels))
	for l := range out {
		out[l] = slices.Clone(mean)
	}
	w := newWeigher(r, ends)
	past := make([]float64, len(r.origins)*r.horizon)
	for o, at := range r.origins {
		w.past(past[o*r.horizon:(o+1)*r.horizon], o, at)
	}
	from := 0
	for _, end := range ends {
		var res []float64
		for o := range r.origins {
			for h := from; h < end; h++ {
				cell := o*r.horizon + h
				if e := r.actual[cell] - past[cell]; !math.IsNaN(e) {
					res = append(res, e)
				}
			}
		}
		slices.Sort(res)
		for l, q := range opt.Levels {
			for h := from; h < end; h++ {
				out[l][h] += empirical(res, q)
			}
		}
		from = end
	}
	return out
}

// empirical returns the quantile of sorted values: order statistic (n+1)q, between neighbours by interpolation.
func empirical(sorted []float64, q float64) float64 {
	n := len(sorted)
	if n == 0 {
		return 0
	}
	at := max(0, min(q*float64(n+1)-1, float64(n-1)))
	lo := int(at)
	hi := min(lo+1, n-1)
	return sorted[lo] + (at-float64(lo))*(sorted[hi]-sorted[lo])
}

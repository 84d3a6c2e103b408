package ensemble

import (
	"cmp"
	"math"
	"slices"

	"pilotlight/models"
)

// The rule of the point weights.
const (
	pointPower = 8   // a weight falls with this power of the error
	recency    = 0.9 // weight of a window relative to the next younger one
	tiny       = 1e-12
)

// bucketEdges are the last steps ahead of the buckets of horizons that share weights and residuals; beyond, each bucket is
// longer by 60 %.
var bucketEdges = [...]int{2, 5, 12, 25, 40, 60} //nolint:gochecknoglobals // a constant table

// buckets returns where the buckets of a horizon end.
func buckets(horizon int) []int {
	var ends []int
	for _, e := range bucketEdges {
		if e >= horizon {
			return append(ends, horizon)
		}
		ends = append(ends, e)
	}
	for e := 96; e < horizon; e = e * 8 / 5 {
		ends = append(ends, e)
	}
	return append(ends, horizon)
}

// combine makes the forecast from what the members say now and how they did in the past.
func combine(y []float64, r *record, opt *Options, low float64) *Result {
	ends := buckets(opt.Horizon)
	weights, errs := pointWeights(r, ends)
	res := &Result{
		Mean:        mix(r, weights, ends, opt.Horizon),
		Explanation: Explanation{Periods: opt.Periods, Windows: len(r.origins), Buckets: ends},
	}
	high := ceiling(y)
	for h, v := range res.Mean {
		res.Mean[h] = max(low, min(v, high))
	}
	res.Quantiles = quantiles(r, ends, opt, res.Mean, low)
	for h := range res.Mean {
		last := low
		for l := range res.Quantiles {
			last = max(last, min(res.Quantiles[l][h], high))
			res.Quantiles[l][h] = last
		}
	}
	for m, name := range r.names {
		rep := MemberReport{Name: name, MAE: errs[m]}
		for b := range ends {
			rep.Weights = append(rep.Weights, weights[b][m])
		}
		res.Members = append(res.Members, rep)
	}
	slices.SortStableFunc(res.Members, func(a, b MemberReport) int {
		return cmp.Compare(total(b.Weights), total(a.Weights))
	})
	res.Skill = models.Skill{Windows: len(r.origins)}
	return res
}

func total(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum
}

// ceiling bounds a forecast: beyond a multiple of all that was seen it is a runaway.
func ceiling(y []float64) float64 {
	top := 0.0
	for _, v := range y {
		if v > top {
			top = v
		}
	}
	return 3 * top
}

// pointWeights returns weights[bucket][member], which sum to 1, and the mean absolute error of each member over all windows.
func pointWeights(r *record, ends []int) (weights [][]float64, mae []float64) {
	mae = make([]float64, len(r.names))
	for m := range r.names {
		mae[m] = r.meanError(m, 0, r.horizon)
	}
	for range ends {
		w := make([]float64, len(r.names))
		best := math.Inf(1)
		for m := range w {
			if r.now[m] != nil {
				best = min(best, mae[m])
			}
		}
		sum := 0.0
		for m := range w {
			switch {
			case r.now[m] == nil:
			case math.IsInf(best, 1): // nothing could be scored: all alike
				w[m] = 1
			default:
				w[m] = math.Pow((best+tiny)/(mae[m]+tiny), pointPower)
			}
			sum += w[m]
		}
		for m := range w {
			if sum > 0 {
				w[m] /= sum
			}
		}
		weights = append(weights, w)
	}
	return weights, mae
}

// meanError returns the mean absolute error of a member at the steps ahead in [from, to), young windows counting more; it is
// infinite if nothing could be scored.
func (r *record) meanError(m, from, to int) float64 {
	sum, mass, weight := 0.0, 0.0, 1.0
	for o := range slices.Backward(r.origins) {
		if !r.aligned[o] {
			continue
		}
		for h := from; h < to; h++ {
			if e := math.Abs(r.paths[m][o*r.horizon+h] - r.actual[o*r.horizon+h]); !math.IsNaN(e) {
				sum += weight * e
				mass += weight
			}
		}
		weight *= recency
	}
	if mass == 0 {
		return math.Inf(1)
	}
	return sum / mass
}

// mixed returns the weighted mean of what the members forecast at a cell of the record; b is its bucket.
func (r *record) mixed(weights []float64, cell int) float64 {
	f := 0.0
	for m, w := range weights {
		if w > 0 {
			f += w * r.paths[m][cell]
		}
	}
	return f
}

// mix returns the weighted mean of what the members say now.
func mix(r *record, weights [][]float64, ends []int, horizon int) []float64 {
	out := make([]float64, horizon)
	b := 0
	for h := range out {
		if h >= ends[b] {
			b++
		}
		for m, w := range weights[b] {
			if w > 0 {
				out[h] += w * r.now[m][h]
			}
		}
	}
	return out
}

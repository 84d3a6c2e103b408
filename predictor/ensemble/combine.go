package ensemble

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// The ceiling of a forecast, as a multiple of all that was seen.
const ceilingFactor = 3

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
	w := newWeigher(r, ends)
	weights := w.weights(len(y))
	high := ceiling(y)
	low = max(low, -high)
	res := &Result{
		Mean:        make([]float64, opt.Horizon),
		Explanation: Explanation{Periods: opt.Periods, Windows: len(r.origins), Buckets: ends},
	}
	mix(res.Mean, weights, ends, r.roots(), func(m, h int) float64 { return max(low, -high, min(r.now[m][h], high)) })
	past := r
	if opt.whole() {
		past = w.summary(res.Mean)
	}
	out := distributions(y, past, ends, res.Mean, low)
	out.bound(res.Mean, low, high)
	if !opt.whole() && !out.guessed && len(r.names) > 1 {
		// Where windows are many, the median of the mixed distributions misses by less than the mix of the points. A model that was
		// chosen alone says what it says.
		weights = out.medians(res.Mean)
	}
	if low == 0 {
		zeroTraces(res.Mean, y)
	}
	res.Quantiles = out.quantiles(opt.Levels, whole(y))
	for m, name := range r.names {
		rep := MemberReport{Name: name, MAE: r.meanError(m)}
		for b := range ends {
			rep.Weights = append(rep.Weights, weights[b][m])
		}
		res.Members = append(res.Members, rep)
	}
	slices.SortStableFunc(res.Members, func(a, b MemberReport) int {
		return cmp.Compare(total(b.Weights), total(a.Weights))
	})
	res.Skill = w.skill(y, opt, low)
	res.Notes = notes(r, opt, out.guessed)
	return res
}

// notes says what a reader of a forecast must know.
func notes(r *record, opt *Options, guessed bool) []string {
	var out []string
	if guessed {
		out = append(out, "the history is too short to test forecasts on: the quantiles are guessed from how the values spread")
	}
	if n := len(r.origins); n < fewWindows {
		out = append(out, fmt.Sprintf("only %d past windows of %d steps could be scored: the weights are close to equal and the quantiles rough", n, opt.Horizon))
	}
	if len(opt.Periods) == 0 {
		out = append(out, "no season was found or given: the forecast follows the level")
	}
	return out
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
		top = max(top, math.Abs(orZero(v)))
	}
	return ceilingFactor * top
}

// zeroTraces makes 0 of what is nearer to 0 than to the least load there ever was: where most members say 0 and the others do not, the
// mix is no millionth of a call, but none.
func zeroTraces(mean, y []float64) {
	least := math.Inf(1)
	zeros := false
	for _, v := range y {
		zeros = zeros || v == 0
		if v > 0 {
			least = min(least, v)
		}
	}
	for h, f := range mean {
		if zeros && f < least/2 {
			mean[h] = 0
		}
	}
}

func orZero(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return v
}

// meanError returns the mean absolute error of a member over all windows, infinite if nothing could be scored.
func (r *record) meanError(m int) float64 {
	sum, n := 0.0, 0
	for i, f := range r.paths[m] {
		if e := math.Abs(f - r.actual[i]); !math.IsNaN(e) {
			sum += e
			n++
		}
	}
	if n == 0 {
		return math.Inf(1)
	}
	return sum / float64(n)
}

// mix writes the weighted means of what the members say by at. With roots it averages the square roots, which keeps a member that is far
// too high from spoiling the low hours; it takes no negative values then.
func mix(dst []float64, weights [][]float64, ends []int, roots bool, at func(m, h int) float64) {
	from := 0
	for b, end := range ends {
		for m, w := range weights[b] {
			if w == 0 {
				continue
			}
			for h := from; h < end; h++ {
				f := at(m, h)
				if roots {
					f = math.Sqrt(f)
				}
				dst[h] += w * f
			}
		}
		for h := from; roots && h < end; h++ {
			dst[h] *= dst[h]
		}
		from = end
	}
}

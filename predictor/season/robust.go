package season

import (
	"math"
	"slices"
)

// madToSigma makes the median absolute deviation of a normal distribution its standard deviation: 1/Φ⁻¹(3/4).
const madToSigma = 1.4826

// Median returns the median of the finite values of y, the mean of the two middle ones for an even count, and NaN for none.
// It does not change y.
func Median(y []float64) float64 { return medianOf(finite(y)) }

// MAD returns the median absolute deviation from the median of the finite values of y, unscaled: multiply it by 1.4826 for the
// standard deviation of normal values. It returns NaN for no values and does not change y.
func MAD(y []float64) float64 {
	_, mad := medianMAD(finite(y))
	return mad
}

// Winsorise copies y to dst, which may be y itself and must be at least as long, with values further than k·1.4826·MAD from
// the median moved to that distance. When more than half of the values are the same, the MAD is taken over the others, so that
// the few active steps of a sparse series are not all cut. Values that are not finite stay as they are.
func Winsorise(dst, y []float64, k float64) {
	med, mad := medianMAD(finite(y))
	if mad == 0 {
		mad = sparseMAD(y, med)
	}
	limit := k * madToSigma * mad
	for i, v := range y {
		if !math.IsNaN(limit) && isFinite(v) {
			v = min(max(v, med-limit), med+limit)
		}
		dst[i] = v
	}
}

// isFinite reports whether v is a number and not infinite.
func isFinite(v float64) bool { return v-v == 0 }

// finite returns a copy of the finite values of y.
func finite(y []float64) []float64 {
	out := make([]float64, 0, len(y))
	for _, v := range y {
		if isFinite(v) {
			out = append(out, v)
		}
	}
	return out
}

// medianMAD returns the median and the median absolute deviation of v, which it overwrites.
func medianMAD(v []float64) (med, mad float64) {
	med = medianOf(v)
	for i := range v {
		v[i] = math.Abs(v[i] - med)
	}
	return med, medianOf(v)
}

// sparseMAD returns the median absolute deviation of the finite values of y that differ from med, NaN for none.
func sparseMAD(y []float64, med float64) float64 {
	var other []float64
	for _, v := range y {
		if isFinite(v) && v != med {
			other = append(other, math.Abs(v-med))
		}
	}
	return medianOf(other)
}

// medianOf returns the median of v, reordering it, and NaN for none. All values must be finite.
func medianOf(v []float64) float64 {
	n := len(v)
	if n == 0 {
		return math.NaN()
	}
	upper := quickselect(v, n/2)
	if n%2 == 1 {
		return upper
	}
	return slices.Max(v[:n/2])/2 + upper/2
}

// quickselect returns the k-th smallest value of v (from 0) and reorders v so that nothing before position k is greater and
// nothing after it is smaller. C. A. R. Hoare: Algorithm 65, CACM 4 (1961), with the median of three as pivot.
func quickselect(v []float64, k int) float64 {
	lo, hi := 0, len(v)-1
	for hi > lo {
		a, b, c := v[lo], v[lo+(hi-lo)/2], v[hi]
		pivot := max(min(a, b), min(max(a, b), c))
		i, j := lo, hi
		for i <= j {
			for v[i] < pivot {
				i++
			}
			for v[j] > pivot {
				j--
			}
			if i <= j {
				v[i], v[j] = v[j], v[i]
				i++
				j--
			}
		}
		switch {
		case k <= j:
			hi = j
		case k >= i:
			lo = i
		default:
			return v[k]
		}
	}
	return v[k]
}

// spread returns at most limit indices of [0, n), evenly spread without the regular stride that could beat with a period: the
// multiples of the golden ratio modulo 1.
func spread(n, limit int) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		if n <= limit {
			for i := range n {
				if !yield(i) {
					return
				}
			}
			return
		}
		at := 0.0
		for range limit {
			if !yield(int(at * float64(n))) {
				return
			}
			at += math.Phi - 1
			if at >= 1 {
				at--
			}
		}
	}
}

package season

import "math"

const (
	// clipSigmas is how far from its block's median a value may lie before it is an outlier: wide, since the season is part
	// of the deviation.
	clipSigmas = 6
	// sampleSize bounds the values that a scale is estimated from.
	sampleSize = 4096
	// maxMagnitude keeps squares and sums finite.
	maxMagnitude = 1e100
)

// prepare returns the series that periods are looked for in: log1p of a series without negative values, else the values as
// they are; outliers moved to six robust standard deviations from the median of their block; NaN for what is missing. It
// returns nil when no two values differ.
func prepare(y []float64) []float64 {
	x := make([]float64, len(y))
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, v := range y {
		if isFinite(v) {
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	if hi <= lo || math.IsInf(lo, 1) {
		return nil
	}
	signed := lo < 0
	for i, v := range y {
		switch {
		case !isFinite(v):
			x[i] = math.NaN()
		case signed:
			x[i] = min(max(v, -maxMagnitude), maxMagnitude)
		default:
			x[i] = math.Log1p(v)
		}
	}
	clipBlocks(x)
	return x
}

// clipBlocks winsorises x around the medians of blocks, so that a trend or a level shift does not widen the limits.
func clipBlocks(x []float64) {
	size := min(max(len(x)/40, 32), 1024)
	blocks := (len(x) + size - 1) / size
	medians := make([]float64, blocks)
	scratch := make([]float64, 0, max(size, sampleSize))
	last := math.NaN()
	for b := range blocks {
		scratch = scratch[:0]
		for _, v := range x[b*size : min((b+1)*size, len(x))] {
			if v == v {
				scratch = append(scratch, v)
			}
		}
		if len(scratch) > 0 {
			last = medianOf(scratch)
		}
		medians[b] = last
	}
	limit := clipLimit(x, medians, size, scratch[:0])
	for i, v := range x {
		med := medians[i/size]
		if v > med+limit {
			x[i] = med + limit
		} else if v < med-limit {
			x[i] = med - limit
		}
	}
}

// clipLimit returns the distance from a block's median at which values are cut.
func clipLimit(x, medians []float64, size int, scratch []float64) float64 {
	for i := range spread(len(x), sampleSize) {
		if d := math.Abs(x[i] - medians[i/size]); d == d {
			scratch = append(scratch, d)
		}
	}
	if mad := medianOf(scratch); mad > 0 {
		return clipSigmas * madToSigma * mad
	}
	scratch = scratch[:0]
	for i := range x {
		if d := math.Abs(x[i] - medians[i/size]); d > 0 {
			scratch = append(scratch, d)
		}
	}
	if len(scratch) == 0 {
		return math.Inf(1)
	}
	return clipSigmas * madToSigma * medianOf(scratch)
}

package policy

import "math"

// The histogram of gaps between two uses of an instance has gapBins bins, equal on a log scale from gapLow to gapHigh
// seconds; the first and the last are open.
const (
	gapBins = 48
	gapLow  = 0.5
	gapHigh = 2 * 86400
)

// priorGaps is how many gaps, spread evenly over the bins, are believed in before any is seen.
const priorGaps = 3

// maxKeepRatio bounds the keep-alive at this many times the break-even: rare gaps beyond are noise.
const maxKeepRatio = 20

// fullBin is the count at which all are halved.
const fullBin = 1 << 22

// gapHistogram counts the gaps between two uses of an instance.
type gapHistogram [gapBins]float32

// binsPerLog is the number of bins per unit of the natural logarithm: gapBins / ln(gapHigh/gapLow).
const binsPerLog = gapBins / 12.7530373159120369

// add counts a gap in seconds.
func (h *gapHistogram) add(gap, weight float64) {
	b := 0
	if gap > gapLow {
		b = min(int(math.Log(gap/gapLow)*binsPerLog), gapBins-1)
	}
	h[b] += float32(weight)
	if h[b] > fullBin {
		// A float32 cannot count on; halving all keeps the proportions.
		for i := range h {
			h[i] /= 2
		}
	}
}

// best returns the keep-alive in seconds at which the gaps seen, and those believed in, would have cost least: a gap up to
// the keep-alive costs its length, a longer one costs the keep-alive and a cold start,
//
//	K = argmin Σ h(g)·(g ≤ K ? g : K + B).
//
// Without any gap those believed in decide alone: a function that is not known to come back is mostly one that does not soon,
// so that this is shorter than B.
func (h *gapHistogram) best(breakEven, limit float64) float64 {
	total := 0.0
	for _, n := range h {
		total += float64(n)
	}
	limit = min(limit, maxKeepRatio*breakEven)
	ratio := math.Exp(1 / binsPerLog)
	const prior = float64(priorGaps) / gapBins
	rest := total + priorGaps
	within, edge, middle := 0.0, gapLow, gapLow/2
	best, bestCost := 0.0, rest*breakEven
	for b := range h {
		n := float64(h[b]) + prior
		if edge *= ratio; edge > limit*ratio {
			break
		}
		if b > 0 {
			middle = edge / math.Sqrt(ratio)
		}
		within += n * middle
		rest -= n
		keep := min(edge, limit)
		if cost := within + rest*(keep+breakEven); cost < bestCost {
			best, bestCost = keep, cost
		}
	}
	return best
}

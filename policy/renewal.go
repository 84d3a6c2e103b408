package policy

import "math"

// Sparse functions are forecast by the time since their last active step: timers and retries come back after a gap that they
// had before. renewals counts the gaps between active steps, in steps.
type renewals struct {
	// short[g] counts gaps of g steps, 1 to shortGaps, all of history.
	short [shortGaps + 1]uint32
	// long holds the newest longer gaps, of longTotal in all.
	long      [longGaps]uint16
	longTotal uint32
	// peaks[n] counts how often the first active step after a gap needed n+1 instances.
	peaks [maxPeak]uint32
}

const (
	shortGaps = 32
	longGaps  = 96
	maxPeak   = 8
	// priorHops is how many gaps the share of active steps is believed in.
	priorHops = 1
)

// add counts a gap and the instances that the step after it needed.
func (r *renewals) add(gap, peak int) {
	switch {
	case gap < 1:
		return
	case gap <= shortGaps:
		r.short[gap]++
	default:
		r.long[r.longTotal%longGaps] = uint16(min(gap, math.MaxUint16)) //nolint:gosec // bounded by min
		r.longTotal++
	}
	if gap > 1 {
		r.peaks[min(max(peak, 1), maxPeak)-1]++
	}
}

// between returns how many gaps were from lo to hi steps.
func (r *renewals) between(lo, hi int) float64 {
	n := 0.0
	for g := max(lo, 1); g <= min(hi, shortGaps); g++ {
		n += float64(r.short[g])
	}
	if hi <= shortGaps || r.longTotal == 0 {
		return n
	}
	kept := min(r.longTotal, longGaps)
	inside := 0
	for _, g := range r.long[:kept] {
		if int(g) >= lo && int(g) <= hi {
			inside++
		}
	}
	return n + float64(inside)*float64(r.longTotal)/float64(kept)
}

// shares estimates the hazard, the probability that the first active step after a gap is the one `ahead` steps after the last, given
// that `elapsed` steps after it none has been, by the counts at that very gap and by those around it; base is the share of active
// steps, believed in with the weight of priorHops gaps.
func (r *renewals) shares(ahead, elapsed int, base float64) (exact, smooth float64) {
	left := r.between(elapsed, math.MaxInt)
	around := max(1, ahead/10)
	exact = (r.between(ahead, ahead) + priorHops*base) / (left + priorHops)
	smooth = (r.between(ahead-around, ahead+around)/float64(2*around+1) + priorHops*base) / (left + priorHops)
	return exact, smooth
}

func logit(p float64) float64 {
	p = min(max(p, 1e-9), 1-1e-9)
	return math.Log(p / (1 - p))
}

// middle is the mean of two probabilities on the logit scale.
func middle(p, q float64) float64 { return sigmoid((logit(p) + logit(q)) / 2) }

// sigmoid is the inverse of logit.
func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// peakAtLeast returns the share of first active steps that needed at least n instances.
func (r *renewals) peakAtLeast(n int) float64 {
	total, above := 0.0, 0.0
	for i, c := range r.peaks {
		total += float64(c)
		if i+1 >= n {
			above += float64(c)
		}
	}
	if total == 0 {
		if n <= 1 {
			return 1
		}
		return 0
	}
	return above / total
}

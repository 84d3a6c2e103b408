package season

import (
	"cmp"
	"math"
	"slices"
)

const (
	// minSegment is the least number of values on either side of a shift.
	minSegment = 12
	// shiftScore is the least normal score of the rank test, shiftSigmas the least move of the median in robust standard
	// deviations of what is around it.
	shiftScore, shiftSigmas = 4.5, 1.5
	// maxShifts bounds the answer.
	maxShifts = 16
	// noiseBlock is the number of values in the blocks that the autocorrelation of the noise is taken from.
	noiseBlock = 50
)

// Shift is a lasting move of the level.
type Shift struct {
	// Index is the first step of the new level.
	Index int
	// Before and After are the medians of the values from the shift before, and to the shift after, in the units of the series.
	Before, After float64
	// Score is the standard normal score of the rank test, allowing for autocorrelation.
	Score float64
}

// LevelShifts returns the lasting level shifts of y, oldest first: for explanations, and to start a history after the last one.
// On the scale of Detect and without the season of the period (below 2 for none), segments are cut in two where the Mann-Whitney
// test of the values before against those after is most significant (A. N. Pettitt: A non-parametric approach to the
// change-point problem, Applied Statistics 28, 1979), and the place is moved to the least absolute deviation from the medians
// near it. A cut is kept when the score, less what the autocorrelation of the noise adds, is at least 4.5 and the medians of
// the 50 values before and after are 1.5 robust standard deviations apart. Bursts shorter than 12 steps, or than half a period,
// are not levels. Series that walk have no levels, and get many cuts or none.
func LevelShifts(y []float64, period int) []Shift {
	x := prepare(y)
	if x == nil {
		return nil
	}
	least := minSegment
	if period >= 2 && len(x) >= 2*period {
		least = max(least, period/2)
		adjust(x, shiftProofProfile(x, period), -1)
	}
	present := make([]int, 0, len(x))
	for i, v := range x {
		if v == v {
			present = append(present, i)
		}
	}
	values := make([]float64, len(present))
	for i, at := range present {
		values[i] = x[at]
	}
	cuts := segment(values, least, noiseOf(values))
	out := make([]Shift, 0, len(cuts))
	for i, c := range cuts {
		from, to := 0, len(present)
		if i > 0 {
			from = cuts[i-1].at
		}
		if i+1 < len(cuts) {
			to = cuts[i+1].at
		}
		out = append(out, Shift{
			Index:  present[c.at],
			Before: medianAt(y, present[from:c.at]),
			After:  medianAt(y, present[c.at:to]),
			Score:  c.score,
		})
	}
	return out
}

// shiftProofProfile returns the profile of medians of deviations from the median of each cycle, which a shift spoils in one
// cycle only.
func shiftProofProfile(x []float64, period int) []float64 {
	k := len(x) / period
	origin := len(x) - k*period
	d := slices.Clone(x[origin:])
	for i := range k {
		row := d[i*period : (i+1)*period]
		med := Median(row)
		for j := range row {
			row[j] -= med
		}
	}
	profile := make([]float64, period)
	column := make([]float64, 0, k)
	for j := range period {
		column = column[:0]
		for i := range k {
			if v := d[i*period+j]; v == v {
				column = append(column, v)
			}
		}
		if m := medianOf(column); m == m {
			profile[(origin+j)%period] = m
		}
	}
	return profile
}

// medianAt returns the median of the values of y at indices.
func medianAt(y []float64, at []int) float64 {
	v := make([]float64, 0, len(at))
	for _, i := range at {
		v = append(v, y[i])
	}
	return medianOf(v)
}

// cut is a place between two levels: the index of the first value of the second.
type cut struct {
	at    int
	score float64
}

// segment cuts values in two until no cut is significant, the most significant first, at most maxShifts times; then looks at
// each cut again between its neighbours, since the first ones were made among many levels. The cuts come back ascending.
func segment(values []float64, least int, n noise) []cut {
	type span struct {
		from, to int
		best     cut
	}
	examine := func(from, to int) span {
		c := bestCut(values[from:to], least, n)
		return span{from, to, cut{c.at + from, c.score}}
	}
	open := []span{examine(0, len(values))}
	var cuts []cut
	for len(cuts) < maxShifts {
		best := 0
		for i, s := range open {
			if s.best.score > open[best].best.score {
				best = i
			}
		}
		s := open[best]
		if s.best.score <= 0 {
			break
		}
		cuts = append(cuts, s.best)
		open[best] = examine(s.from, s.best.at)
		open = append(open, examine(s.best.at, s.to))
	}
	slices.SortFunc(cuts, func(a, b cut) int { return cmp.Compare(a.at, b.at) })
	var kept []cut
	from := 0
	for i := range cuts {
		to := len(values)
		if i+1 < len(cuts) {
			to = cuts[i+1].at
		}
		if again := examine(from, to).best; again.score > 0 {
			kept = append(kept, again)
			from = again.at
		}
	}
	return kept
}

// bestCut returns the best place to cut v, with score 0 when it is not good enough.
func bestCut(v []float64, least int, n noise) cut {
	if len(v) < 2*least {
		return cut{}
	}
	at, statistic := rankScan(v, least)
	reach := max(2*least, noiseBlock)
	from, to := max(0, at-reach), min(len(v), at+reach)
	at = from + moveCut(v[from:to], at-from, least)
	m1 := medianOf(slices.Clone(v[max(0, at-reach):at]))
	m2 := medianOf(slices.Clone(v[at:min(len(v), at+reach)]))
	score := statistic * math.Sqrt((1-n.correlation)/(1+n.correlation)) // autocorrelation inflates its variance
	if score < shiftScore || math.Abs(m2-m1) < shiftSigmas*n.sigma || m1 == m2 {
		return cut{}
	}
	return cut{at, score}
}

// rankScan returns the place, at least least values from both ends, that the Mann-Whitney test between the two sides finds most
// significant, and the normal score there: (2·Σ rank - k(n+1)) / sqrt(k(n-k)(n+1)/3).
func rankScan(v []float64, least int) (at int, score float64) {
	n := len(v)
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(v[a], v[b]) })
	ranks := make([]float64, n)
	for i := 0; i < n; {
		first, value := i, v[order[i]]
		for i < n && v[order[i]] == value {
			i++
		}
		for _, o := range order[first:i] {
			ranks[o] = float64(first+1+i) / 2 // the mean rank of a tie
		}
	}
	sum := 0.0
	for k := 1; k <= n-least; k++ {
		sum += 2*ranks[k-1] - float64(n+1)
		if k < least {
			continue
		}
		if z := math.Abs(sum) / math.Sqrt(float64(k)*float64(n-k)*float64(n+1)/3); at == 0 || z > score {
			at, score = k, z
		}
	}
	return at, score
}

// moveCut returns the place where the absolute deviations from the medians of both sides are least.
func moveCut(v []float64, at, least int) int {
	left, right := slices.Clone(v[:at]), slices.Clone(v[at:])
	m1, m2 := medianOf(left), medianOf(right)
	best, bestSum, sum := at, math.Inf(1), 0.0
	for k := 1; k <= len(v)-least; k++ {
		sum += math.Abs(v[k-1]-m1) - math.Abs(v[k-1]-m2)
		if k >= least && sum < bestSum {
			best, bestSum = k, sum
		}
	}
	return best
}

// noise is what a series does between its shifts.
type noise struct {
	sigma       float64 // robust standard deviation
	correlation float64 // at lag one, at least 0
}

// noiseOf returns the noise of v: medians over blocks, of which shifts of the level spoil few. The bias of the correlation in
// short blocks is corrected after M. G. Kendall: Note on bias in the estimation of autocorrelation, Biometrika 41 (1954).
func noiseOf(v []float64) noise {
	size := min(noiseBlock, len(v))
	var deviations, correlations []float64
	for i := 0; i+size <= len(v) && size >= minSegment; i += size {
		block := slices.Clone(v[i : i+size])
		if r, ok := lagOne(block); ok {
			correlations = append(correlations, r)
		}
		_, mad := medianMAD(block)
		deviations = append(deviations, mad)
	}
	if len(correlations) == 0 {
		return noise{}
	}
	r := medianOf(correlations)
	return noise{
		sigma:       madToSigma * medianOf(deviations),
		correlation: min(max(0, r+(1+4*r)/float64(size)), 0.99),
	}
}

// lagOne returns the autocorrelation of v at lag one, and whether v varies at all.
func lagOne(v []float64) (r float64, ok bool) {
	mean := 0.0
	for _, x := range v {
		mean += x / float64(len(v))
	}
	product, squares := 0.0, 0.0
	for i, x := range v {
		squares += (x - mean) * (x - mean)
		if i > 0 {
			product += (x - mean) * (v[i-1] - mean)
		}
	}
	return product / squares, squares > 0
}

package season

import "math"

const (
	// bins is the number of parts that a long cycle is also folded in, so that a smooth season of noisy counts is seen.
	bins = 96
	// maxDofCells bounds the values that the correlation of the noise is estimated from, but one cycle is always used.
	maxDofCells = 2048
	// certain is the score of a profile without any noise.
	certain = 100
)

// fit is what folding a series at a period found.
type fit struct {
	period  int
	cycles  int       // full cycles used, the newest
	ratio   float64   // F: mean square between the phases by the mean square within
	share   float64   // of the variance that the profile explains, without bias: (F-1)/(F-1+cycles), at least 0
	score   float64   // standard normal score of the ratio under "the cycles have nothing in common"
	profile []float64 // mean deviation of each phase, sums to about 0
	origin  int       // the series' index at which phase 0 of the first used cycle lies
}

// fold cuts the newest full cycles of x, takes the trend out and compares the phases by an analysis of variance. divisor is an
// accepted period that divides this one and whose profile is no longer in x, or 0.
func fold(x []float64, period, divisor int, buf *buffers) fit {
	k := len(x) / period
	f := fit{period: period, cycles: k, origin: len(x) - k*period}
	if k < 2 {
		return f
	}
	d := buf.deviations[:k*period]
	detrend(d, x[f.origin:], period, buf)
	f.profile = make([]float64, period)
	null := baseOf(d, period, divisor, buf.counts)
	f.ratio, f.score = analyse(d, period, null, f.profile, buf)
	if period >= 2*bins {
		cells := collapse(d, period, buf.cells)
		if r, s := analyse(cells, bins, null, buf.cellProfile, buf); s > f.score || !isFinite(f.score) {
			f.ratio, f.score = r, s
		}
	}
	f.share = share(f.ratio, k)
	return f
}

// share turns the ratio of an analysis of variance over k cycles into the share of the variance that is seasonal.
func share(ratio float64, k int) float64 {
	if math.IsInf(ratio, 1) {
		return 1
	}
	return max(0, (ratio-1)/(ratio-1+float64(k)))
}

// buffers are the scratch memory of a detection, made once.
type buffers struct {
	deviations  []float64
	means       []float64
	cells       []float64
	cellProfile []float64
	counts      []float64
	noise       []float64
}

// newBuffers returns scratch memory for series of n values.
func newBuffers(n int) *buffers {
	return &buffers{
		deviations:  make([]float64, n),
		means:       make([]float64, n/2+1),
		cells:       make([]float64, n),
		cellProfile: make([]float64, bins),
		counts:      make([]float64, max(n/2, bins)+1),
		noise:       make([]float64, max(n, maxDofCells)),
	}
}

// detrend writes x minus its trend to d: straight lines between the means of the cycles at their middles, flat before the
// first and after the last, so that a step between two cycles does not leave the same slope in both. Whole cycles only.
func detrend(d, x []float64, period int, buf *buffers) {
	k := len(d) / period
	means := buf.means[:k]
	cycleMeans(means, x, period)
	half := float64(period-1) / 2
	for i := range k {
		left := means[i] - means[max(i-1, 0)]
		right := means[min(i+1, k-1)] - means[i]
		left /= float64(period)
		right /= float64(period)
		row, src := d[i*period:(i+1)*period], x[i*period:(i+1)*period]
		mid := (period + 1) / 2
		for j := range mid {
			row[j] = src[j] - means[i] - left*(float64(j)-half)
		}
		for j := mid; j < period; j++ {
			row[j] = src[j] - means[i] - right*(float64(j)-half)
		}
	}
}

// cycleMeans fills the mean of each cycle of x; a cycle with less than a quarter of its values takes the mean of its neighbour.
func cycleMeans(means, x []float64, period int) {
	for i := range means {
		sum, n := 0.0, 0
		for _, v := range x[i*period : (i+1)*period] {
			if v == v {
				sum += v
				n++
			}
		}
		means[i] = math.NaN()
		if 4*n >= period {
			means[i] = sum / float64(n)
		}
	}
	last := math.NaN()
	for i, m := range means {
		if m != m {
			means[i] = last
		}
		last = means[i]
	}
	for i := len(means) - 1; i >= 0; i-- {
		if means[i] != means[i] {
			means[i] = last
		}
		last = means[i]
	}
}

// collapse averages each cycle of d into bins; a bin without values is NaN.
func collapse(d []float64, period int, cells []float64) []float64 {
	k := len(d) / period
	cells = cells[:k*bins]
	for i := range k {
		row := d[i*period : (i+1)*period]
		for b := range bins {
			sum, n := 0.0, 0
			for _, v := range row[b*period/bins : (b+1)*period/bins] {
				if v == v {
					sum += v
					n++
				}
			}
			cells[i*bins+b] = math.NaN()
			if n > 0 {
				cells[i*bins+b] = sum / float64(n)
			}
		}
	}
	return cells
}

// analyse compares the m phases of the rows of d. It writes their means to profile and returns the F ratio and its normal
// score; the noise may be autocorrelated within a cycle.
func analyse(d []float64, m int, null base, profile []float64, buf *buffers) (ratio, score float64) {
	between, within, present := phaseSquares(d, profile, buf.counts)
	used := 0
	for j := range m {
		if profile[j] == profile[j] {
			used++
		} else {
			profile[j] = 0
		}
	}
	if used < 2 || present <= used || between <= 0 {
		return 0, 0
	}
	between /= float64(used-1) * (1 - null.absorbed)
	within /= float64(present - used)
	if within <= 1e-12*between {
		return math.Inf(1), certain
	}
	ratio = between / within
	rows := float64(present) / float64(used)
	free := float64(used-1) * (1 - null.absorbed)
	if score = fScore(ratio, free, max(free*(rows-1), 1)); score < knownScore {
		return ratio, score // autocorrelation can only lower it
	}
	free = max(freedom(d, m, profile, buf.noise)*null.even*(1-null.absorbed), 1)
	return ratio, fScore(ratio, free, max(free*(rows-1), 1))
}

// phaseSquares writes the mean of each phase, NaN for none, and returns the sums of squares between and within the phases and
// the number of values.
func phaseSquares(d, profile, counts []float64) (between, within float64, present int) {
	m := len(profile)
	counts = counts[:m]
	squares := 0.0
	clear(profile)
	clear(counts)
	for i := 0; i+m <= len(d); i += m {
		for j, v := range d[i : i+m] {
			if v == v {
				profile[j] += v
				squares += v * v
				counts[j]++
			}
		}
	}
	for j, n := range counts {
		if n == 0 {
			profile[j] = math.NaN()
			continue
		}
		profile[j] /= n
		between += n * profile[j] * profile[j]
		present += int(n)
	}
	return between, squares - between, present
}

// freedom returns the effective number of independent phases of the noise: m·(Σλ)²/(m·Σλ²) = m/Σr², with r the
// autocorrelation of the noise within a cycle, taken as circular. It is m for white noise and about 2.5 for a random walk. The
// sum over long lags is made of trapezia between lags a quarter apart.
func freedom(d []float64, m int, profile, scratch []float64) float64 {
	noise, present := residuals(d, m, profile, scratch)
	variance := lagProduct(noise, m, 0) * present
	if variance <= 0 {
		return float64(m - 1)
	}
	half := float64(m) / 2
	sum, last, at := 0.5, 1.0, 0
	for at < m/2 {
		next := min(max(at+1, at+at/4), m/2)
		r := min(max(lagProduct(noise, m, next)/variance, -1), 1)
		sum += float64(next-at) * (last + r*r) / 2
		last, at = r*r, next
	}
	sum += (half - float64(at)) * last // the middle lag of an odd cycle
	return min(half/(sum-0.25), float64(m-1))
}

// base is what is known of the null hypothesis: the seasons already accepted.
type base struct {
	absorbed float64 // the share of the degrees of freedom of a profile that a shorter one has taken
	even     float64 // how evenly the variance is spread over the phases, in (0, 1]
}

// baseOf returns the base that an accepted period which divides the tested one gives, 0 for none. A timer that sometimes fails
// has variance in one phase only, and a profile of several of its periods has so many degrees of freedom, not more:
// (Σv)²/(m·Σv²) of all, with v the variances of the m phases of the divisor.
func baseOf(d []float64, period, divisor int, squares []float64) base {
	if divisor == 0 {
		return base{even: 1}
	}
	squares = squares[:divisor]
	clear(squares)
	for i := 0; i+divisor <= len(d); i += divisor {
		for j, v := range d[i : i+divisor] {
			if v == v {
				squares[j] += v * v
			}
		}
	}
	sum, sumSquares := 0.0, 0.0
	for _, v := range squares {
		sum += v
		sumSquares += v * v
	}
	b := base{absorbed: float64(divisor) / float64(period), even: 1}
	if sumSquares > 0 {
		b.even = sum * sum / (float64(divisor) * sumSquares)
	}
	return b
}

// residuals returns what the profile leaves of rows of d that are evenly spread, 0 for what is missing, in scratch, and the
// share that is not missing.
func residuals(d []float64, m int, profile, scratch []float64) (noise []float64, present float64) {
	rows := len(d) / m
	take := min(rows, max(1, maxDofCells/m))
	noise = scratch[:take*m]
	n := 0
	for t := range take {
		row := d[t*rows/take*m:][:m]
		for j, v := range row {
			e := v - profile[j]
			if e != e {
				e = 0
			} else {
				n++
			}
			noise[t*m+j] = e
		}
	}
	return noise, float64(n) / float64(len(noise))
}

// lagProduct returns the sum of the products of values of the same row that are lag phases apart, around the end of the row.
func lagProduct(noise []float64, m, lag int) float64 {
	sum := 0.0
	for i := 0; i < len(noise); i += m {
		row := noise[i : i+m]
		head, tail := row[:m-lag], row[lag:][:m-lag]
		for j, v := range head {
			sum += v * tail[j]
		}
		head, tail = row[:lag], row[m-lag:][:lag]
		for j, v := range head {
			sum += v * tail[j]
		}
	}
	return sum
}

// fScore turns an F ratio with d1 and d2 degrees of freedom into a standard normal score, by E. Paulson: An approximate
// normalization of the analysis of variance distribution, Annals of Mathematical Statistics 13 (1942).
func fScore(ratio, d1, d2 float64) float64 {
	root := math.Cbrt(max(ratio, 0))
	a, b := 2/(9*d1), 2/(9*d2)
	return min(((1-b)*root-(1-a))/math.Sqrt(b*root*root+a), certain)
}

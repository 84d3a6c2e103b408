package season

import (
	"cmp"
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/dsp/fourier"
)

const (
	// lineRatio is how far a line of the periodogram must stand out of its surroundings to be a hint.
	lineRatio = 6
	// maxStrong and maxSlow are how many hints are followed: the strongest, and those of the longest periods.
	maxStrong, maxSlow = 5, 3
	// minFound is the shortest history that periods are searched in.
	minFound = 8
)

// candidate is a period to be tested.
type candidate struct {
	steps int
	known bool // of the calendar or named by the caller, not found in the data
}

// calendarPeriods are the periods that people and schedulers work in.
func calendarPeriods() []time.Duration {
	const day = 24 * time.Hour
	return []time.Duration{
		5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 20 * time.Minute, 30 * time.Minute, time.Hour, 12 * time.Hour, day, 7 * day,
	}
}

// knownCandidates returns the calendar's and the caller's periods that fit twice into n steps, ascending.
func knownCandidates(n int, opt Options) []candidate {
	steps := slices.Clone(opt.Candidates)
	if opt.Step > 0 {
		for _, p := range calendarPeriods() {
			if p%opt.Step == 0 {
				steps = append(steps, int(p/opt.Step))
			}
		}
	}
	slices.Sort(steps)
	var out []candidate
	for _, s := range slices.Compact(steps) {
		if s >= 2 && s <= n/2 {
			out = append(out, candidate{steps: s, known: true})
		}
	}
	return out
}

// foundCandidates searches x for periods of at most a third of it, ascending: lines of the periodogram that stand on a hill of
// the autocorrelation (M. Vlachos, P. Yu, V. Castelli: On periodicity detection and structural periodicity, SDM 2005).
func foundCandidates(x []float64) []candidate {
	n := len(x)
	if n < minFound {
		return nil
	}
	power, acf := spectrum(x)
	length := float64(fastLength(n + n/3 + 1))
	var out []candidate
	add := func(p int) {
		p = snap(p, n)
		if p >= 2 && p <= n/3 && !slices.ContainsFunc(out, func(c candidate) bool { return 8*n*max(c.steps-p, p-c.steps) <= p*p }) {
			out = append(out, candidate{steps: p})
		}
	}
	for _, bin := range hints(power, length/float64(n)) {
		width := 1.2 * length / float64(n)
		lo := int(math.Floor(length / (float64(bin) + width)))
		hi := int(math.Ceil(length / max(float64(bin)-width, 1)))
		if p := hill(acf, lo, hi); p > 0 {
			add(refine(acf, p))
		}
	}
	for _, p := range echoes(acf) {
		add(refine(acf, p))
	}
	slices.SortFunc(out, func(a, b candidate) int { return cmp.Compare(a.steps, b.steps) })
	return out
}

// snap returns the usual number of steps of an hour, a day or a week if p is it within an eighth of a period over all cycles,
// else p.
func snap(p, n int) int {
	for _, usual := range []int{60, 72, 96, 120, 144, 168, 288, 336, 480, 672, 720, 1008, 1440, 2016, 10080} {
		if d := max(p-usual, usual-p); 8*n*d <= p*p {
			return usual
		}
	}
	return p
}

// same reports whether n steps are too few to tell two periods apart: over all cycles they differ by one period at most.
func same(a, b, n int) bool {
	d := a - b
	if d < 0 {
		d = -d
	}
	return n*d <= min(a, b)*min(a, b)
}

// spectrum returns the periodogram of x without its slow trend, and its autocorrelation up to a third of its length. Gaps do
// not deviate from the trend.
func spectrum(x []float64) (power, acf []float64) {
	n := len(x)
	length := fastLength(n + n/3 + 1)
	u := make([]float64, length)
	block := n / 3
	buf := buffers{means: make([]float64, n/block+1)}
	detrend(u[n-n/block*block:n], x[n-n/block*block:], block, &buf)
	for i, v := range u[:n] {
		if v != v {
			u[i] = 0
		}
	}
	fft := fourier.NewFFT(length)
	coeff := fft.Coefficients(nil, u)
	power = make([]float64, len(coeff))
	for i, c := range coeff {
		power[i] = real(c)*real(c) + imag(c)*imag(c)
		coeff[i] = complex(power[i], 0)
	}
	fft.Sequence(u, coeff)
	acf = u[:n/3+1]
	zero := acf[0]
	for i := range acf {
		if zero > 0 {
			acf[i] *= float64(n) / (zero * float64(n-i))
		}
	}
	return power, acf
}

// fastLength returns the smallest even number of at least n without prime factors above 5.
func fastLength(n int) int {
	best := math.MaxInt
	for five := 1; five < 2*n; five *= 5 {
		for three := five; three < 2*n; three *= 3 {
			p := 2 * three
			for p < n {
				p *= 2
			}
			best = min(best, p)
		}
	}
	return best
}

// hints returns the bins of lines that stand out of the third of an octave around them: the strongest and the slowest. A line
// is about width bins wide.
func hints(power []float64, width float64) []int {
	type line struct {
		bin   int
		ratio float64
	}
	sums := make([]float64, len(power)+1)
	for i, p := range power {
		sums[i+1] = sums[i] + p
	}
	guard := int(math.Ceil(width)) + 1
	var lines []line
	for b := 2; b < len(power); b++ {
		if power[b] < power[b-1] || b+1 < len(power) && power[b] < power[b+1] {
			continue
		}
		reach := guard + 2 + b/4
		lo, hi := max(b-reach, 1), min(b+reach, len(power)-1)
		in0, in1 := max(b-guard, lo), min(b+guard, hi)
		around := float64(hi - lo - (in1 - in0))
		rest := (sums[hi+1] - sums[lo] - (sums[in1+1] - sums[in0])) / max(around, 1)
		if power[b] > lineRatio*rest {
			lines = append(lines, line{b, power[b] / max(rest, math.SmallestNonzeroFloat64)})
		}
	}
	slow := lines[:min(len(lines), maxSlow)]
	var out []int
	for _, l := range slow {
		out = append(out, l.bin)
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(b.ratio, a.ratio) })
	for _, l := range lines[:min(len(lines), maxStrong)] {
		if !slices.Contains(out, l.bin) {
			out = append(out, l.bin)
		}
	}
	return out
}

// hill returns the lag of the highest autocorrelation in [lo, hi], or 0 when it is not a hill there: on a slope the highest of
// a noisy autocorrelation lies near an end.
func hill(acf []float64, lo, hi int) int {
	lo, hi = max(lo, 2), min(hi, len(acf)-2)
	best := peak(acf, lo, hi)
	if margin := (hi - lo) / 8; best < lo+margin || best > hi-margin {
		return 0
	}
	if best == 0 || acf[best] <= 0 || acf[best] < acf[best-1] || acf[best] < acf[best+1] {
		return 0
	}
	return best
}

// peak returns the lag of the highest autocorrelation in [lo, hi], or 0 for none.
func peak(acf []float64, lo, hi int) int {
	best := 0
	for lag := lo; lag <= hi; lag++ {
		if best == 0 || acf[lag] > acf[best] {
			best = lag
		}
	}
	return best
}

// echoes returns the lag of the highest autocorrelation behind the first descent, and the shortest divisor of it that echoes
// nearly as well: pulses have a comb of equally strong lines, of which the periodogram's best need not be the slowest.
func echoes(acf []float64) []int {
	from := 1
	for from < len(acf)-1 && acf[from+1] <= acf[from] {
		from++
	}
	best := peak(acf, from, len(acf)-2)
	if best < 2 || acf[best] <= 0 || acf[best] < acf[best+1] {
		return nil
	}
	out := []int{best}
	for q := 64; q >= 2; q-- {
		if best/q < 2 {
			continue
		}
		at := hill(acf, best/q-1, best/q+1)
		if at > 0 && acf[at] > 0.8*acf[best] {
			out = append(out, at)
			break
		}
	}
	return out
}

// refine returns the lag near p whose multiples have the highest autocorrelation together.
func refine(acf []float64, p int) int {
	reach := p / 50
	best, bestSum := p, math.Inf(-1)
	multiples := max(1, min(16, (len(acf)-1)/(p+reach)))
	for c := max(2, p-reach); c <= min(p+reach, len(acf)-1); c++ {
		sum := 0.0
		for m := 1; m <= multiples && m*c < len(acf); m++ {
			sum += acf[m*c]
		}
		if sum > bestSum {
			best, bestSum = c, sum
		}
	}
	return best
}

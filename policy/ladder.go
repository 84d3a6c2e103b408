package policy

import "math"

// maxMix is the most rates that a mixture holds.
const maxMix = 8

// mixture is what is believed about the arrivals of a window: one of n equally likely rates, and a mean duration. Given the
// rate, invocations in flight are Poisson distributed with mean rate·duration (the stationary M/G/∞ queue, which depends on
// durations through their mean only).
type mixture struct {
	n        int
	rate     [maxMix]float64 // arrivals per second
	duration float64         // mean, in seconds
}

// add adds a rate.
func (m *mixture) add(rate float64) {
	if m.n < maxMix && usable(rate) {
		m.rate[m.n] = rate
		m.n++
	}
}

// mean is the mean rate.
func (m *mixture) mean() float64 {
	sum := 0.0
	for _, r := range m.rate[:m.n] {
		sum += r
	}
	return sum / float64(max(m.n, 1))
}

// maxFine is the greatest mean in flight for which every level is looked at one by one.
const maxFine = 512

// maxRungs bounds the work for greater means, where rungs are several instances wide and the Poisson law is nearly normal.
const maxRungs = 96

// rung is what is expected of the instances [from, from+width) of a function, the first being the one used first. Each is
// needed when an arrival meets exactly as many invocations as the instances before it can run.
type rung struct {
	from, width int
	// needs is how often a second each instance is needed, idle the share of time in which it is not in use.
	needs, idle float64
}

// ladder walks over the rungs of a mixture.
type ladder struct {
	mix         *mixture
	concurrency int
	level       int // in flight, for the fine walk
	pmf, cdf    [maxMix]float64
	coarse      bool
	at, width   int // instances, for the coarse walk
	top         float64
}

// newLadder begins at the first instance.
func newLadder(mix *mixture, concurrency int) ladder {
	l := ladder{mix: mix, concurrency: concurrency, width: 1}
	low := math.Inf(1)
	for _, r := range mix.rate[:mix.n] {
		a := r * mix.duration
		l.top, low = max(l.top, a), min(low, a)
	}
	if l.top > maxFine {
		l.coarse = true
		c := float64(concurrency)
		first := max(low-10*math.Sqrt(low), 0) / c
		last := (l.top+10*math.Sqrt(l.top))/c + 1
		l.at = int(min(first, maxInstances))
		l.width = int(math.Ceil(min(last-first, maxInstances)/maxRungs)) + 1
		return l
	}
	for j, r := range mix.rate[:mix.n] {
		l.pmf[j] = math.Exp(-r * mix.duration)
		l.cdf[j] = l.pmf[j]
	}
	return l
}

// next returns the rung and moves to the one after it.
func (l *ladder) next() rung {
	if l.coarse {
		return l.nextCoarse()
	}
	var needs, idle float64
	mix := l.mix
	for j := range mix.n {
		needs += mix.rate[j] * l.pmf[j]
		idle += l.cdf[j]
	}
	n := float64(max(mix.n, 1))
	r := rung{from: l.level / l.concurrency, width: 1, needs: needs / n, idle: min(idle/n, 1)}
	for range l.concurrency {
		l.level++
		if float64(l.level) > l.top+50*(1+math.Sqrt(l.top)) {
			// Nothing is left up here; the walk would only multiply zeros.
			l.level += l.concurrency - 1 - (l.level-1)%l.concurrency
			break
		}
		for j := range mix.n {
			l.pmf[j] *= mix.rate[j] * mix.duration / float64(l.level)
			l.cdf[j] += l.pmf[j]
		}
	}
	return r
}

func (l *ladder) nextCoarse() rung {
	var needs, idle float64
	level := (float64(l.at) + float64(l.width-1)/2) * float64(l.concurrency)
	for _, rate := range l.mix.rate[:l.mix.n] {
		a := rate * l.mix.duration
		sd := math.Sqrt(max(a, 1e-9))
		x := (level - a) / sd
		needs += rate * math.Exp(-x*x/2) / (sd * math.Sqrt(2*math.Pi))
		idle += math.Erfc(-(x+0.5/sd)/math.Sqrt2) / 2
	}
	n := float64(l.mix.n)
	r := rung{from: l.at, width: l.width, needs: needs / n, idle: idle / n}
	l.at += l.width
	return r
}

// past reports whether the next rung is above every mean, from where on the value of an instance only falls.
func (l *ladder) past() bool {
	if l.coarse {
		return float64(l.at)*float64(l.concurrency) > l.top
	}
	return float64(l.level) > l.top
}

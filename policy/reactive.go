package policy

import "math"

// The standard normal quantiles at the middles of four equal slices.
const (
	zOuter = 1.1503493803760079
	zInner = 0.3186393639643752
)

// recentMix is what the load of the reactive window makes one believe about the next minutes: the rate is gamma distributed
// with the invocations seen as its shape k. The quantiles are those of Wilson and Hilferty (1931): k(1 - 1/(9k) + z/(3√k))³. It reports false if no bin of the window is known.
func (m *Memory) recentMix(mix *mixture) bool {
	total, bins := m.recent(m.spec.window)
	if bins == 0 {
		return false
	}
	waiting := m.queue / max(m.spec.hold, m.step)
	mix.duration = m.spec.taken(m.meanDuration())
	if total == 0 && waiting == 0 {
		mix.add(0)
		return true
	}
	rate := (total + 0.01) / (float64(bins) * m.step)
	shape := total + 0.5
	for _, z := range [...]float64{-zOuter, -zInner, zInner, zOuter} {
		q := 1 - 1/(9*shape) + z/(3*math.Sqrt(shape))
		mix.add(rate*max(q, 0)*q*q + waiting)
	}
	m.stretch(mix)
	return true
}

// stretch lengthens the mean duration if more invocations were in flight than Little's law explains.
func (m *Memory) stretch(mix *mixture) {
	total, bins := m.recent(m.spec.window)
	sum, known := 0.0, 0
	for i := range m.within(m.spec.window) {
		if c := float64(m.means[(m.bin-1-i)%keptBins]); !math.IsNaN(c) {
			sum += c
			known++
		}
	}
	if known == 0 || total == 0 {
		return
	}
	inFlight := sum / float64(known)
	rate := total / (float64(bins) * m.step)
	mix.duration = max(mix.duration, min(inFlight/rate, 86400))
}

// floorShare is what a cold start counts in the value of a floor, where on-demand instances are kept too and we pay for both:
// when an instance joins the floor, the on-demand one that it replaces idles on for its keep-alive, and when it leaves, its
// next use starts cold. Found on real traces; between 0.4 and 0.7 it makes little difference.
const floorShare = 0.6

// rule is how the memory values an instance.
func (m *Memory) rule() rule {
	r := rule{
		breakEven: m.spec.breakEven, hold: m.spec.hold, free: m.spec.free, hysteresis: m.spec.hysteresis,
		concurrency: m.spec.concurrency, max: m.spec.maxWarm,
	}
	if r.free < 0 {
		r.breakEven *= floorShare
	} else {
		r.credit = m.spec.credit
		r.alive = m.aliveInstances(r.free)
	}
	return r
}

// aliveInstances is how many instances were in use within the keep-alive, and so are there still.
func (m *Memory) aliveInstances(keep float64) int {
	most := 0
	for i := range m.within(keep) {
		most = max(most, int(m.peaks[(m.bin-1-i)%keptBins]))
	}
	return most
}

// reactiveFloors is what the load of the last minutes is worth.
func (m *Memory) reactiveFloors() (up, down int) {
	total, _ := m.recent(m.spec.window)
	if total == 0 && m.queue == 0 {
		return 0, 0
	}
	var mix mixture
	if !m.recentMix(&mix) {
		return 0, 0
	}
	r := m.rule()
	return r.floors(&mix)
}

// inUse is the most instances that were in use in the reactive window, as simulated or as measured, and those that the queue
// needs to drain within the hold; -1 if nothing is known.
func (m *Memory) inUse() int {
	most, known := 0.0, false
	c := float64(m.spec.concurrency)
	for i := range m.within(m.spec.window) {
		at := (m.bin - 1 - i) % keptBins
		if math.IsNaN(float64(m.counts[at])) {
			continue
		}
		known = true
		most = max(most, float64(m.peaks[at]))
		if mean := float64(m.means[at]); !math.IsNaN(mean) {
			most = max(most, math.Ceil(mean/c))
		}
	}
	if !known {
		return -1
	}
	if m.queue > 0 {
		most += math.Ceil(m.queue * m.spec.taken(m.meanDuration()) / max(m.spec.hold, m.step) / c)
	}
	return int(min(most, maxInstances))
}

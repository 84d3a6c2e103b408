package policy

import (
	"math"
	"math/rand/v2"
)

const (
	// maxArrivals is how many invocations of one bin are simulated; of a busier bin a part stands for the whole.
	maxArrivals = 256
	// maxInFlight is the mean number of invocations in flight up to which they are simulated; above, the law of large numbers
	// makes the stationary queue a good enough picture, and a cheaper one.
	maxInFlight = 128
	// maxBusy bounds the number in flight.
	maxBusy = 256
)

// flow follows when the instances of a target were in use: invocations are placed into their bin at random, and always take
// the instance used last. An arrival that meets m invocations then takes the instance that became free when the number in
// flight last fell from m+1 to m, so it suffices to remember that time for each level.
type flow struct {
	busy ends      // when running invocations end
	down []float64 // when each instance was last freed, for the levels used so far
	rng  rand.PCG
}

// slice is the part of a bin that is simulated, and what is measured in it.
type slice struct {
	from, to float64
	weight   float64          // how many such parts the bin has
	level    int              // highest number of instances in use so far
	inUse    [maxDown]float64 // busy seconds of each level
	since    [maxDown]float64 // when each level came into use
}

// live lets the invocations of a bin happen and returns how many instances were in use at a time.
func (m *Memory) live(start, step, n float64) int {
	f := &m.flow
	if n == 0 && len(f.busy) == 0 {
		m.cost.quiet(step)
		return 0
	}
	duration := m.spec.taken(m.meanDuration())
	if n/step*duration > maxInFlight {
		f.forget()
		return m.liveHot(step, n/step, duration)
	}
	s := slice{from: start, to: start + step, weight: 1}
	if n > maxArrivals {
		s.weight = n / maxArrivals
		s.from = s.to - tick(step/s.weight)
		n = maxArrivals
		f.skip(start, s.from)
	}
	slots := m.spec.concurrency
	s.level = f.levels(slots)
	for i := range min(s.level, maxDown) {
		s.since[i] = s.from
	}
	if n > 0 {
		m.arrive(&s, int(n), duration)
	}
	m.settleUntil(&s, s.to)
	for i := range min(f.levels(slots), maxDown) {
		s.inUse[i] += s.to - max(s.since[i], s.from)
	}
	m.cost.bin(&s)
	return s.level
}

// liveHot charges a bin with more in flight than is simulated, and returns how many instances were in use at a time, by a
// quantile of 99.4 %.
func (m *Memory) liveHot(step, rate, duration float64) int {
	mix := mixture{duration: duration}
	mix.add(rate)
	m.cost.stationary(&mix, m.spec.concurrency, step)
	a := rate * duration
	return int(min(math.Ceil((a+2.5*math.Sqrt(a))/float64(m.spec.concurrency)), maxInstances))
}

// levels is how many levels are in use.
func (f *flow) levels(slots int) int { return (len(f.busy) + slots - 1) / slots }

// forget drops what was running: what happened meanwhile is not known.
func (f *flow) forget() { f.busy, f.down = f.busy[:0], f.down[:0] }

// skip leaves a part of a busy bin out: what was running or in use shortly before goes on as if the time had not passed.
func (f *flow) skip(from, to float64) {
	shift := to - from
	for i := range f.busy {
		f.busy[i] += shift
	}
	for i := range f.down {
		if from-f.down[i] < shift {
			f.down[i] += shift
		}
	}
}

// arrive places n invocations into the slice: sums of exponential gaps, scaled, are uniform order statistics.
func (m *Memory) arrive(s *slice, n int, mean float64) {
	m.flow.rng.Seed(m.spec.seed, math.Float64bits(s.from))
	rng := rand.New(&m.flow.rng) //nolint:gosec // a simulation must be repeatable
	counted := m.counted(mean)
	if counted {
		mean = 0
	}
	var sums [maxArrivals + 1]float64
	total := 0.0
	for i := range sums[:n+1] {
		total += rng.ExpFloat64()
		sums[i] = total
	}
	scale := (s.to - s.from) / total
	for _, sum := range sums[:n] {
		t := tick(s.from + sum*scale)
		if counted {
			t = s.from
		}
		m.settleUntil(s, t)
		m.start(s, t)
		d := mean
		if m.spec.sigma >= 0 {
			d = math.Exp(m.spec.mu + m.spec.sigma*rng.NormFloat64())
		}
		if len(m.flow.busy) < maxBusy {
			m.flow.busy.push(tick(t + m.spec.taken(max(d, 0.002))))
		}
	}
}

// counted reports whether the source counts the instances that were needed in a step and not invocations: it says so by a duration
// that is the step itself, as measured durations never are. Where within the step they worked is not known then. They are
// taken to be needed at its start, all at once, so that its count is what was in use, and an instance that is to be warm for the next
// step must be kept for one.
func (m *Memory) counted(mean float64) bool { return m.spec.sigma < 0 && mean == m.step }

// start lets one invocation start at t: if it needs another instance, the gap since that one was last used counts.
func (m *Memory) start(s *slice, t float64) {
	f, slots := &m.flow, m.spec.concurrency
	if len(f.busy)%slots != 0 {
		return
	}
	level := len(f.busy) / slots
	s.level = max(s.level, level+1)
	if level >= maxDown {
		return
	}
	s.since[level] = t
	if level >= len(f.down) {
		f.down = append(f.down, t)
		m.cost.use(level, math.Inf(1), s.weight)
		return
	}
	gap := t - f.down[level]
	m.gaps.add(gap, s.weight)
	m.cost.fresh = false
	if level >= m.cost.inForce(floorStrategy) {
		m.upper.add(gap, s.weight)
	}
	m.cost.use(level, gap, s.weight)
}

// settleUntil lets invocations end until t.
func (m *Memory) settleUntil(s *slice, t float64) {
	f, slots := &m.flow, m.spec.concurrency
	for len(f.busy) > 0 && f.busy[0] <= t {
		end := f.busy.pop()
		level := len(f.busy) / slots
		if len(f.busy)%slots != 0 || level >= len(f.down) {
			continue
		}
		f.down[level] = end
		s.inUse[level] += max(end-max(s.since[level], s.from), 0)
	}
}

package predictor

import (
	"math"
	"slices"
	"time"
)

var (
	_ Forecaster        = (*Timer)(nil)
	_ ArrivalForecaster = (*Timer)(nil)
)

const (
	timerMagic = "PLTM"
	// timerMemory arrivals are remembered: a day of a function that is active every sixth minute, months of a daily one.
	timerMemory = 256
	// timerFound periods are found from the gaps, and timerFixed are always tried.
	timerFound   = 5
	timerFixed   = 3
	timerPeriods = timerFound + timerFixed
	// timerOrders is over how many arrivals gaps are taken, so that one timer between the ticks of another does not hide it.
	timerOrders = 3
	// timerForget is what each arrival leaves of the memory of which periods predict well, and timerFloor bounds it: an old
	// timer that stopped must not need as long to be forgotten as it took to be believed.
	timerForget = 0.8
	timerFloor  = -2
	// timerFade is what a new gap leaves of the votes for the others.
	timerFade = 0.99
	// timerPrior is how many steps the prior of a context is worth; timerPriorQuiet that of the context without any tick.
	timerPrior      = 3
	timerPriorQuiet = 10
)

// tick says what there was one period before a step.
type tick int

const (
	tickNone tick = iota
	tickNear      // an arrival one step earlier or later
	tickExact
	numTicks
)

// timerContexts are the ticks one period before, each with and without one two periods before.
const timerContexts = 2 * int(numTicks)

// timerPeriod is one period and what it was worth.
type timerPeriod struct {
	period int     // in steps; 0 if there is none
	votes  float32 // how often it was a gap, lately
	gain   float32 // how much better than the base rate it predicted, lately, in nats
	hits   [timerContexts]uint16
	trials [timerContexts]uint16
}

// Timer forecasts arrivals that come by the clock. It tries the gaps that are frequent and the hour, the day and the week.
// For each period it asks whether there was an arrival one period before the step, exactly or with one step of jitter, and
// two periods before, and counts what followed in each case: that learns missed ticks, jitter, and how far the function is a
// timer at all. The answers are averaged with weights proportional to the likelihood each period gave the recent steps,
// with the base rate as one of them.
//
// That gaps tell timers is from SPES (ICDE 2024, arXiv 2403.17574), which calls a function regular if one gap has 90 % of all or
// the gaps from the 5th to the 95th percentile differ by less than a step; counting contexts needs no such threshold.
type Timer struct {
	base    arrivalBase
	size    sizeMean
	now     int      // the number of the next step, from 1
	times   []uint32 // the steps of the latest arrivals, increasing
	periods [timerPeriods]timerPeriod
}

// NewTimer makes the model for a series with that step; periods of the calendar that are no multiple of it are left out.
func NewTimer(step time.Duration) *Timer {
	f := &Timer{now: 1}
	for i, d := range [timerFixed]time.Duration{time.Hour, 24 * time.Hour, 7 * 24 * time.Hour} {
		if n := d / max(step, 1); d%max(step, 1) == 0 && n >= 2 && n <= MaxPeriod {
			f.periods[timerFound+i].period = int(n)
		}
	}
	return f
}

// Update implements Forecaster. A step of which nothing is known passes as it was expected: it counts as a tick of the timers
// if an arrival was more likely than not.
func (f *Timer) Update(y float64) {
	y = count(y)
	switch {
	case !math.IsNaN(y):
		base := f.base.rate()
		for i := range f.periods {
			f.learn(&f.periods[i], y > 0, base)
		}
		f.base.add(y)
		if y > 0 {
			f.size.add(y)
			f.vote()
			f.remember()
		}
	case f.base.steps > 0:
		var p [1]float64
		f.probabilities(p[:])
		if p[0] > 0.5 {
			f.remember()
		}
	}
	if f.now++; f.now >= mostSteps {
		f.restart()
	}
}

// restart begins to count steps anew, which forgets the arrivals.
func (f *Timer) restart() { f.now, f.times = 1, nil }

// remember keeps the present step as one with an arrival.
func (f *Timer) remember() {
	if len(f.times) == timerMemory {
		copy(f.times, f.times[1:])
		f.times = f.times[:timerMemory-1]
	}
	f.times = append(f.times, uint32(f.now)) //nolint:gosec // now is below 2^31
}

// vote counts the gaps that end at the present step. The period with the fewest votes gives way to a new one once others
// have worn its votes down.
func (f *Timer) vote() {
	for k := 1; k <= min(timerOrders, len(f.times)); k++ {
		if gap := f.now - int(f.times[len(f.times)-k]); gap >= 2 && gap <= MaxPeriod {
			f.voteFor(gap)
		}
	}
}

func (f *Timer) voteFor(gap int) {
	if slices.ContainsFunc(f.periods[timerFound:], func(p timerPeriod) bool { return p.period == gap }) {
		return
	}
	found := f.periods[:timerFound]
	weakest := &found[0]
	for i := range found {
		p := &found[i]
		if p.votes *= timerFade; p.votes < weakest.votes {
			weakest = p
		}
	}
	for i := range found {
		if found[i].period == gap {
			found[i].votes++
			return
		}
	}
	if weakest.votes--; weakest.votes < 0 {
		*weakest = timerPeriod{period: gap, votes: 1}
	}
}

// cursor finds arrivals at steps that mostly follow one another.
type cursor struct {
	times []uint32
	step  int
	i     int // of the first arrival that is not before step
}

// tick says whether there was an arrival at a step.
func (c *cursor) tick(step int) tick {
	if step < 1 {
		return tickNone
	}
	if step != c.step+1 {
		c.i, _ = slices.BinarySearch(c.times, uint32(step)) //nolint:gosec // steps are below 2^31
	} else if c.i < len(c.times) && int(c.times[c.i]) < step {
		c.i++
	}
	c.step = step
	next, before := math.MaxInt, math.MinInt
	if c.i < len(c.times) {
		next = int(c.times[c.i])
	}
	if c.i > 0 {
		before = int(c.times[c.i-1])
	}
	switch {
	case next == step:
		return tickExact
	case next == step+1, before == step-1:
		return tickNear
	default:
		return tickNone
	}
}

// cases finds the contexts of the steps ahead for one period.
type cases struct {
	now, period  int
	last, second cursor
}

func (f *Timer) cases(period int) cases {
	c := cursor{times: f.times, step: -1}
	return cases{now: f.now, period: period, last: c, second: c}
}

// context is the case of a step; it looks at the latest ticks that are known.
func (c *cases) context(step int) int {
	before := step - (step-c.now)/c.period*c.period - c.period
	last, second := c.last.tick(before), c.second.tick(before-c.period)
	context := 2 * int(last)
	if second == tickExact || second == tickNear && last != tickExact {
		context++
	}
	return context
}

// chance is the probability of an arrival in a context.
func (p *timerPeriod) chance(context int, base float64) float64 {
	// What a tick is worth before anything is known of the function: little alone, and much if it is the second in a row.
	prior, weight := [timerContexts]float64{0, 0, 0.03, 0.1, 0.1, 0.6}[context], float64(timerPrior)
	if context == 0 {
		weight = timerPriorQuiet
	}
	return (float64(p.hits[context]) + weight*max(base, prior)) / (float64(p.trials[context]) + weight)
}

// learn counts what happened in the present step for one period.
func (f *Timer) learn(p *timerPeriod, arrived bool, base float64) {
	if p.period == 0 || p.period >= f.now {
		return
	}
	now := f.cases(p.period)
	c := now.context(f.now)
	chance, hit := max(minArrival, min(p.chance(c, base), maxArrival)), uint16(0)
	gain := math.Log((1 - chance) / (1 - base))
	if arrived {
		gain, hit = math.Log(chance/base), 1
	}
	p.gain += float32(gain)
	if arrived {
		p.gain *= timerForget
	}
	p.gain = max(p.gain, timerFloor)
	if p.trials[c] >= timerFull(c) {
		p.trials[c] /= 2
		p.hits[c] /= 2
	}
	p.trials[c]++
	p.hits[c] += hit
}

// timerFull is how many trials of a context count; without a tick arrivals are too rare to forget soon.
func timerFull(context int) uint16 {
	if context == 0 {
		return math.MaxUint16
	}
	return 250
}

// probabilities writes the probability of an arrival in each of the next steps.
func (f *Timer) probabilities(dst []float64) {
	base := f.base.rate()
	total := 1.0
	evenly(dst, base)
	for i := range f.periods {
		p := &f.periods[i]
		if p.period == 0 {
			continue
		}
		w := math.Exp(min(float64(p.gain), 30))
		total += w
		ahead := f.cases(p.period)
		for h := range dst {
			dst[h] += w * p.chance(ahead.context(f.now+h), base)
		}
	}
	for h := range dst {
		dst[h] = min(dst[h]/total, 1)
	}
}

// Arrival implements ArrivalForecaster; it needs one value.
func (f *Timer) Arrival(dst []float64) error {
	if f.base.steps == 0 {
		return errWarming
	}
	f.probabilities(dst)
	return nil
}

// Within implements ArrivalForecaster; it needs one value. Once the clock is known ticks are independent.
func (f *Timer) Within(dst []float64) error {
	if err := f.Arrival(dst); err != nil {
		return err
	}
	anyOf(dst)
	return nil
}

// Forecast implements Forecaster: the probability of an arrival times the mean size of one. It needs one value.
func (f *Timer) Forecast(dst []float64) error {
	if err := f.Arrival(dst); err != nil {
		return err
	}
	f.size.times(dst)
	return nil
}

// Period returns the period, in steps, that predicts best at present, and its share of the forecast; 0 if there is none.
func (f *Timer) Period() (steps int, share float64) {
	total, best := 1.0, 0.0
	for _, p := range f.periods {
		if p.period == 0 {
			continue
		}
		w := math.Exp(min(float64(p.gain), 30))
		total += w
		if w > best && p.gain > 0 {
			steps, best = p.period, w
		}
	}
	return steps, best / total
}

package policy

import "math"

// Many functions go by the clock: one timer every twenty minutes, another at a quarter past, a batch of five calls on the hour.
// Several timers at a time leave gaps that look like no pattern, but every hour looks like the one before. clock counts
// how many instances were in use in each of the 60 steps of a cycle (with steps of a minute: in each minute of the hour). A
// shorter period that divides the cycle learns faster; the one that predicted best so far is believed.
type clock struct {
	// visits and atLeast count, per slot, the steps seen and those in which at least n+1 instances were in use, in units of
	// 1/visit. Older ones fade: they sum up to fullVisits at most.
	visits  [slots]uint16
	atLeast [slots][maxPeak]uint16
	// error is the squared error of each period's probability that something runs, fading.
	error [numCycles]float64
}

const (
	slots     = 60
	numCycles = 6
	// visit is the unit of a slot's counts, fullVisits how many visits are remembered.
	visit      = 1 << 11
	fullVisits = 24
	// priorVisits is how many visits the average over all slots is believed in.
	priorVisits = 1
	// cycleFade is what an error counts a step later.
	cycleFade = 1 - 1.0/1440
)

// cycleOf returns the i-th period in steps; all divide the cycle.
func cycleOf(i int) int { return [numCycles]int{60, 30, 20, 15, 10, 5}[i] }

// slotAt numbers the step that begins so many steps after t seconds.
func slotAt(t, step float64, ahead int) int {
	s := int(math.Mod(math.Round(t/step)+float64(ahead), slots))
	return (s + slots) % slots
}

// add counts a step in which so many instances were in use.
func (c *clock) add(slot, inUse int) {
	var busy float64
	if inUse > 0 {
		busy = 1
	}
	base := c.share(0)
	for i := range c.error {
		miss := busy - c.prob(slot, cycleOf(i), 0, base)
		c.error[i] = c.error[i]*cycleFade + miss*miss
	}
	fade(&c.visits[slot])
	for n := range c.atLeast[slot] {
		fade(&c.atLeast[slot][n])
	}
	c.visits[slot] += visit
	for n := range min(inUse, maxPeak) {
		c.atLeast[slot][n] += visit
	}
}

// fade makes room for one more visit.
func fade(v *uint16) { *v -= *v / fullVisits }

// share is the share of all steps in which at least n+1 instances were in use; a little is added so that it is never 0.
func (c *clock) share(n int) float64 {
	hits, seen := c.sum(0, 1, n)
	return (hits + 0.02) / (seen + 20)
}

// sum returns the visits of a slot and of those whole periods away from it, and those with at least n+1 instances in use.
func (c *clock) sum(slot, period, n int) (hits, seen float64) {
	var h, v int
	for s := slot % period; s < slots; s += period {
		h += int(c.atLeast[s][n])
		v += int(c.visits[s])
	}
	return float64(h) / visit, float64(v) / visit
}

// prob is the probability that at least n+1 instances are in use in the step, going by the period; base is that over all steps.
func (c *clock) prob(slot, period, n int, base float64) float64 {
	hits, seen := c.sum(slot, period, n)
	return (hits + priorVisits*base) / (seen + priorVisits)
}

// period returns the period that predicted best.
func (c *clock) period() int {
	best := 0
	for i, e := range c.error {
		if e < c.error[best] {
			best = i
		}
	}
	return cycleOf(best)
}

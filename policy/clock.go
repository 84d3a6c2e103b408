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
	// total and pooled are sums of these, kept up to date: over all slots, [0] of visits and [n+1] of atLeast[n]; and over the slots
	// that each period has in common, of visits and atLeast[0], one period after the other.
	total  [maxPeak + 1]uint32
	pooled [pooledSlots][2]uint32
	// error is the squared error of each period's probability that something runs, fading.
	error [numCycles]float64
}

const (
	slots     = 60
	numCycles = 6
	// pooledSlots is the sum of all periods.
	pooledSlots = 60 + 30 + 20 + 15 + 10 + 5
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
	s := (int64(math.Round(t/step)) + int64(ahead)) % slots
	return int(s+slots) % slots
}

// add counts a step in which so many instances were in use.
func (c *clock) add(slot, inUse int) {
	var busy float64
	if inUse > 0 {
		busy = 1
	}
	base, first := c.share(0), 0
	for i := range c.error {
		at := &c.pooled[first+slot%cycleOf(i)]
		miss := busy - believed(at[1], at[0], base)
		c.error[i] = c.error[i]*cycleFade + miss*miss
		first += cycleOf(i)
	}
	visits, active := c.visits[slot], c.atLeast[slot][0]
	c.total[0] += count(&c.visits[slot], true)
	for n := range c.atLeast[slot] {
		c.total[n+1] += count(&c.atLeast[slot][n], n < inUse)
	}
	c.pool(slot, uint32(c.visits[slot])-uint32(visits), uint32(c.atLeast[slot][0])-uint32(active))
}

// count makes room for one more visit, counts it if it is a hit, and returns the difference, which may have gone below 0 and around.
func count(v *uint16, hit bool) uint32 {
	before := *v
	*v -= *v / fullVisits
	if hit {
		*v += visit
	}
	return uint32(*v) - uint32(before)
}

// pool adds differences to what each period has of the slot.
func (c *clock) pool(slot int, visits, active uint32) {
	first := 0
	for i := range numCycles {
		at := &c.pooled[first+slot%cycleOf(i)]
		at[0] += visits
		at[1] += active
		first += cycleOf(i)
	}
}

// derive computes all sums anew.
func (c *clock) derive() {
	c.total, c.pooled = [maxPeak + 1]uint32{}, [pooledSlots][2]uint32{}
	for slot := range slots {
		c.total[0] += uint32(c.visits[slot])
		for n, v := range c.atLeast[slot] {
			c.total[n+1] += uint32(v)
		}
		c.pool(slot, uint32(c.visits[slot]), uint32(c.atLeast[slot][0]))
	}
}

// share is the share of all steps in which at least n+1 instances were in use; a little is added so that it is never 0.
func (c *clock) share(n int) float64 {
	return (float64(c.total[n+1])/visit + 0.02) / (float64(c.total[0])/visit + 20)
}

// believed is the share of hits among visits, with priorVisits of the share over all steps.
func believed(hits, visits uint32, base float64) float64 {
	return (float64(hits)/visit + priorVisits*base) / (float64(visits)/visit + priorVisits)
}

// prob is the probability that at least n+1 instances are in use in the step, going by the period.
func (c *clock) prob(slot, period, n int) float64 {
	var hits, visits uint32
	for s := slot % period; s < slots; s += period {
		hits += uint32(c.atLeast[s][n])
		visits += uint32(c.visits[s])
	}
	return believed(hits, visits, c.share(n))
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

package baseline

import (
	"math"
	"time"

	"pilotlight/collectors/trace"
	"pilotlight/internal/sim"
)

// The parameters of the hybrid histogram policy: Shahrad et al., "Serverless in the Wild", USENIX ATC 2020, section 4.2.
const (
	histogramBins   = 240 // of a minute
	histogramHead   = 0.05
	histogramTail   = 0.99
	histogramMargin = 0.10
	// histogramSpread is the coefficient of variation of the bins below which they say nothing.
	histogramSpread = 2.0
	// histogramFew idle times are too few; the paper gives no number.
	histogramFew = 2
	// forecastMargin is around the idle time forecast where most are longer than the histogram.
	forecastMargin = 0.15
)

// histogram loads instances shortly before the function is expected to be invoked again, judging by its past idle times, and keeps
// them until it hardly will be. Idle times are from the end of the last running invocation to the next arrival. In place of the
// paper's ARIMA forecast stands the mean idle time. As many instances are loaded as ran at a time before, in no time and free of
// charge, as in the paper's simulation.
type histogram struct {
	bins          [histogramBins]int
	within, above int
	// squares is the sum of the squares of the bins.
	squares int
	total   time.Duration

	seen       bool
	idleSince  time.Duration // when the function became idle last
	preWarm    time.Duration
	keep       time.Duration
	instances  int           // the most that ran at a time since the last idle time
	loaded     bool          // the floor stands
	unloadTime time.Duration // when it goes
}

func enterHistogram(*trace.Function, *sim.Config) sim.Entry { return sim.Entry{Policy: &histogram{}} }

// Arrived implements sim.Watcher.
func (h *histogram) Arrived(now *sim.Demand, lane *sim.Lane, next time.Duration) time.Duration {
	if at := now.Now(); !h.seen || at > h.idleSince {
		if h.seen {
			h.learn(at - h.idleSince)
		}
		h.preWarm, h.keep = h.windows()
		h.instances = 0
	}
	h.seen = true
	h.instances = max(h.instances, now.Running())
	h.idleSince = lane.BusyUntil()
	if h.preWarm == 0 {
		lane.SetKeepAlive(h.keep)
	} else {
		lane.SetKeepAlive(0)
	}
	_ = next
	return h.idleSince
}

// Act implements sim.Policy. It is called when the function becomes idle, then to load, then to unload.
func (h *histogram) Act(now *sim.Demand, lane *sim.Lane) time.Duration {
	switch at := now.Now(); {
	case !h.seen:
		return sim.Never
	case at < h.idleSince+h.preWarm || h.preWarm == 0:
		h.loaded = false
		lane.SetFloor(0)
		if h.preWarm == 0 {
			return sim.Never
		}
		return h.idleSince + h.preWarm
	case !h.loaded:
		h.loaded, h.unloadTime = true, at+h.keep
		lane.SetFloor(h.instances)
		return h.unloadTime
	}
	h.loaded = false
	lane.SetFloor(0)
	return sim.Never
}

// learn takes in an idle time.
func (h *histogram) learn(idle time.Duration) {
	h.total += idle
	if bin := int(idle / time.Minute); bin < histogramBins {
		h.squares += 2*h.bins[bin] + 1
		h.bins[bin]++
		h.within++
	} else {
		h.above++
	}
}

// windows returns how long after the function has become idle to load, and how long then to keep.
func (h *histogram) windows() (preWarm, keep time.Duration) {
	n := h.within + h.above
	switch {
	case n < histogramFew:
		return 0, histogramBins * time.Minute
	case 2*h.above > n:
		mean := float64(h.total) / float64(n)
		return time.Duration((1 - forecastMargin) * mean), time.Duration(2 * forecastMargin * mean)
	case h.flat():
		return 0, histogramBins * time.Minute
	}
	head := float64(h.percentile(histogramHead)) * (1 - histogramMargin)
	tail := float64(h.percentile(histogramTail)+1) * (1 + histogramMargin)
	return time.Duration(head * float64(time.Minute)), time.Duration((tail - head) * float64(time.Minute))
}

// flat reports whether the bins are so much alike that they say nothing. With whole numbers that needs no walk over the bins, but
// where the two sides are as good as equal.
func (h *histogram) flat() bool {
	const sides = 1 + histogramSpread*histogramSpread
	left, right := histogramBins*float64(h.squares), sides*float64(h.within)*float64(h.within)
	if math.Abs(left-right) > 1e-9*right {
		return left < right
	}
	return h.variation() < histogramSpread
}

// variation is the coefficient of variation of the bins.
func (h *histogram) variation() float64 {
	mean, squares := float64(h.within)/histogramBins, 0.0
	for _, n := range &h.bins {
		squares += (float64(n) - mean) * (float64(n) - mean)
	}
	return math.Sqrt(squares/histogramBins) / mean
}

// percentile is the bin in which the share of the idle times is reached.
func (h *histogram) percentile(share float64) int {
	sum, enough := 0, share*float64(h.within)
	for bin, n := range &h.bins {
		if sum += n; sum > 0 && float64(sum) >= enough {
			return bin
		}
	}
	return histogramBins - 1
}

package policy

import (
	"math"
	"time"
)

const (
	// keptBins is how many of the newest bins are kept.
	keptBins = 60
	// maxDown is how many levels of instances are followed; those above count as never used.
	maxDown = 96
	// maxRecs is how many past needs are kept for the stabilisation window.
	maxRecs = 32
	// maxSkip is how many skipped steps are walked through one by one.
	maxSkip = 4 * keptBins
	// maxCount bounds measured counts; more is taken as this many.
	maxCount = 1e12
)

// Memory is what the policy remembers of one target: the newest bins, when instances were last used, the gaps between uses,
// what each strategy would have cost, and the newest needs. It is not safe for concurrent use. The zero Memory is not usable;
// see NewMemory.
type Memory struct {
	spec  spec
	known bool // whether spec has been set, by the first decision

	end  float64 // of the newest bin, in seconds since 1970
	step float64 // of the newest bin, in seconds; 0 before the first

	counts   [keptBins]float32 // invocations of the newest bins, NaN if unknown, at [bin % keptBins]
	peaks    [keptBins]uint16  // instances in use at a time
	means    [keptBins]float32 // measured mean concurrency, NaN if unknown
	queue    float64           // events that wait, at the end of the newest bin
	duration float64           // running mean duration in seconds, 0 if unknown
	carry    float64           // part of an invocation that was not simulated yet

	bin    int // index of the next bin
	active int // how many bins had invocations
	seen   int // how many bins were known
	last   int // index of the last active bin, -1 before

	flow  flow
	gaps  gapHistogram // all gaps
	upper gapHistogram // gaps of instances above the reactive floor
	hops  renewals
	clock clock
	cost  ledger

	search search // for the price that meets an objective
	acting bool   // whether decisions are carried out, so that measured cold starts are ours
	past   *past  // nil where nothing needs it

	recs [maxRecs]need // newest needs, at [n % maxRecs]
	nrec int
}

// past is what guards and budgets remember, of the targets that have them.
type past struct {
	leads  leads     // measured
	floors floors    // had lately
	moves  moves     // from one to the other
	spend  spendings // of the floor
}

// remembers returns the past, with room for more of it.
func (m *Memory) remembers() *past {
	if m.past == nil {
		m.past = &past{}
	}
	return m.past
}

// need is what a decision asked for before its guards.
type need struct {
	at   float64
	warm int32
}

// NewMemory returns an empty memory.
func NewMemory() *Memory {
	m := &Memory{last: -1}
	for i := range m.counts {
		m.counts[i], m.means[i] = float32(math.NaN()), float32(math.NaN())
	}
	m.cost.dataFloor = -1
	m.spec = spec{sigma: -1, concurrency: 1, free: -1, window: 300, hold: 60}
	return m
}

// Observe takes the next bin. Bins come in order: one that does not start after the last is left out, and skipped steps count
// as unknown. The work does not grow with the history.
func (m *Memory) Observe(b Bin) {
	step := tick(b.Step.Seconds())
	start := tick(seconds(b.Start))
	if !(step > 0) || m.step > 0 && start < m.end-step/2 {
		return
	}
	if m.step > 0 {
		missed := (start - m.end) / step
		if missed > maxSkip {
			m.bin += int(min(missed-maxSkip, 1e9))
			missed = maxSkip
		}
		for i := int(math.Round(missed)); i > 0; i-- {
			m.take(start-float64(i)*step, step, Bin{
				Invocations: math.NaN(), Duration: math.NaN(), Concurrency: math.NaN(), QueueDepth: math.NaN(),
			})
		}
	}
	m.take(start, step, b)
}

// tick rounds a time in seconds to 1/1024 s. Sums and differences of such times are exact, and their distance to the newest
// bin fits into four bytes, so that a restored memory goes on exactly as the one that was stored.
func tick(t float64) float64 { return math.Round(t*1024) / 1024 }

// take takes one bin.
func (m *Memory) take(start, step float64, b Bin) {
	m.step, m.end = step, start+step
	m.queue, m.cost.cold = 0, 0
	if usable(b.QueueDepth) {
		m.queue = min(b.QueueDepth, maxCount)
	}
	n := min(b.Invocations, maxCount)
	if !usable(b.Invocations) {
		n = math.NaN()
	}
	m.learnDuration(b, n, step)
	i := m.bin % keptBins
	m.counts[i], m.means[i] = float32(n), float32(math.NaN())
	if usable(b.Concurrency) {
		m.means[i] = float32(min(b.Concurrency, maxCount))
	}
	whole := 0.0
	if math.IsNaN(n) {
		m.flow.forget()
		m.last = -1
	} else {
		m.seen++
		m.carry += n
		whole = math.Floor(m.carry + 0.5)
		m.carry -= whole
	}
	peak := m.live(start, step, whole)
	m.peaks[i] = uint16(min(peak, math.MaxUint16)) //nolint:gosec // bounded by min
	if !math.IsNaN(n) {
		m.clock.add(slotAt(start, step, 0), peak)
	}
	if whole > 0 {
		if m.last >= 0 {
			m.hops.add(m.bin-m.last, peak)
		}
		m.active++
		m.last = m.bin
	}
	m.bin++
	m.cost.ask(m)
	m.seek(n, b.ColdStarts, step)
}

// learnDuration follows the mean duration, weighted by invocations over about the last thousand.
func (m *Memory) learnDuration(b Bin, n, step float64) {
	d := b.Duration
	if !usable(d) || d == 0 {
		if !usable(b.Concurrency) || !(n > 0) || b.Concurrency == 0 {
			return
		}
		d = b.Concurrency * step / n // Little's law
	}
	d = min(d, 86400)
	if m.duration == 0 {
		m.duration = d
		return
	}
	weight := 0.02
	if n > 0 {
		weight = min(n/1000, 0.2)
	}
	m.duration += weight * (d - m.duration)
}

// recent returns the invocations of the bins in the newest `window` seconds and how many of these are known.
func (m *Memory) recent(window float64) (total float64, bins int) {
	for i := range m.within(window) {
		c := float64(m.counts[(m.bin-1-i)%keptBins])
		if !math.IsNaN(c) {
			total += c
			bins++
		}
	}
	return total, bins
}

// within is how many bins the newest `window` seconds hold, at least one if there is any.
func (m *Memory) within(window float64) int {
	if m.step == 0 {
		return 0
	}
	return min(max(int(math.Round(min(window/m.step, keptBins))), 1), keptBins, m.bin)
}

// meanDuration is the best guess of the mean duration in seconds.
func (m *Memory) meanDuration() float64 {
	switch d := m.spec.meanDuration(); {
	case m.duration > 0:
		return m.duration
	case d > 0:
		return d
	}
	return defaultDuration
}

// defaultDuration stands in for the mean duration in seconds where nothing tells it.
const defaultDuration = 0.1

// record keeps the need of a decision for the stabilisation window; a second decision at the same time replaces the first.
func (m *Memory) record(now time.Time, warm int) {
	at := seconds(now)
	if m.nrec > 0 && m.recs[(m.nrec-1)%maxRecs].at == at {
		m.nrec--
	}
	m.recs[m.nrec%maxRecs] = need{at: at, warm: int32(min(warm, maxInstances))} //nolint:gosec // bounded by min
	m.nrec++
}

// highest returns the greatest need recorded in the window before now, -1 if there is none.
func (m *Memory) highest(now time.Time, window time.Duration) int {
	at := seconds(now)
	best := int32(-1)
	for i := range min(m.nrec, maxRecs) {
		r := m.recs[(m.nrec-1-i)%maxRecs]
		if r.at >= at || r.at < at-window.Seconds() {
			continue
		}
		best = max(best, r.warm)
	}
	return int(best)
}

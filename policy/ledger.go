package policy

import "math"

// A strategy is one way to keep a target warm. Which one pays differs between targets and cannot be told from the load alone,
// so each target keeps a ledger of what every strategy would have cost it.
type strategy struct {
	// ahead says by what sign to warm before the next use of a sparse target.
	ahead sign
	// keepSteps caps the keep-alive at this many steps; below 0 there is no cap.
	keepSteps float64
	// floor keeps the instances that the load of the last minutes, or forecast the greater of it and the forecast load, is
	// worth.
	floor, forecast bool
}

// The strategies, in the order of preference at equal cost.
const (
	keepStrategy     = 0 // on demand and keep-alive only
	floorStrategy    = 7
	forecastStrategy = 8
	numStrategies    = 9
)

func strategyOf(i int) strategy {
	switch i {
	case 1:
		return strategy{ahead: gapSign}
	case 2:
		return strategy{ahead: earlyGapSign, keepSteps: 2}
	case 3:
		return strategy{ahead: clockSign, keepSteps: 1}
	case 4:
		return strategy{ahead: bothSign, keepSteps: -1}
	case 5:
		return strategy{ahead: bothSign, keepSteps: 1}
	case 6:
		return strategy{ahead: bothSign}
	case floorStrategy:
		return strategy{keepSteps: -1, floor: true}
	case forecastStrategy:
		return strategy{keepSteps: -1, floor: true, forecast: true}
	default:
		return strategy{keepSteps: -1}
	}
}

const (
	// costDecay is what a cost counts a step later: 1/e after 4320 steps, three days of minutes.
	costDecay = 1 - 1.0/4320
	// newcomer is the handicap, in cold starts, of every strategy but the first.
	newcomer = 2
	// switchGain is the share by which another strategy must be cheaper to be taken.
	switchGain = 0.01
	// maxLag bounds the lead in steps.
	maxLag = 8
)

// account is the ledger of one strategy.
type account struct {
	// cost is in idle seconds of one instance; older cost counts less.
	cost float64
	// keep is the keep-alive it uses at present, in seconds.
	keep float64
	// gone has the levels whose last use was on the floor, so that no on-demand instance is left of it.
	gone [2]uint64
	// asks are the floors asked for at the end of the newest bins, at [bin % maxLag]; force is the floor in force now.
	asks  [maxLag]int32
	force int32
}

// ledger is what each strategy would have cost a target.
type ledger struct {
	of     [numStrategies]account
	chosen int
	open   bool // whether the handicaps have been set
	hot    bool // whether the newest bin had too much in flight to simulate
	b      float64
	free   float64
	credit float64
	// dataFloor is the floor decided when there was data last; -1 before.
	dataFloor int32
	// keepAll and keepUpper are the best keep-alives of all gaps and of those above the floor, unless the gaps are newer.
	keepAll, keepUpper float64
	fresh              bool
	// watch is the strategy whose cold starts are counted, least the floor that there is anyway, cold their number in the newest
	// bin.
	watch, least int
	cold         float64
}

// prepare takes over what changed in the spec.
func (l *ledger) prepare(s *spec) {
	l.b, l.free, l.credit, l.fresh = s.breakEven, s.free, s.credit, false
	if !l.open {
		l.open = true
		for i := 1; i < numStrategies; i++ {
			l.of[i].cost = newcomer * l.b
		}
	}
}

// inForce is the floor that a strategy has in the present bin.
func (l *ledger) inForce(i int) int { return int(l.of[i].force) }

// quiet charges a bin in which nothing ran.
func (l *ledger) quiet(step float64) {
	for i := range l.of {
		if f := l.of[i].force; f > 0 {
			l.of[i].cost += float64(f) * step
		}
	}
}

// bin charges the idle time of the floors in a slice of a bin.
func (l *ledger) bin(s *slice) {
	length := s.to - s.from
	for i := range l.of {
		floor := int(l.of[i].force)
		if l.credit > 0 {
			// What works on demand pays for what it would have saved on the floor.
			for _, used := range s.inUse[min(floor, maxDown):] {
				l.of[i].cost += l.credit * used * s.weight
			}
		}
		if floor == 0 {
			continue
		}
		idle := 0.0
		levels := min(floor, maxDown)
		for _, used := range s.inUse[:levels] {
			idle += max(length-used, 0)
		}
		l.of[i].cost += (idle + float64(floor-levels)*length) * s.weight
	}
}

// stationary charges a bin by what is expected of a stationary load, see rule.worth. Nothing is left to remember of it.
func (l *ledger) stationary(mix *mixture, concurrency int, step float64) {
	l.hot = true
	for i := range l.of {
		l.of[i].gone = [2]uint64{}
	}
	floors := newLadder(mix, concurrency)
	for range maxFine + maxRungs {
		past := floors.past()
		g := floors.next()
		if g.needs*step < 1e-9 {
			if past {
				break
			}
			continue
		}
		for i := range l.of {
			a := &l.of[i]
			below := float64(min(max(int(a.force)-g.from, 0), g.width))
			again := math.Exp(-a.keep * g.needs / g.idle)
			cost := l.b * g.needs * again
			if l.free < 0 {
				cost += g.idle * (1 - again)
			}
			cost += l.credit * (1 - g.idle)
			a.cost += (below*g.idle + (float64(g.width)-below)*cost) * step
			if i == l.watch {
				kept := float64(min(max(max(int(a.force), l.least)-g.from, 0), g.width))
				l.cold += (float64(g.width) - kept) * g.needs * again * step
			}
		}
	}
}

// use charges the use of an instance, numbered by its level, after a gap.
func (l *ledger) use(level int, gap, weight float64) {
	word, bit := level/64, uint64(1)<<(level%64)
	for i := range l.of {
		a := &l.of[i]
		gone := a.gone[word]&bit != 0
		idle := min(gap, a.keep)
		if gone || math.IsInf(gap, 1) {
			idle = 0
		}
		if l.free >= 0 {
			idle = 0
		}
		switch {
		case level < int(a.force):
			// A floor beside an idle on-demand instance is paid twice.
			a.cost += idle * weight
			a.gone[word] |= bit
		case gone || gap > a.keep:
			a.cost += (idle + l.b) * weight
			a.gone[word] &^= bit
			if i == l.watch && level >= l.least {
				l.cold += weight
			}
		default:
			a.cost += idle * weight
		}
	}
}

// ask lets every strategy set its keep-alive and ask for its floor at the end of a bin, and chooses the cheapest.
func (l *ledger) ask(m *Memory) {
	if !m.known {
		l.hot = false
		return
	}
	lag := m.lag()
	if !l.fresh {
		l.keepAll, l.keepUpper, l.fresh = m.gaps.best(l.b, m.spec.maxKeep), m.upper.best(l.b, m.spec.maxKeep), true
	}
	up, down := m.reactiveFloors()
	ahead := m.wanted()
	for i := range l.of {
		a := &l.of[i]
		a.cost *= costDecay
		s := strategyOf(i)
		a.keep = l.keepAll
		switch {
		case l.free >= 0:
			a.keep = l.free
		case s.floor:
			a.keep = l.keepUpper
		case s.keepSteps >= 0:
			a.keep = min(l.keepAll, s.keepSteps*m.step)
		}
		before := int(a.asks[(m.bin+maxLag-1)%maxLag])
		want := 0
		switch {
		case s.floor:
			want = settle(before, up, down)
		case s.ahead != noSign:
			want = m.ask(&ahead, s.ahead, a)
		}
		l.set(m, i, lag, want)
	}
	l.choose()
	l.hot = false
}

// set keeps what a strategy asks for now; the floor in force is the least asked for during the last lead.
func (l *ledger) set(m *Memory, i, lag, want int) {
	a := &l.of[i]
	a.asks[m.bin%maxLag] = int32(min(want, m.spec.maxWarm)) //nolint:gosec // bounded by maxInstances
	force := a.asks[m.bin%maxLag]
	for back := 1; back <= lag; back++ {
		force = min(force, a.asks[(m.bin+maxLag-back)%maxLag])
	}
	a.force = force
}

// choose takes the cheapest strategy, if it is clearly cheaper than the present one.
func (l *ledger) choose() {
	best := l.chosen
	for i := range l.of {
		if l.of[i].cost < l.of[best].cost {
			best = i
		}
	}
	if l.of[best].cost < (1-switchGain)*l.of[l.chosen].cost {
		l.chosen = best
	}
	// While the load is too high to simulate, it is taken as stationary. A floor then looks no better than a keep-alive; but it
	// can rise before the load does.
	if l.hot && l.free < 0 && l.of[forecastStrategy].cost < (1+switchGain)*l.of[best].cost {
		l.chosen = forecastStrategy
	}
}

// lag is the lead in whole steps, rounded up.
func (m *Memory) lag() int {
	if m.step == 0 {
		return 0
	}
	return min(int(math.Ceil(m.spec.lead/m.step-1e-9)), maxLag-1)
}

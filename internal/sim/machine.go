package sim

import "math"

// machine is the simulated state of one function. Times are whole microseconds since the start of the trace, and calls must be
// in the order of time. What happens at the same time happens in this order: invocations end, idle instances end, provisioned
// instances get ready, settings change, invocations arrive.
type machine struct {
	coldStart int64 // how long a cold start takes
	lead      int64 // from asking for a provisioned instance to having it
	keepAlive int64 // how long an on-demand instance stays after work that ends from now on
	// hindsight, if above 0, keeps an idle on-demand instance exactly if it is used again within that time.
	hindsight int64
	from      int64 // usage before this time is not counted

	floor floor
	// running are the invocations that run, as a heap by their end.
	running []work
	// idle are the on-demand instances without work, in the order in which their work ended. Some may have ended by now.
	idle []idleInstance
	// provisioned is the number of provisioned instances, with the busy ones above the floor that end after their work;
	// free is how many of them have no work; since is until when provisioned is in the counters.
	provisioned, free int
	since             int64

	used counters
	// ever are counted from the start of the trace, as a platform's own metrics are.
	ever totals
}

// totals are what the metrics of a platform tell of a function.
type totals struct {
	arrived, cold, finished int64
	// worked is the time that finished invocations took without cold starts, in microseconds.
	worked int64
}

// work is an invocation that runs on an instance, with its cold start.
type work struct {
	end, start int64
	duration   int64 // without the cold start
	onDemand   bool
}

// idleInstance is an on-demand instance that has no work since a time and stays until another.
type idleInstance struct{ since, until int64 }

// counters are what was used of one function. Times are in microseconds, summed over instances.
type counters struct {
	invocations, coldStarts, decisions                int64
	coldTime                                          int64
	provisioned, provisionedBusy                      int64
	onDemandBusy /* with cold starts */, onDemandIdle int64
}

// counted returns how much of an interval is after the start of counting.
func (m *machine) counted(start, end int64) int64 { return max(0, end-max(start, m.from)) }

// settle lets everything happen that happens by itself until time t, inclusive.
func (m *machine) settle(t int64) {
	if len(m.floor.rises) == 0 { // as nearly always
		for len(m.running) > 0 && m.running[0].end <= t {
			m.finish()
		}
		return
	}
	for {
		end := int64(never)
		if len(m.running) > 0 {
			end = m.running[0].end
		}
		rise := m.floor.next()
		switch {
		case min(end, rise) > t:
			return
		case end <= rise:
			m.finish()
		default:
			m.floor.rise()
			if lack := m.floor.ready - m.provisioned; lack > 0 {
				m.provision(rise, lack)
				m.free += lack
			}
		}
	}
}

// provision changes the number of provisioned instances at time t.
func (m *machine) provision(t int64, change int) {
	m.used.provisioned += int64(m.provisioned) * m.counted(m.since, t)
	m.provisioned += change
	m.since = t
}

// finish ends the invocation that ends first.
func (m *machine) finish() {
	w := m.pop()
	m.ever.finished++
	m.ever.worked += w.duration
	m.countWork(&m.used, &w, w.end)
	switch {
	case w.onDemand:
		if m.hindsight > 0 {
			m.idle = append(m.idle, idleInstance{w.end, never})
		} else if m.keepAlive > 0 {
			m.idle = append(m.idle, idleInstance{w.end, saturatingAdd(w.end, m.keepAlive)})
		}
	case m.provisioned > m.floor.ready:
		m.provision(w.end, -1)
	default:
		m.free++
	}
}

// countWork adds the part of the work that is done by time t.
func (m *machine) countWork(used *counters, w *work, t int64) {
	if w.onDemand {
		used.onDemandBusy += m.counted(w.start, t)
	} else {
		used.provisionedBusy += m.counted(w.start, t)
	}
}

func saturatingAdd(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// setFloor asks for a number of provisioned instances at time t.
func (m *machine) setFloor(t int64, instances int) {
	m.settle(t)
	if instances == m.floor.asked {
		return
	}
	if t >= m.from {
		m.used.decisions++
	}
	m.floor.set(t, m.lead, instances)
	// Free instances above the floor end at once, busy ones after their work.
	if surplus := min(m.free, m.provisioned-m.floor.ready); surplus > 0 {
		m.provision(t, -surplus)
		m.free -= surplus
	}
	m.settle(t)
}

// setKeepAlive sets, at time t, how long on-demand instances stay after work that ends from then on.
func (m *machine) setKeepAlive(t, keepAlive int64) {
	m.settle(t)
	m.keepAlive = keepAlive
}

// arrive serves an invocation that arrives at time t and takes duration if it starts warm.
func (m *machine) arrive(t, duration int64) {
	m.settle(t)
	counted := t >= m.from
	m.ever.arrived++
	if counted {
		m.used.invocations++
	}
	switch {
	case m.free > 0:
		m.free--
		m.push(work{end: t + duration, start: t, duration: duration})
	case m.reuse(t):
		m.push(work{end: t + duration, start: t, duration: duration, onDemand: true})
	default:
		if counted {
			m.used.coldStarts++
			m.used.coldTime += m.coldStart
		}
		m.ever.cold++
		m.push(work{end: t + m.coldStart + duration, start: t, duration: duration, onDemand: true})
	}
}

// reuse takes the idle on-demand instance that was used last, if there is one at time t. One whose keep-alive ends at t has
// ended. As the keep-alive can change, an instance below an ended one may still be there.
func (m *machine) reuse(t int64) bool {
	for n := len(m.idle); n > 0; n-- {
		i := m.idle[n-1]
		m.idle = m.idle[:n-1]
		if m.hindsight > 0 && t-i.since > m.hindsight {
			return false // it was not kept; those below were not used for even longer
		}
		m.used.onDemandIdle += m.counted(i.since, min(i.until, t))
		if i.until > t {
			return true
		}
	}
	return false
}

// sweep forgets the idle instances that have ended by time t, which bounds the memory.
func (m *machine) sweep(t int64) {
	keep := m.idle[:0]
	for _, i := range m.idle {
		if i.until > t {
			keep = append(keep, i)
		} else {
			m.used.onDemandIdle += m.counted(i.since, i.until)
		}
	}
	m.idle = keep
}

// usage returns what was used by time t, with what is still under way.
func (m *machine) usage(t int64) counters {
	m.settle(t)
	m.sweep(t)
	used := m.used
	used.provisioned += int64(m.provisioned) * m.counted(m.since, t)
	for i := range m.running {
		m.countWork(&used, &m.running[i], t)
	}
	if m.hindsight > 0 {
		return used // what is idle now is not used again
	}
	for _, i := range m.idle {
		used.onDemandIdle += m.counted(i.since, t)
	}
	return used
}

// push adds work to the heap.
func (m *machine) push(w work) {
	h := append(m.running, w)
	i := len(h) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if h[parent].end <= w.end {
			break
		}
		h[i] = h[parent]
		i = parent
	}
	h[i] = w
	m.running = h
}

// pop removes the work that ends first from the heap.
func (m *machine) pop() work {
	h := m.running
	if len(h) == 1 {
		m.running = h[:0]
		return h[0]
	}
	first, last := h[0], h[len(h)-1]
	h = h[:len(h)-1]
	for i := 0; ; {
		child := 2*i + 1
		if child+1 < len(h) && h[child+1].end < h[child].end {
			child++
		}
		if child >= len(h) || h[child].end >= last.end {
			h[i] = last
			break
		}
		h[i] = h[child]
		i = child
	}
	m.running = h
	return first
}

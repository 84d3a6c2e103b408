package sim

import (
	"time"

	"pilotlight/collectors/trace"
)

// Never is the time of what does not happen.
const Never = time.Duration(1<<63 - 1)

// Demand is what the invocations of one function would need if every one started warm at its arrival. It does not depend on
// the policy, so all policies that scale by concurrency see the same. It is at a time, up to which it tells the past; only
// Foresee tells the future, for policies that are meant to know it.
type Demand struct {
	now     int64
	running ends
	// area is the sum of the time that invocations ran until since, in microseconds.
	area, since int64
	peaks       []int32
}

// newDemand makes the demand of a function at the start of the trace.
func newDemand(seed uint64, f *trace.Function, rows []trace.Row, minutes int) *Demand {
	d := &Demand{peaks: peaksOf(newArrivals(seed, f, rows), minutes)}
	return d
}

// peaksOf returns the most invocations that run at a time in each minute.
func peaksOf(traffic *arrivals, minutes int) []int32 {
	peaks := make([]int32, minutes)
	var running ends
	minute := 0
	// Until the next arrival the number only falls, so a minute that begins before it begins with its peak.
	enter := func(t int64) {
		for ; minute < minutes && int64(minute)*microsPerMinute <= t; minute++ {
			running.settle(int64(minute) * microsPerMinute)
			peaks[minute] = int32(len(running)) //nolint:gosec // far below a trace's largest count
			if len(running) == 0 {
				minute = max(minute, min(minutes, int(t/microsPerMinute))-1)
			}
		}
	}
	for ; traffic.at < int64(minutes)*microsPerMinute; traffic.next() {
		enter(traffic.at)
		running.settle(traffic.at)
		running.push(traffic.at + traffic.duration)
		peaks[minute-1] = max(peaks[minute-1], int32(len(running))) //nolint:gosec // as above
	}
	enter(int64(minutes)*microsPerMinute - 1)
	return peaks
}

// settle moves on to the time.
func (d *Demand) settle(t int64) {
	for len(d.running) > 0 && d.running[0] <= t {
		d.count(d.running[0])
		d.running.pop()
	}
	d.now = t
}

// count adds up what ran until the time.
func (d *Demand) count(t int64) {
	d.area += int64(len(d.running)) * (t - d.since)
	d.since = t
}

// arrive takes in an invocation at the time of the demand.
func (d *Demand) arrive(duration int64) {
	d.count(d.now)
	d.running.push(d.now + duration)
}

// Now is the time since the start of the trace.
func (d *Demand) Now() time.Duration { return fromMicros(d.now) }

// Running is how many invocations run now.
func (d *Demand) Running() int { return len(d.running) }

// Seconds is how long all invocations together have run since the start of the trace. The difference between two times,
// divided by the time between them, is the mean concurrency.
func (d *Demand) Seconds() float64 {
	return float64(d.area+int64(len(d.running))*(d.now-d.since)) / 1e6
}

// Peak is the most invocations that ran at a time in a minute. It is 0 outside the trace and for minutes that have not ended.
func (d *Demand) Peak(minute int) int {
	if int64(minute+1)*microsPerMinute > d.now {
		return 0
	}
	return d.Foresee(minute)
}

// Foresee is Peak of any minute, also one to come.
func (d *Demand) Foresee(minute int) int {
	if minute < 0 || minute >= len(d.peaks) {
		return 0
	}
	return int(d.peaks[minute])
}

func fromMicros(t int64) time.Duration {
	if t > int64(Never/time.Microsecond) {
		return Never
	}
	return time.Duration(t) * time.Microsecond
}

func toMicros(d time.Duration) int64 {
	if d == Never {
		return never
	}
	return d.Microseconds()
}

// ends is a heap of times, the first of them in front.
type ends []int64

// settle removes the times up to t.
func (e *ends) settle(t int64) {
	for len(*e) > 0 && (*e)[0] <= t {
		e.pop()
	}
}

func (e *ends) push(t int64) {
	h := append(*e, t)
	i := len(h) - 1
	for i > 0 && h[(i-1)/2] > t {
		h[i] = h[(i-1)/2]
		i = (i - 1) / 2
	}
	h[i] = t
	*e = h
}

func (e *ends) pop() {
	h := *e
	last := h[len(h)-1]
	h = h[:len(h)-1]
	i := 0
	for child := 1; child < len(h); child = 2*i + 1 {
		if child+1 < len(h) && h[child+1] < h[child] {
			child++
		}
		if h[child] >= last {
			break
		}
		h[i] = h[child]
		i = child
	}
	if len(h) > 0 {
		h[i] = last
	}
	*e = h
}

package policy

import (
	"testing"
	"time"
)

// threeTimers is how many calls come in a minute of the hour: one timer every twenty minutes, one at 7 past, and five calls
// on the half hour. Their gaps alone are a muddle.
func threeTimers(i int) float64 {
	switch {
	case i%60 == 30:
		return 5
	case i%20 == 0, i%60 == 7:
		return 1
	}
	return 0
}

// TestClockKnowsTheHour checks what the clock believes after three days of timers, and that the period found is one that explains
// all of them.
func TestClockKnowsTheHour(t *testing.T) {
	t.Parallel()
	var c clock
	for i := range 3 * 1440 {
		c.add(slotAt(float64(i)*60, 60, 0), int(threeTimers(i)))
	}
	sums := c
	if sums.derive(); sums != c {
		t.Error("the sums are not those of the slots")
	}
	if got := c.period(); got != 60 {
		t.Errorf("period of %d steps, not of 60", got)
	}
	for slot := range slots {
		for n := range maxPeak {
			p := c.prob(slot, 60, n)
			if due := float64(n) < threeTimers(slot); due && p < 0.9 || !due && p > 0.05 {
				t.Errorf("at %d past, more than %d in use: %v", slot, n, p)
			}
		}
	}
}

// TestClockTakesTheShortestPeriodThatFits learns a timer of twenty minutes from each of its calls.
func TestClockTakesTheShortestPeriodThatFits(t *testing.T) {
	t.Parallel()
	var c clock
	for i := range 180 {
		inUse := 0
		if i%20 == 3 {
			inUse = 1
		}
		c.add(slotAt(float64(i)*60, 60, 0), inUse)
	}
	if got := c.period(); got != 20 {
		t.Errorf("period of %d steps, not of 20", got)
	}
	if slotAt(-60, 60, 0) != 59 || slotAt(3600, 60, -1) != 59 || slotAt(90, 60, 0) != 2 {
		t.Error("slots before 1970 or between steps are not in range")
	}
}

// TestTimersTogetherAreWarmedInTime replays three timers at once through decisions: calls find a warm instance, though the gaps
// between them are a muddle, and there are few warm minutes in between.
func TestTimersTogetherAreWarmedInTime(t *testing.T) {
	t.Parallel()
	p := mustNew(t, nil)
	f := facts(0)
	m := NewMemory()
	calls, warm, idle := 0, 0, 0 // minutes
	for i := range 4 * 1440 {
		n := threeTimers(i)
		if i > 0 {
			m.Observe(minuteBin(i-1, threeTimers(i-1), 2))
		}
		f.Now = epoch.Add(time.Duration(i) * time.Minute)
		before, _ := f.Current.Warm()
		f.Current = f.Current.Merge(p.Decide(f, m).Desired)
		after, _ := f.Current.Warm()
		if i >= 3*1440 { // ready after the lead of a minute, if it was not taken back
			switch ready := min(before, after) > 0; {
			case n > 0:
				calls++
				if ready {
					warm++
				}
			case ready:
				idle++
			}
		}
	}
	if warm < calls*9/10 || idle > calls/2 {
		t.Errorf("warm in %d of %d minutes with calls, and in %d without", warm, calls, idle)
	}
}

// TestCountedInstances takes a duration of exactly one step for a source that counts instances: three in each of two steps are
// three instances, used again after one step, and not the six that would overlap if calls of a minute came at any time.
func TestCountedInstances(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		duration float64
		want     int
	}{{60, 3}, {59, 4}} {
		m, _ := fed(mustNew(t, nil), facts(0), c.duration)
		for i := range 30 {
			m.Observe(minuteBin(i, 3, c.duration))
		}
		most := 0
		for i := range 20 {
			most = max(most, int(m.peaks[(m.bin-1-i)%keptBins]))
		}
		if c.want == 3 && most != 3 || most < c.want {
			t.Errorf("duration of %v s: %d in use", c.duration, most)
		}
	}
}

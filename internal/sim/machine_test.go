package sim

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// event is an invocation, or with duration 0 a change of the settings; -1 leaves a setting as it is.
type event struct {
	at, duration     int64
	floor, keepAlive int64
}

func run(m *machine, events []event, end int64) counters {
	for _, e := range events {
		if e.duration > 0 {
			m.arrive(e.at, e.duration)
			continue
		}
		if e.keepAlive >= 0 {
			m.setKeepAlive(e.at, e.keepAlive)
		}
		if e.floor >= 0 {
			m.setFloor(e.at, int(e.floor))
		}
	}
	return m.usage(end)
}

// instance is one of the instances of the reference.
type instance struct {
	provisioned          bool
	busyUntil            int64 // 0 is idle
	idleSince, idleUntil int64
}

// reference simulates the model tick by tick with a list of instances, as plainly as its description.
func reference(m machine, events []event, end int64) counters {
	var used counters
	var list []*instance
	asked := []int{0} // asked[t+1] is the floor asked for after tick t
	least := func(t int64) int {
		low := asked[len(asked)-1]
		for s := max(0, t-m.lead); s <= t; s++ {
			if int(s)+1 < len(asked) {
				low = min(low, asked[s+1])
			}
		}
		if m.lead > t { // nothing was asked for before the start
			low = min(low, 0)
		}
		return low
	}
	provisioned := func() int {
		n := 0
		for _, i := range list {
			if i.provisioned {
				n++
			}
		}
		return n
	}
	fit := func(t int64) { // to the floor
		ready := least(t)
		list = slices.DeleteFunc(list, func(i *instance) bool {
			return i.provisioned && i.busyUntil == 0 && provisionedAbove(list, ready)
		})
		for provisioned() < ready {
			list = append(list, &instance{provisioned: true})
		}
	}
	for t := range end {
		ready := 0
		if t > 0 {
			ready = least(t - 1)
		}
		for _, i := range list {
			if i.busyUntil == t && t > 0 {
				i.busyUntil, i.idleSince, i.idleUntil = 0, t, t+m.keepAlive
			}
		}
		list = slices.DeleteFunc(list, func(i *instance) bool {
			if i.busyUntil > 0 {
				return false
			}
			if i.provisioned {
				return i.idleSince == t && provisionedAbove(list, ready)
			}
			return i.idleUntil <= t
		})
		asked = append(asked, asked[len(asked)-1])
		fit(t)
		for _, e := range events {
			if e.at != t || e.duration > 0 {
				continue
			}
			if e.keepAlive >= 0 {
				m.keepAlive = e.keepAlive
			}
			if e.floor >= 0 && int(e.floor) != asked[t+1] {
				asked[t+1] = int(e.floor)
				if t >= m.from {
					used.decisions++
				}
			}
			fit(t)
		}
		for _, e := range events {
			if e.at != t || e.duration == 0 {
				continue
			}
			if t >= m.from {
				used.invocations++
			}
			var best *instance
			for _, i := range list {
				better := best == nil || i.provisioned && !best.provisioned ||
					i.provisioned == best.provisioned && i.idleSince > best.idleSince
				if i.busyUntil == 0 && better {
					best = i
				}
			}
			duration := e.duration
			if best == nil {
				best = &instance{}
				list = append(list, best)
				duration += m.coldStart
				if t >= m.from {
					used.coldStarts++
					used.coldTime += m.coldStart
				}
			}
			best.busyUntil = t + duration
		}
		if t < m.from {
			continue
		}
		for _, i := range list {
			switch {
			case i.provisioned && i.busyUntil > 0:
				used.provisionedBusy++
			case !i.provisioned && i.busyUntil > 0:
				used.onDemandBusy++
			case !i.provisioned:
				used.onDemandIdle++
			}
			if i.provisioned {
				used.provisioned++
			}
		}
	}
	return used
}

// provisionedAbove says whether there are more provisioned instances than ready.
func provisionedAbove(list []*instance, ready int) bool {
	n := 0
	for _, i := range list {
		if i != nil && i.provisioned {
			n++
		}
	}
	return n > ready
}

func drawEvents(rt *rapid.T, end int64, settings bool) []event {
	var events []event
	for t := range end {
		if settings && rapid.IntRange(0, 3).Draw(rt, "setting") == 0 {
			events = append(events, event{
				at:        t,
				floor:     rapid.Int64Range(-1, 4).Draw(rt, "floor"),
				keepAlive: rapid.Int64Range(-1, 8).Draw(rt, "keepAlive"),
			})
		}
		for range rapid.SampledFrom([]int{0, 0, 0, 1, 1, 2, 4}).Draw(rt, "arrivals") {
			events = append(events, event{at: t, duration: rapid.Int64Range(1, 9).Draw(rt, "duration")})
		}
	}
	return events
}

func TestMachineAgainstReference(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		const end = 40
		m := machine{
			coldStart: rapid.Int64Range(0, 5).Draw(rt, "coldStart"),
			lead:      rapid.Int64Range(0, 6).Draw(rt, "lead"),
			keepAlive: rapid.Int64Range(0, 6).Draw(rt, "initialKeepAlive"),
			from:      rapid.Int64Range(0, 10).Draw(rt, "from"),
		}
		events := drawEvents(rt, end, true)
		want := reference(m, events, end)
		if diff := cmp.Diff(want, run(&m, events, end), cmp.AllowUnexported(counters{})); diff != "" {
			rt.Fatalf("-reference +machine %s", diff)
		}
	})
}

// TestMachineUsageMidway asks for the usage in between, which must not change what comes later, and never falls.
func TestMachineUsageMidway(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		const end = 40
		start := machine{coldStart: 2, lead: 3, keepAlive: 5}
		events := drawEvents(rt, end, true)
		once := start
		want := run(&once, events, end)
		often := start
		last := counters{}
		for at := range int64(end) {
			var now []event
			for _, e := range events {
				if e.at == at {
					now = append(now, e)
				}
			}
			used := run(&often, now, at)
			if used.provisioned < last.provisioned || used.onDemandIdle < last.onDemandIdle || used.onDemandBusy < last.onDemandBusy {
				rt.Fatalf("usage falls from %+v to %+v", last, used)
			}
			last = used
		}
		if got := often.usage(end); got != want {
			rt.Fatalf("asked often %+v, asked once %+v", got, want)
		}
	})
}

// peak returns the most invocations that run at a time if all take only their warm duration.
func peak(events []event) int64 {
	most := 0
	for _, e := range events {
		n := 0
		for _, other := range events {
			if other.at <= e.at && e.at < other.at+other.duration {
				n++
			}
		}
		most = max(most, n)
	}
	return int64(most)
}

func TestMachineProperties(t *testing.T) {
	t.Parallel()
	const end = 60
	rapid.Check(t, func(rt *rapid.T) {
		events := drawEvents(rt, end, false)
		cold := rapid.Int64Range(0, 4).Draw(rt, "coldStart")
		floorAtStart := func(n int64) []event { return append([]event{{floor: n, keepAlive: -1}}, events...) }

		// Instances that never end are as many as were ever needed at a time.
		forever := machine{keepAlive: never}
		if used := run(&forever, events, end); used.coldStarts != peak(events) {
			rt.Fatalf("%d cold starts without end, but at most %d invocations at a time", used.coldStarts, peak(events))
		}
		// As many warm instances as that: nothing starts cold.
		enough := machine{coldStart: cold}
		if used := run(&enough, floorAtStart(peak(events)), end); used.coldStarts != 0 || used.onDemandBusy != 0 {
			rt.Fatalf("with a floor of the peak: %+v", used)
		}
		// Nothing is kept and nothing is warm: everything starts cold.
		nothing := machine{coldStart: cold}
		if used := run(&nothing, events, end); used.coldStarts != used.invocations || used.onDemandIdle != 0 {
			rt.Fatalf("without instances: %+v", used)
		}
		// Without keep-alive, one more warm instance takes what the others leave over, and so never adds a cold start. (With a
		// keep-alive it can: on-demand instances get less work and end earlier.)
		last := int64(len(events)) + 1
		for n := range int64(6) {
			m := machine{coldStart: cold}
			used := run(&m, floorAtStart(n), end)
			if used.coldStarts > last {
				rt.Fatalf("floor %d has %d cold starts, one less has %d", n, used.coldStarts, last)
			}
			if used.provisioned != n*end {
				rt.Fatalf("floor %d was there for %d ticks in %d", n, used.provisioned, end)
			}
			last = used.coldStarts
		}
	})
}

// TestMachineByHand follows small cases whose numbers can be checked with a pencil.
func TestMachineByHand(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		machine machine
		events  []event
		end     int64
		want    counters
	}{
		// Cold at 0, works until 3, waits until 20; works until 21; ends at 121, so that the one at 121 is cold until 124.
		"keep-alive ends exactly": {
			machine{coldStart: 2, keepAlive: 100},
			[]event{{at: 0, duration: 1}, {at: 20, duration: 1}, {at: 121, duration: 1}},
			1000,
			counters{invocations: 3, coldStarts: 2, coldTime: 4, onDemandBusy: 3 + 1 + 3, onDemandIdle: 17 + 100 + 100},
		},
		// The floor asked for at 0 is there from 10, the one asked for at 20 is taken back at 25, before it is ready.
		"a rise taken back": {
			machine{lead: 10},
			[]event{{at: 0, floor: 2, keepAlive: -1}, {at: 20, floor: 5, keepAlive: -1}, {at: 25, floor: 1, keepAlive: -1}},
			40,
			counters{decisions: 3, provisioned: 2*15 + 15},
		},
		// A lower rise keeps the time of the higher one that it replaces.
		"a smaller rise comes as early": {
			machine{lead: 10},
			[]event{{at: 0, floor: 5, keepAlive: -1}, {at: 8, floor: 3, keepAlive: -1}},
			20,
			counters{decisions: 2, provisioned: 3 * 10},
		},
		// Kept for 5 until the setting at 3 makes it 50; the instance that ended before keeps its 5.
		"keep-alive counts for work that ends later": {
			machine{keepAlive: 5},
			[]event{{at: 0, duration: 2}, {at: 0, duration: 4}, {at: 3, floor: -1, keepAlive: 50}},
			100,
			counters{invocations: 2, coldStarts: 2, onDemandBusy: 6, onDemandIdle: 5 + 50},
		},
		"a busy instance outlives its floor": {
			machine{},
			[]event{{at: 0, floor: 1, keepAlive: -1}, {at: 5, duration: 10}, {at: 6, floor: 0, keepAlive: -1}, {at: 16, duration: 1}},
			20,
			counters{invocations: 2, coldStarts: 1, decisions: 2, provisioned: 15, provisionedBusy: 10, onDemandBusy: 1},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := run(&test.machine, test.events, test.end)
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(counters{})); diff != "" {
				t.Errorf("-want +got %s", diff)
			}
		})
	}
}

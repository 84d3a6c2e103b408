package engine

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"pilotlight/models"
)

// worth is what a write is worth, for the order of those that wait for the same platform.
type worth struct {
	// raises says that the floor is raised, which saves cold starts; all others save memory.
	raises bool
	// seconds are the seconds of cold starts that a raise saves, gigabytes the memory that a lowering frees.
	seconds, gigabytes float64
	// lot puts writes of the same worth in an order that is the same each time and not that of their names.
	lot float64
}

// worthOf returns what carrying out a decision is worth. Of the cold starts that the decided floor saves against none at all, a raise
// counts for its share of the floor.
func worthOf(u *unit, d *models.Decision) worth {
	w := worth{lot: fraction(u.id, 0)}
	to, set := d.Desired.Warm()
	from, _ := d.Current.Warm()
	switch {
	case set && to > from:
		w.raises = true
		w.seconds = d.Price.ColdStartsSaved * u.target.ColdStart.Seconds() * float64(to-from) / float64(to)
	case set && to < from:
		w.gigabytes = float64(from-to) * u.target.MemoryMB / 1024
	}
	if math.IsNaN(w.seconds) {
		w.seconds = 0
	}
	return w
}

// before compares two writes: raises go first, those that save the most seconds of cold starts before others; then what frees the
// most memory.
func (w *worth) before(other *worth) int {
	if w.raises != other.raises {
		if w.raises {
			return -1
		}
		return 1
	}
	return cmp.Or(
		cmp.Compare(other.seconds, w.seconds), cmp.Compare(other.gigabytes, w.gigabytes), cmp.Compare(w.lot, other.lot),
	)
}

// dispatch calls send for each write, the most valuable first. Each platform has its own calls under way, so that a slow one does
// not hold up the others. The writes of one platform begin in order.
func (e *Engine) dispatch(writes []*write, send func(*write)) {
	slices.SortStableFunc(writes, func(a, b *write) int { return a.worth.before(&b.worth) })
	calls := e.settings().Calls
	if calls == 0 {
		e.each(len(writes), func(i int) { send(writes[i]) })
		return
	}
	e.perPlatform(len(writes), calls, func(i int) string { return writes[i].unit.target.Actuator }, func(i int) { send(writes[i]) })
}

// perPlatform calls do for 0 to n-1, for each platform in that order, with at most calls under way for each of them.
func (e *Engine) perPlatform(n, calls int, platform func(int) string, do func(int)) {
	queues := map[string][]int{}
	for i := range n {
		name := platform(i)
		queues[name] = append(queues[name], i)
	}
	var group sync.WaitGroup
	for _, queue := range queues {
		var next atomic.Int64
		for range min(calls, len(queue)) {
			group.Go(func() {
				for i := int(next.Add(1)) - 1; i < len(queue); i = int(next.Add(1)) - 1 {
					do(queue[i])
				}
			})
		}
	}
	group.Wait()
}

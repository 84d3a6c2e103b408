package engine

import (
	"fmt"
	"math"
	"time"

	"pilotlight/models"
)

// recent keeps the newest samples of each signal for readers: a ring for each signal that has values, which grows as it fills.
type recent struct {
	step  time.Duration
	size  int64
	rings [models.NumSignals]*signalRing
	// first and end are the start of the oldest step fed and the end of the newest.
	first, end time.Time
}

// signalRing is the ring of one signal. Step number n since 1970 has its place at (n-origin) modulo the size.
type signalRing struct {
	origin int64
	values []float32
}

// newRecent makes rings for the time span; 0 keeps nothing.
func newRecent(step, span time.Duration) recent {
	return recent{step: step, size: max(int64(span/step), 0)}
}

// push adds a step whose values at returns. A signal that never had a value takes no memory.
func (r *recent) push(start time.Time, at func(models.Signal) float64) {
	if r.size == 0 {
		return
	}
	n := start.UnixNano() / int64(r.step)
	for i := range r.rings {
		v := float32(at(models.Signal(i)))
		if r.rings[i] == nil {
			if math.IsNaN(float64(v)) {
				continue
			}
			r.rings[i] = &signalRing{origin: n}
		}
		r.rings[i].set(n, v, r.size)
	}
	if r.first.IsZero() {
		r.first = start
	}
	r.end = start.Add(r.step)
}

// set puts the value of step n in its place; steps come in order.
func (g *signalRing) set(n int64, v float32, size int64) {
	at := g.slot(n, size)
	for int64(len(g.values)) <= at {
		if have := len(g.values); have == cap(g.values) { // a quarter more: the standard doubling would waste too much per target
			grown := make([]float32, have, min(int(size), have+have/4+16))
			copy(grown, g.values)
			g.values = grown
		}
		g.values = append(g.values, float32(math.NaN()))
	}
	g.values[at] = v
}

// slot returns the place of step n.
func (g *signalRing) slot(n, size int64) int64 { return (n - g.origin) % size }

// at returns the value of step n, NaN if it is from before the first value.
func (g *signalRing) at(n, size int64) float64 {
	if i := g.slot(n, size); i >= 0 && i < int64(len(g.values)) {
		return float64(g.values[i])
	}
	return math.NaN()
}

// series returns what is kept of a signal between from and to.
func (r *recent) series(sig models.Signal, from, to time.Time) (models.Series, error) {
	ring := r.rings[sig]
	if ring == nil {
		return models.Series{}, fmt.Errorf("series of %s: none is kept: %w", sig, models.ErrNoData)
	}
	oldest := r.end.Add(-time.Duration(r.size) * r.step)
	for _, t := range []time.Time{oldest, r.first} {
		if from.Before(t) {
			from = t
		}
	}
	from = from.Add(r.step - 1).Truncate(r.step)
	if to.After(r.end) {
		to = r.end
	}
	n := to.Sub(from) / r.step
	if n <= 0 {
		return models.Series{}, fmt.Errorf("series of %s: kept is %s to %s: %w", sig,
			oldest.Format(time.RFC3339), r.end.Format(time.RFC3339), models.ErrNoData)
	}
	values := make([]float64, n)
	n0 := from.UnixNano() / int64(r.step)
	for i := range values {
		values[i] = ring.at(n0+int64(i), r.size)
	}
	return models.SeriesOf(from, r.step, values)
}

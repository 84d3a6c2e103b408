package engine

import (
	"fmt"
	"math"
	"time"

	"pilotlight/models"
)

// recent keeps the newest samples of each signal for readers: rings indexed by the number of the step since 1970.
type recent struct {
	step   time.Duration
	size   int64
	values [models.NumSignals][]float32
	// first and end are the start of the oldest step fed and the end of the newest.
	first, end time.Time
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
	for i := range r.values {
		v := float32(at(models.Signal(i)))
		if r.values[i] == nil {
			if math.IsNaN(float64(v)) {
				continue
			}
			r.values[i] = make([]float32, r.size)
			for j := range r.values[i] {
				r.values[i][j] = float32(math.NaN())
			}
		}
		r.values[i][r.slot(start)] = v
	}
	if r.first.IsZero() {
		r.first = start
	}
	r.end = start.Add(r.step)
}

// slot returns the place of a step in the rings.
func (r *recent) slot(start time.Time) int64 { return start.UnixNano() / int64(r.step) % r.size }

// series returns what is kept of a signal between from and to.
func (r *recent) series(sig models.Signal, from, to time.Time) (models.Series, error) {
	ring := r.values[sig]
	if len(ring) == 0 {
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
	for i := range values {
		values[i] = float64(ring[r.slot(from.Add(time.Duration(i)*r.step))])
	}
	return models.SeriesOf(from, r.step, values)
}

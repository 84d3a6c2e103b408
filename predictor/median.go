package predictor

import (
	"fmt"
	"math"
	"slices"

	"pilotlight/models"
)

var _ Forecaster = (*Median)(nil)

const (
	medianMagic = "PLMD"
	maxMedian   = 4096
)

// Median forecasts the median of the last values, flat over the horizon: single bursts do not move it. A missing value takes
// no place in the window.
type Median struct {
	window int
	recent history
	sorted []float32
}

// NewMedian makes the model with a window in steps, in [1, 4096].
func NewMedian(window int) (*Median, error) {
	if window < 1 || window > maxMedian {
		return nil, fmt.Errorf("median window %d is not in [1, %d] steps: %w", window, maxMedian, models.ErrInvalid)
	}
	return &Median{window: window, recent: newHistory(window)}, nil
}

// Update implements Forecaster; it moves at most window values, which is a constant.
func (m *Median) Update(y float64) {
	y = usable(y)
	if math.IsNaN(y) {
		return
	}
	if m.recent.len() == m.window {
		m.sorted = sortedRemove(m.sorted, float32(m.recent.at(m.window)))
	}
	m.recent.push(y)
	m.sorted = sortedInsert(m.sorted, float32(y))
}

// Forecast implements Forecaster; it needs one value.
func (m *Median) Forecast(dst []float64) error {
	n := len(m.sorted)
	if n == 0 {
		return errWarming
	}
	v := (float64(m.sorted[(n-1)/2]) + float64(m.sorted[n/2])) / 2
	for h := range dst {
		dst[h] = v
	}
	return nil
}

// MarshalBinary implements encoding.BinaryMarshaler.
func (m *Median) MarshalBinary() ([]byte, error) {
	var b writer
	b.int(m.window)
	m.recent.write(&b)
	return seal(medianMagic, b.b), nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler. It returns models.ErrInvalid, and changes nothing, for data that
// MarshalBinary did not write.
func (m *Median) UnmarshalBinary(data []byte) error {
	r, err := unseal(medianMagic, data)
	if err != nil {
		return err
	}
	fresh := Median{window: r.int(1, maxMedian)}
	fresh.recent = newHistory(fresh.window)
	fresh.recent.read(r)
	for _, v := range fresh.recent.values {
		if v != v {
			r.fail("a value is missing")
		}
	}
	if err := r.done(); err != nil {
		return err
	}
	fresh.sorted = slices.Clone(fresh.recent.values)
	slices.Sort(fresh.sorted)
	*m = fresh
	return nil
}

// sortedInsert inserts v into the sorted slice.
func sortedInsert(s []float32, v float32) []float32 {
	i, _ := slices.BinarySearch(s, v)
	return slices.Insert(s, i, v)
}

// sortedRemove removes one v from the sorted slice, which holds it.
func sortedRemove(s []float32, v float32) []float32 {
	i, _ := slices.BinarySearch(s, v)
	return slices.Delete(s, i, min(i+1, len(s)))
}

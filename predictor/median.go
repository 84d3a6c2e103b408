package predictor

import (
	"cmp"
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
	// sorted are the places of recent in order of their values.
	sorted []uint16
	// ring, if not nil, is the pool's history, which then replaces the two.
	ring *logRing
}

// share makes the model read the pool's history instead of keeping values of its own.
func (m *Median) share(h past) {
	if ring, ok := h.(*logRing); ok && m.window <= maxRingMedian {
		m.ring = ring
	}
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
	if math.IsNaN(y) || m.ring != nil {
		return
	}
	at := m.recent.len() // where the value goes
	if at == m.window {
		at = m.recent.next
		i := slices.Index(m.sorted, uint16(at)) //nolint:gosec // below maxMedian
		m.sorted = slices.Delete(m.sorted, i, i+1)
	}
	m.recent.push(y)
	m.insert(at)
}

// insert puts a place of recent where its value belongs.
func (m *Median) insert(at int) {
	v := m.recent.values[at]
	i, _ := slices.BinarySearchFunc(m.sorted, v, func(place uint16, v float32) int { return cmp.Compare(m.recent.values[place], v) })
	if n := len(m.sorted); n == cap(m.sorted) { // never more room than the window needs
		grown := make([]uint16, n, min(m.window, n+n/2+8))
		copy(grown, m.sorted)
		m.sorted = grown
	}
	m.sorted = slices.Insert(m.sorted, i, uint16(at)) //nolint:gosec // below maxMedian
}

// flat implements flatForecaster.
func (m *Median) flat() (float64, bool) {
	if m.ring != nil {
		return m.ring.median(m.window)
	}
	n := len(m.sorted)
	if n == 0 {
		return 0, false
	}
	return (float64(m.recent.values[m.sorted[(n-1)/2]]) + float64(m.recent.values[m.sorted[n/2]])) / 2, true
}

// Forecast implements Forecaster; it needs one value.
func (m *Median) Forecast(dst []float64) error {
	v, ok := m.flat()
	if !ok {
		return errWarming
	}
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
	fresh.ring = m.ring
	if m.ring != nil && (fresh.recent.len() > 0 || fresh.window != m.window) {
		r.fail("the history is shared in one and not in the other")
	}
	for _, v := range fresh.recent.values {
		if v != v {
			r.fail("a value is missing")
		}
	}
	if err := r.done(); err != nil {
		return err
	}
	for at := range fresh.recent.values {
		fresh.insert(at)
	}
	*m = fresh
	return nil
}

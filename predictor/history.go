package predictor

import "math"

// MaxValue bounds what a forecaster takes: anything larger in size, an infinity, or NaN counts as missing.
const MaxValue = 1e30

// usable returns y, or NaN if it cannot be used.
func usable(y float64) float64 {
	if !(math.Abs(y) <= MaxValue) {
		return math.NaN()
	}
	return y + 0 // turns -0 into 0, so that equal values have equal bits
}

// history is a ring of the latest values. It holds single precision, exact for whole numbers below 16.7 million, because it
// is the largest part of a target's state, and grows as it fills.
type history struct {
	values []float32
	cap    int
	next   int // where the next value goes once values is full
}

func newHistory(capacity int) history { return history{cap: capacity} }

func (h *history) len() int { return len(h.values) }

// push appends the value of the next step; the oldest falls out if the ring is full.
func (h *history) push(y float64) {
	if len(h.values) < h.cap {
		h.grow()
		h.values = append(h.values, float32(y))
		return
	}
	h.values[h.next] = float32(y)
	h.next++
	if h.next == h.cap {
		h.next = 0
	}
}

// grow makes room in steps of a quarter, never beyond the capacity: the standard doubling would waste too much per target.
func (h *history) grow() {
	if n := len(h.values); n == cap(h.values) {
		grown := make([]float32, n, min(h.cap, n+n/4+16))
		copy(grown, h.values)
		h.values = grown
	}
}

// at returns the value of age steps ago, 1 being the latest, or NaN if it is not there.
func (h *history) at(age int) float64 {
	if age < 1 || age > len(h.values) {
		return math.NaN()
	}
	i := h.next - age // next is 0 until the ring is full
	if i < 0 {
		i += len(h.values)
	}
	return float64(h.values[i])
}

// tail returns the latest n values in time order, or all if there are fewer.
func (h *history) tail(n int) []float64 {
	n = min(n, len(h.values))
	out := make([]float64, n)
	for i := range out {
		out[i] = h.at(n - i)
	}
	return out
}

func (h *history) write(w *writer) {
	w.floats32(h.values)
	w.int(h.next)
}

func (h *history) read(r *reader) {
	h.values = r.floats32(h.cap, true)
	h.next = r.int(0, max(0, h.cap-1))
	if h.next > 0 && len(h.values) < h.cap {
		r.fail("ring of %d values wraps before %d", len(h.values), h.cap)
	}
}

package predictor

import (
	"fmt"
	"slices"

	"pilotlight/models"
)

var (
	_ Forecaster         = (*WindowQuantiles)(nil)
	_ QuantileForecaster = (*WindowQuantiles)(nil)
)

const (
	windowMagic = "PLWQ"
	maxWindow   = 10080
)

// WindowQuantiles forecasts the empirical quantiles of the last values, flat over the horizon, and their median as the point.
// It is good on noise around a level, on counts, and far ahead on bursts. A missing value takes
// no place in the window.
type WindowQuantiles struct {
	recent history
	// order holds the values in increasing order as they were when it was last asked for; since then came and went some. It is
	// no part of the state.
	order, came, went []float32
}

// NewWindowQuantiles makes the model with a window in steps, in [1, 10080].
func NewWindowQuantiles(window int) (*WindowQuantiles, error) {
	if window < 1 || window > maxWindow {
		return nil, fmt.Errorf("window of %d steps is not in [1, %d]: %w", window, maxWindow, models.ErrInvalid)
	}
	return &WindowQuantiles{recent: newHistory(window)}, nil
}

// Update implements Forecaster.
func (w *WindowQuantiles) Update(y float64) {
	y = usable(y)
	if y != y {
		return
	}
	if w.order != nil {
		if w.recent.len() == w.recent.cap {
			w.went = append(w.went, float32(w.recent.at(w.recent.cap)))
		}
		w.came = append(w.came, float32(y))
		if len(w.came) > w.recent.cap/2 {
			w.order = nil
		}
	}
	w.recent.push(y)
}

// sorted returns the known values in increasing order. Where few have changed it merges them in, which is many times faster.
func (w *WindowQuantiles) sorted() []float32 {
	switch {
	case w.order == nil:
		w.order = slices.Clone(w.recent.values)
		slices.Sort(w.order)
	case len(w.came) > 0:
		slices.Sort(w.came)
		slices.Sort(w.went)
		w.order = merge(w.order, w.came, w.went)
	}
	w.came, w.went = w.came[:0], w.went[:0]
	return w.order
}

// merge returns the sorted values of a and b without those of gone, each of which is in one of them; all are sorted.
func merge(a, b, gone []float32) []float32 {
	out := make([]float32, 0, len(a)+len(b)-len(gone))
	for len(a)+len(b) > 0 {
		var v float32
		if len(b) == 0 || len(a) > 0 && a[0] <= b[0] {
			v, a = a[0], a[1:]
		} else {
			v, b = b[0], b[1:]
		}
		if len(gone) > 0 && gone[0] == v {
			gone = gone[1:]
			continue
		}
		out = append(out, v)
	}
	return out
}

// Forecast implements Forecaster; it needs one value.
func (w *WindowQuantiles) Forecast(dst []float64) error {
	return w.ForecastQuantiles([]float64{0.5}, [][]float64{dst})
}

// ForecastQuantiles implements QuantileForecaster; it needs one value.
func (w *WindowQuantiles) ForecastQuantiles(levels []float64, dst [][]float64) error {
	v := w.sorted()
	if len(v) == 0 {
		return errWarming
	}
	for l, q := range levels {
		x := orderStatistic(v, q)
		for h := range dst[l] {
			dst[l][h] = x //nolint:gosec // by contract there is a row for each level
		}
	}
	return nil
}

// orderStatistic returns the quantile of sorted values: the order statistic (n+1)q, between neighbours by interpolation.
func orderStatistic(sorted []float32, q float64) float64 {
	n := len(sorted)
	at := max(0, min(q*float64(n+1)-1, float64(n-1)))
	lo := int(at)
	a, b := float64(sorted[lo]), float64(sorted[min(lo+1, n-1)])
	return a + (at-float64(lo))*(b-a)
}

// MarshalBinary implements encoding.BinaryMarshaler.
func (w *WindowQuantiles) MarshalBinary() ([]byte, error) {
	var b writer
	b.int(w.recent.cap)
	w.recent.write(&b)
	return seal(windowMagic, b.b), nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler. It returns models.ErrInvalid, and changes nothing, for data that
// MarshalBinary did not write.
func (w *WindowQuantiles) UnmarshalBinary(data []byte) error {
	r, err := unseal(windowMagic, data)
	if err != nil {
		return err
	}
	fresh := WindowQuantiles{recent: newHistory(r.int(1, maxWindow))}
	fresh.recent.read(r)
	for _, v := range fresh.recent.values {
		if v != v {
			r.fail("a value is missing")
		}
	}
	if err := r.done(); err != nil {
		return err
	}
	*w = fresh
	return nil
}

// wrap returns i mod m, not negative; it divides only where it must.
func wrap(i, m int) int {
	if i >= 0 && i < m {
		return i
	}
	return (i%m + m) % m
}

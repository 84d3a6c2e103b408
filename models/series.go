package models

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"
)

// MaxSeriesLen bounds a Series: four years of minutes.
const MaxSeriesLen = 4 * 366 * 1440

// Sample is one measurement. Time is the start of the step it belongs to.
type Sample struct {
	Time  time.Time
	Value float64
}

// Series is a regular time series: value i covers the step from Start+i*Step to Start+(i+1)*Step. A gap is NaN. A Series is
// immutable; its methods return copies or read-only views.
type Series struct {
	start  int64 // Unix nanoseconds, a multiple of step
	step   int64 // nanoseconds, above 0
	values []float64
}

// NewSeries builds a Series from samples in any order. Times are rounded down to the step; of samples in the same step the
// last usable one in input order wins; steps without a sample, and values that are NaN or infinite, are gaps. It returns
// ErrNoData for no samples and ErrInvalid for a step that is not above zero, a span of more than MaxSeriesLen steps, or a time
// that does not fit in nanoseconds since 1970 (years 1678 to 2262).
func NewSeries(step time.Duration, samples []Sample) (Series, error) {
	if step <= 0 {
		return Series{}, fmt.Errorf("series step %s is not above 0: %w", step, ErrInvalid)
	}
	if len(samples) == 0 {
		return Series{}, fmt.Errorf("series without samples: %w", ErrNoData)
	}
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	for _, s := range samples {
		if !representable(s.Time) {
			return Series{}, fmt.Errorf("series with a sample at %s, outside the years 1678 to 2262: %w", s.Time, ErrInvalid)
		}
		i := floorDiv(s.Time.UnixNano(), int64(step))
		first, last = min(first, i), max(last, i)
	}
	n := last - first + 1
	if n > MaxSeriesLen || n <= 0 { // a negative span is an overflow
		return Series{}, fmt.Errorf("series from step %d to %d of %s is longer than %d steps: %w", first, last, step, MaxSeriesLen, ErrInvalid)
	}
	if !spans(first, n, int64(step)) {
		return Series{}, fmt.Errorf("series of %d steps of %s leaves the years 1678 to 2262: %w", n, step, ErrInvalid)
	}
	values := make([]float64, n)
	for i := range values {
		values[i] = math.NaN()
	}
	for _, s := range samples {
		if !math.IsInf(s.Value, 0) && !math.IsNaN(s.Value) {
			values[floorDiv(s.Time.UnixNano(), int64(step))-first] = s.Value
		}
	}
	return Series{start: first * int64(step), step: int64(step), values: values}, nil
}

// SeriesOf builds a Series from regular values; start is rounded down to the step and infinite values become gaps. It keeps
// the slice, so the caller must not change it afterwards.
func SeriesOf(start time.Time, step time.Duration, values []float64) (Series, error) {
	if step <= 0 {
		return Series{}, fmt.Errorf("series step %s is not above 0: %w", step, ErrInvalid)
	}
	if len(values) > MaxSeriesLen {
		return Series{}, fmt.Errorf("series of %d steps is longer than %d: %w", len(values), MaxSeriesLen, ErrInvalid)
	}
	if !representable(start) || !spans(floorDiv(start.UnixNano(), int64(step)), int64(len(values)), int64(step)) {
		return Series{}, fmt.Errorf("series of %d steps of %s from %s leaves the years 1678 to 2262: %w", len(values), step, start, ErrInvalid)
	}
	for i, v := range values {
		if math.IsInf(v, 0) {
			values[i] = math.NaN()
		}
	}
	return Series{start: floorDiv(start.UnixNano(), int64(step)) * int64(step), step: int64(step), values: values}, nil
}

// floorDiv returns a/b rounded down, for b above 0.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// ceilDiv returns a/b rounded up, for b above 0.
func ceilDiv(a, b int64) int64 {
	q := a / b
	if a%b > 0 {
		q++
	}
	return q
}

// The times that fit in nanoseconds since 1970, less a second at each end.
const minUnix, maxUnix = math.MinInt64/int64(time.Second) + 1, math.MaxInt64/int64(time.Second) - 1

// representable reports whether a time fits in nanoseconds since 1970.
func representable(t time.Time) bool { return t.Unix() >= minUnix && t.Unix() <= maxUnix }

// nanos returns the nanoseconds since 1970, of the nearest time that has them.
func nanos(t time.Time) int64 {
	switch {
	case t.Unix() < minUnix:
		return minUnix * int64(time.Second)
	case t.Unix() > maxUnix:
		return maxUnix * int64(time.Second)
	default:
		return t.UnixNano()
	}
}

// spans reports whether n steps from step number first on, and the end of the last one, fit in nanoseconds since 1970.
func spans(first, n, step int64) bool {
	return first >= math.MinInt64/step && first <= math.MaxInt64/step-n
}

// Len returns the number of steps, gaps included.
func (s Series) Len() int { return len(s.values) }

// Step returns the length of a step; 0 for the zero Series.
func (s Series) Step() time.Duration { return time.Duration(s.step) }

// Start returns the start of the first step.
func (s Series) Start() time.Time { return time.Unix(0, s.start).UTC() }

// End returns the end of the last step, which is Start for an empty Series.
func (s Series) End() time.Time { return s.TimeAt(len(s.values)) }

// TimeAt returns the start of step i.
func (s Series) TimeAt(i int) time.Time { return time.Unix(0, s.start+int64(i)*s.step).UTC() }

// At returns the value of step i, NaN for a gap or an index outside the Series.
func (s Series) At(i int) float64 {
	if i < 0 || i >= len(s.values) {
		return math.NaN()
	}
	return s.values[i]
}

// IsGap reports whether step i has no value.
func (s Series) IsGap(i int) bool { return math.IsNaN(s.At(i)) }

// Values returns a copy of the values, NaN for gaps.
func (s Series) Values() []float64 { return slices.Clone(s.values) }

// Present returns how many steps have a value.
func (s Series) Present() int {
	n := 0
	for _, v := range s.values {
		if !math.IsNaN(v) {
			n++
		}
	}
	return n
}

// LastPresent returns the index of the newest step with a value, or -1.
func (s Series) LastPresent() int {
	for i, v := range slices.Backward(s.values) {
		if !math.IsNaN(v) {
			return i
		}
	}
	return -1
}

// Window returns the part of the Series whose steps start at or after from and end at or before to, sharing memory.
func (s Series) Window(from, to time.Time) Series {
	if s.step == 0 {
		return s
	}
	// The steps are counted from 1970, so that no difference can overflow.
	first := s.start / s.step
	end := first + int64(len(s.values))
	lo := min(max(ceilDiv(nanos(from), s.step), first), end) - first
	hi := max(min(max(floorDiv(nanos(to), s.step), first), end)-first, lo)
	return Series{start: s.start + lo*s.step, step: s.step, values: s.values[lo:hi:hi]}
}

// Append returns a Series extended by next, which must have the same step. Where both have a value, next wins; a hole
// between them becomes a gap.
func (s Series) Append(next Series) (Series, error) {
	switch {
	case next.Len() == 0:
		return s, nil
	case s.Len() == 0:
		return next, nil
	case s.step != next.step:
		return Series{}, fmt.Errorf("append series of step %s to one of %s: %w", next.Step(), s.Step(), ErrInvalid)
	}
	start := min(s.start, next.start)
	end := max(s.start+int64(len(s.values))*s.step, next.start+int64(len(next.values))*s.step)
	n := end/s.step - start/s.step
	if n > MaxSeriesLen || n <= 0 { // a negative span is an overflow
		return Series{}, fmt.Errorf("series of %d steps from %s on is longer than %d: %w", n, time.Unix(0, start).UTC(), MaxSeriesLen, ErrInvalid)
	}
	values := make([]float64, n)
	for i := range values {
		values[i] = math.NaN()
	}
	copy(values[(s.start-start)/s.step:], s.values)
	for i, v := range next.values {
		if !math.IsNaN(v) {
			values[(next.start-start)/s.step+int64(i)] = v
		}
	}
	return Series{start: start, step: s.step, values: values}, nil
}

// seriesJSON is the wire form of a Series; a gap is null.
type seriesJSON struct {
	Start  time.Time  `json:"start"`
	StepS  float64    `json:"step_s"`
	Values []*float64 `json:"values"`
}

// MarshalJSON implements json.Marshaler.
func (s Series) MarshalJSON() ([]byte, error) {
	out := seriesJSON{Start: s.Start(), StepS: s.Step().Seconds(), Values: make([]*float64, len(s.values))}
	for i, v := range s.values {
		if !math.IsNaN(v) {
			out.Values[i] = &v
		}
	}
	return json.Marshal(out)
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Series) UnmarshalJSON(data []byte) error {
	var in seriesJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	values := make([]float64, len(in.Values))
	for i, v := range in.Values {
		if v == nil {
			values[i] = math.NaN()
		} else {
			values[i] = *v
		}
	}
	if in.StepS == 0 && len(values) == 0 { // the zero Series
		*s = Series{}
		return nil
	}
	built, err := SeriesOf(in.Start, Seconds(in.StepS), values)
	if err != nil {
		return err
	}
	*s = built
	return nil
}

// Seconds converts seconds to a time.Duration, saturating at its range; NaN becomes 0.
func Seconds(s float64) time.Duration {
	ns := s * float64(time.Second)
	switch {
	case math.IsNaN(ns):
		return 0
	case ns >= math.MaxInt64:
		return math.MaxInt64
	case ns <= math.MinInt64:
		return math.MinInt64
	}
	return time.Duration(math.Round(ns))
}

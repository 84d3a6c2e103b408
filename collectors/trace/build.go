package trace

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"pilotlight/models"
)

// Build makes a Trace of parts, for traces that come from elsewhere than a folder. rows[i] are those of functions[i], sorted by
// minute; missing ones are none. It returns an error wrapping models.ErrInvalid for what Read would refuse.
func Build(info Info, functions []Function, rows [][]Row) (*Trace, error) {
	b, err := newBuilder(info, slices.Clone(functions))
	if err != nil {
		return nil, err
	}
	if len(rows) > len(functions) {
		return nil, fmt.Errorf("rows of %d functions, but there are %d functions: %w", len(rows), len(functions), models.ErrInvalid)
	}
	for i, of := range rows {
		for _, row := range of {
			if err := b.add(i, row); err != nil {
				return nil, err
			}
		}
	}
	return b.finish(), nil
}

// builder collects the rows of a trace in their order.
type builder struct {
	trace *Trace
	// last is the last minute of the function that rows are being added to, or -1.
	last int32
}

func newBuilder(info Info, functions []Function) (*builder, error) {
	if err := info.validate(); err != nil {
		return nil, err
	}
	if len(functions) == 0 {
		return nil, fmt.Errorf("the trace has no functions: %w", models.ErrInvalid)
	}
	seen := make(map[string]bool, len(functions))
	for i := range functions {
		if err := functions[i].validate(); err != nil {
			return nil, err
		}
		if seen[functions[i].Name] {
			return nil, fmt.Errorf("function %q appears twice; keep one: %w", functions[i].Name, models.ErrInvalid)
		}
		seen[functions[i].Name] = true
	}
	info.Start = info.Start.UTC()
	return &builder{trace: &Trace{Info: info, Functions: functions, offsets: []int{0}}, last: -1}, nil
}

// add appends a row of function i, which must not be before that of the row before it.
func (b *builder) add(i int, row Row) error {
	t := b.trace
	for len(t.offsets) <= i {
		t.offsets = append(t.offsets, len(t.rows))
		b.last = -1
	}
	switch name := t.Functions[i].Name; {
	case row.Minute < 0 || int(row.Minute) >= t.Minutes:
		return fmt.Errorf("minute %d of %q is outside the trace, whose minutes are 0 to %d: %w", row.Minute, name, t.Minutes-1, models.ErrInvalid)
	case row.Count < 1 || row.Count > MaxCount:
		return fmt.Errorf("count %d of %q is not from 1 to %d; leave out minutes without invocations: %w", row.Count, name, MaxCount, models.ErrInvalid)
	case row.Minute == b.last:
		return fmt.Errorf("minute %d of %q appears twice; add the counts up: %w", row.Minute, name, models.ErrInvalid)
	case row.Minute < b.last:
		return fmt.Errorf("minute %d of %q comes after minute %d; sort the rows by function and minute: %w", row.Minute, name, b.last, models.ErrInvalid)
	case len(t.rows) == maxRows:
		return fmt.Errorf("more than %d rows; split the trace: %w", maxRows, models.ErrInvalid)
	}
	t.rows = append(t.rows, row)
	b.last = row.Minute
	return nil
}

func (b *builder) finish() *Trace {
	t := b.trace
	for len(t.offsets) <= len(t.Functions) {
		t.offsets = append(t.offsets, len(t.rows))
	}
	return t
}

func (i *Info) validate() error {
	switch {
	case i.Start.IsZero():
		return fmt.Errorf("start is missing; write the start of minute 0 like 2021-01-31T00:00:00Z: %w", models.ErrInvalid)
	case i.Start.Year() < 1970 || i.Start.Year() > 2200:
		return fmt.Errorf("start %s is not between the years 1970 and 2200: %w", i.Start, models.ErrInvalid)
	case !i.Start.Equal(i.Start.Truncate(time.Minute)):
		return fmt.Errorf("start %s is not a whole minute: %w", i.Start.Format(time.RFC3339Nano), models.ErrInvalid)
	case i.Minutes < 1 || i.Minutes > MaxMinutes:
		return fmt.Errorf("minutes is %d, want 1 to %d: %w", i.Minutes, MaxMinutes, models.ErrInvalid)
	}
	return nil
}

func (f *Function) validate() error {
	if err := models.TargetID(f.Name).Validate(); err != nil {
		return fmt.Errorf("function %q: %w", f.Name, err)
	}
	if strings.ContainsAny(f.Name, ",\"") {
		return fmt.Errorf("function %q has a comma or a quote in its name; rename it: %w", f.Name, models.ErrInvalid)
	}
	for _, n := range []struct {
		column string
		value  float64
		most   float64
		ok     bool // besides the bounds
	}{
		{"avg_ms", f.AvgMS, maxMS, true},
		{"p50_ms", f.P50MS, maxMS, true},
		{"p99_ms", f.P99MS, maxMS, true},
		{"memory_mb", f.MemoryMB, maxMemoryMB, f.MemoryMB > 0},
		{"cold_start_ms", max(f.ColdStartMS, 0), maxMS, f.ColdStartMS >= 0 || f.ColdStartMS == Unknown},
	} {
		// NaN fails every comparison.
		if !(n.value >= 0 && n.value <= n.most && n.ok) {
			return fmt.Errorf("%s of %q is %v, want a number from 0 to %v, memory above 0: %w", n.column, f.Name, n.value, n.most, models.ErrInvalid)
		}
	}
	return nil
}

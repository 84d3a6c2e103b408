package app

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"pilotlight/collectors"
	"pilotlight/collectors/trace"
	"pilotlight/models"
)

// recordedHistory is what collectors said, for an engine to read again.
type recordedHistory struct {
	start   time.Time
	minutes int
	// targets are those taken, without series; loads and durations are theirs, nil where there is nothing.
	targets          []collectors.TargetData
	loads, durations [][]float32
}

// end is the end of the history.
func (h *recordedHistory) end() time.Time { return h.start.Add(time.Duration(h.minutes) * time.Minute) }

// add takes in an answer of a collector.
func (h *recordedHistory) add(index map[models.TargetID]int, found *collectors.TargetData) {
	i, ok := index[found.ID]
	if !ok {
		i = len(h.targets)
		index[found.ID] = i
		h.targets = append(h.targets, collectors.TargetData{ID: found.ID})
		h.loads, h.durations = append(h.loads, nil), append(h.durations, nil)
	}
	t := &h.targets[i]
	t.Labels = found.Labels
	if found.Meta != (collectors.Meta{}) {
		t.Meta = found.Meta
	}
	h.loads[i] = h.merge(h.loads[i], &found.Series[models.SignalInvocations])
	h.durations[i] = h.merge(h.durations[i], &found.Series[models.SignalDuration])
}

// merge copies a series into its minutes.
func (h *recordedHistory) merge(into []float32, s *models.Series) []float32 {
	for k := range s.Len() {
		m := int(s.TimeAt(k).Sub(h.start) / time.Minute)
		if m < 0 || m >= h.minutes || s.IsGap(k) {
			continue
		}
		if into == nil {
			into = make([]float32, h.minutes)
			for i := range into {
				into[i] = float32(math.NaN())
			}
		}
		into[m] = float32(s.At(k))
	}
	return into
}

// series cuts the steps of a request out of the minutes.
func (h *recordedHistory) series(of []float32, req *collectors.Request) (models.Series, error) {
	first := int(req.Start.Sub(h.start) / time.Minute)
	last := min(int(req.End.Sub(h.start)/time.Minute), h.minutes)
	if first = max(first, 0); of == nil || first >= last {
		return models.Series{}, nil
	}
	values := make([]float64, last-first)
	for i := range values {
		values[i] = float64(of[first+i])
	}
	return models.SeriesOf(h.start.Add(time.Duration(first)*time.Minute), time.Minute, values)
}

// recordedCollector reads some targets of a recorded history.
type recordedCollector struct {
	*recordedHistory

	order []int // by ID
}

var _ collectors.Collector = (*recordedCollector)(nil)

// Collect implements collectors.Collector. The step must be a minute.
func (c *recordedCollector) Collect(ctx context.Context, req collectors.Request) (collectors.Result, error) {
	if err := context.Cause(ctx); err != nil {
		return collectors.Result{}, err
	}
	if req.Step != time.Minute {
		return collectors.Result{}, fmt.Errorf("recorded history has steps of a minute, not of %s: %w", req.Step, models.ErrInvalid)
	}
	out := collectors.Result{Targets: make([]collectors.TargetData, 0, len(c.order))}
	for _, i := range c.order {
		t := c.targets[i]
		for sig, of := range map[models.Signal][]float32{models.SignalInvocations: c.loads[i], models.SignalDuration: c.durations[i]} {
			var err error
			if t.Series[sig], err = c.series(of, &req); err != nil {
				return collectors.Result{}, err
			}
		}
		out.Targets = append(out.Targets, t)
	}
	return out, nil
}

// head is the first part of a history.
func (h *recordedHistory) head(minutes int) *recordedHistory {
	out := *h
	out.minutes, out.loads, out.durations = minutes, slices.Clone(h.loads), slices.Clone(h.durations)
	for _, of := range [][][]float32{out.loads, out.durations} {
		for i := range of {
			of[i] = of[i][:min(minutes, len(of[i]))]
		}
	}
	return &out
}

// order returns the targets by their IDs.
func (h *recordedHistory) order() []int {
	order := make([]int, len(h.targets))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(string(h.targets[a].ID), string(h.targets[b].ID)) })
	return order
}

// rows counts the invocations of a target. Rates that a source has interpolated are not whole numbers: what is left over is carried
// to the next minute, so that no invocation is lost. Minutes without a value have none.
func (h *recordedHistory) rows(i int) []trace.Row {
	var out []trace.Row
	carry := 0.0
	for m, v := range h.loads[i] {
		x := float64(v)
		if !(x >= 0) {
			continue
		}
		n := math.Floor(x + carry + 0.5)
		carry += x - n
		if n >= 1 {
			out = append(out, trace.Row{Minute: int32(m), Count: int32(min(n, trace.MaxCount))})
		}
	}
	return out
}

// function describes a target to simulated platforms.
func (h *recordedHistory) function(i int, name string, t *models.Target) trace.Function {
	f := trace.Function{
		Name: name, MemoryMB: t.MemoryMB, ColdStartMS: float64(t.ColdStart) / float64(time.Millisecond),
		P50MS: float64(h.targets[i].Meta.DurationP50) / float64(time.Millisecond),
		P99MS: float64(h.targets[i].Meta.DurationP99) / float64(time.Millisecond),
	}
	weight, sum := 0.0, 0.0
	for m, d := range h.durations[i] {
		n := float64(h.loads[i][m])
		if seconds := float64(d); seconds >= 0 && n > 0 {
			weight, sum = weight+n, sum+n*seconds
		}
	}
	if weight > 0 {
		f.AvgMS = 1000 * sum / weight
	}
	return f
}

package prometheus

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"pilotlight/collectors"
	"pilotlight/models"
)

// maxWarnings bounds the warnings of one Result.
const maxWarnings = 50

// assemble makes the result of the readings.
func (c *Collector) assemble(s span, reads []reading) (collectors.Result, error) {
	var out collectors.Result
	var failed []error
	for _, r := range reads {
		out.Warnings = append(out.Warnings, r.warnings...)
		out.Problems = append(out.Problems, r.problems...)
		if r.err != nil {
			err := fmt.Errorf("%s: %w", r.signal, r.err)
			failed = append(failed, err)
			out.Problems = append(out.Problems, collectors.Problem{Signal: r.signal, Err: err})
		}
		c.metrics.series.WithLabelValues(c.name, r.signal.String()).Set(float64(len(r.columns)))
		c.metrics.problems.WithLabelValues(c.name, r.signal.String()).Add(float64(len(r.problems)))
	}
	slices.Sort(out.Warnings)
	out.Warnings = slices.Compact(out.Warnings)
	if more := len(out.Warnings) - maxWarnings; more > 0 {
		out.Warnings = append(out.Warnings[:maxWarnings:maxWarnings], fmt.Sprintf("%d more warnings", more))
	}
	if len(failed) == len(reads) {
		return out, firstFailure(failed)
	}
	for _, r := range reads {
		if r.signal == models.SignalInvocations && r.err == nil && len(r.columns) == 0 {
			return out, nothing("invocations", s, r.problems)
		}
	}
	var err error
	out.Targets, err = c.targets(s, reads)
	if err == nil && len(out.Targets) == 0 {
		if len(failed) > 0 {
			// What could be read is empty, what could not is the reason to look at.
			return out, failed[0]
		}
		err = nothing("values", s, out.Problems)
	}
	return out, err
}

// nothing is the error of an answer without values: it names the first problem with what was there, if there is one.
func nothing(what string, s span, problems []collectors.Problem) error {
	why := "check preset, selector and target_id, that the server has samples of that time, and its clock and this machine's"
	if len(problems) > 0 {
		why = fmt.Sprintf("none of what was there could be used: %v", problems[0].Err)
	}
	return fmt.Errorf("no %s from %s to %s; %s: %w", what, s.start.Format(time.RFC3339), s.endOf(s.n-1).Format(time.RFC3339),
		why, models.ErrNoData)
}

// firstFailure makes one error of the failures of all signals.
func firstFailure(failed []error) error {
	if len(failed) == 1 {
		return failed[0]
	}
	return fmt.Errorf("all %d queries failed, the first: %w", len(failed), failed[0])
}

// targets merges the readings into targets sorted by id.
func (c *Collector) targets(s span, reads []reading) ([]collectors.TargetData, error) {
	ids := map[models.TargetID]bool{}
	for _, r := range reads {
		for id := range r.columns {
			ids[id] = true
		}
	}
	out := make([]collectors.TargetData, 0, len(ids))
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		data := collectors.TargetData{ID: id, Labels: map[string]string{}}
		for _, r := range reads {
			col, ok := r.columns[id]
			if !ok {
				continue
			}
			series, err := models.SeriesOf(s.start, s.step, col.values)
			if err != nil {
				return nil, fmt.Errorf("target %q: %w", id, err)
			}
			data.Series[r.signal] = series
			c.describe(&data, col.metric)
		}
		out = append(out, data)
	}
	return out, nil
}

// describe adds the labels and the group of a series to its target; what an earlier signal said stays.
func (c *Collector) describe(data *collectors.TargetData, metric model.Metric) {
	for name, value := range metric {
		if _, ok := data.Labels[string(name)]; !ok && name != model.MetricNameLabel {
			data.Labels[string(name)] = string(value)
		}
	}
	for _, label := range c.labels {
		if value, missing := label.value.expand(metric); missing == "" {
			data.Labels[label.name] = value
		}
	}
	if data.Meta.Group == "" {
		// Without its labels the group is unknown, which is no problem.
		data.Meta.Group, _ = c.group.expand(metric)
	}
}

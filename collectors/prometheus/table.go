package prometheus

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"pilotlight/models"
)

// Kinds of problems with data.
const (
	kindNoLabel  = "a label of target_id is missing"
	kindBadID    = "the labels make no valid target id"
	kindClash    = "several series make the same target id"
	kindNegative = "negative values, which became gaps"
	kindHuge     = "absurdly large values, which became gaps"
	kindOffGrid  = "values for times that were not asked for, which were left out"
)

// maxSnap is the most by which a count is rounded to a whole number.
const maxSnap = 0.02

// maxValue is the greatest value that is believed. A trillion of anything in a step is an error in the query, such as a unit that is
// a billion times too small, and would ask for any capacity.
const maxValue = 1e12

// table gathers the values of one signal for all targets.
type table struct {
	signal   models.Signal
	span     span
	id       template
	columns  map[models.TargetID]*column
	problems problemList
	unnamed  map[model.Fingerprint]bool // series without a target, so that each is reported once
}

// column holds the values of one target.
type column struct {
	metric   model.Metric
	values   []float64
	negative int
	huge     int
	clash    model.Metric // another series with the same target; nil if there is none
}

func newTable(signal models.Signal, s span, id template) *table {
	return &table{
		signal: signal, span: s, id: id, columns: map[models.TargetID]*column{},
		problems: problemList{signal: signal}, unnamed: map[model.Fingerprint]bool{},
	}
}

// add files an answer.
func (t *table) add(value model.Value) error {
	switch v := value.(type) {
	case model.Matrix:
		for _, stream := range v {
			if len(stream.Histograms) > 0 {
				return fmt.Errorf("gives native histograms; take a number from them by histogram_count() or the like: %w",
					models.ErrInvalid)
			}
			t.addSeries(stream.Metric, stream.Values)
		}
	case model.Vector:
		for _, sample := range v {
			if sample.Histogram != nil {
				return fmt.Errorf("gives native histograms; take a number from them by histogram_count() or the like: %w",
					models.ErrInvalid)
			}
			t.addSeries(sample.Metric, []model.SamplePair{{Timestamp: sample.Timestamp, Value: sample.Value}})
		}
	case nil:
		return fmt.Errorf("is answered without a result; check url and proxies: %w", models.ErrInvalid)
	default:
		return fmt.Errorf("gives a %s, not one value per function (an instant vector): %w", value.Type(), models.ErrInvalid)
	}
	return nil
}

func (t *table) addSeries(metric model.Metric, points []model.SamplePair) {
	col := t.column(metric)
	if col == nil {
		return
	}
	for _, p := range points {
		i, ok := t.span.index(int64(p.Timestamp))
		if !ok {
			t.problems.add(kindOffGrid, models.TargetID(shown(metric)), fmt.Errorf("value for %s, which was not asked for: %w", p.Timestamp.Time().UTC(),
				models.ErrInvalid))
			continue
		}
		v := float64(p.Value)
		switch {
		case math.IsNaN(v) || math.IsInf(v, 0):
		case v < 0:
			col.negative++
		case v > maxValue:
			col.huge++
		default:
			col.values[i] = snap(t.signal, t.span.step, v)
		}
	}
}

// column returns where to file the values of a series, or nil if it makes no target.
func (t *table) column(metric model.Metric) *column {
	text, missing := t.id.expand(metric)
	id := models.TargetID(text)
	if missing != "" {
		t.reject(kindNoLabel, metric, fmt.Errorf("series %s has no label %q, which target_id needs: %w", shown(metric), missing,
			models.ErrInvalid))
		return nil
	}
	col, ok := t.columns[id]
	if !ok {
		if err := id.Validate(); err != nil {
			t.reject(kindBadID, metric, fmt.Errorf("series %s: %w", shown(metric), err))
			return nil
		}
		col = &column{metric: metric, values: make([]float64, t.span.n)}
		for i := range col.values {
			col.values[i] = math.NaN()
		}
		t.columns[id] = col
		return col
	}
	if col.clash == nil && !col.metric.Equal(metric) {
		col.clash = metric
	}
	return col
}

// reject reports a series that makes no target, once over all slices.
func (t *table) reject(kind string, metric model.Metric, err error) {
	if fp := metric.Fingerprint(); !t.unnamed[fp] {
		t.unnamed[fp] = true
		t.problems.add(kind, models.TargetID(shown(metric)), err)
	}
}

// finish returns the columns with at least one value, by target, and adds the problems that show only at the end. Where
// several series make the same target none is used: whether to add, average or ignore them is for the query to say.
func (t *table) finish() map[models.TargetID]*column {
	for _, id := range slices.Sorted(maps.Keys(t.columns)) {
		col := t.columns[id]
		if col.clash != nil {
			t.problems.add(kindClash, id, fmt.Errorf("series %s and %s both make target %q, so neither is used: "+
				"add %s to target_id, or sum over it in the query: %w", shown(col.metric), shown(col.clash), clean(string(id)),
				differing(col.metric, col.clash), models.ErrConflict))
			delete(t.columns, id)
			continue
		}
		if col.negative > 0 {
			t.problems.add(kindNegative, id, fmt.Errorf("%d negative values became gaps; correct the query (a counter needs "+
				"increase(), not delta()): %w", col.negative, models.ErrInvalid))
		}
		if col.huge > 0 {
			t.problems.add(kindHuge, id, fmt.Errorf("%d values above %g became gaps; correct the query, its unit may be wrong: %w",
				col.huge, maxValue, models.ErrInvalid))
		}
		if !slices.ContainsFunc(col.values, func(v float64) bool { return !math.IsNaN(v) }) {
			delete(t.columns, id)
		}
	}
	return t.columns
}

// snap rounds a count that is a whole number but for what the extra millisecond of ${window} does: noise of floating point
// from ${scale}, and for the first growth of a counter from zero, which Prometheus does not extrapolate, a share of one
// millisecond in a step.
func snap(signal models.Signal, step time.Duration, v float64) float64 {
	switch signal {
	case models.SignalInvocations, models.SignalErrors, models.SignalColdStarts:
		share := 1.01 * float64(time.Millisecond) / float64(step)
		if whole := math.Round(v); math.Abs(v-whole) <= min(maxSnap, share*v) {
			return whole
		}
	case models.SignalDuration, models.SignalConcurrency, models.SignalMemory, models.SignalQueueDepth:
	}
	return v
}

// shown renders the labels of a series for an error.
func shown(metric model.Metric) string { return clean(metric.String()) }

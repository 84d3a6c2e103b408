package app

import (
	"context"
	"math"
	"time"

	"pilotlight/collectors"
	"pilotlight/collectors/trace"
	"pilotlight/models"
)

// minutely collects from a trace as trace.Collector does, but quicker where it is asked for one minute after the other: it writes
// every answer over the one before, which nobody may read any more. That is how a loop over recorded time asks.
type minutely struct {
	*trace.Collector

	trace   *trace.Trace
	last    int                     // the minute of the latest answer
	targets []collectors.TargetData // the latest answer
	from    []feed
	values  []float64 // of the latest answer, two for each target
}

// feed is what is still to come of one target.
type feed struct {
	rows     []trace.Row
	duration float64 // mean, in seconds
}

var _ collectors.Collector = (*minutely)(nil)

// newMinutely makes a collector of a trace; coldStart is for functions whose cold start is unknown.
func newMinutely(name string, t *trace.Trace, coldStart time.Duration) *minutely {
	return &minutely{Collector: trace.NewFromTrace(name, t, coldStart), trace: t}
}

// Collect implements collectors.Collector.
func (c *minutely) Collect(ctx context.Context, req collectors.Request) (collectors.Result, error) {
	minute := c.trace.Minute(req.Start)
	if !c.next(req, minute) || ctx.Err() != nil {
		return c.Collector.Collect(ctx, req)
	}
	if c.targets == nil {
		// The first answer has the targets in their order, and all that does not change.
		first, err := c.Collector.Collect(ctx, req)
		if err != nil {
			return first, err
		}
		c.begin(first.Targets)
	}
	c.last = minute
	for k := range c.targets {
		f, at := &c.from[k], c.values[2*k:2*k+2:2*k+2]
		at[0], at[1] = 0, math.NaN()
		if f.seek(minute) {
			at[0], at[1] = float64(f.rows[0].Count), f.duration
		}
		series := &c.targets[k].Series
		for i, sig := range [...]models.Signal{models.SignalInvocations, models.SignalDuration} {
			var err error
			if series[sig], err = models.SeriesOf(req.Start, req.Step, at[i:i+1:i+1]); err != nil {
				return collectors.Result{}, err
			}
		}
	}
	return collectors.Result{Targets: c.targets}, nil
}

// next reports whether all signals of a single minute are asked for that does not come before the latest answer.
func (c *minutely) next(req collectors.Request, minute int) bool {
	single := req.Step == time.Minute && req.End.Sub(req.Start) == time.Minute && c.trace.TimeOf(minute).Equal(req.Start)
	return single && minute >= c.last && minute < c.trace.Minutes && len(req.Signals) == len(models.Signals())
}

// begin takes over the targets of an answer.
func (c *minutely) begin(targets []collectors.TargetData) {
	index := make(map[models.TargetID]int, len(targets))
	for i := range c.trace.Functions {
		index[models.TargetID(c.trace.Functions[i].Name)] = i
	}
	c.targets, c.values = targets, make([]float64, 2*len(targets))
	for k := range targets {
		i := index[targets[k].ID]
		c.from = append(c.from, feed{rows: c.trace.Rows(i, 0, c.trace.Minutes), duration: c.trace.Functions[i].AvgMS / 1000})
	}
}

// seek moves on to a minute, which is not before the one of the last call, and reports whether it has a row.
func (f *feed) seek(minute int) bool {
	for len(f.rows) > 0 && int(f.rows[0].Minute) < minute {
		f.rows = f.rows[1:]
	}
	return len(f.rows) > 0 && int(f.rows[0].Minute) == minute
}

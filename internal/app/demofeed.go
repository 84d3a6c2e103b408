package app

import (
	"context"
	"errors"
	"time"

	"pilotlight/collectors"
	"pilotlight/collectors/trace"
	"pilotlight/internal/engine"
	"pilotlight/internal/sim/promstore"
)

// feed writes the recorded traffic into the embedded Prometheus as a real system would export it: counters that only grow,
// scraped at the end of every minute.
type feed struct {
	store    *promstore.Store
	trace    *trace.Trace
	minute   int
	counters []counters
}

// counters are what one function exports.
type counters struct {
	invocations, count, sum *promstore.Series
	calls, seconds          float64
}

// newFeed makes a feed at the start of the trace.
func newFeed(store *promstore.Store, t *trace.Trace) (*feed, error) {
	f := &feed{store: store, trace: t, counters: make([]counters, len(t.Functions))}
	for i := range t.Functions {
		labels := []promstore.Label{{Name: "function", Value: t.Functions[i].Name}, {Name: "namespace", Value: "demo"}}
		c := &f.counters[i]
		var errs [3]error
		c.invocations, errs[0] = promstore.NewSeries("function_invocations_total", labels...)
		c.count, errs[1] = promstore.NewSeries("function_duration_seconds_count", labels...)
		c.sum, errs[2] = promstore.NewSeries("function_duration_seconds_sum", labels...)
		if err := errors.Join(errs[:]...); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// feedBatch is how many samples are committed at a time.
const feedBatch = 20_000

// until writes all minutes that end at or before the time.
func (f *feed) until(ctx context.Context, to time.Time) error {
	var batch []promstore.Sample
	for ; !f.trace.TimeOf(f.minute).After(to); f.minute++ {
		at := f.trace.TimeOf(f.minute)
		for i := range f.counters {
			c := &f.counters[i]
			for _, row := range f.trace.Rows(i, f.minute-1, f.minute) {
				c.calls += float64(row.Count)
				c.seconds += float64(row.Count) * f.trace.Functions[i].AvgMS / 1000
			}
			batch = append(batch,
				promstore.Sample{Series: c.invocations, Time: at, Value: c.calls},
				promstore.Sample{Series: c.count, Time: at, Value: c.calls},
				promstore.Sample{Series: c.sum, Time: at, Value: c.seconds})
		}
		if len(batch) >= feedBatch {
			if err := f.store.Append(ctx, batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	return f.store.Append(ctx, batch)
}

// demoResolver gives each target what the trace knows about it and Prometheus does not: its memory and cold start.
type demoResolver struct {
	traceResolver
	trace *trace.Trace
}

// Resolve implements engine.Resolver.
func (r demoResolver) Resolve(source string, found *collectors.TargetData) (engine.Assignment, bool, error) {
	for i := range r.trace.Functions {
		fn := &r.trace.Functions[i]
		if fn.Name == string(found.ID) {
			found.Meta.MemoryMB, found.Meta.ColdStart = fn.MemoryMB, fn.ColdStart(time.Second)
			return r.traceResolver.Resolve(source, found)
		}
	}
	return engine.Assignment{}, false, nil
}

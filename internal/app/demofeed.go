package app

import (
	"context"
	"time"

	"pilotlight/collectors"
	"pilotlight/collectors/trace"
	"pilotlight/internal/engine"
	"pilotlight/internal/sim/promstore"
)

// feed writes the recorded traffic into the embedded Prometheus as a real system would export it: counters that only grow,
// scraped at the end of every minute.
type feed struct {
	store   *promstore.Store
	trace   *trace.Trace
	minute  int
	calls   []float64
	seconds []float64
}

// newFeed makes a feed at the start of the trace.
func newFeed(store *promstore.Store, t *trace.Trace) *feed {
	n := len(t.Functions)
	return &feed{store: store, trace: t, calls: make([]float64, n), seconds: make([]float64, n)}
}

// feedBatch is how many samples are committed at a time.
const feedBatch = 20_000

// until writes all minutes that end at or before the time.
func (f *feed) until(ctx context.Context, to time.Time) error {
	var batch []promstore.Sample
	for ; !f.trace.TimeOf(f.minute).After(to); f.minute++ {
		at := f.trace.TimeOf(f.minute)
		for i := range f.trace.Functions {
			fn := &f.trace.Functions[i]
			for _, row := range f.trace.Rows(i, f.minute-1, f.minute) {
				f.calls[i] += float64(row.Count)
				f.seconds[i] += float64(row.Count) * fn.AvgMS / 1000
			}
			labels := map[string]string{"function": fn.Name, "namespace": "demo"}
			batch = append(batch,
				promstore.Sample{Name: "function_invocations_total", Labels: labels, Time: at, Value: f.calls[i]},
				promstore.Sample{Name: "function_duration_seconds_count", Labels: labels, Time: at, Value: f.calls[i]},
				promstore.Sample{Name: "function_duration_seconds_sum", Labels: labels, Time: at, Value: f.seconds[i]})
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

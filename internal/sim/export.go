package sim

import (
	"context"
	"fmt"
	"time"

	"pilotlight/internal/sim/promstore"
)

// Appender takes samples of metrics.
type Appender interface {
	Append(ctx context.Context, samples []promstore.Sample) error
}

// Exporter publishes what a Platform does as the metrics of a real one would, from the start of the trace on, for each function
// with the labels namespace, function and (where the trace knows it) app:
//
//   - function_invocations_total, function_cold_starts_total and function_errors_total, which stays 0: nothing fails here;
//   - function_duration_seconds_sum and _count, of finished invocations, without cold starts;
//   - function_in_flight, the invocations that run at the time of the sample;
//   - function_memory_bytes, the memory of an instance according to the trace, all of which counts as used.
//
// There is no queue, so there is no metric of one. These are the names that the generic preset of the collector for Prometheus reads.
type Exporter struct {
	platform *Platform
	to       Appender
	series   []exported
	batch    []promstore.Sample
}

// exported are the series of one function.
type exported struct {
	invocations, coldStarts, errors, durationSum, durationCount, inFlight, memory *promstore.Series
}

// NewExporter makes an Exporter that appends to a store. It returns an error if the namespace or a name in the trace is no label
// value.
func NewExporter(p *Platform, to Appender, namespace string) (*Exporter, error) {
	e := &Exporter{platform: p, to: to, series: make([]exported, len(p.trace.Functions))}
	for i := range p.trace.Functions {
		f, s := &p.trace.Functions[i], &e.series[i]
		with := []promstore.Label{{Name: "namespace", Value: namespace}, {Name: "function", Value: f.Name}}
		if f.App != "" {
			with = append(with, promstore.Label{Name: "app", Value: f.App})
		}
		for _, metric := range []struct {
			name   string
			series **promstore.Series
		}{
			{"function_invocations_total", &s.invocations},
			{"function_cold_starts_total", &s.coldStarts},
			{"function_errors_total", &s.errors},
			{"function_duration_seconds_sum", &s.durationSum},
			{"function_duration_seconds_count", &s.durationCount},
			{"function_in_flight", &s.inFlight},
			{"function_memory_bytes", &s.memory},
		} {
			var err error
			if *metric.series, err = promstore.NewSeries(metric.name, with...); err != nil {
				return nil, fmt.Errorf("export function %q: %w", f.Name, err)
			}
		}
	}
	return e, nil
}

// Export appends one sample to each series, at the time of the platform. Call it at the start of the trace and then at least once in
// a minute. It returns the error of the store.
func (e *Exporter) Export(ctx context.Context) error {
	p := e.platform
	p.mu.Lock()
	at := p.trace.Start.Add(time.Duration(p.now) * time.Microsecond)
	e.batch = e.batch[:0]
	for i := range p.functions {
		f, s := &p.functions[i], &e.series[i]
		f.settle(p.now)
		e.batch = append(e.batch,
			promstore.Sample{Series: s.invocations, Time: at, Value: float64(f.ever.arrived)},
			promstore.Sample{Series: s.coldStarts, Time: at, Value: float64(f.ever.cold)},
			promstore.Sample{Series: s.errors, Time: at},
			promstore.Sample{Series: s.durationSum, Time: at, Value: float64(f.ever.worked) / 1e6},
			promstore.Sample{Series: s.durationCount, Time: at, Value: float64(f.ever.finished)},
			promstore.Sample{Series: s.inFlight, Time: at, Value: float64(len(f.running))},
			promstore.Sample{Series: s.memory, Time: at, Value: p.trace.Functions[i].MemoryMB * (1 << 20)},
		)
	}
	p.mu.Unlock()
	if err := e.to.Append(ctx, e.batch); err != nil {
		return fmt.Errorf("export metrics of the simulated platform: %w", err)
	}
	return nil
}

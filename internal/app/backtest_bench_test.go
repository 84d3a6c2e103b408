package app

import (
	"cmp"
	"fmt"
	"os"
	"testing"

	"pilotlight/collectors/trace"
	"pilotlight/policy"
	"pilotlight/predictor"
)

// benchFunctions is how many functions the benchmark has.
const benchFunctions = 1000

// BenchmarkBacktest measures a backtest of 1,000 functions in the provider setting, without the trade-off curve, on all cores: the
// functions of the trace folder in the variable PILOTLIGHT_BENCH_TRACE, or of the small trace, repeated under other names.
func BenchmarkBacktest(b *testing.B) {
	recorded, err := trace.Read(cmp.Or(os.Getenv("PILOTLIGHT_BENCH_TRACE"), smallTrace))
	if err != nil {
		b.Fatal(err)
	}
	var functions []trace.Function
	var rows [][]trace.Row
	for i := range benchFunctions {
		k := i % len(recorded.Functions)
		f := recorded.Functions[k]
		f.Name = fmt.Sprintf("f%04d", i)
		functions, rows = append(functions, f), append(rows, recorded.Rows(k, 0, recorded.Minutes))
	}
	many, err := trace.Build(recorded.Info, functions, rows)
	if err != nil {
		b.Fatal(err)
	}
	o := BacktestOptions{Trace: "many", Setting: "provider", Seed: 1}
	spec, err := o.spec()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		p, err := spec.ofTrace(many, &rules{predictor: predictor.DefaultConfig(), policy: policy.DefaultConfig(), actuator: recorderName})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := spec.replay(b.Context(), p, func(int, int) {}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(benchFunctions*many.Minutes), "ns/target-minute")
}

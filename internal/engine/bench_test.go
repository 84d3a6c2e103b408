package engine

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"pilotlight/actuators"
	"pilotlight/collectors"
	"pilotlight/models"
	"pilotlight/policy"
	"pilotlight/predictor"
)

// benchHistory is the history the benchmarked targets begin with. A season of 30 minutes stands for the day, so that the
// forecasters are at work without days of warming up.
const benchHistory = 4 * time.Hour

// benchFleet is a collector of n functions in the mix of public traces: most of them idle in most minutes, a few hot.
type benchFleet struct {
	ids   []models.TargetID
	rates []float64
}

func newBenchFleet(n int) *benchFleet {
	rng := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // repeatable on purpose
	f := &benchFleet{}
	for i := range n {
		f.ids = append(f.ids, models.TargetID(fmt.Sprintf("fn-%06d", i)))
		rate := 0.02
		switch p := rng.Float64(); {
		case p < 0.05:
			rate = 200
		case p < 0.30:
			rate = 5
		}
		f.rates = append(f.rates, rate)
	}
	return f
}

// Collect implements collectors.Collector.
func (f *benchFleet) Collect(_ context.Context, req collectors.Request) (collectors.Result, error) {
	out := collectors.Result{Targets: make([]collectors.TargetData, len(f.ids))}
	n := int(req.End.Sub(req.Start) / req.Step)
	for i, id := range f.ids {
		counts, durations := make([]float64, n), make([]float64, n)
		for j := range counts {
			minute := uint64(req.Start.Add(time.Duration(j)*req.Step).Unix() / 60) //nolint:gosec // after 1970
			rng := rand.New(rand.NewPCG(minute, uint64(i)))                        //nolint:gosec // repeatable on purpose
			counts[j], durations[j] = float64(int(f.rates[i]*rng.ExpFloat64())), 0.3
		}
		out.Targets[i].ID = id
		out.Targets[i].Series[models.SignalInvocations], _ = models.SeriesOf(req.Start, req.Step, counts)
		out.Targets[i].Series[models.SignalDuration], _ = models.SeriesOf(req.Start, req.Step, durations)
	}
	return out, nil
}

// BenchmarkStep steps fleets of several sizes through one minute each. ns/target is the time per Step and target, with the
// collector's own work in it; B/target the heap that stays resident.
func BenchmarkStep(b *testing.B) {
	for _, n := range []int{100, 1_000, 10_000} {
		b.Run(fmt.Sprintf("targets=%d", n), func(b *testing.B) { benchStep(b, n) })
	}
}

func benchStep(b *testing.B, n int) {
	b.Helper()
	before := heap()
	p, err := policy.New(policy.DefaultConfig())
	if err != nil {
		b.Fatal(err)
	}
	forecast := predictor.DefaultConfig()
	forecast.Periods = []models.Duration{models.Duration(30 * time.Minute)}
	forecast.History, forecast.MinHistory = models.Duration(benchHistory), models.Duration(time.Hour)
	gate, now := &Gate{}, at(0).Add(benchHistory)
	e, err := New(Parts{
		Settings: Settings{
			Mode: models.ModeAuto, Interval: time.Minute, Step: time.Minute, Lookback: benchHistory, StaleAfter: 5 * time.Minute,
			ActionTTL: time.Minute, Workers: runtime.GOMAXPROCS(0), ConfigHash: "bench",
		},
		Sources:   []Source{{Name: "fleet", Collector: newBenchFleet(n)}},
		Actuators: map[string]actuators.Actuator{"platform": actuators.WithGate(newPlatform(), gate.Permit)},
		Resolver:  everyTarget{policy: p, max: 100},
		Predictor: forecast,
	}, Deps{
		Journal: Forgetful{}, State: Forgetful{}, Gate: gate, Clock: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := e.Step(b.Context(), now); err != nil {
		b.Fatal(err)
	}
	resident := heap() - before
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Minute)
		if err := e.Step(b.Context(), now); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/target")
	b.ReportMetric(resident/float64(n), "B/target")
}

// heap returns the bytes in use after a collection.
func heap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

package predictor_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"pilotlight/predictor"
)

// rare makes two weeks of a function with a timer every 30 minutes and bursts.
func rare() []float64 {
	rng := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // tests need repeatable numbers, not secrets
	y := every(30, 7).run(2 * week)
	for i := 0; i < len(y); i++ {
		if rng.IntN(200) == 0 {
			for end := min(i+rng.IntN(20), len(y)); i < end; i++ {
				y[i] = float64(rng.IntN(5))
			}
		}
	}
	return y
}

// BenchmarkArrivals measures one step and the answers for 15 steps of each model with probabilities.
func BenchmarkArrivals(b *testing.B) {
	y := rare()
	for _, name := range []string{"hazard", "timer", "arrivals"} {
		f := arrivers(b, time.Minute)[name]
		feedAll(f, y)
		b.Run(name+"/update", func(b *testing.B) {
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				f.Update(y[i])
				if i++; i == len(y) {
					i = 0
				}
			}
		})
		var p [15]float64
		for kind, ask := range map[string]func([]float64) error{"arrival": f.Arrival, "within": f.Within} {
			b.Run(name+"/"+kind+"-15", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := ask(p[:]); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		if q, ok := f.(predictor.QuantileForecaster); ok {
			levels := []float64{0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99}
			dst := make([][]float64, len(levels))
			for i := range dst {
				dst[i] = make([]float64, 15)
			}
			b.Run(name+"/quantiles-15", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := q.ForecastQuantiles(levels, dst); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

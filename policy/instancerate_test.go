package policy

import (
	"testing"

	"pilotlight/models"
)

// TestInstanceRateSizesShortCalls checks that where an instance starts at most 10 invocations a second, the floor is the greater of
// the concurrency and a tenth of the rate: calls that are too short to meet one another need instances all the same.
func TestInstanceRateSizesShortCalls(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		duration, instanceRate float64
		low, high              int
	}{
		// 100 calls a second of 5 ms are half an instance by Little's law, but 10 by the rate.
		"short, bounded":   {0.005, 10, 10, 25},
		"short, unbounded": {0.005, 0, 1, 7},
		// 50 in flight are more than 10 by the rate, which then changes nothing.
		"long, bounded":   {0.5, 10, 50, 90},
		"long, unbounded": {0.5, 0, 50, 90},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, rule := range []ReactiveRule{ReactiveValue, ReactiveNeed} {
				f := facts(0)
				f.InstanceRate = c.instanceRate
				p := mustNew(t, func(config *Config) { config.Reactive, config.Selection = rule, SelectMax })
				d := drive(p, f, NewMemory(), c.duration, repeat(120, 6000))
				if warm, _ := d.Desired.Warm(); warm < c.low || warm > c.high {
					t.Errorf("%s: floor %d for 100 calls/s of %v s, want %d to %d: %v", rule, warm, c.duration, c.low, c.high, d.Reasons)
				}
			}
		})
	}
}

// TestInstanceRateBoundsTheForecast checks the same for what a forecast asks for.
func TestInstanceRateBoundsTheForecast(t *testing.T) {
	t.Parallel()
	ask := func(instanceRate float64) int {
		p := mustNew(t, nil)
		f := facts(0)
		f.InstanceRate = instanceRate
		m, now := fed(p, f, 0.005, repeat(60, 60)...)
		f.Now, f.Forecast = now, steady(t, now, 6000)
		d := p.Decide(f, m)
		if !hasCode(&d, models.ReasonPredicted) {
			t.Fatalf("no forecast was used: %v", d.Reasons)
		}
		return d.Predicted
	}
	if bounded, free := ask(10), ask(0); bounded < 10 || free > 7 {
		t.Errorf("100 calls/s of 5 ms are forecast: %d instances at 10 calls/s each, %d without a bound; want at least 10 and at most 7", bounded, free)
	}
}
